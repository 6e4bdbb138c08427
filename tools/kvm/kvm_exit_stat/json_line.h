/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_JSON_LINE_H
#define KVM_EXIT_STAT_JSON_LINE_H

#include <stdio.h>

#include <json.h>

#include "error.h"

/*
 * Build a line of JSON from objects of json-c.  Any object can be NULL if memory is short:
 * these functions remember that, and json_print() fails.  Free what cannot be added.
 */

/* Return the member, or NULL if it cannot be added. */
struct json_object *json_add(struct json_object *to, const char *key,
			     struct json_object *member);
void json_add_null(struct json_object *to, const char *key);
void json_append(struct json_object *to, struct json_object *element);

/* With six decimals */
struct json_object *json_new_seconds(double seconds);

/* Print the object, and free it. */
enum status json_print(FILE *file, struct json_object *object);

#endif /* KVM_EXIT_STAT_JSON_LINE_H */
