# shellcheck shell=sh
# boot: limit=900
# Under lockdown, which cannot be switched off again, opening the tables in debugfs is refused,
# while the files in sysfs work.
. /lib/l1.sh
cd "$HOME" || exit
DEBUG=/sys/kernel/debug
LOCKDOWN=/sys/kernel/security/lockdown

# refused FILE: to open it fails with EPERM
refused()
{
	! cat "$1" >actual 2>&1 && grep -q "Operation not permitted" actual
}

# Load KVM before, as lockdown refuses modules without a signature.
load_kvm
mount -t securityfs securityfs /sys/kernel/security
# A VM that has made exits and is then stopped.  Not a Linux guest, which takes too long on a
# kernel with all these checkers.
echo 0 >"$STATS/interval"
exit_loop cpuid 1000 1000000 >/dev/null &
vm=$!
await 10 has_exits 1000
kill -STOP $vm

{ echo "$TABLE" && find "$DEBUG/kvm" -name exit_stats; } >tables
check "there are the tables of the system, a VM and a vCPU" [ "$(wc -l <tables)" = 3 ]
check "nothing is locked down at first" grep -qF "[none]" $LOCKDOWN
while read -r file; do
	check "${file#"$DEBUG"/} can be read" grep -q ^TOTAL "$file"
done <tables
check "VMs that are gone can be read" grep -q "^vm " "${TABLE}_gone"
exec 3<"$TABLE"

for mode in integrity confidentiality; do
	echo $mode >$LOCKDOWN
	check "$mode is in effect" grep -qF "[$mode]" $LOCKDOWN
	while read -r file; do
		check "$mode: ${file#"$DEBUG"/} is refused" refused "$file"
	done <tables
	check "$mode: VMs that are gone are refused" refused "${TABLE}_gone"
	check "$mode: slow exits are refused" refused "${TABLE}_slow"

	exits=$(cat "$STATS/total_exits")
	check "$mode: sysfs has numbers" [ "$exits" -gt 1000 ]
	check "$mode: each reason, too" [ "$(sum_of count)" = "$exits" ]
	echo 0 >"$STATS/enabled"
	check "$mode: 'enabled' can be set" value_is "$STATS/enabled" 0
	echo 1 >"$STATS/enabled"
	echo 77 >"$STATS/interval"
	check "$mode: 'interval' can be set" value_is "$STATS/interval" 77
	echo 0 >"$STATS/interval"
	echo 1 >"$STATS/dump"
	check "$mode: a summary can be had" \
		sh -c "dmesg | grep -q 'kvm_exit_stats: summary at $exits exits'"
done
check "a table that was open before can be read" grep -q ^TOTAL <&3
exec 3<&-

kill -KILL $vm
wait $vm || :
echo 1 >"$STATS/reset"
check "counters can be emptied" value_is "$STATS/total_exits" 0
