/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_DIFF_H
#define KVM_EXIT_STAT_DIFF_H

#include "table.h"

/* What can be limited */
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
	/* By how many percent they may rise; negative is no limit */
	double limits[NR_GATES];
	/* Of fewer exits, nothing counts. */
	unsigned long long min_count;
};

/*
 * Compare the files @a and @b, of the reasons in @names, all if there is none.
 * STATUS_ABOVE if something rose above its limit.
 */
enum status print_diff(const char *a, const char *b, char * const names[], size_t nr_names,
		       const struct gates *gates, enum format format, bool time);

#endif /* KVM_EXIT_STAT_DIFF_H */
