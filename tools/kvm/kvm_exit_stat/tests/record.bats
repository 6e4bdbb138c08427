#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Files of record: what is written, and what of them is refused

load lib

setup()
{
	prepare
	sample
	mkdir files
	cd files || return 1
}

# alone FILE: there is no other, e.g. no temporary one
alone()
{
	same "$(ls -A)" "$1"
}

# is_refused FILE [REGEX]: both diff and plot refuse the file
is_refused()
{
	files diff good "$1"
	fails 7 "${2-$1}" || return 1
	same "$output" "" || return 1
	files plot "$1" out.svg
	fails 7 "${2-$1}" || return 1
	[[ ! -e out.svg ]]
}

@test "record: a snapshot has all numbers of the reasons that occurred" {
	put "$STATS/dropped" 3
	kes record f.json
	ok
	same "$output" ""
	alone f.json
	same "$(wc -l <f.json)" 1
	from f.json
	jq_is '.[0]|del(.time, .uptime, .reasons)' \
		'{"kvm_exit_stat":2,"isa":"vmx","tsc_khz":1000000,"scope":"system","dropped":3}'
	jq_is '.[0].reasons|keys' '["CPUID","EPT_VIOLATION","HLT","IO_INSTRUCTION","MSR_WRITE"]'
	jq_is '.[0].reasons.EPT_VIOLATION' '{"count":3,
		"cycles":{"total":5000,"min":1000,"max":3000,
			"hist":[0,0,0,0,0,0,0,0,0,0,2,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]},
		"away":{"total":14000,"min":2000,"max":8000,"user":5000,"blocked":0,"polled":0,
			"preempted":1000,
			"hist":[0,0,0,0,0,0,0,0,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]},
		"user_exits":2,"guest_cycles":50000}'
	jq_is '.[0].reasons.MSR_WRITE|[.count, .cycles.hist[0], .away.total, .away.max]' '[1,1,0,0]'
}

