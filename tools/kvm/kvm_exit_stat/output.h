/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_OUTPUT_H
#define KVM_EXIT_STAT_OUTPUT_H

#include <stdio.h>

#include "error.h"

/*
 * A file that is replaced as a whole, or not at all: output goes to a temporary file in
 * the same directory, which is renamed when all is written.  Only a signal that ends the
 * program at once can leave the temporary file behind: SIGKILL, or the same signal once more.
 *
 * What cannot be replaced, e.g. a device or /dev/stdout, is written directly.
 */
struct output {
	const char *path;
	FILE *file;
	/* NULL if the file is written directly */
	char *target;
	char *temporary;
	/* How many bytes to keep if the rest cannot be written, see output_keep() */
	long kept;
};

enum status output_open(struct output *output, const char *path);

/* Keep what is written up to here, even if the rest cannot be written. */
enum status output_keep(struct output *output);

/*
 * Put the file in its place.  If @status is an error, or writing fails, put only the part
 * that output_keep() was called for, if any, and return the error.
 */
enum status output_close(struct output *output, enum status status);

#endif /* KVM_EXIT_STAT_OUTPUT_H */
