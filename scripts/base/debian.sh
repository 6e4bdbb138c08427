#!/bin/bash
# debian.sh: unpack Debian's own kernel of the version that the patch is for, with its
# modules and headers, into build/debian.
# debian.sh modules DIRECTORY NAME...: copy the named modules of that kernel, and those that
# they depend on, into DIRECTORY/lib/modules.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/apt.sh"

dir=$build/debian
suite=$(suite_of_base)

# Find the kernel's name in the names of its packages: they have the same version as the package
# of the source that was fetched.
[ -z "${KERNEL-}" ] || die "KERNEL is set, but this is for Debian's own kernel"
"$top/scripts/base/source.sh" >/dev/null
read -r _ version <"$build/source/.versions"
use_suite "$suite"
abi=$(apt-cache "${apt_options[@]}" dumpavail | awk -v version="$version" '
	$1 == "Package:" { package = $2 }
	$1 == "Version:" && $2 == version && package ~ /^linux-headers-.*-common$/ {
		sub(/^linux-headers-/, "", package)
		sub(/-common$/, "", package)
		print package
	}')
[ -n "$abi" ] || die "Debian serves no kernel of linux-source-$base_version $version any more:" \
	"apt-get update, and make clean for a newer one"
release=$abi-amd64

unpack()
{
	local image parts

	image=$(image_of "$release")
	# Since 7.x, the kernel and its modules are packages of their own.
	mapfile -t parts < <(apt-cache "${apt_options[@]}" depends "$image" \
		"linux-headers-$release" | sed -nE 's/.*Depends: (linux-(binary|modules|kbuild)-.*)/\1/p')
	SUITE=$suite "$top/scripts/base/fetch.sh" debian "$image" "linux-headers-$release" \
		"linux-headers-$abi-common" "${parts[@]}"
	[ "$(cat "$dir/release" 2>/dev/null)" != "$release" ] || return 0
	# Since Debian 13, the packages have no /lib, where depmod and modprobe look.
	[ -e "$dir/lib" ] || ln -s usr/lib "$dir/lib"
	depmod -b "$dir" "$release"
	# Put the kernel where initramfs.sh takes it from for "debian-kernel".  No modules are
	# there: initramfs.sh would add all of them to L1.
	mkdir -p "$build/debian-kernel/arch/x86/boot"
	ln -f "$dir/boot/vmlinuz-$release" "$build/debian-kernel/arch/x86/boot/bzImage"
	# The Makefile of these headers only includes that of the common ones, by an absolute
	# path: write the path that is right here.
	echo "include $dir/usr/src/linux-headers-$abi-common/Makefile" \
		>"$dir/usr/src/linux-headers-$release/Makefile"
	echo "$release" >"$dir/release"
}

# copy_modules DIRECTORY NAME...
copy_modules()
{
	local to=$1 name
	shift

	mkdir -p "$to/lib/modules"
	to=$(realpath "$to")
	for name; do
		modprobe -d "$dir" -S "$release" --show-depends "$name"
	done | sed -n "s|^insmod $dir/\([^ ]*\).*|\1|p" | sort -u |
		(cd "$dir" && xargs cp --parents -t "$to" \
			"lib/modules/$release"/modules.{order,builtin,builtin.modinfo})
	depmod -b "$to" "$release"
}

case ${1-} in
'')
	unpack
	;;
modules)
	copy_modules "${@:2}"
	;;
*)
	die "'$1' is not 'modules'"
	;;
esac
