# shellcheck shell=sh
# What a CPUID exit costs without the statistics, switched off, and with one thing
# after the other switched on.
. /lib/l1.sh

measure()
{
	echo "$1 $(exit_loop 1000 40)"
}

load_kvm /lib/modules/without
measure without
unload_kvm

load_kvm /lib/modules exit_stats_interval=0
echo 0 >"$STATS/enabled"
measure disabled
echo 1 >"$STATS/enabled"
echo 0 >"$STATS/away"
echo 0 >"$STATS/per_vcpu"
measure handling
echo 1 >"$STATS/away"
measure away
echo 1 >"$STATS/per_vcpu"
measure per_vcpu
echo 500 >"$STATS/interval"
measure interval=500
