/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_DIFF_H
#define KVM_EXIT_STAT_DIFF_H

#include "table.h"

/* The values that --fail-above can limit */
enum gate {
	GATE_COUNT,
	GATE_MEAN,
	GATE_P99,
	GATE_TOTAL,
	GATE_TAX,
	NR_GATES,
};

extern const char * const gate_names[NR_GATES];

struct gates {
	/* How much each value may rise, in percent; negative if it has no limit */
	double limits[NR_GATES];
	/* With fewer exits than that, a rise does not count. */
	unsigned long long min_count;
};

/*
 * Compare the files @a and @b: the reasons in @names or, without names, all reasons.
 * STATUS_ABOVE if something rose by more than its limit.
 */
enum status print_diff(const char *a, const char *b, char * const names[], size_t nr_names,
		       const struct gates *gates, enum format format, bool time);

#endif /* KVM_EXIT_STAT_DIFF_H */
