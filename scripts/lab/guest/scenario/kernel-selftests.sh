# shellcheck shell=sh
# boot: memory=640 limit=1500
# The kernel's own KVM selftests that are listed for the CPU's vendor, each with a
# line of its outcome: ok, skip (nothing to test here) or not ok.
. /lib/l1.sh

load_kvm
machine=amd
[ "$(vendor)" != kvm-intel ] || machine=intel

sed -n "s/^\([a-z0-9_]*\)[^#]*\<$machine\>.*/\1/p" /tests/list >/tmp/list
while read -r test; do
	rc=0
	timeout -s KILL 60 "/tests/$test" </dev/null >/tmp/test.log 2>&1 || rc=$?
	case $rc in
	0)
		echo "ok $test"
		;;
	4)
		echo "ok $test # SKIP"
		;;
	*)
		echo "not ok $test # status $rc"
		sed 's/^/# /' /tmp/test.log
		;;
	esac
done </tmp/list
