#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Tables of VMs and vCPUs, from debugfs

load lib

setup()
{
	prepare
	tree vmx 1000000
	exits CPUID in=123-11/0 cycles='300 400' away='1000 1200' guest=10000
	exits CPUID in=123-11/1 cycles='500 700' away='1300 1500' guest=20000
	exits HLT in=123-11/1 cycles=50 away=5000 blocked=4000
	exits EPT_VIOLATION in=2345-9/0 cycles='2x1000 3000' away='2000 4000 8000' user=5000 preempted=1000
}

# edit SED...: change the table of the VM
edit()
{
	sed -i "$@" "$DEBUGFS/123-11/exit_stats"
}

# is_malformed WHAT: the tool refuses the changed table, which is then restored from TABLE
is_malformed()
{
	kes --vm 123
	fails '[378]' exit_stats || with "$1"
	same "$output" "" || with "$1"
	printf '%s\n' "$TABLE" >"$DEBUGFS/123-11/exit_stats"
}

@test "--vm: the sum over its vCPUs, and no other VM" {
	kes --vm 123-11 --csv
	ok
	same "$output" "REASON,COUNT,SHARE,TOTAL,MIN,AVG,P50,P99,P99.9,MAX
CPUID,4,97.44,1900,300,475,426,700,700,700
HLT,1,2.56,50,50,50,50,50,50,50"
	kes --vm 2345-9 --csv -o REASON,COUNT,KVM,USER,BLOCKED,PREEMPTED
	ok
	same "${lines[1]}" "EPT_VIOLATION,3,8000,5000,0,1000"
}

@test "--vm: a PID is not the beginning of another" {
	kes --vm 12
	fails 3 '--vm 12'
	kes --vm 23
	fails 3
	kes --vm 123-1
	fails 3 123-1
}

@test "--vcpu: one of them" {
	kes --vm 123 --vcpu 0 --csv -o REASON,COUNT,TOTAL,AWAY_AVG
	ok
	same "$output" "REASON,COUNT,TOTAL,AWAY_AVG
CPUID,2,700,1100"
	kes --vcpu 1 --vm 123-11 --csv -o REASON,COUNT,TOTAL,BLOCKED
	ok
	same "$output" "REASON,COUNT,TOTAL,BLOCKED
CPUID,2,1200,0
HLT,1,50,4000"
}

@test "--vm: the exit tax is of the life of that VM, or that vCPU" {
	# The VM is 30000 in the guest and 10000 away, of which vCPU 1 has 20000 and 7800.
	kes --vm 123 --tax --csv
	ok
	same "$output" "REASON,COUNT,TAX,KVM%,USER%,BLOCKED%,PREEMPTED%
CPUID,4,12.50,12.50,0.00,0.00,0.00
HLT,1,12.50,2.50,0.00,10.00,0.00"
	kes --vm 123 --vcpu 0 --tax --csv
	ok
	# 2200 / 12200
	same "${lines[1]}" "CPUID,2,18.03,18.03,0.00,0.00,0.00"
}

@test "--vm: numbers are those of the system if there is one VM" {
	local system

	tree vmx 1000000
	exits CPUID in=7-5/0 cycles='0 1 300 5000000000' away='9 900 90000' user=10 guest=5
	exits HLT in=7-5/1 cycles='20x77' away='20x99' blocked=100
	set -- --csv -o REASON,COUNT,SHARE,TOTAL,MIN,AVG,P50,P99,P99.9,MAX,AWAY,AWAY_MIN,AWAY_AVG,AWAY_P50,AWAY_P99,AWAY_MAX,KVM,USER,BLOCKED,PREEMPTED,TAX
	kes "$@"
	ok
	system=$output
	kes "$@" --vm 7
	ok
	same "$output" "$system"
}

@test "--vm --hist: of a vCPU, of a reason that does not exist, or never occurred" {
	kes --vm 123 --vcpu 0 --hist CPUID
	ok
	[[ $output =~ \[256,\ 512\)\ +2\ \| ]]
	kes --vm 123 --hist NOT_A_REASON
	fails 2 --hist NOT_A_REASON
	same "$output" ""
	# It never occurred, not even in the system, and has no row in the table.
	kes --vm 123 --hist TRIPLE_FAULT
	ok
	same "${lines[0]}" "TRIPLE_FAULT: 0 exits, handling, TSC cycles"
	kes --vm 123 --vcpu 0 --hist TRIPLE_FAULT
	ok
}

