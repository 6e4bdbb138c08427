/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_TOP_H
#define KVM_EXIT_STAT_TOP_H

#include "column.h"
#include "sampler.h"

/*
 * Show what happens until the user quits, beginning with exit reasons or, with @vms, with
 * VMs; @selection and @vm_selection have the columns of each.  A signal that ends a program
 * ends this one, too, but after the terminal is restored.
 */
enum status run_top(struct sampler *sampler, struct selection *selection,
		    struct selection *vm_selection, bool vms, const struct style *style);

#endif /* KVM_EXIT_STAT_TOP_H */
