#!/bin/sh
# pre-install.sh RELEASE: DKMS runs this before it installs modules for that kernel.  Fail if
# make modules_install has put modules there: with the same module twice below updates/, it is
# not defined which one modprobe takes.
installed=/lib/modules/$1/updates/kvm

[ ! -e "$installed" ] || {
	echo "$installed is there already, by make modules_install: first make modules_uninstall" >&2
	exit 1
}
