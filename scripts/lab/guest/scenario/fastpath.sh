# shellcheck shell=sh
# Tests of the fastpath, which on SVM needs a CPU with next RIP: for the machine amd-bochs.
# Leave out failed_entries, as Bochs enters a guest whose CS is both 16 and 64 bit, which SVM
# forbids, and more_vcpus_than_cpus, with which Bochs may freeze.
. /lib/l1.sh

load_kvm
selftest /tests/exit_stats_trace_test -T failed_entries -T more_vcpus_than_cpus
check "only the preemption timer, which SVM lacks, was skipped" \
	grep -q '^# Totals: .* skip:1 ' /tmp/selftest.log

# A re-entry from the fastpath is a VM-Entry as well, so all exits but the last have an away time.
selftest /tests/exit_stats_times_test -t closure -t tax
# shellcheck disable=SC2016  # a field
check "the exit tax of CPUID is at least 85 %" \
	awk '$2 == "CPUID:" { tax = $4 } END { exit !(tax >= 85) }' /tmp/selftest.log
