// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "diff.h"
#include "json_line.h"
#include "key_name.h"
#include "proc.h"
#include "record.h"

const char * const gate_names[NR_GATES] = {
	[GATE_COUNT] = "count",
	[GATE_MEAN] = "mean",
	[GATE_P99] = "p99",
	[GATE_TOTAL] = "total",
	[GATE_TAX] = "tax",
};

/* One side of a comparison */
struct side {
	const char *path;
	/* The path, without control characters */
	char name[PATH_MAX];
	struct snapshot snapshot;
	struct style style;
};

static enum status load_side(struct side *side, const char *path, enum format format, bool time)
{
	struct recording recording;
	enum status status;

	side->path = path;
	snprintf(side->name, sizeof(side->name), "%s", path);
	make_printable(side->name);
	status = load_recording(&recording, path);
	if (status)
		return status;
	status = summarize_recording(&side->snapshot, &recording, path);
	free_recording(&recording);
	if (status)
		return status;

	return make_style(&side->style, format == FORMAT_HUMAN, time, &side->snapshot, path);
}

static const struct reason none;

/* Whether there is an exit of that reason: in a recording, its count can be 0. */
static bool occurred(const struct side *side, const char *name)
{
	for (size_t i = 0; i < side->snapshot.nr_reasons; i++) {
		if (side->snapshot.reasons[i].count &&
		    is_name(side->snapshot.reasons[i].name, name))
			return true;
	}
	return false;
}

/* A value of both sides, and how much the second exceeds the first */
struct pair {
	enum kind kind;
	struct value a;
	struct value b;
	/* In percent; infinite for a rise from 0 */
	double change;
	struct value percent;
};

/* A line of the table: a reason or, if @key is set, one key of that reason */
struct comparison {
	const char *name;
	const char *key;
	char key_name[KEY_NAME_LEN];
	/* By enum gate.  Between recordings, the changes of count and total are per second. */
	struct pair pairs[NR_GATES];
	struct pair rate;
	/* The number of exits on the side that has fewer, and on the side that has more */
	uint64_t least;
	uint64_t most;
	/* What lines are sorted by */
	double change;
};

struct diff {
	const struct side *a;
	const struct side *b;
	const struct gates *gates;
	enum format format;
	/* Both files are recordings, i.e. have a length by which to compare rates. */
	bool rates;
	/* Converts cycles of b to cycles of a, as the TSC of each can have another frequency. */
	double scale;
	struct comparison *lines;
	size_t nr;
	/* Lines of keys, in the order of the lines of reasons; NULL unless both files have keys */
	struct comparison *keys;
	size_t nr_keys;
	struct comparison total;
};

/* @a and @b are the values before rounding, in the same unit. */
static void set_change(struct pair *pair, double a, double b)
{
	if (!pair->a.known || !pair->b.known)
		return;
	/* Multiply before dividing, for a change by a whole percentage to be exact. */
	pair->change = a > 0 ? (b - a) * 100 / a : b > 0 ? INFINITY : 0;
	pair->percent = (struct value){ .known = isfinite(pair->change), .d = pair->change };
}

static double exact_mean(const struct reason *reason)
{
	return (double)reason->cycles.total / (double)times_count(&reason->cycles);
}

static struct value rate_of(const struct side *side, uint64_t count)
{
	return (struct value){
		.known = side->snapshot.interval,
		.d = side->snapshot.interval ? (double)count / side->snapshot.seconds : 0,
	};
}

static struct value tax_of(const struct side *side, const struct reason *reason)
{
	double life = snapshot_life(&side->snapshot);

	return (struct value){
		.known = life > 0,
		.d = life > 0 ? (double)reason->away.total * 100 / life : 0,
	};
}

