#!/bin/bash
# make mutants [ONLY=PATTERN] [SAMPLE=N] [SEED=1]: break the code in small ways, one after the
# other, and see the test fail that is to find it.  ONLY are names, SAMPLE is how many of
# these, which SEED chooses.
#
# scripts/test/mutants/*.mutants have them:
#
#	mutant NAME
#	law WHAT IT BREAKS
#	test KIND ARGUMENT...
#	file PATH
#	-line that is there once, with its neighbours
#	+what it becomes
#	 line that stays
#
# All happens in a copy of this repository, build/mutants, with a build directory of its own.
# KIND is a function test_KIND() below.
. "$(dirname "$0")/lib.sh"

sample=${SAMPLE-}
seed=${SEED:-1}
only=${ONLY:-*}
[[ $sample =~ ^([1-9][0-9]{0,3})?$ ]] || die "SAMPLE is '$sample', must be 1 to 9999"
[[ $seed =~ ^(0|[1-9][0-9]{0,8})$ ]] || die "SEED is '$seed', must be 0 to 999999999"

copy=$build/mutants
list=$build/mutants.list
out=$copy/build
[ "$base_version" = "$default_base" ] || out=$copy/build/$base_version
log=$logs/mutants
mkdir -p "$log"

# The copy: files that are tracked, as they are here
copy_repository()
{
	mkdir -p "$copy"
	find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	(cd "$top" && git ls-files -z | tar -cf - --null -T -) | tar -xf - -C "$copy"
	# No mutant is in the selftests: they are built once, by the first test that takes them.
	rm -rf "$out/tests"

	# Whatever a run that was interrupted has left there is of a mutant.
	[ ! -d "$out/linux/.git" ] || {
		rm -f "$out/linux/.git/index.lock"
		git -C "$out/linux" checkout -q -f work
	}
}

# Of each mutant a directory in build/mutants.list, with a file for each part of it
read_list()
{
	rm -rf "$list"
	mkdir "$list"
	awk -v list="$list" '
		function wrong(what) {
			print FILENAME ":" FNR ": " what | "cat >&2"
			exit 1
		}
		function add(part, line) {
			print line >>(dir "/" part)
			close(dir "/" part)
		}
		/^#/ || /^$/ { next }
		$1 == "mutant" {
			if (NF != 2 || $2 !~ /^[a-z0-9-]+$/ || seen[$2]++)
				wrong("a name is one word, and nobody else has it")
			dir = list "/" $2
			system("mkdir " dir)
			next
		}
		dir == "" { wrong("before the first mutant") }
		/^(law|test|file) / {
			part = $1
			sub(/^[a-z]+ /, "")
			add(part, $0)
			next
		}
		/^[-+ ]/ {
			if (!/^\+/)
				add("old", substr($0, 2))
			if (!/^-/)
				add("new", substr($0, 2))
			next
		}
		{ wrong("no part of a mutant") }' "$top"/scripts/test/mutants/*.mutants

	local dir part kind
	for dir in "$list"/*; do
		for part in law test file old; do
			[ -s "$dir/$part" ] || die "mutant ${dir##*/} has no $part"
		done
		touch "$dir/new"
		read -r kind _ <"$dir/test"
		declare -F "test_$kind" >/dev/null || die "mutant ${dir##*/}: no kind of test: $kind"
	done
}

# The names that were asked for; SEED shuffles them
names()
{
	local dir name
	for dir in "$list"/*; do
		name=${dir##*/}
		# shellcheck disable=SC2053  # a pattern
		[[ $name != $only ]] || echo "$name"
	done | if [ -z "$sample" ]; then
		cat
	else
		shuf -n "$sample" --random-source=<(yes "$seed")
	fi
}

# mutate NAME: write what its file becomes
mutate()
{
	local dir=$list/$1 file
	file=$(<"$dir/file")
	[ -f "$copy/$file" ] || die "mutant $1 is stale: there is no $file"
	awk '
		FILENAME == ARGV[1] { old[++nr_old] = $0; next }
		FILENAME == ARGV[2] { new[++nr_new] = $0; next }
		{ line[++nr] = $0 }
		END {
			for (at = 1; at + nr_old - 1 <= nr; at++) {
				for (i = 0; i < nr_old && line[at + i] "" == old[i + 1] ""; i++)
					;
				if (i == nr_old) {
					found++
					from = at
				}
			}
			if (found != 1)
				exit 1
			for (i = 1; i < from; i++)
				print line[i]
			for (i = 1; i <= nr_new; i++)
				print new[i]
			for (i = from + nr_old; i <= nr; i++)
				print line[i]
		}' "$dir/old" "$dir/new" "$copy/$file" >"$dir/mutated" ||
		die "mutant $1 is stale: its lines are not in $file once"
}

