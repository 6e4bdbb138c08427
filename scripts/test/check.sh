#!/bin/bash
# make check [QUICK=1]: style, warnings, static analysis, all ways to build KVM, and whether the
# diff is up to date.  QUICK=1 builds only each sixth patch of make series, and only with the
# feature; the number of commits says which ones.
. "$(dirname "$0")/lib.sh"

check_quick

tool_sources=$top/tools/kvm/kvm_exit_stat

# objects_of TREE: list the objects whose source mentions the statistics
objects_of()
{
	(cd "$1" && grep -rl --include='*.c' exit_stats arch/x86/kvm | sed 's/c$/o/' | sort)
}

# fragments_of TREE: print the fragments of a configuration with all of KVM, TDX if it is there
fragments_of()
{
	local fragments=base,kvm
	[ ! -e "$1/arch/x86/kvm/vmx/tdx.c" ] || fragments+=,tdx
	echo "$fragments"
}

stock()
{
	"$top/scripts/base/tree.sh" stock
}

diff_is_fresh()
{
	"$top/scripts/base/tree.sh" fresh
}

# checkpatch.pl without two checks that are for whoever mails the patches: sign-off, and new files
# in MAINTAINERS
patches_are_clean()
{
	local patch rc=0
	for patch in "$patches"/*.patch; do
		echo "$patch"
		"$tree/scripts/checkpatch.pl" --strict --no-signoff --no-tree \
			--ignore FILE_PATH_CHANGES - <"$patch" || rc=1
	done
	return "$rc"
}

new_files_are_clean()
{
	# Leave out Bats files, which are for shellcheck, and what programs wrote: *.svg, corpus.
	cd "$top" && find arch Documentation tools -type f ! -name '*.bats' ! -name '*.svg' \
		! -path '*/corpus/*' -print0 |
		xargs -0 "$tree/scripts/checkpatch.pl" --strict --no-tree -f
}

man_page_is_clean()
{
	mandoc -T lint -W style "$tool_sources/kvm_exit_stat.1"
}

# Build the tool with both compilers, with warnings as errors.
tool_has_no_warning()
{
	local compiler
	for compiler in gcc clang; do
		rm -rf "$build/check-tool"
		mkdir "$build/check-tool"
		make -C "$tree/tools/kvm/kvm_exit_stat" O="$build/check-tool" CC="$compiler" \
			CFLAGS="-O2 -g -Werror" || return 1
	done
}

# installed MAKE'S-ARGUMENTS...: list the files that make installs into an empty directory
installed()
{
	local root=$build/check-install
	rm -rf "$root"
	make "$@" DESTDIR="$root" >&2 && (cd "$root" && find . -type f | sort)
}

# A kernel source installs the tool and its man page, this repository also the files around it.
tool_is_installed()
{
	local expected=("./usr/bin/kvm_exit_stat" "./usr/share/man/man1/kvm_exit_stat.1")
	rm -rf "$build/check-tool"
	mkdir "$build/check-tool"
	diff <(printf '%s\n' "${expected[@]}") \
		<(installed -C "$tree/tools" O="$build/check-tool" kvm_exit_stat_install) || return
	expected+=(./etc/logrotate.d/kvm_exit_stat
		./lib/systemd/system/kvm_exit_stat{,-log}.service
		./lib/systemd/system/kvm_exit_stat.timer
		./usr/share/bash-completion/completions/kvm_exit_stat
		./usr/share/kvm_exit_stat/{alerts,rules}.yml
		./usr/share/kvm_exit_stat/dashboard.json)
	diff <(printf '%s\n' "${expected[@]}" | sort) \
		<(installed -C "$tool_sources" O="$build/check-tool" top_srcdir="$tree" install)
}

# Keep Python from writing its bytecode into the tree.
abi_is_valid()
{
	local said rc=0 get_abi=$tree/scripts/get_abi.pl
	[ -e "$get_abi" ] || get_abi=$tree/tools/docs/get_abi.py
	said=$(PYTHONDONTWRITEBYTECODE=1 "$get_abi" --dir "$top/Documentation/ABI" validate 2>&1) ||
		rc=$?
	echo "$said"
	[ "$rc" = 0 ] && [ -z "$said" ]
}

# build_kvm NAME FRAGMENTS: build KVM with warnings as errors
build_kvm()
{
	"$top/scripts/lab/kernel.sh" "check-$1" "$(fragments_of "$tree"),$2" W=1 \
		arch/x86/kvm/ virt/lib/
}

# build_objects NAME FRAGMENTS [MAKE'S-ARGUMENT...]: the same, but only the objects that mention
# the statistics, as all of KVM would take three times as long
build_objects()
{
	"$top/scripts/lab/kernel.sh" "check-$1" "$2" W=1 "${@:3}" "${objects[@]}"
}

# Run cppcheck and clang-tidy with all checks, except
# - false positives: cppcheck takes a status after ?: for unused (clang-tidy finds those that are
#   unused), and clang-tidy takes a pointer to a struct for the struct in sizeof
# - what the style of the kernel or of GNU asks for: if (strcmp()), snprintf(), callbacks with
#   parameters that not all of them need, output functions whose errors fflush() reports
tool_has_no_finding()
{
	local flags checks
	cppcheck -q --error-exitcode=1 --enable=warning,style,performance,portability \
		--suppress=unreadVariable --inline-suppr --std=c11 -D_GNU_SOURCE \
		"$tool_sources" || return 1

	checks='-*,clang-analyzer-*,bugprone-*,cert-*,misc-*,performance-*,portability-*'
	checks+=',-bugprone-sizeof-expression,-bugprone-suspicious-string-compare'
	checks+=',-bugprone-easily-swappable-parameters,-misc-unused-parameters,-cert-err33-c'
	checks+=',-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling'
	read -ra flags <<<"$(pkg-config --cflags smartcols ncursesw json-c)"
	# One file per run: with several, clang-tidy takes each va_list for uninitialized.
	printf '%s\0' "$tool_sources"/*.c "$tool_sources"/tests/*.c |
		xargs -0 -I '{}' -P "$(nproc)" clang-tidy --quiet --checks="$checks" \
			--warnings-as-errors='*' --header-filter=kvm_exit_stat/ '{}' -- \
			-std=gnu11 -D_GNU_SOURCE -I "$tree/tools/include" -I "$tool_sources" "${flags[@]}"
}

# sparse_warnings TREE KERNEL.SH'S-ARGUMENTS...: print the warnings of sparse, without line numbers
sparse_warnings()
{
	TREE=$1 "$top/scripts/lab/kernel.sh" "${@:2}" W=1 C=2 2>&1 | tee >(cat >&2) |
		sed -nE "s,^$1/([^:]*)(:[0-9]+)+: (warning|error): ,\\1: ,p" | sort
}

# Compare with the source without the patches, as KVM itself has some warnings.
sparse_has_no_warning()
{
	local base patched object fragments in_stock=()
	stock || return
	for object in "${objects[@]}"; do
		[ ! -e "$stock_tree/${object%o}c" ] || in_stock+=("$object")
	done
	fragments=$(fragments_of "$tree")
	base=$(sparse_warnings "$stock_tree" check-base "$fragments,without" "${in_stock[@]}") &&
		patched=$(sparse_warnings "$tree" check-modular "$fragments,exit_stats" \
			"${objects[@]}") || return
	echo "Those that the patches add:"
	! comm -13 <(echo "$base") <(echo "$patched") | grep .
}

# Do the work of make coccicheck, which takes only directories, and stops at the first semantic
# patch that needs OCaml.  Two need OCaml and are left out: one is for a driver, the other looks
# for comparisons of pointers with 0, which sparse finds.  Skip those without a report mode.
coccinelle_has_no_report()
{
	local script options said rc=0
	while read -r script; do
		read -ra options <<<"$(sed -n 's/.*Options: *//p' "$script")"
		said=$(cd "$tree" && spatch -D report --no-show-diff --very-quiet \
			--jobs "$(nproc)" --chunksize 1 --cocci-file "$script" \
			-I include -I arch/x86/include "${options[@]}" \
			arch/x86/kvm/exit_stats*.[ch] arch/x86/kvm/tests/*.c) || rc=1
		echo "${script##*/}${said:+: $said}"
		[ -z "$said" ] || rc=1
	done < <(grep -rl --include='*.cocci' --exclude={check_bq27xxx_data,badzero}.cocci \
		'^virtual report' "$tree/scripts/coccinelle" | sort)
	return "$rc"
}

