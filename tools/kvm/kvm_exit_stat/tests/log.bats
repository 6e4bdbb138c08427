#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The log of intervals in a file

load lib

# has_lines FILE N: the file has at least N lines
has_lines()
{
	local n=0

	[[ -e $1 ]] || return
	while read -r _; do
		n=$((n + 1))
	done <"$1"
	((n >= $2))
}

# counts FILE: the lines without their times
counts()
{
	sed -E 's/^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z,//' "$1" | xargs
}

# interval FILE N: add an exit to the next interval, and wait for the file to have N lines
interval()
{
	freeze
	exits CPUID cycles=5
	thaw
	poll has_lines "$1" "$2"
}

@test "--log: to the end of a file, with one header, and not to standard output" {
	start -i 0.3 -n 2 --csv -o REASON,COUNT --log log
	interval log 2
	interval log 3
	finish
	ok
	same "$output" ""
	same "$(counts log)" "TIMESTAMP,REASON,COUNT CPUID,1 CPUID,1"
	# A tool that continues a log writes no second header.
	start -i 0.3 -n 1 --csv -o REASON,COUNT --log log
	interval log 4
	finish
	ok
	same "$(counts log)" "TIMESTAMP,REASON,COUNT CPUID,1 CPUID,1 CPUID,1"
}

@test "--log: a file with other columns is left as it is, status 7" {
	local format

	for format in csv raw; do
		printf 'TIMESTAMP,COUNT\n1,2\n' >log
		kes -i 0.1 -n 1 --$format -o REASON,COUNT --log log
		fails 7 "log: the first line is 'TIMESTAMP,COUNT', and --log would add columns"
		same "$(xargs <log)" "TIMESTAMP,COUNT 1,2"
	done
	# A device has no header that could have other columns.
	kes -i 0.1 -n 1 --csv --log /dev/null
	ok
}

@test "--log: an incomplete last line stays a line of its own" {
	kes -i 0.01 -n 1 --csv -o REASON,COUNT --log log
	ok
	printf 2026-11-28T11 >>log
	start -i 0.3 -n 1 --csv -o REASON,COUNT --log log
	freeze
	exits CPUID cycles=5
	thaw
	finish
	ok
	same "$(counts log)" "TIMESTAMP,REASON,COUNT 2026-11-28T11 CPUID,1"
}

@test "--log: JSON only goes to a log of JSON, status 7" {
	kes -i 0.01 -n 1 --csv -o COUNT --log log
	ok
	kes -i 0.01 -n 1 --json -o COUNT --log log
	fails 7 "log: the first line is 'TIMESTAMP,COUNT', and --log would add JSON"
	same "$(<log)" TIMESTAMP,COUNT
	kes -i 0.01 -n 1 --json --log log.json
	ok
	printf '{"cut' >>log.json
	kes -i 0.01 -n 1 --json --log log.json
	ok
	same "$(wc -l <log.json)" 3
	same "$(sed -n 2p log.json)" '{"cut'
	kes -i 0.01 -n 1 --csv --log log.json
	fails 7 log.json
}

@test "--log: SIGHUP begins a new file, and loses nothing" {
	start -i 0.3 --csv -o REASON,COUNT --log log
	interval log 2
	mv log log.1
	# Until the signal, lines are written to the old file.
	interval log.1 3
	[[ ! -e log ]]
	kill -HUP "$PID"
	interval log 2
	# A second time, and with a file that logrotate made
	mv log log.2
	: >log
	kill -HUP "$PID"
	interval log 2
	kill -TERM "$PID"
	finish
	ok
	same "$(counts log.1)" "TIMESTAMP,REASON,COUNT CPUID,1 CPUID,1"
	same "$(counts log.2)" "TIMESTAMP,REASON,COUNT CPUID,1"
	same "$(counts log)" "TIMESTAMP,REASON,COUNT CPUID,1"
}

# renamed OLD [NEW]: an interval for a log with the line OLD, which is renamed before that is
# written; then there is a log with the line NEW, or none
renamed()
{
	rm -f log log.1
	echo "$1" >log
	start -i 0.3 -n 1 --csv -o REASON,COUNT --log log
	freeze
	mv log log.1
	[[ -z ${2+set} ]] || printf '%s' "$2" >log
	exits CPUID cycles=5
	thaw
	finish
}

@test "--log: renamed before the first line, and before SIGHUP" {
	local header=TIMESTAMP,REASON,COUNT new

	renamed "$header"
	ok
	same "$(counts log.1)" "$header CPUID,1"
	[[ ! -e log ]]
	for new in "" data; do
		renamed "$header" "$new"
		ok || with "$new"
		same "$(counts log.1)" "$header CPUID,1" || with "$new"
		same "$(<log)" "$new"
	done
	# It is the old file that must have the right columns.
	renamed data "$header"
	fails 7 "the first line is 'data'"
	same "$(<log.1)" data
}

# Whether the tool catches SIGHUP, number 1
catches_hangup()
{
	[[ /proc/$PID/exe -ef $TOOL ]] && grep -q '^SigCgt:.*[13579bdf]$' "/proc/$PID/status"
}