@test "--vm: record has its scope" {
	kes record --vm 123 f
	ok
	from f
	jq_is '.[0]|[.scope, .reasons.CPUID.guest_cycles, (.reasons|keys)]' '["vm 123-11",30000,["CPUID","HLT"]]'
	kes record --vm 123-11 --vcpu 1 f
	ok
	from f
	jq_is '.[0]|[.scope, .reasons.CPUID.guest_cycles, .reasons.CPUID.cycles.total]' '["vm 123-11 vcpu 1",20000,1200]'
}

@test "--vm: exits that were dropped, of that table" {
	put "$STATS/dropped" 9
	sed -i 's/^dropped 0/dropped 7/' "$DEBUGFS/123-11/exit_stats"
	kes --vm 123
	ok
	[[ ${lines[0]} == 'vmx, vm 123-11: 5 exits and 7 dropped, '* ]]
	kes --vm 123 --vcpu 0 -J
	ok
	jq_is '.[0].dropped' 0
}

@test "--vm: an empty table" {
	reset
	kes --vm 123 --csv
	ok
	same "${#lines[@]}" 1
	kes --vm 123
	ok
}

@test "--vm -i: an interval, and a reset" {
	start --vm 123 -i 0.4 -n 2 -J -o REASON,COUNT,TOTAL,USER
	freeze
	exits CPUID in=123-11/0 cycles='9x100' away='9x200' user=500
	exits EPT_VIOLATION in=2345-9/0 cycles=5
	thaw
	freeze 1
	reset
	thaw
	finish
	fails 5 reset
	jq_is '.[0].reasons' '[{"reason":"CPUID","count":9,"total":900,"user":500}]'
}

@test "--vm -i: the VM goes, status 6" {
	start --vm 123 -i 0.2
	freeze
	rm -r "$DEBUGFS/123-11"
	thaw
	finish
	fails 6
}

@test "--vm -i: the module goes, status 6" {
	start --vm 123 -i 0.2
	freeze
	rm -r "$ROOT/sys/kernel"
	thaw
	finish
	fails 6
}

@test "--vm: not there" {
	kes --vm 999
	fails 3 999
	kes --vm 123-12
	fails 3 123-12
	kes --vm 123 --vcpu 2
	fails 3 '--vcpu 2'
	mv "$STATS" unloaded
	kes --vm 123
	fails 3 kvm_exit_stats
	mv unloaded "$STATS"
	rm "$DEBUGFS/123-11/exit_stats"
	kes --vm 123
	fails 3 123
	rm -r "$DEBUGFS"
	kes --vm 123
	fails 3 debug
	rm -r "$ROOT/sys/kernel/debug"
	kes --vm 123
	fails 3 debug
}

@test "--vm: other files of debugfs do not matter" {
	echo 5 >"$DEBUGFS/exits"
	echo 5 >"$DEBUGFS/123-11/exits"
	mkdir "$DEBUGFS/123" "$DEBUGFS/x-123-11"
	kes --vm 123 --csv -o COUNT
	# The directory "123" is no VM's; the tool may ignore it, or take it for a second VM.
	[[ $status -eq 0 || $status -eq 2 ]]
	rmdir "$DEBUGFS/123"
	kes --vm 123 --csv -o COUNT
	ok
	same "${lines[1]}" 4
}

@test "debugfs: columns are found by name" {
	# Tables in debugfs are no ABI.
	awk '$1 != "dropped" { printf "%s new ", $1; for (i = NF; i > 1; i--) printf "%s ", $i; print "newer"; next } 1' \
		"$DEBUGFS/123-11/exit_stats" >table
	cat table >"$DEBUGFS/123-11/exit_stats"
	kes --vm 123 --csv -o REASON,COUNT,P99,AWAY,TAX
	ok
	same "$output" "REASON,COUNT,P99,AWAY,TAX
CPUID,4,700,5000,12.50
HLT,1,50,5000,12.50"
}

