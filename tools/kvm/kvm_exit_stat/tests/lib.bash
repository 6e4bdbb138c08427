# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Helpers of the tests of kvm_exit_stat.
#
# No KVM is needed: directories like /sys/kernel/kvm_exit_stats and
# /sys/kernel/debug/kvm are made from single exits that a test lists, and --sysroot
# points there.  What the kernel would derive from the exits (sums, minima, histograms) is
# computed here, independently of the tool.
#
# KVM_EXIT_STAT is the program under test, kvm_exit_stat from PATH by default.

# Variables of this file are used by the tests, and bats sets others.
# shellcheck disable=SC2034,SC2154

bats_require_minimum_version 1.5.0

# Seconds until a poll gives up; reached only if something is wrong.
declare -g LIMIT=30

prepare()
{
	export LC_ALL=C
	unset COLUMNS

	TOOL=$(command -v "${KVM_EXIT_STAT:-kvm_exit_stat}") || {
		echo "no program ${KVM_EXIT_STAT:-kvm_exit_stat}: set KVM_EXIT_STAT" >&2
		return 1
	}
	TOOL=$(realpath "$TOOL")

	# Many small files for each test: a file system in memory is faster.
	DIR=$(mktemp -d -p /dev/shm kvm_exit_stat.XXXXXX 2>/dev/null) || DIR=$BATS_TEST_TMPDIR
	ROOT=$DIR/root
	STATS=$ROOT/sys/kernel/kvm_exit_stats
	DEBUGFS=$ROOT/sys/kernel/debug/kvm
	background=() wrong=()
	# A FIFO that never has data: a read with a timeout sleeps, but starts no process.
	exec {never}<> <(:)
	cd "$DIR" || return 1
}

# Ends what a failed test left running, and removes the files of the test.  Fails if with()
# has noted a failure in a loop.
cleanup()
{
	local child

	for child in "${background[@]}"; do
		kill -KILL "$child" 2>/dev/null || :
		wait "$child" 2>/dev/null || :
	done
	cd / && rm -rf "$DIR"

	((${#wrong[@]} == 0)) || {
		printf 'failed with: %s\n' "${wrong[@]}"
		return 1
	}
}

# Defaults, for files of tests that do not define their own
setup()
{
	prepare
	sample
}

teardown()
{
	cleanup
}

#
# The tree
#

# Some of the kernel's names.  Each test has reasons among these that never occur.
declare -ga VMX=(
	EXCEPTION_NMI EXTERNAL_INTERRUPT TRIPLE_FAULT INTERRUPT_WINDOW CPUID HLT
	IO_INSTRUCTION MSR_READ MSR_WRITE CR_ACCESS EPT_VIOLATION EPT_MISCONFIG
	PREEMPTION_TIMER UNKNOWN
)
declare -ga SVM=(cpuid hlt npf msr io write_cr4 PF_excp UNKNOWN)

# The codes of some of them.  UNKNOWN has the code of the last exit without a name.
declare -gA CODES=(
	[EXTERNAL_INTERRUPT]=1 [TRIPLE_FAULT]=2 [INTERRUPT_WINDOW]=7 [CPUID]=10 [HLT]=12
	[IO_INSTRUCTION]=30 [MSR_READ]=31 [MSR_WRITE]=32 [CR_ACCESS]=28 [EPT_VIOLATION]=48
	[EPT_MISCONFIG]=49 [PREEMPTION_TIMER]=52 [UNKNOWN]=77
	[cpuid]=114 [hlt]=120 [npf]=1024 [msr]=124 [io]=123 [write_cr4]=20 [PF_excp]=78
)

# The functions make_*() do the work of tree(), exits(), reset() and vm() below.
make_tree()
{
	local name

	declare -gA number=() lengths=() heads=() takers=() extras=()
	declare -ga names
	case $1 in
	vmx) names=("${VMX[@]}") ;;
	svm) names=("${SVM[@]}") ;;
	esac

	rm -rf "$ROOT"
	mkdir -p "${names[@]/#/$STATS/reasons/}" "$DEBUGFS"
	put "$STATS/isa" "$1"
	put "$STATS/tsc_khz" "$2"
	put "$STATS/enabled" 1
	put "$STATS/interval" 500
	put "$STATS/clock_warps" 0
	put "$STATS/dropped" 0
	for name in "${names[@]}"; do
		put "$STATS/reasons/$name/reason" "${CODES[$name]-0}"
		show_reason "$name"
	done
	show_totals
}

