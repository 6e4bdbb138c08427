#!/bin/sh
# pre-install.sh RELEASE: DKMS runs this before it installs modules for that kernel.  Of two
# in updates, nobody says which one modprobe takes.
installed=/lib/modules/$1/updates/kvm

[ ! -e "$installed" ] || {
	echo "$installed is there already, by make modules_install: first make modules_uninstall" >&2
	exit 1
}
