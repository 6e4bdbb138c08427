#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Metrics of VMs

load lib

# Two VMs.  All vCPU time of each is 100000 cycles, i.e. 100 us.
setup()
{
	prepare
	tree vmx 1000000
	vm 2000-11 nr=17 cgroup='/machine.slice/a\040b' /usr/bin/qemu-system-x86_64 \
		-name 'guest=win "11",debug-threads=on' -uuid 6a54ee1c-61b4-4a5a-9d1e-0c7f3c2ad001
	vm 3000-12 nr=18 /usr/bin/qemu-system-x86_64 -name db
	exits CPUID in=2000-11/0 cycles='90x10' away='90x100' guest=21000
	exits EPT_VIOLATION in=2000-11/1 cycles='10x10' away='10x2000' user=8000 preempted=2000 guest=50000
	exits HLT in=3000-12/0 cycles='50x10' away='50x1000' blocked=45000 guest=50000
}

# metrics [ARG...]: those of VMs -> output
metrics()
{
	kes --openmetrics --per-vm "$@"
	ok
	output=$(grep -E '^kvm_(vm|exit_series)' <<<"$output")
}

# value SERIES: the value of the series, which must be there once
value()
{
	awk -v series="$1" '$1 == series { print $2; n++ } END { exit n != 1 }' <<<"$output" || {
		echo "no series $1, or more than one"
		return 1
	}
}

# series: how many series of VMs there are
series()
{
	grep -c '^kvm_vm_' <<<"$output" || :
}

# many_vms N: VMs with numbers from 100 on, each a bit more expensive than the one before
many_vms()
{
	local n template

	rm -r "${DEBUGFS:?}"/*
	vm 99-5 nr=99 /usr/bin/qemu -name vm99
	exits CPUID in=99-5/0 cycles=10 away=1000 user=500 guest=10
	exits HLT in=99-5/0 cycles=10 away=1000 user=100 guest=10
	template=$(<"$DEBUGFS/99-5/exit_stats")
	rm -r "$DEBUGFS/99-5"
	for ((n = 100; n < 100 + $1; n++)); do
		mkdir "$DEBUGFS/$n-5"
		# The sum, the minimum, the average and the maximum of the away times
		sed -E "s/^vm 99/vm $n/; s/^pid 99/pid $n/
			s/^(CPUID .* )1000( +1000 +1000 +1000 )/\1$((n + 1000))\2/" \
			<<<"$template" >"$DEBUGFS/$n-5/exit_stats"
	done
}

@test "--per-vm: who a VM is, its totals and its reasons" {
	metrics
	grep -qxF 'kvm_vm_info{vm="17",name="win \"11\"",uuid="6a54ee1c-61b4-4a5a-9d1e-0c7f3c2ad001",cgroup="/machine.slice/a b"} 1' <<<"$output"
	grep -qxF 'kvm_vm_info{vm="18",name="db",uuid="",cgroup=""} 1' <<<"$output"
	same "$(value 'kvm_vm_all_exits_total{vm="17"}')" 100
	same "$(value 'kvm_vm_guest_seconds_total{vm="17"}')" 7.1e-05
	same "$(value 'kvm_vm_away_seconds_total{vm="17"}')" 2.9e-05
	same "$(value 'kvm_vm_user_seconds_total{vm="17"}')" 8e-06
	same "$(value 'kvm_vm_preempted_seconds_total{vm="17"}')" 2e-06
	same "$(value 'kvm_vm_blocked_seconds_total{vm="18"}' | awk '{ print $1 * 1e6 }')" 45
	same "$(value 'kvm_vm_exits_total{vm="17",reason="CPUID"}')" 90
	same "$(value 'kvm_vm_exits_total{vm="17",reason="EPT_VIOLATION"}')" 10
	same "$(value 'kvm_vm_exit_cost_seconds_total{vm="17",reason="EPT_VIOLATION"}' |
		awk '{ print $1 * 1e6 }')" 18
	same "$(value 'kvm_vm_exit_cost_seconds_total{vm="18",reason="HLT"}' |
		awk '{ print $1 * 1e6 }')" 5
	same "$(value kvm_exit_series_dropped)" 0
	# Nothing of reasons that did not occur in a VM, and no other label
	same "$(grep -c 'reason=' <<<"$output")" 6
	same "$(grep -o '[{,][a-z]*=' <<<"$(grep -v info <<<"$output")" | tr -d '{,=' | sort -u | xargs)" \
		"reason vm"
}

@test "--per-vm: none are there" {
	rm -r "${DEBUGFS:?}"/*
	metrics
	same "$output" "kvm_exit_series_dropped 0"
}

@test "--per-vm: promtool finds nothing to complain about" {
	local promtool=${PROMTOOL:-promtool}

	command -v "$promtool" >/dev/null || skip "promtool is not installed"
	kes --openmetrics --per-vm
	ok
	run "$promtool" check metrics <<<"$output"
	[[ $status -eq 0 && -z $output ]]
}

@test "--per-vm: ends in # EOF, each family has one head, before its series" {
	kes --openmetrics --per-vm
	ok
	same "$(tail -n 1 <<<"$output")" "# EOF"
	awk '
		/^# EOF$/ { next }
		/^# (HELP|TYPE) / { if (seen[$2, $3]++) exit fail = 1; if ($2 == "TYPE") family = $3; next }
		index($1, family) != 1 { exit fail = 1 }
		{ if (series[$1]++) exit fail = 1 }
		END { exit fail }' <<<"$(sed '/^kvm_vm_info/s/".*"/""/' <<<"$output" | grep -v '^kvm_vm_info')"
}

@test "--per-vm: 25 series of a VM, those of the most expensive reasons" {
	local name cost=1000

	for name in "${VMX[@]}"; do
		# HLT is in the VM already, with a cost of 5000 of its 50000 cycles away.
		[[ $name != HLT ]] || continue
		exits "$name" in=3000-12/0 cycles=10 away=$cost guest=10
		cost=$((cost + 1000))
	done
	metrics
	same "$(grep -c 'vm="18"' <<<"$output")" 25
	same "$(sed -n 's/^kvm_vm_exits_total{vm="18",reason="\([^"]*\)".*/\1/p' <<<"$output" | xargs)" \
		"UNKNOWN PREEMPTION_TIMER EPT_MISCONFIG EPT_VIOLATION CR_ACCESS MSR_WRITE MSR_READ IO_INSTRUCTION HLT"
	# Five of 14 reasons are not there, two series each.
	same "$(value kvm_exit_series_dropped)" 10
}

