# shellcheck shell=sh
# A summary on request, through the module printcount and through sysfs.
. /lib/l1.sh

cd "$HOME" || exit
mkdir with without
cp /bin/printcount.sh /lib/modules/printcount/printcount.ko with/
cp /bin/printcount.sh without/

# fails_with TEXT COMMAND...: whether the command fails, with TEXT on stderr or in the kernel log
fails_with()
{
	text=$1
	shift
	! "$@" >out 2>err && { cat err && log_lines; } | grep -qF "$text"
}

# Whether a file is one summary and nothing else, and its counts add up to the total of its first
# line and to total_exits
is_summary()
{
	cat "$1"
	awk -v exits="$(cat "$STATS/total_exits")" '
		NR == 1 { total = $3; good = $1 " " $2 == "summary at"; next }
		{ good = good && $2 == "exits"; sum += $3 }
		END { exit !(good && total == exits && sum == exits) }' "$1"
}

not_loaded()
{
	! grep -q '^printcount ' /proc/modules
}

check "without KVM, the module says so" \
	fails_with "printcount: there is no $STATS/dump: KVM is not loaded" with/printcount.sh
check "without KVM, the file is missed" fails_with "there is no $STATS/dump" without/printcount.sh

load_kvm /lib/modules exit_stats_interval=0
exit_loop cpuid 1000 1 >/dev/null
for way in with without; do
	"$way/printcount.sh" >$way/out
	check "a summary, $way the module" is_summary $way/out
	check "it was printed once, $way the module" \
		[ "$(count_summaries)" = $((summaries += 1)) ]
done
check "the module does not stay" not_loaded

echo 1 >"$STATS/reset"
with/printcount.sh >out
check "nothing is left to print after a reset" value_is out \
	"summary at 0 exits ($(cat "$STATS/isa")): 0 cycles in handling"

rmmod "$(vendor)"
check "without the vendor module, the module says so" \
	fails_with "printcount: there is no $STATS/dump: KVM is not loaded" with/printcount.sh
check "it does not keep KVM from being unloaded" rmmod kvm
