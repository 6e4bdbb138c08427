#!/bin/bash
# source.sh: have the kernel source of BASE, and print its path: what KERNEL names, a
# directory or a tarball, or else Debian's, which is unpacked into build/source, and not
# installed.
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
