#!/bin/bash
# make shell [CPU=intel|amd]: L1 on this terminal.
. "$(dirname "$0")/lib.sh"

machine=$(machine_of_cpu)
[ -t 0 ] || die "make shell needs a terminal"
build_kernel
step initramfs "$top/scripts/lab/initramfs.sh"
exec "$top/scripts/lab/boot.sh" "$machine" shell
