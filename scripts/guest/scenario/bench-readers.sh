# shellcheck shell=sh
# What readers cost, and what memory tables take, on a machine with CPUS possible CPUs,
# one of them present.  One figure per line:
#
#   read WHAT CPUS STATE INSTRUCTIONS FILES
#	to open, read and close each file of WHAT once that can be read: "sysfs" is
#	/sys/kernel/kvm_exit_stats, "debugfs" the table of the system, "total" the file
#	total_exits alone.  STATE is "empty", right after a reset, or "filled", after a
#	guest ran on the one CPU.  A repeated string instruction counts each time.
#   rows CPUS all|filled ROWS
#	that each CPU has, and that are not empty in state "filled"
#   memory cpus CPUS BYTES
#	slab memory that loading KVM takes: a table per CPU, and what does not depend
#	on CPUS
#   memory vcpus VCPUS BYTES
#	slab memory that so many vCPUs take more with tables than without
#
# Slab memory is that which the kernel cannot reclaim.  The bytes are exact but for pages
# of small objects that a change begins or empties.
. /lib/l1.sh
TABLE=/sys/kernel/debug/kvm/exit_stats
VCPUS=256
cd "$HOME" || exit

possible=$(cat /sys/devices/system/cpu/possible)
cpus=$((${possible#*-} + 1))

# Let what is being freed be free: the kernel puts that off.
settle()
{
	sleep 1
}

slab_bytes()
{
	settle
	read_cost slab
}

# vcpus_bytes SWITCH: with per_vcpu at that
vcpus_bytes()
{
	echo "$1" >"$STATS/per_vcpu"
	settle
	read_cost vcpus $VCPUS
}

# read_all STATE
read_all()
{
	echo "read sysfs $cpus $1 $(read_cost files "$STATS")"
	echo "read debugfs $cpus $1 $(read_cost files "$TABLE")"
	echo "read total $cpus $1 $(read_cost files "$STATS/total_exits")"
}

# Once before, for what stays: caches, and what they begin with
load_kvm
settle
unload_kvm
before=$(slab_bytes)
load_kvm /lib/modules exit_stats_interval=0
echo "memory cpus $cpus $(($(slab_bytes) - before))"

vcpus_bytes 0 >first
without=$(vcpus_bytes 0)
echo "memory vcpus $VCPUS $(($(vcpus_bytes 1) - without))"

echo 1 >"$STATS/reset"
read_all empty
exit_loop cpuid 1000 2 >exits
read_all filled

set -- "$STATS"/reasons/*
echo "rows $cpus all $#"
# Less the names of the columns and the line TOTAL
echo "rows $cpus filled $(($(wc -l <"$TABLE") - 2))"
