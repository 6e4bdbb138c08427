# shellcheck shell=bash
# Sourced by every script of this room: tests, and what runs them and sums up.  Every test is
# a line "ok NAME" or "not ok NAME" of the results; one that prints neither was not run, and
# fails its scenario or suite.
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lib.sh"

# check NAME COMMAND...: a test, for suites; what COMMAND prints is shown if it fails
check()
{
	local name=$1 said rc=0
	shift

	said=$("$@" 2>&1) || rc=$?
	if [ "$rc" = 0 ]; then
		echo "ok $name"
		return
	fi
	echo "not ok $name"
	printf '%s\n' "${said:-"$* ended with status $rc"}" | head -n 20 | sed 's/^/    # /'
}

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

	if (step "${name// /-}" "$top/scripts/lab/boot.sh" "$1" "$2"); then
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
