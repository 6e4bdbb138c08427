#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Exits of guests of guests

load lib

setup()
{
	prepare
	tree vmx 1000000
	newer
	exits CPUID in=123-11/0 cycles='9x400 1000' away='10x2000'
	exits HLT in=123-11/0 cycles='10x50'
	exits EPT_VIOLATION in=123-11/1 cycles='20x600' away='20x700'
	nested CPUID nested in=123-11/0 cycles='3x400 1000' away='4x2000'
	nested CPUID reflected in=123-11/0 cycles='2x400' away='2x2000'
	nested EPT_VIOLATION nested in=123-11/1 cycles='7x600' away='7x700'
}

@test "--nested: all exits, those of L2, and what was reflected" {
	kes --nested
	ok
	same "$(sed 's/ *$//; s/  */ /g; s/^ //' <<<"$output")" "vmx, system: 11 exits of L2, 2 reflected to L1

REASON COUNT L2 REFLECTED TOTAL L2_TOTAL REFL_TOTAL L2_AVG REFL_AVG L2_AWAY REFL_AWAY
EPT_VIOLATION 20 7 0 12000 4200 0 600 4900 0
CPUID 10 4 2 4600 2200 800 550 400 8000 4000"
	kes --nested --csv
	ok
	same "$output" "REASON,COUNT,L2,REFLECTED,TOTAL,L2_TOTAL,REFL_TOTAL,L2_AVG,REFL_AVG,L2_AWAY,REFL_AWAY
EPT_VIOLATION,20,7,0,12000,4200,0,600,,4900,0
CPUID,10,4,2,4600,2200,800,550,400,8000,4000"
	kes --nested -J -t -o REASON,L2,REFLECTED,AVG,AWAY,L2_AVG -s reflected
	ok
	jq_is '.[0].nested[0]' \
		'{"reason":"CPUID","l2":4,"reflected":2,"avg":0.460,"away":20.000,"l2_avg":0.550}'
	kes --nested --csv -o L2 cpuid
	ok
	same "$output" $'L2\n4'
}

@test "--nested: of a VM and of a vCPU" {
	kes --nested --vm 123 --csv -o REASON,COUNT,L2,REFLECTED,L2_AWAY
	ok
	same "$output" $'REASON,COUNT,L2,REFLECTED,L2_AWAY\nEPT_VIOLATION,20,7,0,4900\nCPUID,10,4,2,8000'
	kes --nested --vm 123 --vcpu 0 --csv -o REASON,L2,REFLECTED
	ok
	same "$output" $'REASON,L2,REFLECTED\nCPUID,4,2'
	kes --nested --vm 123 --csv -o REASON EPT_VIOLATION
	ok
	same "$output" $'REASON\nEPT_VIOLATION'
	# Other views do not count the lines of L2 as further exits.
	kes --vm 123 --csv -o REASON,COUNT -s reason
	ok
	same "$output" $'REASON,COUNT\nCPUID,10\nEPT_VIOLATION,20\nHLT,10'
}

@test "--nested: there are none" {
	kes --nested HLT
	ok
	same "${lines[0]}" "vmx, system: there are no exits of L2"
	kes --nested --csv -o REASON HLT
	ok
	same "$output" REASON
	kes --nested -J HLT
	ok
	jq_is '.[0].nested' '[]'
}

@test "--nested -i: an interval, and a reset" {
	start --nested -i 0.4 -n 2 -J -o REASON,COUNT,L2,L2_RATE,REFLECTED,L2_TOTAL
	freeze
	exits CPUID in=123-11/0 cycles='5x100'
	nested CPUID nested in=123-11/0 cycles='3x100'
	nested CPUID reflected in=123-11/0 cycles='100'
	thaw
	freeze 1
	put "$STATS/reasons/CPUID/nested" "$(<"$STATS/reasons/HLT/nested")"
	thaw
	finish
	fails 5 reset
	jq_is '.[0].nested[]|select(.reason == "CPUID")|[.count, .l2, .l2_rate > 0, .reflected, .l2_total]' \
		'[5,3,true,1,300]'
}

@test "--nested: malformed, not there, and options that do not fit" {
	echo 'x' >"$STATS/reasons/CPUID/nested"
	kes --nested
	fails 7 CPUID/nested
	kes --csv
	ok
	sed -i 's/^reflected CPUID .*/reflected CPUID 0.00 4/' "$DEBUGFS/123-11/exit_stats"
	kes --nested --vm 123
	fails 7 exit_stats CPUID
	kes --vm 123
	ok
	sed -i 's/^reflected CPUID .*/reflected NONE 0.00 4/' "$DEBUGFS/123-11/exit_stats"
	kes --nested --vm 123
	fails 7 exit_stats NONE
	kes --nested --worst
	fails 2 --nested --worst
	kes --nested -o L2_RATE
	fails 2 L2_RATE
	rm "$STATS"/reasons/*/{nested,reflected}
	kes --nested
	fails 3 nested 'does not tell'
	kes --nested --vm 123
	fails 3 nested
}
