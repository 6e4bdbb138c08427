#!/bin/bash
# modules-test.sh: test in a root directory of its own that make modules_install and
# modules_uninstall report what they do not do themselves, i.e. to update the initramfs, and that
# modules of DKMS are respected.  Needs what swap.sh makes.
. "$(dirname "$0")/lib.sh"

root=$build/modules-test
release=$(<"$build/debian/release")
export KDIR=$build/debian/usr/src/linux-headers-$release INSTALL_MOD_PATH=$root

# initramfs_with PATH: make an initramfs with that module, PATH being below lib/modules/RELEASE
initramfs_with()
{
	local dir=$root/initramfs
	rm -rf "$dir"
	mkdir -p "$root/boot" "$dir/usr/lib/modules/$release/${1%/*}"
	touch "$dir/usr/lib/modules/$release/$1"
	(cd "$dir" && find . | cpio --quiet -o -H newc) | gzip >"$root/boot/initrd.img-$release"
}

# says REGEX ARGUMENT: whether modules.sh ARGUMENT prints a note that matches, or, if REGEX is
# empty, no note
says()
{
	local said
	said=$("$top/scripts/host/modules.sh" "$2" 2>&1 >/dev/null) || return
	echo "$said"
	said=$(sed -n 's/^Note: //p' <<<"$said")
	if [ -z "$1" ]; then
		[ -z "$said" ]
	else
		[[ $said =~ $1 ]]
	fi
}

refused_beside_dkms()
{
	local said rc=0
	mkdir -p "$root/lib/modules/$release/updates/dkms"
	touch "$root/lib/modules/$release/updates/dkms/kvm.ko.xz"
	said=$("$top/scripts/host/modules.sh" install 2>&1) || rc=$?
	echo "$said"
	[ "$rc" = 1 ] && grep -qF "by DKMS, nothing was changed" <<<"$said" &&
		[ ! -e "$root/lib/modules/$release/updates/kvm" ]
}

# Unpack lsinitramfs, which need not be installed here.  Since Debian 13, it is in two packages.
mapfile -t split_off < <(served initramfs-tools-bin)
"$top/scripts/base/fetch.sh" initramfs-tools initramfs-tools-core "${split_off[@]}"
export PATH=$build/initramfs-tools/usr/bin:$PATH
rm -rf "$root"
mkdir -p "$root"

check "without an initramfs there is no note" says "" install
initramfs_with kernel/drivers/block/loop.ko
check "nor with one that has no KVM" says "" install
initramfs_with kernel/arch/x86/kvm/kvm-amd.ko.xz
note="boot/initrd.img-.* has KVM's modules .*: update-initramfs -u -k ${release//+/\\+}\$"
check "one that has KVM is named, and what to do" says "$note" install
initramfs_with updates/kvm/kvm.ko
check "so it is when KVM is removed" says "$note" uninstall
check "modules beside those of DKMS are refused" refused_beside_dkms
