#!/bin/bash
# modules.sh: build the patched KVM as modules of the kernel that KDIR has the headers of,
# that which runs here by default, in build/modules.  KDIR's own files stay as they are:
# KVM's sources and the headers that the patches change are copied from build/linux.
# modules.sh install: install them for that kernel into updates/kvm, which modprobe looks
# into before it takes the kernel's own; below INSTALL_MOD_PATH, if that is set.
# modules.sh uninstall: remove them.
. "$(dirname "$0")/lib.sh"

kdir=${KDIR:-/lib/modules/$(uname -r)/build}
out=$build/modules
kvm=$out/arch/x86/kvm
# A compiler of any name is looked up in the cache.
export PATH=/usr/lib/ccache:$PATH CCACHE_BASEDIR=$top CCACHE_DEPEND=1
# It says nothing beside LC_ALL, but the cache takes it for something.
unset LANG

# config SYMBOL: how the kernel was configured, "n" if it is not known there
config()
{
	local value
	value=$(sed -n "s/^CONFIG_$1=//p" "$kdir/include/config/auto.conf")
	echo "${value:-n}"
}

# kbuild TARGET...
kbuild()
{
	make -C "$kdir" M="$kvm" "$@"
}

find_kernel()
{
	[ -f "$kdir/include/config/auto.conf" ] ||
		die "there are no kernel headers in $kdir: install linux-headers-$(uname -r)," \
			"or name others by KDIR"
	kdir=$(realpath "$kdir")
	# The headers' own idea of it may be another one.
	release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$kdir/include/generated/utsrelease.h")
	root=$(realpath -m "${INSTALL_MOD_PATH:-/}")
	root=${root%/}/
	installed=${root}lib/modules/$release/updates/kvm
}

look_at_kernel()
{
	local theirs ours

	theirs=$(make -s -C "$kdir" kernelversion)
	ours=$(make -s -C "$tree" kernelversion)
	[ "$theirs" = "$ours" ] || die "$kdir is of Linux $theirs, KVM's source of $ours:" \
		"they must be the same"
	case $(config KVM)$(config KVM_INTEL)$(config KVM_AMD) in
	mm? | m?m) ;;
	y*)
		die "Linux $release in $kdir has KVM built in: it must have modules (CONFIG_KVM=m)"
		;;
	*)
		die "Linux $release in $kdir has no KVM (CONFIG_KVM, CONFIG_KVM_INTEL, CONFIG_KVM_AMD)"
		;;
	esac
}

copy_sources()
{
	mkdir -p "$out"
	rsync -a "$tree"/./{arch/x86/kvm,virt/kvm} --relative "$out"
	# What is in the kernel's source is here.
	sed -i "s|\$(srctree)|$out|" "$kvm/Makefile"
	# In place of these in KDIR, which come later
	git -C "$tree" diff --name-only base -- arch/x86/include include |
		rsync -a --files-from=- "$tree" "$out"
}

build_modules()
{
	local dir flags=-nostdinc defines='' interval options=()

	for dir in arch/x86/include arch/x86/include/uapi include include/uapi; do
		[ ! -d "$out/$dir" ] || flags+=" -I$out/$dir"
	done
	# Trace headers say where they are from a directory like this.
	flags+=" -I$out/arch/x86"
	# A kernel that does not know the feature
	if [ "$(config KVM_EXIT_STATS)" = n ]; then
		interval=$(awk '$1 == "config" { name = $2 }
			name == "KVM_EXIT_STATS_INTERVAL" && $1 == "default" { print $2 }' "$kvm/Kconfig")
		defines="-DCONFIG_KVM_EXIT_STATS=1 -DCONFIG_KVM_EXIT_STATS_INTERVAL=$interval"
		options=(CONFIG_KVM_EXIT_STATS=y)
	fi
	kbuild -j"$jobs" NOSTDINC_FLAGS="$flags" KCPPFLAGS="$defines" CONFIG_KVM_WERROR=y \
		"${options[@]}" modules
}

# Without what is only for debuggers
install_modules()
{
	local options=()

	# Headers come without the key that the kernel's own modules are signed with.
	[ -f "$kdir/certs/signing_key.x509" ] || options=(CONFIG_MODULE_SIG_ALL=)
	kbuild INSTALL_MOD_PATH="${root%/}" INSTALL_MOD_DIR=updates/kvm INSTALL_MOD_STRIP=1 \
		"${options[@]}" modules_install
}

# What modprobe takes
update_list()
{
	depmod -b "$root" "$release"
}

find_kernel
case ${1-} in
'')
	look_at_kernel
	rm -f "$out/release"
	copy_sources
	build_modules
	echo "$release" >"$out/release"
	;;
install)
	[ "$(cat "$out/release" 2>/dev/null)" = "$release" ] ||
		die "there are no modules for Linux $release in $out: run make modules"
	install_modules
	update_list
	;;
uninstall)
	[ -d "$installed" ] || die "$installed is not there"
	rm -r "$installed"
	update_list
	;;
*)
	die "'$1' is none of: install, uninstall"
	;;
esac
