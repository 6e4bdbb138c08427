#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Lists of VMs, of the vCPUs of one, and of VMs that are gone; VMs by name

load lib

UUID=6a54ee1c-61b4-4a5a-9d1e-0c7f3c2ad001

# Three VMs that are 10 seconds old.  All vCPU time of each is 100000 cycles.
setup()
{
	local created

	prepare
	tree vmx 1000000
	read -r created _ </proc/uptime
	created=$(((${created%.*} - 10) * 1000000000))
	vm 2000-11 nr=17 created=$created vcpus=2 cgroup='/machine.slice/a\040b' \
		/usr/bin/qemu-system-x86_64 -name guest=win11,debug-threads=on -uuid "$UUID"
	vm 2000-12 nr=18 pid=1999 created=$created /usr/bin/qemu-system-x86_64 -m 1G -name db
	vm 3000-9 nr=19 command=cloud-hyperviso created=$created /usr/bin/cloud-hypervisor --name x
	exits CPUID in=2000-11/0 cycles='90x10' away='90x100' guest=21000
	exits EPT_VIOLATION in=2000-11/1 cycles='10x10' away='10x2000' user=8000 preempted=2000 guest=50000
	exits HLT in=2000-12/0 cycles='50x10' away='50x1000' blocked=45000 guest=50000
	exits IO_INSTRUCTION in=3000-9/0 cycles=10 away=20000 user=19000 guest=80000
}

# vms_of FILTER JSON: what the filter makes of each VM in the output
vms_of()
{
	jq_is ".[0].vms|map($1)" "$2"
}

@test "--vms: a line each, and where its time went" {
	kes --vms --csv -o VM,NAME,PID,VCPUS,COUNT,GUEST%,KVM%,USER%,BLOCKED%,PREEMPTED%,TOP,TOP%
	ok
	same "$output" "VM,NAME,PID,VCPUS,COUNT,GUEST%,KVM%,USER%,BLOCKED%,PREEMPTED%,TOP,TOP%
17,win11,2000,2,100,71.00,19.00,8.00,0.00,2.00,EPT_VIOLATION,18.00
18,db,1999,1,50,50.00,5.00,0.00,45.00,0.00,HLT,5.00
19,x,3000,1,1,80.00,1.00,19.00,0.00,0.00,IO_INSTRUCTION,20.00"
}

@test "--vms: for people" {
	kes --vms -s VM
	ok
	same "${lines[0]}" "3 VMs: 151 exits"
	same "$(body | sed -E 's/ [0-9]+\.[0-9] / R /')" "VM NAME PID VCPUS RATE GUEST% KVM% USER% BLOCKED% PREEMPTED% TOP
17 win11 2000 2 R 71.0% 19.0% 8.0% 0.0% 2.0% EPT_VIOLATION
18 db 1999 1 R 50.0% 5.0% 0.0% 45.0% 0.0% HLT
19 x 3000 1 R 80.0% 1.0% 19.0% 0.0% 0.0% IO_INSTRUCTION"
}

@test "--vms: exits per second are since the creation" {
	kes --vms -J -o VM,AGE,RATE
	ok
	jq_is '.[0].vms|map([.vm, (.age >= 9 and .age < 100), (.rate * .age / 10 | round)])' \
		'[[17,true,10],[18,true,5],[19,true,0]]'
}

