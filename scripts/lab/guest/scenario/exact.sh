# shellcheck shell=sh
# Compare what the statistics have of a real Linux guest with other sources:
# - exits by reason with kvm_exit events, and with KVM's own counters, i.e. its total and those
#   of a few reasons
# - the time in the guest and away with the time from the first to the last event
# - what KVM_RUN returned with, with kvm_userspace_exit events
# - keys, i.e. what exits were for, with the events that have this
. /lib/l1.sh
TRACE=/sys/kernel/tracing/instances/exact
KVM=/sys/kernel/debug/kvm

# Print pairs of a reason and a file in $KVM, a counter that the handler of that reason increments
# once, and nothing else that this guest does
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
# An event probe on kvm_exit for exit_reason as a number: kvm_exit itself prints its name, and not
# every kernel can print the number instead.
# shellcheck disable=SC2016  # a field of the event
echo 'e:exact/kvm_exit kvm.kvm_exit info1=$info1:x64 intr_info=$intr_info:u32 exit_reason=$exit_reason:u32' \
	>/sys/kernel/tracing/dynamic_events
echo 1 >"$STATS/keys"
mkdir "$TRACE"
echo 16384 >"$TRACE/buffer_size_kb"
echo x86-tsc >"$TRACE/trace_clock"
echo 1 >"$TRACE/events/exact/kvm_exit/enable"
for event in userspace_exit msr pio cpuid hypercall cr page_fault mmio; do
	echo 1 >"$TRACE/events/kvm/kvm_$event/enable"
done
guest
echo 0 >"$TRACE/tracing_on"
# Print the TSC and the exit code of each event.
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
# UNKNOWN counts all codes that no other reason has, and its file "reason" has only the last of
# them: name it "unknown", as the events with such codes below.
for dir in "$STATS"/reasons/*; do
	read -r code <"$dir/reason"
	[ "${dir##*/}" != UNKNOWN ] || code=unknown
	read -r count <"$dir/count"
	echo "ours ${dir##*/} $code $count"
done >>/tmp/counts
# On VMX, the basic exit reason is the low 16 bits of exit_reason.
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

# Events end in "reason KVM_EXIT_IO (2)" etc.; "restart" is EINTR, i.e. KVM_EXIT_INTR (10).  Skip
# those before the first exit: the statistics count a return with the exit before it.
awk '/: kvm_exit: / { exits++ }
	/: kvm_userspace_exit: / && exits {
		gsub(/[()]/, "", $NF)
		count[$(NF - 1) == "restart" ? 10 : $(NF - 1) == "error" ? "error" : $NF]++
	}
	END { for (reason in count) print reason, count[reason] }' "$TRACE/trace" | sort >/tmp/user.events
