#!/bin/bash
# make dkms: make a source tree of the patched KVM for DKMS, in build/dkms.  DKMS builds it by
# build-kvm.sh, as make modules does, and only for kernels of the same version as the source.
. "$(dirname "$0")/../base/lib.sh"

out=$build/dkms
package=kvm-exit-stats
parts=$top/scripts/host/dkms

make_tree()
{
	local linux date dir file

	linux=$(make -s -C "$tree" kernelversion)
	# When a kernel is installed, DKMS builds the highest version for it: the date makes later
	# commits higher.
	date=$(TZ=UTC git -C "$top" log -1 --format=%cd --date=format-local:%Y%m%d%H%M) ||
		die "$top is no git repository: the version has the date of its last commit"
	dir=$out/$package-$linux.$date

	rm -rf "$out"
	"$top/scripts/host/modules.sh" sources "$dir"
	# DKMS does not install a module that has the same MODULE_VERSION as the kernel's own one,
	# nor if both have none, as is the case for KVM.
	for file in x86 vmx/vmx svm/svm; do
		echo "MODULE_VERSION(\"$linux.$date\");" >>"$dir/arch/x86/kvm/$file.c"
	done
	cp "$top/scripts/host/build-kvm.sh" "$parts/pre-install.sh" "$dir/"
	sed -e "s|@NAME@|$package|" -e "s|@VERSION@|$linux.$date|" -e "s|@LINUX@|${linux//./\\\\.}|" \
		"$parts/dkms.conf.in" >"$dir/dkms.conf"
}

# Not for other bases: dkms.conf selects kernels by a version in their names, but not every
# release of Debian has the whole version there.
only_default_base
step packages "$top/scripts/base/packages.sh" host
step source "$top/scripts/base/tree.sh"
step dkms make_tree
dir=$(echo "$out/$package"-*)
version=${dir##*"$package-"}
echo
echo "Made: ${dir#"$PWD"/}.  To build and install it, for this kernel and for those to come:"
echo "    dkms add ${dir#"$PWD"/} && dkms install $package/$version"
