#!/bin/bash
# make run [CPU=intel|amd]: build all that is needed, run a Linux guest in L1, and show its
# exits, also as the tool shows them.
. "$(dirname "$0")/lib.sh"

machine=$(machine_of_cpu)
build_kernel
step initramfs "$top/scripts/lab/initramfs.sh"
step run "$top/scripts/lab/boot.sh" "$machine" run

out=$build/run/$machine/run
section()
{
	section_of "$out/result.log" "$1"
}

echo
echo "The guest said:"
section guest | sed 's/^/    /'
echo
echo "L1's kernel log has $(section count) summaries, the last of them:"
section summary | sed 's/^/    /'
echo
section exits
! grep -q '^not ok' "$out/result.log" ||
	die "the numbers do not add up, see the line with 'not ok' above"

echo "Full logs: ${out#"$PWD"/}/{console,result,dmesg}.log"
echo
echo "What the tool shows after the guest:"
section tool | sed 's/^./    &/'
