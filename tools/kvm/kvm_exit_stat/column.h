/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_COLUMN_H
#define KVM_EXIT_STAT_COLUMN_H

#include "snapshot.h"

/* The kind of a value, which decides how format_value() prints it */
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
	/* For people: percentages have a % sign, and one decimal in place of two. */
	bool human;
	/* Microseconds in place of TSC cycles */
	bool time;
	uint64_t tsc_khz;
};

/* @where names the source of the snapshot, for the message if it has no frequency. */
enum status make_style(struct style *style, bool human, bool time,
		       const struct snapshot *snapshot, const char *where);

#define VALUE_LEN	64

/* Format @time, in seconds since 1970, as UTC in ISO 8601. */
#define TIME_LEN	64
void format_time(char text[TIME_LEN], double time);

/* @text is empty if the value is not known. */
void format_value(char text[VALUE_LEN], enum kind kind, const struct value *value,
		  const struct style *style);

/* The average and a quantile of @times, which are not known if no time was recorded */
struct value average_of(const struct times *times);
struct value quantile_of(const struct times *times, double quantile, bool interval);

/* The snapshots for which a column has values: all, those since a reset, or intervals */
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
	/* For get(): where the value is in struct reason, or in the structure of that table */
	size_t offset;
	double quantile;
	/* This column draws the tree: rows with @below hang below their parent row. */
	bool tree;
};

/* Functions get() that columns of other tables use, too */
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
	/* The name that the array of lines has in JSON */
	const char *lines;
};

/* The columns of the table of exit reasons */
extern const struct columns reason_columns;

/*
 * A line: a reason of a snapshot or, in tables of VMs or vCPUs, the total of a snapshot.
 * A line with @below belongs to the last line without @below.
 */
struct row {
	const struct snapshot *snapshot;
	const struct reason *reason;
	bool below;
};

#define MAX_SELECTED	48

/* The columns to show, and the one to sort by, which need not be shown */
struct selection {
	const struct columns *of;
	const struct column *columns[MAX_SELECTED];
	size_t nr;
	const struct column *sort;
	bool reverse;
};

/* Whether both are the same name, ignoring case */
bool is_name(const char *name, const char *text);

/*
 * Select the columns that @list names, separated by commas, and @sort to sort by.  Some
 * columns have values only if snapshots are of intervals, and some only if they are not:
 * @interval says which.
 */
enum status select_columns(struct selection *selection, const struct columns *of,
			   const char *list, const char *sort, bool interval);

/* Whether the column @name is shown, or sorted by */
bool selects(const struct selection *selection, const char *name);

/* Make the timestamp the first column, unless it is selected already. */
void select_time(struct selection *selection);

void sort_rows(const struct selection *selection, struct row *rows, size_t nr);

/* The reasons that occurred, sorted.  NULL if memory is short. */
struct row *sort_reasons(const struct selection *selection, const struct snapshot *snapshot,
			 size_t *nr);

/* A line for people that says what a table is about */
void format_title(char *text, size_t size, const struct snapshot *snapshot,
		  const struct style *style);

void print_columns(const struct columns *of, const char *title);

#endif /* KVM_EXIT_STAT_COLUMN_H */
