#!/bin/bash
# make exact: compare the counts of a Linux guest's exits by the statistics, by trace events and by
# KVM itself, on both vendors, and those of perf kvm stat.
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
