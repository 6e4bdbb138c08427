// SPDX-License-Identifier: GPL-2.0
/* Exits of L2: their share of all exits, and how many of them L1 had to handle */
#include <stdio.h>
#include <stdlib.h>

#include <linux/kernel.h>

#include "list.h"

/* A line; @reason has the name, and the numbers of all exits, including those of L2. */
struct line {
	struct reason reason;
	const struct nested *nested;
};

static const struct reason *l2_of(const struct reason *reason)
{
	return &container_of(reason, struct line, reason)->nested->l2;
}

static const struct reason *reflected_of(const struct reason *reason)
{
	return &container_of(reason, struct line, reason)->nested->reflected;
}

static struct value get_name(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){ .known = true, .text = reason->name };
}

static struct value get_l2(const struct column *column, const struct snapshot *snapshot,
			   const struct reason *reason)
{
	return get_number(column, snapshot, l2_of(reason));
}

static struct value get_reflected(const struct column *column, const struct snapshot *snapshot,
				  const struct reason *reason)
{
	return get_number(column, snapshot, reflected_of(reason));
}

static struct value get_average(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	return average_of(&reason->cycles);
}

static struct value get_l2_average(const struct column *column, const struct snapshot *snapshot,
				   const struct reason *reason)
{
	return average_of(&l2_of(reason)->cycles);
}

static struct value get_reflected_average(const struct column *column,
					  const struct snapshot *snapshot,
					  const struct reason *reason)
{
	return average_of(&reflected_of(reason)->cycles);
}

static struct value get_l2_rate(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	return get_rate(column, snapshot, l2_of(reason));
}

#define OF(field)	.offset = offsetof(struct reason, field)

static const struct column all_columns[] = {
	{ "REASON", "hardware exit reason", KIND_TEXT, ALWAYS, get_name },
	{ "COUNT", "exits of all guests", KIND_COUNT, ALWAYS, get_number, OF(count) },
	{ "L2", "those of L2", KIND_COUNT, ALWAYS, get_l2, OF(count) },
	{ "L2_RATE", "exits of L2 per second", KIND_RATE, INTERVAL, get_l2_rate },
	{ "REFLECTED", "those of L2 that KVM handed to L1", KIND_COUNT, ALWAYS, get_reflected,
	  OF(count) },
	{ "TOTAL", "handling time of all", KIND_CYCLES, ALWAYS, get_number, OF(cycles.total) },
	{ "L2_TOTAL", "that of exits of L2", KIND_CYCLES, ALWAYS, get_l2, OF(cycles.total) },
	{ "REFL_TOTAL", "that of those reflected", KIND_CYCLES, ALWAYS, get_reflected,
	  OF(cycles.total) },
	{ "AVG", "average handling time of all", KIND_CYCLES, ALWAYS, get_average },
	{ "L2_AVG", "that of exits of L2", KIND_CYCLES, ALWAYS, get_l2_average },
	{ "REFL_AVG", "that of those reflected", KIND_CYCLES, ALWAYS, get_reflected_average },
	{ "AWAY", "time until the next VM-Entry, of all", KIND_CYCLES, ALWAYS, get_number,
	  OF(away.total) },
	{ "L2_AWAY", "that of exits of L2", KIND_CYCLES, ALWAYS, get_l2, OF(away.total) },
	{ "REFL_AWAY", "that of those reflected", KIND_CYCLES, ALWAYS, get_reflected,
	  OF(away.total) },
};

static const struct columns nested_columns = { all_columns, ARRAY_SIZE(all_columns), "nested" };

static void print_title(const struct snapshot *snapshot)
{
	uint64_t count = 0, reflected = 0;

	printf("%s, %s", snapshot->isa, snapshot->scope);
	if (snapshot->interval)
		printf(", %.2f s", snapshot->seconds);
	for (size_t i = 0; i < snapshot->nr_nested; i++) {
		add_to(&count, snapshot->nested[i].l2.count);
		add_to(&reflected, snapshot->nested[i].reflected.count);
	}
	if (count)
		printf(": %llu exits of L2, %llu reflected to L1\n\n", (unsigned long long)count,
		       (unsigned long long)reflected);
	else
		printf(": there are no exits of L2\n\n");
}

static enum status print_nested(const struct snapshot *snapshot, const struct view *view)
{
	struct line *lines = calloc(snapshot->nr_nested + 1, sizeof(*lines));
	struct row *rows = calloc(snapshot->nr_nested + 1, sizeof(*rows));
	enum status status;
	size_t nr = 0;

	if (!lines || !rows) {
		status = fail(STATUS_SYSTEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < snapshot->nr_nested; i++) {
		const struct nested *nested = &snapshot->nested[i];

		if (!reason_occurred(&nested->l2))
			continue;
		lines[nr] = (struct line){ snapshot->reasons[nested->reason], nested };
		rows[nr] = (struct row){ snapshot, &lines[nr].reason };
		nr++;
	}
	sort_rows(&view->selection, rows, nr);
	if (view->format == FORMAT_HUMAN)
		print_title(snapshot);
	status = print_rows(rows, nr, view, snapshot);
out:
	free(lines);
	free(rows);
	return status;
}

const struct list nested_list = {
	.columns = &nested_columns,
	.shown =
		"REASON,COUNT,L2,REFLECTED,TOTAL,L2_TOTAL,REFL_TOTAL,L2_AVG,REFL_AVG,L2_AWAY,REFL_AWAY",
	.sort = "L2",
	.print = print_nested,
};
