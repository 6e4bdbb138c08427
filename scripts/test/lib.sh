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

# What was reported, also side by side
results=$logs/$(basename "$0" .sh).results
rm -f "$results"
report()
{
	printf '%-6s %s\n' "$1" "$2" | tee -a "$results"
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

# lanes "FUNCTION [ARGUMENT...]"...: side by side, each of them one scenario or suite after
# the other.  An emulator takes one of this machine's CPUs, and L1's clock goes by its
# instructions.
lanes()
{
	local lane pids=() rc n=0

	for lane in "$@"; do
		# A process group each, to end all of it on Ctrl-C
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

# The last two lines, and the exit status
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

# served PACKAGE...: those of these that this release of Debian has
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
