/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_VM_METRICS_H
#define KVM_EXIT_STAT_VM_METRICS_H

#include <stdio.h>

#include "vm.h"

/* The most series that a VM can have */
#define MAX_VM_SERIES	25

/*
 * Write the metrics of VMs, and how many series were left out: a VM has at most
 * MAX_VM_SERIES, all VMs together at most @max.  The most expensive reasons and VMs keep
 * their series.
 */
enum status write_vm_metrics(FILE *file, const struct vms *vms, unsigned long long max);

#endif /* KVM_EXIT_STAT_VM_METRICS_H */
