/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_PROC_H
#define KVM_EXIT_STAT_PROC_H

#include "source.h"

#define VM_UUID_LEN	40

/* What a VM is called by the command line of its process, in valid UTF-8 */
struct vm_name {
	/* QEMU's -name, else the command */
	char name[VM_NAME_LEN];
	/* QEMU's -uuid, or empty */
	char uuid[VM_UUID_LEN];
};

/* Without a command line, e.g. if the process is gone, use the command that the kernel noted. */
void read_vm_name(struct vm_name *name, const char *sysroot, const struct identity *identity);

/* Put '?' where @text has control characters, or is no UTF-8. */
void make_printable(char *text);

#endif /* KVM_EXIT_STAT_PROC_H */
