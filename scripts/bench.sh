#!/bin/bash
# make bench: what one CPUID exit costs, in instructions, from exit to exit:
# without the statistics, switched off, on, and on with summaries.
. "$(dirname "$0")/lib.sh"

build_kernel
step without "$top/scripts/kernel.sh" without base,kvm,without KBUILD_MODPOST_WARN=1 \
	arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-intel.ko
step initramfs "$top/scripts/initramfs.sh"
step bench "$top/scripts/boot.sh" intel bench

echo
echo "Instructions per CPUID exit (Bochs, VMX, one TSC tick per instruction):"
awk '
	$1 == "without" { without = $2 }
	NF == 2 { printf "    %-24s %8.1f  %+6.1f\n", $1, $2, $2 - without; added[$1] = $2 - without }
	END {
		if (!("interval=500" in added)) {
			print "a figure is missing, see build/run/intel/bench/result.log"
			exit 1
		}
		bad = added["disabled"] > 3 || added["enabled"] > 50
		print bad ? "over budget" : "within budget", "(disabled 3, enabled 50)"
		exit bad
	}' "$build/run/intel/bench/result.log"
