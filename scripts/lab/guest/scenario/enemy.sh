# shellcheck shell=sh
# boot: memory=512 cpus=2 limit=900
# Guests and a VMM without privileges attack the statistics: see enemy.c.  The kernel passes
# "seconds=" and "seed=" of its command line to init as variables, which this script inherits.
. /lib/l1.sh

cd "$HOME" || exit
load_kvm
chmod 0666 /dev/kvm
seconds=${seconds:-10}
seed=${seed:-1}
echo "--- enemy"
echo "$seconds seconds, seed $seed, $(nproc) CPUs"
rc=0
timeout -s KILL $((seconds + 120)) enemy "$seconds" "$seed" 2>&1 || rc=$?
check "it came to its end, with status 0 ($rc)" [ $rc = 0 ]
leaks=/sys/kernel/debug/kmemleak
if [ -e $leaks ]; then
	# kmemleak reports only objects that are older than 5 s, and did not change since the
	# scan before: wait, and scan twice.
	sleep 6
	echo scan >$leaks
	sleep 6
	echo scan >$leaks
	cat $leaks
	check "nothing leaked that has to do with exit statistics" \
		sh -c "! grep -q exit_stats $leaks"
fi
check "KVM can be unloaded" unload_kvm
# Leave out the summaries, of which there are many
echo "--- dmesg"
dmesg | grep -v 'kvm_exit_stats: ' || :
