/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_TABLE_H
#define KVM_EXIT_STAT_TABLE_H

#include "column.h"

enum format {
	FORMAT_HUMAN,
	FORMAT_RAW,
	FORMAT_CSV,
	FORMAT_JSON,
};

/* A table for standard output, by libsmartcols */
struct table {
	struct libscols_table *scols;
	struct libscols_line *line;
	enum format format;
	size_t nr_columns;
	/* A number beside the lines, of JSON only, if it has a name */
	const char *name;
	uint64_t number;
	bool failed;
};

/* Errors up to the end are kept, and told by table_print(). */
void table_begin(struct table *table, enum format format);
void table_column(struct table *table, const char *name, enum kind kind);
void table_line(struct table *table);
void table_cell(struct table *table, size_t column, const char *text);

/* Print the table, and free it. */
enum status table_print(struct table *table);

/* The exit reasons of a snapshot, with a title if they are for people */
enum status print_snapshot(const struct snapshot *snapshot, const struct selection *selection,
			   enum format format, const struct style *style);

#endif /* KVM_EXIT_STAT_TABLE_H */
