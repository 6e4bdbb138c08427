// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "json_line.h"
#include "record.h"

#define FORMAT_VERSION	2

#define MAX_LINE_LEN	(16 << 20)

/* More than any vendor has */
#define MAX_REASONS	256

/* More than the kernel keeps of a reason */
#define MAX_KEYS	64

static struct json_object *new_numbers(const uint64_t *from, size_t length)
{
	struct json_object *array;

	if (length == 1)
		return json_object_new_uint64(*from);

	array = json_object_new_array();
	for (size_t i = 0; i < length; i++)
		json_append(array, json_object_new_uint64(from[i]));
	return array;
}

static struct json_object *new_reason(const struct reason *reason)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < NR_NUMBERS; i++) {
		struct json_object *parent = object;

		if (numbers[i].object &&
		    !json_object_object_get_ex(object, numbers[i].object, &parent))
			parent = json_add(object, numbers[i].object, json_object_new_object());
		json_add(parent, numbers[i].key,
			 new_numbers(number_at(reason, numbers[i].offset), numbers[i].length));
	}
	return object;
}

/* The numbers of a key, by their names in a file */
static const struct {
	const char *name;
	size_t offset;
} key_numbers[] = {
	{ "count", offsetof(struct key, count) },
	{ "error", offsetof(struct key, error) },
	{ "cycles", offsetof(struct key, cycles) },
	{ "longest", offsetof(struct key, longest) },
};

static uint64_t *key_number(const struct key *key, size_t i)
{
	return (uint64_t *)((char *)key + key_numbers[i].offset);
}

/* Add the keys of a reason, if it has any. */
static void add_keys(struct json_object *to, const struct snapshot *snapshot, size_t reason)
{
	struct json_object *keys = NULL;

	for (size_t i = 0; i < snapshot->nr_keys; i++) {
		const struct key *key = &snapshot->keys[i];
		struct json_object *object;

		if (key->reason != reason)
			continue;
		if (!keys)
			keys = json_add(to, "keys", json_object_new_array());
		object = json_object_new_object();
		json_add(object, "key", json_object_new_string(key->text));
		for (size_t j = 0; j < ARRAY_SIZE(key_numbers); j++)
			json_add(object, key_numbers[j].name,
				 json_object_new_uint64(*key_number(key, j)));
		json_append(keys, object);
	}
}

enum status write_snapshot(FILE *file, const struct snapshot *snapshot)
{
	struct json_object *object = json_object_new_object(), *reasons;

	json_add(object, "kvm_exit_stat", json_object_new_int(FORMAT_VERSION));
	json_add(object, "time", json_new_seconds(snapshot->time));
	json_add(object, "uptime", json_new_seconds(snapshot->uptime));
	json_add(object, "isa", json_object_new_string(snapshot->isa));
	json_add(object, "tsc_khz", json_object_new_uint64(snapshot->tsc_khz));
	json_add(object, "scope", json_object_new_string(snapshot->scope));
	json_add(object, "dropped", json_object_new_uint64(snapshot->dropped));
	reasons = json_add(object, "reasons", json_object_new_object());
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (reason_occurred(reason))
			add_keys(json_add(reasons, reason->name, new_reason(reason)), snapshot, i);
	}
	return json_print(file, object);
}

/* Where a reader is, for messages */
struct position {
	const char *name;
	size_t line;
};

static enum status malformed(const struct position *at, const char *key, const char *rule)
{
	return fail(STATUS_BAD_FILE, "%s, line %zu: '%s' %s", at->name, at->line, key, rule);
}

/* A member of the wanted type, or NULL */
static struct json_object *get(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, type))
		return NULL;
	return member;
}

/* Refuse a negative number, of which json_object_get_uint64() would make 0. */
static bool to_number(struct json_object *object, uint64_t *number)
{
	if (!json_object_is_type(object, json_type_int) || json_object_get_int64(object) < 0)
		return false;
	*number = json_object_get_uint64(object);
	return true;
}

