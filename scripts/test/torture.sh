#!/bin/bash
# make torture [MINUTES=5] [SEED=1]: for that many minutes on each vendor, run VMs, readers and
# writers at once, take CPUs offline, and reload the vendor module; then, for as long, have guests
# and VMMs attack the statistics.  Test that the numbers are still right.  See torture.c and enemy.c
# in scripts/lab/guest.
. "$(dirname "$0")/lib.sh"

minutes=${MINUTES:-5}
seed=${SEED:-1}
[[ $minutes =~ ^[1-9][0-9]{0,3}$ ]] || die "MINUTES is '$minutes', must be 1 to 9999"
[[ $seed =~ ^(0|[1-9][0-9]{0,8})$ ]] || die "SEED is '$seed', must be 0 to 999999999"
seconds=$((60 * minutes))

export PARAMETERS="seconds=$seconds seed=$seed"
# If this machine is busy, a second of L1 takes Bochs several seconds.
export LIMIT=$((6 * seconds + 600))

build_kernel
step initramfs "$top/scripts/lab/initramfs.sh"

on()
{
	local name
	for name in torture enemy; do
		scenario "$1" "$name"
		section_of "$build/run/$1/$name/result.log" "$name"
	done
}

lanes "on intel" "on amd"
report_totals
