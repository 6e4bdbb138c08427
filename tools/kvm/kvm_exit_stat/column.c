// SPDX-License-Identifier: GPL-2.0
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

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

void format_time(char text[TIME_LEN], double time)
{
	time_t seconds = (time_t)floor(time);
	struct tm tm = {};

	gmtime_r(&seconds, &tm);
	snprintf(text, TIME_LEN, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (int)((time - (double)seconds) * 1000));
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
	case KIND_ID:
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

static struct value get_code(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){ .known = reason->coded, .n = reason->code };
}

struct value get_number(const struct column *column, const struct snapshot *snapshot,
			const struct reason *reason)
{
	return number(*number_at(reason, column->offset));
}

struct value get_rate(const struct column *column, const struct snapshot *snapshot,
		      const struct reason *reason)
{
	return ratio((double)reason->count, snapshot->seconds, 1);
}

static struct value get_share(const struct column *column, const struct snapshot *snapshot,
			      const struct reason *reason)
{
	return ratio((double)reason->cycles.total, (double)snapshot->total.cycles.total, 100);
}

/* The kernel keeps the quantiles 0 and 1 exactly: they are the minimum and the maximum. */
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

struct value get_tax(const struct column *column, const struct snapshot *snapshot,
		     const struct reason *reason)
{
	return ratio((double)*number_at(reason, column->offset), snapshot_life(snapshot), 100);
}

#define OF(field)	.offset = offsetof(struct reason, field)

static const struct column all_columns[] = {
	{ "REASON", "hardware exit reason", KIND_TEXT, ALWAYS, get_name },
	{ "CODE", "its number in the hardware", KIND_ID, ALWAYS, get_code },
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

const struct columns reason_columns = { all_columns, ARRAY_SIZE(all_columns), "reasons" };

/* Compare in the C locale: in a Turkish one, for example, "i" is not the lower case of "I". */
bool is_name(const char *name, const char *text)
{
	static locale_t c;

	if (!c)
		c = newlocale(LC_CTYPE_MASK, "C", NULL);
	return c && !strcasecmp_l(name, text, c);
}

/* One buffer is enough: all rows of a table have the same time, and its text is copied. */
static struct value get_timestamp(const struct column *column, const struct snapshot *snapshot,
				  const struct reason *reason)
{
	static char text[TIME_LEN];

	format_time(text, snapshot->time);
	return (struct value){ .known = true, .text = text };
}

/* The column that all tables have, in addition to their own */
static const struct column timestamp = {
	"TIMESTAMP", "when the numbers were read, in UTC as in ISO 8601", KIND_TEXT, ALWAYS,
	get_timestamp
};

static enum status find_column(const struct column **column, const struct columns *of,
			       const char *name, bool interval)
{
	for (size_t i = 0; i <= of->nr; i++) {
		*column = i < of->nr ? &of->columns[i] : &timestamp;
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

enum status select_columns(struct selection *selection, const struct columns *of,
			   const char *list, const char *sort, bool interval)
{
	char *names = strdup(list), *rest = names, *name;
	enum status status = STATUS_OK;

	*selection = (struct selection){ .of = of };
	if (!names)
		return fail(STATUS_SYSTEM, "out of memory");

	while (!status && (name = strsep(&rest, ","))) {
		const struct column *column;

		status = find_column(&column, of, name, interval);
		for (size_t i = 0; !status && i < selection->nr; i++) {
			if (selection->columns[i] == column)
				status = fail(STATUS_USAGE, "column %s is named twice",
					      column->name);
		}
		selection->columns[selection->nr] = column;
		selection->nr += !status;
	}
	free(names);
	return status ?: find_column(&selection->sort, of, sort, interval);
}

bool selects(const struct selection *selection, const char *name)
{
	for (size_t i = 0; i < selection->nr; i++) {
		if (is_name(selection->columns[i]->name, name))
			return true;
	}
	return is_name(selection->sort->name, name);
}

void select_time(struct selection *selection)
{
	for (size_t i = 0; i < selection->nr; i++) {
		if (selection->columns[i] == &timestamp)
			return;
	}
	memmove(&selection->columns[1], selection->columns,
		selection->nr * sizeof(*selection->columns));
	selection->columns[0] = &timestamp;
	selection->nr++;
}

/*
 * Sort texts and IDs in ascending order, other numbers in descending order, and unknown
 * values last.  The names of reasons break ties, then the order of the snapshots, since
 * totals, i.e. the rows of VMs, have no names.
 */
static int compare_rows(const void *first, const void *second, void *data)
{
	const struct row *a = first, *b = second;
	const struct selection *selection = data;
	const struct column *column = selection->sort;
	struct value x = column->get(column, a->snapshot, a->reason);
	struct value y = column->get(column, b->snapshot, b->reason);
	int result;

	if (x.known != y.known)
		return y.known - x.known;
	if (column->kind == KIND_TEXT)
		result = x.known ? strcmp(x.text, y.text) : 0;
	else if (column->kind == KIND_ID)
		result = (x.n > y.n) - (x.n < y.n);
	else
		result = ((y.n > x.n) - (y.n < x.n)) ?: (y.d > x.d) - (y.d < x.d);
	if (selection->reverse)
		result = -result;
	return result ?: strcmp(a->reason->name, b->reason->name) ?:
	       (a->snapshot > b->snapshot) - (a->snapshot < b->snapshot);
}

void sort_rows(const struct selection *selection, struct row *rows, size_t nr)
{
	qsort_r(rows, nr, sizeof(*rows), compare_rows, (void *)selection);
}

struct row *sort_reasons(const struct selection *selection, const struct snapshot *snapshot,
			 size_t *nr)
{
	struct row *rows = calloc(snapshot->nr_reasons + 1, sizeof(*rows));

	if (!rows)
		return NULL;

	*nr = 0;
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		if (reason_occurred(&snapshot->reasons[i]))
			rows[(*nr)++] = (struct row){ snapshot, &snapshot->reasons[i] };
	}
	sort_rows(selection, rows, *nr);
	return rows;
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

void print_columns(const struct columns *of, const char *title)
{
	static const char * const when[] = {
		[ALWAYS] = "",
		[SINCE_RESET] = ", not of an interval",
		[INTERVAL] = ", of an interval",
	};

	printf("%s:\n", title);
	for (size_t i = 0; i < of->nr; i++)
		printf("  %-12s%s%s\n", of->columns[i].name, of->columns[i].help,
		       when[of->columns[i].when]);
	printf("  %-12s%s\n", timestamp.name, timestamp.help);
}
