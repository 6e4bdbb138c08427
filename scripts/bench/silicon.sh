#!/bin/bash
# silicon.sh [quick]: measure what recording one exit costs on the CPU of this machine, by a
# program with the unmodified exit_stats.c in it, without VT-x.  The cost is compared with that
# of one RDTSC, which is the least that any measurement of an exit executes.
#
# Prints one figure a line, fields separated by a blank.  Everything is measured once in each
# round.  Times are CPU time less that of the empty loop, and the median over all rounds.
# Ratios are formed within each round; their median is printed:
#
#   silicon machine MODEL CPUS MHZ ROUNDS
#       MHZ is that of the TSC
#   silicon NAME THREADS own|shared NS CYCLES RATIO UPDATE LOST EXITS
#       what one exit costs: in ns, in TSC cycles, as a multiple of one RDTSC, and as that
#       less the number of RDTSCs that it executes itself; how many exits were lost, of how
#       many
#   silicon reader none|100ms|always NS CYCLES RATIO READS LOST EXITS
#       the same for one thread, while another thread reads all rows: never, every 100 ms,
#       or all the time; RATIO is the cost relative to "none", READS the number of reads
#   silicon read-only READS EXITS
#       how often a process that cannot write to the tables read them, and how many more
#       exits were in them at the end
#   silicon counters INSTRUCTIONS CYCLES | not-supported
#       what one exit in "enabled" takes, less the empty loop, as perf stat counts it
#
# NAME: rdtsc, naive (globals, see naive.h), enabled, and interval, i.e. with counting toward
# a summary every 500 exits.  Recording executes three RDTSCs per exit; KVM without the
# statistics executes one of them, too.  "own": each thread records the exits of a vCPU of its
# own, as in KVM; "shared": all threads record those of one vCPU, or in the same globals.
. "$(dirname "$0")/lib.sh"

bench=$top/scripts/bench
out=$build/silicon
exit_stats=$tree/arch/x86/kvm/exit_stats

# The compiler's flags in a build of the kernel, except for those that a program cannot have
kernel_cflags=(-std=gnu11 -O2 -Wall -Wextra -Werror -Wno-sign-compare -Wno-unused-parameter
	-fno-common -fno-PIE -fno-strict-aliasing -fno-strict-overflow
	-fno-delete-null-pointer-checks -fno-stack-protector -fno-asynchronous-unwind-tables
	-fomit-frame-pointer -ftrivial-auto-var-init=zero -fconserve-stack
	-fcf-protection=none -falign-jumps=1 -falign-loops=1 -falign-functions=16
	-mno-sse -mno-mmx -mno-80387 -mno-red-zone -mtune=generic
	-I "$out/include" -I "$tree/tools/include" -I "$tree/tools/arch/x86/include"
	-I "$tree/tools/arch/x86/include/uapi" -include "$bench/shim/kernel.h"
	-I "$tree/arch/x86/kvm")

# cut_piece FILE WHAT SED-SCRIPT: cut a piece out of a kernel header
cut_piece()
{
	local text

	text=$(sed -n "$3" "$tree/$1")
	[[ $text ]] || die "$1 has no $2"
	printf '%s\n\n' "$text"
}

# block FILE WHAT: cut out a function, struct or enum: from the line that has WHAT to the line
# that begins with the closing brace.
block()
{
	cut_piece "$1" "$2" "/^\([a-z].* \)\?$2\>/,/^}/p"
}

make_headers()
{
	local header name

	mkdir -p "$out/include"
	{
		block arch/x86/include/asm/bitops.h '__fls(unsigned long'
		block arch/x86/include/asm/bitops.h 'fls64(__u64'
		for name in MAX_ROWS TOP CHAIN; do
			cut_piece arch/x86/include/asm/kvm_host.h "KVM_EXIT_STATS_$name" \
				"/^#define KVM_EXIT_STATS_$name\>/p"
		done
		block arch/x86/include/asm/kvm_host.h 'enum kvm_exit_stats_part'
		block arch/x86/include/asm/kvm_host.h 'struct kvm_exit_top'
		block arch/x86/include/asm/kvm_host.h 'struct kvm_exit_preemptor'
		block arch/x86/include/asm/kvm_host.h 'struct kvm_exit_chain'
		block arch/x86/include/asm/kvm_host.h 'struct kvm_vcpu_exit_stats'
	} >"$out/include/pieces.h"

	# The other headers that are included are empty files here: what exit_stats.[ch] need of
	# them is in shim/kernel.h.
	sed -n 's/^#include <\(.*\)>$/\1/p' "$exit_stats.c" "$exit_stats.h" |
		while read -r header; do
			[[ -e $tree/tools/include/$header ]] && continue
			mkdir -p "$out/include/${header%/*}"
			: >"$out/include/$header"
		done
}

# build_config NAME SUMMARIES: build one object, whose only global symbol is NAME, with the
# static key of summaries set to 0 or 1.
build_config()
{
	local dir=$out/$1 keys

	mkdir -p "$dir"
	keys=(-DSTATIC_KEY_kvm_exit_stats_enabled=1 -DSTATIC_KEY_kvm_exit_stats_keys=0
		-DSTATIC_KEY_kvm_exit_stats_keep_keys=0
		"-DSTATIC_KEY_kvm_exit_stats_summaries=$2" "-DSILICON_CONFIG=$1")
	gcc "${kernel_cflags[@]}" "${keys[@]}" -c -o "$dir/exit_stats.o" "$exit_stats.c"
	gcc "${kernel_cflags[@]}" "${keys[@]}" -c -o "$dir/loop.o" "$bench/shim/loop.c"
	ld -r -o "$dir.o" "$dir/exit_stats.o" "$dir/loop.o"
	objcopy --keep-global-symbol="$1" "$dir.o"
}

build_silicon()
{
	make_headers
	build_config enabled 0
	build_config interval 1
	gcc -std=gnu11 -O2 -Wall -Wextra -Werror -fno-PIE -no-pie -pthread \
		-I "$tree/tools/include" -o "$out/silicon" "$bench/silicon.c" \
		"$out/enabled.o" "$out/interval.o"
}

# count NAME EXITS: the instructions and cycles of a run, if the CPU counts them
count()
{
	perf stat -x , -e instructions:u,cycles:u -o "$out/perf" "$out/silicon" loop "$1" "$2"
	awk -F , '$1 ~ /^[0-9]+$/ { figures = figures " " $1 } END { print figures }' "$out/perf"
}

print_counters()
{
	local exits=10000000 empty record

	empty=$(count empty "$exits" 2>/dev/null) || empty=
	record=$(count enabled "$exits" 2>/dev/null) || record=
	awk -v exits="$exits" '{
		if (NF == 4)
			printf "silicon counters %.1f %.1f\n",
				($3 - $1) / exits, ($4 - $2) / exits
		else
			print "silicon counters not-supported"
	}' <<<"$empty $record"
}

case $#,${1-} in
0, | 1,quick)
	;;
*)
	echo "usage: silicon.sh [quick]" >&2
	exit 2
	;;
esac
[[ -e $exit_stats.c ]] || die "there is no $exit_stats.c: run scripts/base/tree.sh first"

build_silicon
"$out/silicon" "$@"
print_counters
