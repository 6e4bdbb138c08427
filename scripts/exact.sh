#!/bin/bash
# make exact: the exits of a Linux guest, counted three ways, on both vendors.
. "$(dirname "$0")/lib.sh"

build_kernel
step initramfs "$top/scripts/initramfs.sh"

rc=0
for machine in intel amd; do
	step "exact-$machine" "$top/scripts/boot.sh" "$machine" exact
	echo
	result=$build/run/$machine/exact/result.log
	sed '/^END$/d; /^---/d' "$result"
	echo
	! grep -q '^not ok' "$result" || rc=1
done
exit "$rc"
