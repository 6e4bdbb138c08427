#!/bin/bash
# make test [QUICK=1]: run all tests: those in L1, on both vendors, and those of the tool on this
# machine.  QUICK=1 leaves out the kernel with KVM built in, and runs the selftests of Linux 7.3
# on AMD instead of Intel.
. "$(dirname "$0")/lib.sh"
check_quick
. "$top/scripts/base/apt.sh"

# Build the module printcount for the kernel of L1, outside of the source.
printcount()
{
	rm -rf "$kernel-printcount"
	cp -r "$tree/tools/kvm/printcount" "$kernel-printcount"
	make -C "$kernel-printcount" KDIR="$kernel" CC="ccache gcc"
}

# Make the L1 "apicv", with the KVM of build/kernel-apicv in place of that of the kernel.
apicv_initramfs()
{
	local more=$build/apicv
	rm -rf "$more"
	mkdir -p "$more/lib/modules"
	cp "$kernel-apicv"/arch/x86/kvm/kvm{,-intel,-amd}.ko "$more/lib/modules/"
	MORE=$more "$top/scripts/lab/initramfs.sh" apicv
}

step packages "$top/scripts/base/packages.sh" tests submission host
build_kernel
[ "${QUICK-}" ] ||
	step builtin "$top/scripts/lab/kernel.sh" builtin base,kvm,exit_stats,builtin bzImage
step without kvm_only kernel-without base,kvm,without
step fastpath kvm_with kernel-fastpath base,kvm,exit_stats \
	sed -i -f "$top/scripts/lab/guest/fastpath.sed" arch/x86/kvm/{vmx/vmx,svm/svm}.c
# Only Bochs 3.0 emulates APICv.
if [ "$(bochs_major)" -ge 3 ]; then
	step apicv kvm_with kernel-apicv base,kvm,exit_stats \
		sed -i -f "$top/scripts/lab/guest/pid.sed" arch/x86/kvm/vmx/{vmx,common}.h
fi
step printcount printcount
step tests "$top/scripts/lab/selftests.sh"
step tool-sanitized "$top/scripts/lab/tool.sh" sanitized
step prometheus fetch_prometheus
step initramfs "$top/scripts/lab/initramfs.sh"
[ "${QUICK-}" ] || step initramfs-builtin "$top/scripts/lab/initramfs.sh" builtin builtin
[ "$(bochs_major)" -lt 3 ] || step initramfs-apicv apicv_initramfs
step initramfs-kvm-stat "$top/scripts/test/kvm-stat.sh"
# The scenario swap needs Debian's own kernel, and the tools of the release that has this kernel.
other_release=$(suite_of_base)
swap=1
[ -z "${KERNEL-}" ] && { [ -z "$other_release" ] || has_codename "$other_release"; } || swap=
[ -z "$swap" ] || step swap "$top/scripts/test/swap.sh"

# prometheus MACHINE: test Prometheus with the metrics that the scenario "tool" has printed
prometheus()
{
	local out=$build/run/$1/tool

	section_of "$out/result.log" metrics.1 >"$out/metrics.1"
	section_of "$out/result.log" metrics.2 >"$out/metrics.2"
	"$top/scripts/test/prometheus.sh" "$build/prometheus" "$out"/metrics.{1,2}
}

# on_both MACHINE: run the tests that are for both vendors
on_both()
{
	local machine=$1 name

	for name in run exact kunit selftest modules printcount tool vms security write-fuzz; do
		scenario "$machine" "$name"
	done
	suite "prometheus $machine" prometheus "$machine"
	# Keep these short: a second of L1 takes Bochs several seconds.
	PARAMETERS="seconds=15 seed=1" scenario "$machine" torture
	PARAMETERS="seconds=15 seed=1" scenario "$machine" enemy
	if [ "${QUICK-}" ]; then
		report skip "builtin $machine builtin: QUICK=1"
	else
		L1=builtin scenario "$machine" builtin
	fi
	# On both, as Bochs' serial port is as slow as a real one, and in QEMU more happens at once.
	scenario "$machine" printk
}

in_bochs()
{
	on_both intel
	scenario amd-bochs fastpath
	if [ "$(bochs_major)" -ge 3 ]; then
		scenario amd-bochs run
		scenario amd-bochs exact
		scenario apicv vmfail
		L1=apicv scenario apicv run
		L1=apicv scenario apicv exact
	else
		report skip "amd-bochs run, amd-bochs exact, apicv: Bochs is older than 3.0"
	fi
	# Not on amd, as SVM's fastpath needs next RIP, which QEMU lacks.
	scenario intel fastpath-new
	scenario amd-bochs fastpath-new
}

in_qemu_and_here()
{
	local tests=$top/tools/kvm/kvm_exit_stat/tests

	on_both amd
	# Only here, as Bochs would take minutes for these.
	scenario amd scale
	scenario amd churn
	# Only here, as Python takes minutes to start in Bochs, and debugfs is the same there.
	L1=kvm-stat scenario amd kvm-stat
	if [ -n "$swap" ]; then
		L1=swap scenario amd swap
		suite modules "$top/scripts/test/modules-test.sh"
	else
		report skip "swap, modules: this release of Debian has no Linux $base_version of its own"
	fi
	# Test the tool that is built with sanitizers, as L1 has the one without.  Some tests send
	# SIGHUP, which "nohup make test" ignores: reset that to the default.
	KVM_EXIT_STAT=$build/tools-sanitized/kvm_exit_stat suite tool \
		env --default-signal=HUP bats --formatter tap "$tests"
	suite fuzz "$top/scripts/test/fuzz.sh" 30
	suite source "$top/scripts/test/source-test.sh"
	suite port "$top/scripts/test/port-test.sh"
	if [ "$base_version" = "$default_base" ]; then
		suite submission "$top/scripts/test/submission-test.sh"
	else
		report skip "submission: what is handed in is the diff for Linux $default_base"
	fi
}

export PROMTOOL=$build/prometheus/usr/bin/promtool
export KVM_HEADER=$tree/include/uapi/linux/kvm.h
export MSR_HEADER=$tree/arch/x86/include/asm/msr-index.h
lanes in_bochs in_qemu_and_here
# Not beside other tests, as this measures times on this CPU.
QUICK=1 suite bench "$top/scripts/bench/bench.sh"
if [ "$base_version" != "$default_base" ] || [ -n "${KERNEL-}" ]; then
	:
elif (step source-7.3 env BASE=7.3 "$top/scripts/base/source.sh"); then
	suite "Linux 7.3" env BASE=7.3 "$top/scripts/test/base-test.sh"
else
	report skip "Linux 7.3: Debian does not serve its source"
fi

report_totals
