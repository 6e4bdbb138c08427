# shellcheck shell=sh
# The main job: a real Linux guest, and what its exits cost.
. /lib/l1.sh

load_kvm
echo 1 >"$STATS/keys"
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
expensive=$(kvm_exit_stat --raw -o REASON | sed -n 2p)
for command in "kvm_exit_stat --hist $expensive" "kvm_exit_stat --tax" kvm_exit_stat \
	"kvm_exit_stat --user" "kvm_exit_stat --vms"; do
	printf '\n# %s\n' "$command"
	$command
done
kill "$(cat /tmp/guest.pid)"
sleep 1
for command in "kvm_exit_stat --dead" "kvm_exit_stat --worst $expensive" \
	"kvm_exit_stat --keys $expensive"; do
	printf '\n# %s\n' "$command"
	$command
done
echo "--- vms"
check "the guest that is gone is known by its name" \
	[ "$(kvm_exit_stat --dead --raw -o VM,NAME | tail -n 1)" = "1 web-7" ]
echo "--- dmesg"
dmesg