static enum status get_number(const struct position *at, struct json_object *object,
			      const char *key, uint64_t *number)
{
	struct json_object *member = get(object, key, json_type_int);

	if (!member || !to_number(member, number))
		return malformed(at, key, "is no number from 0 to 2^64 - 1");
	return STATUS_OK;
}

static enum status get_seconds(const struct position *at, struct json_object *object,
			       const char *key, double *seconds)
{
	struct json_object *member = get(object, key, json_type_double) ?:
				     get(object, key, json_type_int);

	*seconds = member ? json_object_get_double(member) : -1;
	if (!(*seconds >= 0 && *seconds < 1e12))
		return malformed(at, key, "is no time in seconds");
	return STATUS_OK;
}

static enum status get_string(const struct position *at, struct json_object *object,
			      const char *key, char *to, size_t size)
{
	struct json_object *member = get(object, key, json_type_string);
	const char *text = member ? json_object_get_string(member) : "";
	size_t length = strlen(text);

	if (!length || length >= size)
		return malformed(at, key, "is missing or of a wrong length");
	/* Allow only characters that are harmless in titles of gnuplot. */
	for (size_t i = 0; i < length; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789 -", text[i]))
			return malformed(at, key, "has a wrong character");
	}
	memcpy(to, text, length + 1);
	return STATUS_OK;
}

static enum status get_reason(const struct position *at, struct json_object *object,
			      struct reason *reason)
{
	for (size_t i = 0; i < NR_NUMBERS; i++) {
		const struct number *number = &numbers[i];
		uint64_t *to = number_of(reason, number);
		struct json_object *parent = object, *array;

		if (number->object)
			parent = get(object, number->object, json_type_object);
		if (!parent)
			return malformed(at, number->object, "is missing or no object");

		if (number->length == 1) {
			enum status status = get_number(at, parent, number->key, to);

			if (status)
				return status;
			continue;
		}
		array = get(parent, number->key, json_type_array);
		if (!array || json_object_array_length(array) != number->length)
			return malformed(at, number->key, "is no array of 32 numbers");
		for (size_t j = 0; j < number->length; j++) {
			if (!to_number(json_object_array_get_idx(array, j), &to[j]))
				return malformed(at, number->key, "is no array of 32 numbers");
		}
	}
	return STATUS_OK;
}

/* The keys of the last reason of the snapshot, if it has some */
static enum status get_keys(const struct position *at, struct json_object *object,
			    struct snapshot *snapshot)
{
	struct json_object *array;

	if (!json_object_object_get_ex(object, "keys", &array))
		return STATUS_OK;
	if (!json_object_is_type(array, json_type_array) ||
	    json_object_array_length(array) > MAX_KEYS)
		return malformed(at, "keys", "is no array of at most 64 keys");
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *element = json_object_array_get_idx(array, i), *text;
		struct key *key;

		text = get(element, "key", json_type_string);
		if (!text || !is_key(json_object_get_string(text)))
			return malformed(at, "keys", "has an element that is no key");
		key = snapshot_add_key(snapshot, snapshot->nr_reasons - 1,
				       json_object_get_string(text));
		if (!key)
			return fail(STATUS_SYSTEM, "out of memory");
		for (size_t j = 0; j < ARRAY_SIZE(key_numbers); j++) {
			enum status status = get_number(at, element, key_numbers[j].name,
							key_number(key, j));

			if (status)
				return status;
		}
	}
	return STATUS_OK;
}

static enum status get_snapshot(const struct position *at, struct json_object *object,
				struct snapshot *snapshot)
{
	struct json_object *reasons = get(object, "reasons", json_type_object);
	enum status status;
	uint64_t version;

