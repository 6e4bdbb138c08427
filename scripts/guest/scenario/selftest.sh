# shellcheck shell=sh
# The selftests, which report in TAP: all of it, i.e. up to the totals.
. /lib/l1.sh

run()
{
	"$@" >/tmp/selftest.log 2>&1 || true
	cat /tmp/selftest.log
	grep -q '^# Totals: pass:[1-9][0-9]* fail:[0-9]* xfail:0 xpass:0 skip:[0-9]* error:0' \
		/tmp/selftest.log
}

load_kvm
run /tests/exit_stats_test
if in_bochs; then
	run /tests/exit_stats_trace_test -T more_vcpus_than_cpus
	echo "ok more_vcpus_than_cpus # SKIP Bochs may freeze"
else
	run /tests/exit_stats_trace_test
fi

# VM-Entries that KVM does not even try
if [ "$(vendor)" = kvm-intel ]; then
	rmmod kvm-intel
	insmod /lib/modules/kvm-intel.ko unrestricted_guest=0
	echo "# unrestricted_guest=0"
	run /tests/exit_stats_trace_test -t failed_entries
fi
