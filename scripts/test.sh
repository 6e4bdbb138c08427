#!/bin/bash
# make test: all tests: in L1, on both vendors, and those of the tool on this machine.
# Every test is a line "ok NAME" or "not ok NAME" of the results; one that prints
# neither was not run, and fails its scenario or suite.
. "$(dirname "$0")/lib.sh"

step packages "$top/scripts/packages.sh" tests
build_kernel
step builtin "$top/scripts/kernel.sh" builtin base,kvm,exit_stats,builtin bzImage
step tests "$top/scripts/selftests.sh"
step tool-sanitized "$top/scripts/tool.sh" sanitized
step prometheus "$top/scripts/prometheus-fetch.sh"
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
		"ok "*)
			report ok "$name: ${line#ok }"
			;;
		esac
	done < <(tr -d '\r' <"$2" | sed 's/^ *//')
}

# scenario MACHINE SCENARIO: in L1
scenario()
{
	if (step "$1-$2" "$top/scripts/boot.sh" "$1" "$2"); then
		report ok "$1 $2: came to its end, with nothing bad on the console"
	else
		report "not ok" "$1 $2: see the log above"
	fi
	report_lines "$1 $2" "$build/run/$1/$2/result.log"
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

# What L1's numbers are in Prometheus
prometheus()
{
	local out=$build/run/$1/tool

	section_of "$out/result.log" metrics.1 >"$out/metrics.1"
	section_of "$out/result.log" metrics.2 >"$out/metrics.2"
	"$top/scripts/prometheus.sh" "$build/prometheus" "$out"/metrics.{1,2}
}

for machine in intel amd; do
	for name in run exact kunit selftest modules tool; do
		scenario "$machine" "$name"
	done
	L1=builtin scenario "$machine" builtin
done
scenario amd-bochs fastpath

tests=$top/tools/kvm/kvm_exit_stat/tests
export PROMTOOL=$build/prometheus/usr/bin/promtool
KVM_EXIT_STAT=$tool suite tool bats --formatter tap "$tests"
KVM_EXIT_STAT=$build/tools-sanitized/kvm_exit_stat \
	suite "tool sanitized" bats --formatter tap "$tests"
suite fuzz "$top/scripts/fuzz.sh" 30
QUICK=1 suite bench "$top/scripts/bench.sh"
suite "prometheus intel" prometheus intel
suite "prometheus amd" prometheus amd

echo "$skipped skipped: they cannot run on that machine"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
