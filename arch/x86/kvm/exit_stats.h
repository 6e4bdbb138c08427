/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VM-Exit statistics: the hooks in x86.c, vmx.c and svm.c.
 *
 * See exit_stats.c for the model, and Documentation/virt/kvm/x86/exit-stats.rst
 * for the meaning of every number.
 */
#ifndef ARCH_X86_KVM_EXIT_STATS_H
#define ARCH_X86_KVM_EXIT_STATS_H

#include <linux/jump_label.h>
#include <linux/kvm_host.h>
#include <linux/types.h>

#include <asm/tsc.h>

/* Bucket 0 holds 0 cycles, bucket n [2^(n-1), 2^n), the last all from 2^30. */
#define EXIT_STATS_HIST_BUCKETS		32

/* Ends every list of reasons: the row of all codes that the list lacks. */
#define EXIT_STATS_UNKNOWN		{ 0, "UNKNOWN" }

/* Times of one kind, in TSC cycles.  The histogram has how many there are. */
struct kvm_exit_times {
	u64 sum;
	u64 min;
	u64 max;
	u64 hist[EXIT_STATS_HIST_BUCKETS];
};

/* The numbers of one exit reason: a row of a table.  All-zero is empty. */
struct kvm_exit_stat {
	/* T1 - T0, i.e. one for each exit */
	struct kvm_exit_times cycles;
	/* T2 - T0 */
	struct kvm_exit_times away;
	/* T0 - the T2 before */
	u64 guest;
	/* What of away.sum went elsewhere; polling is a part of being blocked */
	u64 parts[EXIT_STATS_NR_PARTS];
	u64 polled;
	u64 user_exits;
	u64 clock_warps;
};

/* A hardware exit reason, in the shape of {SVM,VMX}_EXIT_REASONS. */
struct kvm_exit_reason {
	u64 code;
	char name[32];
};

/* What a vendor module provides. */
struct kvm_exit_stats_isa {
	const char *name;
	/* One reason per row, closed by EXIT_STATS_UNKNOWN, which gets its last code */
	struct kvm_exit_reason *reasons;
	/* The rows of all vCPUs that are gone, NULL if empty */
	struct kvm_exit_stat **gone;
	unsigned int nr_rows;
};

#ifdef CONFIG_KVM_EXIT_STATS
DECLARE_STATIC_KEY_FALSE(kvm_exit_stats_enabled);

void kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa);
void kvm_exit_stats_exit(void);
void kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu);
void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu);
void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm);
void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir);

bool __kvm_exit_stats_record(struct kvm_vcpu *vcpu);
void __kvm_exit_stats_begin(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part);
void __kvm_exit_stats_end(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part);

/* T2: the last thing before the world switch */
static __always_inline void kvm_exit_stats_stamp_entry(struct kvm_vcpu *vcpu)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		vcpu->arch.exit_stats.entry_tsc = rdtsc();
}

/* T0: the first thing after it, before the host gets to handle an NMI */
static __always_inline void kvm_exit_stats_stamp_exit(struct kvm_vcpu *vcpu)
{
	vcpu->arch.exit_stats.exit_tsc = rdtsc();
}

/*
 * The hardware exit reason, before a handler runs: by the time that it is done, what
 * the code was read from may belong to another exit.
 */
static __always_inline void kvm_exit_stats_set_code(struct kvm_vcpu *vcpu, u32 code)
{
	vcpu->arch.exit_stats.code = code;
}

/* KVM handles an exit with that code without having tried to enter the guest. */
static __always_inline void kvm_exit_stats_no_entry(struct kvm_vcpu *vcpu, u32 code)
{
	kvm_exit_stats_stamp_exit(vcpu);
	vcpu->arch.exit_stats.entry_tsc = vcpu->arch.exit_stats.exit_tsc;
	kvm_exit_stats_set_code(vcpu, code);
}

static __always_inline u64 kvm_exit_stats_exit_tsc(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.exit_stats.exit_tsc;
}

/*
 * T1: record the last exit, which has just been handled, and close the one before.
 * Returns false if that needs to sleep, and interrupts are disabled.
 */
