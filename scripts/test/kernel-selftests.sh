#!/bin/bash
# make selftests: run KVM's own selftests on the stock kernel and on the patched one, on both
# vendors.  The results on both kernels must be the same.
. "$(dirname "$0")/lib.sh"

outcomes()
{
	grep -E '^(not )?ok ' "$build/run/$1/$2/result.log" | sort
}

build_kernel
step stock-source "$top/scripts/base/tree.sh" stock
TREE=$stock_tree step stock "$top/scripts/lab/kernel.sh" stock base,kvm bzImage modules
step tests "$top/scripts/lab/selftests.sh" all
cp "$top/scripts/test/kernel-selftests.list" "$build/kernel-selftests/list"
step initramfs-stock "$top/scripts/lab/initramfs.sh" stock stock kernel-selftests
step initramfs-patched "$top/scripts/lab/initramfs.sh" patched kernel kernel-selftests

on()
{
	local l1 difference

	for l1 in stock patched; do
		L1=$l1 scenario "$1" kernel-selftests
	done
	if difference=$(diff <(outcomes "$1" stock) <(outcomes "$1" patched)); then
		report ok "$1: the same on both kernels"
	else
		report "not ok" "$1: < on stock, > on patched"
		echo "$difference"
	fi
}

lanes "on intel" "on amd"
report_totals
