#!/bin/bash
# make host-test: run the commands of "On a real host" in scripts/host/README as they are on a host
# with Debian's kernel.  The host is emulated by QEMU, with SVM, and has the files of this machine,
# read-only.  Then run on Intel, where it takes longer, a scenario that make test has only for AMD:
# the patched KVM in place of that of Debian's kernel.  Also have DKMS build what make dkms makes,
# and install the packages of make deb.
. "$(dirname "$0")/lib.sh"

share=$build/host-root
# The emulated host finds only the compiler cache of this machine's root.
unset CCACHE_DIR

# Make what such a host has in addition to the files of this machine.
make_share()
{
	local release
	"$top/scripts/base/debian.sh"
	release=$(<"$build/debian/release")

	rm -rf "$share"
	mkdir -p "$share/usr/lib"
	cp -al "$build/debian/usr/src" "$share/usr/"
	cp -al "$build/debian/usr/lib"/linux-kbuild-* "$share/usr/lib/"
	# The Makefile as it is in the package: debian.sh has changed the path in it.
	rm "$share/usr/src/linux-headers-$release/Makefile"
	echo "include /usr/src/linux-headers-${release%-*}-common/Makefile" \
		>"$share/usr/src/linux-headers-$release/Makefile"
	"$top/scripts/base/debian.sh" modules "$share/usr" kvm-amd
	ln -s "/usr/src/linux-headers-$release" "$share/usr/lib/modules/$release/build"
}

# Compile the same modules here, to fill the compiler cache: in the emulator, compiling takes too
# long.
fill_cache()
{
	local release
	release=$(<"$build/debian/release")
	# shellcheck disable=SC2016  # the inner shell's
	KDIR=/usr/src/linux-headers-$release unshare -m bash -ec '
		mount -t overlay -o "lowerdir=$1/usr:/usr" overlay /usr
		exec "$2/scripts/host/modules.sh"' bash "$share" "$top"
}

# Make the host that boot.sh boots as "host".
make_host()
{
	rm -rf "$build/host"
	mkdir "$build/host"
	"$top/scripts/base/debian.sh" modules "$build/host" 9p 9pnet_virtio overlay
	cp "$top/scripts/host/README" "$build/host/lib/host-readme"
	MORE=$build/host GUEST=kernel "$top/scripts/lab/initramfs.sh" host debian-kernel none \
		/sbin/modprobe
}

build_kernel
step packages "$top/scripts/base/packages.sh" host
step debian make_share
step cache fill_cache
step initramfs make_host
step swap "$top/scripts/test/swap.sh"

export L1=host
SHARES="host=/ kernel=$share" PARAMETERS="top=$top" scenario amd host
L1=swap
scenario intel swap
suite dkms "$top/scripts/test/dkms-test.sh"
suite deb "$top/scripts/test/deb-test.sh"
report_totals