cat "$STATS"/reasons/*/stat | awk '$NF != "-" {
		n = split($NF, all, ",")
		for (i = 1; i <= n; i++) {
			split(all[i], user, ":")
			count[user[1]] += user[2]
		}
	}
	END { for (reason in count) print reason, count[reason] }' | sort >/tmp/user.ours
echo "--- user"
cat /tmp/user.ours
check "KVM_RUN returned as often as events say, by reason ($(wc -l </tmp/user.events))" \
	cmp /tmp/user.events /tmp/user.ours
diff /tmp/user.events /tmp/user.ours || :

# Print "KEY COUNT" of each key that events tell of.  No event has the memslot, so count all of
# them as "memslot:*": all addresses but the hole for MMIO below the BIOS, and on VMX also the
# page of the APIC in that hole.  The access is in the error code of kvm_page_fault, which on VMX
# is the exit qualification.  On VMX, only the first access to a page of MMIO is a page fault.
# Later ones are EPT misconfigurations, whose key has no access: count kvm_mmio events instead,
# less the one after each page fault.
awk -v isa="$(cat "$STATS/isa")" '
	function hex(text) {
		sub(/^0x/, "", text)
		sub(/^0+/, "", text)
		return "0x" (text == "" ? "0" : text)
	}
	function digit(text, n) {
		text = "00" substr(hex(text), 3)
		return index("0123456789abcdef", substr(text, length(text) - n, 1)) - 1
	}
	function bit(text, n) {
		return int(digit(text, int(n / 4)) / substr(1248, n % 4 + 1, 1)) % 2
	}
	function page(address) {
		address = hex(address)
		if (length(address) != 10 || address < "0xc0000000" || address >= "0xfff00000" ||
		    (isa == "vmx" && address ~ /^0xfee00/))
			return ""
		return "page:" substr(address, 1, 7) "000"
	}
	{
		for (i = 3; i < NF && $i !~ /^[a-z_]+:$/; i++)
			;
		event = $i
		key = ""
	}
	event == "kvm_exit:" && isa == "vmx" {
		split($(NF - 2), info1, "=")
		split($(NF - 1), info, "=")
		split($NF, reason, "=")
		if (reason[2] % 65536 <= 1)
			key = "vector:" info[2] % 256
		else if (reason[2] == 29)
			key = "dr:" digit(info1[2], 0) % 8 ":" (bit(info1[2], 4) ? "read" : "write")
	}
	event == "kvm_msr:" {
		key = "msr:" hex($(i + 2)) ":" substr($(i + 1), 5)
	}
	event == "kvm_pio:" {
		key = "port:" $(i + 3) ":" $(i + 5) ":" substr($(i + 1), 5)
	}
	event == "kvm_cpuid:" {
		# ECX is part of the key only for these leaves, as in KVM.
		leaf = hex($(i + 2))
		has_subleaves = leaf ~ /^0x(8000000)?[47bdf]$/ || \
			leaf ~ /^0x(800000)?(10|12|14|17|18|1d|1e|1f|20|23|24|26)$/
		key = "cpuid:" leaf ":" (has_subleaves ? hex($(i + 4)) : "0x0")
	}
	event == "kvm_hypercall:" {
		key = "hypercall:" sprintf("%d", $(i + 2))
	}
	event == "kvm_cr:" && isa == "vmx" {
		key = "cr:" $(i + 2) ":" substr($(i + 1), 4)
	}
	event == "kvm_page_fault:" {
		for (i++; $i != "address"; i++)
			;
		at = page($(i + 1))
		bits = $(i + 3)
		key = (at ? at : "memslot:*") (bit(bits, 1) ? ":write" : \
		      bit(bits, isa == "vmx" ? 2 : 4) ? ":fetch" : ":read")
		if (at)
			count[at]--
	}
	event == "kvm_mmio:" && $(i + 2) != "unsatisfied-read" && isa == "vmx" {
		for (i++; $i != "gpa"; i++)
			;
		key = page($(i + 1))
	}
	key { count[key]++ }
	END {
		for (key in count) {
			if (count[key] > 0)
				print key, count[key]
		}
	}' "$TRACE/trace" | sort >/tmp/keys.events

for dir in "$STATS"/reasons/*; do
	sed "s|^|${dir##*/} $(cat "$dir/count") |" "$dir/keys"
done >/tmp/keys.ours
echo "--- keys"
cat /tmp/keys.ours
awk '
	NR == FNR { traced[$1] = $2; next }
	{
		sum[$1] += $4
		all[$1] = $2
	}
	$3 == "other" { other[$1] = $4; next }
	{
		key = $3
		sub(/memslot:[0-9]*/, "memslot:*", key)
		least[key] += $4
		most[key] += $4 + $5
		kinds[substr(key, 1, index(key, ":"))]++
		error[$1] += $5
		reason[key] = $1
	}
	END {
		for (key in least) {
			keys++
			exact += least[key] == traced[key]
			# memslot:* stands for several keys, some of which may be in "other".
			if (key ~ /^memslot/)
				most[key] += other[reason[key]]
			if (traced[key] < least[key] || traced[key] > most[key])
				print "not ok " reason[key] " " key ": " least[key] " to " most[key] \
					", traced " traced[key] + 0
		}
		for (name in sum) {
			reasons++
			if (sum[name] != all[name])
				print "not ok " name ": keys and others are " sum[name] " of " all[name]
		}
		# If a kind has less than 8 keys, there was room for each: none may be missing.
		for (key in traced) {
			kind = substr(key, 1, index(key, ":"))
			if (!(key in least) && kinds[kind] < 8)
				print "not ok " key ": traced " traced[key] ", and not there"
		}
		for (name in error) {
			if (!error[name]) {
				exact_reasons++
				if (other[name])
					print "not ok " name ": " other[name] " others, without an error"
			}
		}
		print exact ? "ok" : "not ok", exact " of " keys " keys of " reasons \
			" reasons are as often there as events, the others within their bounds; " \
			"all are exact of " exact_reasons + 0
	}' /tmp/keys.events /tmp/keys.ours

known=$(($(cat "$STATS/guest_cycles") + $(sum_of away_total)))
read -r first _ </tmp/events
last=$(tail -n 1 /tmp/events)
passed=$((${last% *} - first))
gap=$((passed > known ? passed - known : known - passed))
echo "--- closure"
check "guest + away $known = $passed from the first to the last event, within 1 %" \
	[ $((gap * 100)) -le "$passed" ]
check "no event was lost ($lost)" [ "$lost" = 0 ]
