#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The table of what happened since the last reset

load lib

# columns LIST [ARG...]: print these columns of the sample, sorted by name
columns()
{
	kes -s REASON -o "$@"
	ok
}

@test "table: default columns, largest TOTAL first, only reasons that occurred" {
	kes
	ok
	same "$(body)" "REASON COUNT SHARE TOTAL MIN AVG P50 P99 P99.9 MAX
EPT_VIOLATION 3 50.0% 5000 1000 1666 1000 3000 3000 3000
IO_INSTRUCTION 1 30.0% 3000 3000 3000 3000 3000 3000 3000
CPUID 4 19.0% 1900 300 475 426 700 700 700
HLT 2 1.0% 100 40 50 48 60 60 60
MSR_WRITE 1 0.0% 0 0 0 0 0 0 0"
}

@test "table: the columns of away, of the times that there are" {
	columns REASON,AWAY,AWAY_MIN,AWAY_AVG,AWAY_P50,AWAY_P99,AWAY_P99.9,AWAY_MAX --csv
	same "$output" "REASON,AWAY,AWAY_MIN,AWAY_AVG,AWAY_P50,AWAY_P99,AWAY_P99.9,AWAY_MAX
CPUID,5000,1000,1250,1365,1500,1500,1500
EPT_VIOLATION,14000,2000,4666,3072,8000,8000,8000
HLT,10000,10000,10000,10000,10000,10000,10000
IO_INSTRUCTION,21000,21000,21000,21000,21000,21000,21000
MSR_WRITE,0,,,,,,"
}

@test "table: the parts of away, KVM is what remains" {
	columns REASON,KVM,USER,BLOCKED,PREEMPTED
	same "$(body)" "REASON KVM USER BLOCKED PREEMPTED
CPUID 5000 0 0 0
EPT_VIOLATION 8000 5000 0 1000
HLT 500 0 9500 0
IO_INSTRUCTION 5000 16000 0 0
MSR_WRITE 0 0 0 0"
}

@test "table: the exit tax and its parts are of guest_cycles and all AWAY" {
	columns REASON,TAX,KVM%,USER%,BLOCKED%,PREEMPTED% --csv
	same "$output" "REASON,TAX,KVM%,USER%,BLOCKED%,PREEMPTED%
CPUID,2.50,2.50,0.00,0.00,0.00
EPT_VIOLATION,7.00,4.00,2.50,0.00,0.50
HLT,5.00,0.25,0.00,4.75,0.00
IO_INSTRUCTION,10.50,2.50,8.00,0.00,0.00
MSR_WRITE,0.00,0.00,0.00,0.00,0.00"
}

@test "table: --tax has its columns, largest TAX first" {
	kes --tax
	ok
	same "$(body)" "REASON COUNT TAX KVM% USER% BLOCKED% PREEMPTED%
IO_INSTRUCTION 1 10.5% 2.5% 8.0% 0.0% 0.0%
EPT_VIOLATION 3 7.0% 4.0% 2.5% 0.0% 0.5%
HLT 2 5.0% 0.2% 0.0% 4.8% 0.0%
CPUID 4 2.5% 2.5% 0.0% 0.0% 0.0%
MSR_WRITE 1 0.0% 0.0% 0.0% 0.0% 0.0%" ||
		# Halves, 0.25 and 4.75, may be rounded either way.
		[[ $(body) =~ HLT\ 2\ 5.0%\ 0.[23]%\ 0.0%\ 4.[78]%\ 0.0% ]]
	kes --tax -s COUNT
	ok
	same "$(first_column)" "CPUID EPT_VIOLATION HLT IO_INSTRUCTION MSR_WRITE"
}

@test "table: without any time there is no tax, and no share or one of 0" {
	tree vmx 1000000
	exits CPUID cycles=5
	kes -J -o REASON,TAX,KVM%
	ok
	jq_is '.[0].reasons' '[{"reason":"CPUID","tax":null,"kvm%":null}]'
	reset
	exits CPUID cycles=0
	kes -J -o SHARE
	ok
	jq_is '.[0].reasons[0].share // 0' 0
}

