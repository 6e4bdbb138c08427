#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Comparison of two files of record

load lib

setup()
{
	prepare
}

# snapshot FILE [TSC_KHZ] REASON=TIMES...: record a snapshot with these exits since a reset
snapshot()
{
	local file=$1 khz=1000000 exit

	shift
	if [[ $1 != *=* ]]; then
		khz=$1
		shift
	fi
	tree vmx "$khz"
	for exit in "$@"; do
		exits "${exit%%=*}" cycles="${exit#*=}"
	done
	kes record "$file"
	ok
}

# diff_is ARG... -> output: run diff, which must succeed
diff_is()
{
	files diff "$@"
	ok
}

# is_above LIMIT, is_not_above LIMIT: whether a change from a to b is above the limit
is_above()
{
	files diff --fail-above "$1" a b
	fails 1 CPUID || return 1
	# The table is there all the same.
	[[ $output == *CPUID* ]]
}

is_not_above()
{
	files diff --fail-above "$1" a b
	ok
}

# recording FILE SECONDS REASON=TIMES...: make a recording with these exits in that time
recording()
{
	local file=$1 seconds=$2 exit

	shift 2
	tree vmx 1000000
	kes record "$file.1"
	ok
	for exit in "$@"; do
		exits "${exit%%=*}" cycles="${exit#*=}"
	done
	kes record "$file.2"
	ok
	jq -Sc --slurpfile first "$file.1" --argjson seconds "$seconds" \
		'.uptime = $first[0].uptime + $seconds' "$file.2" >"$file.3"
	cat "$file.1" "$file.3" >"$file"
}

# reasons: the reasons of the CSV output, in its order, in one line
reasons()
{
	sed 1d <<<"$output" | cut -d , -f 1 | xargs
}

# columns NAME...: these columns of the CSV output, without its header
columns()
{
	awk -F , -v names="$*" '
		NR == 1 { n = split(names, name, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ line = $1; for (i = 1; i <= n; i++) line = line " " $at[name[i]]; print line }' <<<"$output"
}

# tells_not WORD: the word is not in the message
tells_not()
{
	# shellcheck disable=SC2154  # of bats
	[[ $stderr != *$1* ]]
}

@test "diff: columns and changes, by reason" {
	snapshot a CPUID='2x1000 2x2000' HLT='4x100' EPT_VIOLATION=5000
	snapshot b CPUID='3x1500 3x2100' HLT='4x100' EPT_VIOLATION='3x4000'
	diff_is --csv a b
	# The 99th percentile of 1000 1000 2000 2000 is in bucket [1024, 2048), and at
	# most the maximum.
	same "$output" "REASON,COUNT_A,COUNT_B,COUNT%,MEAN_A,MEAN_B,MEAN%,P99_A,P99_B,P99%,RATE_A,RATE_B,TOTAL%,TAX_A,TAX_B,TAX%
EPT_VIOLATION,1,3,200.00,5000,4000,-20.00,5000,4000,-20.00,,,140.00,,,
CPUID,4,6,50.00,1500,1800,20.00,2000,2100,5.00,,,80.00,,,
HLT,4,4,0.00,100,100,0.00,100,100,0.00,,,0.00,,,
TOTAL,9,13,44.44,1266,1784,40.89,5000,4000,-20.00,,,103.51,,,"
}

@test "diff: for humans" {
	snapshot a CPUID='2x1000'
	snapshot b CPUID='4x1250'
	diff_is a b
	squeeze <<<"$output" | grep -q '^REASON COUNT_A COUNT_B COUNT% MEAN_A MEAN_B MEAN% P99_A P99_B P99% TOTAL%$'
	squeeze <<<"$output" | grep -Eq '^CPUID 2 4 \+?100.0% 1000 1250 \+?25.0% 1000 1250 \+?25.0% 150.0%$'
}

@test "diff: the title for humans tells the files and what they are of" {
	snapshot a CPUID=1000
	tree vmx 1000000
	exits CPUID in=123-11/0 cycles=1000
	kes record --vm 123 --vcpu 0 b
	ok
	diff_is a b
	[[ ${lines[0]} =~ vmx.*a.*system.*b.*"vm 123-11 vcpu 0" ]]
	diff_is b a
	[[ ${lines[0]} =~ vmx.*b.*"vm 123-11 vcpu 0".*a.*system ]]
}

@test "diff: -J and -r" {
	snapshot a CPUID='2x1000'
	snapshot b CPUID='1x750'
	diff_is -J a b
	jq_is '.[0].reasons' '[{"reason":"CPUID","count_a":2,"count_b":1,"count%":-50,"mean_a":1000,
		"mean_b":750,"mean%":-25,"p99_a":1000,"p99_b":750,"p99%":-25,"rate_a":null,"rate_b":null,
		"total%":-62.5,"tax_a":null,"tax_b":null,"tax%":null}]'
	# The same but for the name
	jq_is '.[0].total == (.[0].reasons[0]|del(.reason))' true
	jq_is '.[0].a|[.file, .isa, .scope, .tsc_khz, .unit, .from, .seconds, .dropped]' \
		'["a","vmx","system",1000000,"cycles",null,null,0]'
	jq_is '.[0]|[.schema, .b.file, (.b|has("schema"))]' '[1,"b",false]'
	same "${#lines[@]}" 1
	diff_is -r a b
	same "$output" "REASON COUNT_A COUNT_B COUNT% MEAN_A MEAN_B MEAN% P99_A P99_B P99% RATE_A RATE_B TOTAL% TAX_A TAX_B TAX%
