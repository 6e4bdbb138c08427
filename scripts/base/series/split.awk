# split.awk -v path=PATH -v default_step=N -v steps=N -v out=DIRECTORY RULES LISTING: split the
# change of one file into steps.  LISTING is its diff, with the whole file as context.  Write the
# file as it is before all steps to DIRECTORY/0, and as it is after each step that changes it to
# DIRECTORY/STEP.  Print the steps that change it.
#
# RULES has lines of three fields that are separated by tabs: the step, the kind of rule (see
# plan), its argument; and for each line of a "change" one of the kind "-" or "+".
#
# A line is in the file from step first[line] on, and no longer in it from step end[line] on.

function fail(message)
{
	print "series.sh: " path ": " message >"/dev/stderr"
	failed = 1
	exit 1
}

function max(a, b)
{
	return a > b ? a : b
}

function quoted(lines)
{
	gsub(/\n/, "\n    ", lines)
	return "\n    " lines
}

function is_present(line, step)
{
	return first[line] <= step && step < end[line]
}

function next_present(line, step)
{
	do
		line = successor[line]
	while (line && !is_present(line, step))
	return line
}

# Give the lines of each block the block's number.  A block is a function, a struct or another
# piece between blank lines, with its comment; an #else begins a block, too.  Lines that are
# unchanged from the base are in no block.
function find_blocks(	i, inside)
{
	for (i = 1; i <= lines; i++) {
		if (mark[i] == " ") {
			inside = 0
			continue
		}
		if (i == 1 || mark[i - 1] == " " || text[i] ~ /^#else/ ||
		    (!inside && text[i - 1] == "" && text[i] ~ /^[^ \t}]/))
			blocks++
		block[i] = blocks
		if (text[i] ~ /^#else/)
			is_alternative[blocks] = 1
		if (text[i] ~ /^[^ \t].*\{$/ || text[i] == "{")
			inside = 1
		else if (text[i] ~ /^}/)
			inside = 0
	}
}

# Whether a line begins the definition of @name, or declares it
function defines(line, name)
{
	return line ~ ("^#define " name "([^A-Za-z0-9_]|$)") ||
		line ~ ("^(struct|enum|union|config) " name "( \\{)?$") ||
		line ~ ("^[a-z ]*[A-Z_]+\\(" name "[,)]") ||
		line ~ ("^[a-z][^(]*[ *]" name "(\\(| *[=;[]| +_)")
}

# Have the blocks that define one of the names come with the step of the rule.  Blocks after an
# #else are left out: they define the same names once more, for another configuration.
function apply_def(rule,	names, n, i, j, found)
{
	n = split(arg[rule], names, " ")
	for (j = 1; j <= n; j++) {
		found = 0
		for (i = 1; i <= lines; i++) {
			if (mark[i] != "+" || is_alternative[block[i]] || !defines(text[i], names[j]))
				continue
			block_step[block[i]] = max(block_step[block[i]], step_of[rule])
			found = 1
		}
		if (!found)
			fail("the plan has a definition that is not there: " names[j])
	}
}

# How many parentheses of a line are still open at its end
function open_parentheses(line)
{
	return gsub(/\(/, "", line) - gsub(/\)/, "", line)
}

function apply_lines(rule, from, to, optional,	i, open, ranged, found)
{
	for (i = 1; i <= lines; i++) {
		if (mark[i] == " ") {
			open = ranged = 0
			continue
		}
		if (!ranged && open <= 0) {
			if (text[i] !~ from)
				continue
			found = 1
			open = 0
			ranged = to != ""
		}
		line_step[i] = max(line_step[i], step_of[rule])
		if (to == "")
			open += open_parentheses(text[i])
		else if (text[i] ~ to)
			ranged = 0
	}
	if (ranged)
		fail("the plan has lines without an end: " arg[rule])
	if (!found && !optional)
		fail("the plan has lines that are not there: " arg[rule])
}

