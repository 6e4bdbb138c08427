#!/bin/bash
# initramfs.sh [NAME [KERNEL [TESTS [PROGRAM...]]]]: make what boot.sh boots as NAME (default:
# kernel) in build/l1/NAME: the kernel of build/KERNEL (kernel), and an initramfs.  That has its
# modules, the programs in build/TESTS (tests), each PROGRAM of this machine, and L2, i.e. the
# kernel of build/GUEST, with GUEST from the environment or else KERNEL, and an initramfs for it.
# The files in the directory MORE from the environment are added.
. "$(dirname "$0")/lib.sh"

out=$build/l1/${1:-kernel}
kernel=$build/${2:-kernel}
tests=$build/${3:-tests}
programs=("${@:4}")
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
cp "$top/scripts/lab/guest/l2-init" "$l2/init"
mknod "$l2/dev/console" c 5 1
pack "$l2" "$root/guest/initrd.cpio"
cp "$build/${GUEST:-${2:-kernel}}/arch/x86/boot/bzImage" "$root/guest/"

# terminfo_of TERM: print the path at which ncurses finds this entry, here and in L1
terminfo_of()
{
	local dir
	for dir in /lib/terminfo /usr/share/terminfo; do
		[ ! -f "$dir/${1::1}/$1" ] || {
			echo "$dir/${1::1}/$1"
			return
		}
	done
	die "there is no terminfo of $1 on this machine"
}

# L1: busybox, QEMU, the tool and other programs with the files that they load, the modules,
# the scenarios, the tests
cp /bin/busybox "$root/bin/"
mknod "$root/dev/console" c 5 1
for program in qemu-system-x86_64 "${programs[@]}"; do
	command -v "$program" >/dev/null || die "there is no $program on this machine"
done
{
	command -v qemu-system-x86_64 "${programs[@]}"
	command -v qemu-system-x86_64 "${programs[@]}" | xargs ldd "$tool" |
		awk '$2 == "=>" { print $3 } $1 ~ "^/" && NF == 2 { print $1 }'
	# For kvm_exit_stat --top: L1 has TERM=linux
	terminfo_of linux
	for rom in kvmvapic.bin linuxboot_dma.bin pvh.bin qboot.rom; do
		echo "/usr/share/qemu/$rom"
	done
	echo /usr/share/seabios/bios-microvm.bin
} | sort -u | while read -r file; do
	mkdir -p "$root${file%/*}"
	cp -L "$file" "$root$file"
done
# modules DIRECTORY NAME: copy the modules to lib/modules/NAME, without debug information
modules()
{
	mkdir -p "$root/lib/modules/$2"
	find "$1" -name '*.ko' | while read -r module; do
		strip --strip-debug -o "$root/lib/modules/$2/${module##*/}" "$module"
	done
}
modules "$kernel" .
# Other builds of KVM for the same kernel, to compare with, and the module printcount
for way in without naive fastpath printcount; do
	[ ! -d "$kernel-$way" ] || modules "$kernel-$way" "$way"
done
cp "$top/scripts/lab/guest/init" "$root/"
cp "$top"/scripts/lab/guest/{l1.sh,*.bt} "$root/lib/"
cp "$top/scripts/lab/guest/guest" "$tool" "$top/tools/kvm/printcount/printcount.sh" "$root/bin/"
cp "$top"/scripts/lab/guest/scenario/*.sh "$root/scenario/"
cp "$top/Documentation/ABI/testing/sysfs-kernel-kvm_exit_stats" "$root/lib/abi"
for program in "$top"/scripts/lab/guest/*.c; do
	gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static \
		-o "$root/bin/$(basename "$program" .c)" "$program"
done
[ ! -d "$tests" ] || cp "$tests"/* "$root/tests/"
[ -z "${MORE-}" ] || cp -a "$MORE/." "$root/"

pack "$root" "$out/initrd.cpio"
