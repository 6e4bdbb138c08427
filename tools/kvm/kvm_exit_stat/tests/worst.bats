#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Exits that took long

load lib

setup()
{
	prepare
	tree vmx 2000000
	newer
	vm 2000-11 nr=17 vcpus=2 /usr/bin/qemu-system-x86_64 -name guest=win11
	exits CPUID in=2000-11/0 cycles='9x400 1000' away='10x500' guest=5000
	exits IO_INSTRUCTION in=2000-11/1 cycles='30x600'
	NOW=$(awk '{ printf "%d", $1 }' /proc/uptime)
	worst CPUID cycles_worst cycles=1000 "$(ago 100)" vm=17 vcpu=0 cpu=3 rip=0xffffffff81000000 \
		key=cpuid:0xb:0x1 user_percent=0 blocked_percent=0 preempted_percent=36
	worst CPUID away_worst cycles=90000 "$(ago 50)" vm=9 vcpu=1 cpu=2 user_percent=60 \
		blocked_percent=10 preempted_percent=5
	worst IO_INSTRUCTION cycles_late cycles=700 "$(ago 10)" vm=17 vcpu=1 cpu=0 rip=0x0 \
		key=port:0x3f8:1:write user_percent=0 blocked_percent=0 preempted_percent=0
	extra 2000-11 'worst CPUID cycles cycles=1000 boot_ns=1 vm=17 vcpu=0 cpu=3 user_percent=0 blocked_percent=0 preempted_percent=36 later_kernels=5' \
		'worst CPUID away cycles=2000 boot_ns=1 vm=17 vcpu=0 cpu=3 user_percent=9 blocked_percent=0 preempted_percent=0'
	extra 2000-11/1 'worst IO_INSTRUCTION cycles cycles=700 boot_ns=1 vm=17 vcpu=1 cpu=0 user_percent=0 blocked_percent=0 preempted_percent=0'
	SLOW=$ROOT/sys/kernel/debug/kvm_exit_stats_slow
}

# ago SECONDS: the field of an exit that was so long ago
ago()
{
	echo "boot_ns=$((NOW - $1))000000000"
}

# worst REASON FILE FIELD...: write an exit to a file of the reason in sysfs
worst()
{
	echo "${*:3}" >"$STATS/reasons/$1/$2"
}

@test "--worst: for people" {
	kes --worst
	ok
	same "${lines[0]}" "vmx, system: 3 worst times of exits"
	# Replace AGO, as the test does not know its decimals.
	same "$(body | awk '{ $5 = "_"; print }' | squeeze)" \
		"REASON KIND SPAN TIME _ VM NAME VCPU CPU RIP KEY_NAME KVM% USER% BLOCKED% PREEMPTED%
CPUID away all 90000 _ 9 1 2 25.0% 60.0% 10.0% 5.0%
CPUID handling all 1000 _ 17 win11 0 3 0xffffffff81000000 leaf 0xb:0x1, topology 64.0% 0.0% 0.0% 36.0%
IO_INSTRUCTION handling late 700 _ 17 win11 1 0 0x0 COM1 0x3f8, 1 byte write 100.0% 0.0% 0.0% 0.0%"
}

@test "--worst: for programs" {
	kes --worst --csv -o REASON,KIND,SPAN,TIME,VM,NAME,RIP,KEY,KEY_NAME,KVM%
	ok
	same "$output" 'REASON,KIND,SPAN,TIME,VM,NAME,RIP,KEY,KEY_NAME,KVM%
CPUID,away,all,90000,9,,,,,25.00
CPUID,handling,all,1000,17,win11,0xffffffff81000000,cpuid:0xb:0x1,"leaf 0xb:0x1, topology",64.00
IO_INSTRUCTION,handling,late,700,17,win11,0x0,port:0x3f8:1:write,"COM1 0x3f8, 1 byte write",100.00'
	kes --worst -J -t -o REASON,TIME,VM,NAME,VCPU,CPU,RIP,KEY,USER%,PREEMPTED%
	ok
	jq_is '.[0].worst[0]' '{"reason":"CPUID","time":45.000,"vm":9,"name":null,"vcpu":1,"cpu":2,
		"rip":null,"key":null,"user%":60.00,"preempted%":5.00}'
	kes --worst --csv
	ok
	same "${lines[0]}" REASON,KIND,SPAN,TIME,AGO,WHEN,VM,NAME,VCPU,CPU,RIP,KEY,KEY_NAME,KVM%,USER%,BLOCKED%,PREEMPTED%
}

