#!/bin/bash
# make fuzz [MINUTES=10], fuzz.sh SECONDS: test that the tool either reads or refuses a file of
# snapshots, whatever that contains.  An input with another result is left in build/fuzz.
. "$(dirname "$0")/lib.sh"

minutes=${MINUTES:-10}
[[ $minutes =~ ^[1-9][0-9]{0,3}$ ]] || die "MINUTES is '$minutes', must be 1 to 9999"
seconds=${1:-$((60 * minutes))}

"$top/scripts/lab/tool.sh" fuzz
rm -rf "$build/fuzz"
mkdir "$build/fuzz"
rc=0
timeout -k 5 $((seconds + 60)) "$build/tools-fuzz/fuzz_record" -max_total_time="$seconds" \
	-max_len=16384 -artifact_prefix="$build/fuzz/" "$build/fuzz" \
	"$top/tools/kvm/kvm_exit_stat/tests/corpus" 2>&1 | tee "$build/fuzz.log" || rc=$?
runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$build/fuzz.log")
if [ "$rc" = 0 ] && [ "${runs:-0}" -gt 1000 ]; then
	echo "ok $runs files are read or refused"
else
	echo "not ok a file is neither read nor refused, or too few were tried: ${runs:-none}"
	exit 1
fi
