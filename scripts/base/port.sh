#!/bin/bash
# make port TREE=DIRECTORY: whether the patches of BASE and the new files fit that kernel
# source, to which nothing is written: each hunk, and where it fits, files that are there
# already, and what the kernel does not have of what they call and include.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/fit.sh"

target=${TREE-}
scratch=$build/port
wrong=0

[ -n "$target" ] || die "TREE is not set: make port TREE=/path/to/a/kernel/source"
[ -d "$target" ] || die "TREE is '$target', which is not a directory"
[[ -d $target/arch/x86/kvm && $(cat "$target/Makefile" 2>/dev/null) =~ VERSION\ =\ [0-9] ]] ||
	die "TREE is '$target', which has no kernel source: no Makefile with VERSION, or no arch/x86/kvm"

# The new files of the kernel itself, and the lines that patches add to others, without
# comments
kernel_code()
{
	local path patch
	{
		new_files | grep '^arch/.*\.[ch]$' | while read -r path; do
			cat "$top/$path"
		done
		series | while read -r patch; do
			awk '/^diff --git / { code = / b\/(arch|include)\/.*\.[ch]$/ }
				code && /^\+/ && !/^\+\+\+/ { print substr($0, 2) }' "$patches/$patch"
		done
	} | gcc -w -fpreprocessed -dD -E -P -x c -
}

# What it calls and does not define
calls()
{
	comm -23 <(grep -oE '\<[A-Za-z_][A-Za-z0-9_]*\(' "$scratch.code" | tr -d '(' | sort -u) \
		<({
			# Definitions begin with the line.
			grep -oE '^[a-z#][^=;({]*\(' "$scratch.code" |
				grep -oE '[A-Za-z_][A-Za-z0-9_]*\($' | tr -d '('
			printf '%s\n' if while for switch return sizeof typeof defined
		} | sort -u)
}

# Those whose name is in no header and no file of KVM
missing_calls()
{
	comm -23 "$scratch.calls" <(cd "$target" && grep -rhowFf "$scratch.calls" include \
		arch/x86/include arch/x86/kvm virt/kvm | sort -u)
}

missing_headers()
{
	local header
	sed -n 's/^ *# *include <\(.*\)>.*/\1/p' "$scratch.code" | sort -u | while read -r header; do
		[ -e "$target/include/$header" ] || [ -e "$target/include/uapi/$header" ] ||
			[ -e "$target/arch/x86/include/$header" ] ||
			[ -e "$target/arch/x86/include/uapi/$header" ] || echo "<$header>"
	done
}

# tell_wrong HEADING: the lines of standard input, each of which is wrong
tell_wrong()
{
	echo "$1:"
	sed 's/^/    /' >"$scratch.wrong"
	if [ -s "$scratch.wrong" ]; then
		cat "$scratch.wrong"
		wrong=1
	else
		echo "    none"
	fi
}

echo "$target: Linux $(awk -F ' *= *' '/^(VERSION|PATCHLEVEL|SUBLEVEL) / { v = v (v == "" ? "" : ".") $2 }
	/^NAME/ { print v; exit }' "$target/Makefile")"
echo "patches: those for Linux $base_version"

rm -rf "$scratch" "$scratch".*
while read -r patch; do
	echo
	echo "$patch"
	fit_patch "$target" "$scratch" "$patches/$patch"
done < <(series)

# What is pasted together is nobody's name.
kernel_code | sed 's/[A-Za-z0-9_]*##[A-Za-z0-9_#]*//g' >"$scratch.code"
calls >"$scratch.calls"

echo
tell_wrong "New files that are there already" < <(new_files | while read -r path; do
	[ ! -e "$target/$path" ] || echo "$path"
done)
tell_wrong "Headers that are missing" < <(missing_headers)
tell_wrong "Functions and macros that are missing" < <(missing_calls)

echo
echo "$hunks_fit of $hunks hunks fit"
[ "$hunks_fit" = "$hunks" ] && [ "$wrong" = 0 ]