CPUID 2 1 -50.00 1000 750 -25.00 1000 750 -25.00 - - -62.50 - - -
TOTAL 2 1 -50.00 1000 750 -25.00 1000 750 -25.00 - - -62.50 - - -"
}

@test "diff: -J escapes names of files, without control characters" {
	snapshot a CPUID='2x1000'
	mkdir d
	cp a $'d/"\\\n\t\x01ö\xff'
	diff_is -J a $'d/"\\\n\t\x01ö\xff'
	same "${#lines[@]}" 1
	[[ $output == '{"schema":1,"a":{"file":"a","time":"'*$'},"b":{"file":"d/\\"\\\\???ö?","time":"'* ]]
	[[ $output == *',"dropped":0},"reasons":[{"reason":"CPUID","count_a":2,'*'}],"total":{"count_a":2,'*'}}' ]]
}

@test "diff: -t compares times of different clocks" {
	snapshot a 1000000 CPUID=1000
	snapshot b 2000000 CPUID=2000
	diff_is -t -J a b
	jq_is '.[0].reasons[0]|[.mean_a, .mean_b, ."mean%", ."p99%"]' '[1,1,0,0]'
}

@test "diff: percentages are those of times, also of different clocks" {
	local time

	snapshot a 1000000 CPUID=1000
	for time in '' -t; do
		snapshot b 2000000 CPUID=2000
		diff_is $time --csv a b
		same "$(cut -d, -f 7,10,13 <<<"${lines[1]}")" 0.00,0.00,0.00
		files diff $time --fail-above 0 a b
		ok
		# As many cycles, half the time
		snapshot b 2000000 CPUID=1000
		diff_is $time --csv a b
		same "$(cut -d, -f 7,10,13 <<<"${lines[1]}")" -50.00,-50.00,-50.00
		files diff $time --fail-above 99 b a
		fails 1 CPUID
	done
	# Cycles are shown as they are.
	diff_is -J a b
	jq_is '.[0].reasons[0]|[.mean_a, .mean_b]' '[1000,1000]'
}

