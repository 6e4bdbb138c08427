#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Metrics in text

load lib

# metrics: print them -> output
metrics()
{
	kes --openmetrics
	ok
}

# value SERIES: of that series, as the only one
value()
{
	awk -v series="$1" '$1 == series { print $2; n++ } END { exit n != 1 }' <<<"$output" || {
		echo "no series $1, or more than one"
		return 1
	}
}

# near A B: but for rounding
near()
{
	awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; if (d < 0) d = -d
		exit !(a == b || d <= 1e-11 * (b < 0 ? -b : b)) }' || {
		echo "$1 is not $2"
		return 1
	}
}

# histogram NAME REASON: its le and counts, a line each
histogram()
{
	sed -n "s/^$1_bucket{isa=\"[a-z]*\",reason=\"$2\",le=\"\([^\"]*\)\"} /\1 /p" <<<"$output"
}

@test "openmetrics: ends in # EOF, each family has one head, before its series" {
	metrics
	same "$(tail -n 1 <<<"$output")" "# EOF"
	same "$(grep -c '^# EOF' <<<"$output")" 1
	awk '
		/^# EOF$/ { next }
		/^# (HELP|TYPE|UNIT) / { if (seen[$2, $3]++) exit fail = 1; if ($2 == "TYPE") family = $3; next }
		!NF { exit fail = 1 }
		index($1, family) != 1 { exit fail = 1 }
		{ if (series[$1]++) exit fail = 1 }
		END { exit fail }' <<<"$output"
	same "$(grep -v '^#' <<<"$output" | sed 's/[{ ].*//' | sort -u | xargs)" \
		"kvm_exit_away_part_seconds_total kvm_exit_away_seconds_bucket kvm_exit_away_seconds_count kvm_exit_away_seconds_sum kvm_exit_clock_warps_total kvm_exit_dropped_total kvm_exit_guest_seconds_total kvm_exit_handling_seconds_bucket kvm_exit_handling_seconds_count kvm_exit_handling_seconds_sum kvm_exit_stats_enabled"
}

@test "openmetrics: promtool finds nothing to complain about" {
	local promtool=${PROMTOOL:-promtool}

	command -v "$promtool" >/dev/null || skip "promtool is not installed"
	metrics
	run "$promtool" check metrics <<<"$output"
	[[ $status -eq 0 && -z $output ]]
	tree svm 2000000
	metrics
	run "$promtool" check metrics <<<"$output"
	[[ $status -eq 0 && -z $output ]]
}

@test "openmetrics: a histogram is cumulative, +Inf is the count" {
	local counts

	metrics
	counts=$(histogram kvm_exit_handling_seconds CPUID)
	same "$(wc -l <<<"$counts")" 32
	# 300, 400 and 500 are in bucket 9, 700 in bucket 10.
	same "$(cut -d ' ' -f 2 <<<"$counts" | uniq -c | squeeze | xargs)" "9 0 1 3 22 4"
	same "$(tail -n 1 <<<"$counts")" "+Inf 4"
	same "$(value 'kvm_exit_handling_seconds_count{isa="vmx",reason="CPUID"}')" 4
	near "$(value 'kvm_exit_handling_seconds_sum{isa="vmx",reason="CPUID"}')" 1.9e-6

	# Of three times away, each is in a bucket of its own.
	counts=$(histogram kvm_exit_away_seconds EPT_VIOLATION)
	same "$(cut -d ' ' -f 2 <<<"$counts" | uniq -c | squeeze | xargs)" "11 0 1 1 1 2 19 3"
	same "$(value 'kvm_exit_away_seconds_count{isa="vmx",reason="EPT_VIOLATION"}')" 3
	near "$(value 'kvm_exit_away_seconds_sum{isa="vmx",reason="EPT_VIOLATION"}')" 14e-6
}

@test "openmetrics: le of bucket n is (2^n - 1) / (tsc_khz * 1000)" {
	local khz n le

	for khz in 1000000 40006 2893437; do
		tree vmx $khz
		exits CPUID cycles=1
		metrics
		n=0
		while read -r le _; do
			if ((n < 31)); then
				near "$le" "$(awk -v n=$n -v khz=$khz 'BEGIN { printf "%.17g", (2 ^ n - 1) / (khz * 1000) }')" ||
					with "bucket $n at $khz kHz"
			else
				same "$le" +Inf
			fi
			n=$((n + 1))
		done < <(histogram kvm_exit_handling_seconds CPUID)
		same "$n" 32
	done
	none
}

@test "openmetrics: no two le of a histogram are the same" {
	tree vmx 4294967
	exits CPUID cycles=1
	metrics
	same "$(histogram kvm_exit_handling_seconds CPUID | cut -d ' ' -f 1 | sort -u | wc -l)" 32
}

@test "openmetrics: bucket 0 and bucket 31" {
	tree vmx 1000000
	exits CPUID cycles='2x0 1 3x1073741824'
	metrics
	same "$(histogram kvm_exit_handling_seconds CPUID | awk '{ print $2 }' | uniq -c | squeeze | xargs)" \
		"1 2 30 3 1 6"
}

