#!/bin/bash
# make test: all tests, in L1, on both vendors.  Every test is a line "ok NAME" or
# "not ok NAME" of the results; one that prints neither was not run, and fails its
# scenario.
. "$(dirname "$0")/lib.sh"

build_kernel
step builtin "$top/scripts/kernel.sh" builtin base,kvm,exit_stats,builtin bzImage
step tests "$top/scripts/selftests.sh"
step initramfs "$top/scripts/initramfs.sh"
step initramfs-builtin "$top/scripts/initramfs.sh" builtin builtin

passed=0
failed=0
skipped=0
report()
{
	case $1 in
	ok)
		passed=$((passed + 1))
		;;
	skip)
		skipped=$((skipped + 1))
		;;
	*)
		failed=$((failed + 1))
		;;
	esac
	printf '%-6s %s\n' "$1" "$2"
}

# scenario MACHINE SCENARIO
scenario()
{
	local name="$1 $2" result=$build/run/$1/$2/result.log line

	if (step "$1-$2" "$top/scripts/boot.sh" "$1" "$2"); then
		report ok "$name: came to its end, with nothing bad on the console"
	else
		report "not ok" "$name: see the log above"
	fi
	[ -f "$result" ] || return 0
	while read -r line; do
		case $line in
		"not ok "*)
			report "not ok" "$name: ${line#not ok }"
			;;
		"ok "*"# SKIP"*)
			report skip "$name: ${line#ok }"
			;;
		"ok "*)
			report ok "$name: ${line#ok }"
			;;
		esac
	done < <(tr -d '\r' <"$result" | sed 's/^ *//')
}

for machine in intel amd; do
	for name in run exact kunit selftest modules; do
		scenario "$machine" "$name"
	done
	L1=builtin scenario "$machine" builtin
done
scenario amd-bochs fastpath

echo "$skipped skipped: they cannot run on that machine"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