# contents OBJECT: print its code, data and relocations, without the line numbers of its WARN()s
contents()
{
	objdump -sr "$1" |
		awk '/^(Contents of|RELOCATION)/ { skip = /^Contents of section __bug_table:/ } !skip'
}

# Without the feature, KVM's modules must be the same as without the patches.
without_is_base()
{
	local module object rc=0
	stock && build_kvm without without &&
		TREE=$stock_tree build_kvm base without || return
	for module in kvm kvm-intel kvm-amd; do
		object=arch/x86/kvm/$module.o
		if cmp <(cd "$build/check-base" && contents "$object") \
			<(cd "$build/check-without" && contents "$object"); then
			echo "$object: equal"
			continue
		fi
		diff <(objdump -dr --no-addresses --no-show-raw-insn "$build/check-base/$object") \
			<(objdump -dr --no-addresses --no-show-raw-insn "$build/check-without/$object") |
			head -n 50
		rc=1
	done
	return "$rc"
}

build_builtin()
{
	build_objects builtin "$(fragments_of "$tree"),exit_stats,builtin"
}

# Test that no 64-bit division is left to libgcc, which the kernel does not have.  Leave out TDX,
# which is 64-bit only.
build_32bit()
{
	mapfile -t objects < <(printf '%s\n' "${objects[@]}" | grep -v '/tdx\.o$')
	ARCH=i386 build_objects 32bit 32bit,kvm,exit_stats &&
		cd "$build/check-32bit" &&
		! nm -A -u "${objects[@]}" | grep -E ' __u?(div|mod|divmod)di[34]$'
}

