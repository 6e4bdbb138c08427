#!/bin/bash
# make port TREE=DIRECTORY: check whether the patches of BASE and the new files fit that kernel
# source, which is only read.  Prints for each hunk whether and where it fits, then the new
# files that exist there already, and the headers, functions and macros that are missing there.
. "$(dirname "$0")/lib.sh"
. "$top/scripts/base/fit.sh"

target=${TREE-}
scratch=$build/port
wrong=0

[ -n "$target" ] || die "TREE is not set: make port TREE=/path/to/a/kernel/source"
[ -d "$target" ] || die "TREE is '$target', which is not a directory"
[[ -d $target/arch/x86/kvm && $(cat "$target/Makefile" 2>/dev/null) =~ VERSION\ =\ [0-9] ]] ||
	die "TREE is '$target', which has no kernel source: no Makefile with VERSION, or no arch/x86/kvm"

# Print the patch's C code for the kernel itself, without comments: the new files of arch/, and
# the lines that patches add to files of arch/ and include/.
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

# Print the functions and macros that this code calls but does not define.
calls()
{
	comm -23 <(grep -oE '\<[A-Za-z_][A-Za-z0-9_]*\(' "$scratch.code" | tr -d '(' | sort -u) \
		<({
			# A definition, also one by #define, begins in the first column.
			grep -oE '^[a-z#][^=;({]*\(' "$scratch.code" |
				grep -oE '[A-Za-z_][A-Za-z0-9_]*\($' | tr -d '('
			printf '%s\n' if while for switch return sizeof typeof defined
		} | sort -u)
}

# Print the calls whose names are neither in a header nor in a file of KVM.
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

# tell_wrong HEADING: print the lines of standard input, each of which is an error, or "none".
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

# Remove the operands of ##, which the preprocessor pastes: they are parts of a name, not names.
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
