#!/bin/bash
# build-kvm.sh DIRECTORY KDIR: build KVM as modules, from the sources that modules.sh copied to
# DIRECTORY, for the kernel whose headers are in KDIR.  No file in KDIR is changed.  DKMS runs a
# copy of this script where no other script is, so it does not source lib.sh.
set -euo pipefail
shopt -s inherit_errexit

export LC_ALL=C

sources=$(realpath "$1")
kdir=$(realpath "$2")
kvm=$sources/arch/x86/kvm

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# config SYMBOL: print the value in the kernel's configuration, "n" if it has no such symbol.
config()
{
	local value
	value=$(sed -n "s/^CONFIG_$1=//p" "$kdir/include/config/auto.conf")
	echo "${value:-n}"
}

look_at_kernel()
{
	local theirs ours

	theirs=$(make -s -C "$kdir" kernelversion)
	ours=$(<"$sources/version")
	[ "$theirs" = "$ours" ] || die "$kdir is of Linux $theirs, KVM's source of $ours:" \
		"they must be the same"
	case $(config KVM)$(config KVM_INTEL)$(config KVM_AMD) in
	mm? | m?m) ;;
	y*)
		die "Linux $theirs in $kdir has KVM built in: it must have modules (CONFIG_KVM=m)"
		;;
	*)
		die "Linux $theirs in $kdir has no KVM (CONFIG_KVM, CONFIG_KVM_INTEL, CONFIG_KVM_AMD)"
		;;
	esac
}

build_modules()
{
	local dir flags=-nostdinc defines='' interval options=()

	# KVM's source is not in $(srctree), which is that of KDIR, but in DIRECTORY.
	sed -i "s|\$(srctree)|$sources|" "$kvm/Makefile"
	for dir in arch/x86/include arch/x86/include/uapi include include/uapi; do
		[ ! -d "$sources/$dir" ] || flags+=" -I$sources/$dir"
	done
	# KVM's trace headers are included as ../../arch/x86/kvm/*.h, relative to such a directory.
	flags+=" -I$sources/arch/x86"
	# The kernel of KDIR was configured without the feature: set its options here.
	if [ "$(config KVM_EXIT_STATS)" = n ]; then
		interval=$(awk '$1 == "config" { name = $2 }
			name == "KVM_EXIT_STATS_INTERVAL" && $1 == "default" { print $2 }' "$kvm/Kconfig")
		defines="-DCONFIG_KVM_EXIT_STATS=1 -DCONFIG_KVM_EXIT_STATS_INTERVAL=$interval"
		options=(CONFIG_KVM_EXIT_STATS=y)
	fi
	make -C "$kdir" M="$kvm" -j"$(($(nproc) + 1))" NOSTDINC_FLAGS="$flags" \
		KCPPFLAGS="$defines" CONFIG_KVM_WERROR=y "${options[@]}" modules
}

look_at_kernel
build_modules
