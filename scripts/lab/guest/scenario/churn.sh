# shellcheck shell=sh
# Create and destroy 1000 VMs, one after the other, as on a host that is up for long: the exits of
# VMs that are gone are all in the counters, and neither the memory nor the time that a VM takes
# grows with the number of VMs before it.
. /lib/l1.sh
GONE=/sys/kernel/debug/kvm_exit_stats_gone

load_kvm
echo 0 >"$STATS/interval"
# The first hundred VMs fill the list of VMs that are gone, and the slab caches.
first=$(vm_life 104 1)
sleep 1
slab=$(read_cost slab)
more=$(vm_life 792 1)
last=$(vm_life 104 1)
sleep 1
left=$(($(read_cost slab) - slab))

# shellcheck disable=SC2086  # four numbers each
set -- $first $more $last
exits=$(($4 + $8 + ${12}))
check "1000 VMs had KVM's own exits $exits = total_exits" value_is "$STATS/total_exits" $exits
check "so has the sum of counts" [ "$(sum_of count)" = $exits ]
check "no exit was dropped" value_is "$STATS/dropped" 0
check "64 of them are remembered" [ "$(sed 1d "$GONE" | sort -nu | wc -l)" = 64 ]
# CPU time to create and to destroy a VM; in QEMU a nanosecond is an instruction
first=$(($1 + $3)) last=$(($9 + ${11}))
check "the last hundred VMs took $last ns each, the first $first, at most a tenth more" \
	[ $last -le $((first * 11 / 10)) ]
check "the last 896 VMs left $left bytes, at most 128 KiB" [ $left -le 131072 ]
