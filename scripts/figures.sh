#!/bin/bash
# make figures: the plots in Documentation, from what the tool records of a Linux
# guest on VMX.
. "$(dirname "$0")/lib.sh"

documentation=$top/Documentation/virt/kvm/x86

step packages "$top/scripts/packages.sh" tests
build_kernel
step initramfs "$top/scripts/initramfs.sh"
step tool-run "$top/scripts/boot.sh" intel tool

recording=$build/run/intel/tool/recording
section_of "$build/run/intel/tool/result.log" recording >"$recording"
"$tool" plot "$recording" "$documentation/exit-stats-tax.svg"
"$tool" plot --hist EPT_VIOLATION "$recording" "$documentation/exit-stats-heat-map.svg"
# gnuplot leaves blanks where no patch may have them.
sed -i 's/ *$//' "$documentation"/exit-stats-*.svg
ls -l "$documentation"/exit-stats-*.svg
