#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The live view, in a terminal that tmux emulates

load lib

setup()
{
	prepare
	need tmux
	tree vmx 1000000
	server=0 width=100 height=24
}

teardown()
{
	end_server
	# The tool is no child of the test, and must not outlive the test.
	[[ ! /proc/${PID-}/exe -ef $TOOL ]] || kill -KILL "$PID"
	cleanup
}

# A server of its own, with no settings of the user
mux()
{
	[[ -e tmux.conf ]] || echo 'set -g status off' >tmux.conf
	tmux -S "$DIR/tmux.$server" -f tmux.conf "$@" 3>&-
}

# Give the next server another socket, so that it does not meet one that is just ending.
end_server()
{
	[[ ! -S $DIR/tmux.$server ]] || mux kill-server 2>/dev/null || :
	server=$((server + 1))
}

# live [NAME=VALUE...] [ARG...]: --top in a terminal, started by a shell that notes the
# status at the end -> PID, of the tool.  With job control if JOBS is set.
live()
{
	cat >shell <<-'EOS'
		ulimit -c 0
		[[ -z ${JOBS-} ]] || set -m
		# Of a Ctrl-C, too, the shell only notes what the tool ends with.
		trap : INT QUIT
		stty -g >before
		(
			echo "$BASHPID" >pid.new
			mv pid.new pid
			exec env "${@:2}" "$TOOL" --sysroot "$ROOT" --top $1
		)
		status=$?
		while ((status == 128 + 20)); do
			: >stopped
			read -r
			fg >/dev/null
			status=$?
		done
		stty -g >after
		echo $status >status.new
		mv status.new status
		read -r
	EOS
	local settings=()
	while [[ ${1-} == [A-Z]*=* ]]; do
		settings+=("$1")
		shift
	done
	end_server
	rm -f pid status
	export TOOL ROOT
	mux new-session -d -x "$width" -y "$height" bash --norc shell "$*" "${settings[@]}"
	poll test -e pid
	PID=$(<pid)
}

# For a tool that is built with AddressSanitizer
without_leak_check()
{
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
}

screen()
{
	mux capture-pane -p
}

keys()
{
	mux send-keys "$@"
}

shows()
{
	[[ $(screen) =~ $1 ]]
}

shows_not()
{
	! shows "$1"
}

# The reasons from top to bottom
order()
{
	screen | awk 'found && NF { printf "%s%s", n++ ? " " : "", $1 } / COUNT / { found = 1 }'
}

has_order()
{
	[[ $(order) = "$1" ]]
}

# recent: change from all since the reset to the last interval, or back
recent()
{
	poll in_use
	keys i
}

# The state of the terminal that the tool changes and must restore
terminal()
{
	mux display-message -p 'alternate screen #{alternate_on}, cursor #{cursor_flag}'
}

in_use()
{
	[[ $(terminal) = 'alternate screen 1, cursor 0' ]]
}

# ends_with STATUS: the tool ends with that status, and has restored the terminal
ends_with()
{
	poll test -e status
	same "$(<status)" "$1" || {
		screen
		return 1
	}
	same "$(terminal)" 'alternate screen 0, cursor 1'
	same "$(<after)" "$(<before)"
}

# VMs at work, in the background.  The order by TOTAL is EPT_VIOLATION, CPUID, HLT; each of
# COUNT, AVG and REASON has another order.
guest()
{
	while [[ -e $STATS ]]; do
		exits EPT_VIOLATION cycles=50000 away=60000 user=5000 guest=100000
		exits CPUID cycles=20x1000 away=20x1200
		exits HLT cycles=5x2000 away=5x9000 blocked=40000
		sleep 0.02
	done
}

# in_background FUNCTION
in_background()
{
	"$1" 3>&- &
	background+=($!)
}

@test "--top: title, columns, reasons of the last interval, largest TOTAL first" {
	exits TRIPLE_FAULT cycles=5
	in_background guest
	live -i 0.2
	recent
	poll has_order "EPT_VIOLATION CPUID HLT"
	in_use
	shows $'^[^\n]*vmx'
	shows 'REASON +COUNT +RATE +SHARE +TOTAL +AVG +P50 +P99 +P99.9'
	# It occurred before the interval.
	shows_not TRIPLE_FAULT
	# Wait for an interval that neither began nor ended between two writes of guest().
	poll shows $'\nCPUID +[0-9]+ +[0-9.]+ +[0-9.]+% +[0-9]+ +1000 '
	keys q
	ends_with 0
}

