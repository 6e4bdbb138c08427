#!/bin/bash
# Test what port.sh prints for kernel sources that were changed on purpose.  Needs build/linux.
. "$(dirname "$0")/lib.sh"

work=$build/port-test
x86=arch/x86/kvm/x86.c

# base_files [PATH...]: copy files, or all, of Debian's source to the tree
base_files()
{
	git -C "$tree" archive base "$@" | tar -x -C "$work/tree"
}

# Make a tree with the files that port.sh reads.
make_tree()
{
	rm -rf "$work"
	mkdir -p "$work/tree/arch/x86"
	base_files
	# Hard links are enough for the rest, which no patch changes and nothing here writes to.
	cp -aln "$tree"/{Makefile,include} "$work/tree/"
	cp -aln "$tree/arch/x86/include" "$work/tree/arch/x86/"
}

# port DIRECTORY [BASE]: run port.sh; sets "status", and "last", the last line of output
port()
{
	status=0
	TREE=$1 BASE=${2:-$base_version} "$top/scripts/base/port.sh" >"$work/said" 2>&1 || status=$?
	last=$(tail -n 1 "$work/said")
	echo "TREE=$1 BASE=${2:-$base_version}: $last"
}

# of_port COMMAND...: run a command that tests the output of port.sh, and show that if it fails
of_port()
{
	"$@" || {
		cat "$work/said"
		return 1
	}
}

# says NUMBER REGEX: whether so many lines of output match
says()
{
	[ "$(grep -cE "$2" "$work/said" || true)" = "$1" ]
}

# moved PATH: whether this file of the base is not the one that the patches were made for, but that
# of another release of Debian, where lines may be at other places
moved()
{
	! grep -q "^index $(git -C "$tree" rev-parse "base:$1")\\.\\." "$patches"/*.patch
}

# Whether port.sh reports offsets only in files that have moved
only_moved_has_offset()
{
	local path
	while read -r path; do
		moved "$path" || return 1
	done < <(sed -nE 's/^ +([^ ]+): hunk .*offset.*/\1/p' "$work/said")
}

fits()
{
	[ "$status" = 0 ] && [[ $last =~ ^([0-9]+)" of "([0-9]+)" hunks fit"$ ]] &&
		[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ] && [ "${BASH_REMATCH[2]}" -gt 30 ]
}

# lacks HUNKS: whether so many hunks do not fit
lacks()
{
	[ "$status" = 1 ] && [[ $last =~ ^([0-9]+)" of "([0-9]+)" hunks fit"$ ]] &&
		[ $((BASH_REMATCH[2] - BASH_REMATCH[1])) = "$1" ]
}

none_fits()
{
	[ "$status" = 1 ] && [[ $last == "0 of "* ]]
}

# refused WORDS: whether port.sh failed with one line, which has these words
refused()
{
	[ "$status" = 1 ] && [ "$(wc -l <"$work/said")" = 1 ] && grep -qF "$1" "$work/said"
}

state()
{
	(cd "$work/tree" && find . -printf '%p %m %s %T@\n' | sort)
}

make_tree
state >"$work/before"
port "$work/tree"
check "all fits the base" of_port fits
check "all fits as it is" of_port says 0 'does not fit|fuzz|is there already|no such file'
check "all is where it was" of_port only_moved_has_offset
check "nothing is missing" of_port says 3 '^    none$'
state >"$work/after"
check "nothing was written to the tree" of_port cmp "$work/before" "$work/after"

# Change a line that a patch changes, too.
sed -i 's/^\t\tif (unlikely(kvm_vcpu_exit_request(vcpu))) {/\t\tif (kvm_vcpu_exit_request(vcpu)) {/' \
	"$work/tree/$x86"
port "$work/tree"
check "one hunk does not fit" of_port lacks 1
check "that hunk is told, and no other" of_port says 1 'does not fit|is there already|no such file'
check "it is told of its file" of_port says 1 "^    $x86: hunk [0-9]+ of [0-9]+ does not fit:\$"
check "it is shown" of_port says 1 '^        \+.*!kvm_exit_stats_record\(vcpu\).*$'

base_files "$x86"
# Change a line of context, the first one of a hunk.
sed -i 's/^\t\tif (kvm_lapic_enabled(vcpu))$/\t\tif (lapic_enabled(vcpu))/' "$work/tree/$x86"
sed -i '1i /* One line more */' "$work/tree/arch/x86/kvm/svm/svm.c"
svm_hunks=$(sed -n '/^diff --git /,$p' "$patches"/*-KVM-SVM-*.patch | grep -c '^@@ ')
port "$work/tree"
check "fuzz and offsets fit" of_port fits
offset=
! moved "$x86" || offset=' [(]offset [0-9]+ lines?[)]'
check "fuzz is told" of_port says 1 "^    $x86: hunk .* fits at line [0-9]+ with fuzz [12]$offset\$"
check "an offset is told, of each hunk" of_port says "$svm_hunks" '/svm[.]c: .* fits at line .* [(]offset 1 line[)]$'

base_files "$x86" arch/x86/kvm/svm/svm.c
# Rename a function: what a hunk adds to one function must not end up in another one.
sed -i 's/^static int __init svm_init(void)/static int __init svm_setup(void)/' \
	"$work/tree/arch/x86/kvm/svm/svm.c"
port "$work/tree"
check "hunks that land in another function do not fit" of_port lacks 2
check "they are told of the function" of_port says 2 'does not fit: patch[(]1[)] puts what is in svm_init[(][)] at'

base_files "$x86" arch/x86/kvm/svm/svm.c
: >"$work/tree/arch/x86/kvm/exit_stats.h"
rm "$work/tree/include/linux/seqlock.h" "$work/tree/arch/x86/kvm/debugfs.c"
port "$work/tree"
check "what is missing is no fit" of_port lacks 3
check "a file that is missing is told" of_port says 1 '/debugfs[.]c: there is no such file: no hunk fits of 3$'
check "a file that is there is told" of_port says 1 '^    arch/x86/kvm/exit_stats[.]h$'
check "a header that is missing is told" of_port says 1 '^    <linux/seqlock[.]h>$'
check "what is missing with it is told" of_port says 1 '^    raw_write_seqcount_begin$'

port "$tree"
check "patches that are there do not fit again" of_port none_fits
check "they are told" of_port says 1 '/debugfs[.]c: hunk 1 of 3 is there already:$'

rm "$work/tree/arch/x86/kvm/exit_stats.h"
base_files include/linux/seqlock.h arch/x86/kvm/debugfs.c
for other in "$top/scripts/base/patches"/*; do
	[ "${other##*/}" != "$base_version" ] || continue
	port "$work/tree" "${other##*/}"
	check "the patches for ${other##*/} do not fit $base_version" of_port [ "$status" = 1 ]
	check "it says which" of_port [ "$(grep -cE 'does not fit:|no hunk fits of' "$work/said")" -gt 5 ]
done

port ""
check "no TREE is an error" of_port refused "TREE is not set"
port "$work/said"
check "a file is an error" of_port refused "is not a directory"
port "$work"
check "a directory without a kernel is an error" of_port refused "no kernel source"
