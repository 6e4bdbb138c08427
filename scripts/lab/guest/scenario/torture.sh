# shellcheck shell=sh
# boot: memory=512 cpus=2 limit=900
# All that can be done to KVM and its statistics, at once: see torture.c.  The kernel passes
# "seconds=" and "seed=" of its command line to init as variables, which this script inherits.
. /lib/l1.sh

cd "$HOME" || exit
load_kvm
seconds=${seconds:-30}
seed=${seed:-1}
# In Bochs, no more vCPUs than CPUs, see in_bochs().  torture then also runs one vCPU less while
# a CPU is offline.
busy=16
! in_bochs || busy=$(nproc)
echo "--- torture"
echo "$seconds seconds, seed $seed, $(nproc) CPUs, at most $busy vCPUs at a time"
rc=0
timeout -s KILL $((seconds + 120)) torture "$seconds" "$seed" "$busy" 2>&1 || rc=$?
check "it came to its end, with status 0 ($rc)" [ $rc = 0 ]
check "CPUs are all online" [ "$(cat /sys/devices/system/cpu/offline)" = "" ]
check "KVM can be unloaded" unload_kvm
# Leave out the summaries, of which there are many
echo "--- dmesg"
dmesg | grep -v 'kvm_exit_stats: ' || :
