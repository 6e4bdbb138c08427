#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Tables of the intervals between two reads
#
# A test must know in which interval a change falls, however busy the machine is.  So
# the tool is stopped while it sleeps, and goes on when all is changed.

load lib

# go_on N: go on until N tables are printed, and stop again
go_on()
{
	thaw
	freeze "$1"
}

@test "-i: what happened in each interval, and nothing else" {
	start -i 0.4 -n 4 -J -o REASON,COUNT,SHARE,TOTAL,AVG,P50,P99,P99.9,AWAY,AWAY_AVG,USER,KVM,TAX
	freeze
	exits CPUID cycles='300 400 500 700' away='1000 3000' user=1000 guest=12000
	exits TRIPLE_FAULT cycles=100
	go_on 1
	exits HLT cycles=5000000000
	go_on 2
	# Nothing happens
	go_on 3
	exits CPUID cycles=0
	thaw
	finish
	ok
	jq_is '.[0].reasons' '[
{"reason":"CPUID","count":4,"share":95,"total":1900,"avg":475,"p50":426,"p99":1003,"p99.9":1021,
 "away":4000,"away_avg":2000,"user":1000,"kvm":3000,"tax":25},
{"reason":"TRIPLE_FAULT","count":1,"share":5,"total":100,"avg":100,"p50":96,"p99":127,"p99.9":127,
 "away":0,"away_avg":null,"user":0,"kvm":0,"tax":0}]'
	# An interval has no maximum, so the estimate is the lower end of the last bucket.
	jq_is '.[1].reasons|map([.reason,.total,.p50,."p99.9",.tax])' \
		'[["HLT",5000000000,1073741824,1073741824,null]]'
	jq_is '.[2].reasons' '[]'
	jq_is '.[3].reasons|map([.reason,.count,.total,.p99])' '[["CPUID",1,0,0]]'
	jq_is 'length' 4
}

@test "-i: default columns, title and table for each interval" {
	start -i 0.4 -n 2
	freeze
	exits CPUID cycles='300 400 500 700'
	go_on 1
	exits HLT cycles='40 60'
	thaw
	finish
	ok
	same "$(grep -c '^REASON *COUNT *RATE *SHARE *TOTAL *AVG *P50 *P99 *P99.9$' <<<"$output")" 2
	same "$(squeeze <<<"$output" | sed -n 's/^\(CPUID 4\) [0-9.]* /\1 /p')" \
		"CPUID 4 100.0% 1900 475 426 1003 1021"
	same "$(squeeze <<<"$output" | sed -n 's/^\(HLT 2\) [0-9.]* /\1 /p')" \
		"HLT 2 100.0% 100 50 48 63 63"
}

@test "-i: RATE is of the time that really passed, which is longer if the tool is stopped" {
	local before=${EPOCHREALTIME/./} elapsed

	start -i 0.2 -n 1 -J -o COUNT,RATE
	freeze
	exits CPUID cycles=1000x300
	sleep 0.6
	thaw
	finish
	ok
	elapsed=$((${EPOCHREALTIME/./} - before))
	# The interval is longer than the sleep, and not longer than the whole run.
	jq -e --argjson us "$elapsed" '.reasons[0]|
		.count == 1000 and .rate < 1000 / 0.5 and .rate >= 1000 / ($us / 1e6) - 0.1' \
		<<<"$output"
}

@test "-i: intervals that were missed are not made up for" {
	local seconds

	start -i 0.6 -n 3
	freeze
	sleep 1.4
	thaw
	finish
	ok
	seconds=$(sed -n 's/^vmx, system, \([0-9.]*\) s: .*/\1/p' <<<"$output")
	same "$(wc -l <<<"$seconds")" 3
	# Half of an interval is room for a busy machine.
	awk '$1 < 0.3 { exit 1 }' <<<"$seconds" || {
		echo "seconds: $seconds"
		return 1
	}
}

# without_time OUTPUT: the output without its first column, which must be a time
without_time()
{
	sed -E 's/^TIMESTAMP[, ]//; t; s/^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z[, ]//; t; s/^/no time: /' <<<"$1"
}