@test "-o: in the given order, any case, with the names as they are" {
	kes -o max,Reason,P99.9,kvm%
	ok
	same "$(body | head -n 2)" "MAX REASON P99.9 KVM%
3000 EPT_VIOLATION 3000 4.0%"
}

@test "-o: --output is the same, and all columns go at once" {
	kes --output=REASON,COUNT,SHARE,TOTAL,MIN,AVG,P50,P99,P99.9,MAX,AWAY,AWAY_MIN,AWAY_AVG,AWAY_P50,AWAY_P99,AWAY_P99.9,AWAY_MAX,KVM,USER,BLOCKED,PREEMPTED,TAX,KVM%,USER%,BLOCKED%,PREEMPTED%
	ok
	same "$(body | sed -n 4p)" "CPUID 4 19.0% 1900 300 475 426 700 700 700 5000 1000 1250 1365 1500 1500 1500 5000 0 0 0 2.5% 2.5% 0.0% 0.0% 0.0%"
}

@test "-o: a narrow terminal cuts nothing" {
	export COLUMNS=20
	kes
	ok
	same "$(body | sed -n 3p)" "IO_INSTRUCTION 1 30.0% 3000 3000 3000 3000 3000 3000 3000"
}

@test "-s: numbers, the largest first" {
	kes -s COUNT
	ok
	same "$(first_column)" "CPUID EPT_VIOLATION HLT IO_INSTRUCTION MSR_WRITE"
	kes --sort=max
	ok
	same "$(first_column)" "EPT_VIOLATION IO_INSTRUCTION CPUID HLT MSR_WRITE"
	kes -s AWAY
	ok
	same "$(first_column)" "IO_INSTRUCTION EPT_VIOLATION HLT CPUID MSR_WRITE"
}

@test "-s: ties are by name, whatever the order of the directory" {
	local name

	tree vmx 1000000
	for name in HLT UNKNOWN CPUID MSR_READ CR_ACCESS EPT_MISCONFIG; do
		exits "$name" cycles=7
	done
	kes
	ok
	same "$(first_column)" "CPUID CR_ACCESS EPT_MISCONFIG HLT MSR_READ UNKNOWN"
}

@test "-s: what is not known comes last" {
	kes -s AWAY_AVG -o REASON
	ok
	same "$(first_column)" "IO_INSTRUCTION HLT EPT_VIOLATION CPUID MSR_WRITE"
}

@test "-s: percentages that differ in a digit that is not shown" {
	tree vmx 1000000
	exits CPUID cycles=1000000000
	exits HLT cycles=1000000001
	kes -s SHARE
	ok
	same "$(first_column)" "HLT CPUID"
}

@test "-t: microseconds with three decimals" {
	columns reason,count,share,total,min,avg,p50,max,away,user,tax -t
	same "$(body | sed -n 2,3p)" "CPUID 4 19.0% 1.900 0.300 0.475 0.426 0.700 5.000 0.000 2.5%
EPT_VIOLATION 3 50.0% 5.000 1.000 1.666 1.000 3.000 14.000 5.000 7.0%" ||
		# The average may be converted with or without being rounded to a cycle first.
		[[ $(body) == *"EPT_VIOLATION 3 50.0% 5.000 1.000 1.667 "* ]]
}

@test "-t: by tsc_khz, and the same as --time" {
	tree vmx 40006
	exits EPT_VIOLATION cycles=357155 away=4000600
	kes --time -J -o REASON,TOTAL,MAX,AWAY
	ok
	# 357155 * 1000 / 40006 = 8927.5358...
	jq_is '.[0].reasons' '[{"reason":"EPT_VIOLATION","total":8927.536,"max":8927.536,"away":100000}]'
}

