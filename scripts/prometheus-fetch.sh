#!/bin/bash
# prometheus-fetch.sh [DIR]: unpack Debian's Prometheus and node exporter into DIR,
# or build/prometheus.  Installing them would start servers on this machine.
. "$(dirname "$0")/lib.sh"

dir=${1:-$build/prometheus}
[ ! -e "$dir" ] || exit 0

download()
{
	# Or root's download warns that the user _apt cannot get at the directory
	(cd "$tmp/deb" && apt-get -q -o APT::Sandbox::User=root download \
		prometheus prometheus-node-exporter)
}

mkdir -p "$(dirname "$dir")"
tmp=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/deb" "$tmp/root"

# Lists of packages can be missing, or name versions that the mirror has no more.
if ! download; then
	[ "$(id -u)" = 0 ] || die "cannot download; as root: apt-get update"
	apt-get -q update
	download || die "cannot download prometheus and prometheus-node-exporter"
fi
for deb in "$tmp"/deb/*.deb; do
	dpkg-deb -x "$deb" "$tmp/root"
done
# Complete or not there at all
mv -T "$tmp/root" "$dir"
