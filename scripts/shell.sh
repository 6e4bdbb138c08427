#!/bin/bash
# make shell: L1 on this terminal.
. "$(dirname "$0")/lib.sh"

[ -t 0 ] || die "make shell needs a terminal"
build_kernel
step initramfs "$top/scripts/initramfs.sh"
exec "$top/scripts/boot.sh" shell
