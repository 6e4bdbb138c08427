#!/bin/bash
# fetch.sh NAME PACKAGE...: unpack Debian packages into build/NAME, where they are not to be
# installed on this machine.
. "$(dirname "$0")/lib.sh"

dir=$build/$1
packages=("${@:2}")
# What was asked for before stays, if it is complete.
! printf '%s\n' "${packages[@]}" | cmp -s - "$dir/.packages" || exit 0

download()
{
	# Or root's download warns that the user _apt cannot get at the directory
	(cd "$tmp/deb" && apt-get -q -o APT::Sandbox::User=root download "${packages[@]}")
}

tmp=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/deb" "$tmp/root"

# Lists of packages can be missing, or name versions that the mirror has no more.
if ! download; then
	[ "$(id -u)" = 0 ] || die "cannot download; as root: apt-get update"
	apt-get -q update
	download || die "cannot download ${packages[*]}"
fi
for deb in "$tmp"/deb/*.deb; do
	dpkg-deb -x "$deb" "$tmp/root"
done
printf '%s\n' "${packages[@]}" >"$tmp/root/.packages"
# Complete or not there at all
rm -rf "$dir"
mv -T "$tmp/root" "$dir"