build_clang()
{
	build_objects clang "$(fragments_of "$tree"),exit_stats" CC="ccache $clang_of_base" olddefconfig
}

# With allmodconfig, i.e. all options, one of which is warnings as errors
build_allmod()
{
	build_objects allmod base,kvm,exit_stats allmodconfig
}

# The patches of make series can be applied one after the other.  Each is clean; those of the
# kernel are short enough for a review, and build with and without the feature.  After the last
# one, the source is that of make tree.
series_is_right()
{
	local patch name wrong=()
	"$top/scripts/base/series.sh" && series_tree || return
	[ -z "${QUICK-}" ] || sixth=$(($(git -C "$top" rev-list --count HEAD) % 6))
	for patch in "$build"/series/[0-9]*.patch; do
		name=${patch##*/}
		[ "$name" != 0000-cover-letter.patch ] || continue
		echo "$name"
		series_git am -q --no-scissors --no-gpg-sign "$patch" || return
		series_patch "$patch" || wrong+=("$name")
	done
	if ! series_git diff --stat --exit-code synced; then
		echo "The last patch does not leave what make tree has"
		return 1
	fi
	if [ ${#wrong[@]} -gt 0 ]; then
		echo "Patches that are not as they must be:"
		printf '%s\n' "${wrong[@]}"
		return 1
	fi
	rm -rf "$series_tree"
}

series_tree=$build/linux.series
kernel_patches=0
sixth=

series_git()
{
	git -C "$series_tree" -c user.name=check -c user.email=check@localhost "$@"
}

# Make a worktree of the source without the patches, with hard links to the files that are equal.
series_tree()
{
	rm -rf "$series_tree" && git -C "$tree" worktree prune &&
		git -C "$tree" worktree add -q --detach --no-checkout "$series_tree" synced &&
		find "$tree" -mindepth 1 -maxdepth 1 ! -name .git -exec cp -al -t "$series_tree" {} + &&
		series_git reset -q && series_git checkout -q -f base
}

# series_patch PATCH: test the patch, which was applied last
series_patch()
{
	local lines rc=0
	# REPEATED_WORD is ignored as commands in Bats files may repeat a word.
	"$tree/scripts/checkpatch.pl" --strict --no-signoff --no-tree \
		--ignore FILE_PATH_CHANGES,REPEATED_WORD - <"$1" || rc=1
	if ! series_git diff --quiet HEAD^ HEAD -- arch include virt; then
		kernel_patches=$((kernel_patches + 1))
		if [ -z "$sixth" ] || [ $((kernel_patches % 6)) = "$sixth" ]; then
			series_builds || rc=1
		fi
	fi
	lines=$(series_git diff --numstat HEAD^ HEAD -- arch include virt |
		awk '{ lines += $1 + $2 } END { print lines + 0 }')
	if [ "$lines" -gt 400 ]; then
		echo "$lines lines of the kernel are changed, and 400 is the limit"
		rc=1
	fi
	return "$rc"
}

# The objects that mention the statistics build, with and without the feature, and call only
# functions that are there.  The fragment exit_stats has a symbol of the unit tests, so it can
# only be used once the patch with these is applied.
series_builds()
{
	local fragments objects
	fragments=$(fragments_of "$series_tree")
	mapfile -t objects < <(objects_of "$series_tree")

	if grep -q '^config KVM_EXIT_STATS_KUNIT_TEST' "$series_tree/arch/x86/kvm/Kconfig"; then
		series_objects check-series "$fragments,exit_stats" "${objects[@]}" || return
	else
		series_objects check-series "$fragments" "${objects[@]}" || return
	fi
	grep -x 'CONFIG_KVM_EXIT_STATS=y' "$build/check-series/.config" &&
		(cd "$build/check-series" && calls_are_defined "${objects[@]}") || return

	[ -z "${QUICK-}" ] || return 0
	# Without the feature, only files of KVM itself and of the vendor modules are built.
	mapfile -t objects < <(printf '%s\n' "${objects[@]}" | grep -v exit_stats)
	[ ${#objects[@]} = 0 ] ||
		series_objects check-series-without "$fragments,without" "${objects[@]}"
}

# series_objects DIRECTORY FRAGMENTS OBJECT...: compile these.  If the patch has new options, make
# olddefconfig separately: together with objects, kbuild would make one target after the other.
series_objects()
{
	series_git diff --quiet HEAD^ HEAD -- arch/x86/kvm/Kconfig ||
		TREE=$series_tree "$top/scripts/lab/kernel.sh" "$1" "$2" olddefconfig || return
	TREE=$series_tree "$top/scripts/lab/kernel.sh" "$1" "$2" W=1 "${@:3}"
}

# calls_are_defined OBJECT...: whether each function or variable of the statistics that these use
# is defined in one of them, and exported if another module than kvm uses it
calls_are_defined()
{
	nm -A "$@" | awk '
		{ object = $1; sub(/:.*/, "", object); name = $NF; type = $(NF - 1) }
		name !~ /exit_stat/	{ next }
		type == "U"		{ used[object, name] = name; user[object, name] = object; next }
		{ defined[name] = 1 }
		END {
			for (i in used) {
				name = used[i]
				if (!(name in defined)) {
					print user[i] ": " name " is nowhere"
					wrong = 1
				} else if (user[i] ~ /\/(vmx|svm|tests)\// &&
						!("__ksymtab_" name in defined) &&
						!("__export_symbol_" name in defined)) {
					print user[i] ": " name " is not exported"
					wrong = 1
				}
			}
			exit wrong
		}'
}

selftests_have_no_warning()
{
	rm -f "$build/selftests/kvm"/{,lib/}"$selftests_arch"/exit_stats*
	"$top/scripts/lab/selftests.sh" 2>&1 | awk '{ print } /warning:/ { n++ } END { exit n > 0 }'
}

scripts_are_clean()
{
	shellcheck -x -P "SCRIPTDIR:$top" "$top"/scripts/*/*.sh "$top/.ci/run" &&
		shellcheck -s dash -e SC1091 "$top"/scripts/lab/guest/{init,l1.sh,guest,l2-init} \
			"$top"/scripts/lab/guest/scenario/*.sh "$top/scripts/course/submission/recipe.sh" &&
		shellcheck -x -P "$tool_sources/tests" "$tool_sources"/tests/*.{bats,bash} &&
		shellcheck -s bash "$tool_sources/bash-completion/kvm_exit_stat"
}

# Each room calls only the rooms that scripts/README lists for it.
rooms_call_downward()
{
	local room allowed rooms rc=0

	cd "$top/scripts"
	rooms=$(sed -nE 's,^([a-z]+)/ calls .*,\1,p' README)
	diff <(sort <<<"$rooms") <(find . -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort) ||
		return
	while read -r room; do
		allowed=$(sed -n "s,^$room/ calls ,,p" README)
		echo "$room: $allowed"
		# shellcheck disable=SC2016  # awk's
		find "$room" -type f ! -path base/patches/'*' -print0 |
			xargs -0 awk -v rooms=" ${rooms//$'\n'/ } " -v allowed=" $room $allowed " '
				/^[ \t]*#/	{ next }
				{
					line = $0
					while (match(line, /(scripts|\.\.)"?\/[a-z]+/)) {
						to = substr(line, RSTART, RLENGTH)
						line = substr(line, RSTART + RLENGTH)
						sub(/.*\//, "", to)
						if (index(rooms, " " to " ") && !index(allowed, " " to " ")) {
							print FILENAME ":" FNR ": " $0
							wrong = 1
						}
					}
				}
				END { exit wrong }' || rc=1
	done <<<"$rooms"
	return "$rc"
}

step packages "$top/scripts/base/packages.sh" tests check
step source "$top/scripts/base/tree.sh"
mapfile -t objects < <(objects_of "$tree")

for test in diff_is_fresh patches_are_clean new_files_are_clean abi_is_valid \
	scripts_are_clean rooms_call_downward man_page_is_clean tool_has_no_warning tool_is_installed \
	selftests_have_no_warning \
	"build_kvm modular exit_stats" build_builtin \
	"build_kvm minimal exit_stats,minimal" "build_kvm without without" \
	without_is_base build_32bit build_clang build_allmod series_is_right \
	sparse_has_no_warning coccinelle_has_no_report tool_has_no_finding; do
	# shellcheck disable=SC2086  # name and arguments
	if (step "${test//[ ,]/-}" $test); then
		report ok "$test"
	else
		report "not ok" "$test: see the log above"
	fi
done

report_totals
