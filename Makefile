# KVM exit statistics: see README.cmpe283.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.NOTPARALLEL:
S := scripts

.PHONY: help run test exact selftests bench fuzz torture sanitize figures shell check tree diff series port submission recipe clean
.PHONY: modules modules_install modules_uninstall reload dkms deb host-test distro-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z_-]+:.*## /{ printf "  make %-17s %s\n", $$1, $$2 }' Makefile

run: ## build everything, run a Linux guest in an emulated machine, show its exits [CPU=amd]
	@$S/run.sh

test: ## build everything, run all tests on both vendors
	@$S/test.sh

exact: ## every exit of a Linux guest beside its trace event, on both vendors
	@$S/exact.sh

selftests: ## KVM's own selftests on the stock and on the patched kernel, compared
	@$S/kernel-selftests.sh

bench: ## what an exit costs, beside what other tools cost [QUICK=1: without these]
	@$S/bench.sh

fuzz: ## feed the tool with files that are none of its own [MINUTES=10]
	@. $S/lib.sh && step packages $S/packages.sh tests && step source $S/tree.sh && $S/fuzz.sh

torture: ## all at once, and then whether the numbers are right [MINUTES=5] [SEED=1]
	@$S/torture.sh

sanitize: ## what runs in L1 once more, with KASAN, lockdep and others, and with KCSAN
	@$S/sanitize.sh

figures: ## make bench, and write its figures and all plots into Documentation
	@$S/figures.sh

shell: ## an interactive shell in the emulated machine [CPU=amd]
	@$S/shell.sh

check: ## style, warnings, both ways to build KVM, freshness of cmpe283-3.diff
	@$S/check.sh

modules: ## the patched KVM for the kernel that runs here [KDIR=headers of another one]
	@. $S/lib.sh && step packages $S/packages.sh host && step source $S/tree.sh && \
		step modules $S/modules.sh

modules_install: ## install it beside that kernel's own [KDIR=] [INSTALL_MOD_PATH=]
	@$S/modules.sh install

modules_uninstall: ## remove it [KDIR=] [INSTALL_MOD_PATH=]
	@$S/modules.sh uninstall

reload: ## load KVM's modules anew, i.e. those that were installed or are left
	@$S/reload.sh

dkms: ## a source tree for DKMS, which builds the patched KVM for kernels to come
	@$S/dkms.sh

deb: ## Debian packages of the patched kernel, in build/deb [CONFIG=configuration]
	@$S/deb.sh

distro-test: ## make run and make test on another release of Debian, from nothing [SUITE=trixie]
	@$S/distro-test.sh

host-test: ## what README.cmpe283 says about a real host, on one that QEMU emulates
	@$S/host-test.sh

tree: ## the patched kernel source, a git tree to work in: build/linux
	@. $S/lib.sh && step packages $S/packages.sh && step source $S/tree.sh

diff: ## write changes in build/linux back here, regenerate cmpe283-3.diff
	@$S/tree.sh diff

series: ## the patches as one mails them, with a cover letter, in build/series [BASE=7.3]
	@. $S/lib.sh && step packages $S/packages.sh && step source $S/tree.sh && \
		step series $S/series.sh && echo "the patches are in $${build#"$$PWD"/}/series"

port: ## whether the patches fit a kernel source: TREE=directory
	@$S/port.sh

submission: ## what is handed in for CMPE283: COMMIT=sha IDS='ID 0123456789 Last, First; ...' [INTERVAL=500] [LINUX=clone]
	@$S/submission.sh

recipe: ## follow the recipe of make submission, word by word
	@$S/recipe.sh

clean: ## remove build/
	rm -rf build
