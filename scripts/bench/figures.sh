#!/bin/bash
# make figures: write the figures and plots in Documentation, from make bench, and from a
# recording of the tool with a Linux guest on VMX.
. "$(dirname "$0")/lib.sh"

documentation=$top/Documentation/virt/kvm/x86
page=$documentation/exit-stats-cost.rst
report=$build/bench-report

plots_of_guest()
{
	local recording=$build/run/intel/tool/recording

	"$top/scripts/lab/boot.sh" intel tool
	section_of "$build/run/intel/tool/result.log" recording >"$recording"
	"$tool" plot "$recording" "$documentation/exit-stats-tax.svg"
	"$tool" plot --hist EPT_VIOLATION "$recording" "$documentation/exit-stats-heat-map.svg"
	tidy_plots "$documentation"/exit-stats-{tax,heat-map}.svg
}

# Copy each table to its place in the page, i.e. between ".. bench NAME" and ".. bench end".
tables()
{
	awk -v report="$report" '
		/^\.\. bench / {
			inside = $3 != "end"
			if (inside) {
				print $0 "\n"
				while ((rc = getline line <(report "/" $3)) > 0)
					print line
				if (rc < 0)
					exit 1
				print ""
			}
		}
		!inside' "$page" >"$build/page"
	cat "$build/page" >"$page"
	cp "$report"/*.svg "$documentation/"
}

only_default_base
step packages "$top/scripts/base/packages.sh" tests
build_kernel
step initramfs "$top/scripts/lab/initramfs.sh"
# Run bench.sh before Documentation is changed: its figures name the commit, and say "dirty"
# if there are changes that are not committed.
"$top/scripts/bench/bench.sh"
step tool-run plots_of_guest
tables
git -C "$top" diff --stat -- Documentation