# put FILE TEXT: write the text and a newline, in place unless the text becomes shorter, so
# that a reader never sees an empty file.  Only a reset, or a test of errors, writes less.
put()
{
	if ((${#2} >= ${lengths[$1]-0})); then
		printf '%s\n' "$2" 1<>"$1"
	else
		printf '%s\n' "$2" >"$1"
	fi
	lengths[$1]=${#2}
}

make_exits()
{
	local name=$1 in='' cycles='' away='' part
	local user=0 blocked=0 polled=0 preempted=0 user_exits=0 guest=0 returns=''
	local scope vm vcpu

	shift
	local "$@"
	for scope in system ${in:+"${in%/*}" "$in"}; do
		add_times "$scope $name cycles" "$cycles"
		add_times "$scope $name away" "$away"
		for part in "${PARTS[@]}"; do
			add "$scope $name $part" "${!part}"
		done
		add_returns "$scope $name returns" "$returns"
	done
	show_reason "$name"
	show_totals
	if [[ $in ]]; then
		put_tables "$in"
	fi
}

# put_tables PID-FD/VCPU: write the tables of the VM and of the vCPU
put_tables()
{
	local vm=$DEBUGFS/${1%/*} vcpu=$DEBUGFS/${1%/*}/vcpu${1#*/}

	[[ -d $vcpu ]] || mkdir -p "$vcpu"
	put "$vm/exit_stats" "$(table "${1%/*}")"
	put "$vcpu/exit_stats" "$(table "$1")"
}

make_reset()
{
	local name table

	number=()
	for name in "${names[@]}"; do
		show_reason "$name"
	done
	show_totals
	for table in "$DEBUGFS"/*/exit_stats "$DEBUGFS"/*/vcpu*/exit_stats; do
		[[ -e $table ]] || continue
		name=${table#"$DEBUGFS/"}
		name=${name%/exit_stats}
		put "$table" "$(table "${name/vcpu/}")"
	done
}

make_vm()
{
	local vm=$1 nr=0 pid=${1%-*} command=qemu-system-x86 cgroup=- created=0 vcpus=1
	local cpu head

	shift
	while [[ ${1-} = [a-z]*=* && $1 != -* ]]; do
		local "$1"
		shift
	done
	head="vm $nr"$'\n'"pid $pid"$'\n'"command $command"$'\n'"cgroup $cgroup"$'\n'
	head+="created_ns $created"$'\n'
	# Write the name before the table by which the tool finds the VM.
	if (($#)); then
		mkdir -p "$ROOT/proc/$pid"
		printf '%s\0' "$@" >"$ROOT/proc/$pid/cmdline"
	fi
	heads[$vm]=$head"vcpus $vcpus"
	for ((cpu = 0; cpu < vcpus; cpu++)); do
		heads[$vm/$cpu]=$head"vcpu $cpu"
		put_tables "$vm/$cpu"
	done
}

add()
{
	number[$1]=$((${number[$1]-0} + $2))
}

add_times()
{
	local key=$1 n time bucket

	for time in $2; do
		n=1
		[[ $time != *x* ]] || n=${time%x*} time=${time#*x}
		# The bucket of a time is the number of its bits.
		for ((bucket = 0; time >> bucket && bucket < 31; bucket++)); do :; done
		add "$key $bucket" "$n"
		add "$key n" "$n"
		add "$key total" $((n * time))
		if ((time < ${number[$key min]-$time + 1})); then
			number[$key min]=$time
		fi
		if ((time > ${number[$key max]-0})); then
			number[$key max]=$time
		fi
	done
}

# add_returns KEY N:COUNT:CYCLES...
add_returns()
{
	local item n count

	for item in $2; do
		n=${item%%:*} count=${item#*:}
		[[ " ${number[$1]-} " = *" $n "* ]] || number[$1]+=" $n"
		add "$1 $n count" "${count%:*}"
		add "$1 $n cycles" "${count#*:}"
	done
}

# average KEY -> avg
average()
{
	local n=${number[$1 n]-0}

	avg=0
	((n == 0)) || avg=$((${number[$1 total]} / n))
}

# What exits() takes beside times, in the order of a line
declare -ga PARTS=(user blocked polled preempted user_exits guest)

# The columns of a line
declare -ga FIELDS=(
	count cycles_total cycles_min cycles_avg cycles_max
	away_total away_min away_avg away_max away_user away_blocked away_polled away_preempted
	user_exits guest_cycles cycles_hist away_hist user_reasons
)

# line_of SCOPE REASON -> line
line_of()
{
	local kind part avg hist bucket n

	printf -v line ' %14s' "${number[$1 $2 cycles n]-0}"
	for kind in cycles away; do
		average "$1 $2 $kind"
		printf -v line '%s %14s %14s %14s %14s' "$line" "${number[$1 $2 $kind total]-0}" \
			"${number[$1 $2 $kind min]-0}" "$avg" "${number[$1 $2 $kind max]-0}"
	done
	for part in "${PARTS[@]}"; do
		printf -v line '%s %14s' "$line" "${number[$1 $2 $part]-0}"
	done
	for kind in cycles away; do
		hist=
		if [[ ${number[$1 $2 $kind n]-} ]]; then
			for bucket in {0..31}; do
				((${number[$1 $2 $kind $bucket]-0} == 0)) ||
					hist+=",$bucket:${number[$1 $2 $kind $bucket]}"
			done
		fi
		hist=${hist#,}
		line+="  ${hist:--}"
	done
	hist=
	for n in ${number[$1 $2 returns]-}; do
		hist+=",$n:${number[$1 $2 returns $n count]}:${number[$1 $2 returns $n cycles]}"
	done
	hist=${hist#,}
	line+="  ${hist:--}"
}

show_reason()
{
	local line

	line_of system "$1"
	put "$STATS/reasons/$1/stat" "$line"
}

# Write the totals after the reasons: to a reader, no total may exceed the sum of them.
show_totals()
{
	local name count=0 cycles=0 guest=0

	for name in "${names[@]}"; do
		((count += ${number[system $name cycles n]-0})) || :
		((cycles += ${number[system $name cycles total]-0})) || :
		((guest += ${number[system $name guest]-0})) || :
	done
	put "$STATS/guest_cycles" "$guest"
	put "$STATS/total_cycles" "$cycles"
	put "$STATS/total_exits" "$count"
}

# table SCOPE: as in debugfs
table()
{
	local scope=$1 name kind field bucket life=0 key value

	for name in "${names[@]}"; do
		for kind in cycles away; do
			for field in n total {0..31}; do
				key="$kind $field"
				value=${number[$scope $name $key]-0}
				((value == 0)) || add "$scope TOTAL $key" "$value"
			done
			((${number[$scope $name $kind n]-0})) || continue
			key="$scope TOTAL $kind min" value=${number[$scope $name $kind min]}
			((${number[$key]-$value} < value)) || number[$key]=$value
			key="$scope TOTAL $kind max" value=${number[$scope $name $kind max]}
			((${number[$key]-$value} > value)) || number[$key]=$value
		done
		for field in "${PARTS[@]}"; do
			add "$scope TOTAL $field" "${number[$scope $name $field]-0}"
		done
	done
	life=$((${number[$scope TOTAL guest]} + ${number[$scope TOTAL away total]-0}))

	[[ ! ${heads[$scope]-} ]] || printf '%s\n' "${heads[$scope]}"
	printf '%-26s %11s' reason tax_percent
	printf ' %14s' "${FIELDS[@]}"
	printf '\n'
	for name in "${names[@]}" TOTAL; do
		if [[ $name = TOTAL ]] || ((${number[$scope $name cycles n]-0})); then
			row "$scope" "$name" "$life"
		fi
	done
	printf '%s' "${extras[$scope]-}"
	[[ ! ${takers[$scope]-} ]] || printf 'preempted_by %s\n' "${takers[$scope]}"
	printf 'dropped 0\n'
}

row()
{
	local line tax=0

	(($3 == 0)) || tax=$((${number[$1 $2 away total]-0} * 10000 / $3))
	line_of "$1" "$2"
	printf '%-26s %8d.%02d%s\n' "$2" $((tax / 100)) $((tax % 100)) "$line"
}

# bats traces each command of a test, which makes the functions above 30 times as
# slow.  So the functions below switch tracing off before they call them.

# tree ISA TSC_KHZ: statistics in which nothing has occurred yet
tree()
{
	local -
	set +T
	make_tree "$@"
}

# exits REASON [in=PID-FD/VCPU] [cycles=TIMES] [away=TIMES] [user=N] [blocked=N]
# [polled=N] [preempted=N] [user_exits=N] [guest=N] [returns=RETURNS]: add exits to the
# system and, with in=, to a VM and a vCPU.  TIMES are cycles, each "T" or "NxT", e.g.
# "300 2x700".  There can be fewer times in away= than in cycles=, for exits that are not
# over.  RETURNS of KVM_RUN are each "N:COUNT:CYCLES".
exits()
{
	local -
	set +T
	make_exits "$@"
}

# vm PID-FD [nr=N] [pid=PID] [command=COMM] [cgroup=PATH] [created=NS] [vcpus=N]
# [WORD...]: a VM with a head, which exits() then adds to.  The words are the command
# line of its process.
vm()
{
	local -
	set +T
	make_vm "$@"
}

# preempted_by PID-FD[/VCPU] LINE: who got the CPU: pid, command, count, error, cycles, max
preempted_by()
{
	local -
	set +T
	takers[$1]=$2
	put "$DEBUGFS/${1/\//\/vcpu}/exit_stats" "$(table "$1")"
}

# newer: make the tree that of a kernel that has keys, the worst and slow exits, and L2
newer()
{
	local -
	set +T
	local name file line

	put "$STATS/keys" 1
	put "$STATS/slow_us" 0
	for name in "${names[@]}"; do
		: >"$STATS/reasons/$name/keys"
		line_of none "$name"
		put "$STATS/reasons/$name/nested" "$line"
		put "$STATS/reasons/$name/reflected" "$line"
		for file in {cycles,away}_{worst,late}; do
			echo cycles=0 >"$STATS/reasons/$name/$file"
		done
	done
	: >"$ROOT/sys/kernel/debug/kvm_exit_stats_slow"
}

# extra SCOPE LINE...: add lines to the table of "system", PID-FD or PID-FD/VCPU
extra()
{
	local -
	set +T
	local scope=$1 lines

	shift
	printf -v lines '%s\n' "$@"
	extras[$scope]+=$lines
	[[ $scope = system ]] || put "$DEBUGFS/${scope/\//\/vcpu}/exit_stats" "$(table "$scope")"
}

# keys REASON LINE...: write the keys in sysfs; a line is KEY COUNT ERROR CYCLES LONGEST
keys()
{
	local -
	set +T
	local file=$STATS/reasons/$1/keys

	shift
	printf '%s\n' "$@" >"$file"
}

# nested REASON nested|reflected [in=PID-FD/VCPU] [cycles=TIMES] [away=TIMES]: add exits of L2,
# or those of them that L1 got.  A test must add the same exits by exits(), too.
nested()
{
	local -
	set +T
	local name=$1 what=$2 in='' cycles='' away='' scope line

	shift 2
	local "$@"
	for scope in system ${in:+"${in%/*}" "$in"}; do
		add_times "$what-$scope $name cycles" "$cycles"
		add_times "$what-$scope $name away" "$away"
		line_of "$what-$scope" "$name"
		[[ $scope = system ]] || extra "$scope" "$what $name 0.00$line"
	done
	line_of "$what-system" "$name"
	put "$STATS/reasons/$name/$what" "$line"
}

# put_stat REASON COLUMN=TEXT...: change columns of a reason in sysfs
put_stat()
{
	local -
	set +T
	local file=$STATS/reasons/$1/stat pair i line=''
	local -a values

	shift
	read -ra values <"$file"
	for pair; do
		for i in "${!FIELDS[@]}"; do
			[[ ${FIELDS[i]} != "${pair%%=*}" ]] || values[i]=${pair#*=}
		done
	done
	printf -v line ' %14s' "${values[@]}"
	put "$file" "$line"
}

# What a write to the file "reset" does
reset()
{
	local -
	set +T
	make_reset
}

# The data of most tests.  For round percentages, TOTAL of all reasons is 10000, and
# guest_cycles and AWAY of all reasons add up to 200000.  A cycle is a nanosecond.
sample()
{
	tree vmx 1000000
	exits CPUID cycles='300 400 500 700' away='1000 1200 1300 1500' guest=100000
	exits EPT_VIOLATION cycles='2x1000 3000' away='2000 4000 8000' \
		user=5000 preempted=1000 user_exits=2 guest=50000
	exits IO_INSTRUCTION cycles=3000 away=21000 user=16000 user_exits=1
	# The second exit has no away time: its vCPU is still halted.
	exits HLT cycles='40 60' away=10000 blocked=9500 polled=400
	# The first exit of another vCPU, which has not entered the guest again
	exits MSR_WRITE cycles=0
}

#
# Runs
#

# kes ARG...: run the tool on the tree -> status, output, stderr
kes()
{
	files --sysroot "$ROOT" "$@"
}

# files ARG...: run the tool on files of record
files()
{
	run --separate-stderr timeout -k 5 "$LIMIT" "$TOOL" "$@"
}

# no_space ARG...: run the tool on the tree, where no file may grow -> status, and
# stderr, with all output
no_space()
{
	space 0 "$@"
}

# space KIB ARG...: the same where a file may have so many KiB
space()
{
	local kib=$1

	shift
	# Ignore SIGXFSZ, so that a write fails with an error in place of the signal.
	# shellcheck disable=SC2016
	run timeout -k 5 "$LIMIT" bash -c 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@" 2>&1' - \
		"$kib" "$TOOL" --sysroot "$ROOT" "$@"
	stderr=$output
}

# from FILE -> output
from()
{
	output=$(<"$1")
}

show_run()
{
	printf '%s: status %s\nstdout: %s\nstderr: %s\n' "$BATS_RUN_COMMAND" "$status" \
		"${output:0:3000}" "${stderr:0:3000}"
}

# ok [ARG...]: status 0 and no message
ok()
{
	if [[ $status -ne 0 || $stderr ]]; then
		show_run
		return 1
	fi
}

# fails STATUS [REGEX...]: that status (a glob), and a message that has them all
fails()
{
	local want=$1 line regex

	# shellcheck disable=SC2053
	if [[ $status != $want ]]; then
		show_run
		echo "status is not $want"
		return 1
	fi
	shift
	for regex in '^kvm_exit_stat: ' "$@"; do
		if [[ ! $stderr =~ $regex ]]; then
			show_run
			echo "no message like '$regex'"
			return 1
		fi
	done
	while read -r line; do
		[[ $line = 'kvm_exit_stat: '* ]] || {
			show_run
			echo "a line of the message has no name in front"
			return 1
		}
	done <<<"$stderr"
}

# same ACTUAL EXPECTED
same()
{
	if [[ $1 != "$2" ]]; then
		[[ ! ${BATS_RUN_COMMAND-} ]] || show_run
		diff <(printf '%s\n' "$2") <(printf '%s\n' "$1") | sed 's/^</expected: /; s/^>/got:      /'
		return 1
	fi
}

# jq_is FILTER JSON: what the filter makes of the output.  Numbers are compared as
# such, the order of keys does not matter.
jq_is()
{
	# jq 1.7 prints a number as it was written until something is added to it.
	local got numbers='walk(if type == "number" then . + 0 else . end)'

	got=$(jq -Scs "$1 | $numbers" <<<"$output") || {
		show_run
		return 1
	}
	same "$got" "$(jq -Scn "$2 | $numbers")"
}

# squeeze: runs of blanks become one, those around a line none
squeeze()
{
	sed 's/  */ /g; s/^ //; s/ $//'
}

# body: the table of the output without its title
body()
{
	sed 1,2d <<<"$output" | squeeze
}

# first_column: the reasons, in the order of the output, in one line
first_column()
{
	body | awk 'NR > 1 { printf "%s%s", n++ ? " " : "", $1 }'
}

# quantile PERMILLE MIN MAX BUCKET:COUNT...: by the definition, in integers, i.e.
# rounded down.  MIN is "" if the extremes are not known.
quantile()
{
	local permille=$1 min=$2 max=$3 pair n=0 before=0 bucket count low value

	shift 3
	for pair in "$@"; do
		n=$((n + ${pair#*:}))
	done
	for pair in "$@"; do
		bucket=${pair%:*} count=${pair#*:}
		(((before + count) * 1000 < n * permille)) || break
		before=$((before + count))
	done
	case $bucket in
	0) value=0 ;;
	31) value=${max:-$((1 << 30))} ;;
	*)
		low=$((1 << (bucket - 1)))
		value=$((low + low * (n * permille - before * 1000) / (count * 1000)))
		;;
	esac
	if [[ $min ]]; then
		((value >= min)) || value=$min
		((value <= max)) || value=$max
	fi
	echo "$value"
}

# with WHAT: after a failure in a loop, note WHAT and go on; cleanup() fails the test
with()
{
	echo "^ with $*"
	wrong+=("$*")
}

need()
{
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

#
# Runs in the background
#

# poll COMMAND...: repeat the command until it succeeds.  Do not sleep by a new process,
# which can take as long as an interval of a test on a busy machine.
poll()
{
	local - end=$((SECONDS + LIMIT))

	set +T
	until "$@"; do
		if ((SECONDS > end)); then
			echo "not so after $LIMIT seconds: $*"
			[[ ! -e $DIR/err ]] || sed 's/^/stderr: /' "$DIR/err"
			return 1
		fi
		read -rt 0.01 -u "$never" || :
	done
}

# The process that was started last, in the background, is what a test is about -> PID
begun()
{
	PID=$!
	background+=("$PID")
}

# start ARG...: the tool on the tree in the background -> PID; output to files out
# and err.  Without env, bash would have the tool ignore SIGINT.
start()
{
	: >"$DIR/out"
	env --default-signal=INT,QUIT "$TOOL" --sysroot "$ROOT" "$@" \
		>"$DIR/out" 2>"$DIR/err" </dev/null 3>&- &
	begun
}

# in_state PID STATES: letters as in ps
in_state()
{
	local line

	read -r line 2>/dev/null <"/proc/$1/stat" || line=') X'
	line=${line##*) }
	[[ $2 == *"${line:0:1}"* ]]
}

# Whether the tool is between two reads, the only place where it sleeps
asleep()
{
	in_state "$PID" SX
}

# has_tables N: that many tables were printed
has_tables()
{
	local line n=0

	while read -r line; do
		[[ $line != REASON* && $line != TIME* && $line != '{"schema"'* ]] || n=$((n + 1))
	done <"$DIR/out"
	((n >= $1))
}

# freeze [N]: stop the tool between two reads, after it printed N tables.  What the
# test does then falls into the interval that follows.
freeze()
{
	poll has_tables "${1:-0}"
	poll asleep
	kill -STOP "$PID"
	poll in_state "$PID" TX
}

thaw()
{
	kill -CONT "$PID"
}

# finish: wait for its end -> status, output, stderr, as after kes
finish()
{
	poll in_state "$PID" ZX
	status=0
	wait "$PID" || status=$?
	output=$(<"$DIR/out")
	stderr=$(<"$DIR/err")
	BATS_RUN_COMMAND="kvm_exit_stat in the background"
}