# Apply a "change": find its new lines, one after the other, have them come with its step, and
# insert its old lines, which end with that step, before them.
function apply_change(rule,	step, line, i, at, found, last, old)
{
	step = step_of[rule]
	if (!news[rule])
		fail("the plan has a change without new lines")

	for (line = next_present(0, step); line; line = next_present(line, step)) {
		at = line
		for (i = 1; at && i <= news[rule] && text[at] == new[rule, i]; i++) {
			last = at
			at = next_present(at, step)
		}
		if (i <= news[rule])
			continue
		if (found)
			fail("the plan changes lines that are there twice:" quoted(all_new[rule]))
		found = line
	}
	if (!found)
		fail("the plan changes lines that are not there:" quoted(all_new[rule]))
	old = first[found]
	at = found
	for (i = 1; i <= news[rule]; i++) {
		if (mark[at] != "+")
			fail("the plan changes lines that are none of the patch:" quoted(all_new[rule]))
		if (first[at] >= step && olds[rule])
			fail("the plan changes lines that are not older than that:" quoted(all_new[rule]))
		first[at] = step
		at = next_present(at, step)
	}

	last = predecessor[found]
	for (i = 1; i <= olds[rule]; i++) {
		lines++
		text[lines] = gone[rule, i]
		mark[lines] = "+"
		first[lines] = old
		end[lines] = step
		link(last, lines)
		last = lines
	}
}

# Insert @line into the list after @last.
function link(last, line)
{
	successor[line] = successor[last]
	predecessor[line] = last
	predecessor[successor[last]] = line
	successor[last] = line
}

# Whether lines of a later step, which are missing in this step, are between @before and @after;
# 0 as one of these is the beginning or the end of the file
function is_hole(before, after, step,	line)
{
	for (line = successor[before]; line != after; line = successor[line]) {
		if (first[line] > step)
			return 1
	}
	return 0
}

function is_base(line)
{
	return line && mark[line] != "+"
}

# Whether a blank line, next to lines of later steps, which are missing, would be one too many
function is_spare(line, before, after, step)
{
	if (text[line] != "" || mark[line] != "+" ||
	    !(is_hole(before, line, step) || is_hole(line, after, step)))
		return 0
	return !before || !after || text[before] == "" || text[after] == "" ||
		text[before] ~ /\{$/ || text[after] ~ /^[ \t]*}/ || (is_base(before) && is_base(after))
}

# Have a blank line come with a later step if it separates nothing yet in this one.
function drop_spare_lines(step,	line, before, again)
{
	do {
		again = before = 0
		for (line = next_present(0, step); line; line = next_present(line, step)) {
			if (is_spare(line, before, next_present(line, step), step)) {
				first[line] = step + 1
				again = 1
			} else {
				before = line
			}
		}
	} while (again)
}

function write_version(step,	line, file)
{
	file = out "/" step
	printf "" >file
	for (line = next_present(0, step); line; line = next_present(line, step))
		print text[line] >file
	close(file)
}

BEGIN {
	FS = "\t"
	infinity = steps + 1
}

NR == FNR {
	argument = $0
	sub(/^[^\t]*\t[^\t]*\t/, "", argument)
	if ($2 == "-") {
		gone[rules, ++olds[rules]] = argument
	} else if ($2 == "+") {
		new[rules, ++news[rules]] = argument
		all_new[rules] = all_new[rules] (news[rules] > 1 ? "\n" : "") argument
	} else {
		rules++
		step_of[rules] = $1
		kind[rules] = $2
		arg[rules] = argument
	}
	next
}

/^\\/ {
	fail("its last line has no end")
}

{
	lines++
	mark[lines] = substr($0, 1, 1)
	text[lines] = substr($0, 2)
}

END {
	if (failed)
		exit 1
	find_blocks()
	for (rule = 1; rule <= rules; rule++) {
		optional = sub(/\?$/, "", kind[rule])
		if (kind[rule] == "def") {
			apply_def(rule)
		} else if (kind[rule] == "line") {
			apply_lines(rule, arg[rule], "", optional)
		} else if (kind[rule] == "lines") {
			if (split(arg[rule], range, / \.\. /) != 2)
				fail("the plan has lines that are not FIRST .. LAST: " arg[rule])
			apply_lines(rule, range[1], range[2], optional)
		}
	}

	for (i = 1; i <= lines; i++) {
		step = max(block_step[block[i]], line_step[i])
		step = step ? step : default_step
		first[i] = mark[i] == "+" ? step : 0
		end[i] = mark[i] == "-" ? step : infinity
		link(i - 1, i)
	}
	for (rule = rules; rule; rule--) {
		if (kind[rule] == "change")
			apply_change(rule)
	}
	for (step = steps - 1; step >= 0; step--)
		drop_spare_lines(step)

	for (i = 1; i <= lines; i++) {
		changes[first[i]] = 1
		changes[end[i]] = 1
	}
	write_version(0)
	for (step = 1; step <= steps; step++) {
		if (step in changes) {
			write_version(step)
			print step
		}
	}
}
