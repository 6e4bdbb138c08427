/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_TABLE_H
#define KVM_EXIT_STAT_TABLE_H

#include "column.h"
#include "json_line.h"

/* The version of the JSON output, see the man page */
#define SCHEMA_VERSION	1

enum format {
	FORMAT_HUMAN,
	FORMAT_RAW,
	FORMAT_CSV,
	FORMAT_JSON,
};

/* A table for standard output, by libsmartcols, in any format but JSON */
struct table {
	struct libscols_table *scols;
	struct libscols_line *line;
	/* The line that following lines can be below */
	struct libscols_line *parent;
	enum format format;
	size_t nr_columns;
	/* Without the names of the columns */
	bool headless;
	bool failed;
};

/* Errors of all these are remembered, and returned by table_print(). */
void table_begin(struct table *table, enum format format);
void table_column(struct table *table, const char *name, enum kind kind, bool tree);
void table_line(struct table *table, bool below);
void table_cell(struct table *table, size_t column, const char *text);

/* Print the table, and free it. */
enum status table_print(struct table *table);

/* Add to an object of JSON what a table is about: the time, the scope, the unit and so on. */
void json_add_about(struct json_object *to, const struct snapshot *snapshot,
		    const struct style *style);

/* Add a value, which is null if it is not known, by the name of its column. */
void json_add_value(struct json_object *to, const char *name, enum kind kind,
		    const struct value *value, const struct style *style);

/* How to print a table */
struct view {
	struct selection selection;
	struct style style;
	enum format format;
	/* Without the names of the columns */
	bool headless;
};

/* Print lines that are sorted already.  For JSON, @about has the time, the scope and so on. */
enum status print_rows(const struct row *rows, size_t nr, const struct view *view,
		       const struct snapshot *about);

/* The exit reasons of a snapshot, with a title if they are for people */
enum status print_snapshot(const struct snapshot *snapshot, const struct view *view);

#endif /* KVM_EXIT_STAT_TABLE_H */
