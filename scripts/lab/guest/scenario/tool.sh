# shellcheck shell=sh
# The tool on real numbers: it shows what sysfs and debugfs have, and notices resets and unloading.
# The metrics and the recording that it writes are printed for tests on the host.
. /lib/l1.sh
cd "$HOME" || exit

# same NAME COMMAND...: test that the command prints what is in the file "expected"
same()
{
	name=$1
	shift
	if "$@" >actual && cmp -s expected actual; then
		echo "ok $name"
	else
		echo "not ok $name"
		diff expected actual || :
	fi
}

# status_is STATUS COMMAND...
status_is()
{
	expected=$1
	status=0
	shift
	"$@" >actual 2>&1 || status=$?
	[ $status = "$expected" ] || {
		echo "status $status, not $expected, of $*"
		cat actual
		return 1
	}
}

numbers="count cycles_total cycles_min cycles_avg cycles_max away_total away_min away_avg
	away_max away_user away_blocked away_polled away_preempted user_exits guest_cycles"
columns=REASON,COUNT,TOTAL,MIN,AVG,MAX,AWAY,AWAY_MIN,AWAY_AVG,AWAY_MAX
columns=$columns,USER,BLOCKED,POLLED,PREEMPTED,USER_EXITS,GUEST

# Print the columns as the tool should, from the files in sysfs.  Where a reason has no away time
# yet, the tool shows an empty field, and sysfs has a number.
sysfs_table()
{
	echo "$columns"
	for dir in "$STATS"/reasons/*; do
		[ "$(cat "$dir/count")" != 0 ] || continue
		line=${dir##*/}
		for number in $numbers; do
			value=$(cat "$dir/$number")
			case $number in
			away_min | away_avg | away_max)
				grep -q '[1-9]' "$dir/away_hist" || value=
				;;
			esac
			line=$line,$value
		done
		echo "$line"
	done
}

load_kvm
guest
pid=$(cat /tmp/guest.pid)
sysfs_table >expected
same "the table has the numbers of sysfs" kvm_exit_stat --csv -o $columns -s REASON
same "the only VM has the numbers of the system" \
	kvm_exit_stat --csv -o $columns -s REASON --vm "$pid"
same "the only vCPU has the numbers of the system" \
	kvm_exit_stat --csv -o $columns -s REASON --vm "$pid" --vcpu 0

vm=$(cd /sys/kernel/debug/kvm && echo "$pid"-*)
kvm_exit_stat --csv -t >expected
same "the VM can be named in full, and times be in microseconds" kvm_exit_stat --csv -t --vm "$vm"
check "no VM of another process" status_is 3 kvm_exit_stat --vm 99999
check "no vCPU of another number" status_is 3 kvm_exit_stat --vm "$pid" --vcpu 7
kvm_exit_stat --openmetrics=metrics.1

# Record from before a guest starts until it has done its work.
kvm_exit_stat record -i 0.5 recording &
record=$!
guest
kill $record
wait $record || :
check "a recording is read" kvm_exit_stat diff recording recording
kvm_exit_stat --openmetrics=metrics.2

# Without a VM, all counters stay as they are.
kill "$(cat /tmp/guest.pid)"
sleep 1
check "an idle host has no exits" status_is 0 kvm_exit_stat -i 0.1 -n 1 --raw -o REASON
check "the table has no line then" value_is actual "TIMESTAMP REASON"

# after COMMAND...: run it while the tool waits for the end of its interval
after()
{
	{
		sleep 1
		"$@"
	} &
	exit_stat_status=0
	kvm_exit_stat -i 3 -n 1 || exit_stat_status=$?
	wait
	return $exit_stat_status
}
check "a reset is noticed" status_is 5 after sh -c "echo 1 >$STATS/reset"
check "nothing is left after a reset" status_is 0 kvm_exit_stat --raw -o REASON
check "the table is empty after a reset" value_is actual REASON
check "unloading is noticed" status_is 6 after rmmod "$(vendor)"
check "without KVM there is nothing to show" status_is 3 kvm_exit_stat

for name in metrics.1 metrics.2 recording; do
	echo "--- $name"
	cat $name
done
echo "--- dmesg"
dmesg