@test "--top: begins with all since the reset, i changes to the interval and back" {
	exits TRIPLE_FAULT cycles=5
	exits CPUID cycles='4x1000'
	live -i 0.3
	poll has_order "CPUID TRIPLE_FAULT"
	shows $'^vmx, system: 5 exits'
	shows $'\nCPUID +4 +99.9%'
	keys i
	# Nothing happened in the last interval.
	poll shows $'^vmx, system, [0-9.]+ s: 0 exits'
	has_order ""
	poll asleep
	kill -STOP "$PID"
	poll in_state "$PID" T
	exits HLT cycles=7
	kill -CONT "$PID"
	poll has_order HLT
	shows $'\nHLT +1 +[0-9.]+ +100.0%'
	keys i
	poll has_order "CPUID HLT TRIPLE_FAULT"
	shows $'^vmx, system: 6 exits'
	# The numbers since the reset keep growing.
	exits EPT_VIOLATION cycles=100000
	poll has_order "EPT_VIOLATION CPUID HLT TRIPLE_FAULT"
	keys q
	ends_with 0
}

@test "--top: i before the first interval is over" {
	exits CPUID cycles=5
	live -i 3600
	poll has_order CPUID
	keys i
	poll shows 'the first interval is under way'
	has_order ""
	keys i
	poll has_order CPUID
	keys q
	ends_with 0
}

@test "--top: h and ? show the keys, any key goes on" {
	local key

	exits CPUID cycles=5
	live -i 0.1
	for key in h '?'; do
		poll has_order CPUID
		keys "$key"
		poll shows $'\nEscape +back'
		shows_not REASON
		mux resize-window -x 90 -y 23
		poll asleep
		poll shows $'\nEscape +back'
		# The key ends the help, and does not change the order.
		keys '<'
		poll has_order CPUID
		mux resize-window -x 100 -y 24
	done
	keys h
	poll shows $'\nEscape +back'
	keys q
	ends_with 0
}

@test "--top: < and > sort by the column to the left and right" {
	in_background guest
	live -i 0.2
	recent
	poll has_order "EPT_VIOLATION CPUID HLT"
	# AVG
	keys '>'
	poll has_order "EPT_VIOLATION HLT CPUID"
	# RATE, past TOTAL and SHARE
	keys '<' '<' '<'
	poll has_order "CPUID HLT EPT_VIOLATION"
	# REASON, past COUNT, and not beyond the first column
	keys '<' '<' '<' '<' '<'
	poll has_order "CPUID EPT_VIOLATION HLT"
	keys '>'
	poll has_order "CPUID HLT EPT_VIOLATION"
	# P99.9, the last one
	keys '>' '>' '>' '>' '>' '>' '>' '>' '>' '>' '>' '>' '>'
	poll has_order "EPT_VIOLATION HLT CPUID"
	keys q
	ends_with 0
}

# The heads of the columns with their attributes
heads()
{
	mux capture-pane -p -e | grep REASON
}

heads_are()
{
	[[ $(heads) = "$1" ]]
}

heads_are_not()
{
	! heads_are "$1"
}

@test "--top: the column of the order is highlighted" {
	local total

	live -i 3600
	poll shows P99.9
	total=$(heads)
	keys '>'
	poll heads_are_not "$total"
	same "$(screen | grep -c 'TOTAL *AVG')" 1
	keys '<'
	poll heads_are "$total"
	keys q
	ends_with 0
}

@test "--top: t changes between cycles and time" {
	in_background guest
	live -i 0.2
	poll shows $'\nCPUID .* 1000 '
	keys t
	poll shows $'\nCPUID .* 1\.000 '
	keys t
	poll shows $'\nCPUID .* 1000 '
	keys q
	ends_with 0
}

@test "--top: -t, and --tax" {
	in_background guest
	live -i 0.2 -t
	poll shows $'\nCPUID .* 1\.000 '
	keys q
	ends_with 0

	live -i 0.2 --tax
	# Of the time away, EPT_VIOLATION has 60000, HLT 45000 and CPUID 24000.
	poll has_order "EPT_VIOLATION HLT CPUID"
	shows 'REASON +COUNT +TAX +KVM% +USER% +BLOCKED% +PREEMPTED%'
	keys q
	ends_with 0
}

