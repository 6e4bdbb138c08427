# SPDX-License-Identifier: GPL-2.0
# Make a table of the names of MSRs, sorted by number, from the headers of the kernel.
#
# If several macros have the same number, prefer a name that does not begin with a CPU model,
# then the one with the fewest words, then the shortest, then the first in the alphabet.

function is_better(a, b,	words_a, words_b)
{
	if ((a ~ /^(P4|K6|ATOM|IDT|GEODE)_/) != (b ~ /^(P4|K6|ATOM|IDT|GEODE)_/))
		return b ~ /^(P4|K6|ATOM|IDT|GEODE)_/
	words_a = gsub(/_/, "_", a)
	words_b = gsub(/_/, "_", b)
	if (words_a != words_b)
		return words_a < words_b
	if (length(a) != length(b))
		return length(a) < length(b)
	return a < b
}

# Numbers of MSRs are hexadecimal.  Skip all else: bits are decimal or in parentheses, and
# an alias of an MSR is defined as the name of another macro.
$1 == "#define" && $2 ~ /^MSR_[A-Za-z0-9_]+$/ && $3 ~ /^0[xX][0-9A-Fa-f]+$/ {
	number = tolower(substr($3, 3))
	sub(/^0+/, "", number)
	if (length(number) > 8)
		next
	number = substr("00000000", length(number) + 1) number
	name = substr($2, 5)
	if (!(number in names) || is_better(name, names[number]))
		names[number] = name
}

END {
	print "/* Made by msr_names.awk */"
	print "#include \"key_name.h\"\n"
	print "const struct msr_name msr_names[] = {"
	fflush()
	# sort(1) compares text, which is right for numbers that all have eight digits.
	sort = "LC_ALL=C sort"
	for (number in names) {
		print "\t{ 0x" number ", \"" names[number] "\" }," | sort
		n++
	}
	close(sort)
	print "};\n"
	print "const size_t nr_msr_names = " n + 0 ";"
	exit n < 100
}
