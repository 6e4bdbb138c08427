/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_EXPLAIN_H
#define KVM_EXIT_STAT_EXPLAIN_H

#include "column.h"

/* Print advice on how to avoid exits, a line for each rule whose condition is met. */
void print_advice(const struct snapshot *snapshot, const struct style *style);

#endif /* KVM_EXIT_STAT_EXPLAIN_H */
