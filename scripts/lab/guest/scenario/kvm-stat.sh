# shellcheck shell=sh
# Run the kernel's own kvm_stat while a VM runs: it expects each file at the top of KVM's directory
# in debugfs to have one number, and each VM to have that file, too.
. /lib/l1.sh
cd "$HOME" || exit

# kvm_stat_of OPTION: write what kvm_stat shows after a second to the file "shown"
kvm_stat_of()
{
	timeout 200 python3 -S -B /usr/bin/kvm_stat --once "$1" >shown 2>&1
}

# shows NAME: whether "shown" has that name once, with a total and an increase greater than 0
shows()
{
	awk -v name="$1" '$1 == name && NF == 3 { n++; good = $2 > 0 && $3 > 0 }
		END { exit !(n == 1 && good) }' shown
}

load_kvm
echo 0 >"$STATS/interval"
exit_loop cpuid 1000000 1000000 >/dev/null &
vm=$!
await 10 has_exits 1000

find /sys/kernel/debug/kvm -maxdepth 1 -type f >statistics
check "there are statistics ($(wc -l <statistics))" [ "$(wc -l <statistics)" -gt 50 ]
check "each is one number" [ "$(xargs cat <statistics | grep -cx '[0-9]*')" = "$(wc -l <statistics)" ]

check "kvm_stat -d comes to its end" kvm_stat_of -d
check "it shows lines of a name and two numbers, and nothing else" \
	sh -c '! grep -vE "^[a-z0-9_]+ +[0-9]+ +-?[0-9]+$" shown'
check "it shows exits" shows exits
for name in exit_reasons exit_reason_cycles; do
	check "it shows $name like any other" grep -q "^$name  *[0-9]*  *[0-9]*$" shown
done
check "kvm_stat -t comes to its end" kvm_stat_of -t
check "it shows exits by trace events" shows kvm_exit
awk '$2' shown

kill -KILL $vm
wait $vm || :
