#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What must fail, with which status, and what the message must name

load lib

# refuse NAMES ARG...: a usage error whose message has all of NAMES, regular
# expressions
refuse()
{
	local -a names

	read -r -a names <<<"$1"
	shift
	kes "$@"
	fails 2 "${names[@]}" || return 1
	same "$output" ""
}

# The same on files of record
refuse_files()
{
	local -a names

	read -r -a names <<<"$1"
	shift
	files "$@"
	fails 2 "${names[@]}" || return 1
	same "$output" ""
}

# Either name of an option will do.
I='(-i|--interval)' N='(-n|--intervals)' O='(-o|--output)'
J='(-J|--json)' R='(-r|--raw)'

# bad FILE TEXT: with that text in the file, the tool fails, and names the file
bad()
{
	local file=$STATS/$1 before args

	before=$(<"$file")
	printf %b "$2" >"$file"
	for args in '' '--hist CPUID' --openmetrics 'record f'; do
		# shellcheck disable=SC2086
		kes $args
		if ! fails '[378]' "${1##*/}" || ! same "$output" ""; then
			with "$1 is '${2:0:80}'"
		fi
	done
	[[ ! -e f ]]
	printf '%s\n' "$before" >"$file"
}

# bad_stat COLUMN TEXT: with that text in a column of CPUID, the tool fails, and names file,
# column and text
bad_stat()
{
	local before

	before=$(<"$STATS/reasons/CPUID/stat")
	put_stat CPUID "$1=$2"
	kes
	fails 7 "$STATS/reasons/CPUID/stat" "$1" "'$2'" || with "$1 is $2"
	same "$output" "" || with "$1 is $2"
	put "$STATS/reasons/CPUID/stat" "$before"
}

@test "usage: unknown options and operands" {
	refuse nope --nope
	refuse Z -Z
	refuse 'stat: -x is' --time -xJ
	refuse foo foo
	refuse foo -t foo
	refuse '' ''
}

@test "usage: options without their value" {
	local option

	for option in -i -n -o -s --log --vm --vcpu --hist --sysroot --fail-above --min-count; do
		files "$option"
		fails 2 "$option|'${option#-}'"
	done
	files --json=1
	fails 2 'json|-J'
}

@test "usage: options that take no value" {
	local option

	# The message has the long name, as it was given, and not the letter.
	for option in --time --json --raw --csv --tax --top --help --version; do
		files "$option=5"
		fails 2 "$option"
	done
}

@test "usage: columns that do not exist" {
	refuse NOPE -o REASON,NOPE
	refuse NOPE -s NOPE
	refuse "COUNTX" -o COUNTX
	refuse "COUN" -o COUN
	refuse '' -o ''
	refuse '' -o REASON,
	refuse '' -o ,REASON
	refuse '' -s ''
	refuse '' -s COUNT,TOTAL
	refuse COUNT_A -o COUNT_A
	refuse "${O}|column" -o "$(printf 'COUNT,%.0s' {1..10000})COUNT"
}

@test "usage: a column that is named twice" {
	refuse COUNT -o COUNT,COUNT
	refuse 'COUNT twice' -o REASON,count,TOTAL,COUNT
	refuse COUNT --top -o COUNT,COUNT
}

@test "usage: RATE without an interval" {
	refuse "RATE interval" -o RATE
	refuse "RATE interval" -s RATE
}

@test "usage: extremes of an interval, which nobody knows" {
	local column

	for column in MIN MAX AWAY_MIN AWAY_MAX; do
		refuse "$column interval" -i 1 -o "REASON,$column"
		refuse "$column interval" -i 1 -s "${column,,}"
		refuse "$column interval" --top -o "$column"
	done
}

@test "usage: values of -i" {
	local value

	for value in 0 0.0 0.009 0.0099999 -1 86400.1 86401 1e9 abc '' ' ' 1x 1s nan inf infinity \
		0x1 1,5 1.2.3 . - + 99999999999999999999999999; do
		refuse "$I" --interval="$value"
	done
	refuse "$I 86400" -i 86401
	refuse "$I 0\.01" -i 0
}

@test "usage: values of -n" {
	local value

	for value in 0 -1 1.5 abc '' ' ' 1x 0x10 4294967296 18446744073709551617; do
		refuse "$N" -i 1 --intervals="$value"
	done
	refuse "$N 4294967295" -i 1 -n 4294967296
}

@test "usage: values of --vm and --vcpu" {
	local value

	refuse --vm --vm=
	# Any text can be the name of a VM, but must not be used as a path or a pattern.
	for value in abc - -5 5- 5-x 1-2-3 5-6/ ../5 '5 ' 0x5 . .. / \*; do
		kes --vm="$value"
		fails 3 --vm || with "--vm=$value"
	done
	for value in abc '' -1 1.5 1x ../0 0/ 0x1 '1 '; do
		refuse --vcpu --vm 5-6 --vcpu="$value"
	done
}

