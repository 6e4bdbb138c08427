#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Histograms as bars

load lib

setup()
{
	prepare
	tree vmx 1000000
}

# bar LENGTH: 52 places with so many filled
bar()
{
	local at blanks

	printf -v at '%*s' "$1" ''
	printf -v blanks '%*s' $((52 - $1)) ''
	echo "|${at// /@}$blanks|"
}

# line LABEL COUNT LENGTH
line()
{
	printf '%s %s %s' "$1" "$2" "$(bar "$3")"
}

# narrow TEXT: one blank in front of the count, and one in front of the bar
narrow()
{
	printf '%s\n' "$1" | sed 's/  *\([0-9]*\)  *|/ \1 |/'
}

# has TEXT: the output has these lines
has()
{
	if [[ $'\n'$(narrow "$output")$'\n' != *$'\n'"$1"$'\n'* ]]; then
		show_run
		printf 'not found:\n%s\n' "$1"
		return 1
	fi
}

@test "--hist: handling, an empty line, away" {
	exits CPUID cycles='300 2x400 700' away='3x600 1500 10000'
	run --keep-empty-lines --separate-stderr "$TOOL" --sysroot "$ROOT" --hist CPUID
	ok
	[[ ${lines[0]} == 'CPUID: 4 exits, handling, TSC cycles' ]]
	same "$(narrow "${lines[1]}")" "$(line '[256, 512)' 3 52)"
	# 52 / 3 = 17.33
	same "$(narrow "${lines[2]}")" "$(line '[512, 1K)' 1 17)"
	same "${lines[3]}" ""
	[[ ${lines[4]} =~ ^CPUID:\ [45]\ exits,\ away,\ TSC\ cycles$ ]]
	has "$(line '[512, 1K)' 3 52)
$(line '[1K, 2K)' 1 17)
$(line '[2K, 4K)' 0 0)
$(line '[4K, 8K)' 0 0)
$(line '[8K, 16K)' 1 17)"
	# There are no lines before the first bucket that is not empty, nor after the last.
	same "$(wc -l <<<"${output%$'\n'}")" 10
}

@test "--hist: buckets 0, 1 and 2" {
	exits CPUID cycles='4x0 2x1 2 3'
	kes --hist CPUID
	ok
	has "$(line '[0]' 4 52)
$(line '[1]' 2 26)
$(line '[2, 4)' 2 26)"
}

@test "--hist: bucket 31 has no end" {
	exits CPUID cycles='1073741823 1073741824 3x9000000000000'
	kes --hist CPUID
	ok
	has "$(line '[512M, 1G)' 1 13)
$(line '[1G, ...)' 4 52)"
}

@test "--hist: K and M are powers of 1024" {
	exits CPUID cycles='500 1023 524288 1048575 1048576'
	kes --hist CPUID
	ok
	has "$(line '[256, 512)' 1 26)
$(line '[512, 1K)' 1 26)
$(line '[1K, 2K)' 0 0)"
	has "$(line '[256K, 512K)' 0 0)
$(line '[512K, 1M)' 2 52)
$(line '[1M, 2M)' 1 26)"
}

@test "--hist: no away time yet" {
	exits HLT cycles=9
	kes --hist HLT
	ok
	has "$(line '[8, 16)' 1 52)"
	same "$(grep -c '|' <<<"$output")" 1
}

@test "--hist -t: labels are times with three digits and a unit" {
	tree vmx 40006
	exits CPUID cycles='300 2x700'
	kes --hist CPUID -t
	ok
	[[ $output =~ ^CPUID:\ 3\ exits,\ handling ]]
	[[ $output != *'TSC cycles'* ]]
	has "$(line '[6.40us, 12.8us)' 1 26)
$(line '[12.8us, 25.6us)' 2 52)"
}

@test "--hist -t: ns, us, ms and s" {
	exits CPUID cycles='300 700 300000 600000 1000000 300000000 900000000 1000000000 3000000000'
	kes --hist CPUID --time
	ok
	[[ $output =~ $'\n'\[256ns,\ 512ns\)\ +1\  ]]
	[[ $output =~ $'\n'\[512ns,\ 1.02us\)\ +1\  ]]
	[[ $output =~ $'\n'\[262us,\ 524us\)\ +1\  ]]
	[[ $output =~ $'\n'\[524us,\ 1.05ms\)\ +2\  ]]
	[[ $output =~ $'\n'\[537ms,\ 1.07s\)\ +2\  ]]
	[[ $output =~ $'\n'\[1.07s,\ ...\)\ +1\  ]]
}

@test "--hist: names in any case of letters" {
	local name

	tree vmx 1000000
	exits CPUID cycles=8
	for name in cpuid Cpuid CPUID; do
		kes --hist "$name"
		ok
		[[ $output == 'CPUID: 1 exits, '* ]] || with "$name"
	done
	LC_ALL=tr_TR.UTF-8 kes --hist cpuid
	ok
	kes --hist cpui
	fails 2 cpui
	kes --hist cpuidx
	fails 2 cpuidx
}

@test "--hist: codes" {
	tree vmx 1000000
	exits EPT_VIOLATION cycles=8
	kes --hist 48
	ok
	[[ $output == 'EPT_VIOLATION: 1 exits, '* ]]
	kes --hist 0x30
	ok
	[[ $output == 'EPT_VIOLATION: 1 exits, '* ]]
	kes --hist 048
	ok
	kes --hist 0
	ok
	[[ $output == 'EXCEPTION_NMI: 0 exits, '* && $output != *@* ]]
	# UNKNOWN cannot be named by a code: its code, 77, is only the last one it stood for.
	local code

	for code in 77 4711 0x 0x4z 48x 18446744073709551616; do
		kes --hist "$code"
		fails 2 "$code" || with "$code"
	done
	tree svm 1000000
	exits npf cycles=8
	kes --hist 0x400
	ok
	[[ $output == 'npf: 1 exits, '* ]]
}

@test "--hist: bars and counts are below each other" {
	exits CPUID cycles='2x0 1 1000x300000000' away='0 7x9000000'
	kes --hist CPUID
	ok
	same "$(sed -n 's/|.*//p' <<<"$output" | awk '{ print length }' | sort -u | wc -l)" 1
	same "$(grep -c '[0-9] |.\{52\}|$' <<<"$output")" "$(grep -c '|' <<<"$output")"
}

@test "--hist: with long counts the bars stay" {
	exits CPUID cycles='18000000000000x1 9000000000000x2'
	kes --hist CPUID
	ok
	[[ $output == *"18000000000000 $(bar 52)"* ]]
	[[ $output == *"9000000000000 $(bar 26)"* ]]
}