# ---- kinds of tests: each builds what it takes, and runs

build_kunit()
{
	build_scenario
}

build_scenario()
{
	# shellcheck disable=SC2016  # of the copy
	bash -c '. "$0/scripts/lab/lib.sh" && build_kernel' "$copy" &&
		{ [ -d "$out/tests" ] || "$copy/scripts/lab/selftests.sh"; } &&
		"$copy/scripts/lab/initramfs.sh"
}

build_bats()
{
	"$copy/scripts/base/tree.sh" && "$copy/scripts/lab/tool.sh"
}

build_promtool()
{
	# shellcheck disable=SC2016  # of the copy
	bash -c '. "$0/scripts/test/lib.sh" && fetch_prometheus' "$copy"
}

# kunit MACHINE
test_kunit()
{
	test_scenario "$1" kunit
}

# scenario MACHINE NAME
test_scenario()
{
	local rc=0
	"$copy/scripts/lab/boot.sh" "$1" "$2" || rc=1
	tr -d '\r' <"$out/run/$1/$2/result.log"
	return "$rc"
}

# bats FILE: of the tool's tests, up to the first that fails
test_bats()
{
	KVM_EXIT_STAT=$out/tools/kvm/kvm_exit_stat/kvm_exit_stat \
		KVM_HEADER=$out/linux/include/uapi/linux/kvm.h \
		MSR_HEADER=$out/linux/arch/x86/include/asm/msr-index.h \
		timeout -k 5 "$LIMIT" env --default-signal=HUP \
		bats --formatter tap "$copy/tools/kvm/kvm_exit_stat/tests/$1" |
		awk '{ print } /^not ok/ { exit 1 }'
}

# promtool: what rules_test.yml says of the rules
test_promtool()
{
	timeout -k 5 "$LIMIT" "$out/prometheus/usr/bin/promtool" test rules \
		"$copy/tools/kvm/kvm_exit_stat/prometheus/rules_test.yml"
}

# passes LOG KIND ARGUMENT...: whether a test has come to its end, and no line of it is bad
passes()
{
	local log=$1
	shift

	"test_$1" "${@:2}" >"$log" 2>&1 </dev/null && ! grep -qE '^ *not ok' "$log"
}

# The first line that says why
first_failure()
{
	{ grep -m 1 -E '^ *not ok|^ *(alertname|expr): ' "$1" || tail -n 1 "$1"; } |
		sed -E 's/^ +//' | cut -c 1-100
}

# ---- all of it

declare -A seconds_of

# What is needed passes on the code as it is, and takes so long: a mutant that takes four
# times as long, and a minute, hangs.
test_unmutated()
{
	local text=$1 start words log=$log/unmutated-${1//[^a-z0-9]/-}
	read -ra words <<<"$text"

	"build_${words[0]}" >"$log.build" 2>&1 </dev/null || die "it does not build: see $log.build"
	start=$SECONDS
	LIMIT=1200 passes "$log.test" "${words[@]}" ||
		die "$text fails on the code as it is: see $log.test"
	seconds_of[$text]=$((SECONDS - start))
	printf '%-6s %s\n' "" "$text: passes on the code as it is, ${seconds_of[$text]} s"
}

test_mutant()
{
	local name=$1 dir=$list/$1 start=$SECONDS text file words log=$log/$1
	text=$(<"$dir/test")
	file=$(<"$dir/file")
	read -ra words <<<"$text"

	cp "$copy/$file" "$dir/original"
	cp "$dir/mutated" "$copy/$file"
	if ! "build_${words[0]}" >"$log.build" 2>&1 </dev/null; then
		report "not ok" "$name: does not build, see $log.build"
	elif LIMIT=$((4 * seconds_of[$text] + 60)) passes "$log.test" "${words[@]}"; then
		report "not ok" "$name: survived $text ($(<"$dir/law"))"
	else
		report ok "$name: killed by $text ($(first_failure "$log.test")), $((SECONDS - start)) s"
	fi
	cp "$dir/original" "$copy/$file"
}

copy_repository
read_list
mapfile -t mutants < <(names)
[ ${#mutants[@]} -gt 0 ] || die "ONLY is '$only': no mutant has such a name"
for name in "${mutants[@]}"; do
	mutate "$name"
done
mapfile -t tests < <(for name in "${mutants[@]}"; do cat "$list/$name/test"; done | sort -u)
for text in "${tests[@]}"; do
	test_unmutated "$text"
done
for name in "${mutants[@]}"; do
	test_mutant "$name"
done
report_totals
