// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "diff.h"
#include "record.h"

/* One side of a comparison */
struct side {
	const char *path;
	struct snapshot snapshot;
	struct style style;
};

static enum status load_side(struct side *side, const char *path, enum format format, bool time)
{
	struct recording recording;
	enum status status;

	side->path = path;
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

/* Neither what never occurred is worth a line, nor what did not in a recording. */
static bool occurred(const struct side *side, const char *name)
{
	const struct reason *reason = snapshot_find(&side->snapshot, name);

	return reason && reason->count;
}

/* A value of both sides, and how much the second exceeds the first */
struct pair {
	enum kind kind;
	struct value a;
	struct value b;
	/* In percent; from 0 to more than that it is infinite, and has no text. */
	double change;
	struct value percent;
};

/* @a and @b are the exact values, which are not rounded, and of the same unit. */
static void set_change(struct pair *pair, double a, double b)
{
	if (!pair->a.known || !pair->b.known)
		return;
	/* In this order, whole percent are exact. */
	pair->change = a > 0 ? (b - a) * 100 / a : b > 0 ? INFINITY : 0;
	pair->percent = (struct value){ .known = isfinite(pair->change), .d = pair->change };
}

enum { COUNT, MEAN, P99, NR_PAIRS };

static double exact_mean(const struct reason *reason)
{
	return (double)reason->cycles.total / (double)times_count(&reason->cycles);
}

static void compare_reason(struct pair pairs[NR_PAIRS], const struct side *a,
			   const struct side *b, const char *name)
{
	/* A reason that never occurred has a count, and no times. */
	const struct reason *x = snapshot_find(&a->snapshot, name) ?: &none;
	const struct reason *y = snapshot_find(&b->snapshot, name) ?: &none;
	/* An estimate that is bounded by extrema does not compare to one that is not. */
	bool interval = a->snapshot.interval || b->snapshot.interval;
	double scale = 1;

	/* The same time has more cycles if the clock is faster. */
	if (a->snapshot.tsc_khz && b->snapshot.tsc_khz)
		scale = (double)a->snapshot.tsc_khz / (double)b->snapshot.tsc_khz;

	pairs[COUNT] = (struct pair){
		.kind = KIND_COUNT,
		.a = { .known = true, .n = x->count },
		.b = { .known = true, .n = y->count },
	};
	set_change(&pairs[COUNT], (double)x->count, (double)y->count);

	pairs[MEAN] = (struct pair){
		.kind = KIND_CYCLES,
		.a = average_of(&x->cycles),
		.b = average_of(&y->cycles),
	};
	set_change(&pairs[MEAN], exact_mean(x), exact_mean(y) * scale);

	pairs[P99] = (struct pair){
		.kind = KIND_CYCLES,
		.a = quantile_of(&x->cycles, 0.99, interval),
		.b = quantile_of(&y->cycles, 0.99, interval),
	};
	set_change(&pairs[P99], (double)pairs[P99].a.n, (double)pairs[P99].b.n * scale);
}

static const char * const heads[NR_PAIRS][3] = {
	[COUNT] = { "COUNT_A", "COUNT_B", "COUNT%" },
	[MEAN] = { "MEAN_A", "MEAN_B", "MEAN%" },
	[P99] = { "P99_A", "P99_B", "P99%" },
};

static void add_line(struct table *table, const char *name, const struct pair pairs[NR_PAIRS],
		     const struct side *a, const struct side *b)
{
	char text[VALUE_LEN];

	table_line(table);
	table_cell(table, 0, name);
	for (size_t i = 0; i < NR_PAIRS; i++) {
		format_value(text, pairs[i].kind, &pairs[i].a, &a->style);
		table_cell(table, 3 * i + 1, text);
		format_value(text, pairs[i].kind, &pairs[i].b, &b->style);
		table_cell(table, 3 * i + 2, text);
		format_value(text, KIND_PERCENT, &pairs[i].percent, &a->style);
		table_cell(table, 3 * i + 3, text);
	}
}

/* The reasons that are in @a or @b, by name */
static const char **all_names(const struct side *a, const struct side *b, size_t *nr)
{
	const char **names = calloc(a->snapshot.nr_reasons + b->snapshot.nr_reasons + 1,
				    sizeof(*names));

	if (!names)
		return NULL;
	*nr = 0;
	for (size_t i = 0; i < a->snapshot.nr_reasons; i++)
		names[(*nr)++] = a->snapshot.reasons[i].name;
	for (size_t i = 0; i < b->snapshot.nr_reasons; i++) {
		if (!snapshot_find(&a->snapshot, b->snapshot.reasons[i].name))
			names[(*nr)++] = b->snapshot.reasons[i].name;
	}
	return names;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char **)a, *(const char **)b);
}

