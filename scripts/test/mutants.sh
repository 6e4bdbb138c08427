#!/bin/bash
# make mutants [ONLY=PATTERN] [SAMPLE=N] [SEED=1]: break the code in small ways, one after the
# other, and check that the test fails which should find it.  ONLY selects mutants by their names,
# SAMPLE takes N of these at random, depending on SEED.
#
# The mutants are in scripts/test/mutants/*.mutants, in this form:
#
#	mutant NAME
#	law WHAT IT BREAKS
#	test KIND ARGUMENT...
#	file PATH
#	-line that is replaced
#	+line that it is replaced by
#	 line that stays
#
# The lines with "-" and " " together must be in the file exactly once.  KIND is that of a function
# test_KIND() below.  All happens in a copy of this repository, build/mutants, with a build
# directory of its own.
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

# Copy all tracked files, with changes that are not committed.
copy_repository()
{
	mkdir -p "$copy"
	find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	(cd "$top" && git ls-files -z | tar -cf - --null -T -) | tar -xf - -C "$copy"
	# No mutant changes the selftests, so they are built only once, by the first test that needs
	# them.
	rm -rf "$out/tests"

	# Discard changes there, which a mutant of an interrupted run has left.
	[ ! -d "$out/linux/.git" ] || {
		rm -f "$out/linux/.git/index.lock"
		git -C "$out/linux" checkout -q -f work
	}
}

# Make a directory for each mutant in build/mutants.list, with a file for each part of the mutant.
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

# Print the names that ONLY matches, or SAMPLE of these, shuffled by SEED.
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

# mutate NAME: write the mutated file, to be copied over the original
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

# ---- kinds of tests: build_KIND() builds what test_KIND() needs

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

# bats FILE: run a file of the tool's tests, up to the first test that fails
test_bats()
{
	KVM_EXIT_STAT=$out/tools/kvm/kvm_exit_stat/kvm_exit_stat \
		KVM_HEADER=$out/linux/include/uapi/linux/kvm.h \
		MSR_HEADER=$out/linux/arch/x86/include/asm/msr-index.h \
		timeout -k 5 "$LIMIT" env --default-signal=HUP \
		bats --formatter tap "$copy/tools/kvm/kvm_exit_stat/tests/$1" |
		awk '{ print } /^not ok/ { exit 1 }'
}

# promtool: run the tests of the Prometheus rules in rules_test.yml
test_promtool()
{
	timeout -k 5 "$LIMIT" "$out/prometheus/usr/bin/promtool" test rules \
		"$copy/tools/kvm/kvm_exit_stat/prometheus/rules_test.yml"
}

# passes LOG KIND ARGUMENT...: whether a test succeeds without a line "not ok"
passes()
{
	local log=$1
	shift

	"test_$1" "${@:2}" >"$log" 2>&1 </dev/null && ! grep -qE '^ *not ok' "$log"
}

# first_failure LOG: print the first line that says why a test failed
first_failure()
{
	{ grep -m 1 -E '^ *not ok|^ *(alertname|expr): ' "$1" || tail -n 1 "$1"; } |
		sed -E 's/^ +//' | cut -c 1-100
}

# ---- running the tests and the mutants

declare -A seconds_of

# test_unmutated TEST: a test must pass on the code as it is.  Note how long that takes: with a
# mutant, the test may take four times as long and a minute more before it counts as hanging.
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