@test "-J: one document, numbers are numbers, what is not known is null" {
	kes -J -s REASON -o REASON,COUNT,SHARE,P99.9,AWAY,AWAY_AVG,KVM%
	ok
	jq_is '.[0].reasons' '[
{"reason":"CPUID","count":4,"share":19,"p99.9":700,"away":5000,"away_avg":1250,"kvm%":2.5},
{"reason":"EPT_VIOLATION","count":3,"share":50,"p99.9":3000,"away":14000,"away_avg":4666,"kvm%":4},
{"reason":"HLT","count":2,"share":1,"p99.9":60,"away":10000,"away_avg":10000,"kvm%":0.25},
{"reason":"IO_INSTRUCTION","count":1,"share":30,"p99.9":3000,"away":21000,"away_avg":21000,"kvm%":2.5},
{"reason":"MSR_WRITE","count":1,"share":0,"p99.9":0,"away":0,"away_avg":null,"kvm%":0}]'
}

# near_now ISO8601: within the last minute
near_now()
{
	local seconds

	[[ $1 =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$ ]] || {
		echo "'$1' is no time of ISO 8601"
		return 1
	}
	seconds=$(date -u -d "$1" +%s)
	((seconds <= EPOCHSECONDS && seconds >= EPOCHSECONDS - 60)) || {
		echo "'$1' is not now"
		return 1
	}
}

@test "-J: one line, with a head" {
	put "$STATS/dropped" 3
	kes -J -o COUNT
	ok
	same "${#lines[@]}" 1
	jq_is '.[0]|keys_unsorted' '["schema","time","isa","scope","tsc_khz","unit","from","to",
		"seconds","dropped","reasons"]'
	jq_is '.[0]|[.schema, .isa, .scope, .tsc_khz, .unit, .from, .seconds, .dropped, .time == .to]' \
		'[1,"vmx","system",1000000,"cycles",null,null,3,true]'
	near_now "$(jq -r .to <<<"$output")"
	TZ=Asia/Tokyo kes -J -t -o COUNT
	ok
	jq_is '.[0].unit' '"us"'
	near_now "$(jq -r .to <<<"$output")"
}

@test "CODE: the number of the reason" {
	exits UNKNOWN cycles=1
	kes --csv -o reason,code -s code
	ok
	same "$output" "REASON,CODE
CPUID,10
HLT,12
IO_INSTRUCTION,30
MSR_WRITE,32
EPT_VIOLATION,48
UNKNOWN,77"
	kes --csv -o REASON -s CODE
	ok
	same "$(sed 1d <<<"$output" | xargs)" "CPUID HLT IO_INSTRUCTION MSR_WRITE EPT_VIOLATION UNKNOWN"
	exits HLT in=123-11/0 cycles=5 away=7
	kes --vm 123 -J -o REASON,CODE
	ok
	jq_is '.[0].reasons' '[{"reason":"HLT","code":12}]'
	rm "$STATS/reasons/HLT/reason"
	kes
	ok
	kes -o CODE
	fails 6 HLT/reason
}

@test "TIMESTAMP: when the numbers were read, in UTC" {
	TZ=Asia/Tokyo kes --csv -o COUNT,TIMESTAMP -s TIMESTAMP
	ok
	same "${lines[0]}" COUNT,TIMESTAMP
	near_now "${lines[5]#1,}"
	same "$(sed 1d <<<"$output" | cut -d , -f 1 | xargs)" "4 3 2 1 1"
}

@test "-r: a header and words, no title" {
	kes -r -o REASON,COUNT,SHARE,TOTAL
	ok
	same "$output" "REASON COUNT SHARE TOTAL
EPT_VIOLATION 3 50.00 5000
IO_INSTRUCTION 1 30.00 3000
CPUID 4 19.00 1900
HLT 2 1.00 100
MSR_WRITE 1 0.00 0"
	same "$("$TOOL" --sysroot "$ROOT" --raw -o REASON,COUNT,SHARE,TOTAL)" "$output"
}

