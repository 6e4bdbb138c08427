# shellcheck shell=sh
# boot: parameters=kvm.exit_stats_interval=1234
# KVM built in, for both vendors: that of the CPU is active from boot on.
. /lib/l1.sh

case $(vendor) in
kvm-intel)
	isa=vmx cpuid=CPUID
	;;
kvm-amd)
	isa=svm cpuid=cpuid
	;;
esac

check "no module is loaded" [ -z "$(cat /proc/modules 2>/dev/null)" ]
check "the CPU's vendor is active" value_is "$STATS/isa" "$isa"
check "the parameter on the command line sets the interval" \
	value_is "$STATS/interval" 1234
exit_loop cpuid 100 1 >/dev/null
check "exits are counted" [ "$(cat "$STATS/reasons/$cpuid/count")" -ge 300 ]
check "the sum of counts is total_exits" value_is "$STATS/total_exits" "$(sum_of count)"
check "the table is in debugfs" [ -f "$TABLE" ]
check "guest time is measured" [ "$(cat "$STATS/guest_cycles")" -gt 0 ]