@test "--log: SIGHUP before the log is open" {
	# The first reading waits for the other end of a pipe.
	mkfifo pipe
	mv "$STATS/isa" isa
	ln pipe "$STATS/isa"
	start -i 0.3 -n 1 --csv -o COUNT --log log
	poll catches_hangup
	[[ ! -e log ]]
	kill -HUP "$PID"
	mv -f isa "$STATS/isa"
	cat "$STATS/isa" 1<>pipe
	finish
	ok
	same "$(<log)" TIMESTAMP,COUNT
}

@test "--log: SIGHUP also if it was ignored before" {
	trap '' HUP
	start -i 0.3 --json --log log
	interval log 1
	mv log log.1
	kill -HUP "$PID"
	poll has_lines log 2
	kill -TERM "$PID"
	finish
	ok
	jq -es 'length >= 2 and all(.[]; .schema == 1)' log
}

@test "--log: SIGHUP does not cut an interval short" {
	start -i 0.5 -n 1 --json --log log
	poll test -e log
	for _ in {1..20}; do
		kill -HUP "$PID" 2>/dev/null || :
		sleep 0.01
	done
	finish
	ok
	jq -es 'length == 1 and .[0].seconds >= 0.5' log
}

@test "--log: the mode of the file is 0666 without the umask" {
	umask 027
	kes -i 0.01 -n 1 --csv --log log
	ok
	same "$(stat -c %a log)" 640
}

# start_limited KIB ARG...: like start, where no file may have more than so many KiB
start_limited()
{
	: >out
	(
		trap '' XFSZ
		ulimit -f "$1"
		shift
		exec env --default-signal=INT,QUIT "$TOOL" --sysroot "$ROOT" "$@" \
			2>err </dev/null 3>&-
	) &
	begun
}

@test "--log: a full disk, no half table, status 8" {
	local name size

	kes -i 0.01 -n 1 --csv --log log
	ok
	size=$(stat -c %s log)
	head -c $((4096 - size - 20)) /dev/zero | tr '\0' x >>log
	echo >>log
	size=$(stat -c %s log)
	# 19 bytes are left
	start_limited 4 -i 0.3 --csv --log log
	sleep 0.1
	for name in "${VMX[@]}"; do
		exits "$name" cycles=5
	done
	poll in_state "$PID" ZX
	finish
	fails 8 log
	same "$(stat -c %s log)" "$size"
}

@test "--log: what cannot be written, status 8" {
	kes -i 0.01 -n 1 --csv --log nowhere/log
	fails 8 nowhere/log
	mkdir directory
	kes -i 0.01 -n 1 --csv --log directory
	fails 8 directory
	kes -i 0.01 -n 1 --csv --log /dev/full
	fails 8 /dev/full
}

@test "--log: a file that cannot be opened anew, status 8" {
	mkdir d
	start -i 0.1 --csv --log d/log
	poll has_lines d/log 1
	mv d e
	kill -HUP "$PID"
	finish
	fails 8 d/log
}

@test "--log: a reset is told, and the log goes on" {
	start -i 0.3 -n 3 --csv -o REASON,COUNT --log log
	interval log 2
	freeze
	reset
	thaw
	poll grep -q reset err
	interval log 3
	finish
	fails 5 reset
	same "$(counts log)" "TIMESTAMP,REASON,COUNT CPUID,1 CPUID,1"
}

@test "--log: the unit and the configuration of logrotate name the same file" {
	local unit=$BATS_TEST_DIRNAME/../systemd/kvm_exit_stat-log.service
	local rotate=$BATS_TEST_DIRNAME/../logrotate/kvm_exit_stat
	local command file

	command=$(sed -n 's/^ExecStart=[^ ]* //p' "$unit")
	file=${command##* }
	grep -qxF "$file {" "$rotate"
	grep -qF "reload ${unit##*/} " "$rotate"
	# shellcheck disable=SC2016  # systemd's
	grep -qx 'ExecReload=/bin/kill -HUP $MAINPID' "$unit"
	same "$(sed -n 's/^LogsDirectory=//p' "$unit")" "$(basename "$(dirname "$file")")"
	# What the unit runs is something that the tool understands.
	# shellcheck disable=SC2086
	kes ${command%"$file"} log -i 0.01 -n 1
	ok
	[[ -s log ]]
}

@test "--log: lists of VMs, and returns to user space" {
	exits CPUID in=123-11/0 cycles=5 away=7
	start -i 0.1 -n 3 --vms --csv -o PID-FD,COUNT --log log
	finish
	ok
	same "$(counts log)" "TIMESTAMP,PID-FD,COUNT 123-11,0 123-11,0 123-11,0"
	start -i 0.1 -n 2 --vms --json -o PID-FD --log log.json
	finish
	ok
	jq -es 'length == 2 and .[0].to == .[1].from and all(.[]; .schema == 1 and .isa == "vmx" and
		.scope == "system" and .time == .to and .seconds > 0.05 and .vms == [{"pid-fd":"123-11"}])' \
		log.json
	kes -i 0.01 -n 2 --user --csv --log log.user
	ok
	same "$(<log.user)" "TIMESTAMP,REASON,COUNT,TIME,AVG,SHARE,FROM"
	kes -i 0.01 -n 2 --vm 123 --per-vcpu --raw -o VCPU --log log.vcpu
	ok
	same "$(sed -E 's/^[0-9]{4}[^ ]*//' log.vcpu | xargs)" "TIMESTAMP VCPU 0 0"
}
