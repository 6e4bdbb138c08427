// SPDX-License-Identifier: GPL-2.0
/* Exits that took long: the worst ones of each reason, and the log of slow ones */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "key_name.h"
#include "list.h"

/* A line; the name is that of the reason. */
struct line {
	struct reason reason;
	const struct worst *worst;
	char rip[24];
	char when[TIME_LEN];
	char key_name[KEY_NAME_LEN];
};

static const struct line *line_of(const struct reason *reason)
{
	return container_of(reason, struct line, reason);
}

static struct value text_of(const char *text)
{
	return (struct value){ .known = *text, .text = text };
}

static struct value get_reason(const struct column *column, const struct snapshot *snapshot,
			       const struct reason *reason)
{
	return text_of(reason->name);
}

static struct value get_kind(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return text_of(line_of(reason)->worst->away ? "away" : "handling");
}

static struct value get_span(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return text_of(line_of(reason)->worst->late ? "late" : "all");
}

/* A number of struct worst */
static struct value get(const struct column *column, const struct snapshot *snapshot,
			const struct reason *reason)
{
	return (struct value){
		.known = true,
		.n = *(const uint64_t *)((const char *)line_of(reason)->worst + column->offset),
	};
}

/* A VM that has no number is 0 in the line. */
static struct value get_vm(const struct column *column, const struct snapshot *snapshot,
			   const struct reason *reason)
{
	uint64_t n = line_of(reason)->worst->vm;

	return (struct value){ .known = n, .n = n };
}

/* A text of struct worst */
static struct value get_text(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return text_of((const char *)line_of(reason)->worst + column->offset);
}

/* A text of struct line */
static struct value get_line_text(const struct column *column, const struct snapshot *snapshot,
				  const struct reason *reason)
{
	return text_of((const char *)line_of(reason) + column->offset);
}

static double seconds_since(const struct worst *worst, const struct snapshot *snapshot)
{
	double then = (double)worst->boot_ns / 1e9;

	return snapshot->uptime > then ? snapshot->uptime - then : 0;
}

static struct value get_ago(const struct column *column, const struct snapshot *snapshot,
			    const struct reason *reason)
{
	return (struct value){
		.known = true,
		.d = seconds_since(line_of(reason)->worst, snapshot),
	};
}

static struct value get_percent(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	return (struct value){
		.known = true,
		.d = (double)get(column, snapshot, reason).n,
	};
}

static struct value get_kvm(const struct column *column, const struct snapshot *snapshot,
			    const struct reason *reason)
{
	const struct worst *worst = line_of(reason)->worst;
	uint64_t others = worst->user_percent + worst->blocked_percent + worst->preempted_percent;

	return (struct value){ .known = true, .d = others < 100 ? (double)(100 - others) : 0 };
}

#define OF(field)	.offset = offsetof(struct worst, field)
#define OF_LINE(field)	.offset = offsetof(struct line, field)

/* Slow exits have no span: their list has all columns but the first one. */
static const struct column all_columns[] = {
	{ "SPAN", "the worst of: all since the reset, or late, i.e. two windows of 30 seconds",
	  KIND_TEXT, ALWAYS, get_span },
	{ "REASON", "hardware exit reason", KIND_TEXT, ALWAYS, get_reason },
	{ "KIND", "which time: handling or away", KIND_TEXT, ALWAYS, get_kind },
	{ "TIME", "how long it took", KIND_CYCLES, ALWAYS, get, OF(cycles) },
	{ "AGO", "seconds since the VM-Exit", KIND_RATE, ALWAYS, get_ago },
	{ "WHEN", "time of the VM-Exit, in UTC as in ISO 8601", KIND_TEXT, ALWAYS, get_line_text,
	  OF_LINE(when) },
	{ "VM", "number of the VM", KIND_ID, ALWAYS, get_vm },
	{ "NAME", "its name as in --vms, or the command if it is gone", KIND_TEXT, ALWAYS, get_text,
	  OF(vm_name) },
	{ "VCPU", "number of the vCPU", KIND_ID, ALWAYS, get, OF(vcpu) },
	{ "CPU", "number of the CPU", KIND_ID, ALWAYS, get, OF(cpu) },
	{ "RIP", "where the guest was", KIND_TEXT, ALWAYS, get_line_text, OF_LINE(rip) },
	{ "KEY", "what the exit was for, as the kernel says it", KIND_TEXT, ALWAYS, get_text,
	  OF(key) },
	{ "KEY_NAME", "the same with names", KIND_TEXT, ALWAYS, get_line_text, OF_LINE(key_name) },
	{ "KVM%", "percent of TIME in KVM", KIND_PERCENT, ALWAYS, get_kvm },
	{ "USER%", "percent of it in user space", KIND_PERCENT, ALWAYS, get_percent,
	  OF(user_percent) },
	{ "BLOCKED%", "percent of it with the vCPU idle", KIND_PERCENT, ALWAYS, get_percent,
	  OF(blocked_percent) },
	{ "PREEMPTED%", "percent of it with the vCPU task scheduled out", KIND_PERCENT, ALWAYS,
	  get_percent, OF(preempted_percent) },
};

