#!/bin/bash
# deb-test.sh: have deb.sh make packages with the configuration of L1, and install them in a root
# directory of their own.  Needs build/kernel.
. "$(dirname "$0")/lib.sh"

root=$build/deb-root

# The scripts of the packages run on this machine, and would run its kernel hooks: hide these.
install_packages()
{
	rm -rf "$root"
	mkdir -p "$root"/var/lib/dpkg/{info,updates} /etc/kernel
	touch "$root/var/lib/dpkg/status"
	# shellcheck disable=SC2016  # the inner shell's
	unshare -m bash -euc '
		mount -t tmpfs tmpfs /etc/kernel
		dpkg --root="$0" --force-script-chrootless --force-depends -i "$@"
	' "$root" "$build"/deb/linux-{image,headers}-*.deb
}

is_installed()
{
	dpkg --root="$root" -l "$1*" | grep '^ii '
}

has_statistics()
{
	local module
	module=$(find "$root/lib/modules" -name 'kvm.ko*') && nm "$module" | grep -w "$1"
}

# refused TEXT CONFIG
refused()
{
	local said
	! said=$(CONFIG=$2 "$top/scripts/host/deb.sh" 2>&1) && grep -F -- "$1" <<<"$said"
}

touch "$build/no-kvm.config"
check "no CONFIG is refused" refused "CONFIG must name" ""
check "a CONFIG that is not there is refused" refused "'/nowhere', which is no file" /nowhere
check "a kernel without KVM is refused" refused "has no CONFIG_KVM_EXIT_STATS=y" "$build/no-kvm.config"

check "packages are made" env CONFIG="$kernel/.config" "$top/scripts/host/deb.sh"
check "they can be installed" install_packages
check "the kernel is" is_installed linux-image-
check "the headers are" is_installed linux-headers-
check "there is a kernel to boot" test -s "$root"/boot/vmlinuz-*
check "it has the statistics" grep -qx CONFIG_KVM_EXIT_STATS=y "$root"/boot/config-*
check "its module has them" has_statistics kvm_exit_stats_init
