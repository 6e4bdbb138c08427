#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What exits were for
#
# shellcheck disable=SC2030,SC2031 # Each run has its own output.

load lib

setup()
{
	prepare
	tree vmx 2000000
	newer
	exits CPUID in=123-11/0 cycles='9x400 1000' away='10x500' guest=5000
	exits IO_INSTRUCTION in=123-11/1 cycles='30x600'
	exits HLT in=123-11/1 cycles=60x50
	keys CPUID 'cpuid:0x1:0x0 6 2 2400 400' 'cpuid:0xb:0x1 3 0 1800 1000' 'other 1 0 400 0'
	keys IO_INSTRUCTION 'port:0x608:4:read 20 0 12000 600' 'port:0x3f8:1:write 10 0 6000 700' \
		'other 0 0 0 0'
	extra 123-11 'key CPUID cpuid:0x1:0x0 6 2 2400 400' 'key CPUID other 4 0 2200 0'
	extra 123-11/0 'key CPUID cpuid:0xb:0x1 3 0 1800 1000' 'key CPUID other 7 0 2800 0'
}

@test "--keys: a tree for people" {
	kes --keys
	ok
	same "$(printf '%s\n' "$output" | sed 's/ *$//')" "vmx, system: keys of 2 exit reasons

REASON                              COUNT ERROR SHARE TOTAL MEAN LONGEST
IO_INSTRUCTION                         30       30.0% 18000  600     600
|-ACPI PM timer 0x608, 4 bytes read    20     0 66.7% 12000  600     600
\`-COM1 0x3f8, 1 byte write             10     0 33.3%  6000  600     700
CPUID                                  10       10.0%  4600  460    1000
|-leaf 0x1, features                    6     2 60.0%  2400  400     400
|-leaf 0xb:0x1, topology                3     0 30.0%  1800  600    1000
\`-other                                 1       10.0%   400  400"
}

@test "--keys: for programs, with the key as the kernel has it" {
	kes --keys --csv
	ok
	same "$output" 'REASON,KEY,KEY_NAME,COUNT,ERROR,SHARE,TOTAL,MEAN,LONGEST
IO_INSTRUCTION,port:0x608:4:read,"ACPI PM timer 0x608, 4 bytes read",20,0,66.67,12000,600,600
IO_INSTRUCTION,port:0x3f8:1:write,"COM1 0x3f8, 1 byte write",10,0,33.33,6000,600,700
CPUID,cpuid:0x1:0x0,"leaf 0x1, features",6,2,60.00,2400,400,400
CPUID,cpuid:0xb:0x1,"leaf 0xb:0x1, topology",3,0,30.00,1800,600,1000
CPUID,other,other,1,,10.00,400,400,'
	kes --keys -J -o REASON,KEY,COUNT,ERROR,SHARE,LONGEST CPUID
	ok
	jq_is '.[0].keys' '[
		{"reason":"CPUID","key":"cpuid:0x1:0x0","count":6,"error":2,"share":60.00,"longest":400},
		{"reason":"CPUID","key":"cpuid:0xb:0x1","count":3,"error":0,"share":30.00,"longest":1000},
		{"reason":"CPUID","key":"other","count":1,"error":null,"share":10.00,"longest":null}]'
	kes --keys -r -o KEY,COUNT,ERROR CPUID
	ok
	same "$output" $'KEY COUNT ERROR\ncpuid:0x1:0x0 6 2\ncpuid:0xb:0x1 3 0\nother 1 -'
}

@test "--keys: sorted, the rest last, and with -t" {
	kes --keys --csv -o KEY -s longest
	ok
	same "$(xargs <<<"$output")" \
		"KEY cpuid:0xb:0x1 cpuid:0x1:0x0 other port:0x3f8:1:write port:0x608:4:read"
	kes --keys --csv -t -o KEY,TOTAL,MEAN,LONGEST cpuid
	ok
	same "${lines[2]}" cpuid:0xb:0x1,0.900,0.300,0.500
	# For people, but without the column that has the tree
	kes --keys -o KEY,COUNT CPUID
	ok
	same "$(body | xargs)" "KEY COUNT 10 cpuid:0x1:0x0 6 cpuid:0xb:0x1 3 other 1"
}

@test "--keys: of one reason, by name or code" {
	kes --keys --csv -o KEY,COUNT cpuid
	ok
	same "$(wc -l <<<"$output")" 4
	kes --keys --csv -o KEY 30
	ok
	same "$output" $'KEY\nport:0x608:4:read\nport:0x3f8:1:write'
	kes HLT --keys
	ok
	same "${lines[0]}" "vmx, system: keys of 0 exit reasons"
	kes --keys NOT_A_REASON
	fails 2 --keys NOT_A_REASON
	kes --keys 'a b'
	fails 2 --keys 'a b'
	kes --keys CPUID HLT
	fails 2 --keys HLT
}

@test "--keys: of a VM and of a vCPU" {
	kes --keys --vm 123 --csv -o REASON,KEY,COUNT
	ok
	same "$output" $'REASON,KEY,COUNT\nCPUID,cpuid:0x1:0x0,6\nCPUID,other,4'
	kes --keys --vm 123 --vcpu 0 --csv -o REASON,KEY,COUNT
	ok
	same "$output" $'REASON,KEY,COUNT\nCPUID,cpuid:0xb:0x1,3\nCPUID,other,7'
	kes --keys --vm 123 --vcpu 1 --csv -o REASON,KEY,COUNT
	ok
	same "$output" REASON,KEY,COUNT
	kes --keys --vm 123 --csv -o KEY HLT
	ok
	same "$output" KEY
}

@test "--keys: what to do if the kernel does not keep them, and what it kept before" {
	kes --keys --csv -o KEY CPUID
	ok
	local before=$output

	put "$STATS/keys" 0
	kes --keys --csv -o KEY CPUID
	fails 0 "$STATS/keys is 0" "echo 1 > $STATS/keys"
	same "$output" "$before"
	kes --keys --csv -o KEY --vm 123
	fails 0 "echo 1 > $STATS/keys"
	same "${lines[1]}" cpuid:0x1:0x0
}

@test "--keys: a kernel that has none" {
	rm "$STATS/keys" "$STATS"/reasons/*/keys
	kes --keys
	fails 3 "$STATS/keys" 'does not keep'
	same "$output" ""
	kes --keys --vm 123
	fails 3 "$STATS/keys"
	kes --csv -o COUNT
	ok
}

@test "--keys: what is in tables disturbs no other view" {
	local args before

	for args in "--vms --csv -o PID,COUNT" "--vm 123" "--vm 123 --user" "--vm 123 --preempted-by" \
		"--vm 123 --per-vcpu"; do
		# shellcheck disable=SC2086
		kes $args
		ok
		before=$output
		# Views that do not need keys do not even find that a line is malformed.
		sed -i.bak '/^TOTAL/a key CPUID\nkey NONE cpuid:0x1:0x0 6 2 2400 400' \
			"$DEBUGFS/123-11/exit_stats"
		# shellcheck disable=SC2086
		kes $args
		ok
		same "$output" "$before" || with "$args"
		mv "$DEBUGFS/123-11/exit_stats.bak" "$DEBUGFS/123-11/exit_stats"
	done
}

@test "--keys: malformed" {
	local line

	for line in ':' 'x' 'cpuid:0x1:0x0 1 2 3' 'cpuid:0x1:0x0 1 2 3 x' 'cpuid:0x1:0x0 -1 2 3 4' \
		'cpuid:0x1:0x0 1 18446744073709551616 3 4' 'a"b 1 2 3 4' 'a\b 1 2 3 4' \
		"$(printf 'a%.0s' {1..64}) 1 2 3 4" ''; do
		keys CPUID "$line"
		kes --keys
		fails 7 CPUID || with "'$line'"
		same "$output" "" || with "'$line'"
		# Other views do not read keys.
		kes --csv
		ok || with "'$line'"
	done
	printf 'cpuid:0x1:0x0 1 0 1 1' >"$STATS/reasons/CPUID/keys"
	kes --keys
	fails 7 CPUID/keys
	head -c 4096 /dev/zero >"$STATS/reasons/CPUID/keys"
	kes --keys
	fails 7 CPUID/keys
	: >"$STATS/reasons/CPUID/keys"
	kes --keys --csv -o KEY CPUID
	ok
	same "$output" KEY
	sed -i 's/^key CPUID other/key HLTX other/' "$DEBUGFS/123-11/exit_stats"
	kes --keys --vm 123
	fails 7 exit_stats HLTX
}

# name KEY: what --keys calls it -> name
name()
{
	keys CPUID "$1 1 0 1 1"
	kes --keys --csv -o KEY,KEY_NAME CPUID
	ok
	name=$(sed 1d <<<"$output")
	name=${name#*,}
	name=${name//\"/}
}

@test "--keys: names" {
	local key expected

	while read -r key expected; do
		name "$key"
		same "$name" "$expected" || with "$key"
	done <<-'EOF'
		msr:0x6e0:write IA32_TSC_DEADLINE write
		msr:0xc0000080:read EFER read
		msr:0x10:read IA32_TSC read
		msr:0x10a:read IA32_ARCH_CAPABILITIES read
		msr:0x186:write P6_EVNTSEL0 write
		msr:0x8b:read IA32_UCODE_REV read
		msr:0x4b564d01:write KVM_SYSTEM_TIME_NEW write
		msr:0x830:write x2APIC ICR write
		msr:0x80b:write x2APIC EOI write
		msr:0x838:write x2APIC TMICT write
		msr:0x7fe:read MSR 0x7fe read
		msr:0xffffffff:write MSR 0xffffffff write
		port:0x3fd:1:read COM1 0x3fd, 1 byte read
		port:0x3f7:1:read port 0x3f7, 1 byte read
		port:0x40:1:write PIT 0x40, 1 byte write
		port:0x20:1:write PIC 0x20, 1 byte write
		port:0x71:1:read RTC/CMOS 0x71, 1 byte read
		port:0xcf8:4:write PCI config address 0xcf8, 4 bytes write
		port:0xcfe:2:read PCI config data 0xcfe, 2 bytes read
		port:0xb008:4:read ACPI PM timer 0xb008, 4 bytes read
		port:0x80:1:write POST 0x80, 1 byte write
		port:0x402:1:write debug console 0x402, 1 byte write
		port:0x64:1:read i8042 command 0x64, 1 byte read
		port:0x1f7:1:read IDE 1 0x1f7, 1 byte read
		port:0xf4:1:write isa-debug-exit 0xf4, 1 byte write
		cpuid:0x0:0x0 leaf 0x0, vendor
		cpuid:0x7:0x0 leaf 0x7, more features
		cpuid:0x1f:0x2 leaf 0x1f:0x2, topology
		cpuid:0x40000000:0x0 leaf 0x40000000, hypervisor
		cpuid:0x3:0xffffffff leaf 0x3:0xffffffff
		hypercall:5 KICK_CPU
		hypercall:18446744073709551615 hypercall 18446744073709551615
		cr:3:write CR3 write
		dr:7:read DR7 read
		apic:0x300:write APIC ICR write
		apic:0xb0:write APIC EOI write
		apic:0x320:write APIC LVTT write
		apic:0x40:read APIC 0x40 read
		vector:14 #PF
		vector:2 NMI
		vector:31 vector 31
		vector:236 vector 236
		memslot:1:fetch memslot 1 fetch
		page:0xfee00000 APIC 0xfee00000
		page:0xc0000000:write page 0xc0000000 write
		other other
		new-kind:0x1:7 new-kind:0x1:7
		msr:x:write msr:x:write
		msr:0x6e0:written msr:0x6e0:written
		msr msr
		msr:0x10000000000000000:read msr:0x10000000000000000:read
	EOF
}

# The header is $MSR_HEADER, else that of the kernel tree that the tool is in.
@test "--keys: MSRs are those of the header" {
	local header=${MSR_HEADER-} number macro n=0

	[[ $header ]] || header=$BATS_TEST_DIRNAME/../../../../arch/x86/include/asm/msr-index.h
	[[ -e $header ]] || skip "there is no <asm/msr-index.h>"
	# Look at some of the numbers that only one macro has.
	while read -r number macro; do
		name "msr:$number:read"
		same "$name" "${macro#MSR_} read" || with "$macro"
		n=$((n + 1))
	done < <(awk '$1 == "#define" && $2 ~ /^MSR_/ && $3 ~ /^0x[0-9a-f]+$/ {
			sub(/^0x0+/, "0x", $3)
			count[$3]++
			name[$3] = $2
		}
		END {
			for (i in name)
				if (count[i] == 1 && i != "0x")
					print i, name[i]
		}' "$header" | sort | awk 'NR % 12 == 0')
	((n >= 25))
}

# The files a and b, before and after some more exits
two_files()
{
	kes record a
	exits CPUID cycles=10x400
	keys CPUID 'cpuid:0x1:0x0 12 2 6000 400' 'cpuid:0x7:0x0 7 0 2100 300' 'other 1 0 400 0'
	kes record b
	ok
}

@test "record: keys, as they are" {
	kes record f
	ok
	from f
	jq_is '.[0].reasons|[.CPUID.keys, (.IO_INSTRUCTION.keys|length), .HLT.keys]' '[[
		{"key":"cpuid:0x1:0x0","count":6,"error":2,"cycles":2400,"longest":400},
		{"key":"cpuid:0xb:0x1","count":3,"error":0,"cycles":1800,"longest":1000},
		{"key":"other","count":1,"error":0,"cycles":400,"longest":0}], 3, null]'
	# Keys that were kept before are recorded even if "keys" is off now.
	put "$STATS/keys" 0
	kes record f
	ok
	grep -q '"keys":' f
	rm "$STATS/keys" "$STATS"/reasons/*/keys
	kes record f
	ok
	run ! grep -q '"keys":' f
	kes record f --vm 123
	ok
	run ! grep -q '"keys":' f
}

@test "diff: keys below their reason" {
	two_files
	files diff a b CPUID
	ok
	same "$(cut -c 1-64 <<<"$output" | sed '1,2d; s/ *$//')" \
		"REASON                    COUNT_A COUNT_B  COUNT% MEAN_A MEAN_B
CPUID                          10      20  100.0%    460    430
|-leaf 0x7, more features       0       7  from 0           300
|-leaf 0x1, features            6      12  100.0%    400    500
|-leaf 0xb:0x1, topology        3       0 -100.0%    600
\`-other                         1       1    0.0%    400    400
TOTAL                          10      20  100.0%    460    430"
	files diff --csv a b CPUID
	ok
	same "$(cut -d , -f 1-10,13,17- <<<"$output")" \
		'REASON,COUNT_A,COUNT_B,COUNT%,MEAN_A,MEAN_B,MEAN%,P99_A,P99_B,P99%,TOTAL%,KEY,KEY_NAME
CPUID,10,20,100.00,460,430,-6.52,972,921,-5.25,86.96,,
CPUID,0,7,,,300,,,,,,cpuid:0x7:0x0,"leaf 0x7, more features"
CPUID,6,12,100.00,400,500,25.00,,,,150.00,cpuid:0x1:0x0,"leaf 0x1, features"
CPUID,3,0,-100.00,600,,,,,,-100.00,cpuid:0xb:0x1,"leaf 0xb:0x1, topology"
CPUID,1,1,0.00,400,400,0.00,,,,0.00,other,other
TOTAL,10,20,100.00,460,430,-6.52,972,921,-5.25,86.96,,'
	files diff -J a b CPUID
	ok
	jq_is '.[0].reasons[0].keys|[length, (.[1]|[.key, .key_name, .count_a, .mean_b, .p99_a, .tax_b])]' \
		'[4,["cpuid:0x1:0x0","leaf 0x1, features",6,500,null,null]]'
	files diff -J a b
	jq_is '.[0]|[[.reasons[].keys|length], (.total|has("keys"))]' '[[4,0,2],false]'
	# Limits are not for keys: the mean of one may rise.
	files diff --fail-above mean=1 a b CPUID
	ok
}

@test "diff: keys that one file has only are not compared" {
	local pair

	two_files
	jq -c 'del(.reasons[].keys)' a >none
	for pair in "a none" "none b"; do
		# shellcheck disable=SC2086
		files diff --csv $pair
		ok
		[[ ${lines[0]} != *KEY* ]]
		# shellcheck disable=SC2086
		files diff -J $pair
		ok
		[[ $output != *keys* ]]
	done
}

@test "diff: keys of recordings are those of the time between" {
	start record -i 0.3 -n 1 f
	freeze
	exits CPUID cycles=5x400
	# Another key has taken the place of cpuid:0xb.
	keys CPUID 'cpuid:0x1:0x0 11 2 4400 400' 'cpuid:0x7:0x0 2 1 600 300' 'other 2 0 900 0'
	thaw
	finish
	ok
	files diff -J f f
	ok
	jq_is '.[0].reasons[]|select(.reason == "CPUID").keys|map([.key, .count_a, .mean_a, .rate_a > 0])' \
		'[["cpuid:0x1:0x0",5,400,true],["cpuid:0x7:0x0",2,300,true],["other",1,500,true]]'
}

@test "diff: malformed keys" {
	local filter

	two_files
	for filter in '.="x"' '.[0]=1' '.[0].key="a b"' '.[0].key=""' '.[0].key=5' 'del(.[0].key)' \
		'del(.[0].count)' '.[0].error=-1' '.[0].cycles=1.5' '.[0].longest="1"' \
		'.=[range(65)|{"key":"a","count":1,"error":1,"cycles":1,"longest":1}]'; do
		jq -c ".reasons.CPUID.keys|=($filter)" a >bad
		files diff bad b
		fails 7 bad 'line 1' || with "$filter"
	done
	jq -c '.reasons.CPUID.keys=[]' a >empty
	files diff empty b
	ok
}
