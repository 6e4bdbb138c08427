#!/bin/bash
# make deb CONFIG=FILE: Debian packages of the patched kernel, with the configuration that
# FILE has, in build/deb.
. "$(dirname "$0")/../base/lib.sh"

out=$build/deb-kernel
config=${CONFIG-}
[ -n "$config" ] ||
	die "CONFIG must name the kernel's configuration: CONFIG=/boot/config-$(uname -r)"
[ -f "$config" ] || die "CONFIG is '$config', which is no file"

options=("$tree" "$out" LOCALVERSION=-exit-stats)

configure()
{
	mkdir -p "$out"
	if ! cmp -s "$config" "$out/config.from"; then
		rm -f "$out/config.from"
		cp "$config" "$out/.config"
	fi
	kmake "${options[@]}" olddefconfig
	grep -qx CONFIG_KVM_EXIT_STATS=y "$out/.config" ||
		die "the kernel that '$config' configures has no CONFIG_KVM_EXIT_STATS=y:" \
			"it needs CONFIG_KVM, and KVM_EXIT_STATS not to be switched off"
	cp "$config" "$out/config.from"
}

# kbuild writes the packages to the directory above the one it builds in.
build_packages()
{
	rm -rf "$build"/linux-*_*.{deb,buildinfo,changes} "$build/deb"
	kmake "${options[@]}" -j"$jobs" bindeb-pkg
	mkdir "$build/deb"
	mv "$build"/linux-*_*.{deb,buildinfo,changes} "$build/deb/"
}

step packages "$top/scripts/base/packages.sh" host
step source "$top/scripts/base/tree.sh"
step config configure
step deb build_packages
ls "$build"/deb/*.deb
