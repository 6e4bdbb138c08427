#!/bin/bash
# make sanitize: all that runs in L1 once more, on kernels that look for what is wrong
# with memory, locks and objects (KASAN, UBSAN, lockdep and others), and for data races
# (KCSAN).  A report of these is a bad line on the console.
. "$(dirname "$0")/lib.sh"

# The rest of the kernel has races of its own: watch these, and nothing else.  But what a
# mutex orders is told by barriers in its own code: without these, KCSAN takes a write under
# it for one that can be seen after it is unlocked.
watched=(KCSAN_SANITIZE=n KCSAN_SANITIZE_exit_stats{,_top,_vm,_worst,_sysfs,_debugfs}.o=y
	KCSAN_INSTRUMENT_BARRIERS_mutex.o=y)

build_kernel
step tests "$top/scripts/lab/selftests.sh"
step sanitize "$top/scripts/lab/kernel.sh" sanitize base,kvm,exit_stats,sanitize bzImage modules
step kcsan "$top/scripts/lab/kernel.sh" kcsan base,kvm,exit_stats,kcsan "${watched[@]}" \
	bzImage modules
for kernel in sanitize kcsan; do
	# Checkers in L2 would check nothing of KVM.
	GUEST=kernel step "initramfs-$kernel" "$top/scripts/lab/initramfs.sh" "$kernel" "$kernel"
done

on_amd()
{
	local kernel name
	for kernel in sanitize kcsan; do
		for name in run exact kunit selftest modules tool vms; do
			L1=$kernel scenario amd "$name"
		done
		# KCSAN sees most where CPUs are two.
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