@test "--csv: a header and commas, no title" {
	kes --csv
	ok
	same "$output" "REASON,COUNT,SHARE,TOTAL,MIN,AVG,P50,P99,P99.9,MAX
EPT_VIOLATION,3,50.00,5000,1000,1666,1000,3000,3000,3000
IO_INSTRUCTION,1,30.00,3000,3000,3000,3000,3000,3000,3000
CPUID,4,19.00,1900,300,475,426,700,700,700
HLT,2,1.00,100,40,50,48,60,60,60
MSR_WRITE,1,0.00,0,0,0,0,0,0,0"
}

@test "-r: what is not known is -, so that no column moves" {
	kes -r -s REASON -o REASON,AWAY_AVG,COUNT,AWAY_MAX
	ok
	same "$output" "REASON AWAY_AVG COUNT AWAY_MAX
CPUID 1250 4 1500
EPT_VIOLATION 4666 3 8000
HLT 10000 2 10000
IO_INSTRUCTION 21000 1 21000
MSR_WRITE - 1 -"
}

# in_locale NAME: set a locale that has decimal commas
in_locale()
{
	need localedef
	mkdir locales
	localedef -i "$1" -f UTF-8 "locales/$1.UTF-8" 2>/dev/null || skip "there is no locale $1"
	export LOCPATH=$PWD/locales LC_ALL=$1.UTF-8
	[[ $(env printf '%.1f' 1,5 2>/dev/null) = 1,5 ]] || skip "locale $1 does not work"
}

@test "a locale with decimal commas changes no number" {
	in_locale de_DE
	kes -J -t -o REASON,SHARE,AVG -s REASON
	ok
	jq_is '.[0].reasons[0]' '{"reason":"CPUID","share":19,"avg":0.475}'
	kes -i 0.01 -n 1
	ok
	kes record f.json
	ok
	jq -e '.time > 1e9' f.json
	kes --openmetrics
	ok
	[[ $output != *[0-9],[0-9]* ]]
}

@test "a locale of one byte per letter changes nothing that -r escapes" {
	local unset

	need localedef
	mkdir locales
	localedef -i en_US -f ISO-8859-1 locales/en_US.ISO-8859-1 2>/dev/null ||
		skip "there is no locale en_US.ISO-8859-1"
	vm 101-5 nr=1 qemu -name $'\xc3\xa9 y'
	exits CPUID in=101-5/0 cycles=100
	kes --vms -r -o name
	ok
	unset=$output
	same "${lines[1]}" '\xc3\xa9\x20y'
	LOCPATH=$PWD/locales LC_ALL=en_US.ISO-8859-1 kes --vms -r -o name
	ok
	same "$output" "$unset"
}

@test "a locale in which i is no lower-case I changes no name" {
	in_locale tr_TR
	kes --csv -o reason,min -s min
	ok
	same "${lines[0]}" REASON,MIN
	kes --csv -o share,away_min -s tax
	ok
	kes -i 0.01 -n 1 -o Share
	ok
}

@test "percentiles: linear within a bucket, over several buckets" {
	local min=3 max=1500000

	tree vmx 1000000
	exits CPUID cycles="3 7x10 20x100 50x1000 600x5000 300x20000 20x100000 2x$max"
	kes -r -o P50,P99,P99.9,MIN,MAX
	ok
	# The buckets of the times above, i.e. their bit lengths
	set -- 2:1 4:7 7:20 10:50 13:600 15:300 17:20 21:2
	same "${lines[1]}" "$(quantile 500 $min $max "$@") $(quantile 990 $min $max "$@") $(quantile 999 $min $max "$@") $min $max"
}

@test "percentiles: at the edge between two buckets" {
	tree vmx 1000000
	# Half of the times are below 512.
	exits CPUID cycles='50x300 50x900'
	kes -r -o P50
	ok
	same "${lines[1]}" 512
}

