# shellcheck shell=sh
# boot: parameters=tsc=reliable limit=1800
# What readers cost, by the number of vCPUs that live and have made exits, and what memory
# the statistics take, on a machine with some possible CPUs, one of them present.  One
# figure per line:
#
#   read WHAT CPUS VCPUS INSTRUCTIONS
#	to read WHAT once: "files" are those in sysfs that the tool reads for all numbers of
#	the system, "tool" is all that the tool does, from exec() to exit(), "debugfs" is the
#	table of the system, "total" the file total_exits alone.  "summary" is to write to
#	dump, which calls what the work item of summaries calls, and waits for no console:
#	the lines are below its log level.  "reset" is to write to reset with the most VMs that
#	are gone to forget.  A repeated string instruction counts each time.
#   end with|without CPUS VCPUS INSTRUCTIONS
#	the end of a VM with 4 vCPUs, with the feature and without, see vm_life.c, while
#	VCPUS others live
#   slab WHAT with|without CPUS BYTES
#	slab memory, with the feature and without: "loaded" is what loading KVM takes,
#	"created" what VCPUS vCPUs take, "exited" the same when they have made exits, "left"
#	what is left of four times as many that are gone
#   latency alone|scraped CPUS MEAN P99.9
#	how late a vCPU with a real-time priority is, see vm_latency.c, alone, and beside the
#	tool, which reads all of the system and of each VM ten times a second, with 64 vCPUs
#	more.  It is out of step with the vCPU's periods: in step, what is late would be late
#	each time, or never.
#   rows CPUS ROWS
#	that all these vCPUs have in all
#
# Slab memory is that which the kernel cannot reclaim.  The bytes are exact but for pages
# of small objects that a change begins or empties.
. /lib/l1.sh
VCPUS=512
cd "$HOME" || exit

possible=$(cat /sys/devices/system/cpu/possible)
cpus=$((${possible#*-} + 1))

# Let what is being freed be free: the kernel puts that off.
slab_bytes()
{
	sleep 1
	read_cost slab
}

# slab WHAT BYTES: less those from before
slab()
{
	echo "slab $1 $way $cpus $(($2 - before))"
}

# For shells that run while vCPUs live
cat >slab.sh <<'EOF'
sleep 1
read_cost slab
cat /sys/kernel/debug/kvm/*/vcpu*/exit_stats 2>/dev/null |
	awk '$1 == "TOTAL" { table = 0 } table { rows++ } $1 == "reason" { table = 1 }
		END { print rows + 0 }' >rows
EOF
cat >read.sh <<'END'
cpus=$1 vcpus=$2
cd /sys/kernel/kvm_exit_stats
# As often as the tool reads them
echo "read files $cpus $vcpus $(read_cost files isa tsc_khz total_exits total_exits dropped \
	reasons/*/stat)"
echo "read tool $cpus $vcpus $(read_cost run kvm_exit_stat --raw)"
echo "read debugfs $cpus $vcpus $(read_cost files /sys/kernel/debug/kvm_exit_stats)"
echo "read total $cpus $vcpus $(read_cost files total_exits)"
echo "read summary $cpus $vcpus $(read_cost write dump true)"
END
cat >reset.sh <<'END'
echo "read reset $1 $2 $(read_cost write /sys/kernel/kvm_exit_stats/reset vm_life 64 1)"
END
cat >end.sh <<'END'
life=$(vm_life 80 4)
life=${life% *}
echo "end $1 $2 $3 ${life##* }"
END

# The scheduler would let others run before those with a real-time priority now and then.
cat >latency.sh <<'END'
cpus=$1
! cd /sys/kernel/debug/sched/fair_server/cpu0 2>/dev/null || echo 0 >runtime
cd
vm_latency 100 >/dev/null
echo "latency alone $cpus $(vm_latency 5000)"
kvm_exit_stat -i 0.10037 --raw >everything.1 &
system=$!
kvm_exit_stat --vms -i 0.10037 --raw >everything.2 &
vms=$!
echo "latency scraped $cpus $(vm_latency 5000)"
kill $system $vms
[ -s everything.1 ] && [ -s everything.2 ] || echo "nothing was read"
END

for way in without with; do
	modules=/lib/modules
	[ $way = with ] || modules=/lib/modules/without
	# Once before, for what stays: caches, and what they begin with
	load_kvm $modules
	read_cost vms 1 $VCPUS 2 true
	unload_kvm
	before=$(slab_bytes)
	load_kvm $modules
	loaded=$(slab_bytes)
	slab loaded "$loaded"
	before=$loaded
	slab created "$(read_cost vms 1 $VCPUS 0 sh slab.sh)"
	slab exited "$(read_cost vms 1 $VCPUS 2 sh slab.sh)"
	[ $way = without ] || echo 1 >"$STATS/keys"
	slab keyed "$(read_cost vms 1 $VCPUS 2 sh slab.sh)"
	[ $way = without ] || echo 0 >"$STATS/keys"
	# What caches keep is there once.
	before=$(slab_bytes)
	for _ in 1 2 3 4 5 6 7 8; do
		read_cost vms 1 $VCPUS 2 true
	done
	slab left "$(slab_bytes)"
	[ $way = with ] || unload_kvm
done
echo "rows $cpus $(cat rows)"

read_cost vms 1 64 2 sh latency.sh "$cpus"
for vcpus in 1 64 256; do
	read_cost vms 1 $vcpus 2 sh read.sh "$cpus" $vcpus
done
# What is gone is read, too, and what was freed changes where memory is: last of all
for vcpus in 1 64 256; do
	read_cost vms 1 $vcpus 2 sh reset.sh "$cpus" $vcpus
done
for way in with without; do
	[ $way = with ] || {
		unload_kvm
		load_kvm /lib/modules/without
	}
	for vcpus in 1 64 256; do
		read_cost vms 1 $vcpus 2 sh end.sh $way "$cpus" $vcpus
	done
done
