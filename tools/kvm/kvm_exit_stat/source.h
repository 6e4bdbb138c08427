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
	/* Negative is the whole VM */
	int vcpu;

	/* Set by source_open() */
	char sysfs[PATH_MAX];
	int sysfs_fd;
	char table[PATH_MAX];
	char scope[64];
};

/* Find what is asked for.  @vm is well-formed. */
enum status source_open(struct source *source);

/* Whether the kernel knows an exit reason of that name, be there exits of it or not */
bool source_has_reason(const struct source *source, const char *name);

enum status source_read(const struct source *source, struct snapshot *snapshot);

/* One number that is no part of a snapshot, e.g. "enabled" */
enum status source_number(const struct source *source, const char *file, uint64_t *number);

#endif /* KVM_EXIT_STAT_SOURCE_H */
