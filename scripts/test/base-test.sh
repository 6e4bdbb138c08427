#!/bin/bash
# base-test.sh: what make test has for the kernel of BASE, in short, for when it tests another
# one: a Linux guest, every exit beside its event, the unit tests, and the selftests on the
# vendor that has all of them.
. "$(dirname "$0")/lib.sh"

build_kernel
step tests "$top/scripts/lab/selftests.sh"
step initramfs "$top/scripts/lab/initramfs.sh"
for machine in intel amd; do
	for name in run exact kunit; do
		scenario "$machine" "$name"
	done
done
scenario intel selftest
report_totals
