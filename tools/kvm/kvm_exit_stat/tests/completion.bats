#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The completion of bash.  $KVM_EXIT_STAT is the program, by default that in $PATH.
#
# shellcheck disable=SC1091,SC2317 # Sources are elsewhere; compopt() is called there.

setup()
{
	PROGRAM=$(command -v "${KVM_EXIT_STAT:-kvm_exit_stat}")
	PROGRAM=$(realpath "$PROGRAM")
	HERE=$(realpath "$BATS_TEST_DIRNAME")
	ROOT=$BATS_TEST_TMPDIR/root
	cd "$BATS_TEST_TMPDIR"

	mkdir -p "$ROOT"/sys/kernel/kvm_exit_stats/reasons/{CPUID,EPT_VIOLATION,EPT_MISCONFIG} \
		"$ROOT"/sys/kernel/debug/kvm/{123-11/vcpu{0,1},123-12/vcpu7,4567-9,other}
	touch "$ROOT/sys/kernel/debug/kvm/exits-file"
	mkdir directory
	touch a.json out.svg out.png out.pdf
	for word in HLT MSR_READ; do
		printf '{"kvm_exit_stat":2,"reasons":{"CPUID":{"count":1},"%s":{"count":2}}}\n' $word
	done > recording.json
	printf '{"kvm_exit_stat":2,"reasons":{"XSETBV":{"count":1,"cycles":{"total":1}}}}\n' \
		> other.json
	source_completion
}

# bash-completion has commands that fail, and unset variables: neither may end the test.
source_completion()
{
	set +eu
	source /usr/share/bash-completion/bash_completion
	source "$HERE/../bash-completion/kvm_exit_stat"
	set -e

	# Only readline may call the builtin.
	compopt()
	{
		COMPOPT="$*"
	}
}

