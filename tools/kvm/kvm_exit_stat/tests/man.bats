#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The examples of the man page

load lib

setup()
{
	prepare
	sample
	vm 2000-11 nr=17 /usr/bin/qemu-system-x86_64 -name guest=win11
	newer
	exits CPUID in=2000-11/0 cycles='90x10' away='90x100' guest=21000
	echo "chain CPUID 10" >>"$DEBUGFS/2000-11/vcpu0/exit_stats"
	put "$STATS/reset" 0

	# What the examples call.  Files of the system are below the root of the test.
	mkdir bin var
	cat >bin/kvm_exit_stat <<-'EOF'
		#!/bin/bash
		[[ $1 = diff || $1 = plot ]] || set -- --sysroot "$ROOT" "$@"
		exec "$TOOL" "$@"
	EOF
	echo 'exit 0' >bin/systemctl
	echo 'exit 0' >benchmark
	chmod +x bin/* benchmark
	export TOOL ROOT PATH=$DIR/bin:$PATH
	# The files that examples compare: the example that makes one names it by the kernel.
	kes record 6.12.117.json
	kes record 6.12.118.json
}

# The lines of the page that are commands
examples()
{
	sed -n 's/^\.Dl \([#$] \)/\1/; s/^[#$] //p' "$BATS_TEST_DIRNAME/../kvm_exit_stat.1" |
		sed 's/\\-/-/g; s/\\&//g'
}

# adapt COMMAND: shorter intervals, and other places -> command
adapt()
{
	command=${1//\/sys\/kernel\/kvm_exit_stats/$STATS}
	command=${command//\/var\/lib\/prometheus\/node-exporter/$DIR/var}
	command=${command//\/var\/log/$DIR/var}
	command=${command/-n 600/-n 100}
	command=$(sed -E 's/-i 10?( |$)/-i 0.01 /' <<<"$command")
	[[ $command != *--log* ]] || command+=' -n 2'
}

# in_terminal COMMAND: one that ends with the key q
in_terminal()
{
	(sleep 1 && printf q && sleep 1) |
		TERM=xterm timeout -k 5 "$LIMIT" script -qec "$1" /dev/null
}

# A VM at work, for intervals not to be empty
guest()
{
	while [[ -e $STATS ]]; do
		exits CPUID cycles=1000 away=2000 guest=7000
		sleep 0.01
	done
}

@test "man page: each example runs" {
	local example command n=0

	need jq
	need gnuplot
	need script
	guest 3>&- &
	background+=($!)
	while IFS= read -r example; do
		n=$((n + 1))
		adapt "$example"
		if [[ $command = *--top* ]]; then
			run in_terminal "$command"
		else
			run timeout -k 5 "$LIMIT" bash -c "$command"
		fi
		[[ $status -eq 0 && $output != *'kvm_exit_stat: '* ]] || {
			with "$example"
			show_run
		}
	done < <(examples)
	((n >= 24)) || {
		echo "only $n examples"
		return 1
	}
	# Some of the examples must have made these files.
	[[ -s load.svg && -s var/kvm_exit_stat.csv && -s var/kvm_exit_stat.prom && -s $(uname -r).json ]]
	same "$(<"$STATS/reset")" 1
}
