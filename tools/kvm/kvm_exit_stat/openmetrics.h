/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_OPENMETRICS_H
#define KVM_EXIT_STAT_OPENMETRICS_H

#include <stdio.h>

#include "vm.h"

/* The numbers that metrics are made from */
struct metrics {
	struct snapshot snapshot;
	uint64_t clock_warps;
	uint64_t enabled;
	bool per_vm;
	struct vms vms;
};

enum status read_metrics(struct metrics *metrics, const struct source *source, bool per_vm);
void free_metrics(struct metrics *metrics);

/*
 * Write the metrics in the text format of Prometheus, with the end "# EOF" of OpenMetrics,
 * for both parsers of Prometheus, with at most @max_series series of VMs.
 */
enum status write_metrics(FILE *file, const struct metrics *metrics,
			  unsigned long long max_series);

/*
 * Write the lines before the series of a metric.  For counters, @name includes the suffix
 * "_total", unlike in OpenMetrics: the textfile collector of node_exporter knows only the
 * older text format.
 */
void write_head(FILE *file, const char *name, const char *type, const char *help);
void write_seconds(FILE *file, uint64_t cycles, uint64_t tsc_khz);

#endif /* KVM_EXIT_STAT_OPENMETRICS_H */
