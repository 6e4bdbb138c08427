// SPDX-License-Identifier: GPL-2.0
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <linux/build_bug.h>
#include <linux/kernel.h>

#include "column.h"

enum status make_style(struct style *style, bool human, bool time,
		       const struct snapshot *snapshot, const char *where)
{
	*style = (struct style){ .human = human, .time = time, .tsc_khz = snapshot->tsc_khz };
	if (time && !style->tsc_khz)
		return fail(STATUS_UNAVAILABLE,
			    "%s: tsc_khz is 0, cycles cannot be turned into time", where);
	return STATUS_OK;
}

void format_value(char text[VALUE_LEN], enum kind kind, const struct value *value,
		  const struct style *style)
{
	text[0] = '\0';
	if (!value->known)
		return;

	switch (kind) {
	case KIND_TEXT:
		snprintf(text, VALUE_LEN, "%s", value->text);
		break;
	case KIND_COUNT:
		snprintf(text, VALUE_LEN, "%llu", (unsigned long long)value->n);
		break;
	case KIND_CYCLES:
		if (style->time)
			snprintf(text, VALUE_LEN, "%.3Lf",
				 (long double)value->n * 1000 / (long double)style->tsc_khz);
		else
			snprintf(text, VALUE_LEN, "%llu", (unsigned long long)value->n);
		break;
	case KIND_PERCENT:
		snprintf(text, VALUE_LEN, style->human ? "%.1f%%" : "%.2f", value->d);
		break;
	case KIND_RATE:
		snprintf(text, VALUE_LEN, "%.1f", value->d);
		break;
	}
}

static struct value number(uint64_t n)
{
	return (struct value){ .known = true, .n = n };
}

static struct value ratio(double part, double whole, double factor)
{
	return (struct value){ .known = whole > 0, .d = whole > 0 ? part * factor / whole : 0 };
}

struct value average_of(const struct times *times)
{
	return (struct value){ .known = times_count(times) > 0, .n = times_average(times) };
}

struct value quantile_of(const struct times *times, double quantile, bool interval)
{
	return (struct value){
		.known = times_count(times) > 0,
		.n = times_quantile(times, quantile, interval),
	};
}

static struct value get_name(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){ .known = true, .text = reason->name };
}

static struct value get_number(const struct column *column, const struct snapshot *snapshot,
			       const struct reason *reason)
{
	return number(*number_at(reason, column->offset));
}

static struct value get_rate(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return ratio((double)reason->count, snapshot->seconds, 1);
}

static struct value get_share(const struct column *column, const struct snapshot *snapshot,
			      const struct reason *reason)
{
	return ratio((double)reason->cycles.total, (double)snapshot->total.cycles.total, 100);
}

/* The quantiles 0 and 1 are known exactly. */
static struct value get_extreme(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	const struct times *times = times_at(reason, column->offset);

	return (struct value){
		.known = times_count(times) > 0,
		.n = column->quantile < 1 ? times->min : times->max,
	};
}

static struct value get_average(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	return average_of(times_at(reason, column->offset));
}

static struct value get_quantile(const struct column *column, const struct snapshot *snapshot,
				 const struct reason *reason)
{
	return quantile_of(times_at(reason, column->offset), column->quantile,
			   snapshot->interval);
}

static struct value get_tax(const struct column *column, const struct snapshot *snapshot,
			    const struct reason *reason)
{
	return ratio((double)*number_at(reason, column->offset), snapshot_life(snapshot), 100);
}

#define OF(field)	.offset = offsetof(struct reason, field)

