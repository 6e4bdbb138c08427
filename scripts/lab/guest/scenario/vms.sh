# shellcheck shell=sh
# What the statistics know of a VM: its process while it exists, and its numbers when it is gone;
# what KVM_RUN returned with, and who took the CPU of its vCPU; and what QEMU shows of its vCPU.
. /lib/l1.sh
cd "$HOME" || exit
DEBUG=/sys/kernel/debug
GONE=$DEBUG/kvm_exit_stats_gone

# head_of TABLE NAME: print a value of the lines above the rows
head_of()
{
	awk -v name="$2" '$1 == "reason" { exit } $1 == name { print $2 }' "$1"
}

# column_of TABLE NAME [REASON]: print a number of that reason, or of the line TOTAL
column_of()
{
	awk -v name="$2" -v reason="${3:-TOTAL}" '
		$1 == "reason" { for (i = 1; i <= NF; i++) if ($i == name) n = i }
		$1 == reason && n { print $n }' "$1"
}

# users_of TABLE: print "REASON COUNT CYCLES" for each reason with which KVM_RUN returned
users_of()
{
	awk '$1 == "reason" { table = 1; next }
		$1 == "TOTAL" { exit }
		table && $NF != "-" {
			n = split($NF, all, ",")
			for (i = 1; i <= n; i++) {
				split(all[i], a, ":")
				count[a[1]] += a[2]
				cycles[a[1]] += a[3]
			}
		}
		END { for (r in count) print r, count[r], cycles[r] | "sort" }' "$1"
}

# gone_of VM NAME: print a column of a VM that is gone
gone_of()
{
	awk -v vm="$1" -v name="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) n = i }
		NR > 1 && $1 == vm { print $n }' "$GONE"
}

is_gone()
{
	[ -n "$(gone_of "$1" vm)" ]
}

# table_of PID: print the table of the VM of that process
table_of()
{
	cat "$DEBUG/kvm/$1"-*/exit_stats
}

load_kvm
echo 0 >"$STATS/interval"
mkdir -p /cgroup
mount -t cgroup2 cgroup2 /cgroup
mkdir "/cgroup/a b.scope"
uevents >events &
listener=$!

# A VM of a process whose name and cgroup have blanks, which the table must escape
ln -s "$(command -v exit_loop)" "exit loop"
sh -c 'echo $$ >"/cgroup/a b.scope/cgroup.procs"; exec "./exit loop" io 2000 1000000' >/dev/null &
vm=$!
sleep 1
table_of $vm >table
check "a VM has its process" [ "$(head_of table pid)" = $vm ]
check "a VM has its command" [ "$(head_of table command)" = 'exit\040loop' ]
check "a VM has its cgroup" [ "$(head_of table cgroup)" = '/a\040b.scope' ]
check "a VM has its vCPUs" [ "$(head_of table vcpus)" = 1 ]
cat $DEBUG/kvm/$vm-*/vcpu0/exit_stats >table.vcpu
check "a vCPU has its number, and the VM's" \
	[ "$(head_of table.vcpu vcpu) $(head_of table.vcpu vm)" = "0 $(head_of table vm)" ]
uptime=$(awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime)
created=$(($(head_of table created_ns) / 1000000))
check "a VM was made a moment ago ($created of $uptime ms)" \
	[ "$created" -gt 0 -a "$created" -le "$uptime" ]

# Who takes the CPU of the vCPU: put both processes on one CPU, where each preempts the other.
sh -c 'while :; do :; done' &
hog=$!
[ ! -e /sys/devices/system/cpu/cpu1 ] || {
	taskset -p 1 $vm
	taskset -p 1 $hog
} >/dev/null
sleep 2
kill -STOP $vm
sleep 1
table_of $vm >table
check "it is known who took the CPU ($(grep -c ^preempted_by table))" \
	grep -q "^preempted_by $hog sh [1-9]" table