# within SECONDS LEAST: SECONDS is LEAST or, on a busy machine, at most 5 more
within()
{
	awk -v s="$1" -v least="$2" 'BEGIN { exit !(s >= least && s <= least + 5) }' || {
		echo "$1 is not from $2 to 5 more"
		return 1
	}
}

@test "--worst: when it was" {
	local seconds

	kes --worst --csv -s ago -o AGO,WHEN
	ok
	within "${lines[1]%,*}" 100
	within "${lines[3]%,*}" 10
	seconds=$(($(date +%s) - $(date -d "${lines[1]#*,}" +%s)))
	within "$seconds" 99
	# An exit that ended since the reading began was 0 seconds ago, not less.
	worst CPUID cycles_worst cycles=1000 "$(ago -1000)" vm=17 vcpu=0 cpu=3 user_percent=0 \
		blocked_percent=0 preempted_percent=0
	kes --worst --csv -s time -o AGO cpuid
	ok
	same "${lines[2]}" 0.0
}

@test "--worst: of one reason" {
	kes --worst --csv -o REASON,KIND -s kind cpuid
	ok
	same "$output" $'REASON,KIND\nCPUID,away\nCPUID,handling'
	kes --worst --csv -o REASON HLT
	ok
	same "$output" REASON
	kes --worst NOT_A_REASON
	fails 2 --worst NOT_A_REASON
}

@test "--worst: of a VM and of a vCPU" {
	kes --worst --vm win11 --csv -o REASON,KIND,SPAN,TIME,NAME,USER%
	ok
	same "$output" 'REASON,KIND,SPAN,TIME,NAME,USER%
CPUID,away,all,2000,win11,9.00
CPUID,handling,all,1000,win11,0.00'
	kes --worst --vm 17 --vcpu 1 --csv -o REASON,TIME
	ok
	same "$output" $'REASON,TIME\nIO_INSTRUCTION,700'
	kes --worst --vm 17 --csv -o REASON IO_INSTRUCTION
	ok
	same "$output" REASON
}

@test "--worst: the command of a VM that is gone, and no name without debugfs" {
	echo 'vm pid command created_ns ended_ns vcpus exits cycles_total away_total guest_cycles away_user away_blocked away_polled away_preempted dropped cgroup reasons
9 77 crosvm 1 2 1 1 1 1 1 0 0 0 0 0 - -' >"$ROOT/sys/kernel/debug/kvm_exit_stats_gone"
	kes --worst --csv -o VM,NAME -s time
	ok
	same "$output" $'VM,NAME\n9,crosvm\n17,win11\n17,win11'
	rm -r "$ROOT/sys/kernel/debug"
	kes --worst --csv -o VM,NAME -s time
	ok
	same "$output" $'VM,NAME\n9,\n17,\n17,'
}

@test "--worst: malformed" {
	local line rest='boot_ns=1 vm=17 vcpu=0 cpu=3 user_percent=0 blocked_percent=0 preempted_percent=0'

	for line in "" x "cycles=5" "cycles=x $rest" "cycles=-1 $rest" "cycles= $rest" "cycles=5 rip=5 $rest" \
		"cycles=5 rip=0x $rest" "cycles=5 rip=0x10000000000000000 $rest" "cycles=5 key=a\"b $rest" \
		"cycles=5 key= $rest" "cycles=5 ${rest/cpu=3/cpu=y}" "cycles=5 ${rest/vm=17 /}" "$rest"; do
		worst CPUID cycles_worst "$line"
		kes --worst
		fails 7 CPUID || with "'$line'"
		same "$output" "" || with "'$line'"
		kes --csv
		ok || with "'$line'"
	done
	extra 2000-11 "worst CPUID slowly cycles=5 $rest"
	kes --worst --vm 17
	fails 7 exit_stats CPUID
	kes --vm 17
	ok
}