@test "percentiles: random histograms by the definition" {
	local i bucket n buckets times name want=

	RANDOM=1
	tree vmx 1000000
	for ((i = 0; i < 12; i++)); do
		name=${VMX[i]} times='' buckets=()
		for ((bucket = RANDOM % 4; bucket < 31; bucket += 1 + RANDOM % 9)); do
			n=$((1 + RANDOM % (RANDOM % 2 ? 5 : 3000)))
			times+=" ${n}x$((bucket ? 1 << (bucket - 1) : 0))"
			buckets+=("$bucket:$n")
		done
		exits "$name" cycles="$times" away="$times"
		put_stat "$name" cycles_min=0 cycles_max=2000000000 away_min=0 away_max=2000000000
		want+="$name"
		for n in 500 990 999 500 990 999; do
			want+=" $(quantile "$n" 0 2000000000 "${buckets[@]}")"
		done
		want+=$'\n'
	done
	kes -r -o REASON,P50,P99,P99.9,AWAY_P50,AWAY_P99,AWAY_P99.9
	ok
	same "$(tail -n +2 <<<"$output" | sort)" "$(sort <<<"${want%$'\n'}")"
}

@test "percentiles: the last bucket is the maximum" {
	tree vmx 1000000
	exits CPUID cycles='100 1073741824 2x1099511627776'
	kes -r -o P50,P99,P99.9,MAX
	ok
	same "${lines[1]}" "1099511627776 1099511627776 1099511627776 1099511627776"
}

@test "percentiles: never below the minimum or above the maximum" {
	tree vmx 1000000
	exits CPUID cycles='1000 1001 1002'
	exits HLT cycles='513 514 515'
	kes -r -s REASON -o MIN,P50,P99,MAX
	ok
	same "${lines[1]}" "1000 1000 1002 1002"
	same "${lines[2]}" "513 515 515 515"
}

# The largest numbers, which are too large for bash to add up in exits()
extremes()
{
	local max=18446744073709551615

	tree vmx 1000000
	put_stat CPUID count=$max cycles_total=$max cycles_min=1 cycles_avg=1 cycles_max=$max \
		away_total=$max away_min=1073741824 away_max=$max away_user=$max \
		cycles_hist=1:$max away_hist=31:$max
	put "$STATS/total_exits" $max
}

@test "64 bits: the largest number" {
	local max=18446744073709551615

	extremes
	kes -r -o COUNT,TOTAL,MIN,AVG,MAX,AWAY,AWAY_AVG,AWAY_MAX,USER,KVM,SHARE,TAX,USER%,KVM%
	ok
	same "${lines[1]}" "$max $max 1 1 $max $max 1 $max $max 0 100.00 100.00 100.00 0.00"
	# Compare text, since jq would round these numbers.
	put "$STATS/dropped" "$max"
	kes -J -o COUNT,MAX,AWAY,CODE,KVM
	ok
	[[ $output == *"\"dropped\":$max,\"reasons\":[{\"count\":$max,\"max\":$max,\"away\":$max,\"code\":10,\"kvm\":0}]}" ]]
	kes -J -t -o TOTAL,SHARE,AVG
	ok
	[[ $output == *'[{"total":18446744073709551.615,"share":100.00,"avg":0.001}]}' ]]
	kes
	ok
	kes --hist CPUID
	ok
	kes --openmetrics
	ok
}

@test "64 bits: percentiles of the largest counts" {
	local max=18446744073709551615 half=9223372036854775807

	extremes
	kes -r -o P50,P99.9,AWAY_P50,AWAY_P99.9
	ok
	same "${lines[1]}" "1 1 $max $max"

	put_stat CPUID cycles_min=0 cycles_hist=0:$half,7:$half
	kes -r -o P50,P99
	ok
	# Half of the times are 0.  P99 is 64 + 64 * 0.98.
	same "${lines[1]}" "0 126"
}

