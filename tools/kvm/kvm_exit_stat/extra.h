/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_EXTRA_H
#define KVM_EXIT_STAT_EXTRA_H

#include "snapshot.h"

/*
 * Parse lines of the kernel that not every view needs, for which a snapshot has lists of
 * its own.  @fields is what follows the name of the reason, @path is for messages.
 */
enum status parse_key(const char *path, const char *fields[], struct snapshot *snapshot,
		      size_t reason);

/* @reason is a name, and the exit is left out if it took no time, i.e. there is none. */
enum status parse_worst(const char *path, const char *fields[], struct snapshot *snapshot,
			const char *reason, bool away, bool late);

/* "cycles" is the handling.  False if it is neither that nor "away". */
bool parse_kind(const char *text, bool *away);

#endif /* KVM_EXIT_STAT_EXTRA_H */
