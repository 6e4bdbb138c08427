/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_OUTPUT_H
#define KVM_EXIT_STAT_OUTPUT_H

#include <stdio.h>

#include "error.h"

/*
 * A file that is replaced as a whole: what is written takes the place of what was
 * there when all of it is written, or not at all.  Until then, it is in a temporary
 * file beside, which no signal but SIGKILL leaves behind.
 *
 * What cannot be replaced, e.g. a device or /dev/stdout, is written directly.
 */
struct output {
	const char *path;
	FILE *file;
	/* NULL if the file is written directly */
	char *target;
	char *temporary;
	/* How much is worth to be kept if the rest cannot be written */
	long kept;
};

enum status output_open(struct output *output, const char *path);

/* What is written up to here shall be kept in any case. */
enum status output_keep(struct output *output);

/*
 * Put the file in its place.  If @status or writing is an error, only if a part is
 * to be kept, and only that part.  Return the error.
 */
enum status output_close(struct output *output, enum status status);

#endif /* KVM_EXIT_STAT_OUTPUT_H */