	status = get_number(at, object, "kvm_exit_stat", &version);
	if (!status && version != FORMAT_VERSION)
		status = malformed(at, "kvm_exit_stat", "is not 2, the version of the format");
	if (!status)
		status = get_seconds(at, object, "time", &snapshot->time);
	if (!status)
		status = get_seconds(at, object, "uptime", &snapshot->uptime);
	if (!status)
		status = get_string(at, object, "isa", snapshot->isa, sizeof(snapshot->isa));
	if (!status && !is_isa(snapshot->isa))
		status = malformed(at, "isa", "is neither vmx nor svm");
	if (!status)
		status = get_number(at, object, "tsc_khz", &snapshot->tsc_khz);
	if (!status)
		status = get_string(at, object, "scope", snapshot->scope, sizeof(snapshot->scope));
	if (!status)
		status = get_number(at, object, "dropped", &snapshot->dropped);
	if (!status && !reasons)
		status = malformed(at, "reasons", "is missing");
	if (status)
		return status;

	json_object_object_foreach(reasons, name, member) {
		struct reason *reason;

		if (!is_reason_name(name))
			return malformed(at, "reasons", "has a name that is none of a reason");
		if (snapshot->nr_reasons == MAX_REASONS)
			return malformed(at, "reasons", "has more than 256 reasons");
		if (!json_object_is_type(member, json_type_object))
			return malformed(at, name, "is no object");
		reason = snapshot_add(snapshot, name);
		if (!reason)
			return fail(STATUS_SYSTEM, "out of memory");
		status = get_reason(at, member, reason) ?: get_keys(at, member, snapshot);
		if (status)
			return status;
	}
	snapshot_derive(snapshot);
	return STATUS_OK;
}

/* Check the text, as json-c would make a number of more than 64 bits the largest of 64. */
static bool numbers_fit(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char *end;

		if (!isdigit((unsigned char)line[i]))
			continue;
		errno = 0;
		strtoull(line + i, &end, 10);
		/* After a decimal point, any number of digits is fine. */
		if (errno && (i == 0 || line[i - 1] != '.'))
			return false;
		i = (size_t)(end - line);
	}
	return true;
}

/* Parse a line, which must be exactly one JSON object. */
static enum status parse_line(const struct position *at, const char *line, size_t length,
			      struct snapshot *snapshot)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	enum json_tokener_error error;
	enum status status;
	bool whole;

	if (!tokener)
		return fail(STATUS_SYSTEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, line, (int)length);
	error = json_tokener_get_error(tokener);
	whole = json_tokener_get_parse_end(tokener) == length;
	json_tokener_free(tokener);

	if (error == json_tokener_continue)
		status = fail(STATUS_BAD_FILE, "%s, line %zu is truncated", at->name, at->line);
	else if (error != json_tokener_success)
		status = fail(STATUS_BAD_FILE, "%s, line %zu is no JSON: %s", at->name, at->line,
			      json_tokener_error_desc(error));
	else if (!numbers_fit(line, length))
		status = fail(STATUS_BAD_FILE, "%s, line %zu: a number has more than 64 bits",
			      at->name, at->line);
	else if (!whole || !json_object_is_type(object, json_type_object))
		status = fail(STATUS_BAD_FILE, "%s, line %zu is not one object of JSON", at->name,
			      at->line);
	else
		status = get_snapshot(at, object, snapshot);
	json_object_put(object);
	return status;
}

static enum status add_line(struct recording *recording, const struct position *at,
			    const char *line, size_t length)
{
	struct snapshot *snapshots, *last;
	enum status status;

	snapshots = reallocarray(recording->snapshots, recording->nr + 1, sizeof(*snapshots));
	if (!snapshots)
		return fail(STATUS_SYSTEM, "out of memory");
	recording->snapshots = snapshots;
	last = &snapshots[recording->nr++];
	memset(last, 0, sizeof(*last));

	status = parse_line(at, line, length, last);
	if (status || recording->nr == 1)
		return status;

	if (strcmp(last->isa, last[-1].isa) || strcmp(last->scope, last[-1].scope) ||
	    last->tsc_khz != last[-1].tsc_khz)
		return fail(STATUS_BAD_FILE,
			    "%s, line %zu: 'isa', 'scope' or 'tsc_khz' is not that of the line before",
			    at->name, at->line);
	/* Times have six decimals, and a rate over much less is infinite. */
	if (!(last->uptime - last[-1].uptime > 0.5 / 1e6))
		return malformed(at, "uptime", "is not after that of the line before");
	return STATUS_OK;
}

