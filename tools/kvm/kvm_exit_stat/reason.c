// SPDX-License-Identifier: GPL-2.0
/* Names and codes of exit reasons, from sysfs, which has all reasons that the kernel knows */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "reason.h"

static enum status read_code(const struct source *source, const char *name, uint64_t *code)
{
	char file[REASON_NAME_LEN + 32];

	snprintf(file, sizeof(file), "/reasons/%.63s/reason", name);
	return source_number(source, file, code);
}

/* Parse "0x" and hexadecimal digits, or decimal digits, for which a leading 0 means nothing. */
static bool parse_code(const char *text, uint64_t *code)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	if (!isdigit((unsigned char)*text) || (hex && !isxdigit((unsigned char)text[2])))
		return false;
	errno = 0;
	*code = strtoull(text, &end, hex ? 16 : 10);
	return !errno && !*end;
}

/* Whether the reason @name is the one that @text, or @code if not NULL, stands for */
static enum status is_meant(const struct source *source, const char *name, const char *text,
			    const uint64_t *code, bool *meant)
{
	enum status status = STATUS_OK;
	uint64_t its = 0;

	*meant = is_name(name, text);
	/* UNKNOWN is for all codes without a name: its file has only the last one of them. */
	if (*meant || !code || !strcmp(name, "UNKNOWN"))
		return STATUS_OK;
	status = read_code(source, name, &its);
	*meant = !status && its == *code;
	return status;
}

enum status find_reason(const struct source *source, const char *option, const char *text,
			char name[REASON_NAME_LEN])
{
	bool found = false;
	uint64_t code = 0;
	bool coded = parse_code(text, &code);
	enum status status = STATUS_OK;
	const char *its;
	DIR *dir;

	/* Look for the exact name first, as there can be names that differ in case only. */
	if (source_has_reason(source, text)) {
		snprintf(name, REASON_NAME_LEN, "%s", text);
		return STATUS_OK;
	}
	dir = open_reasons(source, &status);
	if (!dir)
		return status;
	while (!status && !found && (its = next_reason(source, dir, &status))) {
		if (!is_reason_name(its))
			continue;
		status = is_meant(source, its, text, coded ? &code : NULL, &found);
		if (found)
			snprintf(name, REASON_NAME_LEN, "%.63s", its);
	}
	closedir(dir);
	if (!status && !found)
		status = fail(STATUS_USAGE, "%s %s: %s/reasons has no such exit reason", option,
			      text, source->sysfs);
	return status;
}

enum status read_codes(const struct source *source, struct snapshot *snapshot)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; !status && i < snapshot->nr_reasons; i++) {
		struct reason *reason = &snapshot->reasons[i];

		if (!reason_occurred(reason))
			continue;
		status = read_code(source, reason->name, &reason->code);
		reason->coded = !status;
	}
	return status;
}