static __always_inline bool kvm_exit_stats_record(struct kvm_vcpu *vcpu)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		return __kvm_exit_stats_record(vcpu);

	return true;
}

/*
 * From here on until the end, the vCPU is away for another reason than KVM.  A
 * part that begins within another one belongs to that, e.g. a vCPU that is
 * preempted while it polls for the end of a halt is blocked.
 */
static __always_inline void kvm_exit_stats_begin(struct kvm_vcpu *vcpu,
						 enum kvm_exit_stats_part part)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		__kvm_exit_stats_begin(vcpu, part);
}

static __always_inline void kvm_exit_stats_end(struct kvm_vcpu *vcpu,
					       enum kvm_exit_stats_part part)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		__kvm_exit_stats_end(vcpu, part);
}

/* For exit_stats_sysfs.c and exit_stats_debugfs.c */
extern struct kvm_exit_stats_isa kvm_exit_stats_isa;

/* A number of a row: a file in sysfs, and a column of the tables in debugfs */
struct kvm_exit_number {
	const char *name;
	u64 value;
};

#define EXIT_STATS_NR_NUMBERS		15
/* Enough for all numbers and both histograms, see kvm_exit_stat_print() */
#define EXIT_STATS_LINE_SIZE		2048

/* One copy of all rows, for all that is shown of it to add up */
struct kvm_exit_stats_table {
	struct kvm_exit_stat total;
	u64 dropped;
	struct kvm_exit_stat rows[];
};

int kvm_exit_stats_sysfs_init(void);
void kvm_exit_stats_sysfs_exit(void);
void kvm_exit_stats_debugfs_init(void);
void kvm_exit_stats_debugfs_exit(void);

u64 kvm_exit_times_count(const struct kvm_exit_times *times);
void kvm_exit_stat_merge(struct kvm_exit_stat *dst, const struct kvm_exit_stat *src);
u64 kvm_exit_stat_tax(const struct kvm_exit_stat *stat, const struct kvm_exit_stat *total);
void kvm_exit_stat_numbers(const struct kvm_exit_stat *stat,
			   struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS]);
size_t kvm_exit_stat_print(const struct kvm_exit_stat *stat, char *buf, size_t size);

void kvm_exit_stats_read(unsigned int row, struct kvm_exit_stat *stat);
struct kvm_exit_stats_table *kvm_exit_stats_read_table(const void *owner);

bool kvm_exit_stats_get_enabled(void);
void kvm_exit_stats_set_enabled(bool enabled);
unsigned int kvm_exit_stats_get_interval(void);
void kvm_exit_stats_set_interval(unsigned int interval);
void kvm_exit_stats_reset(void);
int kvm_exit_stats_dump(void);

#if IS_ENABLED(CONFIG_KUNIT)
bool kvm_exit_stats_record_at(struct kvm_vcpu *vcpu, u64 tsc);
void kvm_exit_stats_begin_at(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part, u64 tsc);
void kvm_exit_stats_end_at(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part, u64 tsc);
#endif
#else
static inline void kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa) {}
static inline void kvm_exit_stats_exit(void) {}
static inline void kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm) {}
static inline void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu,
						      struct dentry *dir) {}
static __always_inline void kvm_exit_stats_stamp_entry(struct kvm_vcpu *vcpu) {}
static __always_inline void kvm_exit_stats_stamp_exit(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_set_code(struct kvm_vcpu *vcpu, u32 code) {}
static inline void kvm_exit_stats_no_entry(struct kvm_vcpu *vcpu, u32 code) {}
static inline bool kvm_exit_stats_record(struct kvm_vcpu *vcpu) { return true; }
static inline void kvm_exit_stats_begin(struct kvm_vcpu *vcpu,
					enum kvm_exit_stats_part part) {}
static inline void kvm_exit_stats_end(struct kvm_vcpu *vcpu,
				      enum kvm_exit_stats_part part) {}

static __always_inline u64 kvm_exit_stats_exit_tsc(struct kvm_vcpu *vcpu)
{
	return rdtsc();
}
#endif /* CONFIG_KVM_EXIT_STATS */

#endif /* ARCH_X86_KVM_EXIT_STATS_H */
