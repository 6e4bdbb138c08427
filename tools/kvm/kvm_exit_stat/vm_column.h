/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_VM_COLUMN_H
#define KVM_EXIT_STAT_VM_COLUMN_H

#include "column.h"
#include "vm.h"

/* Which VMs a table is of */
enum vm_list {
	LIST_VMS,
	LIST_VCPUS,
	LIST_GONE,
};

/* The columns that such tables have, for rows of sort_vms() */
const struct columns *vm_columns(enum vm_list list);

/* The columns that are shown by default, and the one that is sorted by */
const char *vm_default_columns(enum vm_list list);
const char *vm_default_sort(enum vm_list list);

/* The VM that has the snapshot of a row of sort_vms() */
const struct vm *vm_of(const struct snapshot *snapshot);

/* A row for each VM, sorted.  NULL if memory is short. */
struct row *sort_vms(const struct selection *selection, const struct vms *vms);

/* A line for people that says what a table is about */
void format_vms_title(char *text, size_t size, enum vm_list list, const struct vms *vms);

#endif /* KVM_EXIT_STAT_VM_COLUMN_H */
