# shellcheck shell=sh
# The unit tests, which report to the kernel log in KTAP.
. /lib/l1.sh

load_kvm
insmod /lib/modules/kunit.ko
insmod /lib/modules/exit_stats_kunit.ko

log_lines | grep -E '^    (not )?ok [0-9]+ ' | tee /tmp/kunit.log
plan=$(log_lines | sed -n 's/^    1\.\.\([0-9]*\)$/\1/p')
[ "$(grep -vc SKIP /tmp/kunit.log)" = "$plan" ]
log_lines | grep -qE '^(not )?ok 1 (- )?kvm_exit_stats'