/*
 * Read a line, and drop its newline, which only the last line may lack.  Return its length,
 * -1 at the end of the file or after an error, or -2 if the line is too long.
 */
static ssize_t read_line(FILE *file, char **line, size_t *size)
{
	size_t length = 0;
	int c;

	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (length == MAX_LINE_LEN)
			return -2;
		if (length + 1 >= *size) {
			char *larger = realloc(*line, *size * 2 + 4096);

			if (!larger)
				return -1;
			*line = larger;
			*size = *size * 2 + 4096;
		}
		(*line)[length++] = (char)c;
	}
	if (c == EOF && (!length || ferror(file)))
		return -1;
	if (length)
		(*line)[length] = '\0';
	return (ssize_t)length;
}

enum status read_recording(struct recording *recording, FILE *file, const char *name)
{
	struct position at = { .name = name };
	enum status status = STATUS_OK;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	*recording = (struct recording){};
	while (!status && (errno = 0, length = read_line(file, &line, &size)) != -1) {
		at.line++;
		if (length == -2)
			status = fail(STATUS_BAD_FILE, "%s, line %zu is longer than 16 MiB", name,
				      at.line);
		else
			status = add_line(recording, &at, length ? line : "", (size_t)length);
	}
	free(line);
	if (!status && !feof(file))
		status = fail(STATUS_SYSTEM, "cannot read %s: %s", name, strerror(errno));
	if (!status && !recording->nr)
		status = fail(STATUS_BAD_FILE, "%s is empty", name);
	if (status)
		free_recording(recording);
	return status;
}

enum status load_recording(struct recording *recording, const char *path)
{
	FILE *file = fopen(path, "re");
	enum status status;

	if (!file)
		return fail(errno == EACCES ? STATUS_PERMISSION : STATUS_SYSTEM,
			    "cannot read %s: %s", path, strerror(errno));
	status = read_recording(recording, file, path);
	fclose(file);
	return status;
}

void free_recording(struct recording *recording)
{
	for (size_t i = 0; i < recording->nr; i++)
		snapshot_free(&recording->snapshots[i]);
	free(recording->snapshots);
	*recording = (struct recording){};
}

enum status summarize_recording(struct snapshot *summary, const struct recording *recording,
				const char *name)
{
	const struct snapshot *first = recording->snapshots;

	/* Compare each line with the next: after a reset, numbers can grow past those of before. */
	for (size_t i = 1; i < recording->nr; i++) {
		enum status status = snapshot_subtract(summary, &first[i - 1], &first[i]);

		if (status == STATUS_RESET)
			return fail(status, "%s: counters were reset between lines %zu and %zu",
				    name, i, i + 1);
		if (status)
			return status;
		snapshot_free(summary);
	}
	if (recording->nr > 1)
		return snapshot_subtract(summary, first, &first[recording->nr - 1]);

	*summary = *first;
	/* Callers free both, even if memory is short. */
	summary->keys = NULL;
	summary->nr_keys = 0;
	summary->reasons = calloc(summary->nr_reasons + 1, sizeof(*summary->reasons));
	if (!summary->reasons)
		return fail(STATUS_SYSTEM, "out of memory");
	for (size_t i = 0; i < first->nr_reasons; i++)
		summary->reasons[i] = first->reasons[i];
	for (size_t i = 0; i < first->nr_keys; i++) {
		const struct key *key = &first->keys[i];
		struct key *copy = snapshot_add_key(summary, key->reason, key->text);

		if (!copy) {
			snapshot_free(summary);
			return fail(STATUS_SYSTEM, "out of memory");
		}
		*copy = *key;
	}
	return STATUS_OK;
}