@test "--vms: JSON and raw" {
	kes --vms -J -o VM,NAME,UUID,CGROUP,COMMAND,PID-FD
	ok
	jq_is '.[0].vms|sort_by(.vm)' "[
		{\"vm\":17,\"name\":\"win11\",\"uuid\":\"$UUID\",\"cgroup\":\"/machine.slice/a b\",\"command\":\"qemu-system-x86\",\"pid-fd\":\"2000-11\"},
		{\"vm\":18,\"name\":\"db\",\"uuid\":null,\"cgroup\":null,\"command\":\"qemu-system-x86\",\"pid-fd\":\"2000-12\"},
		{\"vm\":19,\"name\":\"x\",\"uuid\":null,\"cgroup\":null,\"command\":\"cloud-hyperviso\",\"pid-fd\":\"3000-9\"}]"
	kes --vms -r -o VM,NAME,UUID -s VM
	ok
	same "$output" "VM NAME UUID
17 win11 $UUID
18 db -
19 x -"
}

@test "--vms: sorted by any column" {
	kes --vms --csv -o NAME -s name
	ok
	same "$output" $'NAME\ndb\nwin11\nx'
	kes --vms --csv -o VM -s user%
	ok
	same "$output" $'VM\n19\n17\n18'
	kes --vms --csv -o VM -s TOP
	ok
	same "$output" $'VM\n17\n18\n19'
}

@test "--vms: names in all ways that QEMU takes" {
	local words expected
	local -a list

	while IFS='|' read -r words expected; do
		IFS=';' read -ra list <<<"$words"
		printf '%s\0' "${list[@]}" >"$ROOT/proc/3000/cmdline"
		kes --vms -J -o NAME,UUID -s VM
		[[ $status -eq 0 ]] && jq_is '.[0].vms[2]|[.name, .uuid]' "$expected" || with "$words"
	done <<-'EOF'
		qemu;-name;a|["a",null]
		qemu;--name;a|["a",null]
		qemu;-name;a,process=b|["a",null]
		qemu;-name;a,,b,process=c|["a,b",null]
		qemu;-name;process=b,guest=a|["a",null]
		qemu;-name;guest=a,,b,debug-threads=on|["a,b",null]
		qemu;-name;debug-threads=on|["cloud-hyperviso",null]
		qemu;-name;Windows 11 "x"|["Windows 11 \"x\"",null]
		qemu;-name;größe|["größe",null]
		qemu;-name|["cloud-hyperviso",null]
		qemu;-uuid;X-1;-name;a;-name;b|["b","X-1"]
		qemu;-device;x|["cloud-hyperviso",null]
		/bin/cloud-hypervisor;--kernel;x|["cloud-hypervisor",null]
		cloud-hyperviso|["cloud-hyperviso",null]
	EOF
	# A control character of C1, a letter in three bytes that fits in two, and a surrogate
	printf 'qemu\0-name\0a\eb\nc\xff\xc2\x9bd\xe0\x9f\xbfe\xed\xa0\x80' >"$ROOT/proc/3000/cmdline"
	kes --vms -J -o NAME -s VM
	jq_is '.[0].vms[2].name' '"a?b?c???d???e???"' || with "control characters"
	: >"$ROOT/proc/3000/cmdline"
	kes --vms -J -o NAME -s VM
	jq_is '.[0].vms[2].name' '"cloud-hyperviso"' || with "no words"
	rm "$ROOT/proc/3000/cmdline"
	kes --vms -J -o NAME -s VM
	jq_is '.[0].vms[2].name' '"cloud-hyperviso"' || with "no process"
	# Longer than any buffer
	{
		printf 'qemu\0'
		printf 'x%.0s' {1..9000}
		printf '\0-name\0'
		printf 'n%.0s' {1..5000}
	} >"$ROOT/proc/3000/cmdline"
	kes --vms --csv -o NAME -s VM
	[[ ${lines[3]} =~ ^n{255}$ ]] || with "a long name"
	# Longer than what a process can be started with
	printf '%s\0' qemu -name a >"$ROOT/proc/3000/cmdline"
	truncate -s 9M "$ROOT/proc/3000/cmdline"
	printf '%s\0' -name b >>"$ROOT/proc/3000/cmdline"
	kes --vms -J -o NAME -s VM
	jq_is '.[0].vms[2].name' '"a"' || with "9 MiB of words"
}

@test "--vms: what JSON escapes, and what it does not" {
	printf 'qemu\0-name\0a "b" \\ /c\\"größe\t\n\x01\x1f\x7f\xff\xc3,uuid\0-uuid\0"\\\x7f\0' \
		>"$ROOT/proc/3000/cmdline"
	kes --vms -J -o NAME,UUID,VM,AGE -s VM
	ok
	[[ ${output%,*} == *',{"name":"a \"b\" \\ /c\\\"größe???????","uuid":"\"\\?","vm":19' ]]
	same "${#lines[@]}" 1
	jq_is '.[0].vms[2]|[.name, .uuid]' '["a \"b\" \\ /c\\\"größe???????","\"\\?"]'
}

@test "--vms: fields of CSV that need quotes" {
	printf '%s\0' qemu -name 'a,,b "c" d' >"$ROOT/proc/3000/cmdline"
	kes --vms --csv -o NAME,VM -s VM
	ok
	same "${lines[3]}" '"a,b ""c"" d",19'
}

@test "--vms: one that goes while it is read is left out" {
	# A file that is there and cannot be opened any more
	rm "$DEBUGFS/2000-12/exit_stats"
	kes --vms --csv -o VM
	ok
	same "$output" $'VM\n17\n19'
	rm -r "${DEBUGFS:?}"/*
	kes --vms --csv -o VM
	ok
	same "$output" VM
	kes --vms -J
	ok
	jq_is '.[0].vms' '[]'
	kes --vms
	ok
	same "${lines[0]}" '0 VMs: 0 exits'
}

@test "--vms, --dead: no vCPUs are 0 of them" {
	sed -i 's/^vcpus 1/vcpus 0/' "$DEBUGFS/3000-9/exit_stats"
	kes --vms -J -o VCPUS -s VM
	ok
	jq_is '.[0].vms|map(.vcpus)' '[2,1,0]'
	gone '3 812 a / 1 2 0 0 0 0 0 0 0 0 0 0 -'
	kes --dead --csv -o VM,VCPUS
	ok
	same "${lines[1]}" 3,0
}

@test "--vms: a kernel without heads" {
	sed -i '1,/^vcpus/d' "$DEBUGFS"/*/exit_stats
	kes --vms -J -o VM,NAME,PID,VCPUS,RATE,COUNT -s PID
	ok
	jq_is '.[0].vms|map([.vm, .name, .pid, .vcpus, .rate, .count])' \
		'[[null,"win11",2000,null,null,100],[null,"win11",2000,null,null,50],[null,"x",3000,null,null,1]]'
}

@test "--vms: a table that is malformed, and no debugfs" {
	echo x >"$DEBUGFS/3000-9/exit_stats"
	kes --vms
	fails 7 3000-9/exit_stats
	rm -r "$DEBUGFS"
	kes --vms
	fails 3 debugfs
	rm -r "$STATS"
	kes --vms
	fails 3 kvm_exit_stats
}

@test "--vms -i: what happens, of those that are there" {
	start --vms -i 0.4 -n 2 -J -o VM,COUNT,RATE,USER%
	freeze
	exits CPUID in=2000-11/0 cycles='9x100' away='9x200' user=900
	rm -r "$DEBUGFS/2000-12"
	# A new VM: all that it did since it was created is in the interval.
	vm 4000-3 nr=20 created=0
	exits HLT in=4000-3/0 cycles='7x100'
	thaw
	freeze 1
	reset
	thaw
	finish
	fails 5 reset
	jq_is '.[0].vms|sort_by(.vm)|map([.vm, .count, .rate > 0, ."user%"])' \
		'[[17,9,true,50.00],[19,0,false,null],[20,7,true,null]]'
}

@test "--vms -i: that a VM goes is no message, not even after a reset" {
	start --vms -i 0.4 -n 2 -J -o VM
	freeze
	reset
	thaw
	poll test -s "$DIR/err"
	# Remove the table, but not the directory, of a VM that goes.
	rm "$DEBUGFS/2000-12/exit_stats"
	finish
	fails 5 reset
	# shellcheck disable=SC2154 # set by run
	same "$(wc -l <<<"$stderr")" 1
}

@test "--vms: 200 VMs" {
	local n seconds

	for ((n = 1; n <= 197; n++)); do
		mkdir -p "$DEBUGFS/$((5000 + n))-9" "$ROOT/proc/$((5000 + n))"
		printf 'qemu\0-name\0guest=g%d\0' $n >"$ROOT/proc/$((5000 + n))/cmdline"
		sed "s/^vm .*/vm $((n + 100))/; s/^pid .*/pid $((5000 + n))/; s/^\(TOTAL .*\|IO_.*\) 20000 /\1 20000 /" \
			"$DEBUGFS/3000-9/exit_stats" >"$DEBUGFS/$((5000 + n))-9/exit_stats"
	done
	seconds=$SECONDS
	kes --vms --csv -s VM -o VM,NAME,COUNT,TOP
	ok
	((SECONDS - seconds < 10))
	same "${#lines[@]}" 201
	same "${lines[200]}" 297,g197,1,IO_INSTRUCTION
	kes --vms --csv -o TIMESTAMP
	ok
	same "$(printf '%s\n' "${lines[@]:1}" | sort -u | wc -l)" 1
	kes --vm g111 --csv -o COUNT
	ok
	same "${lines[1]}" 1
	kes --vm nothing
	fails 3 nothing 'win11 \(VM 17, 2000-11\)' '184 more' --vms
	# shellcheck disable=SC2154 # set by run
	[[ $stderr != *g111* ]]
}

@test "--vm: by name, UUID, PID, PID-FD and number" {
	local name

	for name in win11 "$UUID" "${UUID^^}" 2000-11 17; do
		kes --vm "$name" --csv -o REASON,COUNT
		ok && same "$output" $'REASON,COUNT\nCPUID,90\nEPT_VIOLATION,10' || with "$name"
	done
	# By the PID of the process, and by that of the thread that made the VM
	kes --vm 1999 --csv -o COUNT
	ok && same "$output" $'COUNT\n50' || with 1999
	vm 5000-7 nr=20 pid=4999
	exits HLT in=5000-7/0 cycles='7x100'
	kes --vm 5000 --csv -o COUNT
	ok && same "$output" $'COUNT\n7' || with 5000
	kes --vm 3000 --csv -o COUNT
	ok && same "$output" $'COUNT\n1' || with 3000
	kes --vm win11 --vcpu 1 --csv -o COUNT
	ok && same "$output" $'COUNT\n10' || with vcpu
}

@test "--vm: which of several meanings counts" {
	# A name counts before a number, and so does a PID.
	printf '%s\0' qemu -name 19 >"$ROOT/proc/1999/cmdline"
	kes --vm 19 --csv -o COUNT
	ok
	same "$output" $'COUNT\n50'
	vm 18-3 nr=20
	exits HLT in=18-3/0 cycles='7x100'
	kes --vm 18 --csv -o COUNT
	ok
	same "$output" $'COUNT\n7'
	# A directory counts before a name.
	printf '%s\0' qemu -name 18-3 >"$ROOT/proc/3000/cmdline"
	kes --vm 18-3 --csv -o COUNT
	ok
	same "$output" $'COUNT\n7'
}

@test "--vm: says which there are if several fit, or none" {
	kes --vm 2000
	fails 2 '2000: 2 VMs have that process' 'win11 \(VM 17, 2000-11\)' 'db \(VM 18, 2000-12\)'
	[[ $stderr != *3000-9* ]]
	printf '%s\0' qemu -name db >"$ROOT/proc/3000/cmdline"
	kes --vm db
	fails 2 '2 VMs have that name' '2000-12' '3000-9'
	[[ $stderr != *win11* ]]
	printf '%s\0' qemu -uuid "$UUID" >"$ROOT/proc/3000/cmdline"
	kes --vm "$UUID"
	fails 2 '2 VMs have that UUID' '2000-11' '3000-9'
	printf '%s\0' qemu -name db >"$ROOT/proc/3000/cmdline"
	kes --vm win12
	fails 3 win12 'win11 \(VM 17, 2000-11\), db \(VM 18, 2000-12\), db \(VM 19, 3000-9\)'
	kes --vm ''
	fails 2 --vm
	rm -r "${DEBUGFS:?}"/*
	kes --vm win11
	fails 3 'win11' 'no VM'
}

@test "--vm: what pidof gives of two QEMUs" {
	kes --top --tax --vm 2000 3000
	fails 2 '--vm takes one VM' 2000 3000 --vms
	kes --vm 2000 3000 4000
	fails 2 '--vm takes one VM'
	# Without two PIDs, the message is the usual one.
	kes --vm 2000 nonsense
	fails 2 "'nonsense' is no command"
	kes 2000
	fails 2 "'2000' is no command"
}

@test "--per-vcpu: a line each, in their order" {
	kes --vm win11 --per-vcpu --csv -o VCPU,COUNT,GUEST%,KVM%,USER%,BLOCKED%,PREEMPTED%,TOP
	ok
	same "$output" "VCPU,COUNT,GUEST%,KVM%,USER%,BLOCKED%,PREEMPTED%,TOP
0,90,70.00,30.00,0.00,0.00,0.00,CPUID
1,10,71.43,14.29,11.43,0.00,2.86,EPT_VIOLATION"
	kes --vm win11 --per-vcpu
	ok
	same "${lines[0]}" "2 vCPUs: 100 exits"
	kes --vm win11 --per-vcpu -J -o VCPU
	ok
	jq_is '.[0].vcpus' '[{"vcpu":0},{"vcpu":1}]'
}

@test "--per-vcpu: options that do not fit" {
	kes --per-vcpu
	fails 2 --vm
	kes --per-vcpu --vm win11 --vcpu 0
	fails 2 --vcpu
	kes --vms --vm win11
	fails 2 --vm
	kes --vms --dead
	fails 2 --vms --dead
	kes --vms --user
	fails 2
	kes --vms --hist CPUID
	fails 2
	kes --vms -o REASON
	fails 2 REASON
	kes --dead -i 1
	fails 2 --interval
}

@test "--per-vcpu, --chain: the VM goes while its vCPUs are read, status 6" {
	local mode

	for mode in --per-vcpu --chain; do
		vm 2000-11 nr=17 vcpus=2
		cp "$DEBUGFS/2000-11/vcpu1/exit_stats" table
		rm "$DEBUGFS/2000-11/vcpu1/exit_stats"
		mkfifo "$DEBUGFS/2000-11/vcpu1/exit_stats"
		# When the tool has opened that table, remove the VM, and have the tool read on.
		# shellcheck disable=SC2016
		timeout "$LIMIT" bash -c 'exec >"$1/vcpu1/exit_stats" && rm -r "$1" && cat table' \
			- "$DEBUGFS/2000-11" 3>&- &
		kes --vm 2000-11 "$mode"
		wait
		fails 6 2000-11 || with "$mode"
		same "$output" "" || with "$mode"
	done
}

@test "--per-vcpu -i: an interval, and the VM goes" {
	start --vm win11 --per-vcpu -i 0.4 -J -o VCPU,COUNT
	freeze
	exits CPUID in=2000-11/1 cycles='9x100' away='9x200' user=900
	thaw
	poll grep -q vcpus "$DIR/out"
	rm -r "$DEBUGFS/2000-11"
	finish
	fails 6 2000-11
	jq_is '.[0].vcpus' '[{"vcpu":0,"count":0},{"vcpu":1,"count":9}]'
}

@test "--per-vcpu -i: the rate of a vCPU that is new is that of the interval" {
	start --vm win11 --per-vcpu -i 0.4 -n 1 -J -o VCPU,COUNT,RATE
	freeze
	heads[2000-11/2]=${heads[2000-11/0]-}
	exits CPUID in=2000-11/2 cycles='900x100'
	thaw
	finish
	ok
	# The VM is older than 10 seconds.
	jq_is '.[0]|[.vcpus[2].vcpu, .vcpus[2].count, .vcpus[2].rate * .seconds > 800]' \
		'[2,900,true]'
}

@test "--vm -i: a new VM that takes its place is another" {
	start --vm 2000-11 -i 0.4 -n 1 --csv -o COUNT
	freeze
	sed -i 's/^vm .*/vm 20/' "$DEBUGFS/2000-11/exit_stats"
	thaw
	finish
	fails 6 '2000-11.*the VM is gone'
	start --vm 2000-11 -i 0.4 -n 1 record f.json
	freeze
	sed -i 's/^vm .*/vm 21/' "$DEBUGFS/2000-11/exit_stats"
	thaw
	finish
	fails 6 '2000-11.*the VM is gone'
	same "$(wc -l <f.json)" 1
	start --vm 2000-11 --per-vcpu -i 0.4 -n 1 --csv -o VCPU
	freeze
	sed -i 's/^vm .*/vm 22/' "$DEBUGFS"/2000-11/{,vcpu?/}exit_stats
	thaw
	finish
	fails 6 '2000-11.*the VM is gone, another'
	same "$output" ""
}

# gone LINE...: VMs that are gone
gone()
{
	{
		echo "vm pid command cgroup created_ns ended_ns vcpus exits cycles_total away_total guest_cycles away_user away_blocked away_polled away_preempted dropped reasons"
		(($# == 0)) || printf '%s\n' "$@"
	} >"$ROOT/sys/kernel/debug/kvm_exit_stats_gone"
}

@test "--dead: VMs that are gone" {
	gone '3 812 qemu-system-x86 /m\040n 1000000000 3500000000 2 14613 500 6000 4000 1000 2000 50 500 7 IO_INSTRUCTION:10:3000,CPUID:12:500' \
		'4 813 a\040b - 1000000000 9000000000 1 0 0 0 0 0 0 0 0 0 -'
	kes --dead --csv -o VM,NAME,PID,CGROUP,VCPUS,AGE,COUNT,RATE,GUEST%,KVM%,USER%,BLOCKED%,PREEMPTED%,TOP,TOP%,DROPPED
	ok
	same "$output" "VM,NAME,PID,CGROUP,VCPUS,AGE,COUNT,RATE,GUEST%,KVM%,USER%,BLOCKED%,PREEMPTED%,TOP,TOP%,DROPPED
3,qemu-system-x86,812,/m n,2,2.5,14613,5845.2,40.00,25.00,10.00,20.00,5.00,IO_INSTRUCTION,30.00,7
4,a b,813,,1,8.0,0,0.0,,,,,,,,0"
	kes --dead
	ok
	same "${lines[0]}" "2 VMs that are gone: 14613 exits"
	same "$(first_column)" "3 4"
	kes --dead -J -o VM,ENDED
	ok
	jq_is '.[0].dead|map([.vm, .ended > 0])' '[[3,true],[4,true]]'
	kes --dead --csv -o TIMESTAMP
	ok
	[[ ${lines[1]} = 2* && ${lines[1]%T*} = "${lines[2]%T*}" ]]
	gone
	kes --dead --csv -o VM
	ok
	same "$output" VM
}

@test "--dead: columns are found by name; malformed" {
	local good='3 812 a / 1 2 1 10 5 6 4 1 2 0 1 0 CPUID:12:500' line

	gone "$good"
	sed -i 's/^/new /; s/$/ more/' "$ROOT/sys/kernel/debug/kvm_exit_stats_gone"
	kes --dead --csv -o VM,COUNT,TOP
	ok
	same "${lines[1]}" 3,10,CPUID
	for line in "${good/ 10 / x }" "${good/ 10 / }" "${good/:500/}" "${good/:500/:x}" \
		"${good/CPUID/C\"}" "$good," "3 812" "x${good#3}"; do
		gone "$line"
		kes --dead
		fails 7 kvm_exit_stats_gone || with "$line"
		same "$output" "" || with "$line"
	done
	: >"$ROOT/sys/kernel/debug/kvm_exit_stats_gone"
	kes --dead
	fails 7 kvm_exit_stats_gone || with "an empty file"
	gone
	sed -i 's/ended_ns //' "$ROOT/sys/kernel/debug/kvm_exit_stats_gone"
	kes --dead
	fails 7 ended_ns || with "a column less"
	rm "$ROOT/sys/kernel/debug/kvm_exit_stats_gone"
	kes --dead
	fails 3 kvm_exit_stats_gone || with "no file"
}
