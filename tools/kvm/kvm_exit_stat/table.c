// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "log.h"
#include "table.h"

void table_begin(struct table *table, enum format format)
{
	*table = (struct table){ .format = format };
	table->scols = scols_new_table();
	if (!table->scols) {
		table->failed = true;
		return;
	}

	/* Do not fit lines to the width of the terminal, which would cut numbers. */
	scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
	if (format == FORMAT_RAW)
		table->failed |= scols_table_enable_raw(table->scols, 1) < 0;
}

void table_column(struct table *table, const char *name, enum kind kind, bool tree)
{
	int flags = kind == KIND_TEXT ? 0 : SCOLS_FL_RIGHT;

	if (table->failed)
		return;
	if (tree && table->format == FORMAT_HUMAN)
		flags |= SCOLS_FL_TREE;
	table->failed = !scols_table_new_column(table->scols, name, 0, flags);
	table->nr_columns++;
}

void table_line(struct table *table, bool below)
{
	if (table->failed)
		return;
	table->line = scols_table_new_line(table->scols, below ? table->parent : NULL);
	table->failed = !table->line;
	if (!below)
		table->parent = table->line;
}

void table_cell(struct table *table, size_t column, const char *text)
{
	/* Blanks separate columns: an empty cell would shift all that follow. */
	if (!*text && table->format == FORMAT_RAW)
		text = "-";
	if (!table->failed && *text)
		table->failed = scols_line_set_data(table->line, column, text) < 0;
}

/* Print the names of the columns, which libsmartcols does not for a table without lines. */
static void print_names(const struct table *table, FILE *to)
{
	for (size_t i = 0; i < table->nr_columns; i++) {
		struct libscols_column *column = scols_table_get_column(table->scols, i);

		fprintf(to, "%s%s", i == 0 ? "" : table->format == FORMAT_CSV ? "," : " ",
			scols_column_get_name(column));
	}
}

static void print_heading(const struct table *table)
{
	print_names(table, stdout);
	putchar('\n');
}

/* Lines without a heading are appended to a log, whose own heading must be the same. */
static enum status go_on(struct table *table)
{
	enum status status = STATUS_OK;
	char *names = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&names, &len);

	if (to)
		print_names(table, to);
	if (!to || fclose(to) != 0)
		table->failed = true;
	else
		status = log_go_on(names);
	free(names);
	return status;
}

