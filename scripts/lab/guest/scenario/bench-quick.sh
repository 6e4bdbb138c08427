# shellcheck shell=sh
# What an exit costs: without the statistics, with them switched off and on, with keys, of
# which "new-keys" has another one each time, counting toward a summary, and with trace events.  One line for each measurement, in cycles, see
# exit_loop.c:
#
#	exit TYPE HOW LEAST MEAN
#
# and one for the exits that were counted of a load, beside KVM's own count:
#
#	counted HOW LOAD EXITS OF
#
# and one for the life of a VM, see vm_life.c, of 1000 or, in Bochs, 100:
#
#	life HOW CREATE DESTROY WORK EXITS
. /lib/l1.sh

events=/sys/kernel/tracing/events/kvm
cd "$HOME" || exit

# loop HOW RUNS [COMMAND...]: exits of all types, with the command before each loop.
# Twice as many exits fit between two timer ticks.
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
# A summary is due in few runs, and is printed, up to the rate limit, by a work item, and not
# to the console: LEAST leaves these runs out, i.e. is with counting and without printing.
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