static const struct column all_columns[] = {
	{ "REASON", "hardware exit reason", KIND_TEXT, ALWAYS, get_name },
	{ "COUNT", "exits", KIND_COUNT, ALWAYS, get_number, OF(count) },
	{ "RATE", "exits per second", KIND_RATE, INTERVAL, get_rate },
	{ "SHARE", "percent of the handling time of all reasons", KIND_PERCENT, ALWAYS, get_share },
	{ "TOTAL", "handling time", KIND_CYCLES, ALWAYS, get_number, OF(cycles.total) },
	{ "MIN", "shortest handling time", KIND_CYCLES, SINCE_RESET, get_extreme, OF(cycles), 0 },
	{ "AVG", "average handling time", KIND_CYCLES, ALWAYS, get_average, OF(cycles) },
	{ "P50", "median of the handling times, estimated", KIND_CYCLES, ALWAYS, get_quantile,
	  OF(cycles), 0.5 },
	{ "P99", "99th percentile of the handling times, estimated", KIND_CYCLES, ALWAYS,
	  get_quantile, OF(cycles), 0.99 },
	{ "P99.9", "99.9th percentile of the handling times, estimated", KIND_CYCLES, ALWAYS,
	  get_quantile, OF(cycles), 0.999 },
	{ "MAX", "longest handling time", KIND_CYCLES, SINCE_RESET, get_extreme, OF(cycles), 1 },
	{ "AWAY", "time until the next VM-Entry", KIND_CYCLES, ALWAYS, get_number, OF(away.total) },
	{ "AWAY_MIN", "shortest away time", KIND_CYCLES, SINCE_RESET, get_extreme, OF(away), 0 },
	{ "AWAY_AVG", "average away time", KIND_CYCLES, ALWAYS, get_average, OF(away) },
	{ "AWAY_P50", "median of the away times, estimated", KIND_CYCLES, ALWAYS, get_quantile,
	  OF(away), 0.5 },
	{ "AWAY_P99", "99th percentile of the away times, estimated", KIND_CYCLES, ALWAYS,
	  get_quantile, OF(away), 0.99 },
	{ "AWAY_P99.9", "99.9th percentile of the away times, estimated", KIND_CYCLES, ALWAYS,
	  get_quantile, OF(away), 0.999 },
	{ "AWAY_MAX", "longest away time", KIND_CYCLES, SINCE_RESET, get_extreme, OF(away), 1 },
	{ "KVM", "part of AWAY in KVM, i.e. not in the three below", KIND_CYCLES, ALWAYS,
	  get_number, OF(kvm) },
	{ "USER", "part of AWAY in user space", KIND_CYCLES, ALWAYS, get_number, OF(user) },
	{ "BLOCKED", "part of AWAY with the vCPU idle", KIND_CYCLES, ALWAYS, get_number,
	  OF(blocked) },
	{ "PREEMPTED", "part of AWAY with the vCPU task scheduled out", KIND_CYCLES, ALWAYS,
	  get_number, OF(preempted) },
	{ "POLLED", "part of BLOCKED in which KVM polls for a wakeup", KIND_CYCLES, ALWAYS,
	  get_number, OF(polled) },
	{ "USER_EXITS", "exits to user space", KIND_COUNT, ALWAYS, get_number, OF(user_exits) },
	{ "GUEST", "time in the guest that ended with the exits", KIND_CYCLES, ALWAYS, get_number,
	  OF(guest) },
	{ "TAX", "AWAY in percent of all vCPU time", KIND_PERCENT, ALWAYS, get_tax,
	  OF(away.total) },
	{ "KVM%", "KVM in percent of all vCPU time", KIND_PERCENT, ALWAYS, get_tax, OF(kvm) },
	{ "USER%", "USER in percent of all vCPU time", KIND_PERCENT, ALWAYS, get_tax, OF(user) },
	{ "BLOCKED%", "BLOCKED in percent of all vCPU time", KIND_PERCENT, ALWAYS, get_tax,
	  OF(blocked) },
	{ "PREEMPTED%", "PREEMPTED in percent of all vCPU time", KIND_PERCENT, ALWAYS, get_tax,
	  OF(preempted) },
};

static_assert(ARRAY_SIZE(all_columns) < MAX_SELECTED, "all columns can be selected");

/* In Turkish, say, i is no lower-case I. */
static bool is_name(const char *name, const char *text)
{
	static locale_t c;

	if (!c)
		c = newlocale(LC_CTYPE_MASK, "C", NULL);
	return c && !strcasecmp_l(name, text, c);
}

static enum status find_column(const struct column **column, const char *name, bool interval)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_columns); i++) {
		*column = &all_columns[i];
		if (!is_name((*column)->name, name))
			continue;
		if ((*column)->when == INTERVAL && !interval)
			return fail(STATUS_USAGE, "column %s needs an interval, see -i",
				    (*column)->name);
		if ((*column)->when == SINCE_RESET && interval)
			return fail(STATUS_USAGE, "column %s is not known of an interval",
				    (*column)->name);
		return STATUS_OK;
	}
	return fail(STATUS_USAGE, "there is no column '%s', see --help", name);
}