/* Set count, rate and total.  Between recordings, compare the values per second. */
static void compare_sums(const struct diff *diff, struct comparison *line, uint64_t count_a,
			 uint64_t count_b, uint64_t cycles_a, uint64_t cycles_b)
{
	double per_a = diff->rates ? diff->a->snapshot.seconds : 1;
	double per_b = diff->rates ? diff->b->snapshot.seconds : 1;
	struct pair *pairs = line->pairs;

	line->least = min(count_a, count_b);
	line->most = max(count_a, count_b);

	line->rate = (struct pair){
		.kind = KIND_RATE,
		.a = rate_of(diff->a, count_a),
		.b = rate_of(diff->b, count_b),
	};
	pairs[GATE_COUNT] = (struct pair){
		.kind = KIND_COUNT,
		.a = { .known = true, .n = count_a },
		.b = { .known = true, .n = count_b },
	};
	set_change(&pairs[GATE_COUNT], (double)count_a / per_a, (double)count_b / per_b);

	pairs[GATE_TOTAL] = (struct pair){
		.kind = KIND_CYCLES,
		.a = { .known = true, .n = cycles_a },
		.b = { .known = true, .n = cycles_b },
	};
	set_change(&pairs[GATE_TOTAL], (double)cycles_a / per_a,
		   (double)cycles_b * diff->scale / per_b);
}

/* A reason that never occurred has a count, 0, but neither a mean nor a percentile. */
static void compare(const struct diff *diff, struct comparison *line, const struct reason *x,
		    const struct reason *y)
{
	/* An interval has no extrema to bound its P99 by: then use them on neither side. */
	bool interval = diff->a->snapshot.interval || diff->b->snapshot.interval;
	struct pair *pairs = line->pairs;

	compare_sums(diff, line, x->count, y->count, x->cycles.total, y->cycles.total);

	pairs[GATE_MEAN] = (struct pair){
		.kind = KIND_CYCLES,
		.a = average_of(&x->cycles),
		.b = average_of(&y->cycles),
	};
	set_change(&pairs[GATE_MEAN], exact_mean(x), exact_mean(y) * diff->scale);

	pairs[GATE_P99] = (struct pair){
		.kind = KIND_CYCLES,
		.a = quantile_of(&x->cycles, 0.99, interval),
		.b = quantile_of(&y->cycles, 0.99, interval),
	};
	set_change(&pairs[GATE_P99], (double)pairs[GATE_P99].a.n,
		   (double)pairs[GATE_P99].b.n * diff->scale);

	pairs[GATE_TAX] = (struct pair){
		.kind = KIND_PERCENT,
		.a = tax_of(diff->a, x),
		.b = tax_of(diff->b, y),
	};
	set_change(&pairs[GATE_TAX], pairs[GATE_TAX].a.d, pairs[GATE_TAX].b.d);
}

/* Add @reason to @sum, including the histogram and the extrema, which a percentile needs. */
static void add_reason(struct reason *sum, const struct reason *reason)
{
	if (times_count(&reason->cycles) &&
	    (!times_count(&sum->cycles) || reason->cycles.min < sum->cycles.min))
		sum->cycles.min = reason->cycles.min;
	if (reason->cycles.max > sum->cycles.max)
		sum->cycles.max = reason->cycles.max;
	for (size_t i = 0; i < NR_BUCKETS; i++)
		add_to(&sum->cycles.hist[i], reason->cycles.hist[i]);
	add_to(&sum->count, reason->count);
	add_to(&sum->cycles.total, reason->cycles.total);
	add_to(&sum->away.total, reason->away.total);
}

/*
 * Whether a rise of @gate counts.  A mean or a percentile needs enough exits on both sides,
 * as that of a few says nothing; for counts and sums, enough exits on one side will do.
 * The mean and the P99 of the total never count: they also change with the shares of reasons.
 */
static bool is_gated(const struct diff *diff, const struct comparison *line, enum gate gate)
{
	bool of_one = gate == GATE_MEAN || gate == GATE_P99;

	if (line == &diff->total && of_one)
		return false;
	return (of_one ? line->least : line->most) >= diff->gates->min_count;
}

/* The largest rise of the values that have a limit or, if none has, of count, mean and P99 */
static double sort_key(const struct diff *diff, const struct comparison *line)
{
	double largest = -INFINITY;
	bool any = false;

	for (size_t i = 0; i < NR_GATES; i++)
		any |= diff->gates->limits[i] >= 0;
	for (size_t i = 0; i < NR_GATES; i++) {
		const struct pair *pair = &line->pairs[i];

		if (any ? diff->gates->limits[i] < 0 : i == GATE_TOTAL || i == GATE_TAX)
			continue;
		if (pair->a.known && pair->b.known && is_gated(diff, line, i) &&
		    pair->change > largest)
			largest = pair->change;
	}
	return largest;
}