/* A field of CSV, in quotes if it has to be, see RFC 4180 */
static void print_field(const char *text)
{
	if (!text[strcspn(text, ",\"")]) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

/* Names of VMs can have commas, and libsmartcols cannot quote. */
static void print_csv(const struct table *table)
{
	struct libscols_column *column;
	struct libscols_line *line;

	if (!table->headless)
		print_heading(table);
	for (size_t i = 0; (line = scols_table_get_line(table->scols, i)); i++) {
		for (size_t j = 0; j < table->nr_columns; j++) {
			if (j)
				putchar(',');
			column = scols_table_get_column(table->scols, j);
			print_field(scols_line_get_column_data(line, column) ?: "");
		}
		putchar('\n');
	}
}

enum status table_print(struct table *table)
{
	enum status status = STATUS_OK;

	if (!table->failed && table->headless)
		table->failed = scols_table_enable_noheadings(table->scols, 1) < 0;
	if (!table->failed && table->headless)
		status = go_on(table);
	if (table->failed || status)
		;
	else if (table->format == FORMAT_CSV)
		print_csv(table);
	else if (scols_table_get_nlines(table->scols))
		table->failed = scols_print_table(table->scols) != 0;
	else if (!table->headless)
		print_heading(table);
	scols_unref_table(table->scols);

	if (table->failed)
		return fail(STATUS_SYSTEM, "out of memory");
	return status;
}

void json_add_about(struct json_object *to, const struct snapshot *snapshot,
		    const struct style *style)
{
	char from[TIME_LEN], time[TIME_LEN];

	format_time(from, snapshot->from);
	format_time(time, snapshot->time);
	json_add(to, "time", json_object_new_string(time));
	json_add(to, "isa", json_object_new_string(snapshot->isa));
	json_add(to, "scope", json_object_new_string(snapshot->scope));
	json_add(to, "tsc_khz", json_object_new_uint64(snapshot->tsc_khz));
	json_add(to, "unit", json_object_new_string(style->time ? "us" : "cycles"));
	if (snapshot->interval)
		json_add(to, "from", json_object_new_string(from));
	else
		json_add_null(to, "from");
	json_add(to, "to", json_object_new_string(time));
	if (snapshot->interval)
		json_add(to, "seconds", json_new_seconds(snapshot->seconds));
	else
		json_add_null(to, "seconds");
	json_add(to, "dropped", json_object_new_uint64(snapshot->dropped));
}

void json_add_value(struct json_object *to, const char *name, enum kind kind,
		    const struct value *value, const struct style *style)
{
	char key[VALUE_LEN] = "", text[VALUE_LEN];

	/* Not tolower(), as in e.g. a Turkish locale, "i" is not the lower case of "I". */
	for (size_t i = 0; i < sizeof(key) - 1 && name[i]; i++)
		key[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);

	if (!value->known) {
		json_add_null(to, key);
	} else if (kind == KIND_TEXT) {
		json_add(to, key, json_object_new_string(value->text));
	} else if (kind == KIND_COUNT || kind == KIND_ID || (kind == KIND_CYCLES && !style->time)) {
		json_add(to, key, json_object_new_uint64(value->n));
	} else {
		/* With the decimals of the other formats */
		format_value(text, kind, value, style);
		json_add(to, key, json_object_new_double_s(strtod(text, NULL), text));
	}
}

static enum status print_rows_json(const struct row *rows, size_t nr, const struct view *view,
				   const struct snapshot *about)
{
	const struct selection *selection = &view->selection;
	struct json_object *object = json_object_new_object(), *lines;

	json_add(object, "schema", json_object_new_int(SCHEMA_VERSION));
	json_add_about(object, about, &view->style);
	lines = json_add(object, selection->of->lines, json_object_new_array());
	for (size_t i = 0; i < nr; i++) {
		struct json_object *line = json_object_new_object();

		for (size_t j = 0; j < selection->nr; j++) {
			const struct column *column = selection->columns[j];
			struct value value = column->get(column, rows[i].snapshot,
							 rows[i].reason);

			json_add_value(line, column->name, column->kind, &value, &view->style);
		}
		json_append(lines, line);
	}
	return json_print(stdout, object);
}

enum status print_rows(const struct row *rows, size_t nr, const struct view *view,
		       const struct snapshot *about)
{
	const struct selection *selection = &view->selection;
	struct table table;

	if (view->format == FORMAT_JSON)
		return log_go_on(NULL) ?: print_rows_json(rows, nr, view, about);

	table_begin(&table, view->format);
	table.headless = view->headless;
	for (size_t i = 0; i < selection->nr; i++)
		table_column(&table, selection->columns[i]->name, selection->columns[i]->kind,
			     selection->columns[i]->tree);
	for (size_t i = 0; i < nr; i++) {
		table_line(&table, rows[i].below);
		for (size_t j = 0; j < selection->nr; j++) {
			const struct column *column = selection->columns[j];
			struct value value = column->get(column, rows[i].snapshot,
							 rows[i].reason);
			char text[VALUE_LEN];

			format_value(text, column->kind, &value, &view->style);
			/* Print a text, e.g. a name, itself, as it can be longer than VALUE_LEN. */
			table_cell(&table, j, column->kind == KIND_TEXT && value.known ?
				   value.text : text);
		}
	}
	return table_print(&table);
}

enum status print_snapshot(const struct snapshot *snapshot, const struct view *view)
{
	struct row *rows;
	enum status status;
	size_t nr;

	rows = sort_reasons(&view->selection, snapshot, &nr);
	if (!rows)
		return fail(STATUS_SYSTEM, "out of memory");

	if (view->format == FORMAT_HUMAN) {
		char title[512];

		format_title(title, sizeof(title), snapshot, &view->style);
		printf("%s\n\n", title);
	}

	status = print_rows(rows, nr, view, snapshot);
	free(rows);
	return status;
}