# complete_words WORD... -> output: the completions of the last word.  Words are split at
# "=", too, as readline does.
complete_words()
{
	COMP_LINE="kvm_exit_stat $*" COMP_TYPE=9 COMP_KEY=9 COMPREPLY=() COMPOPT=''
	COMP_POINT=${#COMP_LINE} COMP_WORDS=("$PROGRAM") COMP_LINE=$PROGRAM
	for word; do
		COMP_LINE+=" $word"
		while [[ $word == *=* ]]; do
			COMP_WORDS+=("${word%%=*}" "=")
			word=${word#*=}
			[[ $word ]] || continue 2
		done
		COMP_WORDS+=("$word")
	done
	COMP_POINT=${#COMP_LINE} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	set +e
	_kvm_exit_stat "$PROGRAM" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	set -e
	output=$(printf '%s\n' "${COMPREPLY[@]}" | sort | xargs)
}

# expect WORDS: complete_words has found these
expect()
{
	if [[ $output != "$1" ]]; then
		echo "found '$output', expected '$1'"
		return 1
	fi
}

columns()
{
	"$PROGRAM" --help | sed -n '/^Columns:$/,/^[^ ]/s/^  *\([^ ]*\)  .*/\1/p'
}

@test "the completion is registered for the program" {
	[[ $(complete -p kvm_exit_stat) == *'-F _kvm_exit_stat '* ]]
}

@test "the first operand is a command" {
	complete_words ''
	expect 'diff plot record'
	complete_words -t re
	expect 'record'
	complete_words --sort record ''
	expect 'diff plot record'
	complete_words --top ''
	expect ''
}

@test "columns after -o are those of --help that a table since reset has" {
	complete_words -o ''
	expect "$(columns | grep -vx RATE | sort | xargs)"
	[[ " $output " == *' REASON '*' TOTAL '* && " $output " == *' MIN '* ]]
	[[ $COMPOPT == '-o nospace' ]]
}

@test "columns after -o are those of --help that an interval has" {
	complete_words -i 1 -o ''
	expect "$(columns | grep -vxE '(AWAY_)?(MIN|MAX)' | sort | xargs)"
	[[ " $output " == *' RATE '* ]]
	complete_words --top -o RA
	expect 'RATE'
}

@test "columns after -o are those of the list" {
	local list

	for list in --vms --per-vcpu --dead --user --preempted-by --keys --worst --slow --nested \
			--chain; do
		complete_words $list -o ''
		expect "$("$PROGRAM" --help | sed -n "/^Columns of $list:\$/,/^[^ ]/s/^  *\\([^ ]*\\)  .*/\\1/p" |
			grep -vxE "$([[ $list =~ ^--(user|nested)$ ]] && echo "(L2_)?RATE" || echo -)" | sort | xargs)"
	done
	complete_words --vms -o NA
	expect 'NAME'
	complete_words --top --vms -s NA
	expect 'NAME'
	complete_words --user -i 1 -s RA
	expect 'RATE'
}

@test "columns after the last comma" {
	complete_words -o COUNT,REA
	expect 'COUNT,REASON'
	complete_words -o COUNT,BLOCKED,BL
	expect 'COUNT,BLOCKED,BLOCKED%'
	complete_words --output=P50,P99,P
	expect 'P50,P99,P99.9 P50,P99,POLLED P50,P99,PREEMPTED P50,P99,PREEMPTED%'
}

@test "columns in the case of the user" {
	complete_words -o COUNT,rea
	expect 'COUNT,reason'
	complete_words -o reason,REA
	expect ''
}

@test "one column after -s" {
	complete_words -s TA
	expect 'TAX'
	complete_words --sort=SHA
	expect 'SHARE'
	complete_words -s COUNT,TA
	expect ''
}

@test "reasons after --hist are those of the system" {
	complete_words --sysroot "$ROOT" --hist ''
	expect 'CPUID EPT_MISCONFIG EPT_VIOLATION'
	complete_words --sysroot="$ROOT" --hist=EPT_V
	expect 'EPT_VIOLATION'
}

@test "reasons after plot --hist are those of the end of the file" {
	complete_words plot recording.json --hist ''
	expect 'CPUID MSR_READ'
	complete_words plot --hist ''
	expect ''
}

# A VM with a plain name, and one with a command in its name, which must not be executed
make_named()
{
	local stats=$ROOT/sys/kernel/kvm_exit_stats dir

	echo vmx > "$stats/isa"
	echo 1000000 > "$stats/tsc_khz"
	for dir in 123-11 4567-9; do
		{
			echo "reason tax_percent count cycles_total cycles_min cycles_avg cycles_max" \
				"away_total away_min away_avg away_max away_user away_blocked" \
				"away_polled away_preempted user_exits guest_cycles cycles_hist" \
				"away_hist user_reasons"
			echo dropped 0
		} > "$ROOT/sys/kernel/debug/kvm/$dir/exit_stats"
		mkdir -p "$ROOT/proc/${dir%-*}"
	done
	printf 'qemu\0-name\0win11\0' > "$ROOT/proc/123/cmdline"
	# shellcheck disable=SC2016
	printf 'qemu\0-name\0a $(>executed)\0' > "$ROOT/proc/4567/cmdline"
}

@test "VMs and vCPUs" {
	complete_words --sysroot "$ROOT" --vm ''
	expect '123-11 123-12 4567-9'
	make_named
	complete_words --sysroot "$ROOT" --vm ''
	expect '123-11 123-12 4567-9 win11'
	complete_words --sysroot "$ROOT" --vm w
	expect 'win11'
	complete_words --sysroot "$ROOT" --vm win11 --vcpu ''
	expect '0 1 7'
	complete_words --sysroot "$ROOT" --vm 123-11 --vcpu ''
	expect '0 1'
	complete_words --sysroot "$ROOT" --vm=123 --vcpu=''
	expect '0 1 7'
	complete_words --sysroot "$ROOT/none" --vm ''
	expect ''
}

@test "files, and only as many as the command takes" {
	complete_words record a
	expect 'a.json'
	complete_words record a.json ''
	expect ''
	complete_words diff a.json a
	expect 'a.json'
	complete_words --openmetrics=a
	expect 'a.json'
	complete_words --openmetrics a
	expect ''
	complete_words --csv --log a
	expect 'a.json'
	complete_words --sysroot ''
	expect 'directory root'
}

@test "reasons of either file after diff" {
	complete_words diff recording.json other.json ''
	expect 'CPUID MSR_READ XSETBV'
	complete_words diff recording.json other.json CPUID X
	expect 'XSETBV'
}

@test "the second file of plot is a picture" {
	complete_words plot -t a
	expect 'a.json'
	complete_words plot -t a.json ''
	expect 'directory out.png out.svg root'
}

@test "nothing for numbers" {
	for option in -i --interval -n --intervals --fail-above --min-count --max-series; do
		complete_words $option ''
		expect ''
	done
	complete_words --interval=''
	expect ''
}

@test "after -- all are operands" {
	complete_words record -- -
	expect ''
	touch -- -i
	complete_words record -- -
	expect '-i'
	complete_words record -- -i ''
	expect ''
}

@test "the name of a directory is not executed" {
	mkdir "$ROOT/sys/kernel/kvm_exit_stats/reasons/\$(>executed)" \
		"$ROOT/sys/kernel/debug/kvm/1-\$(>executed)"
	complete_words --sysroot "$ROOT" --hist ''
	complete_words --sysroot "$ROOT" --vm ''
	[[ ! -e executed ]]
}

# Run a command line that is complete, but finds nothing to read: its status is 2 only if
# the option does not go together with the mode.
status_with()
{
	local option=$1 value=()
	shift

	case $option in
	-i | --interval | -n | --intervals)
		value=(1)
		;;
	--log)
		value=("$ROOT/log" -i 1 --csv)
		;;
	-o | --output | -s | --sort)
		# A column that all tables have
		value=(TIMESTAMP)
		;;
	--vm | --vcpu | --fail-above | --min-count)
		value=(5)
		;;
	--hist)
		value=(CPUID)
		;;
	--sysroot)
		value=("$ROOT/none")
		;;
	esac
	case $option in
	--max-series)
		value=(5 --per-vm)
		;;
	-n | --intervals)
		value+=(-i 1)
		;;
	--vcpu | --per-vcpu | --chain)
		value+=(--vm 5)
		;;
	esac
	"$PROGRAM" "$@" "$option" "${value[@]}" < /dev/null > /dev/null 2>&1
}

