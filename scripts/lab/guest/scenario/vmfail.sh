# shellcheck shell=sh
# VM-Entries that the CPU refuses with VMfail, for an invalid control field: that is what Bochs 3.0
# does with an unmodified KVM, as it takes the address of KVM's posted-interrupt descriptor for
# invalid, see pid.sed.
. /lib/l1.sh

load_kvm /lib/modules exit_stats_interval=0
for vms in 1 2 3; do
	! exit_loop cpuid 1 1 2>/tmp/said
	check "KVM_RUN fails to enter ($(cat /tmp/said))" grep -q 'exit reason 9$' /tmp/said
	check "each is an exit, once ($vms)" value_is "$STATS/total_exits" $vms
done
check "it is UNKNOWN" value_is "$STATS/reasons/UNKNOWN/count" 3
check "with the code that KVM gives it, 0xdead" value_is "$STATS/reasons/UNKNOWN/reason" 57005
check "there is no time in the guest" value_is "$STATS/guest_cycles" 0
check "no exit was dropped" value_is "$STATS/dropped" 0
