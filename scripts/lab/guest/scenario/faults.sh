# shellcheck shell=sh
# boot: limit=3000
# For each operation that involves the statistics, let each of its allocations fail, first one at a
# time, then all from that one on.  The operation may return an error, but must do no other harm
# and leave nothing behind.  If only allocations of the statistics fail, KVM must work.
. /lib/l1.sh
cd "$HOME" || exit
DEBUG=/sys/kernel/debug
MODULE=/lib/modules/$(vendor).ko

# Let allocations of any size fail, without a message for each, and also those that may sleep.
for dir in "$DEBUG/failslab" "$DEBUG/fail_page_alloc"; do
	echo 0 >"$dir/verbose"
	echo N >"$dir/ignore-gfp-wait"
done
echo N >"$DEBUG/fail_page_alloc/ignore-gfp-highmem"
echo 0 >"$DEBUG/fail_page_alloc/min-order"
echo Y >"$DEBUG/fail_page_alloc/task-filter"
echo 100 >"$DEBUG/fail_page_alloc/probability"
# vmalloc() warns of its failures, with a call trace: keep that off the console, as boot.sh would
# take it for a bad line.
echo 4 >/proc/sys/kernel/printk

dmesg -c >/dev/null
# Whether the kernel log since the last call has no bad line, much as scripts/lab/bad-console has
# it, but without call traces.  Two failures do not count: kmemleak, which then scans more
# than needed, unless it switches itself off, and the static keys of a module, of each of which
# the kernel warns in jump_label.c, as these are not KVM's.
bad_lines()
{
	log_lines >log
	dmesg -c >/dev/null
	! grep -vE 'WARNING: .* at kernel/jump_label.c:' log |
		grep -nE 'BUG|WARNING|KASAN|UBSAN|Oops|INFO:|ODEBUG|general protection|unable to handle|unreferenced|kmemleak: .*disabled'
}

# only_below [FUNCTION]: let allocations fail only if this function of kvm.ko is in the call
# trace; without FUNCTION, all again
only_below()
{
	range="0 0xffffffffffffffff"
	[ $# = 0 ] || range=$(sort /proc/kallsyms | awk -v name="$1" '
		start && $1 != start { print "0x" start, "0x" $1; exit }
		$3 == name && $4 == "[kvm]" { start = $1 }')
	for dir in "$DEBUG/failslab" "$DEBUG/fail_page_alloc"; do
		echo "${range% *}" >"$dir/require-start"
		echo "${range#* }" >"$dir/require-end"
	done
}

# without_rows TYPE TIMES: run a guest while the first TIMES allocations of rows fail, -1 for all
without_rows()
{
	echo 1 >"$STATS/reset"
	echo 1 >/sys/kernel/slab/kvm_exit_stat/failslab
	echo Y >"$DEBUG/failslab/cache-filter"
	echo "$2" >"$DEBUG/failslab/times"
	echo 100 >"$DEBUG/failslab/probability"
	exits=$(exit_loop "$1" 100 1 | cut -d ' ' -f 3)
	echo 0 >"$DEBUG/failslab/probability"
	echo N >"$DEBUG/failslab/cache-filter"

	what="$1, $2 times no memory for a row"
	dropped=$(cat "$STATS/dropped")
	recorded=$(cat "$STATS/total_exits")
	check "$what: the guest comes to its end" [ "${exits:-0}" -ge 400 ]
	check "$what: $recorded recorded + $dropped dropped = KVM's own exits $exits" \
		[ $((recorded + dropped)) = "$exits" ]
	check "$what: some are dropped" [ "$dropped" -gt 0 ]
	check "$what: some are recorded, if memory comes" \
		[ "$2" = -1 -a "$recorded" = 0 -o "$2" != -1 -a "$recorded" -gt 0 ]
	check "$what: the table tells" [ "$(tail -n 1 "$TABLE")" = "dropped $dropped" ]
	dmesg -c >/dev/null
	echo 1 >"$STATS/dump"
	check "$what: a summary tells" \
		sh -c "dmesg | grep -q ': $dropped more exits were dropped for want of memory'"
}

# Run a guest with a few exits, and test some of "What is exact" in exit-stats.rst.
laws()
{
	echo 1 >"$STATS/reset"
	exits=$(exit_loop cpuid 100 1 | cut -d ' ' -f 3)
	[ "$(cat "$STATS/dropped")" = 0 ] && [ "$(cat "$STATS/total_exits")" = "$exits" ] && [ "$(sum_of count)" = "$exits" ] &&
		[ "$exits" -ge 400 ] && [ "$(sum_of cycles_total)" = "$(cat "$STATS/total_cycles")" ]
}

# faults NAME FAIL_NTH'S-ARGUMENT...
faults()
{
	what=$1
	shift
	check "$what: failures are errors, and pass" timeout 1200 fail_nth "$@"
	check "$what: nothing bad in the log" bad_lines
	read -r up _ </proc/uptime
	echo "# at $up s"
}

load_kvm /lib/modules exit_stats_interval=0
echo 1 >"$STATS/keys"
for pages in "" -p; do
	# shellcheck disable=SC2086  # none is no word
	faults "vCPU $pages" $pages vcpu
	check "vCPU $pages: the laws hold after all" laws

	for file in system vm vcpu; do
		# shellcheck disable=SC2086
		faults "open $file $pages" $pages open $file
	done
done

case $(vendor) in
kvm-amd)
	reason=cpuid
	;;