@test "--worst: a kernel that does not keep them, and options that do not fit" {
	kes --worst -i 1
	fails 2 --interval --worst
	kes --worst --keys
	fails 2 --worst --keys
	kes --worst --hist CPUID
	fails 2
	rm "$STATS"/reasons/*/{cycles,away}_{worst,late}
	kes --worst
	fails 3 cycles_worst 'does not keep'
	same "$output" ""
	kes --worst --vm 17
	fails 3
}

# slow LINE...: the log
slow()
{
	printf '%s\n' "$@" >"$SLOW"
	put "$STATS/slow_us" 100
}

@test "--slow: the log, the oldest first" {
	local rest='vm=17 vcpu=0 cpu=3 user_percent=0 blocked_percent=0 preempted_percent=100'

	slow "HLT away cycles=300000 $(ago 30) rip=0x10 $rest" \
		"CPUID cycles cycles=900000 $(ago 20) key=cpuid:0x1:0x0 $rest" \
		"HLT away cycles=200000 $(ago 10) $rest"
	kes --slow
	ok
	same "${lines[0]}" "vmx, system: 3 slow exits"
	same "$(body | awk '{ $4 = "_"; print }' | squeeze)" \
		"REASON KIND TIME _ VM NAME VCPU CPU RIP KEY_NAME KVM% USER% BLOCKED% PREEMPTED%
HLT away 300000 _ 17 win11 0 3 0x10 0.0% 0.0% 0.0% 100.0%
CPUID handling 900000 _ 17 win11 0 3 leaf 0x1, features 0.0% 0.0% 0.0% 100.0%
HLT away 200000 _ 17 win11 0 3 0.0% 0.0% 0.0% 100.0%"
	kes --slow -J -o REASON,KIND,TIME -s time
	ok
	jq_is '.[0].slow[0]' '{"reason":"CPUID","kind":"handling","time":900000}'
	kes --slow -t --csv -o TIME hlt
	ok
	same "$output" $'TIME\n150.000\n100.000'
	kes --slow -o SPAN
	fails 2 SPAN
}

@test "--slow: what to do if none is kept, and what was before" {
	kes --slow --csv -o REASON
	fails 0 "$STATS/slow_us is 0" "echo MICROSECONDS > $STATS/slow_us"
	same "$output" REASON
	slow "HLT away cycles=300000 boot_ns=5 vm=17 vcpu=0 cpu=3 user_percent=0 blocked_percent=0 preempted_percent=100"
	put "$STATS/slow_us" 0
	kes --slow --csv -o REASON
	fails 0 slow_us
	same "$output" $'REASON\nHLT'
}

@test "--slow: malformed, not there, options that do not fit" {
	local line rest='cycles=5 boot_ns=1 vm=17 vcpu=0 cpu=3 user_percent=0 blocked_percent=0 preempted_percent=0'

	for line in HLT "HLT slow $rest" "a/b away $rest" "HLT away" "away $rest" "HLT away x=5"; do
		slow "$line"
		kes --slow
		fails 7 kvm_exit_stats_slow || with "'$line'"
	done
	kes --slow --vm 17
	fails 2 --vm --slow
	kes --slow -i 1
	fails 2 --interval --slow
	rm "$SLOW"
	kes --slow
	fails 3 kvm_exit_stats_slow debugfs
	rm "$STATS/slow_us"
	kes --slow
	fails 3 slow_us
}

@test "--worst: SVM" {
	tree svm 1000000
	newer
	exits npf in=7-5/0 cycles='2x1000'
	worst npf away_late cycles=5000 boot_ns=1 vm=1 vcpu=0 cpu=0 key=page:0xfee00000:write user_percent=81 \
		blocked_percent=0 preempted_percent=0
	kes --worst -r -o REASON,KIND,SPAN,KEY,USER%
	ok
	same "${lines[1]}" "npf away late page:0xfee00000:write 81.00"
}
