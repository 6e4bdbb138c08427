# shellcheck shell=sh
# What an exit costs: without the statistics, with the statistics off and on, with keys ("new-keys"
# are exits of which each has another key), with summaries, and with trace events.  Each
# measurement is one line, in cycles, see exit_loop.c:
#
#	exit TYPE HOW LEAST MEAN
#
# For each load, one line with the number of exits that were counted, and KVM's own count as OF:
#
#	counted HOW LOAD EXITS OF
#
# And one line for creating and destroying 1000 VMs, in Bochs 100, see vm_life.c:
#
#	life HOW CREATE DESTROY WORK EXITS
. /lib/l1.sh

events=/sys/kernel/tracing/events/kvm
cd "$HOME" || exit

# loop HOW RUNS [COMMAND...]: measure exits of all types, with COMMAND as a prefix of exit_loop.
# Even a run with twice these numbers of exits is shorter than the time between two timer ticks.
loop()
{
	how=$1 runs=$2 all=0
	shift 2
	for type in cpuid:40 msr:40 hlt:10 io:15 mmio:10 ept:20; do
		result=$("$@" exit_loop "${type%:*}" "${type#*:}" "$runs")
		echo "exit ${type%:*} $how ${result% *}"
		all=$((all + ${result##* }))
	done
}

loop_counted()
{
	echo 1 >"$STATS/reset"
	loop "$1" 40
	echo "counted $1 loops $(cat "$STATS/total_exits") $all"
}

new_keys()
{
	result=$(exit_loop keys 20 40)
	echo "exit new-keys $1 ${result% *}"
}

vms=1000
! in_bochs || vms=100

load_kvm /lib/modules exit_stats_interval=0 halt_poll_ns=0
echo 0 >"$STATS/enabled"
loop disabled 40
echo 1 >"$STATS/enabled"
loop_counted enabled
echo "life enabled $(vm_life $vms 1)"
echo 1 >"$STATS/keys"
loop_counted keys
new_keys keys
echo 0 >"$STATS/keys"
# Measure what counting toward a summary costs, without printing: a summary is due in few runs
# only, which LEAST leaves out.  A work item prints it, up to the rate limit, and not to the
# console.
echo 500 >"$STATS/interval"
loop_counted interval
unload_kvm

load_kvm /lib/modules/without halt_poll_ns=0
loop without 40
new_keys without
echo "life without $(vm_life $vms 1)"
echo 1 >$events/kvm_exit/enable
loop kvm_exit 40
echo 1 >$events/kvm_entry/enable
loop kvm_exit+kvm_entry 40
echo 0 >$events/kvm_exit/enable
echo 0 >$events/kvm_entry/enable