@test "--top: t without a frequency of the TSC" {
	put "$STATS/tsc_khz" 0
	in_background guest
	live -i 0.2
	poll shows $'\nCPUID .* 1000 '
	keys t
	poll asleep
	keys t r
	poll has_order "HLT CPUID EPT_VIOLATION"
	keys q
	ends_with 0
}

two_vms()
{
	while [[ -e $DEBUGFS/123-11 ]]; do
		exits HLT in=5-5/0 cycles=1000
		exits CPUID in=123-11/0 cycles=1000
		sleep 0.02
	done
}

@test "--top: of a VM" {
	exits CPUID in=123-11/0 cycles=1000
	in_background two_vms
	live --vm 123 -i 0.2
	poll has_order CPUID
	shows '123-11'
	kill "${background[0]}"
	wait "${background[0]}" || :
	rm -r "$DEBUGFS/123-11"
	ends_with 6
}

# Three VMs with names
named_vms()
{
	local n=1 name

	for name in web db mail; do
		vm 10$n-5 nr=$n qemu -name "$name"
		exits CPUID in=10$n-5/0 cycles='2x100' away='2x100'
		n=$((n + 1))
	done
}

# What they do from then on: web the most exits, mail most in user space
three_vms()
{
	while [[ -e $STATS ]]; do
		[[ ! -e $DEBUGFS/101-5 ]] || exits CPUID in=101-5/0 cycles='9x100' away='9x100' guest=100
		[[ ! -e $DEBUGFS/102-5 ]] || exits HLT in=102-5/0 cycles='4x100' away='4x100' blocked=400 guest=100
		[[ ! -e $DEBUGFS/103-5 ]] ||
			exits IO_INSTRUCTION in=103-5/0 cycles=100 away=2000 user=1900 guest=100
		sleep 0.02
	done
}

# The names of the VMs from top to bottom
names()
{
	screen | awk 'found && NF { printf "%s%s", n++ ? " " : "", $2 } / NAME / { found = 1 }'
}

has_names()
{
	[[ $(names) = "$1" ]]
}

