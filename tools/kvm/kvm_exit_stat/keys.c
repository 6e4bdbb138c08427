// SPDX-License-Identifier: GPL-2.0
/* What exits were for: the keys of each reason, then the rest of its exits, "other" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "key_name.h"
#include "list.h"

/* A line: a key or, if @key is NULL, the reason that the keys below belong to */
struct line {
	/* The name, the count and the times of the line, be it a key or a reason */
	struct reason reason;
	const struct key *key;
	const struct reason *of;
	/* What SHARE is a percentage of: the exits of all keys or, for a reason, all exits */
	uint64_t all;
	char name[KEY_NAME_LEN];
};

static const struct line *line_of(const struct reason *reason)
{
	return container_of(reason, struct line, reason);
}

static bool is_other(const struct key *key)
{
	return !strcmp(key->text, KEY_OTHER);
}

/* In a tree, this column also has the names of keys, see set_line(). */
static struct value get_reason(const struct column *column, const struct snapshot *snapshot,
			       const struct reason *reason)
{
	return (struct value){ .known = true, .text = reason->name };
}

static struct value get_key(const struct column *column, const struct snapshot *snapshot,
			    const struct reason *reason)
{
	const struct line *line = line_of(reason);

	return (struct value){
		.known = line->key,
		.text = line->key ? line->key->text : "",
	};
}

static struct value get_key_name(const struct column *column, const struct snapshot *snapshot,
				 const struct reason *reason)
{
	return (struct value){ .known = line_of(reason)->key, .text = line_of(reason)->name };
}

static struct value get_error(const struct column *column, const struct snapshot *snapshot,
			      const struct reason *reason)
{
	const struct key *key = line_of(reason)->key;

	return (struct value){ .known = key && !is_other(key), .n = key ? key->error : 0 };
}

static struct value get_share(const struct column *column, const struct snapshot *snapshot,
			      const struct reason *reason)
{
	double all = (double)line_of(reason)->all;

	return (struct value){
		.known = all > 0,
		.d = all > 0 ? 100 * (double)reason->count / all : 0,
	};
}

static struct value get_mean(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){
		.known = reason->count,
		.n = reason->count ? reason->cycles.total / reason->count : 0,
	};
}

static struct value get_longest(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	const struct key *key = line_of(reason)->key;

	return (struct value){
		.known = reason->count && !(key && is_other(key)),
		.n = reason->cycles.max,
	};
}

#define OF(field)	.offset = offsetof(struct reason, field)

static const struct column all_columns[] = {
	{ "REASON", "hardware exit reason; for people, names of keys below it", KIND_TEXT, ALWAYS,
	  get_reason, .tree = true },
	{ "KEY", "what the exits were for, as the kernel says it", KIND_TEXT, ALWAYS, get_key },
	{ "KEY_NAME", "the same with names", KIND_TEXT, ALWAYS, get_key_name },
	{ "COUNT", "exits, at least", KIND_COUNT, ALWAYS, get_number, OF(count) },
	{ "ERROR", "how many more there can be", KIND_COUNT, ALWAYS, get_error },
	{ "SHARE", "percent of the exits of the reason; of a reason, of all", KIND_PERCENT, ALWAYS,
	  get_share },
	{ "TOTAL", "handling time of COUNT", KIND_CYCLES, ALWAYS, get_number, OF(cycles.total) },
	{ "MEAN", "average of it", KIND_CYCLES, ALWAYS, get_mean },
	{ "LONGEST", "the longest of these", KIND_CYCLES, ALWAYS, get_longest },
};

static const struct columns key_columns = { all_columns, ARRAY_SIZE(all_columns), "keys" };

static void set_line(struct line *line, const struct snapshot *snapshot, const struct key *key,
		     uint64_t all, bool tree)
{
	*line = (struct line){ .key = key, .of = &snapshot->reasons[key->reason], .all = all };
	make_key_name(line->name, key->text);
	snprintf(line->reason.name, sizeof(line->reason.name), "%s",
		 tree ? line->name : line->of->name);
	line->reason.count = key->count;
	line->reason.cycles.total = key->cycles;
	line->reason.cycles.max = key->longest;
}