static int compare_lines(const void *a, const void *b)
{
	const struct comparison *x = a, *y = b;

	return ((y->change > x->change) - (y->change < x->change)) ?: strcmp(x->name, y->name);
}

/* Whether a reason was asked for, ignoring case: without @names, all reasons are. */
static bool is_wanted(const char *name, char * const names[], size_t nr_names)
{
	for (size_t i = 0; i < nr_names; i++) {
		if (is_name(names[i], name))
			return true;
	}
	return nr_names == 0;
}

/* Make a line for each wanted reason that has exits in a or b, and the total. */
static enum status make_lines(struct diff *diff, char * const wanted[], size_t nr_wanted)
{
	const struct snapshot *a = &diff->a->snapshot, *b = &diff->b->snapshot;
	struct reason sum_a = {}, sum_b = {};

	diff->lines = calloc(a->nr_reasons + b->nr_reasons + 1, sizeof(*diff->lines));
	if (!diff->lines)
		return fail(STATUS_SYSTEM, "out of memory");

	for (size_t i = 0; i < a->nr_reasons + b->nr_reasons; i++) {
		const struct reason *reason = i < a->nr_reasons ? &a->reasons[i] :
							      &b->reasons[i - a->nr_reasons];
		const struct reason *x = snapshot_find(a, reason->name) ?: &none;
		const struct reason *y = snapshot_find(b, reason->name) ?: &none;
		struct comparison *line = &diff->lines[diff->nr];

		if ((i >= a->nr_reasons && x != &none) || (!x->count && !y->count) ||
		    !is_wanted(reason->name, wanted, nr_wanted))
			continue;
		line->name = reason->name;
		compare(diff, line, x, y);
		line->change = sort_key(diff, line);
		diff->nr++;
		add_reason(&sum_a, x);
		add_reason(&sum_b, y);
	}
	qsort(diff->lines, diff->nr, sizeof(*diff->lines), compare_lines);

	diff->total.name = "TOTAL";
	compare(diff, &diff->total, &sum_a, &sum_b);
	return STATUS_OK;
}

static struct value key_mean(const struct key *key)
{
	return (struct value){
		.known = key->count,
		.n = key->count ? key->cycles / key->count : 0,
	};
}

/* A key has neither a histogram nor an away time: its P99 and its tax are not known. */
static void compare_key(const struct diff *diff, struct comparison *line, const struct key *x,
			const struct key *y)
{
	struct pair *mean = &line->pairs[GATE_MEAN];

	compare_sums(diff, line, x->count, y->count, x->cycles, y->cycles);
	*mean = (struct pair){ .kind = KIND_CYCLES, .a = key_mean(x), .b = key_mean(y) };
	if (mean->a.known && mean->b.known)
		set_change(mean, (double)x->cycles / (double)x->count,
			   (double)y->cycles / (double)y->count * diff->scale);
	line->pairs[GATE_P99].kind = KIND_CYCLES;
	line->pairs[GATE_TAX].kind = KIND_PERCENT;
}

static const struct key no_key;

static const struct key *find_key(const struct snapshot *snapshot, const char *reason,
				  const char *text)
{
	for (size_t i = 0; i < snapshot->nr_keys; i++) {
		const struct key *key = &snapshot->keys[i];

		if (!strcmp(key->text, text) &&
		    !strcmp(snapshot->reasons[key->reason].name, reason))
			return key;
	}
	return &no_key;
}

/* Sort keys like reasons, but put "other", i.e. the exits without a key, last. */
static int compare_key_lines(const void *a, const void *b)
{
	const struct comparison *x = a, *y = b;
	bool x_is_rest = !strcmp(x->key, KEY_OTHER), y_is_rest = !strcmp(y->key, KEY_OTHER);

	return (x_is_rest - y_is_rest) ?: ((y->change > x->change) - (y->change < x->change)) ?:
	       strcmp(x->key, y->key);
}