static const struct columns worst_columns = { all_columns, ARRAY_SIZE(all_columns), "worst" };
static const struct columns slow_columns = {
	&all_columns[1], ARRAY_SIZE(all_columns) - 1, "slow"
};

static void set_line(struct line *line, const struct worst *worst,
		     const struct snapshot *snapshot)
{
	line->worst = worst;
	snprintf(line->reason.name, sizeof(line->reason.name), "%s", worst->reason);
	if (worst->has_rip)
		snprintf(line->rip, sizeof(line->rip), "0x%llx", (unsigned long long)worst->rip);
	format_time(line->when, snapshot->time - seconds_since(worst, snapshot));
	if (*worst->key)
		make_key_name(line->key_name, worst->key);
}

/* @title is for people, with the number of lines in front. */
static enum status print_exits(const struct snapshot *snapshot, const struct view *view,
			       const char *title)
{
	struct line *lines = calloc(snapshot->nr_worst + 1, sizeof(*lines));
	struct row *rows = calloc(snapshot->nr_worst + 1, sizeof(*rows));
	enum status status;

	if (!lines || !rows) {
		status = fail(STATUS_SYSTEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < snapshot->nr_worst; i++) {
		set_line(&lines[i], &snapshot->worst[i], snapshot);
		rows[i] = (struct row){ snapshot, &lines[i].reason };
	}
	sort_rows(&view->selection, rows, snapshot->nr_worst);
	if (view->format == FORMAT_HUMAN)
		printf("%s, %s: %zu %s\n\n", snapshot->isa, snapshot->scope, snapshot->nr_worst,
		       title);
	status = print_rows(rows, snapshot->nr_worst, view, snapshot);
out:
	free(lines);
	free(rows);
	return status;
}

static enum status print_worst(const struct snapshot *snapshot, const struct view *view)
{
	return print_exits(snapshot, view, "worst times of exits");
}

static enum status print_slow(const struct snapshot *snapshot, const struct view *view)
{
	return print_exits(snapshot, view, "slow exits");
}

#define WHERE	"VM,NAME,VCPU,CPU,RIP,KEY_NAME,KVM%,USER%,BLOCKED%,PREEMPTED%"
#define WHERE_RAW	"VM,NAME,VCPU,CPU,RIP,KEY,KEY_NAME,KVM%,USER%,BLOCKED%,PREEMPTED%"

const struct list worst_list = {
	.columns = &worst_columns,
	.shown = "REASON,KIND,SPAN,TIME,AGO," WHERE,
	.shown_raw = "REASON,KIND,SPAN,TIME,AGO,WHEN," WHERE_RAW,
	.sort = "TIME",
	.print = print_worst,
};

/* The oldest first */
const struct list slow_list = {
	.columns = &slow_columns,
	.shown = "REASON,KIND,TIME,AGO," WHERE,
	.shown_raw = "REASON,KIND,TIME,AGO,WHEN," WHERE_RAW,
	.sort = "AGO",
	.print = print_slow,
};
