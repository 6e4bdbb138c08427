// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "table.h"

void table_begin(struct table *table, enum format format)
{
	*table = (struct table){ .format = format };
	table->scols = scols_new_table();
	if (!table->scols) {
		table->failed = true;
		return;
	}

	/* The width of a terminal must not cut numbers. */
	scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
	if (format == FORMAT_CSV || format == FORMAT_RAW)
		table->failed |= scols_table_enable_raw(table->scols, 1) < 0;
	if (format == FORMAT_CSV)
		table->failed |= scols_table_set_column_separator(table->scols, ",") < 0;
	if (format == FORMAT_JSON) {
		table->failed |= scols_table_enable_json(table->scols, 1) < 0;
		table->failed |= scols_table_set_name(table->scols, "reasons") < 0;
	}
}

void table_column(struct table *table, const char *name, enum kind kind)
{
	struct libscols_column *column;

	if (table->failed)
		return;
	column = scols_table_new_column(table->scols, name, 0,
					kind == KIND_TEXT ? 0 : SCOLS_FL_RIGHT);
	table->failed = !column || scols_column_set_json_type(column, kind == KIND_TEXT ?
							      SCOLS_JSON_STRING :
							      SCOLS_JSON_NUMBER) < 0;
	table->nr_columns++;
}

void table_line(struct table *table)
{
	if (table->failed)
		return;
	table->line = scols_table_new_line(table->scols, NULL);
	table->failed = !table->line;
}

void table_cell(struct table *table, size_t column, const char *text)
{
	/* Blanks are between columns: one that has none must not move the next. */
	if (!*text && table->format == FORMAT_RAW)
		text = "-";
	if (!table->failed && *text)
		table->failed = scols_line_set_data(table->line, column, text) < 0;
}

/* libsmartcols prints nothing of a table without lines. */
static void print_empty(const struct table *table)
{
	for (size_t i = 0; i < table->nr_columns; i++) {
		struct libscols_column *column = scols_table_get_column(table->scols, i);

		printf("%s%s", i == 0 ? "" : table->format == FORMAT_CSV ? "," : " ",
		       scols_column_get_name(column));
	}
	putchar('\n');
}

/* libsmartcols has an object of the lines alone: put the number in front. */
static bool print_json(const struct table *table)
{
	char *text = NULL;

	if (!scols_table_get_nlines(table->scols))
		text = strdup("{\n   \"reasons\": []\n}\n");
	else if (scols_print_table_to_string(table->scols, &text) < 0)
		return false;
	if (!text)
		return false;

	putchar('{');
	if (table->name)
		printf("\n   \"%s\": %llu,", table->name, (unsigned long long)table->number);
	fputs(text + 1, stdout);
	free(text);
	return true;
}

enum status table_print(struct table *table)
{
	if (!table->failed && table->format == FORMAT_JSON)
		table->failed = !print_json(table);
	else if (!table->failed && !scols_table_get_nlines(table->scols))
		print_empty(table);
	else if (!table->failed)
		table->failed = scols_print_table(table->scols) != 0;
	scols_unref_table(table->scols);

	if (table->failed)
		return fail(STATUS_SYSTEM, "out of memory");
	return STATUS_OK;
}

enum status print_snapshot(const struct snapshot *snapshot, const struct selection *selection,
			   enum format format, const struct style *style)
{
	const struct reason **reasons;
	struct table table;
	size_t nr;

	reasons = sort_reasons(selection, snapshot, &nr);
	if (!reasons)
		return fail(STATUS_SYSTEM, "out of memory");

	if (format == FORMAT_HUMAN) {
		char title[512];

		format_title(title, sizeof(title), snapshot, style);
		printf("%s\n\n", title);
	}

	table_begin(&table, format);
	table.name = "dropped";
	table.number = snapshot->dropped;
	for (size_t i = 0; i < selection->nr; i++)
		table_column(&table, selection->columns[i]->name, selection->columns[i]->kind);
	for (size_t i = 0; i < nr; i++) {
		table_line(&table);
		for (size_t j = 0; j < selection->nr; j++) {
			const struct column *column = selection->columns[j];
			struct value value = column->get(column, snapshot, reasons[i]);
			char text[VALUE_LEN];

			format_value(text, column->kind, &value, style);
			table_cell(&table, j, text);
		}
	}
	free(reasons);
	return table_print(&table);
}
