#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Why KVM_RUN returned to user space, and who got the CPU

load lib

setup()
{
	prepare
	tree vmx 1000000
	exits IO_INSTRUCTION in=123-11/0 cycles='12x10' returns='2:12:6000'
	exits EPT_MISCONFIG in=123-11/1 cycles='5x10' returns='6:3:900 2:1:100'
	exits EXTERNAL_INTERRUPT in=55-5/0 cycles=10 returns='10:2:2000 error:1:500'
	exits TRIPLE_FAULT in=55-5/0 cycles=10 returns='8:1:0 other:4:500'
}

@test "--user: of the system" {
	kes --user --csv -o REASON,NUMBER,COUNT,TIME,AVG,SHARE,FROM
	ok
	same "$output" 'REASON,NUMBER,COUNT,TIME,AVG,SHARE,FROM
IO,2,13,6100,469,61.00,"IO_INSTRUCTION:12,EPT_MISCONFIG:1"
other,,4,500,125,5.00,TRIPLE_FAULT:4
MMIO,6,3,900,300,9.00,EPT_MISCONFIG:3
INTR,10,2,2000,1000,20.00,EXTERNAL_INTERRUPT:2
SHUTDOWN,8,1,0,0,0.00,TRIPLE_FAULT:1
error,,1,500,500,5.00,EXTERNAL_INTERRUPT:1'
}

@test "--user: for people, in JSON, with -t, sorted" {
	kes --user
	ok
	same "${lines[0]}" "vmx, system: 24 returns to user space, 10000 cycles there"
	same "$(first_column)" "IO other MMIO INTR SHUTDOWN error"
	kes --user -t -s time
	ok
	same "${lines[0]}" "vmx, system: 24 returns to user space, 10.000 us there"
	same "$(first_column)" "IO INTR MMIO error other SHUTDOWN"
	kes --user -J -o REASON,COUNT,FROM
	ok
	jq_is '.[0].user_reasons[2]' '{"reason":"MMIO","count":3,"from":"EPT_MISCONFIG:3"}'
	kes --user -r -o NUMBER -s number
	ok
	same "$output" $'NUMBER\n2\n6\n8\n10\n-\n-'
}

@test "--user: of a VM and of a vCPU" {
	kes --user --vm 123 --csv -o REASON,COUNT,TIME
	ok
	same "$output" $'REASON,COUNT,TIME\nIO,13,6100\nMMIO,3,900'
	kes --user --vm 123 --vcpu 1 --csv -o REASON,COUNT,TIME
	ok
	same "$output" $'REASON,COUNT,TIME\nMMIO,3,900\nIO,1,100'
}