/* Append a line for each key that a reason has in a or b. */
static void add_key_lines(struct diff *diff, const char *reason)
{
	const struct snapshot *a = &diff->a->snapshot, *b = &diff->b->snapshot;
	struct comparison *first = &diff->keys[diff->nr_keys], *line = first;

	for (size_t i = 0; i < a->nr_keys + b->nr_keys; i++) {
		const struct snapshot *its = i < a->nr_keys ? a : b;
		const struct key *key = &its->keys[i < a->nr_keys ? i : i - a->nr_keys];
		const struct key *x, *y;

		if (strcmp(its->reasons[key->reason].name, reason))
			continue;
		x = find_key(a, reason, key->text);
		y = find_key(b, reason, key->text);
		if ((its == b && x != &no_key) || (!x->count && !y->count))
			continue;
		line->name = reason;
		line->key = key->text;
		make_key_name(line->key_name, key->text);
		compare_key(diff, line, x, y);
		line->change = line->pairs[GATE_COUNT].change;
		line++;
	}
	qsort(first, (size_t)(line - first), sizeof(*first), compare_key_lines);
	diff->nr_keys += (size_t)(line - first);
}

/* A file without keys may be from when they were not recorded: then there is no comparison. */
static enum status make_key_lines(struct diff *diff)
{
	size_t nr_a = diff->a->snapshot.nr_keys, nr_b = diff->b->snapshot.nr_keys;

	if (!nr_a || !nr_b)
		return STATUS_OK;
	diff->keys = calloc(nr_a + nr_b, sizeof(*diff->keys));
	if (!diff->keys)
		return fail(STATUS_SYSTEM, "out of memory");
	for (size_t i = 0; i < diff->nr; i++)
		add_key_lines(diff, diff->lines[i].name);
	return STATUS_OK;
}

/* The value of a pair that a column shows */
enum part {
	SIDE_A,
	SIDE_B,
	CHANGE,
};

#define OF(field)	.offset = offsetof(struct comparison, field)

/*
 * All columns after the first one, which is the reason.  TOTAL_A and TOTAL_B are left out,
 * since they are COUNT times MEAN.
 */
static const struct {
	const char *name;
	enum part part;
	size_t offset;
} columns[] = {
	{ "COUNT_A", SIDE_A, OF(pairs[GATE_COUNT]) },
	{ "COUNT_B", SIDE_B, OF(pairs[GATE_COUNT]) },
	{ "COUNT%", CHANGE, OF(pairs[GATE_COUNT]) },
	{ "MEAN_A", SIDE_A, OF(pairs[GATE_MEAN]) },
	{ "MEAN_B", SIDE_B, OF(pairs[GATE_MEAN]) },
	{ "MEAN%", CHANGE, OF(pairs[GATE_MEAN]) },
	{ "P99_A", SIDE_A, OF(pairs[GATE_P99]) },
	{ "P99_B", SIDE_B, OF(pairs[GATE_P99]) },
	{ "P99%", CHANGE, OF(pairs[GATE_P99]) },
	{ "RATE_A", SIDE_A, OF(rate) },
	{ "RATE_B", SIDE_B, OF(rate) },
	{ "TOTAL%", CHANGE, OF(pairs[GATE_TOTAL]) },
	{ "TAX_A", SIDE_A, OF(pairs[GATE_TAX]) },
	{ "TAX_B", SIDE_B, OF(pairs[GATE_TAX]) },
	{ "TAX%", CHANGE, OF(pairs[GATE_TAX]) },
};

static const struct pair *pair_of(const struct comparison *line, size_t column)
{
	return (const struct pair *)((const char *)line + columns[column].offset);
}

/* For people, rates and the exit tax are left out if neither side has them. */
static bool is_shown(const struct diff *diff, size_t column)
{
	const struct pair *pair = pair_of(&diff->total, column);

	if (diff->format != FORMAT_HUMAN ||
	    (pair->kind != KIND_RATE && pair->kind != KIND_PERCENT))
		return true;
	return pair->a.known || pair->b.known;
}