/* Set the line of a reason, which has the keys of that reason below it. */
static void set_parent(struct line *line, const struct snapshot *snapshot, size_t reason)
{
	*line = (struct line){
		.reason = snapshot->reasons[reason],
		.of = &snapshot->reasons[reason],
		.all = snapshot->total.count,
	};
}

/* Add up the exits of all keys: the row of the reason was read before them, and can lack some. */
static uint64_t count_keys(const struct snapshot *snapshot, size_t reason)
{
	uint64_t count = 0;

	for (size_t i = 0; i < snapshot->nr_keys; i++) {
		if (snapshot->keys[i].reason == reason)
			add_to(&count, snapshot->keys[i].count);
	}
	return count;
}

/* Add the keys of a reason, sorted, and then "other", if present.  Return their number. */
static size_t add_keys(struct row *rows, struct line *lines, const struct snapshot *snapshot,
		       size_t reason, const struct selection *selection, bool tree)
{
	uint64_t all = count_keys(snapshot, reason);
	const struct key *other = NULL;
	size_t nr = 0;

	for (size_t i = 0; i < snapshot->nr_keys; i++) {
		const struct key *key = &snapshot->keys[i];

		if (key->reason != reason || !key->count)
			continue;
		if (is_other(key)) {
			other = key;
			continue;
		}
		set_line(&lines[nr], snapshot, key, all, tree);
		rows[nr] = (struct row){ snapshot, &lines[nr].reason, tree };
		nr++;
	}
	sort_rows(selection, rows, nr);
	if (other) {
		set_line(&lines[nr], snapshot, other, all, tree);
		rows[nr] = (struct row){ snapshot, &lines[nr].reason, tree };
		nr++;
	}
	return nr;
}

static enum status print_keys(const struct snapshot *snapshot, const struct view *view)
{
	size_t most = snapshot->nr_keys + snapshot->nr_reasons + 1, nr = 0, nr_parents = 0;
	struct line *lines = calloc(most, sizeof(*lines));
	struct line *parents = calloc(snapshot->nr_reasons + 1, sizeof(*parents));
	struct row *rows = calloc(most, sizeof(*rows));
	struct row *reasons = calloc(snapshot->nr_reasons + 1, sizeof(*reasons));
	bool tree = view->format == FORMAT_HUMAN;
	enum status status;

	if (!lines || !parents || !rows || !reasons) {
		status = fail(STATUS_SYSTEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		if (!count_keys(snapshot, i))
			continue;
		set_parent(&parents[nr_parents], snapshot, i);
		reasons[nr_parents] = (struct row){ snapshot, &parents[nr_parents].reason };
		nr_parents++;
	}
	sort_rows(&view->selection, reasons, nr_parents);
	for (size_t i = 0; i < nr_parents; i++) {
		size_t reason = (size_t)(line_of(reasons[i].reason)->of - snapshot->reasons);

		if (tree)
			rows[nr++] = reasons[i];
		nr += add_keys(&rows[nr], &lines[nr], snapshot, reason, &view->selection, tree);
	}
	if (tree)
		printf("%s, %s: keys of %zu exit reason%s\n\n", snapshot->isa, snapshot->scope,
		       nr_parents, nr_parents == 1 ? "" : "s");
	status = print_rows(rows, nr, view, snapshot);
out:
	free(lines);
	free(parents);
	free(rows);
	free(reasons);
	return status;
}

const struct list key_list = {
	.columns = &key_columns,
	.shown = "REASON,COUNT,ERROR,SHARE,TOTAL,MEAN,LONGEST",
	.shown_raw = "REASON,KEY,KEY_NAME,COUNT,ERROR,SHARE,TOTAL,MEAN,LONGEST",
	.sort = "COUNT",
	.print = print_keys,
};