@test "the operand of a list that can be of one exit reason" {
	local list

	for list in --keys --worst --slow --nested; do
		complete_words --sysroot "$ROOT" $list EPT
		expect 'EPT_MISCONFIG EPT_VIOLATION'
		complete_words --sysroot "$ROOT" $list CPUID ''
		expect ''
	done
}

@test "options are those of the mode, and none is missing" {
	options=$("$PROGRAM" --help | sed '/^Columns:$/,$d' |
		grep -Eo -- '(^|[ [|,])--?[[:alpha:]][[:alpha:]-]*' | tr -d ' [|,' | sort -u)
	[[ $options == *--fail-above* && $options == *-J* ]]

	for mode in '' --top '--top --vms' --vms '--per-vcpu --vm 5' --dead --user --preempted-by \
			--keys --worst --slow --nested '--chain --vm 5' '--hist CPUID' --openmetrics 'record file' 'diff a.json a.json' \
			'plot a.json out.svg'; do
		read -r -a words <<< "$mode"
		complete_words "${words[@]}" -
		for option in $options; do
			# The option that is the mode is not offered again, but is no error.
			[[ $option == "${words[0]}" ]] && continue

			extra=()
			[[ $mode =~ ^(diff|plot) || $option == --sysroot ]] ||
				extra=(--sysroot "$ROOT/none")
			status=0
			status_with "$option" "${words[@]}" "${extra[@]}" || status=$?
			offered=0
			[[ " $output " != *" $option "* ]] || offered=1
			if ((offered != (status != 2))); then
				echo "mode '$mode': $option gives status $status, offered $offered"
				failed=1
			fi
		done
	done
	[[ ! $failed ]]
}
