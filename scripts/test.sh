#!/bin/bash
# make test: all tests, in L1.  Every test is a line "ok NAME" or "not ok NAME" of
# the results; one that prints neither was not run, and fails its scenario.
. "$(dirname "$0")/lib.sh"

build_kernel
step tests "$top/scripts/selftests.sh"
step initramfs "$top/scripts/initramfs.sh"

passed=0
failed=0
report()
{
	if [ "$1" = ok ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	printf '%-6s %s\n' "$1" "$2"
}

for scenario in run kunit selftest modules; do
	result=$build/run/$scenario/result.log
	if (step "$scenario" "$top/scripts/boot.sh" "$scenario"); then
		report ok "$scenario: came to its end, with nothing bad on the console"
	else
		report "not ok" "$scenario: see the log above"
	fi
	[ -f "$result" ] || continue
	while read -r line; do
		case $line in
		"not ok "*)
			report "not ok" "$scenario: ${line#not ok }"
			;;
		"ok "*)
			report ok "$scenario: ${line#ok }"
			;;
		esac
	done < <(tr -d '\r' <"$result" | sed 's/^ *//')
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