@test "--user: nothing, and a kernel that does not tell" {
	reset
	kes --user --csv -o REASON,COUNT
	ok
	same "$output" REASON,COUNT
	kes --user -J
	ok
	jq_is '.[0].user_reasons' '[]'
	exits CPUID in=123-11/0 cycles=5
	sed -i 's/ *[^ ]*$//' "$STATS"/reasons/*/stat
	kes --user --csv -o REASON,COUNT
	ok
	same "$output" REASON,COUNT
}

@test "--user -i: of an interval" {
	start --user -i 0.4 -n 1 -J -o REASON,COUNT,TIME,RATE
	freeze
	exits IO_INSTRUCTION in=123-11/0 cycles='2x10' returns='2:2:100 5:1:7'
	# A VM is gone, and its user reason has become a part of "other".
	put_stat TRIPLE_FAULT user_reasons=other:5:500
	thaw
	finish
	ok
	jq_is '.[0].user_reasons|map([.reason, .count, .time, .rate > 0])' \
		'[["IO",2,100,true],["HLT",1,7,true],["other",1,0,true]]'
}

@test "--user: malformed" {
	local text

	for text in x 2 2:1 2:1: 2:1:x :1:1 -2:1:1 '2:1:1,' 2147483648:1:1 error:1 2:1:18446744073709551616; do
		put_stat CPUID "user_reasons=$text"
		kes --user
		fails 7 user_reasons CPUID || with "$text"
		same "$output" "" || with "$text"
	done
}

# The header: $KVM_HEADER, else that of the kernel tree that the tool is in, else the host's
header()
{
	local file

	for file in "${KVM_HEADER-}" "$BATS_TEST_DIRNAME/../../../../include/uapi/linux/kvm.h" \
		/usr/include/linux/kvm.h; do
		if [[ -e $file ]]; then
			echo "$file"
			return
		fi
	done
}

@test "--user: names are those of the header" {
	local file n all='' expected

	file=$(header)
	[[ $file ]] || skip "there is no <linux/kvm.h>"
	# More numbers than there are user reasons
	for n in {0..63}; do
		all+=,$n:1:1
	done
	put_stat CPUID "user_reasons=${all#,}"
	for n in IO_INSTRUCTION EPT_MISCONFIG EXTERNAL_INTERRUPT TRIPLE_FAULT; do
		put_stat "$n" user_reasons=-
	done
	kes --user --csv -o NUMBER,REASON -s number
	ok
	# Leave out macros for subtypes of KVM_EXIT_HYPERV, KVM_EXIT_XEN and KVM_EXIT_IO.
	expected=$(awk '$1 == "#define" && $2 ~ /^KVM_EXIT_[A-Z0-9_]+$/ && $3 ~ /^[0-9]+$/ &&
		$2 !~ /^KVM_EXIT_(HYPERV_.*|XEN_.*|IO_IN|IO_OUT)$/ {
			print $3 "," substr($2, 10)
		}' "$file")
	(($(wc -l <<<"$expected") >= 35))
	while read -r n; do
		grep -qx "$n" <<<"$output" || with "$n"
	done <<<"$expected"
	# The last name of Linux 7.3, which the header may not have
	grep -qx 43,SNP_REQ_CERTS <<<"$output"
	[[ $(awk -F, 'NR > 1 && $1 != $2' <<<"$output" | wc -l) -ge 44 ]]
	# A number without a name is shown as it is.
	grep -qx 63,63 <<<"$output"
}

# The system's table, of which only what is below the reasons matters
system_table()
{
	mkdir -p "$ROOT/sys/kernel/debug"
	{
		table system | sed '/^dropped/d'
		(($# == 0)) || printf 'preempted_by %s\n' "$@"
		echo dropped 0
	} >"$ROOT/sys/kernel/debug/kvm_exit_stats"
}

@test "--preempted-by: of the system" {
	exits HLT cycles=5 away=9000 preempted=9000
	system_table '944 stress-ng 12 0 123456 9999' '0 swapper/1 30 3 500 400' \
		'18446744073709551615 a\040b 1 1 0 0'
	kes --preempted-by --csv
	ok
	same "$output" "PID,COMMAND,COUNT,ERROR,TIME,MAX
0,swapper/1,30,3,500,400
944,stress-ng,12,0,123456,9999
18446744073709551615,a b,1,1,0,0"
	kes --preempted-by -t -s time
	ok
	same "${lines[0]}" "vmx, system: preempted for 9.000 us"
	same "$(first_column)" "944 0 18446744073709551615"
	kes --preempted-by -J -o COMMAND,MAX -s command
	ok
	jq_is '.[0].preempted_by' \
		'[{"command":"a b","max":0},{"command":"stress-ng","max":9999},{"command":"swapper/1","max":400}]'
}

@test "--preempted-by: of a VM and of a vCPU" {
	preempted_by 123-11 '944 stress-ng 12 0 123456 9999'
	preempted_by 123-11/1 '945 make 1 0 6 6'
	kes --preempted-by --vm 123 --csv -o COMMAND
	ok
	same "$output" $'COMMAND\nstress-ng'
	kes --preempted-by --vm 123 --vcpu 1 --csv -o COMMAND
	ok
	same "$output" $'COMMAND\nmake'
	kes --preempted-by --vm 55 --csv -o COMMAND
	ok
	same "$output" COMMAND
}

@test "--preempted-by: no table, or a malformed one, and options that do not fit" {
	kes --preempted-by
	fails 3 debug/kvm_exit_stats
	system_table '944 stress-ng 12'
	kes --preempted-by
	fails 7 debug/kvm_exit_stats 944
	kes --preempted-by -i 1
	fails 2 --interval
	kes --preempted-by -o REASON
	fails 2 REASON
	kes --user --preempted-by
	fails 2
}
