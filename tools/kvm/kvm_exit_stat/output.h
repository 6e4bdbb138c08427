/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_OUTPUT_H
#define KVM_EXIT_STAT_OUTPUT_H

#include <stdio.h>

#include "error.h"

/*
 * A file that is replaced as a whole: what is written takes the place of what was
 * there when all of it is written, or not at all.
 */
struct output {
	const char *path;
	FILE *file;
	/* NULL if @path is no regular file, e.g. a pipe, and written directly */
	char *target;
	char *temporary;
};

enum status output_open(struct output *output, const char *path);

/* Unless @status is STATUS_OK, drop what was written.  Return @status or an error. */
enum status output_close(struct output *output, enum status status);

#endif /* KVM_EXIT_STAT_OUTPUT_H */
