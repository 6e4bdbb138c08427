# shellcheck shell=sh
# What needs a CPU with next RIP, for the machine that is there for just that.
# Bochs enters a guest whose CS is both 16 and 64 bit, which SVM forbids, and may
# freeze with more vCPUs than CPUs: try neither.
. /lib/l1.sh

load_kvm
selftest /tests/exit_stats_trace_test -T failed_entries -T more_vcpus_than_cpus
check "only the preemption timer, which SVM lacks, was skipped" \
	grep -q '^# Totals: .* skip:1 ' /tmp/selftest.log

# Each re-entry is a VM-Entry, too: all but the last exit have an away time.
selftest /tests/exit_stats_times_test -t closure -t tax
# shellcheck disable=SC2016  # a field
check "the exit tax of CPUID is at least 85 %" \
	awk '$2 == "CPUID:" { tax = $4 } END { exit !(tax >= 85) }' /tmp/selftest.log