@test "usage: what needs another option" {
	refuse "$N $I" -n 1
	refuse "--vcpu --vm" --vcpu 0
	refuse --fail-above --fail-above 5
	refuse "--log $I" --csv --log f
	refuse "--log --csv --json --raw" -i 1 --log f
	refuse --log -i 1 --csv --log ''
	refuse "--chain --vm" --chain
	[[ ! -e f ]]
}

@test "usage: one format at a time" {
	refuse "$J $R" -J -r
	refuse "$J --csv" -J --csv
	refuse "$R --csv" --csv -r
	files diff -J --csv a b
	fails 2 "$J" --csv
}

@test "usage: one mode at a time" {
	refuse "--top --hist" --top --hist CPUID
	refuse "--top --openmetrics" --top --openmetrics
	refuse "--hist --openmetrics" --hist CPUID --openmetrics
	refuse_files "--top record" record --top f
	refuse_files "--top diff" diff --top a b
	refuse_files "--top plot" plot --top a b.svg
	refuse_files "--hist record" record --hist CPUID f
	refuse_files "--hist diff" diff --hist CPUID a b
	refuse_files "--openmetrics record" record --openmetrics f
	refuse_files "--openmetrics diff" diff --openmetrics a b
	refuse_files "--openmetrics plot" plot --openmetrics a b.svg
}

@test "usage: one list of columns" {
	refuse "--tax $O" --tax -o REASON,TAX
	refuse "--tax $O" -o REASON --tax -i 1
	refuse "--tax $O" --top --tax -o REASON
}

# All pairs of options and modes are tested in completion.bats.
@test "usage: options that do not go with a mode, which is told" {
	refuse "--top $N" --top -i 1 -n 1
	refuse "--top $J" --top -J
	refuse "--hist $O" --hist CPUID -o COUNT
	refuse "--hist|-i|interval $N" --hist CPUID -n 3
	refuse "--openmetrics $I" --openmetrics -i 1
	refuse "record --fail-above" record --fail-above 5 f
	refuse "$N $I" record -n 3 f
	[[ ! -e f ]]
	refuse_files "diff --vm" diff --vm 5 a b
	refuse_files "plot --csv" plot --csv a b.svg
}

@test "usage: number of operands" {
	refuse_files record record
	refuse_files record record f g
	refuse_files diff diff
	refuse_files diff diff a
	refuse_files plot plot
	refuse_files plot plot a
	refuse_files plot plot a b.svg c
	refuse_files record record ''
	refuse_files diff diff '' a
	refuse_files diff diff a ''
	refuse_files diff diff a a ''
	refuse_files plot plot '' b.svg
	refuse_files plot plot a ''
}

@test "usage: a reason that does not exist" {
	refuse NOPE --hist NOPE
	refuse '' --hist ''
	refuse '' --hist ../isa
	refuse '' --hist .
	kes record a
	refuse_files NOPE diff a a CPUID NOPE
	refuse_files NOPE plot --hist NOPE a a.svg
	[[ ! -e a.svg ]]
}

@test "usage: options and operands in any order" {
	kes record f.json
	ok
	kes -i 0.01 record -n 1 g.json
	ok
	files --csv diff f.json f.json
	ok
	files diff f.json -t f.json CPUID --csv
	ok
	[[ $output == *CPUID* ]]
	# The same mode or format may be given twice.
	kes --csv --csv --user --user
	ok
	kes record -- -h
	ok
	[[ -s ./-h ]]
}

@test "usage: errors come before anything is read or written" {
	refuse_files NOPE --sysroot /nonexistent -o NOPE
	refuse_files "$N" --sysroot /nonexistent -n 1
	refuse_files "record" --sysroot /nonexistent record -J f.json
	[[ ! -e f.json ]]
}

@test "not there: no directory in sysfs" {
	local args

	rm -r "$STATS"
	for args in '' '-i 0.01' '--hist CPUID' --openmetrics --openmetrics=m.prom 'record f' --tax; do
		# shellcheck disable=SC2086
		kes $args
		fails 3 kvm_exit_stats
		same "$output" ""
	done
	[[ ! -e m.prom && ! -e f ]]
	files --sysroot /nonexistent
	fails 3 /nonexistent
}

@test "not there: tsc_khz is 0 where time is needed" {
	put "$STATS/tsc_khz" 0
	kes -t
	fails 3 tsc_khz
	kes --hist CPUID -t
	fails 3 tsc_khz
	kes --openmetrics
	fails 3 tsc_khz
	kes -t -i 0.01 -n 1
	fails 3 tsc_khz

	kes --csv
	ok
	[[ $output == *$'\nCPUID,4,'* ]]
	kes --hist CPUID
	ok
	kes record f
	ok
	files diff f f
	ok
	files diff -t f f
	fails 3
}

