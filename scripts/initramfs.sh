#!/bin/bash
# initramfs.sh [NAME [KERNEL [TESTS]]]: what boot.sh boots as NAME ("kernel"): the
# kernel in build/KERNEL ("kernel") and an initramfs with its modules, the programs
# in build/TESTS ("tests"), and the initramfs of L2 inside.
. "$(dirname "$0")/lib.sh"

out=$build/l1/${1:-kernel}
kernel=$build/${2:-kernel}
tests=$build/${3:-tests}
root=$out/root
rm -rf "$out"
mkdir -p "$root"/{dev,bin,lib/modules,guest,scenario,tests}
ln "$kernel/arch/x86/boot/bzImage" "$out/bzImage"

pack()
{
	(cd "$1" && find . -print0 | sort -z |
		cpio --null --quiet --reproducible -o -H newc) >"$2"
}

# L2: busybox and an init
l2=$out/l2
rm -rf "$l2"
mkdir -p "$l2"/{bin,dev}
cp /bin/busybox "$l2/bin/"
cp "$top/scripts/guest/l2-init" "$l2/init"
mknod "$l2/dev/console" c 5 1
pack "$l2" "$root/guest/initrd.cpio"
cp "$out/bzImage" "$root/guest/"

# L1: busybox, QEMU and the tool with what they load, the modules, the scenarios,
# the tests
cp /bin/busybox "$root/bin/"
mknod "$root/dev/console" c 5 1
qemu=$(command -v qemu-system-x86_64)
{
	echo "$qemu"
	{
		ldd "$qemu"
		ldd "$tool"
	} | grep -o '/[^ ]*'
	# What --top knows of TERM=linux
	echo /lib/terminfo/l/linux
	for rom in kvmvapic.bin linuxboot_dma.bin pvh.bin bios-microvm.bin qboot.rom; do
		echo "/usr/share/qemu/$rom"
	done
	echo /usr/share/seabios/bios-microvm.bin
} | sort -u | while read -r file; do
	mkdir -p "$root${file%/*}"
	cp -L "$file" "$root$file"
done
modules()
{
	mkdir -p "$2"
	find "$1" -name '*.ko' -exec cp {} "$2/" \;
}
modules "$kernel" "$root/lib/modules"
[ ! -d "$build/without" ] || modules "$build/without" "$root/lib/modules/without"
cp "$top/scripts/guest/init" "$root/"
cp "$top/scripts/guest/l1.sh" "$root/lib/"
cp "$top/scripts/guest/guest" "$tool" "$root/bin/"
cp "$top"/scripts/guest/scenario/*.sh "$root/scenario/"
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -o "$root/bin/exit_loop" \
	"$top/scripts/guest/exit_loop.c"
[ ! -d "$tests" ] || cp "$tests"/* "$root/tests/"

pack "$root" "$out/initrd.cpio"