# selected_is NAME: the line of this VM begins in reverse video.  tmux prints attributes only
# where they change, which can be in a line above.
selected_is()
{
	[[ $(mux capture-pane -pe | awk -F '\033\\[' '
		{
			first = "none"
			text = $1
			if (text ~ /[^ ]/)
				first = reverse
			for (i = 2; i <= NF; i++) {
				code = part = $i
				sub(/m.*/, "", code)
				sub(/^[^m]*m/, "", part)
				if (code ~ /(^|;)7$/)
					reverse = 1
				else if (code ~ /^0?$/)
					reverse = 0
				if (first == "none" && part ~ /[^ ]/)
					first = reverse
				text = text part
			}
			if (NR > 3 && first == 1 && split(text, words, " ") > 1)
				print words[2]
		}') = "$1" ]]
}

@test "--top: v shows the VMs, sortable, and back" {
	named_vms
	in_background three_vms
	live -i 1
	recent
	poll shows $'\nCPUID '
	shows 'v VMs'
	keys v
	poll has_names "web db mail"
	poll shows '^3 VMs, [0-9.]+ s: '
	shows 'VM +NAME +PID +VCPUS +RATE +GUEST% +KVM% +USER% +BLOCKED% +PREEMPTED% +TOP'
	poll shows $'\n +3 +mail +103 +1 +[0-9.]+ .* IO_INSTRUCTION'
	keys r
	poll has_names "mail db web"
	# From RATE to USER%
	keys r '>' '>' '>'
	poll has_names "mail web db"
	keys v
	poll has_order "CPUID HLT IO_INSTRUCTION"
	keys v
	poll has_names "mail web db"
	keys Escape
	poll has_order "CPUID HLT IO_INSTRUCTION"
	keys q
	ends_with 0
}

@test "--top: Enter looks into the selected VM, Escape is back" {
	named_vms
	in_background three_vms
	# Sort by number: the order by rate, the default, can change at any time.
	live --vms -i 1 -s vm
	recent
	poll has_names "web db mail"
	poll selected_is web
	keys Down
	poll selected_is db
	# The same VM stays selected when it moves to another line.
	keys r
	poll has_names "mail db web"
	keys Up Up
	poll selected_is mail
	keys r
	poll has_names "web db mail"
	poll selected_is mail
	keys Enter
	poll has_order IO_INSTRUCTION
	shows $'^mail: vmx, vm 103-5'
	# It is still selected then.
	keys Escape
	poll has_names "web db mail"
	poll selected_is mail
	keys Up Enter
	poll has_order HLT
	shows $'^db: vmx, vm 102-5'
	keys BSpace
	poll has_names "web db mail"
	keys Escape
	poll has_order "CPUID HLT IO_INSTRUCTION"
	shows '^vmx, system'
	keys q
	ends_with 0
}

@test "--top: the VM that is looked into goes" {
	named_vms
	in_background three_vms
	live --vms -i 1
	poll has_names "web db mail"
	keys Enter
	poll has_order CPUID
	rm -r "$DEBUGFS/101-5"
	poll shows '101-5/exit_stats: No such'
	poll has_names "db mail"
	keys q
	ends_with 0
}

@test "--top: VMs come and go, and KVM goes" {
	named_vms
	live --vms -i 0.2 -s vm
	poll has_names "web db mail"
	keys End
	poll selected_is mail
	rm -r "$DEBUGFS/101-5"
	vm 104-5 nr=4 qemu -name new
	poll has_names "db mail new"
	poll selected_is mail
	rm -r "$DEBUGFS/103-5" "$DEBUGFS/102-5"
	poll has_names "new"
	poll selected_is new
	rm -r "$DEBUGFS/104-5"
	poll shows '^0 VMs'
	keys Enter Down End Home PageDown
	poll asleep
	shows '^0 VMs'
	rm -r "$DEBUGFS"
	ends_with 3
}

@test "--top: 200 VMs scroll with the selection" {
	local n

	named_vms
	for ((n = 200; n < 397; n++)); do
		mkdir -p "$DEBUGFS/$n-5" "$ROOT/proc/$n"
		printf 'qemu\0-name\0g%d\0' "$n" >"$ROOT/proc/$n/cmdline"
		sed "s/^vm .*/vm $n/; s/^pid .*/pid $n/" "$DEBUGFS/101-5/exit_stats" \
			>"$DEBUGFS/$n-5/exit_stats"
	done
	live --vms -i 0.5 -s vm
	poll shows '^200 VMs'
	poll selected_is web
	keys End
	poll selected_is g396
	[[ $(names) == g376*g396 ]]
	keys PageUp
	poll selected_is g375
	keys Home
	poll selected_is web
	[[ $(names) == web*g217 ]]
	mux resize-window -x 100 -y 9
	# Wait, or a key could come before the tool knows the new size.
	poll has_names "web db mail g200 g201 g202"
	keys PageDown PageDown Down
	poll selected_is g210
	keys Enter
	poll shows '^g210: vmx, vm 210-5'
	keys q
	ends_with 0
}

@test "--top: v without debugfs says so, and goes on" {
	named_vms
	rm -r "$DEBUGFS"
	live -i 0.4
	poll shows '^vmx, system'
	keys v
	poll shows '^[^ ]*/sys/kernel/debug/kvm: No such file'
	poll shows '^vmx, system'
	keys q
	ends_with 0
	live --vms -i 0.4
	ends_with 3
}

@test "--top: -o and -s are of the list with --vms, else of the reasons" {
	named_vms
	in_background three_vms
	live --vms -i 0.2 -o VM,NAME,USER%,COUNT -s user%
	poll has_names "mail web db"
	keys Escape
	poll shows 'REASON +COUNT +RATE +SHARE'
	keys q
	ends_with 0
	live -i 0.2 -o REASON,COUNT,AVG -s reason
	poll has_order "CPUID HLT IO_INSTRUCTION"
	shows 'REASON +COUNT +AVG *'$'\n'
	keys v
	poll shows 'VM +NAME +PID'
	keys q
	ends_with 0
	live --vms -o REASON
	ends_with 2
}

@test "--top: names of all lengths and letters" {
	named_vms
	printf 'qemu\0-name\0größe\0' >"$ROOT/proc/101/cmdline"
	# A name that is cut within a letter
	printf 'qemu\0-name\0x%s\0' "$(printf 'ö%.0s' {1..99})" >"$ROOT/proc/102/cmdline"
	width=300
	live LC_ALL=C.UTF-8 --vms -i 0.2 -o VM,NAME,COUNT -s vm
	recent
	# Until there is an interval, the list has the counts since the reset.
	poll shows $'\n +1 größe +0\n'
	shows $'\n +2 x'"$(printf 'ö%.0s' {1..30})"$' +0\n'
	# As wide as the letters, and not as the bytes: "VM", 31 letters, "COUNT"
	same "$(screen | LC_ALL=C.UTF-8 sed -n '4,5s/[^ -~]/o/gp' | awk '{ print length }' | uniq)" 40
	keys q
	ends_with 0
}

@test "--top: names are cut where the line ends, in letters" {
	named_vms
	printf 'qemu\0-name\0%s\0' "$(printf 'ö%.0s' {1..31})" >"$ROOT/proc/101/cmdline"
	width=40
	live LC_ALL=C.UTF-8 --vms -i 0.2 -o VM,NAME,COUNT -s vm
	recent
	# "VM", a blank, 31 letters, a blank, and of COUNT what there is room for
	poll shows $'\n +1 '"$(printf 'ö%.0s' {1..31})"$' +0\n'
	keys q
	ends_with 0
	# Where these bytes are no letters, each takes a cell.
	width=60
	live LC_ALL=C --vms -i 0.2 -o VM,COUNT,NAME -s vm
	recent
	poll shows $'\n +1 +0 \\?{50}'
	shows_not '~'
	keys q
	ends_with 0
}

@test "--top: Backspace, whatever it sends" {
	local key

	named_vms
	live --vms -i 0.2 -s vm
	recent
	poll shows 'v back'
	for key in C-h BSpace; do
		keys Enter
		poll shows 'vm 101-5'
		keys "$key"
		poll shows 'Enter look'
	done
	keys q
	ends_with 0
}

# All reasons, by name
many()
{
	local name

	while [[ -e $STATS ]]; do
		for name in "${VMX[@]}"; do
			exits "$name" cycles=100
		done
		sleep 0.05
	done
}

# The first and the last visible reason
edges_are()
{
	[[ $(order) =~ ^$1(\ .*)?$ && $(order) =~ (^|\ )$2$ ]]
}

@test "--top: Up, Down, PgUp, PgDn, Home and End scroll" {
	in_background many
	live -i 0.3 -s REASON
	poll edges_are CPUID UNKNOWN
	mux resize-window -x 100 -y 9
	poll edges_are CPUID '[^U].*'
	keys End
	poll edges_are '[^C].*' UNKNOWN
	keys Home
	poll edges_are CPUID '[^U].*'
	keys Down
	poll edges_are CR_ACCESS '[^U].*'
	keys Down Down
	poll edges_are EPT_VIOLATION '[^U].*'
	keys Up
	poll edges_are EPT_MISCONFIG '[^U].*'
	keys PageUp
	poll edges_are CPUID '[^U].*'
	keys Up Up
	poll edges_are CPUID '[^U].*'
	keys PageDown PageDown PageDown PageDown PageDown
	poll edges_are '[^C].*' UNKNOWN
	# Not beyond the end
	keys Down Down Down Up
	poll edges_are '[^C].*' TRIPLE_FAULT
	mux resize-window -x 100 -y 30
	poll edges_are CPUID UNKNOWN
	keys q
	ends_with 0
}

@test "--top: becomes small and large again" {
	local size

	in_background guest
	live -i 0.1
	poll has_order "EPT_VIOLATION CPUID HLT"
	for size in '20 5' '100 2' '1 1' '3 40' '20 5' '300 100'; do
		# shellcheck disable=SC2086
		set -- $size
		mux resize-window -x "$1" -y "$2"
		keys Down End PageUp '>' '<' r r
		poll asleep
		[[ ! -e status ]] || {
			echo "ended at $size with status $(<status)"
			screen
			return 1
		}
	done
	mux resize-window -x 100 -y 24
	poll has_order "EPT_VIOLATION CPUID HLT"
	keys q
	ends_with 0
}

@test "--top: starts in a small terminal" {
	in_background guest
	width=7 height=2
	live -i 0.1
	poll shows vmx
	keys q
	ends_with 0
}

@test "--top: keys that mean nothing" {
	live -i 0.1
	poll in_use
	keys x Q Escape F1 Left Right Tab Enter C-l BSpace ä
	poll asleep
	poll shows REASON
	keys q
	ends_with 0
}

@test "--top: signals restore the terminal, and it dies of them" {
	local signal

	for signal in INT TERM HUP QUIT USR1 ALRM; do
		live -i 0.1
		poll in_use
		poll shows REASON
		kill -"$signal" "$PID"
		ends_with $((128 + $(kill -l "$signal"))) || with "SIG$signal"
	done
}

@test "--top: a signal while the interval is long" {
	live -i 3600
	poll in_use
	kill -TERM "$PID"
	ends_with 143
}

@test "--top: Ctrl-C ends it, as any signal" {
	live -i 0.1
	poll in_use
	poll shows REASON
	keys C-c
	ends_with 130
}

@test "--top: Ctrl-Z gives the terminal back until it goes on" {
	export JOBS=1
	live -i 0.1
	poll in_use
	poll shows REASON
	keys C-z
	poll test -e stopped
	same "$(terminal)" 'alternate screen 0, cursor 1'
	# The shell waits for a line, and continues the job.
	keys Enter
	poll in_use
	poll shows REASON
	keys q
	ends_with 0
}

@test "--top: ends when the terminal goes" {
	# LeakSanitizer stops the ending process by SIGSTOP, and waits for that.  The SIGCONT of
	# a hangup discards the SIGSTOP, so it would wait for ever.
	without_leak_check
	live -i 0.1
	poll in_use
	mux kill-server
	poll in_state "$PID" ZX
}

@test "--top: the module is unloaded, the message comes after the terminal is restored" {
	in_background guest
	live -i 0.2
	poll has_order "EPT_VIOLATION CPUID HLT"
	kill "${background[0]}"
	wait "${background[0]}" || :
	rm -r "$STATS"
	ends_with 6
	shows 'kvm_exit_stat: .*kvm_exit_stats'
}

@test "--top: the module is unloaded and loaded anew" {
	named_vms
	live --vms -i 0.2
	poll has_names "web db mail"
	cp -r "$STATS" "$STATS.new"
	mv "$STATS" "$STATS.old"
	mv "$STATS.new" "$STATS"
	rm -r "$STATS.old"
	ends_with 6
	shows 'was unloaded'
}

@test "--top: not there, or a wrong option: the terminal is not touched" {
	rm -r "$STATS"
	live -i 0.2
	ends_with 3
	shows 'kvm_exit_stat: '
	live -i 0
	ends_with 2
	shows 'kvm_exit_stat: '
}

@test "--top: a reset shows in the title of that interval" {
	exits CPUID cycles='5x900'
	live -i 1
	recent
	poll in_use
	poll shows REASON
	poll asleep
	kill -STOP "$PID"
	poll in_state "$PID" T
	reset
	exits HLT cycles=50
	kill -CONT "$PID"
	poll shows $'^[^\n]*reset'
	# The next interval has no reset in its title.
	poll shows_not $'^[^\n]*reset'
	keys q
	ends_with 0
}

@test "--top: no VMs in an interval that a reset has cut" {
	named_vms
	live --vms -i 2
	recent
	poll shows ': 0 exits'
	poll asleep
	kill -STOP "$PID"
	poll in_state "$PID" T
	reset
	kill -CONT "$PID"
	poll shows $'^[^\n]*reset'
	same "$(names)" ""
	poll shows_not $'^[^\n]*reset'
	poll has_names "web db mail"
	keys q
	ends_with 0
}

@test "--top: output that is no terminal, status 8" {
	kes --top
	fails 8 terminal
	same "$output" ""
}

@test "--top: a terminal of an unknown type, status 8" {
	# In this case, ncurses leaks memory, which is no bug of the tool.
	without_leak_check
	live TERM=nonsense -i 0.1
	ends_with 8
	shows 'kvm_exit_stat: .*TERM|terminal'
	live TERM= -i 0.1
	ends_with 8
}

@test "--top: a terminal that cannot move the cursor, status 8" {
	without_leak_check
	need script
	# script prints all that the tool writes to the terminal.
	TERM=dumb run timeout -k 5 "$LIMIT" script -qec "'$TOOL' --sysroot '$ROOT' --top -i 0.1" \
		/dev/null </dev/null
	[[ $status -eq 8 && $output == *'kvm_exit_stat: '*TERM=dumb* && $output != *$'\e'* ]] || {
		show_run
		return 1
	}
}
