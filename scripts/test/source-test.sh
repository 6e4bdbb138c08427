#!/bin/bash
# Test where the kernel source and the packages come from, also on other distributions.  Needs
# build/linux, and root.
. "$(dirname "$0")/lib.sh"

work=$build/source-test
rm -rf "$work"
mkdir -p "$work/other/arch/x86/kvm"

# refuses WORDS COMMAND...: whether COMMAND fails with status 1, and its last line has these words
refuses()
{
	local rc=0
	"${@:2}" >"$work/said" 2>&1 || rc=$?
	cat "$work/said"
	[ "$rc" = 1 ] && grep -qF "$1" <(tail -n 1 "$work/said")
}

# on ID VERSION_ID MACHINE COMMAND...: run COMMAND as if on that distribution and machine, with no
# package installed
on()
{
	printf 'ID=%s\nVERSION_ID="%s"\n' "$1" "$2" >"$work/os-release"
	: >"$work/status"
	# shellcheck disable=SC2016  # the inner shell's
	unshare -m bash -ec '
		mount --bind "$1/os-release" /etc/os-release
		mount --bind "$1/status" /var/lib/dpkg/status
		shift
		exec "$@"' bash "$work" setarch "$3" "${@:4}"
}

# tree_of KERNEL: patch that source in a new clone of this repository, and print the tree object
tree_of()
{
	rm -rf "$work/clone"
	git clone -q "$top" "$work/clone"
	KERNEL=$1 "$work/clone/scripts/base/tree.sh"
	git -C "$work/clone${tree#"$top"}" rev-parse 'HEAD^{tree}'
}

same_tree()
{
	local ours theirs
	ours=$(git -C "$tree" rev-parse 'HEAD^{tree}')
	theirs=$(tree_of "$work/kernel")
	echo "$ours $theirs"
	[ "$ours" = "$theirs" ]
}

make_tree=$top/scripts/base/tree.sh
check "a KERNEL that is not there is refused" \
	refuses "KERNEL is '$work/none', which is not there" env KERNEL="$work/none" "$make_tree"
check "a directory without a kernel is refused" \
	refuses "no arch/x86/kvm" env KERNEL="$work" "$make_tree"
echo "no tarball" >"$work/file"
check "a file that is no tarball is refused" \
	refuses "is no tarball" env KERNEL="$work/file" "$make_tree"
tar -cf "$work/tarball" -C "$work/.." source-test/file
check "a tarball without a kernel is refused" \
	refuses "has no kernel source" env KERNEL="$work/tarball" "$make_tree"
touch "$work/other/.config"
check "a source that was built in is refused" \
	refuses "make mrproper" env KERNEL="$work/other" "$make_tree"
check "build/linux is still there" test -d "$tree/.git"
mkdir "$work/kernel"
cp -al "$tree/." "$work/kernel/"
rm -rf "$work/kernel/.git"
git -C "$tree" ls-files -z | (cd "$work/kernel" && xargs -0 rm -f)
git -C "$tree" archive base | tar -x -C "$work/kernel"
check "KERNEL=directory is patched like Debian's source" same_tree

packages=$top/scripts/base/packages.sh
check "a distribution that is not known is refused" \
	refuses "this is 'ubuntu 24.04' on x86_64" on ubuntu 24.04 x86_64 "$packages"
check "it says what to install" grep -q "Debian's .* gcc .*" "$work/said"
check "and how to give the source" grep -qF "KERNEL=tarball; nothing was changed" "$work/said"
check "a machine that is not known is refused" \
	refuses "this is 'debian 12' on i686" on debian 12 i686 "$packages"
check "an unknown group is refused" refuses "'none' is none of" "$packages" none
