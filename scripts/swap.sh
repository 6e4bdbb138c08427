#!/bin/bash
# swap.sh: build the patched KVM as modules of Debian's kernel, and what boot.sh boots as
# "swap": that kernel with its own KVM, and the patched one to take its place.
. "$(dirname "$0")/lib.sh"

"$top/scripts/debian.sh"
release=$(<"$build/debian/release")
export KDIR=$build/debian/usr/src/linux-headers-$release
"$top/scripts/modules.sh"

more=$build/swap
rm -rf "$more"
mkdir -p "$more"/{scripts,patched}
cp "$top"/scripts/{lib,reload}.sh "$more/scripts/"
INSTALL_MOD_PATH=$more/new "$top/scripts/modules.sh" install
mv "$more/new/lib/modules/$release/updates/kvm"/* "$more/patched/"
rm -r "$more/new"
"$top/scripts/debian.sh" modules "$more" kvm-intel kvm-amd

GUEST=kernel MORE=$more "$top/scripts/initramfs.sh" swap debian-kernel none \
	/bin/bash /sbin/{modprobe,insmod,rmmod,modinfo,depmod}