@test "--max-series: of all VMs, the most expensive ones stay" {
	many_vms 10
	metrics
	same "$(series)" 110
	metrics --max-series 110
	same "$(series)" 110
	same "$(value kvm_exit_series_dropped)" 0
	# The cheapest VM loses a reason.
	metrics --max-series 109
	same "$(series)" 108
	same "$(value kvm_exit_series_dropped)" 2
	same "$(grep -c 'vm="100",reason' <<<"$output")" 2
	same "$(value 'kvm_vm_exits_total{vm="100",reason="CPUID"}')" 1
	# All VMs, but no reason of any of them
	metrics --max-series 70
	same "$(series)" 70
	same "$(grep -c '^kvm_vm_info' <<<"$output")" 10
	same "$(value kvm_exit_series_dropped)" 40
	# The three most expensive VMs, and three of their reasons, i.e. no more than 27
	metrics --max-series 27
	same "$(sed -n 's/^kvm_vm_info{vm="\([0-9]*\)".*/\1/p' <<<"$output" | xargs)" "109 108 107"
	same "$(series)" 27
	same "$(value kvm_exit_series_dropped)" 83
	metrics --max-series 0
	same "$(series)" 0
	same "$(value kvm_exit_series_dropped)" 110
}

@test "--max-series: 10000 by default, of 1000 VMs" {
	many_vms 1000
	metrics
	same "$(series)" 10000
	same "$(grep -c '^kvm_vm_info' <<<"$output")" 1000
	same "$(value kvm_exit_series_dropped)" 1000
	metrics --max-series 4294967295
	same "$(series)" 11000
}

@test "--per-vm: a kernel whose tables have no head" {
	sed -i -E '/^(vm|pid|command|cgroup|created_ns|vcpus) /d' "$DEBUGFS/3000-12/exit_stats"
	metrics
	same "$(value 'kvm_vm_all_exits_total{vm="3000-12"}')" 50
}

@test "--per-vm: without debugfs, status 3, and the old file stays" {
	echo old >kvm.prom
	rm -r "$DEBUGFS"
	kes --openmetrics=kvm.prom --per-vm
	fails 3 debug
	same "$(<kvm.prom)" old
}

@test "--per-vm, --max-series: usage" {
	local value

	for value in -1 x '' 4294967296 1.5; do
		kes --openmetrics --per-vm --max-series="$value"
		fails 2 --max-series
	done
	kes --openmetrics --max-series 10000
	fails 2 --max-series --per-vm
	kes --per-vm
	fails 2 --per-vm
	kes --top --per-vm
	fails 2 --per-vm --top
}