@test "diff: a reason that only one file has" {
	snapshot a CPUID=1000 HLT=5
	snapshot b CPUID=1000 MSR_READ=7
	diff_is -J a b
	jq_is '.[0].reasons|map(.reason)|sort' '["CPUID","HLT","MSR_READ"]'
	jq_is '.[0].reasons[]|select(.reason == "HLT")|[.count_a, .count_b // 0, .mean_a, .mean_b, ."mean%", .p99_b, ."p99%"]' \
		'[1,0,5,null,null,null,null]'
	jq_is '.[0].reasons[]|select(.reason == "MSR_READ")|[.count_a // 0, .count_b, ."count%", .mean_a, .mean_b, ."mean%", .p99_a]' \
		'[0,1,null,null,7,null,null]'
	# A mean that only one file has is not compared.
	files diff --fail-above 0 a b
	ok
}

@test "diff: only the given reasons" {
	snapshot a CPUID=1000 HLT=5 MSR_READ=7
	diff_is --csv a a HLT CPUID
	same "$(tail -n +2 <<<"$output" | cut -d, -f1 | sort | xargs)" "CPUID HLT TOTAL"
	diff_is --csv a a MSR_READ MSR_READ
	# The total is that of the given reasons only.
	same "$(tail -n +2 <<<"$output" | cut -d , -f -10)" "MSR_READ,1,1,0.00,7,7,0.00,7,7,0.00
TOTAL,1,1,0.00,7,7,0.00,7,7,0.00"
	diff_is --csv a a cpuid hLT
	same "$(tail -n +2 <<<"$output" | cut -d, -f1 | sort | xargs)" "CPUID HLT TOTAL"
}

@test "--fail-above: above, below, equal" {
	snapshot a CPUID=1000
	snapshot b CPUID=1050
	is_above 4.99%
	is_above 4.9999
	is_above 0
	is_not_above 5
	is_not_above 5%
	is_not_above 5.0%
	is_not_above 5.01%
	is_not_above 100
	# 0.1 has no exact binary fraction.
	snapshot b CPUID=1001
	is_above 0.09%
	is_not_above 0.1%
	is_not_above 0.11%
}

@test "--fail-above: equal is not above, however the percentage is computed" {
	local percent

	# 107 / 100 and the like have no exact binary fraction.
	for percent in 1 2 3 7 9 10 14 20 28 29 33 56 57 70 90 110; do
		snapshot a CPUID=10000
		snapshot b CPUID=$((10000 + 100 * percent))
		is_not_above "$percent" || with "$percent%"
		snapshot b CPUID=$((10000 + 100 * percent + 1))
		is_above "$percent" || with "above $percent%"
	done
}

@test "--fail-above: the mean alone, the 99th percentile alone" {
	# All stay in their buckets, so P99 does, too.
	snapshot a CPUID='99x1100 1000000'
	snapshot b CPUID='99x1900 1000000'
	files diff -J a b
	ok
	jq -e '.reasons[0]|."mean%" > 7 and ."p99%" == 0' <<<"$output"
	is_above 5
	# The longest times become longer, so P99 rises, but the mean falls.
	snapshot a CPUID='1x2000 98x1000 2x1100'
	snapshot b CPUID='80x10 18x100 3x5000'
	files diff -J a b
	ok
	jq -e '.reasons[0]|."mean%" < 0 and ."p99%" > 10' <<<"$output"
	is_above 5
}

@test "--fail-above: falls and counts do not matter" {
	snapshot a CPUID='2x1000'
	snapshot b CPUID='900x500'
	is_not_above 0
}

@test "diff: of another isa" {
	snapshot a CPUID=1000
	tree svm 1000000
	exits cpuid cycles=1000
	kes record b
	ok
	files diff a b
	fails 7 vmx svm
	same "$output" ""
	files diff --fail-above 5 b a
	fails 7 b
}

@test "diff: a recording is what happened between its first and last line" {
	tree vmx 1000000
	exits CPUID cycles='4x9000'
	exits HLT cycles=50
	kes record one
	exits CPUID cycles='300 400 500 700'
	kes record two
	exits CPUID cycles='2x400'
	exits MSR_READ cycles=100
	kes record three
	ok
	cat one two three >b
	snapshot a CPUID='475'
	diff_is -J a b
	# Extremes of an interval are not known: P99 is 512 + 512 * 0.94.  HLT did not
	# occur in the interval.
	jq_is '.[0].reasons|map(select(.count_b > 0)|[.reason, .count_b, .mean_b, .p99_b])|sort' \
		'[["CPUID",6,450,993],["MSR_READ",1,100,127]]'
	jq_is '.[0].reasons[]|select(.reason == "CPUID")|[.count_a, ."count%", .mean_a]' '[1,500,475]'
	jq_is '.[0].reasons|map(.reason)|index("HLT")' null
}

