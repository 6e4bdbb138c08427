# shellcheck shell=sh
# boot: memory=640
# In addition to "exact", compare how often the guest accessed each port and each page of MMIO
# according to perf kvm stat and according to the keys.

# exact.sh calls this function in place of the program "guest", so that perf counts its exits, too.
guest()
{
	perf kvm stat record -a -m 8M -o /tmp/perf.data -- /bin/guest 2>/tmp/perf.log ||
		cat /tmp/perf.log
}
. /scenario/exact.sh

# perf_keys EVENT: print "KEY COUNT", with "port:NUMBER:read" or "port:NUMBER:write" as KEY, or
# "page:ADDRESS" for reads and writes together
perf_keys()
{
	TERM=dumb perf --no-pager kvm -i /tmp/perf.data stat report --event="$1" </dev/null 2>&1 |
		awk '$1 ~ /^0x[0-9a-f]+:(PIN|POUT)$/ {
				sub(/:PIN/, ":read", $1)
				sub(/:POUT/, ":write", $1)
				print "port:" $1, $2
			}
			$1 ~ /^0x[0-9a-f]+:[RW]$/ {
				print "page:" substr($1, 1, index($1, ":") - 4) "000", $2
			}'
}
perf_keys ioport >/tmp/perf.keys
perf_keys mmio >>/tmp/perf.keys
echo "--- perf"
cat /tmp/perf.keys
# Leave out the page of the APIC on VMX, which has exit reasons of its own.
awk -v isa="$(cat "$STATS/isa")" '
	NR == FNR {
		perf[$1] += $2
		next
	}
	{
		key = $3
		if (!sub(/:[0-9]+:/, ":", key))
			sub(/:(read|write|fetch)$/, "", key)
	}
	key in perf && !(isa == "vmx" && key ~ /^page:0xfee00/) {
		least[key] += $4
		most[key] += $4 + $5
	}
	END {
		for (key in least) {
			keys++
			exact += perf[key] == least[key]
			if (perf[key] >= least[key] && perf[key] <= most[key])
				within++
			else
				print "not ok " key ": " least[key] " to " most[key] ", by perf " perf[key]
		}
		is_ok = within >= 8 && within == keys
		print is_ok ? "ok" : "not ok", within + 0 " of " keys + 0 \
			" ports and pages that perf has, too, are within their bounds, " exact + 0 " exact"
	}' /tmp/perf.keys /tmp/keys.ours
