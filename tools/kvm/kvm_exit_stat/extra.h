/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_EXTRA_H
#define KVM_EXIT_STAT_EXTRA_H

#include "snapshot.h"

/*
 * Parse a line that not every view needs, and append the result to the snapshot's list of
 * that kind.  @fields are those after the name of the reason, @path is for messages.
 */
enum status parse_key(const char *path, const char *fields[], struct snapshot *snapshot,
		      size_t reason);

/* @reason is a name.  A line with 0 cycles means that there is no exit: leave it out. */
enum status parse_worst(const char *path, const char *fields[], struct snapshot *snapshot,
			const char *reason, bool away, bool late);

/* Parse "cycles", i.e. the handling time, or "away".  False if @text is neither. */
bool parse_kind(const char *text, bool *away);

#endif /* KVM_EXIT_STAT_EXTRA_H */
