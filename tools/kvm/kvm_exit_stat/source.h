/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_SOURCE_H
#define KVM_EXIT_STAT_SOURCE_H

#include <limits.h>

#include "snapshot.h"

/* Where the kernel's numbers are read: of the system, a VM or a vCPU */
struct source {
	const char *sysroot;
	/* "PID" or "PID-FD"; NULL is the system */
	const char *vm;
	/* "N"; NULL is the whole VM */
	const char *vcpu;

	/* Set by source_open() */
	char sysfs[PATH_MAX];
	char table[PATH_MAX];
	char scope[64];
	/* Once it was there, its absence means that it vanished. */
	bool was_there;
};

/* Find what is asked for.  @vm and @vcpu are well-formed. */
enum status source_open(struct source *source);

enum status source_read(struct source *source, struct snapshot *snapshot);

/* One number that is no part of a snapshot, e.g. "enabled" */
enum status source_number(struct source *source, const char *file, uint64_t *number);

#endif /* KVM_EXIT_STAT_SOURCE_H */
