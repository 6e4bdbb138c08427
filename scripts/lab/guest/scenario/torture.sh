# shellcheck shell=sh
# boot: memory=512 cpus=2 limit=900
# All that can be done to KVM and its statistics, at once: see torture.c.  The kernel hands
# "seconds=" and "seed=" on its command line to init, and so on to here.
. /lib/l1.sh

cd "$HOME" || exit
load_kvm
seconds=${seconds:-30}
seed=${seed:-1}
# See the trap in in_bochs: then an offline CPU means one busy vCPU less, too.
busy=16
! in_bochs || busy=$(nproc)
echo "--- torture"
echo "$seconds seconds, seed $seed, $(nproc) CPUs, at most $busy vCPUs at a time"
rc=0
timeout -s KILL $((seconds + 120)) torture "$seconds" "$seed" "$busy" 2>&1 || rc=$?
check "it came to its end, with status 0 ($rc)" [ $rc = 0 ]
check "CPUs are all online" [ "$(cat /sys/devices/system/cpu/offline)" = "" ]
check "KVM can be unloaded" unload_kvm
# Without summaries, of which there are many
echo "--- dmesg"
dmesg | grep -v 'kvm_exit_stats: ' || :
