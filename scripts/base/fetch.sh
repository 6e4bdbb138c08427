#!/bin/bash
# fetch.sh NAME PACKAGE...: unpack Debian packages into build/NAME, where they are not to be
# installed on this machine.  build/NAME/.versions has their names and versions.  SUITE in
# the environment is one of Debian's that they come from, in place of this machine's own.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/apt.sh"

dir=$build/$1
packages=("${@:2}")
suite=${SUITE-}
# What was asked for before stays, if it is complete.
! printf '%s\n' "$suite" "${packages[@]}" | cmp -s - "$dir/.packages" || exit 0

tmp=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/deb" "$tmp/root"

download()
{
	(cd "$tmp/deb" && apt-get "${apt_options[@]}" download "${packages[@]}")
}

# Lists of packages can be missing, or name versions that the mirror has no more.
use_suite "$suite"
if ! download; then
	[ -n "$suite" ] || [ "$(id -u)" = 0 ] || die "cannot download; as root: apt-get update"
	update_lists
	download || die "Debian${suite:+\'s $suite} does not serve ${packages[*]}"
fi
for deb in "$tmp"/deb/*.deb; do
	dpkg-deb -x "$deb" "$tmp/root"
	# shellcheck disable=SC2016  # dpkg's
	dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb"
done >"$tmp/root/.versions"
printf '%s\n' "$suite" "${packages[@]}" >"$tmp/root/.packages"
# Complete or not there at all
rm -rf "$dir"
mv -T "$tmp/root" "$dir"
