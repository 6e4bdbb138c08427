#!/bin/bash
# make check: style, warnings, both ways to build KVM, freshness of the diff.
. "$(dirname "$0")/lib.sh"

patches=$top/scripts/patches/$base_version
tool_sources=$top/tools/kvm/kvm_exit_stat

diff_is_fresh()
{
	"$top/scripts/tree.sh" fresh
}

# A patch as it would be mailed; whoever mails it signs it off.
patches_are_clean()
{
	local patch rc=0
	for patch in "$patches"/*.patch; do
		echo "$patch"
		"$tree/scripts/checkpatch.pl" --strict --no-signoff --no-tree - <"$patch" || rc=1
	done
	return "$rc"
}

new_files_are_clean()
{
	# Bats files are for shellcheck, and nobody wrote the pictures and the fuzz input.
	cd "$top" && find arch Documentation tools -type f ! -name '*.bats' ! -name '*.svg' \
		! -path '*/corpus/*' -print0 |
		xargs -0 "$tree/scripts/checkpatch.pl" --strict --no-tree -f
}

man_page_is_clean()
{
	mandoc -T lint -W style "$tool_sources/kvm_exit_stat.1"
}

# With every warning an error, by both compilers
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

abi_is_valid()
{
	local said rc=0
	said=$("$tree/scripts/get_abi.pl" validate --dir "$top/Documentation/ABI" 2>&1) || rc=$?
	echo "$said"
	[ "$rc" = 0 ] && [ -z "$said" ]
}

# build_kvm NAME FRAGMENTS: KVM with every warning an error
build_kvm()
{
	"$top/scripts/kernel.sh" "check-$1" "base,kvm,$2" W=1 arch/x86/kvm/ virt/lib/
}

selftests_have_no_warning()
{
	rm -f "$build"/selftests/kvm/x86_64/exit_stats_* "$build"/selftests/kvm/lib/x86_64/exit_stats*
	"$top/scripts/selftests.sh" 2>&1 | awk '{ print } /warning:/ { n++ } END { exit n > 0 }'
}

scripts_are_clean()
{
	shellcheck -x -P "$top/scripts" "$top"/scripts/*.sh "$top/.ci/run" &&
		shellcheck -s dash -e SC1091 "$top"/scripts/guest/{init,l1.sh,guest,l2-init} \
			"$top"/scripts/guest/scenario/*.sh &&
		shellcheck -x -P "$tool_sources/tests" "$tool_sources"/tests/*.{bats,bash} &&
		shellcheck -s bash "$tool_sources/bash-completion/kvm_exit_stat"
}

step packages "$top/scripts/packages.sh" tests
step source "$top/scripts/tree.sh"

passed=0
failed=0
for test in diff_is_fresh patches_are_clean new_files_are_clean abi_is_valid \
	scripts_are_clean man_page_is_clean tool_has_no_warning selftests_have_no_warning \
	"build_kvm modular exit_stats" "build_kvm builtin exit_stats,builtin" \
	"build_kvm minimal exit_stats,minimal" "build_kvm without without"; do
	# shellcheck disable=SC2086  # name and arguments
	if (step "${test//[ ,]/-}" $test); then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done

echo "check: $passed passed, $failed failed"
[ "$failed" = 0 ]