@test "openmetrics: only reasons that occurred, and away times only if there are any" {
	metrics
	same "$(sed -n 's/^kvm_exit_handling_seconds_count.*reason="\([^"]*\)".*/\1/p' <<<"$output" | sort | xargs)" \
		"CPUID EPT_VIOLATION HLT IO_INSTRUCTION MSR_WRITE"
	same "$(sed -n 's/^kvm_exit_away_seconds_count.*reason="\([^"]*\)".*/\1/p' <<<"$output" | sort | xargs)" \
		"CPUID EPT_VIOLATION HLT IO_INSTRUCTION"
	[[ $output != *TRIPLE_FAULT* ]]
}

@test "openmetrics: parts, time in the guest, warps, dropped exits" {
	put "$STATS/clock_warps" 7
	put "$STATS/dropped" 8
	metrics
	near "$(value 'kvm_exit_away_part_seconds_total{isa="vmx",reason="EPT_VIOLATION",part="user"}')" 5e-6
	near "$(value 'kvm_exit_away_part_seconds_total{isa="vmx",reason="EPT_VIOLATION",part="blocked"}')" 0
	near "$(value 'kvm_exit_away_part_seconds_total{isa="vmx",reason="EPT_VIOLATION",part="preempted"}')" 1e-6
	near "$(value 'kvm_exit_away_part_seconds_total{isa="vmx",reason="HLT",part="blocked"}')" 9.5e-6
	near "$(value 'kvm_exit_guest_seconds_total{isa="vmx"}')" 150e-6
	same "$(value 'kvm_exit_clock_warps_total{isa="vmx"}')" 7
	same "$(value 'kvm_exit_dropped_total{isa="vmx"}')" 8
}

@test "openmetrics: the switch" {
	metrics
	same "$(value 'kvm_exit_stats_enabled{isa="vmx"}')" 1
	put "$STATS/enabled" 0
	metrics
	same "$(value 'kvm_exit_stats_enabled{isa="vmx"}')" 0
}

@test "openmetrics: nothing occurred yet" {
	tree svm 1000000
	metrics
	same "$(value 'kvm_exit_stats_enabled{isa="svm"}')" 1
	near "$(value 'kvm_exit_guest_seconds_total{isa="svm"}')" 0
	[[ $output != *reason=* ]]
	same "$(tail -n 1 <<<"$output")" "# EOF"
}

@test "openmetrics: counts beyond 2^53 are exact" {
	put "$STATS/clock_warps" 18446744073709551615
	tree vmx 1000000
	exits CPUID cycles=9007199254740993x5
	metrics
	same "$(value 'kvm_exit_handling_seconds_count{isa="vmx",reason="CPUID"}')" 9007199254740993
}

@test "openmetrics: to a file, beside which there is no other" {
	metrics
	local printed=$output

	mkdir textfile
	kes --openmetrics=textfile/kvm.prom
	ok
	same "$output" ""
	same "$(ls -A textfile)" kvm.prom
	same "$(<textfile/kvm.prom)" "$printed"
}

@test "openmetrics: the mode of the file is 0666 without the umask" {
	local mask

	for mask in 022 027 077 000; do
		umask $mask
		kes --openmetrics=kvm.prom
		ok
		same "$(stat -c %a kvm.prom)" "$(printf %o $((0666 & ~mask)))"
	done
}

@test "openmetrics: a reader never sees half a file" {
	local n=0 i

	kes --openmetrics=kvm.prom
	ok
	(while "$TOOL" --sysroot "$ROOT" --openmetrics=kvm.prom; do :; done) 3>&- &
	background+=($!)
	for ((i = 0; i < 100; i++)); do
		[[ $(tail -n 1 kvm.prom) = '# EOF' ]] || n=$((n + 1))
	done
	same "$n" 0
}

@test "openmetrics: what fails to read leaves the old file, and no other" {
	mkdir textfile
	echo old >textfile/kvm.prom
	put_stat CPUID count=x
	kes --openmetrics=textfile/kvm.prom
	fails '[378]' count
	rm -r "$STATS"
	kes --openmetrics=textfile/kvm.prom
	fails 3 kvm_exit_stats
	same "$(ls -A textfile)" kvm.prom
	same "$(<textfile/kvm.prom)" old
}

@test "openmetrics: what fails to write leaves the old file, and no other" {
	mkdir textfile
	echo old >textfile/kvm.prom
	no_space --openmetrics=textfile/kvm.prom
	fails 8 kvm.prom
	same "$(ls -A textfile)" kvm.prom
	same "$(<textfile/kvm.prom)" old
	kes --openmetrics=nowhere/kvm.prom
	fails 8 nowhere
	kes --openmetrics=
	fails 2 --openmetrics
}

@test "openmetrics: a signal while it reads leaves the old file, and no other" {
	mkdir textfile
	echo old >textfile/kvm.prom
	# One that is read late, and never ends
	rm "$STATS/clock_warps"
	mkfifo "$STATS/clock_warps"
	start --openmetrics=textfile/kvm.prom
	poll asleep
	kill -TERM "$PID"
	finish
	same "$status" $((128 + 15))
	same "$(ls -A textfile)" kvm.prom
	same "$(<textfile/kvm.prom)" old
}