static bool is_wanted(const char *name, char * const names[], size_t nr_names)
{
	for (size_t i = 0; i < nr_names; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return nr_names == 0;
}

static enum status compare_sides(const struct side *a, const struct side *b,
				 char * const wanted[], size_t nr_wanted, double fail_above,
				 enum format format)
{
	char above[6000] = "";
	const char **names;
	enum status status;
	struct table table;
	size_t nr;

	if (strcmp(a->snapshot.isa, b->snapshot.isa))
		return fail(STATUS_BAD_FILE, "%s is of %s, %s of %s: nothing to compare", a->path,
			    a->snapshot.isa, b->path, b->snapshot.isa);
	for (size_t i = 0; i < nr_wanted; i++) {
		if (!occurred(a, wanted[i]) && !occurred(b, wanted[i]))
			return fail(STATUS_USAGE,
				    "%s: neither %s nor %s has an exit of that reason", wanted[i],
				    a->path, b->path);
	}

	names = all_names(a, b, &nr);
	if (!names)
		return fail(STATUS_SYSTEM, "out of memory");
	qsort(names, nr, sizeof(*names), compare_names);

	if (format == FORMAT_HUMAN)
		printf("%s, A: %s, %s; B: %s, %s; in handling\n\n", a->snapshot.isa, a->path,
		       a->snapshot.scope, b->path, b->snapshot.scope);

	table_begin(&table, format);
	table_column(&table, "REASON", KIND_TEXT);
	for (size_t i = 0; i < ARRAY_SIZE(heads) * ARRAY_SIZE(*heads); i++)
		table_column(&table, heads[i / 3][i % 3], KIND_COUNT);
	for (size_t i = 0; i < nr; i++) {
		struct pair pairs[NR_PAIRS];

		if (!is_wanted(names[i], wanted, nr_wanted) ||
		    (!occurred(a, names[i]) && !occurred(b, names[i])))
			continue;
		compare_reason(pairs, a, b, names[i]);
		add_line(&table, names[i], pairs, a, b);

		for (size_t j = MEAN; fail_above >= 0 && j < NR_PAIRS; j++) {
			size_t used = strlen(above);

			if (pairs[j].change > fail_above)
				snprintf(above + used, sizeof(above) - used, "%s %s %s %+.2f%%",
					 used ? "," : "", names[i], j == MEAN ? "mean" : "P99",
					 pairs[j].change);
		}
	}
	free(names);
	status = table_print(&table);
	if (!status && *above)
		return fail(STATUS_ABOVE, "--fail-above %g%%:%s", fail_above, above);
	return status;
}

enum status print_diff(const char *a, const char *b, char * const names[], size_t nr_names,
		       double fail_above, enum format format, bool time)
{
	struct side sides[2] = {};
	enum status status;

	status = load_side(&sides[0], a, format, time);
	if (!status)
		status = load_side(&sides[1], b, format, time);
	if (!status)
		status = compare_sides(&sides[0], &sides[1], names, nr_names, fail_above, format);
	snapshot_free(&sides[0].snapshot);
	snapshot_free(&sides[1].snapshot);
	return status;
}
