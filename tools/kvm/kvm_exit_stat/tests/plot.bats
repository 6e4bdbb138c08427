#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Plots by gnuplot

load lib

setup()
{
	prepare
	sample
	mkdir files
	cd files || return 1
	kes record snapshot
	ok
	# Only tests that say so in their names may run without gnuplot.
	[[ $BATS_TEST_DESCRIPTION == *'no gnuplot'* ]] || need gnuplot
}

# recording FILE: two intervals
recording()
{
	kes record one
	exits CPUID cycles='300 400' away='1000 1200' guest=10000
	kes record two
	exits CPUID cycles=5000 away='6000' guest=10000
	exits TRIPLE_FAULT cycles=50
	kes record three
	ok
	cat one two three >"$1"
	rm one two three
}

# is_svg FILE [WORD...]: well-formed, with these words in it
is_svg()
{
	local word file=$1

	shift
	grep -q '<svg' "$file" || return 1
	if command -v xmllint >/dev/null; then
		xmllint --noout --nonet "$file" || return 1
	elif command -v python3 >/dev/null; then
		python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$file" || return 1
	fi
	for word in "$@"; do
		grep -qF "$word" "$file" || {
			echo "no '$word' in $file"
			return 1
		}
	done
}

# is_png FILE: its signature, and its end
is_png()
{
	same "$(head -c 8 "$1" | od -An -tx1)" " 89 50 4e 47 0d 0a 1a 0a"
	same "$(tail -c 8 "$1" | head -c 4)" IEND
}

# alone FILE...: there are no others, e.g. no temporary ones
alone()
{
	same "$(find . -mindepth 1 -printf '%P\n' | sort | xargs)" "$(printf '%s\n' "$@" | sort | xargs)"
}

# Look only at messages of the tool, as gnuplot can have others.
no_space_plot()
{
	# shellcheck disable=SC2016
	run bash -c 'trap "" XFSZ; ulimit -f 0; exec "$0" plot snapshot out.svg 2>&1' "$TOOL"
	stderr=$(grep '^kvm_exit_stat: ' <<<"$output")
}

@test "plot: the exit tax of a snapshot" {
	files plot snapshot out.svg
	ok
	same "$output" ""
	alone snapshot out.svg
	# A name with _ must not become a subscript.
	is_svg out.svg EPT_VIOLATION IO_INSTRUCTION HLT CPUID vmx system
	files plot snapshot out.png
	ok
	is_png out.png
}

@test "plot: the exit tax of a recording" {
	recording rec
	files plot rec out.svg
	ok
	is_svg out.svg CPUID vmx
	files plot rec out.png
	ok
	is_png out.png
	alone snapshot rec out.svg out.png
}

@test "plot --hist: of a snapshot" {
	files plot --hist EPT_VIOLATION snapshot out.svg
	ok
	is_svg out.svg EPT_VIOLATION
	files plot --hist CPUID snapshot out.png
	ok
	is_png out.png
	alone snapshot out.svg out.png
}

@test "plot --hist: names in any case of letters" {
	files plot --hist cpuid snapshot out.svg
	ok
	grep -q CPUID out.svg
	files plot --hist cpui snapshot out.svg
	fails 2 cpui
}

@test "plot --hist: of a reason without away times" {
	files plot --hist MSR_WRITE snapshot out.svg
	ok
	is_svg out.svg MSR_WRITE
	recording rec
	files plot --hist TRIPLE_FAULT rec out.svg
	ok
	is_svg out.svg TRIPLE_FAULT
}

@test "plot -t: times in place of cycles" {
	local file

	recording rec
	for file in snapshot rec; do
		files plot -t --hist CPUID "$file" out.svg
		ok
		is_svg out.svg CPUID 512ns
	done
	# The exit tax is a percentage, for which --time makes no sense.
	files plot --time snapshot out.png
	fails 2 -t --hist
	[[ ! -e out.png ]]
}

@test "plot: a snapshot without any time away, status 3" {
	tree vmx 1000000
	exits CPUID cycles=5
	kes record one
	files plot one out.svg
	fails 3 one 'no away time'
	[[ ! -e out.svg ]]
}

@test "plot: more reasons than colors" {
	local name

	tree vmx 1000000
	for name in "${VMX[@]}"; do
		exits "$name" cycles=100 away="$((1000 + RANDOM))" guest=500
	done
	kes record all
	files plot all out.svg
	ok
	is_svg out.svg 'other reasons'
	for name in "${VMX[@]}"; do
		exits "$name" cycles=100 away="$((1000 + RANDOM))" guest=500
	done
	kes record more
	cat all more >rec
	files plot rec out.svg
	ok
	is_svg out.svg 'other reasons'
}

@test "plot: the largest numbers" {
	local max=18446744073709551615

	tree vmx 1000000
	exits HLT cycles=5 away=5
	put_stat HLT cycles_total=$max cycles_max=$max away_total=$max away_max=$max away_hist=31:1
	kes record one
	ok
	files plot one out.svg
	ok
	is_svg out.svg HLT
	files plot -t --hist HLT one out.svg
	ok
	is_svg out.svg HLT
}

@test "plot: names of files that gnuplot could take for something else" {
	local name

	# shellcheck disable=SC2016
	for name in "it's \"it\".svg" '$(touch x).svg' '-x.svg' '| touch x.svg' '%s {a b} \n.svg' ' .svg'; do
		cp -- snapshot "$name.in"
		files plot -- "$name.in" "$name"
		ok || with "$name"
		is_svg "./$name" CPUID || with "$name"
		rm -- "./$name" "./$name.in"
	done
	alone snapshot
}