@test "diff: a recording in which nothing happened" {
	tree vmx 1000000
	exits CPUID cycles=1000
	kes record -i 0.01 -n 1 b
	ok
	diff_is --csv b b
	same "${#lines[@]}" 1
}

@test "diff: a recording with a reset, status 5 and no output" {
	tree vmx 1000000
	exits CPUID cycles='4x9000'
	kes record one
	reset
	exits CPUID cycles=9000
	kes record two
	cat one two >b
	files diff one b
	fails 5 b reset
	same "$output" ""
	files diff b one
	fails 5 b reset
	same "$output" ""

	# In the last line, all numbers are larger than in the first: only the lines in between
	# show the reset.
	exits CPUID cycles='9x9000'
	kes record three
	cat one two three >b
	files diff one b
	fails 5 b reset
	same "$output" ""
}

@test "diff: a file with itself, from a pipe" {
	snapshot a CPUID=1000
	files diff --csv a <(cat a)
	ok
	same "$(cut -d , -f -10 <<<"${lines[1]}")" "CPUID,1,1,0.00,1000,1000,0.00,1000,1000,0.00"
}

@test "diff: from a mean of 0, a rise is above every limit" {
	snapshot a CPUID=100x0
	snapshot b CPUID=100x2
	is_above 0
	is_above 1000000000%
	diff_is -J a b
	jq_is '.[0].reasons[0]|[.mean_a, .mean_b, ."mean%"]' '[0,2,null]'
	diff_is --csv a b
	same "$(cut -d , -f -10 <<<"${lines[1]}")" "CPUID,100,100,0.00,0,2,,0,2,"
	diff_is --csv b a
	same "$(cut -d , -f -10 <<<"${lines[1]}")" "CPUID,100,100,0.00,2,0,-100.00,2,0,-100.00"
	diff_is --csv a a
	same "$(cut -d , -f -10 <<<"${lines[1]}")" "CPUID,100,100,0.00,0,0,0.00,0,0,0.00"
}

@test "diff: the change of a mean is that before it is rounded" {
	# The means 1.99 and 2 are shown as 1 and 2.
	snapshot a CPUID='99x2 1'
	snapshot b CPUID=100x2
	diff_is --csv a b
	same "$(cut -d , -f -10 <<<"${lines[1]}")" "CPUID,100,100,0.00,1,2,0.50,2,2,0.00"
	is_not_above 60
	is_not_above 0.51
	is_above 0.5
}

@test "diff: the same exits since a reset and in a recording are no change" {
	local times

	# Times whose P99 depends on the maximum, which an interval does not have
	for times in 1000 100x520 '50x600 50x700' '3x0 1000' '1073741824 99x1099511627776'; do
		snapshot a CPUID="$times"
		tree vmx 1000000
		exits HLT cycles=7
		kes record one
		exits CPUID cycles="$times"
		kes record two
		cat one two >b
		diff_is -J a b
		jq_is '.[0].reasons[0]|[.count_a == .count_b, .mean_a == .mean_b, .p99_a == .p99_b,
			."count%", ."mean%", ."p99%"]' '[true,true,true,0,0,0]' || with "$times"
		is_not_above 0 || with "$times"
		diff_is -J b a
		jq_is '.[0].reasons[0]|[.p99_a == .p99_b, ."p99%"]' '[true,0]' || with "b a $times"
	done
}

@test "diff: the largest numbers have exact sums" {
	snapshot a CPUID=9007199254740993
	snapshot b CPUID=9007199254740993
	diff_is --csv a b
	same "$(cut -d , -f -10 <<<"${lines[1]}")" "CPUID,1,1,0.00,9007199254740993,9007199254740993,0.00,9007199254740993,9007199254740993,0.00"
}