@test "debugfs: tables that are malformed" {
	TABLE=$(<"$DEBUGFS/123-11/exit_stats")

	: >"$DEBUGFS/123-11/exit_stats"
	is_malformed "nothing"
	edit 2,\$d
	is_malformed "a head only"
	edit 1d
	is_malformed "no head"
	edit /dropped/d
	is_malformed "no dropped"
	edit 's/dropped 0/dropped/'
	is_malformed "a dropped without a number"
	edit 's/dropped 0/dropped x/'
	is_malformed "a dropped with a word"
	edit '2s/ 4 / x /'
	is_malformed "no number"
	edit '2s/ 4 / -4 /'
	is_malformed "a negative number"
	edit '2s/ 4 / 18446744073709551616 /'
	is_malformed "a number that does not fit"
	edit '2s/  9:3,10:1//'
	is_malformed "a column less"
	edit '2s/9:3,10:1/9:3,32:1/'
	is_malformed "bucket 32"
	edit '2s/9:3,10:1/9:3,10/'
	is_malformed "a bucket without a count"
	edit '2s/9:3,10:1/9:3,/'
	is_malformed "a comma at the end"
	edit '2s/9:3,10:1/9:-3/'
	is_malformed "a negative bucket"
	edit '2s/9:3,10:1//'
	is_malformed "no histogram"
	edit '1s/cycles_hist/hist/'
	is_malformed "a column that is missing"
	edit '2s/.*/CPUID/'
	is_malformed "a name only"
	edit '3s/.*//'
	is_malformed "an empty line"
	head -c 300000 /dev/urandom >"$DEBUGFS/123-11/exit_stats"
	is_malformed "garbage"
	head -c 300000 /dev/zero >"$DEBUGFS/123-11/exit_stats"
	is_malformed "NUL bytes"
	kes --vm 123
	ok
}

@test "debugfs: a table that is cut off" {
	local size n

	TABLE=$(<"$DEBUGFS/123-11/exit_stats")
	size=$((${#TABLE} + 1))
	for ((n = size - 2; n > 0; n -= 29)); do
		truncate -s "$n" "$DEBUGFS/123-11/exit_stats"
		is_malformed "$n of $size bytes"
	done
}

# With a head, user reasons and preemptors, and without all of these
@test "debugfs: tables of kernels with a head and of those without" {
	local before

	vm 77-3 nr=17 vcpus=2 cgroup='/a\040b' command='a\134b'
	exits CPUID in=77-3/0 cycles=100 away=1000 guest=4000 returns='2:1:500 error:1:30 other:3:9'
	exits CPUID in=77-3/1 cycles=100 away=1000 guest=4000 returns='2:2:70'
	preempted_by 77-3 '944 stress-ng 12 0 123456 9999'
	kes --vm 77-3 --csv -o REASON,COUNT,AWAY,GUEST,TAX
	ok
	same "$output" "REASON,COUNT,AWAY,GUEST,TAX
CPUID,2,2000,8000,20.00"
	before=$output
	sed -i '1i what_later_kernels_say of it
		/^dropped/i what_later_kernels_count 12 34' "$DEBUGFS/77-3/exit_stats"
	kes --vm 77-3 --csv -o REASON,COUNT,AWAY,GUEST,TAX
	ok
	same "$output" "$before"
	# Remove the head, the last column, and the lines that say who got the CPU.
	sed -Ei '1,/^vcpus/d; /^preempted_by/d; /^dropped/!s/ +[^ ]+$//' "$DEBUGFS/77-3/exit_stats"
	run ! grep -q user_reasons "$DEBUGFS/77-3/exit_stats"
	kes --vm 77-3 --csv -o REASON,COUNT,AWAY,GUEST,TAX
	ok
	same "$output" "$before"
}

@test "debugfs: heads and what comes from user space, malformed" {
	vm 123-11 nr=17 vcpus=2
	exits CPUID in=123-11/0 cycles=1 returns='2:1:500 error:1:30'
	preempted_by 123-11 '944 stress-ng 12 0 123456 9999'
	TABLE=$(<"$DEBUGFS/123-11/exit_stats")

	edit 's/^vm 17/vm x/'
	is_malformed "a VM without a number"
	edit 's/^created_ns 0/created_ns/'
	is_malformed "a creation without a time"
	edit 's/2:1:500/2:1/'
	is_malformed "no time"
	edit 's/2:1:500/-2:1:500/'
	is_malformed "a negative number"
	edit 's/2:1:500/2147483648:1:500/'
	is_malformed "a number that is too large"
	edit 's/error:1:30/wrong:1:30/'
	is_malformed "an unknown word"
	edit 's/error:1:30/error:1:30,/'
	is_malformed "a comma at the end"
	edit 's/error:1:30/error:1:30;/'
	is_malformed "a semicolon"
	edit 's/error:1:30/errors:1:30/'
	is_malformed "a longer word"
	edit 's/2:1:500,error:1:30//'
	is_malformed "nothing"
	edit 's/ 123456 9999/ 9999/'
	is_malformed "five fields"
	edit 's/ 123456 9999/ 123456 -1/'
	is_malformed "a negative time"
	edit 's/^preempted_by .*/preempted_by/'
	is_malformed "nobody"
	kes --vm 123
	ok
}