/* A value of a line, and how it is printed */
struct cell {
	enum kind kind;
	const struct value *value;
	const struct style *style;
};

static struct cell get_cell(const struct diff *diff, const struct comparison *line, size_t column)
{
	const struct pair *pair = pair_of(line, column);

	switch (columns[column].part) {
	case SIDE_A:
		return (struct cell){ pair->kind, &pair->a, &diff->a->style };
	case SIDE_B:
		return (struct cell){ pair->kind, &pair->b, &diff->b->style };
	default:
		return (struct cell){ KIND_PERCENT, &pair->percent, &diff->a->style };
	}
}

/* For people, keys are lines of a tree, and need no columns. */
static bool has_key_columns(const struct diff *diff)
{
	return diff->keys && diff->format != FORMAT_HUMAN;
}

static void add_line(struct table *table, const struct diff *diff,
		     const struct comparison *line)
{
	bool human = diff->format == FORMAT_HUMAN;
	size_t shown = 0;

	table_line(table, line->key);
	table_cell(table, shown++, human && line->key ? line->key_name : line->name);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		struct cell cell = get_cell(diff, line, i);
		char text[VALUE_LEN];

		if (!is_shown(diff, i))
			continue;
		format_value(text, cell.kind, cell.value, cell.style);
		/* A rise from 0 has no percentage. */
		if (human && columns[i].part == CHANGE &&
		    isinf(pair_of(line, i)->change))
			snprintf(text, sizeof(text), "from 0");
		table_cell(table, shown++, text);
	}
	if (has_key_columns(diff)) {
		table_cell(table, shown++, line->key ?: "");
		table_cell(table, shown, line->key_name);
	}
}

static void json_add_side(struct json_object *to, const char *name, const struct side *side)
{
	struct json_object *object = json_add(to, name, json_object_new_object());

	json_add(object, "file", json_object_new_string(side->name));
	json_add_about(object, &side->snapshot, &side->style);
}

static void json_add_values(struct json_object *to, const struct diff *diff,
			    const struct comparison *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		struct cell cell = get_cell(diff, line, i);

		json_add_value(to, columns[i].name, cell.kind, cell.value, cell.style);
	}
}

static void json_add_keys(struct json_object *to, const struct diff *diff, const char *reason)
{
	struct json_object *keys = json_add(to, "keys", json_object_new_array());

	for (size_t i = 0; i < diff->nr_keys; i++) {
		struct json_object *line;

		if (strcmp(diff->keys[i].name, reason))
			continue;
		line = json_object_new_object();
		json_add(line, "key", json_object_new_string(diff->keys[i].key));
		json_add(line, "key_name", json_object_new_string(diff->keys[i].key_name));
		json_add_values(line, diff, &diff->keys[i]);
		json_append(keys, line);
	}
}

static enum status print_lines_json(const struct diff *diff)
{
	struct json_object *object = json_object_new_object(), *lines, *total;

	json_add(object, "schema", json_object_new_int(SCHEMA_VERSION));
	json_add_side(object, "a", diff->a);
	json_add_side(object, "b", diff->b);
	lines = json_add(object, "reasons", json_object_new_array());
	for (size_t i = 0; i < diff->nr; i++) {
		struct json_object *line = json_object_new_object();

		json_add(line, "reason", json_object_new_string(diff->lines[i].name));
		json_add_values(line, diff, &diff->lines[i]);
		if (diff->keys)
			json_add_keys(line, diff, diff->lines[i].name);
		json_append(lines, line);
	}
	total = json_add(object, "total", json_object_new_object());
	json_add_values(total, diff, &diff->total);
	return json_print(stdout, object);
}

static enum status print_lines(const struct diff *diff)
{
	struct table table;
	size_t key = 0;

	if (diff->format == FORMAT_JSON)
		return print_lines_json(diff);

