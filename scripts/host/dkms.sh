#!/bin/bash
# make dkms: the patched KVM as a source tree for DKMS, in build/dkms.  DKMS builds it by
# build-kvm.sh, as make modules does, for kernels of just the version that KVM's source is of.
. "$(dirname "$0")/../base/lib.sh"

out=$build/dkms
package=kvm-exit-stats
parts=$top/scripts/host/dkms

make_tree()
{
	local linux date dir file

	linux=$(make -s -C "$tree" kernelversion)
	# DKMS has the highest version built when a kernel comes.
	date=$(TZ=UTC git -C "$top" log -1 --format=%cd --date=format-local:%Y%m%d%H%M) ||
		die "$top is no git repository: the version has the date of its last commit"
	dir=$out/$package-$linux.$date

	rm -rf "$out"
	"$top/scripts/host/modules.sh" sources "$dir"
	# DKMS leaves a module alone that has the version of the kernel's own, or none like that.
	for file in x86 vmx/vmx svm/svm; do
		echo "MODULE_VERSION(\"$linux.$date\");" >>"$dir/arch/x86/kvm/$file.c"
	done
	cp "$top/scripts/host/build-kvm.sh" "$parts/pre-install.sh" "$dir/"
	sed -e "s|@NAME@|$package|" -e "s|@VERSION@|$linux.$date|" -e "s|@LINUX@|${linux//./\\\\.}|" \
		"$parts/dkms.conf.in" >"$dir/dkms.conf"
}

# Names of its kernels do not tell the version in every release of Debian.
only_default_base
step packages "$top/scripts/base/packages.sh" host
step source "$top/scripts/base/tree.sh"
step dkms make_tree
dir=$(echo "$out/$package"-*)
version=${dir##*"$package-"}
echo
echo "Made: ${dir#"$PWD"/}.  To build and install it, for this kernel and for those to come:"
echo "    dkms add ${dir#"$PWD"/} && dkms install $package/$version"