@test "64 bits: more times than fit make no mess" {
	extremes
	put_stat CPUID cycles_hist="$(printf '%s:18446744073709551615,' {0..30})31:18446744073709551615"
	kes
	[[ $status -lt 9 ]]
	kes --hist CPUID
	[[ $status -lt 9 ]]
	kes --openmetrics
	[[ $status -lt 9 ]]
}

@test "64 bits: parts that exceed AWAY do not wrap" {
	tree vmx 1000000
	# This can happen where sums of many vCPUs have saturated.
	exits CPUID cycles=10 away=100 user=90 preempted=20 guest=900
	kes -r -o KVM,KVM%
	ok
	same "${lines[1]}" "0 0.00"
}

@test "64 bits: sums of reasons stop at the largest number, as in the kernel" {
	local half=9223372036854775808 max=18446744073709551615

	put_stat HLT away_total=$half away_blocked=$half away_max=$half guest_cycles=$half
	put_stat CPUID away_total=$half away_preempted=$half away_max=$half guest_cycles=$half
	kes --csv -s REASON -o REASON,TAX,BLOCKED%,PREEMPTED%
	ok
	same "${lines[1]}" "CPUID,25.00,0.00,25.00"
	same "${lines[3]}" "HLT,25.00,25.00,0.00"
	kes --openmetrics
	ok
	[[ $output == *'guest_seconds_total{isa="vmx"} 18446744073.'* ]]
	# The parts of one reason, too
	put_stat HLT away_total=$max away_blocked=$max away_user=5 away_max=$max
	kes --csv -s REASON -o REASON,KVM
	ok
	same "${lines[3]}" "HLT,0"
}

@test "a reset while the reasons are read: all are read again" {
	local stat=$STATS/reasons/HLT/stat old

	old=$(<"$stat")
	rm "$stat"
	mkfifo "$stat"
	# shellcheck disable=SC2094
	{
		# The tool has opened the FIFO, and waits.  When it tries again, it finds a file.
		rm "$stat"
		reset
		exits HLT cycles=70
		printf '%s\n' "$old"
	} >"$stat" 3>&- &
	background+=($!)
	kes --csv -o REASON,COUNT,TOTAL,AWAY
	ok
	same "$output" "REASON,COUNT,TOTAL,AWAY
HLT,1,70,0"
}

@test "counts that do not add up are no table" {
	put "$STATS/total_exits" 12
	kes
	fails 5 "$STATS" reset
	same "$output" ""
}

@test "POLLED, USER_EXITS, GUEST" {
	kes --csv -s REASON -o REASON,BLOCKED,POLLED,USER_EXITS,GUEST
	ok
	same "$output" "REASON,BLOCKED,POLLED,USER_EXITS,GUEST
CPUID,0,0,0,100000
EPT_VIOLATION,0,0,2,50000
HLT,9500,400,0,0
IO_INSTRUCTION,0,0,1,0
MSR_WRITE,0,0,0,0"
	kes -t --csv -s POLLED -o REASON,POLLED,USER_EXITS,GUEST
	ok
	same "${lines[1]}" "HLT,0.400,0,0.000"
}

@test "the title, and exits that were dropped in it, and in JSON" {
	local dropped

	kes -t
	ok
	# Halves, 9.25 and 4.75, may be rounded either way.
	[[ ${lines[0]} =~ ^'vmx, system: 11 exits, 10.000 us in handling; vCPU time: 75.0% guest, 9.'[23]'% kvm, 10.5% user, 4.'[78]'% blocked, 0.5% preempted'$ ]]
	for dropped in 1 18446744073709551615; do
		put "$STATS/dropped" "$dropped"
		kes
		ok
		[[ ${lines[0]} == "vmx, system: 11 exits and $dropped dropped, 10000 cycles in handling;"* ]]
	done
	put "$STATS/dropped" 5
	kes -J -o COUNT
	ok
	jq_is '.[0]|.dropped, (.reasons|length)' '5,5'
	kes --csv -o COUNT
	ok
	same "${lines[0]}" COUNT
}

