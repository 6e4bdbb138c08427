# shellcheck shell=sh
# boot: memory=512
# Run the second part of the recipe of make submission, i.e. that after the reboot, with another
# value of the variable "guest".
. /lib/l1.sh
cd "$HOME" || exit

# On a real host, udev does this.
load_kvm

sed -e '1,/^## look$/d' -e 's|^guest=.*|guest=/guest/bzImage|' /lib/recipe.sh >look
sh -eux ./look >said 2>&1 && rc=0 || rc=$?
cat said
echo
check "all commands of the recipe succeed" [ "$rc" = 0 ]
check "the guest came to its end" grep -q "Kernel panic - not syncing: " guest.log

# number COMMAND: print the first line of output of that command of the recipe
number()
{
	awk -v command="+ $1" '$0 == command { getline; print }' said
}
exits=$(number "cat total_exits total_cycles")
check "there were $exits exits, i.e. more than one summary has" [ "$exits" -gt 1000 ]
check "a summary is printed each 500" [ "$(number "cat /sys/kernel/kvm_exit_stats/interval")" = 500 ]
check "there are $((exits / 500)) summaries, folded ones included, and the one on request" \
	[ $(($(count_summaries) + $(count_folded))) = $((exits / 500 + 1)) ]
check "the one on request has all exits" sh -c \
	"dmesg | grep 'kvm_exit_stats: summary at ' | tail -n 1 | grep -q 'at $exits exits (svm)'"
check "the counts of the reasons are shown" grep -q '^reasons/npf/count:[1-9]' said
check "the averages are shown" grep -q '^reasons/npf/cycles_avg:[1-9]' said
check "nothing is left in the end" [ "$(tail -n 1 said)" = 0 ]
echo "--- dmesg"
dmesg
