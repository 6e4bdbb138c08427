/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_OPENMETRICS_H
#define KVM_EXIT_STAT_OPENMETRICS_H

#include <stdio.h>

#include "source.h"

/*
 * Write the statistics of the system as metrics, in the subset of the text formats
 * of Prometheus and OpenMetrics that the parsers of Prometheus have in common.
 */
enum status write_metrics(FILE *file, struct source *source);

#endif /* KVM_EXIT_STAT_OPENMETRICS_H */