*)
	reason=CPUID
	;;
esac
find "$STATS" -maxdepth 1 -type f -perm -400 >files
find "$STATS/reasons/$reason" "$STATS/reasons/UNKNOWN" -type f >>files
while read -r file; do
	faults "read ${file#"$STATS"/}" read "$file"
done <files

faults "enabled 0" write "$STATS/enabled" 0 1
faults "enabled 1" write "$STATS/enabled" 1 0
echo 1 >"$STATS/enabled"
faults "interval" write "$STATS/interval" 77 0
echo 0 >"$STATS/interval"
faults "reset" write "$STATS/reset" 1
faults "dump" write "$STATS/dump" 1
check "the laws hold after all" laws

for type in cpuid msr hlt io mmio ept; do
	without_rows $type 1
	without_rows $type -1
done
check "nothing bad in the log" bad_lines
check "the laws hold after all" laws

rmmod "$(vendor)"
# Loading takes some thousand allocations, most of them for the directories of reasons, each with
# the same ones.  Let only each STEP-th of them fail.  STEP is a prime, so that not always the same
# allocation of a directory fails.
faults "load" -s 211 load "$MODULE"
check "load: no directory is left" [ ! -e "$STATS" ]
check "load: no table is left" [ ! -e "$TABLE" ]
faults "load without pages" -p -s 61 load "$MODULE"
check "load without pages: no directory is left" [ ! -e "$STATS" ]
only_below kvm_exit_stats_init
faults "load, the statistics without memory" -d -s 211 load "$MODULE"
faults "load, the statistics without pages" -d -p -s 7 load "$MODULE"
only_below
check "load, the statistics without memory: no directory is left" [ ! -e "$STATS" ]
insmod "$MODULE"
check "load: the laws hold after all" laws

# kmemleak reports only objects that are older than 5 s, and did not change since the scan before:
# wait, and scan twice.
sleep 10
echo scan >"$DEBUG/kmemleak"
sleep 6
echo scan >"$DEBUG/kmemleak"
cat "$DEBUG/kmemleak" >leaks
check "the search for leaks is on" sh -c "! dmesg | grep -q 'kmemleak.*disabled'"
check "nothing leaked that has to do with exit statistics" \
	sh -c '! grep -qE "exit_stats|alloc_table" leaks'
echo "# leaks: $(grep -c unreferenced leaks || :)"
cat leaks