@test "diff: recordings of unequal length compare by rate" {
	recording a 10 CPUID='100x1000' HLT='10x500'
	recording b 20 CPUID='200x1000' HLT='40x500'
	diff_is --csv a b
	same "$(columns COUNT_A COUNT_B COUNT% RATE_A RATE_B TOTAL%)" "HLT 10 40 100.00 1.0 2.0 100.00
CPUID 100 200 0.00 10.0 10.0 0.00
TOTAL 110 240 9.09 11.0 12.0 4.76"
	files diff --fail-above count=0 a b CPUID
	ok
	files diff --fail-above count=99,total=99 a b
	fails 1 'HLT count \+100.00% > 99%, HLT total \+100.00%'
	# In the other direction, no rate rises.
	files diff --fail-above count=99 b a
	ok
	# As many exits in half of the time
	recording b 5 CPUID='100x1000'
	files diff --fail-above count=99 a b CPUID
	fails 1 'CPUID count \+100.00%'
}

@test "diff: a snapshot has no rate, and compares by count" {
	snapshot a CPUID='100x1000'
	recording b 20 CPUID='200x1000'
	diff_is --csv a b CPUID
	same "$(columns COUNT% RATE_A RATE_B TOTAL% | head -n 1)" "CPUID 100.00  10.0 100.00"
	diff_is a b
	[[ $output == *' RATE_A '* ]]
	diff_is a a
	[[ $output != *RATE_A* && $output != *TAX_A* ]]
}

@test "diff: the exit tax" {
	tree vmx 1000000
	exits CPUID cycles=100 away=1000 guest=9000
	kes record a
	ok
	tree vmx 1000000
	exits CPUID cycles=100 away=3000 guest=7000
	kes record b
	ok
	diff_is --csv a b
	same "$(columns TAX_A TAX_B TAX%)" "CPUID 10.00 30.00 200.00
TOTAL 10.00 30.00 200.00"
	files diff --fail-above tax=199 a b
	fails 1 'CPUID tax \+200.00% > 199%, TOTAL tax \+200.00% > 199%'
	files diff --fail-above tax=200 a b
	ok
	# The mean has not changed, and a single percentage is no limit for the tax.
	files diff --fail-above tax=200,mean=5 a b
	ok
	files diff --fail-above 5 b a
	ok
}

@test "diff: counts from and to zero" {
	snapshot a CPUID='10x1000' HLT='5x100'
	snapshot b CPUID='10x1000' MSR_READ='7x100'
	diff_is --csv a b
	same "$(columns COUNT_A COUNT_B COUNT% TOTAL% | sed 's/ *$//')" "MSR_READ 0 7
CPUID 10 10 0.00 0.00
HLT 5 0 -100.00 -100.00
TOTAL 15 17 13.33 1.90"
	diff_is a b
	squeeze <<<"$output" | grep -q '^MSR_READ 0 7 from 0 100 100 from 0$'
	squeeze <<<"$output" | grep -q '^HLT 5 0 -100.0% 100 100 -100.0%$'
	files diff --fail-above count=1000000 a b
	fails 1 'MSR_READ count from 0'
	tells_not HLT
	files diff --fail-above count=20 b a
	fails 1 'HLT count from 0'
	# Without exits in one file, there is no mean and no P99 to compare.
	files diff --fail-above mean=0,p99=0 a b
	ok
}

