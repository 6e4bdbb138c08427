#!/bin/bash
# make exact: the exits of a Linux guest, counted three ways, on both vendors, and perf
# kvm stat beside them.
. "$(dirname "$0")/lib.sh"

step packages-bench "$top/scripts/base/packages.sh" bench
build_kernel
step initramfs "$top/scripts/lab/initramfs.sh" exact kernel tests perf

rc=0
for machine in intel amd; do
	L1=exact step "exact-$machine" "$top/scripts/lab/boot.sh" "$machine" exact-perf
	echo
	result=$build/run/$machine/exact/result.log
	sed '/^END$/d; /^---/d' "$result"
	echo
	! grep -q '^not ok' "$result" || rc=1
done
exit "$rc"
