/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_VM_METRICS_H
#define KVM_EXIT_STAT_VM_METRICS_H

#include <stdio.h>

#include "vm.h"

/* Of one VM, there are not more series. */
#define MAX_VM_SERIES	25

/*
 * Write the metrics of VMs, and how many series were left out, since a VM has more than
 * MAX_VM_SERIES of them, or all together more than @max.  Those of the most expensive
 * reasons and VMs stay.
 */
enum status write_vm_metrics(FILE *file, const struct vms *vms, unsigned long long max);

#endif /* KVM_EXIT_STAT_VM_METRICS_H */
