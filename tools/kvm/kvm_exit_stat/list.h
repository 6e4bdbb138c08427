/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_LIST_H
#define KVM_EXIT_STAT_LIST_H

#include "table.h"

/* A table that is made of a snapshot in place of that of exit reasons */
struct list {
	const struct columns *columns;
	/* Shown by default to people, and to programs if these get more */
	const char *shown;
	const char *shown_raw;
	const char *sort;
	enum status (*print)(const struct snapshot *snapshot, const struct view *view);
};

/* Why KVM_RUN returned to user space, a line each */
extern const struct list user_list;

/* Who got the CPU when a vCPU was scheduled out, a line each */
extern const struct list preemptor_list;

/* What the exits of reasons were for, a line each, below that of the reason for people */
extern const struct list key_list;

/* The exits that took longest, and those of the log of slow exits, a line each */
extern const struct list worst_list;
extern const struct list slow_list;

/* The exit reasons that L2 had, a line each */
extern const struct list nested_list;

/* The last exits of vCPUs, a line each, below that of the vCPU for people */
extern const struct list chain_list;

#endif /* KVM_EXIT_STAT_LIST_H */
