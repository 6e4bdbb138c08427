// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "json_line.h"

/* Memory was short since the last line was printed. */
static bool failed;

struct json_object *json_add(struct json_object *to, const char *key,
			     struct json_object *member)
{
	if (to && member && !json_object_object_add(to, key, member))
		return member;
	json_object_put(member);
	failed = true;
	return NULL;
}

/* Not by json_add(), for which NULL is a lack of memory: json-c takes NULL for a JSON null. */
void json_add_null(struct json_object *to, const char *key)
{
	failed |= !to || json_object_object_add(to, key, NULL);
}

void json_append(struct json_object *to, struct json_object *element)
{
	if (to && element && !json_object_array_add(to, element))
		return;
	json_object_put(element);
	failed = true;
}

struct json_object *json_new_seconds(double seconds)
{
	char text[32];

	/* The time of today, as a double, is precise to six decimals, and to no more. */
	snprintf(text, sizeof(text), "%.6f", seconds);
	return json_object_new_double_s(seconds, text);
}

enum status json_print(FILE *file, struct json_object *object)
{
	static const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text;

	/*
	 * Without memory, json-c returns an incomplete text, and only errno shows the failure.
	 * But malloc() can set errno and then succeed, so check only the second conversion,
	 * for which the text has its memory already.
	 */
	json_object_to_json_string_ext(object, flags);
	errno = 0;
	text = json_object_to_json_string_ext(object, flags);
	failed |= !text || errno == ENOMEM;
	if (!failed)
		fprintf(file, "%s\n", text);
	json_object_put(object);

	if (failed) {
		failed = false;
		return fail(STATUS_SYSTEM, "out of memory");
	}
	return STATUS_OK;
}
