#!/bin/bash
# modules.sh: build the patched KVM in build/modules, as modules for the kernel whose headers are
# in KDIR, by default the kernel that runs here.
# modules.sh sources DIRECTORY: copy from build/linux to DIRECTORY what build-kvm.sh builds the
# modules of: KVM's sources, and the headers that the patches change.
# modules.sh install: install the modules for that kernel into updates/kvm, below
# INSTALL_MOD_PATH, if that is set.  modprobe prefers updates/ to the kernel's own modules.
# modules.sh uninstall: remove the installed modules.
. "$(dirname "$0")/../base/lib.sh"

kdir=${KDIR:-/lib/modules/$(uname -r)/build}
out=$build/modules
kvm=$out/arch/x86/kvm
# Use ccache for any name of the compiler that KDIR has: ccache's directory has links for them.
export PATH=/usr/lib/ccache:$PATH CCACHE_BASEDIR=$top CCACHE_DEPEND=1
# With LC_ALL set, LANG has no effect, but ccache hashes its value, and would miss.
unset LANG

find_kernel()
{
	[ -f "$kdir/include/config/auto.conf" ] ||
		die "there are no kernel headers in $kdir: install linux-headers-$(uname -r)," \
			"or name others by KDIR"
	kdir=$(realpath "$kdir")
	# Not from include/config/kernel.release: in Debian's headers that may be another release.
	release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$kdir/include/generated/utsrelease.h")
	root=$(realpath -m "${INSTALL_MOD_PATH:-/}")
	root=${root%/}/
	installed=${root}lib/modules/$release/updates/kvm
}

copy_sources()
{
	mkdir -p "$out"
	rsync -a "$tree"/./{arch/x86/kvm,virt/kvm} --relative "$out"
	# The compiler finds these headers before those in KDIR, see build-kvm.sh.
	git -C "$tree" diff --name-only base -- arch/x86/include include |
		rsync -a --files-from=- "$tree" "$out"
	make -s -C "$tree" kernelversion >"$out/version"
	# Until Linux 6.12 at least, xfer_to_guest_mode_handle_work() counts signal_exits of a vCPU.
	# It is in the kernel, not in KVM, and Debian's has that number 904 (6.1) or 896 (6.12) bytes
	# after the beginning of exit_stats here: have 256 unused bytes there, from 832 on.
	sed -i "s|^\t/\* The rows of exits of L2: see exit_stats.h \*/|\tu64 unused[32];\n&|" \
		"$out/arch/x86/include/asm/kvm_host.h"
	grep -q "unused\[32\];" "$out/arch/x86/include/asm/kvm_host.h" ||
		die "kvm_host.h has no place for what the kernel writes to"
}

# Install the modules, without debug information.
install_modules()
{
	local options=()

	# Do not sign: headers come without the key that the kernel's own modules are signed with.
	[ -f "$kdir/certs/signing_key.x509" ] || options=(CONFIG_MODULE_SIG_ALL=)
	make -C "$kdir" M="$kvm" INSTALL_MOD_PATH="${root%/}" INSTALL_MOD_DIR=updates/kvm \
		INSTALL_MOD_STRIP=1 "${options[@]}" modules_install
}

# With the same module twice below updates/, it is not defined which one modprobe takes.
refuse_beside_dkms()
{
	local file
	for file in "${root}lib/modules/$release/updates/dkms"/kvm.ko*; do
		[ ! -e "$file" ] || die "$file is there already, by DKMS, nothing was changed:" \
			"first dkms uninstall that, see dkms status"
	done
}

# Update the list that modprobe finds modules by.
update_list()
{
	depmod -b "$root" "$release"
	look_at_initramfs
}

# An initramfs seldom has KVM, but if it does, the next boot loads that copy.  Tell the user how to
# make it anew: like the kernel's own modules_install, this script changes nothing in /boot.
look_at_initramfs()
{
	local initramfs=${root}boot/initrd.img-$release list how

	[ -f "$initramfs" ] || return 0
	if command -v lsinitramfs >/dev/null; then
		list=lsinitramfs how="update-initramfs -u -k $release"
	elif command -v lsinitrd >/dev/null; then
		list=lsinitrd how="dracut --force $initramfs $release"
	else
		return 0
	fi
	{ "$list" "$initramfs" || true; } | grep -E '/kvm(-intel|-amd)?\.ko' >/dev/null || return 0
	echo "Note: $initramfs has KVM's modules as they were, which the next boot loads from" \
		"there.  To have it take those that are in place now: $how" >&2
}

[ "${1-}" = sources ] || find_kernel
case ${1-} in
'')
	rm -f "$out/release"
	copy_sources
	"$top/scripts/host/build-kvm.sh" "$out" "$kdir"
	echo "$release" >"$out/release"
	;;
sources)
	out=$2
	copy_sources
	;;
install)
	[ "$(cat "$out/release" 2>/dev/null)" = "$release" ] ||
		die "there are no modules for Linux $release in $out: run make modules"
	refuse_beside_dkms
	install_modules
	update_list
	;;
uninstall)
	[ -d "$installed" ] || die "$installed is not there"
	rm -r "$installed"
	update_list
	;;
*)
	die "'$1' is none of: sources, install, uninstall"
	;;
esac
