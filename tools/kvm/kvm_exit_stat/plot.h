/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_PLOT_H
#define KVM_EXIT_STAT_PLOT_H

#include <stdbool.h>

#include "error.h"

/*
 * Plot @file, which "record" has written, to @out, as SVG or PNG by the extension of the
 * name: the exit tax by reason or, if @reason is not NULL, the histograms of that reason.
 * If @file is a recording, plot over time.
 */
enum status plot(const char *file, const char *out, const char *reason, bool time);

#endif /* KVM_EXIT_STAT_PLOT_H */
