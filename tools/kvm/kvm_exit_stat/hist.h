/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_HIST_H
#define KVM_EXIT_STAT_HIST_H

#include "column.h"

#define BUCKET_LABEL_LEN	32

/* Format the shortest time that falls into @bucket, e.g. "512" or "6.40us". */
void format_bucket(char text[BUCKET_LABEL_LEN], size_t bucket, const struct style *style);

/* The histograms of a reason as bars */
void print_hist(const struct snapshot *snapshot, const char *name, const struct style *style);

#endif /* KVM_EXIT_STAT_HIST_H */
