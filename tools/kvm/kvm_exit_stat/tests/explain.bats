#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Advice below tables: each rule at its limits

load lib

VMX+=(PAUSE_INSTRUCTION)
SVM+=(pause)
NONE='No condition is met under which there is advice.'

setup()
{
	prepare
	fresh vmx
}

# fresh ISA: 900 exits that need no advice; 1000000 cycles in the guest, and as many away, at 1 GHz
fresh()
{
	local isa=$1

	tree "$isa" 1000000
	newer
	[[ $isa = vmx ]] || {
		exits cpuid cycles=900x10 away=1000x1000 guest=1000000
		return
	}
	exits CPUID cycles=900x10 away=1000x1000 guest=1000000
}

# advice [ARG...] -> output: what is below the table
advice()
{
	kes --explain "$@"
	ok
	output=$(awk '/^$/ { n++; next } n == 2' <<<"$output")
}

@test "--explain: nothing to say, and below both tables" {
	advice
	same "$output" "$NONE"
	advice --keys
	same "$output" "$NONE"
	advice --tax
	same "$output" "$NONE"
	# Nothing has occurred.
	reset
	advice
	same "$output" "$NONE"
	kes
	ok
	[[ $output != *advice* ]]
}

@test "--explain: the ACPI PM timer" {
	exits IO_INSTRUCTION cycles=100x10
	keys IO_INSTRUCTION 'port:0x608:4:read 49 0 490 10' 'port:0x608:4:write 51 0 510 10'
	advice
	same "$output" "$NONE"
	keys IO_INSTRUCTION 'port:0xb008:4:read 10 0 490 10' 'port:0x608:4:read 40 0 400 10' 'other 50 0 0 0'
	advice
	same "$output" "IO_INSTRUCTION: 5.0% of all exits (at least 5%) are for 'ACPI PM timer 0x608, 4 bytes read': have the guest use kvm-clock or the TSC as clocksource"
	advice --keys IO_INSTRUCTION
	[[ $output = *'ACPI PM timer'* ]]
	# Only the certain 49 count, and not the 51 more that are possible.
	keys IO_INSTRUCTION 'port:0x608:4:read 49 51 490 10'
	advice
	same "$output" "$NONE"
}

@test "--explain: IPIs" {
	exits MSR_WRITE cycles=100x10
	keys MSR_WRITE 'msr:0x830:write 49 0 490 10' 'msr:0x830:read 51 0 510 10'
	advice
	same "$output" "$NONE"
	keys MSR_WRITE 'msr:0x830:write 50 0 490 10'
	advice
	same "$output" "MSR_WRITE: 5.0% of all exits (at least 5%) send IPIs, 'x2APIC ICR write': IPI virtualization of VMX, or AVIC of SVM, sends them without"
	keys MSR_WRITE 'apic:0x300:write 100 0 490 10'
	advice
	[[ $output = "MSR_WRITE: 10.0% of all exits"*"'APIC ICR write'"* ]]
}

@test "--explain: halts that end soon" {
	exits HLT cycles=100x10 away=100x200000 blocked=20000000
	advice
	same "$output" "$NONE"
	fresh vmx
	exits HLT cycles=100x10 away=100x199999 blocked=19999900 polled=50000
	advice
	same "$output" "HLT: 10.0% of all exits (at least 5%), blocked for 200.0 us on average (less than 200 us), 0.3% of that polled (less than 50%): a larger halt_poll_ns of kvm.ko has KVM poll for the wakeup"
	# With more of other exits, halts are less than 5 %.
	exits CPUID cycles=1100x10
	advice
	same "$output" "$NONE"
	fresh vmx
	exits HLT cycles=100x10 away=100x1000 blocked=100000 polled=50000
	advice
	same "$output" "$NONE"
	fresh vmx
	exits HLT cycles=100x10 away=100x1000 blocked=100000
	put "$STATS/tsc_khz" 0
	advice
	same "$output" "$NONE"
}

