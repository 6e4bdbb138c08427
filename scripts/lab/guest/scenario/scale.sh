# shellcheck shell=sh
# boot: memory=768 cpus=2 limit=600
# A host with many VMs: 64 VMs with 256 vCPUs in all are created and destroyed together, three
# times, while readers read.  bench-readers.sh measures what reading costs.
. /lib/l1.sh
cd "$HOME" || exit

# Test that tables add up: those of vCPUs to that of their VM; and those of all VMs, together with
# that of the system "before", i.e. of VMs that are gone, to that of the system now.  Prints a line
# for each number that is wrong, then "VMS VCPUS NUMBERS WRONG", the number of each of these.
cat >add_up.awk <<'EOF'
FNR == 1 {
	table = 0
	split(FILENAME, path, "/")
	vm = ""
	if (FILENAME !~ /\/kvm\//)
		kind = FILENAME ~ /^before/ ? "before" : "system"
	else if (FILENAME ~ /\/vcpu/)
		kind = "vcpu"
	else
		kind = "vm"
	if (kind == "vm" || kind == "vcpu")
		vm = path[6]
	tables[kind]++
}
$1 == "reason" {
	for (i = 3; i <= NF - 3; i++)
		name[i] = $i
	columns = NF - 3
	table = 1
	next
}
$1 == "TOTAL" || $1 == "nested" || $1 == "reflected" { table = 0 }
table {
	for (i = 3; i <= columns; i++) {
		if (name[i] ~ /_(min|avg|max)$/)
			continue
		if (vm != "") {
			of_vm[vm " " $1 " " name[i]] += kind == "vm" ? $i : -$i
			if (kind == "vm")
				of_system[$1 " " name[i]] += $i
		} else {
			of_system[$1 " " name[i]] += kind == "before" ? $i : -$i
		}
	}
}
$1 == "dropped" && $2 != 0 { print FILENAME ": " $0 }
END {
	for (i in of_vm) {
		numbers++
		if (of_vm[i] != 0) {
			wrong++
			print "the vCPUs lack " i ": " of_vm[i]
		}
	}
	for (i in of_system) {
		numbers++
		if (of_system[i] != 0) {
			wrong++
			print "the VMs have more " i ": " of_system[i]
		}
	}
	print tables["vm"] + 0, tables["vcpu"] + 0, numbers + 0, wrong + 0
}
EOF

# rows_of TABLE: print the lines up to the total, i.e. all reasons
rows_of()
{
	awk '{ print } $1 == "TOTAL" { exit }' "$1"
}

# Read all there is once a second until all rounds are over, and write what is inconsistent to the
# file "wrong".  As nothing is reset meanwhile, a sum of exits that is read after one reading of
# total_exits and before the next must be between these two.
cat >read.sh <<'EOF'
. /lib/l1.sh
reads=0
while [ ! -e over ]; do
	least=$(cat "$STATS/total_exits") || echo "total_exits cannot be read"
	kvm_exit_stat --raw >read.tool 2>&1 || echo "the tool ended with status $?"
	kvm_exit_stat --vms --raw -o VM,NAME,COUNT >read.vms 2>&1 || echo "--vms ended with status $?"
	cat "$TABLE" >read.table || echo "the table cannot be read"
	[ $((reads % 4)) != 3 ] || echo 1 >"$STATS/dump" || echo "no summary"
	most=$(cat "$STATS/total_exits") || echo "total_exits cannot be read"
	[ "$(cat "$STATS/dropped")" = 0 ] || echo "exits were dropped"

	awk -v least="$least" -v most="$most" '
		function between(what, n) {
			if (n + 0 < least || n + 0 > most)
				print what " " n + 0 " exits, total_exits " least " to " most
		}
		FNR == 1 {
			for (i = 1; toupper($i) != "COUNT"; i++) {
				if (i > NF) {
					print FILENAME " has no counts"
					exit
				}
			}
			fields = NF
			next
		}
		NF != fields && !ended { print FILENAME ": " $0 }
		FILENAME == "read.tool" { tool += $i }
		FILENAME == "read.vms" { vms += $i }
		FILENAME == "read.table" && !ended {
			if ($1 == "TOTAL") {
				total = $i
				ended = 1
			} else {
				rows += $i
			}
		}
		END {
			between("the tool has", tool)
			between("the table has", total)
			if (rows + 0 != total + 0)
				print "the rows have " rows + 0 " exits, the table " total + 0
			if (vms > most)
				print "VMs have " vms " exits, total_exits is " most
		}' read.tool read.vms read.table
	reads=$((reads + 1))
	sleep 1
done >wrong 2>&1
echo $reads >reads
EOF

# Run while 64 VMs exist: test their numbers.
cat >living.sh <<'EOF'
. /lib/l1.sh
round=$1
vms=$(kvm_exit_stat --vms --raw -o VM | sed 1d | sort -u | wc -l)
total=$(cat "$STATS/total_exits")
before=$(awk '$1 == "TOTAL" { print $3 }' before)
kvm=$(kvm_exits)
sum=$(sum_of count)
cat "$TABLE" >system
awk -f add_up.awk before system /sys/kernel/debug/kvm/*-*/exit_stats \
	/sys/kernel/debug/kvm/*-*/vcpu*/exit_stats >added
cat added
check "round $round: 64 VMs are listed ($vms)" [ "$vms" = 64 ]
check "round $round: sum of counts $sum = total_exits $total = $before + KVM's own exits $kvm" \
	[ "$sum $total" = "$total $((before + kvm))" -a "$kvm" -gt 10000 ]
check "round $round: vCPUs add up to their VM, VMs to the system" \
	sh -c "tail -n 1 added | grep -q '^64 256 [1-9][0-9]* 0\$'"
check "round $round: no exit was dropped" sh -c "! grep ': dropped' added"
EOF

load_kvm
echo 0 >"$STATS/interval"
cat "$TABLE" >before
sh read.sh &
readers=$!
for round in 1 2 3; do
	read_cost vms 64 4 10 sh living.sh $round
	cat "$TABLE" >after
	rows_of after >rows.after
	rows_of system >rows.system
	check "round $round: what they had is left when they are gone" cmp rows.after rows.system
	mv after before
done
touch over
wait $readers
cat wrong
check "readers read $(cat reads) times, and nothing was wrong" \
	[ "$(cat reads)" -gt 3 -a ! -s wrong ]
