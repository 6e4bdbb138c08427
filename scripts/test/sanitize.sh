#!/bin/bash
# make sanitize: run many of the scenarios of L1 on a kernel that checks the use of memory, locks
# and objects (KASAN, UBSAN, lockdep and others), and on one that looks for data races (KCSAN).  A
# report of these is a bad line on the console, i.e. fails the scenario.
. "$(dirname "$0")/lib.sh"

# Have KCSAN watch only these files, as the rest of the kernel has data races of its own.  Also
# instrument the barriers in mutex.c: without these, KCSAN does not know that a mutex orders
# accesses, and takes a write under a mutex for one that may become visible after the unlock.
watched=(KCSAN_SANITIZE=n KCSAN_SANITIZE_exit_stats{,_top,_vm,_worst,_sysfs,_debugfs}.o=y
	KCSAN_INSTRUMENT_BARRIERS_mutex.o=y)

build_kernel
step tests "$top/scripts/lab/selftests.sh"
step sanitize "$top/scripts/lab/kernel.sh" sanitize base,kvm,exit_stats,sanitize bzImage modules
step kcsan "$top/scripts/lab/kernel.sh" kcsan base,kvm,exit_stats,kcsan "${watched[@]}" \
	bzImage modules
for kernel in sanitize kcsan; do
	# The normal kernel for L2, as checkers there would check nothing of KVM.
	GUEST=kernel step "initramfs-$kernel" "$top/scripts/lab/initramfs.sh" "$kernel" "$kernel"
done

on_amd()
{
	local kernel name
	for kernel in sanitize kcsan; do
		for name in run exact kunit selftest modules tool vms; do
			L1=$kernel scenario amd "$name"
		done
		# These scenarios have two CPUs, with which KCSAN finds most.
		PARAMETERS="seconds=60 seed=1" L1=$kernel scenario amd torture
		PARAMETERS="seconds=60 seed=1" L1=$kernel scenario amd enemy
	done
	for name in lockdown faults; do
		L1=sanitize scenario amd "$name"
	done
}

on_intel()
{
	local name
	for name in run kunit; do
		L1=sanitize scenario intel "$name"
	done
}

lanes on_amd on_intel
report_totals
