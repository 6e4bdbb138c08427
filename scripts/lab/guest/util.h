/* SPDX-License-Identifier: GPL-2.0 */
/* Helpers for the programs of L1 */
#ifndef GUEST_UTIL_H
#define GUEST_UTIL_H

#include <err.h>
#include <errno.h>
#include <stdlib.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define __maybe_unused		__attribute__((unused))

/* Parse the argument called @name as a number from @min to @max, or exit with an error. */
static __maybe_unused unsigned long parse_number(const char *name, const char *arg,
						 unsigned long min, unsigned long max)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(arg, &end, 10);
	if (errno || *end || *arg < '0' || *arg > '9' || val < min || val > max)
		errx(2, "%s is '%s', must be a number from %lu to %lu", name, arg, min, max);

	return val;
}

#endif /* GUEST_UTIL_H */