# The cycles of preempted_by can be more than the column: that lacks those of an exit that is not
# closed yet.  They can be less if an error is not 0: then there were more processes than are kept,
# and the cycles of those that were replaced are lost.
grep ^preempted_by table
taken=$(awk '$1 == "preempted_by" { n += $6; error += $5 } END { print n + 0, error + 0 }' table)
preempted=$(column_of table away_preempted)
check "they took $taken cycles (error), of $preempted of that the VM was preempted" \
	[ "${taken% *}" -le $((preempted + preempted / 10)) -a \
	"${taken% *}" -ge $((${taken#* } ? preempted / 2 : preempted)) ]
kill -KILL $hog
wait $hog 2>/dev/null || :

users_of table >users
cat users
check "KVM_RUN returned with KVM_EXIT_IO" grep -q '^2 [1-9][0-9]* [1-9]' users
user=$(awk '{ n += $3 } END { print n }' users)
away_user=$(column_of table away_user)
check "times in user space add up: $user, $away_user" \
	[ "$user" -ge "$away_user" -a "$((user - away_user))" -le "$((away_user / 100))" ]

number=$(head_of table vm)
kill -CONT $vm
kill -KILL $vm
wait $vm 2>/dev/null || :
await 5 is_gone "$number"
cat "$GONE"
check "a VM that is gone is remembered" [ "$(gone_of "$number" pid)" = $vm ]
check "so is its command, and cgroup" \
	[ "$(gone_of "$number" command) $(gone_of "$number" cgroup)" = 'exit\040loop /a\040b.scope' ]
check "the only VM had all exits" \
	[ "$(gone_of "$number" exits)" = "$(cat "$STATS/total_exits")" ]
for name in cycles_total away_total guest_cycles away_user away_blocked away_polled away_preempted; do
	check "it had all $name" [ "$(gone_of "$number" $name)" = "$(column_of "$TABLE" $name)" ]
done
check "the most expensive reason is first" \
	sh -c "awk '\$1 == $number { print \$NF }' $GONE | grep -Eq '^(IO_INSTRUCTION|io):'"
grep EXITS= events
check "the uevent has what it had" grep -q "EVENT=destroy EXIT_STATS_VM=$number \
EXITS=$(gone_of "$number" exits) EXIT_HANDLING_NS=[1-9][0-9]* EXIT_TAX_PERCENT=[0-9.]* \
EXIT_TOP_REASON=[iI]" events

# Destroy more VMs than are remembered.
i=0
while [ $i -lt 70 ]; do
	exit_loop cpuid 1 1 >/dev/null
	i=$((i + 1))
done
sed 1d "$GONE" | awk '{ print $1 }' >numbers
check "64 VMs are remembered" [ "$(wc -l <numbers)" = 64 ]
check "none has the number of another, the latest is last" \
	sh -c 'sort -nu numbers | cmp -s - numbers'
check "the latest ones are" [ "$(tail -n 1 numbers)" = $((number + 70)) ]
echo 1 >"$STATS/reset"
check "none is after a reset" [ "$(wc -l <"$GONE")" = 1 ]

# Compare the statistics that QEMU shows of its guest with the table.
mkfifo /tmp/qmp.in /tmp/qmp.out
guest -qmp pipe:/tmp/qmp &
guest=$!
exec 4>/tmp/qmp.in 5</tmp/qmp.out
wait $guest
qmp()
{
	echo "$1" >&4
	while read -r line <&5; do
		case $line in
		*'"return"'*)
			echo "$line"
			break
			;;
		esac
	done
}
qmp '{"execute": "qmp_capabilities"}' >/dev/null
qmp '{"execute": "query-stats", "arguments": {"target": "vcpu"}}' >stats.json
pid=$(cat /tmp/guest.pid)
table_of "$pid" >table
# sum_in_qemu NAME: print the sum over the buckets of a histogram
sum_in_qemu()
{
	grep -o "\"name\": \"$1\", \"value\": [^}]*" stats.json | grep -o '\[.*\]' |
		tr -d '[] ' | tr , '\n' | awk '{ n += $1 } END { printf "%d\n", n }'
}
check "QEMU's exit_reasons are the vCPU's exits" \
	[ "$(sum_in_qemu exit_reasons)" = "$(column_of table count)" ]
check "QEMU's exit_reason_cycles are those of their handling" \
	[ "$(sum_in_qemu exit_reason_cycles)" = "$(column_of table cycles_total)" ]
check "QEMU's exits are those of KVM" \
	grep -q "\"name\": \"exits\", \"value\": $(column_of table count)\\>" stats.json

# Test the tool with three VMs, one of which is then destroyed.
vms()
{
	kvm_exit_stat "$@" --raw -o VM,NAME,PID
}

# vms_are NUMBER: whether so many VMs exist
vms_are()
{
	[ "$(vms --vms | sed 1d | wc -l)" = "$1" ]
}
exit_loop cpuid 1000000 1000000 >/dev/null &
first=$!
exit_loop cpuid 1000000 1000000 >/dev/null &
last=$!
await 10 vms_are 3
vms --vms
check "three VMs are listed" vms_are 3
check "the guest is among them by its name" \
	grep -q "^[0-9]* web-7 $pid\$" <<-END
		$(vms --vms)
	END
kvm_exit_stat --vm "$pid" --csv >table.pid
for vm in web-7 "$(head_of table vm)" "$pid-*"; do
	# shellcheck disable=SC2086  # the name of the directory
	kvm_exit_stat --vm "$(cd $DEBUG/kvm && echo $vm)" --csv >table.vm
	check "the guest is found as $vm" cmp -s table.pid table.vm
done
check "it has one vCPU" [ "$(kvm_exit_stat --vm web-7 --per-vcpu --raw -o VCPU | wc -l)" = 2 ]
number=$(vms --vms | awk -v pid=$last '$3 == pid { print $1 }')
kill -KILL $last
wait $last 2>/dev/null || :
await 5 is_gone "$number"
vms --dead
check "the one that is gone is among the dead" \
	[ "$(vms --dead | tail -n 1)" = "$number exit_loop $last" ]
check "and not among the living" vms_are 2
kill "$pid" $first $listener
