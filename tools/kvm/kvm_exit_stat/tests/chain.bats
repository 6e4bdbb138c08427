#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The last exits of vCPUs

load lib

setup()
{
	prepare
	tree vmx 2000000
	newer
	exits CPUID in=123-11/0 cycles=400
	exits HLT in=123-11/1 cycles=50
	exits HLT in=123-11/10 cycles=50
	chain 123-11/0 'MSR_WRITE 700' 'CPUID 400 nested' 'CPUID 300' 'HLT 4294967295'
	chain 123-11/1 'HLT 50'
	chain 123-11/10
}

# chain PID-FD/VCPU LINE...: write the last exits to the table of the vCPU
chain()
{
	local file=$DEBUGFS/${1/\//\/vcpu}/exit_stats

	shift
	sed -i '/^chain/d' "$file"
	(($# == 0)) || printf 'chain %s\n' "$@" >>"$file"
}

@test "--chain: of each vCPU of a VM, the oldest first" {
	kes --chain --vm 123
	ok
	same "$(printf '%s\n' "$output" | sed 's/ *$//')" "vmx, vm 123-11: last exits, the oldest first

REASON      LEVEL       TIME
vCPU 0
|-MSR_WRITE     1        700
|-CPUID         2        400
|-CPUID         1        300
\`-HLT           1 4294967295
vCPU 1
\`-HLT           1         50"
	kes --chain --vm 123 --csv
	ok
	same "$output" "VCPU,REASON,LEVEL,TIME
0,MSR_WRITE,1,700
0,CPUID,2,400
0,CPUID,1,300
0,HLT,1,4294967295
1,HLT,1,50"
	chain 123-11/10 'CPUID 6'
	kes --chain --vm 123 -J -t
	ok
	jq_is '.[0].chain|[length, .[1], .[5]]' \
		'[6,{"vcpu":0,"reason":"CPUID","level":2,"time":0.200},{"vcpu":10,"reason":"CPUID","level":1,"time":0.003}]'
}

@test "--chain: of one vCPU" {
	kes --chain --vm 123 --vcpu 1 -r
	ok
	same "$output" $'VCPU REASON LEVEL TIME\n1 HLT 1 50'
	kes --chain --vm 123 --vcpu 10 --csv -o REASON
	ok
	same "$output" REASON
	kes --chain --vm 123 --vcpu 2
	fails 3 vCPU
	kes --chain --vm 123 CPUID
	fails 2 CPUID
}

@test "--chain: malformed, and not there" {
	local line

	for line in '' HLT 'HLT x' 'HLT -1' 'HL/T 5' 'HLT 5 twice'; do
		chain 123-11/1 "$line"
		kes --chain --vm 123
		fails 7 vcpu1/exit_stats || with "'$line'"
		same "$output" "" || with "'$line'"
	done
	rm "$DEBUGFS"/123-11/vcpu1/exit_stats
	kes --chain --vm 123 --vcpu 1
	fails 3 vcpu
}
