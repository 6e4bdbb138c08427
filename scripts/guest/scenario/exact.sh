# shellcheck shell=sh
# Every exit of a real Linux guest beside its kvm_exit event, by reason, and
# beside what KVM itself counts: its total, and the few reasons that it has.  And
# the time in the guest and away beside that from the first to the last event.
. /lib/l1.sh
TRACE=/sys/kernel/tracing/instances/exact
KVM=/sys/kernel/debug/kvm

# The files in $KVM that are incremented once by the handler of a reason, and by
# nothing else that this guest does
own_counters()
{
	cat <<-END
		EXTERNAL_INTERRUPT irq_exits
		INTERRUPT_WINDOW irq_window_exits
		HLT halt_exits
		IO_INSTRUCTION io_exits
		VMCALL hypercalls
		interrupt irq_exits
		vintr irq_window_exits
		hlt halt_exits
		io io_exits
		hypercall hypercalls
	END
}

load_kvm
# The event with the bare number, which not all kernels can show of it
# shellcheck disable=SC2016  # a field of the event
echo 'e:exact/kvm_exit kvm.kvm_exit exit_reason=$exit_reason:u32' >/sys/kernel/tracing/dynamic_events
mkdir "$TRACE"
echo 16384 >"$TRACE/buffer_size_kb"
echo x86-tsc >"$TRACE/trace_clock"
echo 1 >"$TRACE/events/exact/kvm_exit/enable"
guest
echo 0 >"$TRACE/tracing_on"
# The TSC and the code of each
awk '{
	for (i = 3; i < NF; i++) {
		if ($i == "kvm_exit:") {
			print $(i - 1) " " substr($NF, length("exit_reason=") + 1)
			next
		}
	}
}' "$TRACE/trace" | tr -d : >/tmp/events

lost=$(awk '/^(overrun|commit overrun|dropped events):/ { n += $NF } END { print n + 0 }' \
	"$TRACE"/per_cpu/cpu*/stats)

own_counters | while read -r reason file; do
	echo "own $reason $(cat "$KVM/$file")"
done >/tmp/counts
# UNKNOWN has the last code that no other reason has: it is all of those.
for dir in "$STATS"/reasons/*; do
	read -r code <"$dir/reason"
	[ "${dir##*/}" != UNKNOWN ] || code=unknown
	read -r count <"$dir/count"
	echo "ours ${dir##*/} $code $count"
done >>/tmp/counts
# In VMX the basic exit reason is 16 bits of the field.
mask=0xffffffff
[ "$(cat "$STATS/isa")" != vmx ] || mask=0xffff
cut -d ' ' -f 2 /tmp/events | sort | uniq -c |
	while read -r count code; do
		echo "event $((code & mask)) $count"
	done >>/tmp/counts

echo "--- table"
awk -v exits="$(kvm_exits)" '
	$1 == "own" { own[$2] = $3 }
	$1 == "ours" { name[$3] = $2; ours[$3] = $4 }
	$1 == "event" { events[$2 in name ? $2 : "unknown"] += $3 }
	END {
		row = "%-22s %10s %10s %10s\n"
		printf row, "REASON", "OURS", "TRACE", "KVM"
		sort = "sort -k2,2nr"
		for (code in name) {
			if (!ours[code] && !events[code])
				continue
			counts = name[code] in own
			printf row, name[code], ours[code], events[code] + 0, \
				counts ? own[name[code]] : "-" | sort
			reasons++
			differ += ours[code] != events[code]
			own_reasons += counts
			own_differ += counts && ours[code] != own[name[code]]
			all += ours[code]
			traced += events[code]
		}
		close(sort)
		printf row, "all", all, traced, exits
		print "--- exact"
		print differ ? "not ok" : "ok", reasons - differ " of " reasons \
			" reasons have as many exits as events"
		print own_differ ? "not ok" : "ok", own_reasons - own_differ " of " \
			own_reasons " reasons that KVM counts itself are the same"
		print all == exits ? "ok" : "not ok", "our total " all " = KVM exits " exits
	}' /tmp/counts

known=$(($(cat "$STATS/guest_cycles") + $(sum_of away_total)))
read -r first _ </tmp/events
last=$(tail -n 1 /tmp/events)
passed=$((${last% *} - first))
gap=$((passed > known ? passed - known : known - passed))
echo "--- closure"
check "guest + away $known = $passed from the first to the last event, within 1 %" \
	[ $((gap * 100)) -le "$passed" ]
check "no event was lost ($lost)" [ "$lost" = 0 ]
