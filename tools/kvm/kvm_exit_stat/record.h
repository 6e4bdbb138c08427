/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_RECORD_H
#define KVM_EXIT_STAT_RECORD_H

#include <stdio.h>

#include "snapshot.h"

/* Snapshots in the order of their lines in a file */
struct recording {
	struct snapshot *snapshots;
	size_t nr;
};

/* Write a snapshot as a line of JSON.  Its format is in the man page. */
enum status write_snapshot(FILE *file, const struct snapshot *snapshot);

/* Read a file of such lines, at least one.  @name is for messages. */
enum status read_recording(struct recording *recording, FILE *file, const char *name);
enum status load_recording(struct recording *recording, const char *path);
void free_recording(struct recording *recording);

/*
 * Make one snapshot of a file: a single line says what happened since the reset, several
 * lines say what happened from the first to the last.
 */
enum status summarize_recording(struct snapshot *summary, const struct recording *recording,
				const char *name);

#endif /* KVM_EXIT_STAT_RECORD_H */
