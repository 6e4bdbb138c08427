# shellcheck shell=bash
# shellcheck disable=SC2154  # of lib.sh
# Sourced after lib.sh, by what runs tests and sums up.  Every test is a line "ok NAME"
# or "not ok NAME" of the results; one that prints neither was not run, and fails its
# scenario or suite.

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

# report_lines NAME FILE
report_lines()
{
	local name=$1 line

	[ -f "$2" ] || return 0
	while read -r line; do
		case $line in
		"not ok "*)
			report "not ok" "$name: ${line#not ok }"
			;;
		"ok "*"# SKIP"* | "ok "*"# skip"*)
			report skip "$name: ${line#ok }"
			;;
		"skip "*)
			report skip "$name: ${line#skip }"
			;;
		"ok "*)
			report ok "$name: ${line#ok }"
			;;
		esac
	done < <(tr -d '\r' <"$2" | sed -E 's/^ *//; s/^(ok|not ok|skip) +/\1 /')
}

# scenario MACHINE SCENARIO: in L1
scenario()
{
	local name="${L1:+$L1 }$1 $2"

	if (step "${name// /-}" "$top/scripts/boot.sh" "$1" "$2"); then
		report ok "$name: came to its end, with nothing bad on the console"
	else
		report "not ok" "$name: see the log above"
	fi
	report_lines "$name" "$build/run/$1/${L1:-$2}/result.log"
}

# suite NAME COMMAND...: on this machine
suite()
{
	local name=$1
	shift

	if (step "${name// /-}" "$@"); then
		report ok "$name: came to its end"
	else
		report "not ok" "$name: see the log above"
	fi
	report_lines "$name" "$logs/${name// /-}.log"
}

# The last two lines, and the exit status
report_totals()
{
	echo "$skipped skipped: they cannot run on that machine"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}
