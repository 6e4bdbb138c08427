#!/bin/bash
# readers.sh [quick]: measure what readers cost, and how much memory the statistics take, with
# one and with many possible CPUs, in QEMU, where time is the number of instructions.  Boots
# the L1 that "initramfs.sh readers KERNEL" made, or that which L1 in the environment names,
# whose kernel has NR_CPUS of 256, or of 8 with "quick".  Prints one figure per line: those of
# scenario bench-readers.sh, and
#
#   memory loaded|cpu|vcpu|row|keys|left BYTES
#	the memory that the feature adds: when KVM is loaded, per possible CPU, per vCPU that
#	has not run yet, per row, per row on top of that with keys, and what is left of each
#	vCPU that is gone.  Slab pages that are in use in part, up to 40 KiB in all, make the
#	figures inexact: for up to 40 KiB, "cpu" is 0.
#
# Fails if a figure is missing, or impossible.  Everything but the figures goes to stderr.
. "$(dirname "$0")/lib.sh"

export L1=${L1:-readers}
case ${1-} in
'')
	cpus=(1 256)
	;;
quick)
	cpus=(1 8)
	;;
*)
	die "'$1' is not 'quick'"
	;;
esac
[ -f "$build/l1/$L1/initrd.cpio" ] ||
	die "there is no $build/l1/$L1/initrd.cpio: initramfs.sh makes it"

out=$build/readers
rm -rf "$out"
mkdir "$out"

# write_rom CPUS FILE: write the option ROM of mp_table.S.  The sum of its bytes must be 0, as
# firmware checks: the last byte makes it so.
write_rom()
{
	local sum

	gcc -c -DCPUS="$1" -o "$out/mp_table.o" "$top/scripts/bench/mp_table.S"
	objcopy -O binary -j .text "$out/mp_table.o" "$2"
	sum=$(od -An -v -t u1 -w1 "$2" | awk '{ sum += $1 } END { print (256 - sum % 256) % 256 }')
	truncate -s -1 "$2"
	# shellcheck disable=SC2059  # the byte is written by an escape in the format
	printf "\\x$(printf %x "$sum")" >>"$2"
}

for n in "${cpus[@]}"; do
	write_rom "$n" "$out/mp_table.$n"
	OPTION_ROM=$out/mp_table.$n step "readers-$n" "$top/scripts/lab/boot.sh" amd bench-readers >&2
	tr -d '\r' <"$build/run/amd/$L1/result.log" >"$out/figures.$n"
	grep -q "^rows $n " "$out/figures.$n" ||
		die "L1 did not have $n possible CPUs, see $out/figures.$n"
done

cat "${cpus[@]/#/$out/figures.}" | awk -v least="${cpus[0]}" -v most="${cpus[1]}" -v vcpus=512 '
	function fail(what) {
		print "readers.sh: " what > "/dev/stderr"
		failed = 1
		exit 1
	}

	# Return the bytes that the feature adds.
	function added(what, cpus) {
		if (!((what, "with", cpus) in bytes) || !((what, "without", cpus) in bytes))
			fail("\"slab " what "\" is missing")
		return bytes[what, "with", cpus] - bytes[what, "without", cpus]
	}

	# Return the mean of both numbers of possible CPUs, of which one vCPU, row etc. takes the
	# same: in which slabs objects are placed is chance.
	function mean(what) {
		return (added(what, least) + added(what, most)) / 2
	}

	$1 == "slab" { bytes[$2, $3, $4] = $5 }
	$1 == "rows" { rows[$2] = $3 }
	$1 == "read" || $1 == "end" {
		if ($NF !~ /^[1-9][0-9]*$/)
			fail("\"" $0 "\" has no number above 0")
		figures[$1]++
	}
	{ print }

	END {
		if (failed)
			exit 1
		if (figures["read"] != 36 || figures["end"] != 12)
			fail("there are " figures["read"] + 0 " figures of reads and " figures["end"] + 0 \
			     " of ends, must be 36 and 12")
		# Each vCPU has two rows at least: one of exits that go to user space, one of CPUID.
		if (rows[most] < 2 * vcpus)
			fail("the vCPUs have " rows[most] " rows only")
		print "memory loaded " added("loaded", least)
		cpu = added("loaded", most) - added("loaded", least)
		print "memory cpu " (cpu <= 40960 ? 0 : cpu / (most - least))
		nr_rows = (rows[least] + rows[most]) / 2
		printf "memory vcpu %.0f\n", mean("created") / vcpus
		printf "memory row %.0f\n", (mean("exited") - mean("created")) / nr_rows
		printf "memory keys %.0f\n", (mean("keyed") - mean("exited")) / nr_rows
		printf "memory left %.0f\n", mean("left") / (8 * vcpus)
	}'
