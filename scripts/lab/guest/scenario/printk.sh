# shellcheck shell=sh
# boot: cpus=2 limit=900
# Summaries on a console that takes its time, with one CPU and with two: nothing stalls, no
# vCPU waits for the console, none gets lost, and no guest floods the log.
. /lib/l1.sh
cd "$HOME" || exit

# What an impatient kernel complains about: soft lockups of 4 s, RCU stalls of 5 s,
# tasks that hang for 10 s.  boot.sh looks for these complaints.
echo 2 >/proc/sys/kernel/watchdog_thresh
echo 5 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
echo 10 >/proc/sys/kernel/hung_task_timeout_secs
check "soft lockups are looked for" value_is /proc/sys/kernel/soft_watchdog 1
check "RCU stalls are looked for" value_is /sys/module/rcupdate/parameters/rcu_cpu_stall_suppress 0

# 960 characters per second, if the console is as slow as its line
stty -F /dev/ttyS0 9600
online=/sys/devices/system/cpu/cpu1/online

# Without a leading 0, which would make it octal
uptime_ms()
{
	read -r up _ </proc/uptime
	up=${up%.*}${up#*.}
	up=${up#0}
	echo "${up#0}0"
}

# Count, and keep the longest time from one turn to the next, in ms
other_task()
{
	turns=0 longest=0 last=$(uptime_ms)
	while [ ! -e stop ]; do
		now=$(uptime_ms)
		[ $((now - last)) -le $longest ] || longest=$((now - last))
		last=$now
		turns=$((turns + 1))
	done
	echo "$turns $longest" >other
}

# With all summaries that are allowed in some time ahead of it
reload_kvm()
{
	unload_kvm
	load_kvm
	dmesg -c >/dev/null
}

# load TYPE EXITS VMS: that many VMs at once, each with 4 * EXITS exits and a few more
load()
{
	i=0 pids=
	while [ $((i += 1)) -le "$3" ]; do
		timeout 200 exit_loop "$1" "$2" 1 >/dev/null &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid"
	done
}

# try CPUS TYPE EXITS VMS
try()
{
	what="$1 CPU, $4 VM with $2"
	rm -f stop other
	reload_kvm
	echo 0 >"$STATS/interval"

	other_task &
	other=$!
	echo 7 >/proc/sys/kernel/printk
	echo 1 >"$STATS/interval"
	start=$(uptime_ms)
	load "$2" "$3" "$4"
	# Tells what was folded into none
	last_summary
	passed=$(($(uptime_ms) - start))
	echo 5 >/proc/sys/kernel/printk
	touch stop
	wait $other
	read -r turns longest <other

	log_lines | grep '^kvm_exit_stats: ' >log
	counted=$(cat "$STATS/total_exits")
	printed=$(count_summaries)
	folded=$(count_folded)
	echo "# $what: $(wc -c <log) characters in $passed ms"
	check "$what: $counted exits are no fewer than were made" [ "$counted" -ge $(($3 * 4 * $4)) ]
	check "$what: $counted exits = $printed summaries and $folded folded, but for the dump" \
		[ "$counted" = $((printed - 1 + folded)) ]
	check "$what: the last summary has all exits" [ "$counted" = \
		"$(sed -n 's/^kvm_exit_stats: summary at \([0-9]*\) .*/\1/p' log | tail -n 1)" ]
	check "$what: another task had $turns turns" [ "$turns" -gt $((passed / 500)) ]
	check "$what: they were $longest ms apart at most" [ "$longest" -lt 2000 ]
	if in_bochs; then
		check "$what: the console was slow" [ $(($(wc -c <log) * 1000 / 960)) -le $((passed * 3 / 2)) ]
	fi
}

# How long it takes to add and to delete a memslot, in us, beside a vCPU with exits in a loop,
# and the console
memslots()
{
	echo 7 >/proc/sys/kernel/printk
	timeout 200 memslot 50 >memslot.out
	echo 5 >/proc/sys/kernel/printk
	read -r us exits <memslot.out
	echo "# $us us for a memslot, $exits exits, $(count_summaries) summaries"
}

# Printing is for no vCPU to do, which memslots would have to wait for: to add and to delete
# one takes no longer than when another task prints the same, but for five lines.  A line
# keeps a CPU for 100 ms, and if that is the one of the vCPU, each of the three or so grace
# periods waits for one.  A summary has more lines, and memslots would wait for all of them.
try_memslots()
{
	reload_kvm
	echo 0 >"$STATS/interval"
	touch dumping
	while [ -e dumping ]; do
		echo 1 >"$STATS/dump"
	done &
	dumps=$!
	memslots
	dumped=$us
	rm dumping
	wait $dumps
	reload_kvm
	memslots
	check "a memslot takes $us us beside summaries, $dumped us beside dumps" \
		[ "$us" -le $((2 * dumped + 500000)) -a "$(count_summaries)" -ge 2 ]
}

# Far more summaries are due than anybody wants in the log.
try_flood()
{
	reload_kvm
	echo 100 >"$STATS/interval"
	timeout 200 exit_loop cpuid 12000 1 >/dev/null
	last_summary
	due=$(($(cat "$STATS/total_exits") / 100))
	printed=$(($(count_summaries) - 1))
	folded=$(count_folded)
	check "$due summaries are due in a loop: $printed printed" \
		[ "$due" -ge 480 -a "$printed" -ge 1 -a "$printed" -le 100 ]
	check "and $folded folded" [ "$due" = $((printed + folded)) ]
}

# As much as is done in some ten seconds
exits=400
! in_bochs || exits=6

load_kvm
echo 0 >$online
check "there is one CPU" [ "$(grep -c ^processor /proc/cpuinfo)" = 1 ]
try 1 cpuid "$exits" 1
try 1 msr "$exits" 1
echo 1 >$online
check "there are two CPUs" [ "$(grep -c ^processor /proc/cpuinfo)" = 2 ]
try 2 cpuid "$exits" 2
try 2 msr "$exits" 2
try_memslots
try_flood

echo "--- dmesg"
dmesg
