# KVM exit statistics: see README.cmpe283.
#
# What begins with ## is shown by make help, see scripts/base/help.awk.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.NOTPARALLEL:
S := scripts

.PHONY: help run test exact selftests bench fuzz torture mutants sanitize figures shell check tree diff series port submission recipe clean
.PHONY: modules modules_install modules_uninstall reload dkms deb host-test distro-test

##@ Start here

## this list
help:
	@awk -f $S/base/help.awk Makefile

## build everything, run a Linux guest in an emulated machine, show what its exits cost; logs:
## build/run/intel/run [CPU=]
run:
	@$S/lab/run.sh

## a shell in that machine, with the patched kernel: "guest" runs the Linux guest,
## "kvm_exit_stat" shows its exits, "exit" powers off [CPU=]
shell:
	@$S/lab/shell.sh

## remove build/
clean:
	rm -rf build

##@ Tests (make check test QUICK=1: what CI runs)

## on both vendors, in emulated machines: a real guest, unit tests, selftests, KVM as modules,
## built in, and in place of Debian's, access rights, fuzz, torture, enemies, cost; here: the
## tool on canned numbers, Prometheus, make submission, make port; then less of Linux 7.3
test:
	@$S/test/test.sh

## style and static analysis; KVM in all ways to build it, and the tool, with warnings as
## errors; whether KVM without the feature is Debian's, cmpe283-3.diff is up to date, and each
## patch of make series is clean and builds
check:
	@$S/test/check.sh

## every exit of a Linux guest counted three ways, by reason: ours, the trace's events, KVM's
## own counters; and its times beside that which passed; on both vendors
exact:
	@$S/test/exact.sh

## KVM's own selftests on Debian's kernel and on the patched one, on both vendors: no
## difference, or it fails.  Which run where, and why not the others:
## scripts/test/kernel-selftests.list
selftests:
	@$S/test/kernel-selftests.sh

## feed the tool with files that are none of its own [MINUTES=10]
fuzz:
	@. $S/base/lib.sh && step packages $S/base/packages.sh tests && \
		step source $S/base/tree.sh && $S/test/fuzz.sh

## VMs, readers, writers, CPUs and the vendor module that come and go, all at once, on each
## vendor; then guests and VMMs as enemies; and whether the numbers are right [MINUTES=5, of
## each] [SEED=1]
torture:
	@$S/test/torture.sh

## break the code in small ways, one after the other: the test that is to find it fails, or this
## does; two hours [ONLY=PATTERN] [SAMPLE=N] [SEED=1]
mutants:
	@$S/test/mutants.sh

## what runs in L1 once more, with KASAN, UBSAN, lockdep and others, with allocations that
## fail, and with KCSAN; up to an hour
sanitize:
	@$S/test/sanitize.sh

## "On a real host" of scripts/host/README, word for word, on a host with Debian's kernel that QEMU
## emulates, with SVM; on Intel, KVM in place of Debian's; half an hour
host-test:
	@$S/test/host-test.sh

## make run and make test on another release of Debian, with 6.12 and with 7.3, from nothing,
## in a directory; an hour, 12 GB of disk [SUITE=trixie or bookworm] [COMMANDS=]
distro-test:
	@$S/test/distro-test.sh

##@ Measure

## what the statistics add to an exit, in instructions, beside trace events, perf, bpftrace and
## naive counters; what these lose; what a record, reading and memory cost; half an hour
## [QUICK=1: without other tools, five minutes]
bench:
	@$S/bench/bench.sh

## make bench, and write its figures into Documentation, and the plots of a guest on VMX
figures:
	@$S/bench/figures.sh

##@ On a real host (see scripts/host/README)

## the patched KVM for the kernel that runs here [KDIR=]
modules:
	@. $S/base/lib.sh && step packages $S/base/packages.sh host && \
		step source $S/base/tree.sh && step modules $S/host/modules.sh

## install it beside that kernel's own [KDIR=] [INSTALL_MOD_PATH=]
modules_install:
	@$S/host/modules.sh install

## remove it [KDIR=] [INSTALL_MOD_PATH=]
modules_uninstall:
	@$S/host/modules.sh uninstall

## load KVM's modules anew: those that were installed, or those that are left
reload:
	@$S/host/reload.sh

## a source tree for DKMS, which builds the patched KVM for kernels to come
dkms:
	@$S/host/dkms.sh

## Debian packages of the patched kernel, in build/deb [CONFIG=its configuration]
deb:
	@$S/host/deb.sh

##@ Patches

## the patched kernel source, a git tree to work in: build/linux
tree:
	@. $S/base/lib.sh && step packages $S/base/packages.sh && step source $S/base/tree.sh

## write changes in build/linux back to this repository, and regenerate cmpe283-3.diff
diff:
	@$S/base/tree.sh diff

## whether the patches fit the kernel source in TREE=: hunk by hunk, what does not, and what
## that kernel lacks of what they call
port:
	@$S/base/port.sh

## the patches as one mails them, in build/series, with a cover letter.  What each has:
## scripts/base/series/plan; changelogs: *.msg there.  Needs a look, a sign-off, and git
## send-email --to-cover --cc-cover
series:
	@. $S/base/lib.sh && step packages $S/base/packages.sh && step source $S/base/tree.sh && \
		step series $S/base/series.sh && echo "the patches are in $${build#"$$PWD"/}/series"

##@ The course

## what is handed in for CMPE283, as scripts/course/README has it: COMMIT=sha
## IDS='ID 0123456789 Last, First; ...' [LINUX=clone of Linux] [INTERVAL=500]
submission:
	@$S/course/submission.sh

## follow the recipe of its PDF, command by command, up to the numbers, in build/recipe and,
## after the reboot, in L1 on AMD; 5 GB of disk
recipe:
	@$S/course/recipe.sh

##@ Variables, after make TARGET

##= CPU=amd for run and shell: a machine with SVM in place of VMX
##= BASE=7.3 for all: Debian's linux-source-7.3, or 6.1, in place of 6.12, and the patches for
##  that; all is built in build/7.3, where the whole patch is, too.  Only for 6.12: submission,
##  recipe, figures, dkms, host-test, and bench without QUICK=1
##= KERNEL=PATH for all: that source of Linux, a directory or a tarball, in place of Debian's;
##  BASE says which patches are for it.  Elsewhere than on Debian it says what is missing, and
##  installs nothing.  Not for what is about Debian's own kernel: modules, dkms, deb, host-test
##= KDIR=PATH for modules: the headers of another kernel of that version
##= MINUTES=N for fuzz, and for torture, for each half, on each vendor
##= SEED=N for torture: the same numbers do the same; for mutants, which SAMPLE is taken
##= ONLY=PATTERN for mutants: those whose name it matches, as in scripts/test/mutants
##= SAMPLE=N for mutants: so many of them
##= QUICK=1 for bench: without other tools; for check: a sixth of the series is built; for
##  test: no KVM that is built in, and less of 7.3
##= SUITE=NAME for distro-test: trixie (Debian 13) or bookworm (12)
##= TREE=PATH for port: the kernel source
##= CONFIG=PATH for deb, e.g. /boot/config-...

##@ When a step fails, it says so, shows the end of its log, and names the log.
