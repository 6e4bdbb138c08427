#!/bin/bash
# make bench: what one CPUID exit costs, in instructions, from exit to exit:
# without the statistics, switched off, and with one thing after the other switched
# on: handling, away time, tables per vCPU, summaries.
. "$(dirname "$0")/lib.sh"

build_kernel
step without "$top/scripts/kernel.sh" without base,kvm,without KBUILD_MODPOST_WARN=1 \
	arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-intel.ko
step initramfs "$top/scripts/initramfs.sh"
step bench "$top/scripts/boot.sh" intel bench

echo
echo "Instructions per CPUID exit (Bochs, VMX, one TSC tick per instruction):"
awk '
	BEGIN {
		budget["disabled"] = 3
		budget["handling"] = 50
		budget["away"] = 80
		budget["per_vcpu"] = 110
	}
	$1 == "without" { without = $2 }
	NF == 2 {
		added = $2 - without
		left = $1 in budget ? sprintf("  of %3d", budget[$1]) : ""
		printf "    %-24s %8.1f  %+6.1f%s\n", $1, $2, added, left
		bad += $1 in budget && added > budget[$1]
		figures++
	}
	END {
		if (figures != 6) {
			print "a figure is missing, see build/run/intel/bench/result.log"
			exit 1
		}
		print bad ? "over budget" : "within budget"
		exit bad > 0
	}' "$build/run/intel/bench/result.log"