@test "record: a file in /dev/shm is replaced, too" {
	[[ $PWD == /dev/shm/* ]] || skip "$PWD is not below /dev/shm"
	kes record "$PWD/f.json"
	ok
	kes record "$PWD/f.json"
	ok
	same "$(wc -l <f.json)" 1
	alone f.json
	kes --openmetrics="$PWD/f.json"
	ok
	kes --openmetrics="$PWD/f.json"
	ok
	same "$(grep -c '^# EOF' f.json)" 1
}

@test "a recording of next to nothing is refused" {
	local uptime

	kes record good
	ok
	for uptime in 1e-320 1e-100 1e-7; do
		sed 's/"uptime":[0-9.]*/"uptime":0/' good >bad
		sed "s/\"uptime\":[0-9.]*/\"uptime\":$uptime/" good >>bad
		is_refused bad "bad, line 2: 'uptime'" || with "$uptime"
	done
}

@test "diff: names of files have no control characters" {
	kes record a.json
	ok
	cp a.json $'\e[31mx\xff.json'
	files diff $'\e[31mx\xff.json' a.json
	ok
	[[ ${lines[0]} == 'vmx, A: ?[31mx?.json, system;'* ]]
	files diff -J $'\e[31mx\xff.json' a.json
	ok
	jq_is '.[0].a.file' '"?[31mx?.json"'
	files diff $'\xc2\x9bnone.json' a.json
	fails 8 'cannot read [?]+none.json'
}

@test "record: keys are in the order of the format" {
	kes record f.json
	ok
	from f.json
	jq_is '.[0]|keys_unsorted' \
		'["kvm_exit_stat","time","uptime","isa","tsc_khz","scope","dropped","reasons"]'
	jq_is '.[0].reasons.HLT|keys_unsorted' '["count","cycles","away","user_exits","guest_cycles"]'
}

@test "record: time is UTC, uptime is since the boot, both with microseconds" {
	local before after uptime

	before=$(date +%s)
	export TZ=UTC+7
	kes record f.json
	ok
	after=$(date +%s)
	read -r uptime _ </proc/uptime
	jq -e --argjson before "$before" --argjson after "$after" --argjson uptime "$uptime" \
		'.time >= $before and .time < $after + 1 and .uptime > 0 and .uptime <= $uptime + 0.01' f.json
	grep -Eq '"time":[0-9]+\.[0-9]{6},"uptime":[0-9]+\.[0-9]{6},' f.json
}

@test "record: numbers of 64 bits round trip" {
	local max=18446744073709551615

	tree vmx 1000000
	put_stat CPUID count=$max cycles_total=$max cycles_max=$max cycles_hist=1:$max guest_cycles=$max
	put "$STATS/total_exits" $max
	kes record f.json
	ok
	grep -q "\"count\":$max,\"cycles\":{\"total\":$max,\"min\":0,\"max\":$max,\"hist\":\[0,$max,0," f.json
	grep -q "\"guest_cycles\":$max}" f.json
	files diff --csv f.json f.json CPUID
	ok
	[[ ${lines[1]} == "CPUID,$max,$max,"* ]]
}

@test "record: nothing occurred yet" {
	tree svm 0
	kes record f.json
	ok
	from f.json
	jq_is '.[0]|[.isa,.tsc_khz,.dropped,.reasons]' '["svm",0,0,{}]'
	files diff --csv f.json f.json
	ok
	same "${#lines[@]}" 1
}

@test "record: the file gets the mode of any new file" {
	umask 027
	kes record f.json
	ok
	# The counters are for root, so a mode without rights for the group is fine, too.
	[[ $(stat -c %a f.json) == 6[04]0 ]]
}

@test "record: a symbolic link stays, what it points to is written" {
	mkdir elsewhere
	ln -s elsewhere/g.json f.json
	: >elsewhere/g.json
	kes record f.json
	ok
	[[ -L f.json ]]
	jq -e .kvm_exit_stat elsewhere/g.json
	same "$(ls -A elsewhere)" g.json
}

@test "record: a device or a FIFO is written to, and not replaced" {
	kes record /dev/stdout
	ok
	jq -e .kvm_exit_stat <<<"$output"

	mkfifo f
	timeout "$LIMIT" cat f >copy 3>&- &
	kes record f
	ok
	wait
	[[ -p f ]]
	jq -e .kvm_exit_stat copy
}

@test "record: a full device is an error, and not replaced" {
	mknod full c 1 7 2>/dev/null || skip "needs root to make a device"
	(: >full) 2>/dev/null || skip "devices do not work in $PWD"
	kes record full
	fails 8 full
	[[ -c full ]]
	alone full
}

@test "record: a FIFO that nobody reads is no trap" {
	local args

	mkfifo f
	for args in f '-i 60 f'; do
		# shellcheck disable=SC2086
		start record $args
		poll asleep
		kill -TERM "$PID"
		finish
		same "$status" $((128 + 15))
		alone f
	done
}

@test "record: to standard output, sent to a file, keeps what is there" {
	echo old >log
	# Not /dev/stdout: a faulty tool, run by root, could rename a file to that.
	"$TOOL" --sysroot "$ROOT" record /dev/fd/1 >>log
	same "$(head -n 1 log)" old
	same "$(wc -l <log)" 2
	tail -n 1 log | jq -e .kvm_exit_stat
}

@test "record: a symbolic link to nothing, status 8" {
	ln -s target.json f.json
	kes record f.json
	fails 8 f.json
	same "$(readlink f.json)" target.json
	alone f.json
}

@test "record: an operand that cannot be written, status 8" {
	kes record nowhere/f.json
	fails 8 nowhere/f.json
	mkdir dir
	kes record dir
	fails 8 dir
	kes record dir/
	fails 8 dir
	kes record "$(printf 'x%.0s' {1..300})"
	fails 8
	alone dir
	# A link that cannot be followed is no new file.
	ln -s loop loop
	kes record loop
	fails 8 'cannot write loop'
	[[ -L loop ]]
}

@test "record: that fails to read leaves the old file, and no other" {
	echo old >f.json
	put_stat CPUID count=x
	kes record f.json
	fails '[378]' count
	same "$(<f.json)" old
	alone f.json
	rm -r "$STATS"
	kes record f.json
	fails 3
	same "$(<f.json)" old
	alone f.json
}

@test "record: that fails to write leaves the old file, and no other" {
	echo old >f.json
	no_space record f.json
	fails 8 f.json
	same "$(<f.json)" old
	alone f.json
	no_space record -i 0.01 -n 3 f.json
	fails 8 f.json
	same "$(<f.json)" old
	alone f.json
	rm f.json
	no_space record f.json
	fails 8 f.json
	alone ""
}

@test "record: a snapshot that fits in part is as good as none" {
	echo old >f.json
	kes record whole
	ok
	[[ $(stat -c %s whole) -gt 1024 ]]
	rm whole
	space 1 record f.json
	fails 8 f.json
	same "$(<f.json)" old
	alone f.json
	# The first snapshot of a recording is not kept in part either.
	space 1 record -i 0.01 f.json
	fails 8 f.json
	same "$(<f.json)" old
	alone f.json
}

@test "record -i: a line at the beginning and after each interval" {
	kes record -i 0.02 -n 3 f.json
	ok
	alone f.json
	same "$(wc -l <f.json)" 4
	jq -es 'length == 4 and all(.[]; .reasons.CPUID.count == 4)
		and ([.[].uptime]|. == (.|unique)) and ([.[].time]|. == sort)
		and .[3].uptime - .[0].uptime >= 0.055' f.json
}

@test "record -i: numbers since the reset in each line" {
	start record -i 0.3 -n 2 f.json
	freeze
	exits CPUID cycles=100 away=200 guest=1000
	exits TRIPLE_FAULT cycles=7
	thaw
	finish
	ok
	from f.json
	jq_is 'map([.reasons.CPUID.count, .reasons.CPUID.cycles.total, .reasons.CPUID.guest_cycles])' \
		'[[4,1900,100000],[5,2000,101000],[5,2000,101000]]'
	jq_is 'map(.reasons.TRIPLE_FAULT.count)' '[null,1,1]'
}

@test "record -i: the file appears at the end" {
	start record -i 0.1 f.json
	poll asleep
	[[ ! -e f.json ]]
	kill -INT "$PID"
	finish
	ok
	alone f.json
}

@test "record -i: SIGINT, SIGTERM and SIGHUP end it in order, with whole lines" {
	local signal

	for signal in INT TERM HUP; do
		rm -f f.json
		start record -i 0.01 f.json
		poll asleep
		sleep 0.1
		kill -"$signal" "$PID"
		finish
		ok
		alone f.json
		same "$(tail -c 1 f.json)" ""
		jq -es 'length > 0 and all(.[]; .kvm_exit_stat == 2)' f.json
		same "$(wc -l <f.json)" "$(jq -s length f.json)"
		files diff f.json f.json
		ok
	done
}

@test "record -i: a signal that is ignored, as with nohup, does not end it" {
	trap '' HUP
	start record -i 0.2 -n 3 f.json
	trap - HUP
	freeze
	kill -HUP "$PID"
	thaw
	finish
	ok
	same "$(wc -l <f.json)" 4
}

@test "record -i: SIGKILL leaves the old file" {
	echo old >f.json
	start record -i 0.01 f.json
	poll asleep
	kill -KILL "$PID"
	finish
	same "$(<f.json)" old
}

@test "record -i: a full disk ends it, what was recorded is kept in whole lines" {
	# No -n: without an end it would go on for ever.
	space 16 record -i 0.01 f.json
	fails 8 f.json
	alone f.json
	same "$(tail -c 1 f.json)" ""
	jq -es 'length > 1 and all(.[]; .kvm_exit_stat == 2)' f.json
	same "$(wc -l <f.json)" "$(jq -s length f.json)"
	files diff f.json f.json
	ok
}

@test "record -i: a reset is recorded for those who read it" {
	start record -i 0.3 -n 2 f.json
	freeze
	reset
	exits CPUID cycles=5
	thaw
	finish
	[[ $status -eq 0 || $status -eq 5 ]]
	from f.json
	jq_is 'map(.reasons.CPUID.count)' '[4,1,1]'
	files diff f.json f.json
	fails 5 f.json reset
	same "$output" ""
}

@test "record -i: a reading that resets cut is left out, and the status does not tell" {
	local total

	total=$(<"$STATS/total_exits")
	start record -i 0.3 -n 2 f.json
	freeze
	put "$STATS/total_exits" 99
	thaw
	poll grep -q 'do not add up' "$DIR/err"
	freeze
	put "$STATS/total_exits" "$total"
	thaw
	finish
	fails 0 'counters were reset'
	same "$(wc -l <f.json)" 2
	files diff f.json f.json
	ok
}

# The kernel checks whose link it is when the tool looks at the file, but not later on.
@test "record: a file that becomes a link meanwhile is not followed" {
	need strace
	echo keep >victim
	: >f.json
	ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 \
		strace -f -qq -o trace -e trace=newfstatat,stat -e inject=newfstatat,stat:signal=STOP:when=2 \
		-P "$PWD/f.json" "$TOOL" --sysroot "$ROOT" record "$PWD/f.json" 2>"$DIR/err" >"$DIR/out" 3>&- &
	begun
	poll grep -qs "stopped by SIGSTOP" trace
	ln -sf victim f.json
	kill -CONT "$(pgrep -P "$PID")"
	finish
	fails 8 f.json "Permission denied"
	same "$(<victim)" keep
}

@test "record -i: messages do not get into the file, if standard error is closed" {
	local closed

	: >"$DIR/out"
	# It depends on what is closed which file the tool would open as number 2.
	for closed in '2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
		sample
		(eval "exec $closed"; exec "$TOOL" --sysroot "$ROOT" record -i 0.05 f.json) 3>&- &
		begun
		freeze
		reset
		exits CPUID cycles=5
		# Counts that do not add up, of which there is a message for each interval
		put "$STATS/total_exits" 99
		thaw
		sleep 0.4
		put "$STATS/total_exits" 1
		sleep 0.4
		kill -TERM "$PID"
		poll in_state "$PID" ZX
		wait "$PID" || :
		alone f.json
		jq -es '.[0].reasons.CPUID.count == 4 and all(.[]; .kvm_exit_stat == 2)' f.json &&
			same "$(wc -l <f.json)" "$(jq -s length f.json)" || with "$closed"
		rm f.json
	done
}

@test "record -i: the module is unloaded, status 6" {
	start record -i 0.2 f.json
	freeze
	rm -r "$STATS"
	thaw
	finish
	fails 6 kvm_exit_stats
	# What was recorded until then may be there, or nothing.
	[[ ! -e f.json ]] || jq -e .kvm_exit_stat f.json
	[[ $(ls -A) == '' || $(ls -A) == f.json ]]
}

#
# What is refused
#

# small FILE: write a snapshot of few bytes
small()
{
	local zeros

	printf -v zeros ',0%.0s' {1..31}
	printf '{"kvm_exit_stat":2,"time":1.5,"uptime":2.5,"isa":"svm","tsc_khz":9,"scope":"system","dropped":7,"reasons":{"hlt":{"count":1,"cycles":{"total":0,"min":0,"max":0,"hist":[1%s]},"away":{"total":0,"min":0,"max":0,"user":0,"blocked":0,"polled":0,"preempted":0,"hist":[0%s]},"user_exits":0,"guest_cycles":5}}}\n' \
		"$zeros" "$zeros" >"$1"
}

# edit FILE FILTER: write what jq makes of the file "good"
edit()
{
	jq -c "$2" good >"$1"
}

@test "files: other keys, order and blanks do not matter" {
	small good
	jq -cS '.more = {"x": [1, null]} | .reasons.hlt.comment = "none"' good |
		sed 's/[:,]/& /g' >other
	files diff good other
	ok
}

@test "files: cut off at every byte" {
	local size n

	small good
	size=$(stat -c %s good)
	for ((n = 0; n < size - 1; n++)); do
		head -c "$n" good >short
		status=0
		stderr=$("$TOOL" diff good short 2>&1 >out) || status=$?
		if [[ $status -ne 7 || -s out || $stderr != 'kvm_exit_stat: '*short* ]]; then
			echo "cut to $n of $size bytes: status $status, $stderr"
			cat out
			return 1
		fi
	done

	# Only the last newline is missing: the same data, or an error.
	head -c "$n" good >short
	files diff --csv good good
	local whole=$output
	files diff --csv good short
	[[ $status -eq 7 ]] || same "$output" "$whole"
}

@test "files: a recording that is cut off in its last line" {
	local size

	kes record -i 0.01 -n 2 good
	ok
	size=$(stat -c %s good)
	head -c $((size - 20)) good >short
	is_refused short 'short.*3'
	head -c $((size / 2)) good >short
	is_refused short
}

@test "files: not there, or not to be read" {
	small good
	files diff good missing
	fails '[78]' missing
	files diff missing good
	fails '[78]' missing
	files plot missing out.svg
	fails '[78]' missing
	mkdir dir
	files diff good dir
	fails '[78]' dir
}

@test "files: empty, blank, garbage" {
	local text

	small good
	for text in '' '\n' ' \n' '\n\n\n' 'x\n' '{}\n' '[]\n' '1\n' 'null\n' '"x"\n' '{}' '}\n' '{"a":1\n' \
		'\0377\0376\n' 'NaN\n' '\0000\n' '\0000\0000\0000' '{"kvm_exit_stat":1}\n'; do
		printf %b "$text" >bad
		is_refused bad || with "'$text'"
	done
}

@test "files: more than an object in a line, or less than one" {
	small good
	{ tr -d '\n' <good; echo '{}'; } >bad
	is_refused bad
	{ tr -d '\n' <good; echo x; } >bad
	is_refused bad
	{ tr -d '\n' <good; cat good; } >bad
	is_refused bad
	{ cat good; echo; } >bad
	is_refused bad
	jq . good >bad
	is_refused bad
}

@test "files: NUL bytes" {
	local n

	small good
	for n in 1 5 100 300 440; do
		{ head -c "$n" good; printf '\0'; tail -c +$((n + 1)) good; } >bad
		is_refused bad || with "NUL after $n bytes"
		{ head -c "$n" good; printf '\0'; tail -c +$((n + 2)) good; } >bad
		is_refused bad || with "NUL at byte $n"
	done
	{ tr -d '\n' <good; printf '\0\n'; } >bad
	is_refused bad
	{ cat good; printf '\0'; } >bad
	is_refused bad
}

@test "files: 10 MB of garbage" {
	small good
	head -c 10000000 /dev/urandom >bad
	is_refused bad
	head -c 10000000 /dev/zero >bad
	is_refused bad
	head -c 10000000 /dev/zero | tr '\0' '[' >bad
	is_refused bad
	head -c 10000000 /dev/zero | tr '\0' '7' >bad
	is_refused bad
	head -c 10000000 /dev/zero | tr '\0' '\n' >bad
	is_refused bad
	yes '{"a":' | head -c 10000000 | tr -d '\n' >bad
	is_refused bad
}

@test "files: other versions" {
	local version

	small good
	for version in 0 1 3 -1 '"1"' null true 1.5 18446744073709551617; do
		edit bad ".kvm_exit_stat = $version"
		is_refused bad || with "version $version"
	done
	edit bad 'del(.kvm_exit_stat)'
	is_refused bad
	sed 's/"kvm_exit_stat":2/"kvm_exit_stat":1/' good >bad
	is_refused bad version
}

@test "files: keys that are missing" {
	local key

	small good
	for key in isa tsc_khz scope dropped reasons time uptime reasons.hlt.count \
		reasons.hlt.cycles reasons.hlt.away reasons.hlt.cycles.total reasons.hlt.cycles.min \
		reasons.hlt.cycles.max reasons.hlt.cycles.hist reasons.hlt.away.total \
		reasons.hlt.away.user reasons.hlt.away.blocked reasons.hlt.away.polled \
		reasons.hlt.away.preempted reasons.hlt.away.hist reasons.hlt.user_exits \
		reasons.hlt.guest_cycles; do
		edit bad "del(.$key)"
		is_refused bad "bad.*(${key##*.}|hlt)" || with "no $key"
	done
}

@test "files: wrong types and values" {
	local change

	small good
	for change in '.isa = 1' '.isa = ""' '.isa = null' '.tsc_khz = "9"' \
		'.tsc_khz = -1' '.tsc_khz = 1.5' '.scope = 1' '.scope = null' '.dropped = "7"' \
		'.dropped = -7' '.reasons.hlt.guest_cycles = -7' '.reasons = []' '.reasons = 1' '.reasons = null' '.time = "x"' \
		'.uptime = null' '.uptime = -1' '.reasons.hlt = 1' '.reasons.hlt = []' \
		'.reasons.hlt.count = "1"' '.reasons.hlt.count = -1' '.reasons.hlt.count = 1.5' \
		'.reasons.hlt.count = true' '.reasons.hlt.count = null' '.reasons.hlt.count = [1]' \
		'.reasons.hlt.cycles = []' '.reasons.hlt.cycles.hist = {}' \
		'.reasons.hlt.cycles.hist = 1' '.reasons.hlt.cycles.hist = []' \
		'.reasons.hlt.cycles.hist += [0]' 'del(.reasons.hlt.cycles.hist[31])' \
		'.reasons.hlt.cycles.hist[5] = "1"' '.reasons.hlt.cycles.hist[5] = -1' \
		'.reasons.hlt.cycles.hist[5] = null' '.reasons.hlt.cycles.hist[31] = {}' \
		'.reasons.hlt.away.hist[0] = []' '.reasons.hlt.away.user = -1' \
		'.reasons.hlt.cycles.total = {}' '.reasons[""] = .reasons.hlt' \
		'.reasons["a\nb"] = .reasons.hlt' '.reasons["a b"] = .reasons.hlt'; do
		edit bad "$change"
		is_refused bad || with "$change"
	done
	for change in null 1 '"x"' []; do
		edit bad ".reasons.hlt = $change"
		is_refused bad "bad, line 1: 'hlt' is no object" || with "$change"
	done
}

@test "files: numbers that do not fit" {
	local number

	small good
	for number in 18446744073709551616 99999999999999999999999999 1e30 -9223372036854775809 01 +1 0x1 1e400; do
		sed "s/\"count\":1/\"count\":$number/" good >bad
		is_refused bad || with "$number"
		sed "s/\"hist\":\[1/\"hist\":[$number/" good >bad
		is_refused bad || with "$number in the histogram"
	done
}

@test "files: no more than 256 reasons" {
	small good
	# shellcheck disable=SC2016
	edit most '.reasons = ([range(256) as $n | {"r\($n)": .reasons.hlt}] | add)'
	files diff --csv good most
	ok
	same "${#lines[@]}" $((1 + 256 + 1 + 1))
	# shellcheck disable=SC2016
	edit bad '.reasons = ([range(257) as $n | {"r\($n)": .reasons.hlt}] | add)'
	is_refused bad 'bad.*256'
}

@test "files: one that does not end" {
	small good
	is_refused /dev/zero
}

@test "files: a recording whose lines do not belong together" {
	local change

	small good
	for change in '.isa = "vmx"' '.tsc_khz = 10' '.scope = "vm 1-2"' '.uptime = 2.4' '.uptime = 2.5'; do
		{ cat good; jq -c ".uptime += 1 | $change" good; } >bad
		if [[ $change == .uptime* ]]; then
			{ cat good; jq -c "$change" good; } >bad
		fi
		is_refused bad || with "$change"
	done
}
