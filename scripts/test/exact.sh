#!/bin/bash
# make exact: the exits of a Linux guest, counted three ways, on both vendors, and perf
# kvm stat beside them.
. "$(dirname "$0")/lib.sh"

step packages-bench "$top/scripts/base/packages.sh" bench
build_kernel
step initramfs "$top/scripts/lab/initramfs.sh" exact kernel tests perf

on()
{
	L1=exact scenario "$1" exact-perf
	sed -E '/^(END|---.*|(not )?ok .*)$/d' "$build/run/$1/exact/result.log"
}

lanes "on intel" "on amd"
report_totals
