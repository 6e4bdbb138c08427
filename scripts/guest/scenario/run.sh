# shellcheck shell=sh
# The main job: a real Linux guest, and what its exits cost.
. /lib/l1.sh

load_kvm
guest

echo "--- guest"
tr -d '\r' </tmp/guest.log
echo "--- exits"
check_exits
echo "--- count"
count_summaries
echo "--- summary"
log_lines | grep '^kvm_exit_stats: ' |
	awk '/: summary at/ { last = "" } { last = last $0 "\n" } END { printf "%s", last }'
echo "--- tool"
dearest=$(kvm_exit_stat --raw -o REASON | sed -n 2p)
for command in "kvm_exit_stat --hist $dearest" "kvm_exit_stat --tax" kvm_exit_stat; do
	printf '\n# %s\n' "$command"
	$command
done
echo "--- dmesg"
dmesg