@test "plot: resets in a recording are left out, each with a message, status 5" {
	kes record one
	exits CPUID cycles='300 400' away='1000 1200' guest=10000
	kes record two
	reset
	exits HLT cycles=5 away=9 guest=10
	kes record three
	exits HLT cycles=5 away=9 guest=10
	kes record four
	reset
	exits HLT cycles=5
	kes record five
	ok
	cat one two three four five >rec
	files plot rec out.svg
	fails 5 'rec: .*reset.* 2 and 3' 'rec: .*reset.* 4 and 5'
	same "$(wc -l <<<"$stderr")" 2
	is_svg out.svg CPUID HLT
	rm out.svg
	files plot --hist HLT rec out.svg
	fails 5 rec reset
	is_svg out.svg HLT
}

@test "plot: of nothing but resets there is no plot, status 5" {
	kes record one
	reset
	exits HLT cycles=5 away=9 guest=10
	kes record two
	ok
	cat one two >rec
	rm one two
	files plot rec out.svg
	fails 5 rec reset
	files plot --hist HLT rec out.svg
	fails 5 rec reset
	alone rec snapshot
}

@test "plot: extensions" {
	local name

	for name in out out.gif out.svgz .png. svg out.SVG.txt out.svg/; do
		files plot snapshot "$name"
		fails 2 "$name|OUT|svg" || with "$name"
	done
	files plot snapshot out.pdf
	fails 2 svg png
	alone snapshot
}

@test "plot: no gnuplot in PATH, status 8" {
	mkdir empty
	run --separate-stderr env PATH="$PWD/empty" "$TOOL" plot snapshot out.svg
	fails 8 gnuplot
	alone empty snapshot

	# An old one stays.
	echo old >out.svg
	run --separate-stderr env PATH="$PWD/empty" "$TOOL" plot snapshot out.svg
	fails 8 gnuplot
	same "$(<out.svg)" old
	alone empty snapshot out.svg
}

# fake COMMAND: make a gnuplot that runs this command
fake()
{
	mkdir -p fake
	printf '#!/bin/sh\n%s\n' "$1" >fake/gnuplot
	chmod +x fake/gnuplot
}

# given ARG... -> output: the data that plot gives to gnuplot
given()
{
	# shellcheck disable=SC2016
	fake 'cat >script; echo "<svg>"'
	PATH=$PWD/fake:$PATH files plot "$@" out.svg
	ok
	output=$(sed '/ << EOD$/,/^EOD$/!d; /EOD$/d; / 0$/d' script)
}

@test "plot: the numbers" {
	given snapshot
	same "$output" '"IO_INSTRUCTION" 2.5000 8.0000 0.0000 0.0000
"EPT_VIOLATION" 4.0000 2.5000 0.0000 0.5000
"HLT" 0.2500 0.0000 4.7500 0.0000
"CPUID" 2.5000 0.0000 0.0000 0.0000
"MSR_WRITE" 0.0000 0.0000 0.0000 0.0000'
	given --hist CPUID snapshot
	same "$output" $'9.5 3\n10.5 1\n10.5 1\n11.5 3'

	# Over time: the test knows the order of the lines, but not their times.
	kes record one
	exits CPUID cycles='300 400' away='1000 1200' guest=10000
	kes record two
	exits CPUID cycles=5000 away=6000 guest=10000
	exits HLT cycles=50 away=4000 blocked=4000
	kes record three
	cat one two three >rec
	given rec
	same "$(cut -d ' ' -f 3- <<<"$output")" $'18.0328 18.0328\n18.0328 18.0328\n30.0000 50.0000\n30.0000 50.0000'
	same "$(cut -d ' ' -f 1 <<<"$output" | uniq | sort -nu | wc -l)" 3
	given --hist CPUID rec
	same "$(cut -d ' ' -f 2,5- <<<"$output")" $'9.5 9 10 2\n13.5 13 14 1\n10.5 10 11 1\n11.5 11 12 1\n13.5 13 14 1'
}

@test "plot: gnuplot that fails, status 8, and with what is told" {
	local does tells

	while IFS='|' read -r does tells; do
		fake "$does"
		PATH=$PWD/fake:$PATH files plot snapshot out.svg
		fails 8 "gnuplot.*$tells$" || with "$does"
		alone fake fake/gnuplot snapshot || with "$does"
	done <<-'EOF'
		exit 1|status 1
		kill -TERM $$|signal 15
		cat >/dev/null; echo "<svg>"; exit 3|status 3
	EOF
	fake ''
	chmod -x fake/gnuplot
	run --separate-stderr env PATH="$PWD/fake" "$TOOL" plot snapshot out.svg
	fails 8 gnuplot
}

@test "plot: gnuplot reads nothing of the user" {
	# A file of settings in the home directory must not change what comes out.
	mkdir home
	echo 'this is no command of gnuplot' >home/.gnuplot
	HOME=$PWD/home files plot snapshot out.svg
	ok
	is_svg out.svg CPUID
}

@test "plot: an output that cannot be written, status 8" {
	files plot snapshot nowhere/out.svg
	fails 8 nowhere/out.svg
	mkdir out.svg
	files plot snapshot out.svg
	fails 8 out.svg
	alone out.svg snapshot
}

@test "plot: a full disk leaves the old file, and no other" {
	echo old >out.svg
	no_space_plot
	fails 8
	same "$(<out.svg)" old
	alone out.svg snapshot
}
