/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_LIST_H
#define KVM_EXIT_STAT_LIST_H

#include "table.h"

/* A table that shows something else of a snapshot than its exit reasons */
struct list {
	const struct columns *columns;
	/* Default columns, and those in formats for programs if these differ, else NULL */
	const char *shown;
	const char *shown_raw;
	const char *sort;
	enum status (*print)(const struct snapshot *snapshot, const struct view *view);
};

/* Why KVM_RUN returned to user space, a line each */
extern const struct list user_list;

/* Who got the CPU when a vCPU was scheduled out, a line each */
extern const struct list preemptor_list;

/* What exits were for, a line for each key; for people, below a line of the reason */
extern const struct list key_list;

/* The exits that took longest, and those in the log of slow exits, a line each */
extern const struct list worst_list;
extern const struct list slow_list;

/* The reasons for which L2 has exited, a line each */
extern const struct list nested_list;

/* The last exits of vCPUs, a line each; for people, below a line of the vCPU */
extern const struct list chain_list;

#endif /* KVM_EXIT_STAT_LIST_H */
