# shellcheck shell=sh
# KVM as modules: the directory in sysfs comes and goes with the vendor module, even if files in
# it are open, and the switches keep their values as long as kvm.ko is loaded.
. /lib/l1.sh

no_entry()
{
	[ ! -e "$1" ]
}

load_kvm /lib/modules exit_stats_interval=1234
check "files are there after loading" [ -f "$STATS/reasons/UNKNOWN/count" ]
check "the table is in debugfs" [ -f "$TABLE" ]
check "the parameter sets the interval" value_is "$STATS/interval" 1234

exit_loop cpuid 100 1 >/dev/null
check "exits are counted" [ "$(cat "$STATS/total_exits")" -gt 100 ]

echo 0 >"$STATS/enabled"
echo 77 >"$STATS/interval"
exec 3<"$STATS/total_exits" 4<"$STATS/total_exits" 5<"$TABLE"
check "an open file can be read" read -r _ <&4
rmmod "$(vendor)"
check "the directory is gone after unloading" no_entry "$STATS"
check "an open file can no longer be read" \
	sh -c 'cat <&3 2>&1 | grep -q "No such device"'
check "an open table can no longer be read" sh -c 'cat <&5 2>&1 | grep -qi "input/output error"'
exec 3<&- 4<&- 5<&-
check "the table is gone after unloading" no_entry "$TABLE"

load_kvm
check "counters start from 0 after loading again" value_is "$STATS/total_exits" 0
check "'enabled' stays with kvm.ko" value_is "$STATS/enabled" 0
check "'interval' stays with kvm.ko" value_is "$STATS/interval" 77
exit_loop cpuid 100 1 >/dev/null
check "nothing is counted while it is off" value_is "$STATS/total_exits" 0
echo 1 >"$STATS/enabled"
exit_loop cpuid 100 1 >/dev/null
check "exits are counted again" [ "$(cat "$STATS/total_exits")" -gt 100 ]

unload_kvm
load_kvm
check "kvm.ko starts with the defaults" value_is "$STATS/interval" 500
check "kvm.ko starts with 'enabled' on" value_is "$STATS/enabled" 1
unload_kvm
check "the directory is gone for good" no_entry "$STATS"

load_kvm /lib/modules exit_stats=0
check "the parameter switches recording off" value_is "$STATS/enabled" 0
exit_loop cpuid 1000 1 >/dev/null
check "nothing is recorded then" value_is "$STATS/total_exits" 0
check "nor dropped" value_is "$STATS/dropped" 0
check "no reason has a line in the table" [ "$(grep -c . "$TABLE")" = 3 ]
echo 1 >"$STATS/enabled"
exit_loop cpuid 100 1 >/dev/null
check "exits are counted when it is switched on" [ "$(cat "$STATS/total_exits")" -gt 100 ]
unload_kvm

# Create and destroy that many VMs, and print how much is in use then: rows, if SLUB counts them,
# or else memory.  With KASAN, which frees memory late, used memory varies too much.
runs=200
rows=/sys/kernel/slab/kvm_exit_stat/objects
loop()
{
	i=0
	while [ $((i += 1)) -le $runs ]; do
		exit_loop cpuid 1 1 >/dev/null
	done
	if [ -e $rows ]; then
		cut -d ' ' -f 1 $rows
	else
		awk '/^MemTotal:/ { total = $2 } /^MemFree:/ { print total - $2 }' /proc/meminfo
	fi
}

load_kvm /lib/modules exit_stats_interval=0
limit=$runs
unit=kB
# Each VM has three or more rows, so a leak of all of them is more than two per VM.
[ ! -e $rows ] || limit=$((2 * runs)) unit=rows
loop >/dev/null
before=$(loop)
after=$(loop)
check "tables go with their vCPUs ($before $unit in use, then $after)" \
	[ $((after - before)) -lt $limit ]
unload_kvm

load_kvm /lib/modules exit_stats_interval=0
exit_loop cpuid 1000 1 >/dev/null
check "no summary with the parameter 0" \
	sh -c '! dmesg | grep -q "kvm_exit_stats: summary at 1[0-9][0-9][0-9] "'
