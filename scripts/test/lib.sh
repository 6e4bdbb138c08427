# shellcheck shell=bash
# Sourced by every script of this room: functions to run tests, and to sum up their results.
# Every test prints a line "ok NAME" or "not ok NAME".  If a script ends before some tests have
# printed their line, its scenario or suite fails.
. "$(dirname "${BASH_SOURCE[0]}")/../lab/lib.sh"

# check NAME COMMAND...: a test in a suite, which passes if COMMAND succeeds.  If COMMAND fails, its
# output is shown.
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

# A file with all that was reported, also by lanes that run at the same time
results=$logs/$(basename "$0" .sh).results
rm -f "$results"
report()
{
	printf '%-6s %s\n' "$1" "$2" | tee -a "$results"
}

# report_lines NAME FILE: report the results of tests in a file
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

# scenario MACHINE SCENARIO: run a scenario in L1, and report its results
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

# suite NAME COMMAND...: run a command with tests on this machine, and report its results
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

# lanes "FUNCTION [ARGUMENT...]"...: run functions at the same time, each of which runs scenarios or
# suites one after the other.  An emulator takes only one of this machine's CPUs, and L1's clock
# counts its instructions, so lanes hardly disturb each other.
lanes()
{
	local lane pids=() rc n=0

	for lane in "$@"; do
		# Each lane is a process group, to end all its processes on Ctrl-C.
		set -m
		# shellcheck disable=SC2086  # function and arguments
		$lane </dev/null &
		set +m
		pids+=($!)
	done
	# shellcheck disable=SC2154  # the trap's own
	trap 'for pid in $(jobs -p); do kill -TERM -- "-$pid"; done 2>/dev/null; exit 130' INT TERM

	for lane in "$@"; do
		rc=0
		wait "${pids[n++]}" || rc=$?
		[ "$rc" = 0 ] || report "not ok" "$lane: ended with status $rc"
	done
	trap - INT TERM
}

# Print the totals, the last two lines of output.  The status is that of the whole run.
report_totals()
{
	awk '
		/^skip/		{ skipped++ }
		/^ok/		{ passed++ }
		/^not ok/	{ failed++ }
		END {
			print skipped + 0 " skipped, for the reasons that they give"
			print passed + 0 " passed, " failed + 0 " failed"
			exit failed > 0
		}' "$results"
}

# served PACKAGE...: print which of these packages this release of Debian has
served()
{
	local package
	for package; do
		! apt-cache show "$package" >/dev/null 2>&1 || echo "$package"
	done
}

# Prometheus, with promtool, which is a package of its own since Debian 13
fetch_prometheus()
{
	local split_off
	mapfile -t split_off < <(served promtool)
	"$top/scripts/base/fetch.sh" prometheus prometheus prometheus-node-exporter "${split_off[@]}"
}
