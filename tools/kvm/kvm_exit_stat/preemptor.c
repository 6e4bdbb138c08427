// SPDX-License-Identifier: GPL-2.0
/* Who got the CPU when a vCPU was scheduled out, although it could run */
#include <stdio.h>
#include <stdlib.h>

#include <linux/kernel.h>

#include "list.h"

/* A line; the name of @reason is the command of the process. */
struct line {
	struct reason reason;
	const struct preemptor *preemptor;
};

static struct value get_command(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	return (struct value){ .known = true, .text = reason->name };
}

static struct value get(const struct column *column, const struct snapshot *snapshot,
			const struct reason *reason)
{
	const struct preemptor *preemptor = container_of(reason, struct line, reason)->preemptor;

	return (struct value){
		.known = true,
		.n = *(const uint64_t *)((const char *)preemptor + column->offset),
	};
}

#define OF(field)	.offset = offsetof(struct preemptor, field)

static const struct column all_columns[] = {
	{ "PID", "process that got the CPU, 0 if the vCPU was throttled", KIND_ID, ALWAYS,
	  get, OF(pid) },
	{ "COMMAND", "its command", KIND_TEXT, ALWAYS, get_command },
	{ "COUNT", "how often, at most", KIND_COUNT, ALWAYS, get, OF(count) },
	{ "ERROR", "how many of COUNT are not certain", KIND_COUNT, ALWAYS, get, OF(error) },
	{ "TIME", "for how long, of what is certain", KIND_CYCLES, ALWAYS, get, OF(cycles) },
	{ "MAX", "the longest of these", KIND_CYCLES, ALWAYS, get, OF(max) },
};

static const struct columns preemptor_columns = {
	all_columns, ARRAY_SIZE(all_columns), "preempted_by"
};

static enum status print_preemptors(const struct snapshot *snapshot, const struct view *view)
{
	struct line *lines = calloc(snapshot->nr_preemptors + 1, sizeof(*lines));
	struct row *rows = calloc(snapshot->nr_preemptors + 1, sizeof(*rows));
	struct value time = { .known = true, .n = snapshot->total.preempted };
	char text[VALUE_LEN];
	enum status status;

	if (!lines || !rows) {
		status = fail(STATUS_SYSTEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < snapshot->nr_preemptors; i++) {
		lines[i].preemptor = &snapshot->preemptors[i];
		snprintf(lines[i].reason.name, sizeof(lines[i].reason.name), "%s",
			 lines[i].preemptor->command);
		rows[i] = (struct row){ snapshot, &lines[i].reason };
	}
	sort_rows(&view->selection, rows, snapshot->nr_preemptors);
	if (view->format == FORMAT_HUMAN) {
		format_value(text, KIND_CYCLES, &time, &view->style);
		printf("%s, %s: preempted for %s %s\n\n", snapshot->isa, snapshot->scope, text,
		       view->style.time ? "us" : "cycles");
	}
	status = print_rows(rows, snapshot->nr_preemptors, view, snapshot);
out:
	free(lines);
	free(rows);
	return status;
}

const struct list preemptor_list = {
	.columns = &preemptor_columns,
	.shown = "PID,COMMAND,COUNT,ERROR,TIME,MAX",
	.sort = "COUNT",
	.print = print_preemptors,
};
