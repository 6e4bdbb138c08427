// SPDX-License-Identifier: GPL-2.0
/* Parse what the kernel says about exits besides the numbers of each reason. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "extra.h"
#include "source.h"

/* KEY COUNT ERROR CYCLES LONGEST */
enum status parse_key(const char *path, const char *fields[], struct snapshot *snapshot,
		      size_t reason)
{
	const char *name = snapshot->reasons[reason].name;
	struct key *key;
	size_t i;

	for (i = 0; i < 5 && fields[i]; i++)
		;
	if (!i || !is_key(fields[0]))
		return fail(STATUS_BAD_FILE, "%s is malformed: '%.80s' of %s is no key", path,
			    i ? fields[0] : "", name);
	key = snapshot_add_key(snapshot, reason, fields[0]);
	if (!key)
		return fail(STATUS_SYSTEM, "out of memory");
	if (i < 5 || !parse_whole_number(fields[1], &key->count) ||
	    !parse_whole_number(fields[2], &key->error) ||
	    !parse_whole_number(fields[3], &key->cycles) ||
	    !parse_whole_number(fields[4], &key->longest))
		return fail(STATUS_BAD_FILE,
			    "%s is malformed: key %.64s of %s is not followed by four numbers",
			    path, fields[0], name);
	return STATUS_OK;
}

bool parse_kind(const char *text, bool *away)
{
	*away = !strcmp(text, "away");
	return *away || !strcmp(text, "cycles");
}

/* The fields that each line of an exit that took long must have */
static const struct {
	const char *name;
	size_t offset;
} worst_numbers[] = {
	{ "cycles", offsetof(struct worst, cycles) },
	{ "boot_ns", offsetof(struct worst, boot_ns) },
	{ "vm", offsetof(struct worst, vm) },
	{ "vcpu", offsetof(struct worst, vcpu) },
	{ "cpu", offsetof(struct worst, cpu) },
	{ "user_percent", offsetof(struct worst, user_percent) },
	{ "blocked_percent", offsetof(struct worst, blocked_percent) },
	{ "preempted_percent", offsetof(struct worst, preempted_percent) },
};

static bool parse_address(const char *text, uint64_t *address)
{
	char *end;

	if (text[0] != '0' || text[1] != 'x' || !isxdigit((unsigned char)text[2]))
		return false;
	errno = 0;
	*address = strtoull(text, &end, 16);
	return !errno && !*end;
}

/* The text after "NAME=", or NULL if the field has another name */
static const char *value_of(const char *field, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(field, name, length) && field[length] == '=' ? field + length + 1 : NULL;
}

/* Ignore unknown fields, which later kernels may add. */
static bool parse_worst_field(const char *field, struct worst *worst, unsigned int *found)
{
	const char *value = value_of(field, "rip");

	if (value) {
		worst->has_rip = true;
		return parse_address(value, &worst->rip);
	}
	value = value_of(field, "key");
	if (value) {
		snprintf(worst->key, sizeof(worst->key), "%s", value);
		return is_key(value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(worst_numbers); i++) {
		value = value_of(field, worst_numbers[i].name);
		if (!value)
			continue;
		*found |= 1U << i;
		return parse_whole_number(value,
					  (uint64_t *)((char *)worst + worst_numbers[i].offset));
	}
	return true;
}

enum status parse_worst(const char *path, const char *fields[], struct snapshot *snapshot,
			const char *reason, bool away, bool late)
{
	struct worst *worst = snapshot_add_worst(snapshot);
	unsigned int found = 0;

	if (!worst)
		return fail(STATUS_SYSTEM, "out of memory");
	worst->away = away;
	worst->late = late;
	snprintf(worst->reason, sizeof(worst->reason), "%s", reason);
	for (size_t i = 0; fields[i]; i++) {
		if (!parse_worst_field(fields[i], worst, &found))
			return fail(STATUS_BAD_FILE, "%s is malformed: %s has '%.80s'", path,
				    reason, fields[i]);
	}
	if ((found & 1) && !worst->cycles) {
		snapshot->nr_worst--;
		return STATUS_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(worst_numbers); i++) {
		if (!(found & 1U << i))
			return fail(STATUS_BAD_FILE, "%s is malformed: %s of %s is missing", path,
				    worst_numbers[i].name, reason);
	}
	return STATUS_OK;
}
