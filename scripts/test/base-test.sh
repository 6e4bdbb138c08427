#!/bin/bash
# base-test.sh: a short test of the kernel of BASE, which make test runs for another base than
# its own: a Linux guest, every exit beside its event, the unit tests, and the selftests on
# Intel, which has all of them, or with QUICK=1 on AMD, which is faster.
. "$(dirname "$0")/lib.sh"

build_kernel
step tests "$top/scripts/lab/selftests.sh"
step initramfs "$top/scripts/lab/initramfs.sh"

on_both()
{
	local name
	for name in run exact kunit; do
		scenario "$1" "$name"
	done
}

in_bochs()
{
	on_both intel
	[ "${QUICK-}" ] || scenario intel selftest
}

in_qemu()
{
	on_both amd
	[ -z "${QUICK-}" ] || scenario amd selftest
}

lanes in_bochs in_qemu
report_totals