enum status select_columns(struct selection *selection, const char *list, const char *sort,
			   bool interval)
{
	char *names = strdup(list), *rest = names, *name;
	enum status status = STATUS_OK;

	memset(selection, 0, sizeof(*selection));
	if (!names)
		return fail(STATUS_SYSTEM, "out of memory");

	while (!status && (name = strsep(&rest, ","))) {
		const struct column *column;

		status = find_column(&column, name, interval);
		for (size_t i = 0; !status && i < selection->nr; i++) {
			if (selection->columns[i] == column)
				status = fail(STATUS_USAGE, "column %s is named twice",
					      column->name);
		}
		selection->columns[selection->nr] = column;
		selection->nr += !status;
	}
	free(names);
	return status ?: find_column(&selection->sort, sort, interval);
}

struct order {
	const struct selection *selection;
	const struct snapshot *snapshot;
};

/* Names ascend, numbers descend, what is not known comes last.  Names break ties. */
static int compare_reasons(const void *first, const void *second, void *data)
{
	const struct reason *a = *(const struct reason **)first;
	const struct reason *b = *(const struct reason **)second;
	const struct order *order = data;
	const struct column *column = order->selection->sort;
	struct value x = column->get(column, order->snapshot, a);
	struct value y = column->get(column, order->snapshot, b);
	int result;

	if (x.known != y.known)
		return y.known - x.known;
	if (column->kind == KIND_TEXT)
		result = strcmp(x.text, y.text);
	else
		result = ((y.n > x.n) - (y.n < x.n)) ?: (y.d > x.d) - (y.d < x.d);
	if (order->selection->reverse)
		result = -result;
	return result ?: strcmp(a->name, b->name);
}

const struct reason **sort_reasons(const struct selection *selection,
				   const struct snapshot *snapshot, size_t *nr)
{
	const struct reason **reasons = calloc(snapshot->nr_reasons + 1, sizeof(*reasons));
	struct order order = { selection, snapshot };

	if (!reasons)
		return NULL;

	*nr = 0;
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		if (reason_occurred(&snapshot->reasons[i]))
			reasons[(*nr)++] = &snapshot->reasons[i];
	}
	qsort_r(reasons, *nr, sizeof(*reasons), compare_reasons, &order);
	return reasons;
}

void format_title(char *text, size_t size, const struct snapshot *snapshot,
		  const struct style *style)
{
	const struct reason *total = &snapshot->total;
	struct value handling = number(total->cycles.total);
	double life = snapshot_life(snapshot);
	char time[VALUE_LEN], dropped[VALUE_LEN] = "";
	int used;

	format_value(time, KIND_CYCLES, &handling, style);
	if (snapshot->dropped)
		snprintf(dropped, sizeof(dropped), " and %llu dropped",
			 (unsigned long long)snapshot->dropped);
	if (snapshot->interval)
		used = snprintf(text, size, "%s, %s, %.2f s: %llu exits%s, %s %s in handling",
				snapshot->isa, snapshot->scope, snapshot->seconds,
				(unsigned long long)total->count, dropped, time,
				style->time ? "us" : "cycles");
	else
		used = snprintf(text, size, "%s, %s: %llu exits%s, %s %s in handling",
				snapshot->isa, snapshot->scope, (unsigned long long)total->count,
				dropped, time, style->time ? "us" : "cycles");
	if (life > 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used,
			 "; vCPU time: %.1f%% guest, %.1f%% kvm, %.1f%% user, %.1f%% blocked, %.1f%% preempted",
			 100 * (double)total->guest / life,
			 100 * (double)total->kvm / life, 100 * (double)total->user / life,
			 100 * (double)total->blocked / life,
			 100 * (double)total->preempted / life);
}

void print_columns(void)
{
	static const char * const when[] = {
		[ALWAYS] = "",
		[SINCE_RESET] = ", not of an interval",
		[INTERVAL] = ", of an interval",
	};

	printf("Columns:\n");
	for (size_t i = 0; i < ARRAY_SIZE(all_columns); i++)
		printf("  %-12s%s%s\n", all_columns[i].name, all_columns[i].help,
		       when[all_columns[i].when]);
}
