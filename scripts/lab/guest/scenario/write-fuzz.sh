# shellcheck shell=sh
# Whatever is written to the files in sysfs is accepted or refused as documented: see
# write_fuzz.c.
. /lib/l1.sh

cd "$HOME" || exit
load_kvm
inputs=3000
# Fewer inputs in Bochs, which is slower
! in_bochs || inputs=1000
rc=0
timeout -s KILL 300 write_fuzz "$inputs" "${seed:-1}" 2>&1 || rc=$?
check "it came to its end, with status 0 ($rc)" [ $rc = 0 ]
check "the parameter shows the interval that was written" \
	value_is /sys/module/kvm/parameters/exit_stats_interval "$(cat "$STATS/interval")"
check "the other parameter shows the switch that was written" \
	[ "$(tr NY 01 </sys/module/kvm/parameters/exit_stats)" = "$(cat "$STATS/enabled")" ]
