#!/bin/bash
# base-test.sh: what make test has for the kernel of BASE, in short, for when it tests another
# one: a Linux guest, every exit beside its event, the unit tests, and the selftests on the
# vendor that has all of them, or with QUICK=1 on the one that is fast.
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
