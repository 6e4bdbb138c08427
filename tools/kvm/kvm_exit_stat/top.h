/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_TOP_H
#define KVM_EXIT_STAT_TOP_H

#include "column.h"
#include "sampler.h"

/*
 * Show what happens until the user quits: exit reasons, or VMs with @vms, each as it is
 * selected.  Dies of the signals that end a program.
 */
enum status run_top(struct sampler *sampler, struct selection *selection,
		    struct selection *vm_selection, bool vms, const struct style *style);

#endif /* KVM_EXIT_STAT_TOP_H */
