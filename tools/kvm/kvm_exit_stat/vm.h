/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_VM_H
#define KVM_EXIT_STAT_VM_H

#include "proc.h"
#include "source.h"

/* A VM or a vCPU, with the numbers of all its reasons */
struct vm {
	/* Its directory in debugfs */
	char dir[VM_DIR_LEN];
	/* Negative is the whole VM */
	int vcpu;
	struct identity identity;
	/* CLOCK_BOOTTIME, of a VM that is gone */
	uint64_t ended_ns;
	struct vm_name name;
	struct snapshot snapshot;
};

struct vms {
	struct vm *vms;
	size_t nr;
	/* UTC and CLOCK_BOOTTIME of the reading, in seconds */
	double time;
	double uptime;
	/* Number of the VM, if these are its vCPUs */
	uint64_t vm;
};

/*
 * Read all VMs of debugfs, in the order of their numbers.  Leave out a VM that goes while
 * it is read.  Take the names of VMs that are in @before, if not NULL, from there.  @source
 * must be open, but need not be that of a VM.
 */
enum status read_vms(struct vms *vms, const struct source *source, const struct vms *before);

/*
 * The same of the vCPUs of the VM that @source is of.  STATUS_VANISHED if it is gone, or is not
 * that of @before.
 */
enum status read_vcpus(struct vms *vms, const struct source *source, const struct vms *before);

/*
 * Read the last VMs that are gone, in the order in which they ended.  A snapshot has the
 * total, like that of a live VM, and the most expensive reasons: of these, only the count
 * and, in place of the time in KVM, the cost, i.e. the time in KVM and user space.
 */
enum status read_gone_vms(struct vms *vms, const struct source *source);

/*
 * What happened from @a to @b or, if a VM is new, since its creation.  VMs that are gone
 * are left out.  STATUS_RESET as with snapshots.
 */
enum status subtract_vms(struct vms *interval, const struct vms *a, const struct vms *b);

/* The table of a VM or, unless @vcpu is negative, of a vCPU */
enum status make_table_path(char path[PATH_MAX], const char *sysroot, const char *dir, int vcpu);

/*
 * Find the directory of the VM that @source->vm stands for: try it as PID-FD, name, UUID,
 * PID and number, in this order.  The first of these that fits any VM decides, and has to
 * fit only one.
 */
enum status find_vm(const struct source *source, char dir[VM_DIR_LEN]);

/* Read the last exits of the vCPU that @source is of or, if it is a VM, of all its vCPUs. */
enum status read_chains(const struct source *source, struct snapshot *snapshot);

/*
 * Set the names of VMs in the list of exits that took long, as far as they can be known.  A
 * VM that is gone has its command for a name.
 */
void name_worst(const struct source *source, struct snapshot *snapshot);

/* The reason that cost most time of KVM and user space, or NULL if none did */
const struct reason *most_expensive(const struct snapshot *snapshot);

static inline uint64_t cost_of(const struct reason *reason)
{
	uint64_t cost = reason->kvm;

	add_to(&cost, reason->user);
	return cost;
}

/* Begin a reading: no VMs yet, and the present time */
void begin_vms(struct vms *vms);

/* Append a VM or a vCPU, all 0 except @dir and @vcpu.  NULL if memory is short. */
struct vm *add_vm(struct vms *vms, const char *dir, int vcpu);

void free_vms(struct vms *vms);

#endif /* KVM_EXIT_STAT_VM_H */
