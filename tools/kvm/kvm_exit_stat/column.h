/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_COLUMN_H
#define KVM_EXIT_STAT_COLUMN_H

#include "snapshot.h"

/* What a value is, which decides how it is printed */
enum kind {
	KIND_TEXT,
	KIND_COUNT,
	/* A number that names something, e.g. a process; the smallest comes first */
	KIND_ID,
	KIND_CYCLES,
	KIND_PERCENT,
	KIND_RATE,
};

struct value {
	bool known;
	const char *text;
	uint64_t n;
	double d;
};

struct style {
	/* For people: percent have a sign, and few decimals */
	bool human;
	/* Microseconds in place of TSC cycles */
	bool time;
	uint64_t tsc_khz;
};

/* @where names the source of the snapshot, for the message if it has no frequency. */
enum status make_style(struct style *style, bool human, bool time,
		       const struct snapshot *snapshot, const char *where);

#define VALUE_LEN	64

/* A time in seconds since 1970, in UTC as in ISO 8601 */
#define TIME_LEN	64
void format_time(char text[TIME_LEN], double time);

/* @text is empty if the value is not known. */
void format_value(char text[VALUE_LEN], enum kind kind, const struct value *value,
		  const struct style *style);

/* Values of times, which are not known if there is none */
struct value average_of(const struct times *times);
struct value quantile_of(const struct times *times, double quantile, bool interval);

/* Which snapshots a column has values of */
enum when {
	ALWAYS,
	SINCE_RESET,
	INTERVAL,
};

struct column {
	const char *name;
	const char *help;
	enum kind kind;
	enum when when;
	struct value (*get)(const struct column *column, const struct snapshot *snapshot,
			    const struct reason *reason);
	/* For get(): of a number or of times in struct reason */
	size_t offset;
	double quantile;
	/* Lines that belong to another one are drawn below that as a tree. */
	bool tree;
};

/* For get() of columns of other tables */
struct value get_number(const struct column *column, const struct snapshot *snapshot,
			const struct reason *reason);
struct value get_rate(const struct column *column, const struct snapshot *snapshot,
		      const struct reason *reason);
struct value get_tax(const struct column *column, const struct snapshot *snapshot,
		     const struct reason *reason);

/* All columns of a table */
struct columns {
	const struct column *columns;
	size_t nr;
	/* What JSON calls its lines */
	const char *lines;
};

/* Those of the table of exit reasons */
extern const struct columns reason_columns;

/*
 * A line: a reason of a snapshot or, if snapshots are lines, the total of one.  With
 * @below, it belongs to the last one without.
 */
struct row {
	const struct snapshot *snapshot;
	const struct reason *reason;
	bool below;
};

#define MAX_SELECTED	48

/* The columns that are shown, and the one of them or not that is sorted by */
struct selection {
	const struct columns *of;
	const struct column *columns[MAX_SELECTED];
	size_t nr;
	const struct column *sort;
	bool reverse;
};

/* Whether these are the same in any case of letters */
bool is_name(const char *name, const char *text);

/*
 * Make a selection of the names in @list, separated by commas, and sort by @sort,
 * for snapshots of intervals or not.
 */
enum status select_columns(struct selection *selection, const struct columns *of,
			   const char *list, const char *sort, bool interval);

/* Whether there is that column, or it is sorted by */
bool selects(const struct selection *selection, const char *name);

/* Put the time in front, unless it is among the columns. */
void select_time(struct selection *selection);

void sort_rows(const struct selection *selection, struct row *rows, size_t nr);

/* The reasons that occurred, in order.  NULL if memory is short. */
struct row *sort_reasons(const struct selection *selection, const struct snapshot *snapshot,
			 size_t *nr);

/* A line for people that says what a table is about */
void format_title(char *text, size_t size, const struct snapshot *snapshot,
		  const struct style *style);

void print_columns(const struct columns *of, const char *title);

#endif /* KVM_EXIT_STAT_COLUMN_H */
