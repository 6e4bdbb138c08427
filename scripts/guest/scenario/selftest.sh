# shellcheck shell=sh
# The selftest, which reports in TAP: all of it, i.e. up to the totals.
. /lib/l1.sh

load_kvm
/tests/exit_stats_test >/tmp/selftest.log 2>&1 || true
cat /tmp/selftest.log
grep -q '^# Totals: pass:[1-9][0-9]* fail:[0-9]* xfail:0 xpass:0 skip:0 error:0' /tmp/selftest.log
