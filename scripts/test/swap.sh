#!/bin/bash
# swap.sh: build the patched KVM as modules of Debian's kernel, and make what boot.sh boots as
# "swap": that kernel with its own KVM, and the patched modules to take its place.
. "$(dirname "$0")/lib.sh"

"$top/scripts/base/debian.sh"
release=$(<"$build/debian/release")
export KDIR=$build/debian/usr/src/linux-headers-$release
"$top/scripts/host/modules.sh"

more=$build/swap
rm -rf "$more"
mkdir -p "$more"/{base,host,patched}
cp "$top/scripts/base/lib.sh" "$more/base/"
cp "$top/scripts/host/reload.sh" "$more/host/"
INSTALL_MOD_PATH=$more/new "$top/scripts/host/modules.sh" install
mv "$more/new/lib/modules/$release/updates/kvm"/* "$more/patched/"
rm -r "$more/new"
"$top/scripts/base/debian.sh" modules "$more" kvm-intel kvm-amd

# Add xz only for liblzma: since Debian 13, kmod opens that library by dlopen(), if it is there, so
# ldd does not list it.
GUEST=kernel MORE=$more "$top/scripts/lab/initramfs.sh" swap debian-kernel none \
	/bin/bash /usr/bin/xz /sbin/{modprobe,insmod,rmmod,modinfo,depmod}
