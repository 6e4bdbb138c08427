#!/bin/bash
# readers.sh [quick]: what readers cost, and how much memory tables take, by the number
# of possible CPUs, in QEMU, where time is the number of instructions.  Boots what
# "initramfs.sh readers KERNEL" made, or L1 from the environment, of a kernel with
# NR_CPUS of 256 or more.  "quick" has 1 and 8 CPUs only.  Prints, one figure per line,
# what scenario bench-readers.sh says of reads and rows, and
#
#   memory cpu|vcpu BYTES
#	per possible CPU, and per vCPU with a table
#   row empty|filled INSTRUCTIONS
#	to look at an empty row of one CPU; to add one that is filled to the sum
#   read WHAT 1024 empty|filled|busy INSTRUCTIONS model
#	with that many possible CPUs, by the straight line through all the figures;
#	"busy" is when the filled rows are filled on all CPUs, not only on one
#
# Fails if a figure is missing, or cannot be.  Everything but the figures goes to stderr.
# shellcheck source=lib.sh
. "$(dirname "$0")/../lib.sh"

export L1=${L1:-readers}
case ${1-} in
'')
	cpus=(1 8 64 256)
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

# write_rom CPUS FILE: its last byte has all of them add up to 0
write_rom()
{
	local sum

	gcc -c -DCPUS="$1" -o "$out/mp_table.o" "$top/scripts/bench/mp_table.S"
	objcopy -O binary -j .text "$out/mp_table.o" "$2"
	sum=$(od -An -v -t u1 -w1 "$2" | awk '{ sum += $1 } END { print (256 - sum % 256) % 256 }')
	truncate -s -1 "$2"
	# shellcheck disable=SC2059  # a byte is written as its format
	printf "\\x$(printf %x "$sum")" >>"$2"
}

for n in "${cpus[@]}"; do
	write_rom "$n" "$out/mp_table.$n"
	OPTION_ROM=$out/mp_table.$n step "readers-$n" "$top/scripts/boot.sh" amd bench-readers >&2
	tr -d '\r' <"$build/run/amd/$L1/result.log" >"$out/figures.$n"
	grep -q "^rows $n all " "$out/figures.$n" ||
		die "L1 did not have $n possible CPUs, see $out/figures.$n"
done

cat "${cpus[@]/#/$out/figures.}" | awk -v list="${cpus[*]}" -v model=1024 '
	function fail(what) {
		print "readers.sh: " what > "/dev/stderr"
		failed = 1
		exit 1
	}

	# A figure that the scenario must have printed
	function get(name) {
		if (!(name in figure))
			fail("\"" name "\" is missing")
		if (figure[name] !~ /^[1-9][0-9]*$/)
			fail("\"" name "\" is \"" figure[name] "\", must be a number above 0")
		return figure[name] + 0
	}

	# The cost of reading what, by the number of CPUs: fixed[what] + slope[what] * CPUs,
	# by least squares
	function fit(what, state,    i, n, x, y, xs, ys, xxs, xys, last) {
		for (i = 1; i <= points; i++) {
			x = cpus[i]
			y = get("read " what " " x " " state)
			if (i > 1 && y <= last)
				fail("reading " what ", " state ", takes " y " at " x " CPUs, and " \
				     last " at " cpus[i - 1])
			last = y
			xs += x
			ys += y
			xxs += x * x
			xys += x * y
		}
		slope[what] = (points * xys - xs * ys) / (points * xxs - xs * xs)
		fixed[what] = (ys - slope[what] * xs) / points
		for (i = 1; i <= points; i++) {
			y = get("read " what " " cpus[i] " " state)
			x = fixed[what] + slope[what] * cpus[i]
			if (x < 0.95 * y || x > 1.05 * y)
				fail("reading " what ", " state ", takes " y " at " cpus[i] \
				     " CPUs, and " x " would be linear")
		}
	}

	# Memory of that size comes in powers of two, of four pages at least.  What is left
	# are small objects, and what their caches keep, which is up to 40 KiB in all.
	function tables(name, bytes, count,    each, unit, n, noise) {
		each = bytes / count
		unit = 16384
		noise = 40960 / count
		if (noise < 1024)
			noise = 1024
		n = int(each / unit + 0.5)
		if (n < 1 || each - unit * n > noise || unit * n - each > noise)
			fail("memory per " name " is " each " bytes, must be a multiple of " unit)
		print "memory " name " " unit * n
	}

	function print_model(what, state, instructions) {
		printf "read %s %d %s %.0f model\n", what, model, state, instructions
	}

	$1 == "read" {
		figure[$1 " " $2 " " $3 " " $4] = $5
		figure["files " $2 " " $3 " " $4] = $6
		print
	}
	$1 == "rows" {
		figure[$1 " " $2 " " $3] = $4
		print
	}
	# The same in each boot: keep the last
	$1 == "memory" {
		figure[$1 " " $2 " " $3] = $4
		if ($2 == "vcpus")
			vcpus = $3
	}

	END {
		points = split(list, cpus)
		least = cpus[1]
		most = cpus[points]
		split("sysfs debugfs total", whats)
		for (i = 1; i in whats; i++) {
			what = whats[i]
			for (j = 1; j <= points; j++) {
				n = cpus[j]
				if (get("read " what " " n " filled") <= get("read " what " " n " empty"))
					fail("reading " what " at " n " CPUs takes no more if rows are filled")
				if (get("files " what " " n " filled") != get("files " what " " least " empty"))
					fail("the number of files of " what " differs")
			}
			fit(what, "filled")
			fit(what, "empty")
		}
		for (j = 1; j <= points; j++) {
			if (get("rows " cpus[j] " filled") >= get("rows " cpus[j] " all"))
				fail("no row is empty at " cpus[j] " CPUs")
			if (get("rows " cpus[j] " all") != get("rows " least " all"))
				fail("the number of rows differs")
		}

		tables("cpu", get("memory cpus " most) - get("memory cpus " least), most - least)
		tables("vcpu", get("memory vcpus " vcpus), vcpus)

		# The file total_exits is made from each row, once.
		filled = get("rows " most " filled")
		empty_row = slope["total"] / get("rows " most " all")
		filled_row = (get("read total " most " filled") - get("read total " most " empty")) / filled
		printf "row empty %.0f\nrow filled %.0f\n", empty_row, empty_row + filled_row

		for (i = 1; i in whats; i++) {
			what = whats[i]
			# How often a row is looked at for all the files
			times = slope[what] / slope["total"]
			cost = fixed[what] + slope[what] * model
			print_model(what, "empty", cost)
			cost += get("read " what " " most " filled") - get("read " what " " most " empty")
			print_model(what, "filled", cost)
			cost += (model - 1) * filled * filled_row * times
			print_model(what, "busy", cost)
		}
	}'
