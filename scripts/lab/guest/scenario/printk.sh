# shellcheck shell=sh
# boot: cpus=2 limit=900
# Print summaries to a slow console, with one CPU and with two: nothing stalls, no vCPU waits for
# the console, no summary gets lost, and no guest floods the log.
. /lib/l1.sh
cd "$HOME" || exit

# Have the kernel complain early: of soft lockups of 4 s, RCU stalls of 5 s, and tasks that hang
# for 10 s.  boot.sh looks for these messages.
echo 2 >/proc/sys/kernel/watchdog_thresh
echo 5 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
echo 10 >/proc/sys/kernel/hung_task_timeout_secs
check "soft lockups are looked for" value_is /proc/sys/kernel/soft_watchdog 1
check "RCU stalls are looked for" value_is /sys/module/rcupdate/parameters/rcu_cpu_stall_suppress 0

# 9600 baud are 960 characters per second, if the emulator takes the speed of the line into account.
stty -F /dev/ttyS0 9600
online=/sys/devices/system/cpu/cpu1/online

# Print the uptime in ms, without a leading 0, with which the shell would take it for octal
uptime_ms()
{
	read -r up _ </proc/uptime
	up=${up%.*}${up#*.}
	up=${up#0}
	echo "${up#0}0"
}

# Count turns of a loop, and note the longest time from one turn to the next, in ms.
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

# Load KVM anew, as the limit on summaries in some time then starts anew.
reload_kvm()
{
	unload_kvm
	load_kvm
	dmesg -c >/dev/null
}

# load TYPE EXITS VMS: run that many VMs at once, each with 4 * EXITS exits and a few more
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
	# Reports the folded summaries that no printed one has reported yet
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

# Measure how long it takes to add and to delete a memslot, in us, while a vCPU makes exits in a
# loop and messages go to the console.  Sets "us" and "exits".
memslots()
{
	echo 7 >/proc/sys/kernel/printk
	timeout 200 memslot 50 >memslot.out
	echo 5 >/proc/sys/kernel/printk
	read -r us exits <memslot.out
	echo "# $us us for a memslot, $exits exits, $(count_summaries) summaries"
}

# No vCPU may print a summary itself, as changes of memslots wait for vCPUs.  So adding and
# deleting a memslot must not take much longer than when another task prints as much: at most
# twice as long, and five lines more.  A line takes a CPU 100 ms; if that is the CPU of the vCPU,
# each of about three grace periods waits for a line.  A summary has more lines than five, and
# memslots would wait for all of them.
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

# Have far more summaries fall due than the log should have: most must be folded.
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

# How many exits a loop makes, such that a test takes about ten seconds
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
