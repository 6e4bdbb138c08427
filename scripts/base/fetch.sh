#!/bin/bash
# fetch.sh NAME PACKAGE...: download Debian packages and unpack them into build/NAME, in place
# of installing them.  build/NAME/.versions has their names and versions.  SUITE in the
# environment is the Debian suite that they come from, if it is not this machine's own.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/apt.sh"

dir=$build/$1
packages=("${@:2}")
suite=${SUITE-}
# Keep the directory if it was made for the same suite and packages.  .packages is only in a
# complete one, see the end.
! printf '%s\n' "$suite" "${packages[@]}" | cmp -s - "$dir/.packages" || exit 0

tmp=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/deb" "$tmp/root"

download()
{
	(cd "$tmp/deb" && apt-get "${apt_options[@]}" download "${packages[@]}")
}

# The download fails if the lists of packages are missing, or if they name versions that the
# mirror no longer has.  Then update the lists, and try once more.
use_suite "$suite"
if ! download; then
	[ -n "$suite" ] || [ "$(id -u)" = 0 ] || die "cannot download; as root: apt-get update"
	update_lists
	download || die "Debian${suite:+\'s $suite} does not serve ${packages[*]}"
fi
for deb in "$tmp"/deb/*.deb; do
	dpkg-deb -x "$deb" "$tmp/root"
	# shellcheck disable=SC2016  # for dpkg-deb to expand
	dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb"
done >"$tmp/root/.versions"
printf '%s\n' "$suite" "${packages[@]}" >"$tmp/root/.packages"
# Rename the directory as the last step, so that build/NAME is complete if it exists.
rm -rf "$dir"
mv -T "$tmp/root" "$dir"
