# shellcheck shell=sh disable=SC2154  # "all" is that of loop()
# boot: memory=1024 limit=1500
# In addition to "bench-quick", what an exit costs with the tools that people use instead, and
# how many exits these tools miss.
. /scenario/bench-quick.sh

# perf_kvm_stat COMMAND...: adds the number of exits that it saw to the file "seen"
perf_kvm_stat()
{
	perf kvm stat record -a -o perf.data -- "$@" 2>perf.log || cat perf.log >&2
	perf report --stats -i perf.data >stats 2>perf.log
	awk '/kvm:kvm_exit/ { ours = 1 } ours && /SAMPLE/ { print $NF; exit }' stats >>seen
}

# perf_stat COMMAND...: likewise
perf_stat()
{
	perf stat -x , -o stats -e 'kvm:*' -a -- "$@" 2>perf.log || cat perf.log >&2
	awk -F , '$3 == "kvm:kvm_exit" { print $1 }' stats >>seen
}

# with_bpftrace PROGRAM COMMAND...: likewise.  bpftrace starts "cat gate" once its probes are
# attached, and ends with it: to open the FIFO waits for the former, to close it is the latter.
with_bpftrace()
{
	bpftrace -o bpftrace.log -c "cat gate" "$1" &
	shift
	exec 3>gate
	"$@"
	exec 3>&-
	wait $!
	awk '/^@count\[/ { print $NF }' bpftrace.log >>seen
}

# counted HOW LOAD OF: print the sum of the numbers in the file "seen" as EXITS
counted()
{
	echo "counted $1 $2 $(awk '{ n += $1 } END { print n + 0 }' seen) $3"
	rm seen
}

# A vCPU with a real-time priority, as used for low latency, leaves hardly any time to a task
# that reads events.
realtime()
{
	chrt -f 1 exit_loop cpuid 1000 40
}

# Create and destroy many vCPUs, as on a host that is up for long.  The lines that are printed
# have KVM's own count of the exits of each.
churn()
{
	vcpus=0
	while [ $vcpus -lt 1500 ]; do
		exit_loop cpuid 1 1
		vcpus=$((vcpus + 1))
	done
}

mkfifo gate
loop perf-stat 40 perf_stat
counted perf-stat loops "$all"
loop perf-kvm-stat 40 perf_kvm_stat
counted perf-kvm-stat loops "$all"
result=$(perf_kvm_stat chrt -f 1 exit_loop cpuid 1000 40)
counted perf-kvm-stat realtime "${result##* }"
with_bpftrace /lib/exits.bt loop bpftrace 40
counted bpftrace loops "$all"
result=$(with_bpftrace /lib/exits.bt realtime)
counted bpftrace realtime "${result##* }"
unload_kvm

load_kvm /lib/modules/naive halt_poll_ns=0
loop naive 40
cat /sys/module/kvm_*/parameters/naive_exits >seen
counted naive loops "$all"
unload_kvm

load_kvm /lib/modules exit_stats_interval=0 halt_poll_ns=0
result=$(realtime)
echo "counted enabled realtime $(cat "$STATS/total_exits") ${result##* }"
# Not in Bochs, where this would take minutes
if ! in_bochs; then
	echo 1 >"$STATS/reset"
	with_bpftrace /lib/vcpu-exits.bt churn >loops
	kvm=$(awk '{ n += $3 } END { print n }' loops)
	counted bpftrace churn "$kvm"
	echo "counted enabled churn $(cat "$STATS/total_exits") $kvm"
fi
