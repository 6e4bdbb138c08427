#!/bin/bash
# make selftests: KVM's own selftests, on the stock kernel and on the patched one,
# on both vendors.  What passes on the one must pass on the other.
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

rc=0
for machine in intel amd; do
	for l1 in stock patched; do
		L1=$l1 step "$machine-$l1" "$top/scripts/lab/boot.sh" "$machine" kernel-selftests
	done

	if ! diff <(outcomes "$machine" stock) <(outcomes "$machine" patched); then
		echo "$machine: the lines above differ, < is stock and > is patched"
		rc=1
	fi
	for l1 in stock patched; do
		outcomes "$machine" "$l1" | awk -v name="$machine, $l1:" '
			/^not ok/ { failed++; print name, $0; next }
			/# SKIP/ { skipped++; print name, $0; next }
			{ passed++ }
			END {
				print name, passed + 0 " passed, " failed + 0 " failed, " skipped + 0 " skipped"
				exit failed > 0 || !passed
			}' || rc=1
	done
done
exit "$rc"