# Set the modes of the kernel: only root may read counters, anybody the switches and isa.
modes()
{
	chmod 0400 "$STATS"/total_* "$STATS"/guest_cycles "$STATS"/{clock_warps,dropped} "$STATS"/reasons/*/*
	chmod 0644 "$STATS"/{enabled,interval,isa,tsc_khz}
	# Others may enter the directories of the tree; see unprivileged() for those above.
	chmod -R a+X "$ROOT"
}

# unprivileged ARG...: run the tool as another user
unprivileged()
{
	local parent=$DIR

	[[ $(id -u) -eq 0 ]] || skip "needs root to become another user"
	need setpriv
	while [[ $parent != / ]]; do
		setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$parent" ||
			chmod a+x "$parent" || skip "another user cannot enter $parent"
		parent=${parent%/*}
		parent=${parent:-/}
	done
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$TOOL" ||
		skip "another user cannot run $TOOL"
	run --separate-stderr timeout -k 5 "$LIMIT" \
		setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$TOOL" --sysroot "$ROOT" "$@"
}

@test "no permission: another user" {
	modes
	unprivileged
	fails 4 "$STATS" root
	same "$output" ""
	unprivileged -i 1
	fails 4 "$STATS"
	unprivileged --hist CPUID
	fails 4 "$STATS"
	unprivileged --openmetrics
	fails 4 "$STATS"
	unprivileged record "$DIR/f"
	fails 4
	[[ ! -e f ]]
}

@test "no permission: debugfs" {
	exits CPUID in=123-11/0 cycles=5
	modes
	chmod 0700 "$ROOT/sys/kernel/debug"
	unprivileged --vm 123
	fails 4 debug
	same "$output" ""
}

# closed ARG...: run the tool without a standard output
closed()
{
	run --separate-stderr bash -c 'exec "$@" >&-' bash "$TOOL" --sysroot "$ROOT" "$@"
}

@test "standard output that is closed is an error, status 8" {
	local arguments

	for arguments in "" "-i 0.01 -n 2 --csv" --openmetrics --json --version; do
		# shellcheck disable=SC2086  # several arguments
		closed $arguments
		fails 8 "standard output" || with "$arguments"
	done
	# What is not written there is no loss.
	closed record f.json
	ok
	jq -e .time f.json
}

# failing CALL ERROR PATH ARG...: run the tool where that system call fails for that path
failing()
{
	need strace
	# LeakSanitizer would have to trace the tool, which strace does already.
	ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 run --separate-stderr timeout -k 5 "$LIMIT" \
		strace -qq -o /dev/null -e trace="$1" -e inject="$1:error=$2" -P "$3" \
		"$TOOL" --sysroot "$ROOT" "${@:4}"
}

# unreadable DIRECTORY ARG...: run the tool where that directory can be opened, but not read
unreadable()
{
	failing getdents64 EIO "$@"
}

@test "directories that cannot be read" {
	exits CPUID in=123-11/0 cycles=5
	unreadable "$STATS/reasons"
	fails 6 "$STATS/reasons" "was unloaded"
	same "$output" ""
	# A name that differs in case is looked for among all reasons.
	unreadable "$STATS/reasons" --hist cpuid
	fails 6 "$STATS/reasons" "was unloaded"
	unreadable "$DEBUGFS" --vms
	fails 6 "$DEBUGFS" "was unloaded"
	unreadable "$DEBUGFS/123-11" --vm 123-11 --per-vcpu
	fails 6 "$DEBUGFS/123-11" "the VM is gone"
	same "$output" ""
}

# locked_down ARG...: run the tool where a table of debugfs cannot be opened, as under lockdown
locked_down()
{
	failing openat EPERM "$DEBUGFS/123-11/exit_stats" "$@"
}

@test "no permission: lockdown" {
	local mode

	exits CPUID in=123-11/0 cycles=5
	mkdir "$ROOT/sys/kernel/security"
	for mode in integrity confidentiality; do
		echo "none [$mode] other" >"$ROOT/sys/kernel/security/lockdown"
		locked_down --vm 123-11
		fails 4 "lockdown, mode $mode" sysfs "$DEBUGFS/123-11/exit_stats" || with "$mode"
		locked_down --vm 7
		fails 4 "lockdown, mode $mode" sysfs || with "--vm 7, $mode"
		locked_down --vms
		fails 4 "lockdown, mode $mode" sysfs || with "--vms, $mode"
	done
	same "$output" ""
	echo "[none] integrity confidentiality" >"$ROOT/sys/kernel/security/lockdown"
	locked_down --vm 123-11
	fails 4 "only root"
	# Under lockdown, root may still read sysfs.
	echo "none [integrity] confidentiality" >"$ROOT/sys/kernel/security/lockdown"
	locked_down
	ok
}

@test "no permission: lockdown, likely" {
	[[ $(id -u) -eq 0 ]] || skip "needs root, whom nothing else refuses"
	exits CPUID in=123-11/0 cycles=5
	locked_down --vm 123-11
	fails 4 "lockdown keeps" sysfs
}

@test "no permission: files of record" {
	kes record f
	ok
	chmod 0600 f
	modes
	unprivileged diff f f
	fails '[2478]'
	run --separate-stderr timeout "$LIMIT" setpriv --reuid=65534 --clear-groups \
		"$TOOL" diff f f
	fails '[478]' f
}

@test "malformed: one number" {
	local text

	for text in '' '\n' 'x\n' '-1\n' '1 2\n' '18446744073709551616\n' '99999999999999999999999\n' \
		'1.5\n' '0x10\n' ' \n' '4x\n' '4\00005\n' '\0377\n'; do
		bad total_exits "$text"
	done
	bad dropped 'x\n'
	bad dropped ''
}

@test "malformed: a column of stat" {
	local column text

	for text in x -1 18446744073709551616 99999999999999999999999 1.5 0x10 4x 1:1 -; do
		bad_stat count "$text"
	done
	for column in cycles_total cycles_min cycles_max away_total away_min away_max away_user \
		away_blocked away_polled away_preempted user_exits guest_cycles; do
		bad_stat "$column" x
	done
}

@test "malformed: a histogram of stat" {
	local text

	for text in 4 x 9 9: :4 9:x 9:-4 -9:4 32:4 '9:4,' 9:4,10 ,9:4 9:4:5 9:18446744073709551616 -- -1; do
		bad_stat cycles_hist "$text"
		bad_stat away_hist "$text"
	done
}

@test "malformed: stat is no line of all columns" {
	local line text

	line=$(<"$STATS/reasons/CPUID/stat")
	for text in '' '\n' 'x\n' "$line" "$line\n$line\n" "$line\00005\n" \
		"$(printf '7%.0s' {1..100000})\n" "$(printf '7 %.0s' {1..100000})\n"; do
		bad reasons/CPUID/stat "$text"
	done
	# Older kernels do not have the last column, but all have the one before.
	line=${line%  *}
	put "$STATS/reasons/CPUID/stat" "${line%  *}"
	kes
	fails 7 "$STATS/reasons/CPUID/stat" 'away_hist of CPUID is missing'
}

@test "columns that a later kernel appends do not matter" {
	local want line

	kes --csv
	ok
	want=$output
	for line in "$STATS"/reasons/*/stat; do
		put "$line" "$(<"$line") 5 x:y -"
	done
	kes --csv
	ok
	same "$output" "$want"
}

