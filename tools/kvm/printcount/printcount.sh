#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# printcount.sh: have KVM print a summary of its exit statistics to the kernel log,
# and show it.  That is asked for by the module printcount, if "make" has built it in
# this directory, and else through sysfs.
set -eu

module=$(dirname "$0")/printcount.ko
dump=/sys/kernel/kvm_exit_stats/dump
mark="printcount.sh: summary for process $$"

die()
{
	echo "printcount.sh: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "must be run by root"

echo "$mark" >/dev/kmsg
if [ -f "$module" ]; then
	insmod "$module" || die "cannot load $module; the end of dmesg may tell why"
	rmmod printcount
elif [ -f "$dump" ]; then
	echo 1 >"$dump"
else
	die "there is no $dump: KVM is not loaded, or has no exit statistics"
fi

# The first one after the mark is complete by now, whoever asked for it.
dmesg | awk -v mark="$mark" '
	index($0, mark) { marked = 1 }
	marked && /kvm_exit_stats: summary at/ && summaries++ { exit }
	summaries && sub(/^.*kvm_exit_stats: /, "")
	END { exit !summaries }' || die "the kernel log has no summary; is it too small?"
