/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_DIFF_H
#define KVM_EXIT_STAT_DIFF_H

#include "table.h"

/*
 * Compare the files @a and @b, of the reasons in @names, all if there is none.
 * STATUS_ABOVE if a mean or 99th percentile rose by more than @fail_above percent;
 * a negative one never fails.
 */
enum status print_diff(const char *a, const char *b, char * const names[], size_t nr_names,
		       double fail_above, enum format format, bool time);

#endif /* KVM_EXIT_STAT_DIFF_H */
