// SPDX-License-Identifier: GPL-2.0
/* The last exits of each vCPU, the oldest first */
#include <stdio.h>
#include <stdlib.h>

#include <linux/kernel.h>

#include "list.h"

/* A line: an exit or, if @is_vcpu is set, the vCPU that the exits below belong to */
struct line {
	struct reason reason;
	const struct chain_exit *of;
	bool is_vcpu;
};

static const struct line *line_of(const struct reason *reason)
{
	return container_of(reason, struct line, reason);
}

static struct value get_vcpu(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){ .known = true, .n = (uint64_t)line_of(reason)->of->vcpu };
}

static struct value get_name(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){ .known = true, .text = reason->name };
}

static struct value get_time(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	const struct line *line = line_of(reason);

	return (struct value){ .known = !line->is_vcpu, .n = line->of->cycles };
}

static struct value get_level(const struct column *column, const struct snapshot *snapshot,
			      const struct reason *reason)
{
	const struct line *line = line_of(reason);

	return (struct value){ .known = !line->is_vcpu, .n = line->of->nested ? 2 : 1 };
}

static const struct column all_columns[] = {
	{ "VCPU", "number of the vCPU", KIND_ID, ALWAYS, get_vcpu },
	{ "REASON", "hardware exit reason; for people, those of a vCPU are below it", KIND_TEXT,
	  ALWAYS, get_name, .tree = true },
	{ "LEVEL", "1, or 2 if it was an exit of a guest of the guest", KIND_ID, ALWAYS,
	  get_level },
	{ "TIME", "handling time", KIND_CYCLES, ALWAYS, get_time },
};

static const struct columns chain_columns = { all_columns, ARRAY_SIZE(all_columns), "chain" };

/* Keep the exits of each vCPU in the order in which they happened: do not sort the rows. */
static enum status print_chain(const struct snapshot *snapshot, const struct view *view)
{
	struct line *lines = calloc(2 * snapshot->nr_chain + 1, sizeof(*lines));
	struct row *rows = calloc(2 * snapshot->nr_chain + 1, sizeof(*rows));
	bool tree = view->format == FORMAT_HUMAN;
	enum status status;
	size_t nr = 0;

	if (!lines || !rows) {
		status = fail(STATUS_SYSTEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < snapshot->nr_chain; i++) {
		const struct chain_exit *exit = &snapshot->chain[i];

		if (tree && (!i || exit->vcpu != exit[-1].vcpu)) {
			lines[nr] = (struct line){ .of = exit, .is_vcpu = true };
			snprintf(lines[nr].reason.name, sizeof(lines[nr].reason.name), "vCPU %d",
				 exit->vcpu);
			rows[nr] = (struct row){ snapshot, &lines[nr].reason };
			nr++;
		}
		lines[nr].of = exit;
		snprintf(lines[nr].reason.name, sizeof(lines[nr].reason.name), "%s", exit->reason);
		rows[nr] = (struct row){ snapshot, &lines[nr].reason, tree };
		nr++;
	}
	if (tree)
		printf("%s, %s: last exits, the oldest first\n\n", snapshot->isa, snapshot->scope);
	status = print_rows(rows, nr, view, snapshot);
out:
	free(lines);
	free(rows);
	return status;
}

const struct list chain_list = {
	.columns = &chain_columns,
	.shown = "REASON,LEVEL,TIME",
	.shown_raw = "VCPU,REASON,LEVEL,TIME",
	.sort = "VCPU",
	.print = print_chain,
};
