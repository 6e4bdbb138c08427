# shellcheck shell=sh
# Functions and paths that all scenarios in L1 share.
STATS=/sys/kernel/kvm_exit_stats
# The table of the system in debugfs
# shellcheck disable=SC2034  # used by scenarios
TABLE=/sys/kernel/debug/kvm_exit_stats

# Print the name of the vendor module for this CPU
vendor()
{
	if grep -qw vmx /proc/cpuinfo; then
		echo kvm-intel
	elif grep -qw svm /proc/cpuinfo; then
		echo kvm-amd
	else
		echo "L1's CPU has neither vmx nor svm" >&2
		return 1
	fi
}

# load_kvm [DIRECTORY [PARAMETER...]]: the parameters are those of kvm.ko
load_kvm()
{
	dir=${1:-/lib/modules}
	[ $# -eq 0 ] || shift
	[ -d /sys/module/irqbypass ] || insmod /lib/modules/irqbypass.ko
	[ -d /sys/module/kvm ] || insmod "$dir/kvm.ko" "$@"
	insmod "$dir/$(vendor).ko"
}

unload_kvm()
{
	rmmod "$(vendor)"
	rmmod kvm
}

# KVM's own count of exits, over the VMs that exist now
kvm_exits()
{
	cat /sys/kernel/debug/kvm/exits
}

# sum_of FILE: print the sum of that file over all reasons
sum_of()
{
	sum=0
	for file in "$STATS"/reasons/*/"$1"; do
		read -r n <"$file"
		sum=$((sum + n))
	done
	echo $sum
}

# check NAME COMMAND...: one test, which the command passes if it succeeds
check()
{
	name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
	fi
}

# await SECONDS COMMAND...: repeat the command until it succeeds, or the time is over
await()
{
	tries=$(($1 * 10))
	shift
	until "$@" || [ $((tries -= 1)) -lt 0 ]; do
		usleep 100000
	done
}

# has_exits NUMBER: whether more exits than that were recorded
has_exits()
{
	[ "$(cat "$STATS/total_exits")" -gt "$1" ]
}

# Print how many summaries are in the kernel log
count_summaries()
{
	log_lines | grep -c '^kvm_exit_stats: summary at' || :
}

# Print how many summaries were not printed, but folded into the next one that was
count_folded()
{
	log_lines | awk '/^kvm_exit_stats: .* summaries since the last one were folded/ { n += $2 }
		END { print n + 0 }'
}

# Request one more summary, which reports those folded last.  Wait before: the work item may
# still be printing one.
last_summary()
{
	usleep 300000
	echo 1 >"$STATS/dump"
}

# Test the exits since KVM was loaded.  All VMs since then must still exist, as KVM's own count
# has only these.
check_exits()
{
	ours=$(cat "$STATS/total_exits")
	kvm=$(kvm_exits)
	sum=$(sum_of count)
	last_summary
	summaries=$(($(count_summaries) - 1))
	folded=$(count_folded)
	interval=$(cat "$STATS/interval")

	check "sum of counts $sum = total_exits $ours = KVM's own exits $kvm" \
		[ "$sum $ours" = "$ours $kvm" ]
	check "no exit was dropped" value_is "$STATS/dropped" 0
	check "$summaries summaries, $folded folded = $ours exits / $interval" \
		[ $((summaries + folded)) = $((ours / interval)) ]
}

# selftest COMMAND...: run one of the kernel's selftests and print its TAP output.  Succeeds if
# that is complete, i.e. has the line of totals; failed tests are lines of their own.
selftest()
{
	"$@" >/tmp/selftest.log 2>&1 || true
	cat /tmp/selftest.log
	grep -q '^# Totals: pass:[1-9][0-9]* fail:[0-9]* xfail:0 xpass:0 skip:[0-9]* error:0' \
		/tmp/selftest.log
}

value_is()
{
	[ "$(cat "$1")" = "$2" ]
}

# Whether L1 runs in Bochs, which is slow, and in which a vCPU may never be interrupted again if
# there are more vCPUs than CPUs
in_bochs()
{
	grep -qw emulator=bochs /proc/cmdline
}

# The kernel log without its time stamps
log_lines()
{
	dmesg | sed 's/^\[[^]]*\] //'
}