@test "-i: --csv and --raw, one header, the time in each line" {
	local mode

	for mode in --csv --raw; do
		start -i 0.4 -n 2 "$mode" -o REASON,COUNT
		freeze
		exits CPUID cycles=5
		go_on 1
		exits HLT cycles=5
		exits CPUID cycles=5
		thaw
		finish
		ok
		same "$(without_time "$output" | tr ' ' ,)" "REASON,COUNT
CPUID,1
CPUID,1
HLT,1"
		# The two lines of an interval have the same time, that of its end.
		same "$(sed 1d <<<"$output" | cut -c -24 | sort | uniq -c | awk '{ print $1 }' | xargs)" \
			"1 2"
	done
}

@test "-i: --csv with the time among the columns, and the header alone when nothing happens" {
	kes -i 0.01 -n 2 --csv -o REASON,timestamp,COUNT
	ok
	same "$output" "REASON,TIMESTAMP,COUNT"
}

@test "-i: JSON is one object a line, which begins where the one before ended" {
	start -i 0.2 -n 3 -J -o COUNT
	finish
	ok
	same "$(wc -l <<<"$output")" 3
	jq_is '.[0].from != null and .[0].to == .[1].from and .[1].to == .[2].from' true
	jq_is 'all(.[]; .time == .to and .seconds > 0.1 and .from < .to and .dropped == 0)' true
}

@test "-i: --hist" {
	start --hist CPUID -i 0.2 -n 2
	freeze
	exits CPUID cycles='2x300 700' away=2000
	thaw
	finish
	ok
	# In the sample there are three in this bucket already.
	[[ $output =~ \[256,\ 512\)\ +2\ \| ]]
	[[ $output =~ \[512,\ 1K\)\ +1\ \| ]]
	[[ $output =~ \[1K,\ 2K\)\ +1\ \| ]]
}

@test "-i: totals beyond 2^53 have exact differences" {
	exits CPUID cycles=9007199254740993 away=9223372036854000000
	start -i 0.2 -n 1 -J -o COUNT,TOTAL,AWAY
	freeze
	exits CPUID cycles=1 away=3
	thaw
	finish
	ok
	jq_is '.[0].reasons' '[{"count":1,"total":1,"away":3}]'
}

@test "-i: a reason of which only an away time ended" {
	start -i 0.2 -n 1 -J -o REASON,COUNT,RATE,TOTAL,AVG,P50,AWAY,AWAY_AVG,TAX,KVM%,USER%,BLOCKED%
	freeze
	# The halted vCPU of the sample wakes up.  Its exit was counted before the interval.
	exits HLT away=20000 blocked=15000 guest=80000
	thaw
	finish
	ok
	jq_is '.[0].reasons' '[{"reason":"HLT","count":0,"rate":0,"total":0,"avg":null,"p50":null,
		"away":20000,"away_avg":20000,"tax":20,"kvm%":5,"user%":0,"blocked%":15}]'
}

@test "-i: SIGINT, SIGTERM and SIGHUP end it in order" {
	local signal

	for signal in INT TERM HUP; do
		start -i 60 -J
		poll asleep
		kill -"$signal" "$PID"
		finish
		ok
		# Nothing, or a table of what there was until then
		jq -es 'length <= 1' <<<"$output"
	done
}

@test "-i: a signal leaves no half table" {
	start -i 0.01 -J
	poll has_tables 5
	kill -INT "$PID"
	finish
	ok
	jq -es 'length >= 5 and all(.[]; .reasons)' <<<"$output"
}

# to_full_pipe ARG...: the tool in the background, with output to a full pipe that nobody reads
to_full_pipe()
{
	local pipe

	mkfifo pipe
	# Keep a reader, so that a write to the pipe blocks in place of failing.
	exec {pipe}<>pipe
	dd if=/dev/zero of=pipe bs=4096 oflag=nonblock 2>/dev/null || :
	: >"$DIR/out"
	env --default-signal=INT,QUIT "$TOOL" --sysroot "$ROOT" "$@" \
		>pipe 2>"$DIR/err" </dev/null 3>&- {pipe}>&- &
	begun
}

@test "-i: SIGTERM ends it while nobody reads the pipe that is full" {
	to_full_pipe -i 0.01 -J
	poll asleep
	# Wait for far more than an interval: then the tool is blocked in a write.
	sleep 0.3
	kill -TERM "$PID"
	finish
	ok
}

