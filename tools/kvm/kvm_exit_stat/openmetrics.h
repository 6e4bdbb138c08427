/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_OPENMETRICS_H
#define KVM_EXIT_STAT_OPENMETRICS_H

#include <stdio.h>

#include "source.h"

/* What metrics are made of */
struct metrics {
	struct snapshot snapshot;
	uint64_t clock_warps;
	uint64_t enabled;
};

enum status read_metrics(struct metrics *metrics, const struct source *source);
void free_metrics(struct metrics *metrics);

/*
 * Write the metrics in the subset of the text formats of Prometheus and OpenMetrics
 * that the parsers of Prometheus have in common.
 */
void write_metrics(FILE *file, const struct metrics *metrics);

#endif /* KVM_EXIT_STAT_OPENMETRICS_H */
