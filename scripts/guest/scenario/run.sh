# shellcheck shell=sh
# The main job: a real Linux guest, and what its exits cost.
. /lib/l1.sh

load_kvm
guest

ours=$(cat "$STATS/total_exits")
kvm=$(kvm_exits)
sum=$(sum_of count)
summaries=$(log_lines | grep -c '^kvm_exit_stats: summary at')
interval=$(cat "$STATS/interval")

echo "--- guest"
tr -d '\r' </tmp/guest.log
echo "--- count"
echo "$summaries"
echo "--- summary"
log_lines | grep '^kvm_exit_stats: ' |
	awk '/: summary at/ { last = "" } { last = last $0 "\n" } END { printf "%s", last }'
echo "--- exits"
check "sum of counts $sum = total_exits $ours = KVM's own exits $kvm" \
	[ "$sum $ours" = "$ours $kvm" ]
check "$summaries summaries = $ours exits / $interval" \
	[ "$summaries" = $((ours / interval)) ]
echo "--- tool"
dearest=$(kvm_exit_stat --raw -o REASON | sed -n 2p)
for command in "kvm_exit_stat --hist $dearest" "kvm_exit_stat --tax" kvm_exit_stat; do
	printf '\n# %s\n' "$command"
	$command
done
echo "--- dmesg"
dmesg