@test "-i: a second SIGTERM ends it if nobody reads a long table" {
	local name columns

	# Print more than stdio writes at once: the rest blocks even after a signal.
	tree vmx 1000000
	columns=$("$TOOL" --help | sed '1,/^Columns:/d; / interval$/d; /^[^ ]/,$d' | awk '{ print $1 }' | paste -sd ,)
	to_full_pipe -i 0.4 -J -o "$columns"
	freeze
	for name in "${VMX[@]}"; do
		exits "$name" cycles=300 away=400
	done
	thaw
	sleep 0.8
	kill -TERM "$PID"
	sleep 0.4
	kill -TERM "$PID" 2>/dev/null || :
	finish
	[[ $status -eq 0 || $status -eq 143 ]]
}

@test "-i: ends when nobody reads any more" {
	# Dies of SIGPIPE, or says that writing failed
	run bash -c "\"$TOOL\" --sysroot '$ROOT' -i 0.01 | head -n 1"
	[[ $status -eq 0 ]]
}

@test "-i: a reset is left out with a message, the rest is done, status 5" {
	start -i 0.4 -n 3 -J -o REASON,COUNT
	freeze
	exits CPUID cycles=5
	go_on 1
	reset
	exits HLT cycles=5
	# No table is printed of this interval.
	thaw
	poll grep -q reset "$DIR/err"
	freeze 1
	exits HLT cycles='6 7'
	thaw
	finish
	fails 5 reset
	jq_is 'map(.reasons)|.[0]' '[{"reason":"CPUID","count":1}]'
	jq_is 'map(.reasons)|.[-1]' '[{"reason":"HLT","count":2}]'
	jq_is 'length <= 2' true
}

# reset_shows COMMAND...: the tool finds a reset of which this change is the only trace
reset_shows()
{
	sample
	put "$STATS/dropped" 3
	# All other numbers rise, i.e. do not show a reset.
	start -i 0.2 -n 1
	freeze
	# Add many exits that change neither a minimum nor a maximum.
	exits CPUID cycles='99x600' away='99x1100' guest=300000
	"$@"
	thaw
	finish
	fails 5 reset
}

@test "-i: a reset shows in whatever goes back" {
	local column

	for column in cycles_min=600 away_min=1100 cycles_max=600 cycles_hist=9:2,10:101 guest_cycles=7; do
		reset_shows put_stat CPUID "$column" || with "$column"
	done
	reset_shows put "$STATS/dropped" 2 || with dropped
}

@test "-i: a reset shows in a reason that has not occurred since, which a table lacks" {
	exits CPUID in=123-11/0 cycles=300 away=1000 guest=10000
	exits HLT in=123-11/0 cycles=50
	start --vm 123 -i 0.2 -n 1
	freeze
	reset
	# All numbers of the other reason are larger than before.
	exits CPUID in=123-11/0 cycles='99x300 99x700' away='99x1000 99x1500' guest=900000
	thaw
	finish
	fails 5 reset
}

@test "-i: exits that were dropped in the interval" {
	put "$STATS/dropped" 3
	start -i 0.2 -n 1
	freeze
	exits CPUID cycles=5
	put "$STATS/dropped" 7
	thaw
	finish
	ok
	[[ $output == *': 1 exits and 4 dropped, '* ]]
}

@test "-i: a minimum of 0 after a warp is no reset" {
	start -i 0.2 -n 1
	freeze
	exits CPUID cycles=0
	exits EPT_MISCONFIG cycles=5
	thaw
	finish
	ok
}

@test "-i: the module is unloaded between two reads, status 6" {
	start -i 0.4 -J -o REASON,COUNT
	freeze
	exits CPUID cycles=5
	go_on 1
	rm -r "$STATS"
	thaw
	finish
	fails 6 kvm_exit_stats
	jq_is 'map(.reasons)' '[[{"reason":"CPUID","count":1}]]'
}

@test "-i: the module is unloaded while its files are removed, status 6" {
	start -i 0.2
	freeze
	# The kernel removes kobjects one by one.
	rm -r "$STATS"/reasons/[E-U]*
	rm "$STATS/isa" "$STATS/tsc_khz" "$STATS/total_exits"
	thaw
	finish
	fails 6
}

@test "-i: the least and the most that is allowed" {
	kes -i 0.01 -n 1 -J
	ok
	start -i 86400 -n 4294967295
	poll asleep
	kill "$PID"
	finish
	ok
}
