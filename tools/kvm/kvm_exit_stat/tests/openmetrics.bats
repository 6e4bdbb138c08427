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

# value SERIES: the value of the series, which must be there once
value()
{
	awk -v series="$1" '$1 == series { print $2; n++ } END { exit n != 1 }' <<<"$output" || {
		echo "no series $1, or more than one"
		return 1
	}
}

# near A B: both are the same, except for rounding
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
		"kvm_exit_away_part_seconds_total kvm_exit_away_seconds_bucket kvm_exit_away_seconds_count kvm_exit_away_seconds_sum kvm_exit_clock_warps_total kvm_exit_dropped_total kvm_exit_guest_seconds_total kvm_exit_handling_seconds_bucket kvm_exit_handling_seconds_count kvm_exit_handling_seconds_sum kvm_exit_stats_enabled kvm_exits_total"
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

# The bounds of both histograms, on every host
HANDLING="2.5e-07 1e-06 4e-06 1.6e-05 6.4e-05 0.000256 0.001024 0.004096"
AWAY="1e-06 1.6e-05 0.000256 0.004096 0.065536"

@test "openmetrics: a histogram is cumulative, +Inf is the count" {
	metrics
	# At 1 GHz, no time is below 250 ns, and the bucket of 700 ends above 1 us.
	same "$(histogram kvm_exit_handling_seconds CPUID | cut -d ' ' -f 2 | xargs)" \
		"0 3 4 4 4 4 4 4 4"
	same "$(histogram kvm_exit_handling_seconds CPUID | tail -n 1)" "+Inf 4"
	same "$(value 'kvm_exit_handling_seconds_count{isa="vmx",reason="CPUID"}')" 4
	near "$(value 'kvm_exit_handling_seconds_sum{isa="vmx",reason="CPUID"}')" 1.9e-6

	# 2000, 4000 and 8000
	same "$(histogram kvm_exit_away_seconds EPT_VIOLATION | cut -d ' ' -f 2 | xargs)" \
		"0 3 3 3 3 3"
	same "$(value 'kvm_exit_away_seconds_count{isa="vmx",reason="EPT_VIOLATION"}')" 3
	near "$(value 'kvm_exit_away_seconds_sum{isa="vmx",reason="EPT_VIOLATION"}')" 14e-6
}

# count_up_to NAME LE: the count of CPUID at that bound
count_up_to()
{
	histogram "$1" CPUID | sed -n "s/^$2 //p"
}

# No count is more than the times up to le, nor less than those up to half of it.
@test "openmetrics: a count is that of a bound between le and half of it" {
	local khz bucket name bounds le least most count

	for khz in 40000 999999 1000000 1000001 2399987 4294967 8000000; do
		tree vmx $khz
		# The longest time of each bucket, and two of the last bucket, which has no end
		for bucket in {0..30}; do
			exits CPUID cycles=$(((1 << bucket) - 1)) away=$(((1 << bucket) - 1))
		done
		exits CPUID cycles=$((1 << 30)) away=$((1 << 40))
		metrics
		for name in handling:"$HANDLING" away:"$AWAY"; do
			bounds=${name#*:} name=kvm_exit_${name%%:*}_seconds
			same "$(histogram "$name" CPUID | cut -d ' ' -f 1 | xargs)" "$bounds +Inf"
			for le in $bounds; do
				read -r most least < <(awk -v le="$le" -v khz=$khz 'BEGIN {
					for (n = 0; n <= 30; n++) {
						cycles = 2 ^ n - 1
						most += cycles <= le * khz * 1000 + 1e-6
						least += cycles <= le / 2 * khz * 1000
					}
					print most, least }')
				count=$(count_up_to "$name" "$le")
				((count == most && count >= least && count > 0)) ||
					with "$name, $khz kHz, $le: $count, not $least to $most"
			done
			same "$(count_up_to "$name" +Inf)" 32
		done
	done
}

@test "openmetrics: a bucket of the kernel is counted from where all of it is below le" {
	# The longest time of a bucket, 2^12 - 1 cycles, is 4 us at first, and then a bit more.
	tree vmx 1023750
	exits CPUID cycles=4095
	metrics
	same "$(count_up_to kvm_exit_handling_seconds 4e-06)" 1
	tree vmx 1023749
	exits CPUID cycles=4095
	metrics
	same "$(count_up_to kvm_exit_handling_seconds 4e-06)" 0
	same "$(count_up_to kvm_exit_handling_seconds 1.6e-05)" 1
}

@test "openmetrics: some 20 lines for a reason that occurred, one for each other" {
	metrics
	same "$(grep -c 'reason="EPT_VIOLATION"' <<<"$output")" 23
	same "$(grep 'reason="TRIPLE_FAULT"' <<<"$output")" \
		'kvm_exits_total{isa="vmx",reason="TRIPLE_FAULT"} 0'
}

@test "openmetrics: histograms only of reasons that occurred, and away times only if there are any" {
	metrics
	same "$(sed -n 's/^kvm_exit_handling_seconds_count.*reason="\([^"]*\)".*/\1/p' <<<"$output" | sort | xargs)" \
		"CPUID EPT_VIOLATION HLT IO_INSTRUCTION MSR_WRITE"
	same "$(sed -n 's/^kvm_exit_away_seconds_count.*reason="\([^"]*\)".*/\1/p' <<<"$output" | sort | xargs)" \
		"CPUID EPT_VIOLATION HLT IO_INSTRUCTION"
	same "$(sed -n 's/^kvm_exit_away_part_seconds_total.*reason="\([^"]*\)".*/\1/p' <<<"$output" | sort -u | xargs)" \
		"CPUID EPT_VIOLATION HLT IO_INSTRUCTION"
}

@test "openmetrics: parts, time in the guest, warps, dropped exits, the switch" {
	put "$STATS/enabled" 0
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
	same "$(value 'kvm_exit_stats_enabled{isa="vmx"}')" 0
}

@test "openmetrics: nothing occurred yet" {
	tree svm 1000000
	metrics
	same "$(value 'kvm_exit_stats_enabled{isa="svm"}')" 1
	near "$(value 'kvm_exit_guest_seconds_total{isa="svm"}')" 0
	same "$(grep -c reason= <<<"$output")" "${#SVM[@]}"
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
	# Have the tool block in a file that it reads late.
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
