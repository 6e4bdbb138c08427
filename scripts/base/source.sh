#!/bin/bash
# source.sh: print the path of the kernel source of BASE.  That is the directory or the tarball
# that KERNEL names, or else the tarball of Debian's linux-source package, which is downloaded
# and unpacked into build/source, and not installed.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/apt.sh"

package=linux-source-$base_version
if [ -n "${KERNEL-}" ]; then
	[ -e "$KERNEL" ] || die "KERNEL is '$KERNEL', which is not there"
	source=$(realpath "$KERNEL")
	[ ! -d "$source" ] || [ -d "$source/arch/x86/kvm" ] ||
		die "KERNEL is '$KERNEL', a directory that has no kernel source: no arch/x86/kvm"
else
	SUITE=$(suite_of_base) "$top/scripts/base/fetch.sh" source "$package" >&2
	source=$build/source/usr/src/$package.tar.xz
	[ -f "$source" ] || die "$package has no ${source#"$build/source"}"
fi
echo "$source"
