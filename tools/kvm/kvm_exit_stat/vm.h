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
};

/*
 * Read all VMs of debugfs, in the order of their numbers.  One that goes while it is
 * read is left out.  The names of those that are in @before, if not NULL, are taken
 * from there.  @source is open, be it that of a VM or not.
 */
enum status read_vms(struct vms *vms, const struct source *source, const struct vms *before);

/* The same of the vCPUs of the VM that @source is of.  STATUS_VANISHED if it is gone. */
enum status read_vcpus(struct vms *vms, const struct source *source, const struct vms *before);

/*
 * Read the last VMs that are gone, in the order in which they ended.  Of each snapshot
 * there are the total, as of a VM, and the most expensive reasons: their counts, and what
 * they cost as the time in KVM.
 */
enum status read_gone_vms(struct vms *vms, const struct source *source);

/*
 * What happened from @a to @b.  Of a VM that is new, since its creation; those that are
 * gone are left out.  STATUS_RESET as with snapshots.
 */
enum status subtract_vms(struct vms *interval, const struct vms *a, const struct vms *b);

/* The table of a VM or, unless @vcpu is negative, of a vCPU */
enum status make_table_path(char path[PATH_MAX], const char *sysroot, const char *dir, int vcpu);

/*
 * Find the directory of the only VM that @source->vm fits: as PID-FD, name, UUID, pid or
 * number.  The first of these that any VM has decides.
 */
enum status find_vm(const struct source *source, char dir[VM_DIR_LEN]);

/* Read the last exits of the vCPU that @source is of or, if it is a VM, of all its vCPUs. */
enum status read_chains(const struct source *source, struct snapshot *snapshot);

/*
 * Note the names of the VMs of exits, as far as these can be known: of those that are gone,
 * their commands.
 */
void name_worst(const struct source *source, struct snapshot *snapshot);

/* The reason that cost most time of KVM and user space, or NULL if none did */
const struct reason *most_expensive(const struct snapshot *snapshot);

static inline uint64_t cost_of(const struct reason *reason)
{
	return reason->kvm + reason->user;
}

/* None, of a reading that begins now */
void begin_vms(struct vms *vms);

/* One more, all 0 but for who it is.  NULL if memory is short. */
struct vm *add_vm(struct vms *vms, const char *dir, int vcpu);

void free_vms(struct vms *vms);

#endif /* KVM_EXIT_STAT_VM_H */
