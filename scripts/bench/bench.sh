#!/bin/bash
# make bench [QUICK=1]: measure what an exit costs and how many exits are lost, with the
# statistics and with the tools that people use instead; what recording an exit costs on the
# CPU of this machine; what readers cost; and how much memory is taken.
#
# Every figure is a line of build/bench.results.  The scenarios bench and bench-readers,
# readers.sh and silicon.sh describe these lines; the first three have the name of a machine
# of boot.sh in front.  The lines become the tables and plots in build/bench-report, which
# "make figures" copies to Documentation, and judge.awk compares them with limits.
#
# QUICK=1 takes the kernel of "make run", and leaves out naive counters and other tools.
. "$(dirname "$0")/lib.sh"

results=$build/bench.results
report=$build/bench-report

check_quick
if [ "${QUICK-}" ]; then
	kernel=kernel
	config=base,kvm
	enabled=,exit_stats
	scenario=bench-quick
	groups=()
	programs=()
else
	[ "$base_version" = "$default_base" ] ||
		die "BASE is '$base_version', but naive counters are for Linux $default_base: say QUICK=1"
	kernel=bench
	config=base,kvm,bench
	# The statistics are on by default: the fragment "exit_stats" would add only unit tests.
	enabled=
	scenario=bench
	groups=(tests bench)
	programs=(perf bpftrace chrt)
fi

# The patched kernel with naive counters on top
naive()
{
	{
		cat "$top/scripts/bench/naive.patch"
		diff -u --label /dev/null --label b/arch/x86/kvm/naive.h \
			/dev/null "$top/scripts/bench/naive.h" || true
	} >"$build/naive.patch"
	kvm_with "$kernel-naive" "$config,without" patch -s -p1 -i "$build/naive.patch"
}

# Run the two machines of Bochs at once: each keeps one CPU busy.
machines()
{
	local machine pids=()
	for machine in intel amd-bochs; do
		L1=bench "$top/scripts/lab/boot.sh" "$machine" "$scenario" &
		pids+=($!)
	done
	wait "${pids[0]}" && wait "${pids[1]}"
	L1=bench "$top/scripts/lab/boot.sh" amd "$scenario"
}

# Print what the figures depend on.
about()
{
	echo "about date $(date -u +%F)"
	echo "about commit $(git -C "$top" describe --always --dirty)"
	echo "about kernel $(make -s -C "$tree" kernelversion)"
	echo "about compiler $(gcc -dumpfullversion)"
	echo "about config $config"
}

figures()
{
	local machine
	about
	for machine in intel amd-bochs amd; do
		tr -d '\r' <"$build/run/$machine/bench/result.log" |
			sed -n "s/^\(exit\|counted\|life\) /$machine &/p"
	done
	sed -n 's/^\(read\|end\|latency\|memory\) /amd &/p' "$logs/readers.log"
	grep '^silicon ' "$logs/silicon.log"
}

step packages "$top/scripts/base/packages.sh" "${groups[@]}"
step source "$top/scripts/base/tree.sh"
step "$kernel" "$top/scripts/lab/kernel.sh" "$kernel" "$config$enabled" bzImage modules
step without kvm_only "$kernel-without" "$config,without"
[ "${QUICK-}" ] || step naive naive
step tool "$top/scripts/lab/tool.sh"
step initramfs "$top/scripts/lab/initramfs.sh" bench "$kernel" tests "${programs[@]}"
step exits machines
step small "$top/scripts/lab/initramfs.sh" readers "$kernel"
step readers "$top/scripts/bench/readers.sh" ${QUICK:+quick}
step silicon "$top/scripts/bench/silicon.sh" ${QUICK:+quick}

figures >"$results"
rm -rf "$report"
mkdir "$report"
awk -f "$top/scripts/bench/figures.awk" -f "$top/scripts/bench/report.awk" -v dir="$report" "$results"
for table in about exits counted silicon read scale readers; do
	echo
	cat "$report/$table"
done
if [ -z "${QUICK-}" ]; then
	gnuplot -e "dir='$report'" "$top/scripts/bench/plots.gnuplot"
	tidy_plots "$report"/*.svg
fi

echo
awk -f "$top/scripts/bench/figures.awk" -f "$top/scripts/bench/judge.awk" -v quick="${QUICK-}" \
	"$results" | tee "$report/verdict"
echo "$(grep -c '^ok' "$report/verdict") passed, $(grep -c '^not ok' "$report/verdict") failed"
! grep -q '^not ok' "$report/verdict"