@test "--explain: polling" {
	# All vCPU time is 2000000 cycles and these 500000.
	exits HLT cycles=10x10 away=1x500000 blocked=500000 polled=124999
	advice
	same "$output" "$NONE"
	exits HLT polled=1
	advice
	same "$output" "HLT: KVM polled for wakeups in 5.0% of the vCPU time (at least 5%): a smaller halt_poll_ns of kvm.ko leaves the CPUs to others"
}

@test "--explain: overcommit" {
	exits PAUSE_INSTRUCTION cycles=100x10 away=1x500000 preempted=124999
	advice
	same "$output" "$NONE"
	exits HLT preempted=1
	advice
	same "$output" "PAUSE_INSTRUCTION: 10.0% of all exits (at least 5%), and vCPUs were preempted in 5.0% of their time (at least 5%): the CPUs are overcommitted, fewer vCPUs or pinned ones do not wait for each other"
	exits CPUID cycles=1001x10
	advice
	same "$output" "$NONE"
}

@test "--explain: MMIO that goes to user space" {
	exits EPT_MISCONFIG cycles=100x10 returns='6:24:100 2:100:100'
	keys EPT_MISCONFIG 'page:0xc0000000:write 50 0 490 10' 'other 50 0 0 0'
	advice
	same "$output" "$NONE"
	exits EPT_MISCONFIG returns=6:1:1
	advice
	same "$output" "EPT_MISCONFIG: 5.0% of all exits (at least 5%) are for MMIO, most for 'page 0xc0000000 write', and KVM_RUN returned for 50.0% of these (at least 50%): ioeventfd or vhost spares user space"
	keys EPT_MISCONFIG 'page:0xc0000000:write 49 0 490 10' 'memslot:3:write 50 0 10 10'
	advice
	same "$output" "$NONE"
}

@test "--explain: SVM" {
	fresh svm
	exits io cycles=100x10
	exits pause cycles=200x10 away=1x1000000 preempted=900000
	exits npf cycles=100x10 returns=6:100:100
	exits hlt cycles=100x10 away=100x1000 blocked=100000
	keys io 'port:0x608:4:read 100 0 490 10'
	keys npf 'page:0xc0000000 100 0 490 10'
	advice
	same "$(cut -d : -f 1 <<<"$output" | xargs)" "io hlt pause npf"
}

@test "--explain: of a VM, and of an interval" {
	exits IO_INSTRUCTION in=5-5/0 cycles=10x10
	extra 5-5 'key IO_INSTRUCTION port:0x608:4:read 10 0 490 10'
	advice --vm 5
	[[ $output = "IO_INSTRUCTION: 100.0% of all exits"* ]]
	start --explain -i 0.4 -n 1
	freeze
	exits IO_INSTRUCTION cycles=10x10
	keys IO_INSTRUCTION 'port:0x608:4:read 5 0 490 10' 'other 15 0 0 0'
	thaw
	finish
	ok
	[[ $output = *"IO_INSTRUCTION: 50.0% of all exits"* ]]
}

@test "--explain: without keys, and options that do not fit" {
	local option

	exits PAUSE_INSTRUCTION cycles=100x10 away=1x500000 preempted=200000
	put "$STATS/keys" 0
	kes --explain
	fails 0 "echo 1 > $STATS/keys"
	[[ $output = *PAUSE_INSTRUCTION:* ]]
	rm "$STATS/keys" "$STATS"/reasons/*/keys
	advice
	[[ $output = PAUSE_INSTRUCTION:* ]]
	for option in -J -r --csv; do
		kes --explain $option
		fails 2 --explain --json --raw --csv || with "$option"
	done
	for option in --top --vms --user --worst --nested "--hist CPUID"; do
		# shellcheck disable=SC2086
		kes --explain $option
		fails 2 --explain "${option%% *}" || with "$option"
	done
}