@test "malformed: isa and tsc_khz" {
	local text

	for text in '' '\n' 'arm\n' 'vmx svm\n' 'VMX\n' 'vmx"\n' '\0377\n'; do
		bad isa "$text"
	done
	for text in '' 'x\n' '-1\n' '18446744073709551616\n'; do
		printf %b "$text" >"$STATS/tsc_khz"
		kes -t
		fails '[378]' tsc_khz
	done
}

@test "malformed: something else in place of a file, or nothing" {
	rm "$STATS/reasons/CPUID/stat"
	kes
	fails '[3678]' CPUID/stat
	# A symbolic link to itself
	ln -s stat "$STATS/reasons/CPUID/stat"
	kes
	fails '[3678]' CPUID/stat
	rm "$STATS/reasons/CPUID/stat"
	mkdir "$STATS/reasons/CPUID/stat"
	kes
	fails '[3678]' CPUID
	rm -r "$STATS/reasons"
	: >"$STATS/reasons"
	kes
	fails '[3678]' reasons
}

# full ARG...: run the tool with a full device as stdout
full()
{
	# shellcheck disable=SC2016
	run --separate-stderr timeout -k 5 "$LIMIT" sh -c 'exec "$@" >/dev/full' sh "$TOOL" "$@"
}

@test "write error: status 8 in every mode that writes to stdout" {
	local args

	kes record f
	ok
	# With -i, the first interval that cannot be written ends the tool.
	for args in '' -J -r --csv --tax '-i 0.01' '-i 0.01 -J' '--hist CPUID' \
		'--hist CPUID -i 0.01 -n 2' --openmetrics; do
		# shellcheck disable=SC2086
		full --sysroot "$ROOT" $args
		fails 8 '[Nn]o space|writ' || {
			echo "with '$args'"
			return 1
		}
	done
	for args in --help 'diff f f' 'diff -J f f' 'diff --csv f f' 'diff -r f f'; do
		# shellcheck disable=SC2086
		full $args
		fails 8 '[Nn]o space|writ' || {
			echo "with '$args'"
			return 1
		}
	done
}