@test "nothing occurred yet: tables without lines" {
	tree vmx 1000000
	kes
	ok
	[[ $output ]]
	kes --tax
	ok
	kes -J
	ok
	jq_is '.[0]|[.dropped, .reasons]' '[0,[]]'
	kes --csv
	ok
	same "$output" "REASON,COUNT,SHARE,TOTAL,MIN,AVG,P50,P99,P99.9,MAX"
	kes -r -o REASON,COUNT
	ok
	same "$output" "REASON COUNT"
}

@test "--version: that of the kernel" {
	files --version
	ok
	[[ $output =~ ^kvm_exit_stat\ ([0-9]+\.[0-9]+.*|unknown)$ ]]
	same "$("$TOOL" -V)" "$output"
}

@test "--help: all options, all columns" {
	local word words list columns

	files --help
	ok
	for word in --interval --intervals --output --sort --time --json --raw --csv --tax --vm \
		--vcpu --sysroot --fail-above --min-count --log --version --help --top --hist --openmetrics record diff plot \
		--vms --per-vcpu --dead --user --preempted-by --keys --worst --slow --nested --chain --explain; do
		grep -qwFe "$word" <<<"$output" || with "no $word"
	done
	columns=$(sed '1,/^Columns:/d; /^[^ ]/,$d' <<<"$output")
	for word in REASON COUNT RATE SHARE TOTAL MIN AVG P50 P99 P99.9 MAX AWAY AWAY_MIN AWAY_AVG \
		AWAY_P50 AWAY_P99 AWAY_P99.9 AWAY_MAX KVM USER BLOCKED PREEMPTED TAX KVM% USER% \
		BLOCKED% PREEMPTED% POLLED USER_EXITS GUEST CODE TIMESTAMP; do
		grep -qwFe "$word" <<<"$columns" || with "no column $word"
	done
	while read -r list words; do
		columns=$(sed "1,/^Columns of $list:/d; /^[^ ]/,\$d" <<<"$output")
		same "$(awk '{ print $1 }' <<<"$columns" | xargs)" "$words TIMESTAMP" || with "$list"
	done <<-'EOF'
		--vms VM NAME UUID PID PID-FD COMMAND CGROUP VCPUS AGE COUNT RATE GUEST% KVM% USER% BLOCKED% PREEMPTED% TOP TOP% DROPPED
		--per-vcpu VCPU AGE COUNT RATE GUEST% KVM% USER% BLOCKED% PREEMPTED% TOP TOP% DROPPED
		--dead VM NAME PID CGROUP VCPUS ENDED AGE COUNT RATE GUEST% KVM% USER% BLOCKED% PREEMPTED% TOP TOP% DROPPED
		--user REASON NUMBER COUNT RATE TIME AVG SHARE FROM
		--preempted-by PID COMMAND COUNT ERROR TIME MAX
		--keys REASON KEY KEY_NAME COUNT ERROR SHARE TOTAL MEAN LONGEST
		--worst SPAN REASON KIND TIME AGO WHEN VM NAME VCPU CPU RIP KEY KEY_NAME KVM% USER% BLOCKED% PREEMPTED%
		--slow REASON KIND TIME AGO WHEN VM NAME VCPU CPU RIP KEY KEY_NAME KVM% USER% BLOCKED% PREEMPTED%
		--chain VCPU REASON LEVEL TIME
		--nested REASON COUNT L2 L2_RATE REFLECTED TOTAL L2_TOTAL REFL_TOTAL AVG L2_AVG REFL_AVG AWAY L2_AWAY REFL_AWAY
	EOF
	same "$("$TOOL" -h)" "$output"
}
