# shellcheck shell=sh
# boot: parameters=tsc=reliable limit=1800
# What readers cost, depending on the number of existing vCPUs that have made exits, and how much
# memory the statistics take.  CPUS is the number of possible CPUs, of which one is present.
# One figure per line:
#
#   read WHAT CPUS VCPUS INSTRUCTIONS
#	to read WHAT once: "files" are those in sysfs that the tool reads for all numbers of
#	the system, "tool" is all that the tool does, from exec() to exit(), "debugfs" is the
#	table of the system, "total" the file total_exits alone.  "summary" is to write to
#	dump, which calls the same function as the work item that prints summaries, without
#	waiting for a console: its log level hides the lines.  "reset" is to write to reset
#	while the list of VMs that are gone is full.  Each repetition of a string instruction
#	counts as an instruction.
#   end with|without CPUS VCPUS INSTRUCTIONS
#	to destroy a VM with 4 vCPUs, with the feature and without, see vm_life.c, while
#	VCPUS other vCPUs exist
#   slab WHAT with|without CPUS BYTES
#	slab memory, with the feature and without: "loaded" is what loading KVM takes,
#	"created" what VCPUS vCPUs take, "exited" the same when they have made exits, "keyed"
#	the same with keys, "left" what eight times as many vCPUs that are gone have left
#   latency alone|scraped CPUS MEAN P99.9
#	how late a vCPU with a real-time priority is, see vm_latency.c, alone, and beside the
#	tool, which reads all of the system and of each VM ten times a second, while 64 more
#	vCPUs exist.  The tool's interval is no multiple of the vCPU's period: otherwise the
#	tool would disturb the same periods each time, or none.
#   rows CPUS ROWS
#	the number of rows of all VCPUS vCPUs together
#
# Slab memory here is what the kernel cannot reclaim.  The kernel counts it in whole pages, so
# BYTES is exact but for pages that are partly used.
. /lib/l1.sh
VCPUS=512
cd "$HOME" || exit

possible=$(cat /sys/devices/system/cpu/possible)
cpus=$((${possible#*-} + 1))

# Wait before: the kernel frees some memory with a delay.
slab_bytes()
{
	sleep 1
	read_cost slab
}

# slab WHAT BYTES: print BYTES less $before
slab()
{
	echo "slab $1 $way $cpus $(($2 - before))"
}

# Scripts that read_cost runs while vCPUs exist
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

# Switch off the scheduler's fair server, which now and then runs other tasks before those with
# a real-time priority.
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
	# Load KVM and run VMs once before measuring: that creates caches, which stay.
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
	# Measured again here, so that what the caches keep by now is not part of "left"
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
# Last of all, as these leave VMs that are gone, which readers read, too, and as memory that was
# freed changes the addresses of what comes after
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
