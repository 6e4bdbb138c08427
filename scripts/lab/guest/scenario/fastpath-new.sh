# shellcheck shell=sh
# A KVM whose fastpath handles CPUID, see fastpath.sed: exits are counted also where a fastpath
# handler that the statistics do not know re-enters the guest.
. /lib/l1.sh
TRACING=/sys/kernel/tracing

load_kvm /lib/modules/fastpath exit_stats_interval=0 halt_poll_ns=0
case $(vendor) in
kvm-intel)
	echo 'p:slow_path vmx_handle_exit'
	cpuid=CPUID
	;;
kvm-amd)
	echo 'p:slow_path svm_handle_exit'
	cpuid=cpuid
	;;
esac >$TRACING/dynamic_events
echo 1 >$TRACING/events/kprobes/slow_path/enable

# In one vCPU, loops of 1000, 1000 and 2000 exits, see exit_loop.c
exits=$(exit_loop cpuid 1000 1 | cut -d ' ' -f 3)
slow=$(awk '$1 == "slow_path" { print $2 }' $TRACING/kprobe_profile)
check "$slow of $exits exits take the slow path, CPUID only once" [ "$slow" -lt 1000 ]
check "all exits are counted" value_is "$STATS/total_exits" "$exits"
check "4000 of them are CPUID" value_is "$STATS/reasons/$cpuid/count" 4000
check "handling is no longer than being away" \
	[ "$(cat "$STATS/reasons/$cpuid/cycles_total")" -le "$(cat "$STATS/reasons/$cpuid/away_total")" ]
