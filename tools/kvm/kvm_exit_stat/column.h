/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_COLUMN_H
#define KVM_EXIT_STAT_COLUMN_H

#include "snapshot.h"

/* What a value is, which decides how it is printed */
enum kind {
	KIND_TEXT,
	KIND_COUNT,
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
};

#define MAX_SELECTED	32

/* The columns that are shown, and the one of them or not that is sorted by */
struct selection {
	const struct column *columns[MAX_SELECTED];
	size_t nr;
	const struct column *sort;
	bool reverse;
};

/*
 * Make a selection of the names in @list, separated by commas, and sort by @sort,
 * for snapshots of intervals or not.
 */
enum status select_columns(struct selection *selection, const char *list, const char *sort,
			   bool interval);

/* The reasons that occurred, in order.  NULL if memory is short. */
const struct reason **sort_reasons(const struct selection *selection,
				   const struct snapshot *snapshot, size_t *nr);

/* A line for people that says what a table is about */
void format_title(char *text, size_t size, const struct snapshot *snapshot,
		  const struct style *style);

void print_columns(void);

#endif /* KVM_EXIT_STAT_COLUMN_H */