@test "diff: the largest rise first" {
	snapshot a CPUID='10x1000' HLT='10x1000' MSR_READ='10x1000' MSR_WRITE='10x1000'
	# CPUID rises by 50 % in the mean, HLT by 30 % in the count; MSR_WRITE falls in both.
	snapshot b CPUID='10x1500' HLT='13x1000' MSR_READ='10x1000' MSR_WRITE='5x500'
	diff_is --csv a b
	same "$(reasons)" "CPUID HLT MSR_READ MSR_WRITE TOTAL"
	# Only values that have a limit decide about the order.
	files diff --csv --fail-above count=1000 a b
	ok
	same "$(reasons)" "HLT CPUID MSR_READ MSR_WRITE TOTAL"
	# CPUID and HLT fall in one value, but the other one is the same: like MSR_READ, 0 %.
	diff_is --csv b a
	same "$(reasons)" "MSR_WRITE CPUID HLT MSR_READ TOTAL"
	# Reasons with too few exits come last.
	files diff --csv --min-count 11 a b
	ok
	same "$(reasons)" "HLT CPUID MSR_READ MSR_WRITE TOTAL"
}

@test "diff: the total has all exits that are compared" {
	snapshot a CPUID='99x1000' HLT='1x500'
	snapshot b CPUID='99x1000' HLT='101x3000'
	diff_is --csv a b
	same "$(columns COUNT_A COUNT_B MEAN_A MEAN_B P99_A | tail -n 1)" "TOTAL 100 200 995 2010 1000"
	# The mean of the total has no limit: it also rises with the share of HLT.
	files diff --fail-above 5000 a b
	ok
	files diff --fail-above mean=99 a b CPUID
	ok
	files diff --fail-above total=299 a b
	fails 1 'TOTAL total \+304'
	# The count of the total has a limit, even if each reason has too few exits.
	snapshot a CPUID='40x1000' HLT='40x1000'
	snapshot b CPUID='60x1000' HLT='60x1000'
	files diff --fail-above count=49 --min-count 100 a b
	fails 1 ': TOTAL count \+50.00% > 49%$'
}

@test "--fail-above: each by its name" {
	local what

	snapshot a CPUID='100x1000'
	snapshot b CPUID='110x1100'
	for what in count=9 mean=9 p99=9 total=20 MEAN=9% p99=9.5%,count=50; do
		is_above "$what" || with "$what"
	done
	for what in count=10 mean=10 p99=10 total=21 tax=0 count=10%,mean=10,P99=10%,total=21,tax=0; do
		is_not_above "$what" || with "$what"
	done
	files diff --fail-above mean=9 --fail-above p99=50 a b
	fails 1 'CPUID mean \+10.00% > 9%$'
}

@test "--fail-above: what is malformed" {
	local what

	snapshot a CPUID='100x1000'
	for what in abc '' % -1 -1% 5%% 5x '5 %' nan inf 0x5 1,5 ',' = count count= count=x count=-1 \
		'=5' p98=5 mean=5,5 'mean=5,' ',mean=5' 'mean =5' mean=5%% counts=5; do
		files diff --fail-above="$what" a a
		fails 2 --fail-above || with "$what"
	done
}

@test "--min-count: few exits do not matter, many do" {
	snapshot a CPUID='30x1000' HLT=214
	snapshot b CPUID='3000x1000' HLT=260
	# By default, a single exit is enough.
	files diff --fail-above 5 a b
	fails 1 'HLT mean'
	files diff --fail-above mean=5,p99=5 --min-count 2 a b
	ok
	files diff --fail-above 5 --min-count 100 a b
	ok
	# For a count, it is enough that one of the files has many exits.
	files diff --fail-above count=50,mean=5 --min-count 100 a b
	fails 1 'CPUID count \+9900.00% > 50%'
	tells_not HLT
	# For a mean, both files need enough exits.
	snapshot a CPUID=100
	snapshot b CPUID='1000x200'
	files diff --fail-above mean=5 --min-count 2 a b
	ok
	files diff --fail-above mean=5 --min-count 1 a b
	fails 1 'CPUID mean'
	snapshot a CPUID='10x100'
	files diff --fail-above mean=5 --min-count 10 a b
	fails 1 'CPUID mean'
}

@test "--min-count: values" {
	local value

	snapshot a CPUID=1
	for value in 0 -1 x '' 1.5 18446744073709551616; do
		files diff --min-count="$value" a a
		fails 2 --min-count
	done
	kes --min-count 5
	fails 2 --min-count
}
