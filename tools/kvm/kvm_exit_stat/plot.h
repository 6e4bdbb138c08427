/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_PLOT_H
#define KVM_EXIT_STAT_PLOT_H

#include <stdbool.h>

#include "error.h"

/*
 * Plot @file, of record, to @out, an SVG or PNG by its name: the exit tax by reason,
 * or the histograms of @reason if it is not NULL; over time if it is a recording.
 */
enum status plot(const char *file, const char *out, const char *reason, bool time);

#endif /* KVM_EXIT_STAT_PLOT_H */