	table_begin(&table, diff->format);
	table_column(&table, "REASON", KIND_TEXT, diff->keys);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		if (is_shown(diff, i))
			table_column(&table, columns[i].name, KIND_COUNT, false);
	}
	if (has_key_columns(diff)) {
		table_column(&table, "KEY", KIND_TEXT, false);
		table_column(&table, "KEY_NAME", KIND_TEXT, false);
	}
	for (size_t i = 0; i < diff->nr; i++) {
		add_line(&table, diff, &diff->lines[i]);
		/* Keys are in the order of the reasons, i.e. those of this line come next. */
		for (; key < diff->nr_keys && diff->keys[key].name == diff->lines[i].name; key++)
			add_line(&table, diff, &diff->keys[key]);
	}
	if (diff->nr)
		add_line(&table, diff, &diff->total);
	return table_print(&table);
}

/* Write what rose by more than its limit.  False if nothing did. */
static bool find_above(FILE *file, const struct diff *diff, const struct comparison *line)
{
	bool any = false;

	for (size_t i = 0; i < NR_GATES; i++) {
		const struct pair *pair = &line->pairs[i];

		if (diff->gates->limits[i] < 0 || !is_gated(diff, line, i) ||
		    !(pair->change > diff->gates->limits[i]))
			continue;
		if (isinf(pair->change))
			fprintf(file, " %s %s from 0,", line->name, gate_names[i]);
		else
			fprintf(file, " %s %s %+.2f%% > %g%%,", line->name, gate_names[i],
				pair->change, diff->gates->limits[i]);
		any = true;
	}
	return any;
}

static enum status check_gates(const struct diff *diff)
{
	enum status status = STATUS_OK;
	char *above = NULL;
	bool any = false;
	size_t size;
	FILE *file = open_memstream(&above, &size);

	if (!file)
		return fail(STATUS_SYSTEM, "out of memory");
	for (size_t i = 0; i < diff->nr; i++)
		any |= find_above(file, diff, &diff->lines[i]);
	any |= find_above(file, diff, &diff->total);
	if (fclose(file))
		status = fail(STATUS_SYSTEM, "out of memory");
	else if (any)
		status = fail(STATUS_ABOVE, "--fail-above:%.*s", (int)size - 1, above);
	free(above);
	return status;
}

static enum status compare_sides(const struct side *a, const struct side *b,
				 char * const wanted[], size_t nr_wanted,
				 const struct gates *gates, enum format format)
{
	struct diff diff = { .a = a, .b = b, .gates = gates, .format = format, .scale = 1 };
	enum status status;

	if (strcmp(a->snapshot.isa, b->snapshot.isa))
		return fail(STATUS_BAD_FILE, "%s is of %s, %s of %s: nothing to compare", a->path,
			    a->snapshot.isa, b->path, b->snapshot.isa);
	for (size_t i = 0; i < nr_wanted; i++) {
		if (!occurred(a, wanted[i]) && !occurred(b, wanted[i]))
			return fail(STATUS_USAGE,
				    "%s: neither %s nor %s has an exit of that reason", wanted[i],
				    a->path, b->path);
	}
	if (a->snapshot.tsc_khz && b->snapshot.tsc_khz)
		diff.scale = (double)a->snapshot.tsc_khz / (double)b->snapshot.tsc_khz;
	diff.rates = a->snapshot.interval && b->snapshot.interval;

	status = make_lines(&diff, wanted, nr_wanted) ?: make_key_lines(&diff);
	if (status)
		goto out;
	if (format == FORMAT_HUMAN)
		printf("%s, A: %s, %s; B: %s, %s; in handling\n\n", a->snapshot.isa, a->name,
		       a->snapshot.scope, b->name, b->snapshot.scope);
	status = print_lines(&diff) ?: check_gates(&diff);
out:
	free(diff.lines);
	free(diff.keys);
	return status;
}

enum status print_diff(const char *a, const char *b, char * const names[], size_t nr_names,
		       const struct gates *gates, enum format format, bool time)
{
	struct side sides[2] = {};
	enum status status;

	status = load_side(&sides[0], a, format, time);
	if (!status)
		status = load_side(&sides[1], b, format, time);
	if (!status)
		status = compare_sides(&sides[0], &sides[1], names, nr_names, gates, format);
	snapshot_free(&sides[0].snapshot);
	snapshot_free(&sides[1].snapshot);
	return status;
}
