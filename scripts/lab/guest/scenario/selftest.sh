# shellcheck shell=sh
# boot: cpus=2
# The selftests of exit statistics.
. /lib/l1.sh

# Run this test after loading KVM, and load KVM anew after it: the limit on summaries in ten minutes
# starts anew with kvm.ko, and this test as well as others need all of theirs printed.
load_kvm
selftest /tests/exit_stats_times_test -t memslots_beside_summaries
unload_kvm

load_kvm
selftest /tests/exit_stats_test
selftest /tests/exit_stats_times_test -T memslots_beside_summaries
if in_bochs; then
	selftest /tests/exit_stats_trace_test -T more_vcpus_than_cpus
	echo "ok more_vcpus_than_cpus # SKIP Bochs may freeze"
else
	selftest /tests/exit_stats_trace_test
fi

# Without unrestricted guests, KVM emulates a guest with invalid state and does not try to enter it.
if [ "$(vendor)" = kvm-intel ]; then
	rmmod kvm-intel
	insmod /lib/modules/kvm-intel.ko unrestricted_guest=0
	echo "# unrestricted_guest=0"
	selftest /tests/exit_stats_trace_test -t failed_entries
fi

# In Bochs with one CPU, a cycle is an instruction.  Then the time in the guest, i.e. what is not
# tax, is little more than the switch of registers.
if in_bochs; then
	echo 0 >/sys/devices/system/cpu/cpu1/online
	selftest /tests/exit_stats_times_test -t tax
	# shellcheck disable=SC2016  # a field
	check "the exit tax of CPUID is at least 85 %" \
		awk '$2 == "CPUID:" { tax = $4 } END { exit !(tax >= 85) }' /tmp/selftest.log
fi

# Handling and away time of an exit that user space handles both take more than a microsecond here.
echo 1 >"$STATS/slow_us"
exit_loop io 100 1 >/dev/null
echo 0 >"$STATS/slow_us"
for time in cycles away; do
	check "slow exits have their $time" grep -qE "^(IO_INSTRUCTION|io) $time cycles=[1-9]" "${TABLE}_slow"
done
# Not only one that takes longer than all before it, of which this loop has few
# shellcheck disable=SC2016  # a field
check "each slow handling has the guest's RIP" \
	awk '$2 == "cycles" { of++; with += / rip=0x/ } END { exit !of || with != of }' "${TABLE}_slow"
