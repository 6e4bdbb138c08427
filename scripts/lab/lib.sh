# shellcheck shell=bash
# Sourced by every script of this room, and of the rooms that call it: functions to build L1,
# and to read its results.
. "$(dirname "${BASH_SOURCE[0]}")/../base/lib.sh"

# section_of FILE NAME: what L1 printed in its results after "--- NAME"
section_of()
{
	tr -d '\r' <"$1" | sed -n "/^--- $2\$/,/^\(--- .*\|END\)\$/p" | sed '1d;$d'
}

# The machine of boot.sh that CPU= on the command line of make asks for
machine_of_cpu()
{
	case ${CPU=intel} in
	intel | amd)
		echo "$CPU"
		;;
	*)
		die "CPU is '$CPU', must be intel or amd"
		;;
	esac
}

# Build the kernel of L1 and the tool.  The caller builds whatever else goes into the initramfs.
build_kernel()
{
	step packages "$top/scripts/base/packages.sh"
	step source "$top/scripts/base/tree.sh"
	step kernel "$top/scripts/lab/kernel.sh" kernel base,kvm,exit_stats bzImage modules
	step tool "$top/scripts/lab/tool.sh"
}

bochs_major()
{
	# shellcheck disable=SC2016  # dpkg's
	dpkg-query -W -f '${Version}' bochs | cut -d . -f 1
}

# kvm_only NAME FRAGMENTS: build only KVM's modules, in build/NAME, for a kernel that was built
# elsewhere.  Its symbols are unknown here, so modpost may only warn of them.
kvm_only()
{
	"$top/scripts/lab/kernel.sh" "$1" "$2" KBUILD_MODPOST_WARN=1 arch/x86/kvm/kvm{,-intel,-amd}.ko
}

# kvm_with NAME FRAGMENTS COMMAND...: the same, of a copy of the patched source that COMMAND
# edits.  The copy has hard links, so COMMAND must replace files, as sed -i does, not overwrite.
kvm_with()
{
	local other=$build/linux.$1 name=$1 fragments=$2
	shift 2

	rm -rf "$other"
	cp -al "$tree" "$other"
	rm -rf "$other/.git"
	(cd "$other" && "$@")
	TREE=$other kvm_only "$name" "$fragments"
}
