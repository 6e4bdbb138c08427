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
#include <linux/kref.h>
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <linux/types.h>

#include <asm/tsc.h>

#include "x86.h"

/* Bucket 0 holds 0 cycles, bucket n [2^(n-1), 2^n), the last all from 2^30. */
#define EXIT_STATS_HIST_BUCKETS		32

/* Ends every list of reasons: the row of all codes that the list lacks. */
#define EXIT_STATS_UNKNOWN		{ 0, "UNKNOWN" }

/* What the keys of a reason are */
enum kvm_exit_key_kind {
	EXIT_KEY_NONE,
	/* The MSR */
	EXIT_KEY_MSR,
	/* The port, and from bit 16 on the size of the access in bytes */
	EXIT_KEY_PORT,
	/* See kvm_exit_stats_leaf() */
	EXIT_KEY_CPUID,
	/* RAX */
	EXIT_KEY_HYPERCALL,
	/* The register */
	EXIT_KEY_CR,
	EXIT_KEY_DR,
	/* The offset of the register */
	EXIT_KEY_APIC,
	EXIT_KEY_VECTOR,
	/* The guest's page frame, i.e. MMIO, or with EXIT_KEY_MEMSLOT its memslot */
	EXIT_KEY_MEMORY,
	/* The page frame before its memslot was looked up.  No row has that kind. */
	EXIT_KEY_FRAME,
};

/* How it was accessed, if that is known */
#define EXIT_KEY_WRITE			BIT_ULL(63)
#define EXIT_KEY_FETCH			BIT_ULL(62)
#define EXIT_KEY_READ			BIT_ULL(61)
#define EXIT_KEY_MEMSLOT		BIT_ULL(60)
#define EXIT_KEY_VALUE			(BIT_ULL(60) - 1)

/* The key of an exit that has none */
#define EXIT_KEY_UNKNOWN		U64_MAX

/* The most frequent keys of a reason */
struct kvm_exit_keys {
	struct kvm_exit_top top[KVM_EXIT_STATS_TOP];
	enum kvm_exit_key_kind kind;
	/* No count is below @least, and none before @next is at it. */
	unsigned int next;
	u64 least;
};

/* The longest exit of a reason.  How long it took is kept elsewhere. */
struct kvm_exit_worst {
	/* T0, on CLOCK_BOOTTIME */
	u64 boot_ns;
	u64 rip;
	u64 key;
	/* The number of the VM, 0 if it is not known */
	u32 vm;
	u16 vcpu;
	u16 cpu;
	/* Its parts, in percent */
	u8 parts[EXIT_STATS_NR_PARTS];
	bool has_rip;
	/* What the key is, EXIT_KEY_NONE if it is not known */
	u8 key_kind;
};

/* Times of one kind, in TSC cycles.  Their number is the sum of the histogram. */
struct kvm_exit_times {
	u64 sum;
	u64 min;
	/* The maximum of the current window of time */
	u64 late;
	u64 max;
	struct kvm_exit_worst worst;
	u64 hist[EXIT_STATS_HIST_BUCKETS];
};

/* User reasons that a row counts one by one */
#define EXIT_STATS_USER_REASONS		4
/* The user reason of a KVM_RUN that failed, in place of a KVM_EXIT_* */
#define EXIT_STATS_USER_ERROR		254

/* What KVM_RUN returned with after the exits of a reason */
struct kvm_exit_user {
	/* Exits after which it returned before the next VM-Entry, once or more often */
	u64 exits;
	/* KVM_EXIT_* + 1, in the order in which they came, 0 if free */
	u8 reasons[EXIT_STATS_USER_REASONS];
	/* How often, and the time in user space; the last slot is that of all others */
	struct {
		u64 count;
		u64 cycles;
	} slots[EXIT_STATS_USER_REASONS + 1];
};

/* The numbers of one exit reason: a row of a table.  All-zero is empty. */
struct kvm_exit_stat {
	/* T1 - T0, i.e. one for each exit */
	struct kvm_exit_times cycles;
	/* T2 - T0 */
	struct kvm_exit_times away;
	/* T0 - the T2 before */
	u64 guest;
	/* NULL if "keys" was never on */
	struct kvm_exit_keys *keys;
	/* NULL if KVM_RUN never returned after one of these */
	struct kvm_exit_user *user;
	/* Parts of away.sum; polled is a part of blocked */
	u64 parts[EXIT_STATS_NR_PARTS];
	u64 polled;
};

/* A hardware exit reason, as in {SVM,VMX}_EXIT_REASONS */
struct kvm_exit_reason {
	u64 code;
	char name[32];
};

/* The identity of a VM, which outlives it */
struct kvm_exit_stats_vm {
	struct kref ref;
	/* From 1, never used again */
	u64 id;
	u64 created_ns;
	/* The process that made it, and its cgroup then, empty if not known */
	pid_t pid;
	char command[TASK_COMM_LEN];
	char cgroup[];
};

/*
 * Rows are those of L1 or L2.  L2 has its own, so that guests that do not nest need neither
 * their memory nor a test for them.
 */
enum kvm_exit_stats_level {
	EXIT_STATS_L1,
	/* Exits of L2 that KVM has handled, and those that it has reflected to L1 */
	EXIT_STATS_L2_HANDLED,
	EXIT_STATS_L2_REFLECTED,
	EXIT_STATS_NR_LEVELS,
};

/* Replaces the code of an exit of L2.  No vendor uses it. */
#define EXIT_STATS_NESTED		0x7ffffffe

/* What a vendor module provides. */
struct kvm_exit_stats_isa {
	const char *name;
	/* One reason per row; the last is EXIT_STATS_UNKNOWN, which shows its last code */
	struct kvm_exit_reason *reasons;
	/* The rows of all vCPUs that are gone, level by level, NULL if empty */
	struct kvm_exit_stat **gone;
	unsigned int nr_rows;
};

#ifdef CONFIG_KVM_EXIT_STATS
DECLARE_STATIC_KEY_FALSE(kvm_exit_stats_enabled);
DECLARE_STATIC_KEY_FALSE(kvm_exit_stats_keys);

void kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa);
void kvm_exit_stats_exit(void);
void kvm_exit_stats_vm_create(struct kvm *kvm);
void kvm_exit_stats_vm_destroy(struct kvm *kvm);
void kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu);
void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu);
void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm);
void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir);

bool __kvm_exit_stats_record(struct kvm_vcpu *vcpu);
void __kvm_exit_stats_begin(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part);
void __kvm_exit_stats_end(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part);
void __kvm_exit_stats_begin_user(struct kvm_vcpu *vcpu, int run_result);

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
 * Set the hardware exit reason, before its handler runs: after that, where the code was
 * read from may belong to another exit.
 */
static __always_inline void kvm_exit_stats_set_code(struct kvm_vcpu *vcpu, u32 code)
{
	vcpu->arch.exit_stats.code = code;
}

/* The same exit was one of L2. */
static __always_inline void kvm_exit_stats_set_nested(struct kvm_vcpu *vcpu)
{
	vcpu->arch.exit_stats.nested_code = vcpu->arch.exit_stats.code;
	vcpu->arch.exit_stats.code = EXIT_STATS_NESTED;
}

/* Set what the exit was for.  While "keys" is on, each exit does, if only to EXIT_KEY_NONE. */
static __always_inline void kvm_exit_stats_set_key(struct kvm_vcpu *vcpu,
						   enum kvm_exit_key_kind kind, u64 key)
{
	vcpu->arch.exit_stats.key = key;
	vcpu->arch.exit_stats.key_kind = kind;
}

/* KVM handles an exit with this code without having tried to enter the guest. */
static __always_inline void kvm_exit_stats_no_entry(struct kvm_vcpu *vcpu, u32 code)
{
	kvm_exit_stats_stamp_exit(vcpu);
	vcpu->arch.exit_stats.entry_tsc = vcpu->arch.exit_stats.exit_tsc;
	kvm_exit_stats_set_code(vcpu, code);
	kvm_exit_stats_set_key(vcpu, EXIT_KEY_NONE, EXIT_KEY_UNKNOWN);
	if (is_guest_mode(vcpu))
		kvm_exit_stats_set_nested(vcpu);
}

static __always_inline bool kvm_exit_stats_wants_key(void)
{
	return static_branch_unlikely(&kvm_exit_stats_keys);
}

/* CPUID leaves, modulo 64, that have subleaves.  ECX means nothing for the others. */
#define EXIT_KEY_SUBLEAVES	(BIT_ULL(0x4) | BIT_ULL(0x7) | BIT_ULL(0xb) | BIT_ULL(0xd) |	\
				 BIT_ULL(0xf) | BIT_ULL(0x10) | BIT_ULL(0x12) | BIT_ULL(0x14) |	\
				 BIT_ULL(0x17) | BIT_ULL(0x18) | BIT_ULL(0x1d) | BIT_ULL(0x1e) |\
				 BIT_ULL(0x1f) | BIT_ULL(0x20) | BIT_ULL(0x23) | BIT_ULL(0x24) |\
				 BIT_ULL(0x26))

/* The leaf in the upper half of the key, and the subleaf, if it has any */
static __always_inline u64 kvm_exit_stats_leaf(struct kvm_vcpu *vcpu)
{
	/* Not kvm_rax_read(), which may ask for the mode of the vCPU: they are for 32 bits. */
	u64 eax = vcpu->arch.regs[VCPU_REGS_RAX];
	u32 ecx = vcpu->arch.regs[VCPU_REGS_RCX];

	return eax << 32 | (BIT_ULL(eax % 64) & EXIT_KEY_SUBLEAVES ? ecx : 0);
}

static __always_inline u64 kvm_exit_stats_exit_tsc(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.exit_stats.exit_tsc;
}

/*
 * T1: record the last exit, which has just been handled, and close the one before.
 * Returns false if that has to sleep, but interrupts are disabled.
 */
static __always_inline bool kvm_exit_stats_record(struct kvm_vcpu *vcpu)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		return __kvm_exit_stats_record(vcpu);

	return true;
}

/*
 * From here until kvm_exit_stats_end(), the vCPU is away for another reason than KVM.
 * A part that begins within another one belongs to that, e.g. a vCPU that is preempted
 * while it polls for the end of a halt is blocked.
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

/* The same for user space, with what KVM_RUN is about to return */
static __always_inline void kvm_exit_stats_begin_user(struct kvm_vcpu *vcpu, int run_result)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		__kvm_exit_stats_begin_user(vcpu, run_result);
}

/* For the other exit_stats_*.c */
extern struct kvm_exit_stats_isa kvm_exit_stats_isa;

/* For what is recorded: if there is no memory, exits are dropped, and nobody is killed. */
#define EXIT_STATS_GFP			(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

/* A number of a row: a file in sysfs, and a column of the tables in debugfs */
struct kvm_exit_number {
	const char *name;
	u64 value;
};

#define EXIT_STATS_NR_NUMBERS		15
/* Enough for what kvm_exit_stat_print() prints */
#define EXIT_STATS_LINE_SIZE		2560

/* A copy of a row, and of what it points to */
struct kvm_exit_row {
	struct kvm_exit_stat stat;
	struct kvm_exit_user user;
	struct kvm_exit_keys keys;
};

/* A copy of all rows, so that all that is shown of it adds up */
struct kvm_exit_stats_table {
	/* NULL for the whole system, or if there was no memory for it */
	struct kvm_exit_stats_vm *vm;
	unsigned int nr_vcpus;
	/* -1 if it is not that of a vCPU */
	int vcpu_id;
	/* Only of a vCPU */
	struct kvm_exit_chain chain;
	struct kvm_exit_stat total;
	struct kvm_exit_user total_user;
	struct kvm_exit_preemptor preemptors[KVM_EXIT_STATS_TOP];
	u64 dropped;
	u64 clock_warps;
	/* By reason: all; of L2; of L2 and reflected.  The latter two are NULL if nobody nests. */
	struct kvm_exit_row *rows;
	struct kvm_exit_row *nested;
	struct kvm_exit_row *reflected;
};

/* Enough for kvm_exit_worst_print(), and for kvm_exit_keys_print() */
#define EXIT_STATS_WORST_SIZE		256
#define EXIT_STATS_KEYS_SIZE		2048

int kvm_exit_stats_sysfs_init(void);
void kvm_exit_stats_sysfs_exit(void);
void kvm_exit_stats_debugfs_init(void);
void kvm_exit_stats_debugfs_exit(void);

u64 kvm_exit_times_count(const struct kvm_exit_times *times);
void kvm_exit_stat_merge(struct kvm_exit_stat *dst, const struct kvm_exit_stat *src);
u64 kvm_exit_stat_cost(const struct kvm_exit_stat *stat);
u64 kvm_exit_stat_tax(const struct kvm_exit_stat *stat, const struct kvm_exit_stat *total);
void kvm_exit_stat_numbers(const struct kvm_exit_stat *stat,
			   struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS]);
size_t kvm_exit_stat_print(const struct kvm_exit_stat *stat, char *buf, size_t size);

void kvm_exit_stats_read(unsigned int row, enum kvm_exit_stats_level from,
			 struct kvm_exit_row *sum);
struct kvm_exit_stats_table *kvm_exit_stats_read_table(struct kvm *kvm,
						       const struct kvm_vcpu *vcpu);
bool kvm_exit_stats_read_gone(struct kvm *kvm, unsigned int row, struct kvm_exit_stat *stat);
u64 kvm_exit_stats_read_gone_dropped(struct kvm *kvm);
void kvm_exit_stats_free_table(struct kvm_exit_stats_table *table);

struct kvm_exit_top *kvm_exit_top_get(void *all, size_t size, u64 key);
void kvm_exit_top_merge(void *dst, const void *src, size_t size);
size_t kvm_exit_key_print(enum kvm_exit_key_kind kind, u64 key, char *buf, size_t size);
size_t kvm_exit_keys_print(const struct kvm_exit_stat *stat, const char *prefix, char *buf,
			   size_t size);

bool kvm_exit_stats_era_is_current(u64 era);
unsigned int kvm_exit_stats_row_of(const struct kvm_vcpu_exit_stats *stats,
				   const struct kvm_exit_stat *stat);
void kvm_exit_worst_set_rip(struct kvm_vcpu *vcpu);
void kvm_exit_worst_add(struct kvm_vcpu *vcpu, struct kvm_exit_stat *stat,
			struct kvm_exit_times *times, u64 cycles);
size_t kvm_exit_worst_print(u64 cycles, const struct kvm_exit_worst *worst, char *buf,
			    size_t size);
void kvm_exit_late_alloc(unsigned int row);
void kvm_exit_late_free(void);
void kvm_exit_late_turn(void);
u64 kvm_exit_late_read(unsigned int row, bool away, struct kvm_exit_worst *worst);
void kvm_exit_slow_add(struct kvm_vcpu *vcpu, const struct kvm_exit_stat *stat, bool away,
		       u64 cycles);
void kvm_exit_slow_show(struct seq_file *m);
void kvm_exit_chain_init(struct kvm_exit_chain *chain);
void kvm_exit_chain_saturate(struct kvm_exit_chain *chain);
void kvm_exit_chain_mark_nested(struct kvm_exit_chain *chain);
void kvm_exit_chain_show(struct seq_file *m, const struct kvm_exit_chain *chain);
void kvm_exit_chain_log(const struct kvm_vcpu *vcpu);

struct kvm_exit_stats_vm *kvm_exit_stats_vm_get(struct kvm *kvm);
void kvm_exit_stats_vm_put(struct kvm_exit_stats_vm *vm);
void kvm_exit_stats_show_name(struct seq_file *m, const char *name);
void kvm_exit_stats_show_gone_vms(struct seq_file *m);
void kvm_exit_stats_forget_gone_vms(void);
extern struct mutex kvm_exit_stats_gone_lock;

bool kvm_exit_stats_get_enabled(void);
void kvm_exit_stats_set_enabled(bool enabled);
unsigned int kvm_exit_stats_get_interval(void);
void kvm_exit_stats_set_interval(unsigned int interval);
bool kvm_exit_stats_get_keys(void);
void kvm_exit_stats_set_keys(bool keys);
unsigned int kvm_exit_stats_get_slow_us(void);
void kvm_exit_stats_set_slow_us(unsigned int slow_us);
void kvm_exit_stats_reset(void);
int kvm_exit_stats_dump(void);

#if IS_ENABLED(CONFIG_KUNIT)
void kvm_exit_stat_free(struct kvm_exit_stat *stat);
bool kvm_exit_stats_record_at(struct kvm_vcpu *vcpu, u64 tsc);
void kvm_exit_stats_set_user_reason(struct kvm_vcpu *vcpu, u32 reason, int run_result);
void kvm_exit_stats_begin_at(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part, u64 tsc);
void kvm_exit_stats_end_at(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part, u64 tsc);
#endif
#else
static inline void kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa) {}
static inline void kvm_exit_stats_exit(void) {}
static inline void kvm_exit_stats_vm_create(struct kvm *kvm) {}
static inline void kvm_exit_stats_vm_destroy(struct kvm *kvm) {}
static inline void kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm) {}
static inline void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu,
						      struct dentry *dir) {}
static __always_inline void kvm_exit_stats_stamp_entry(struct kvm_vcpu *vcpu) {}
static __always_inline void kvm_exit_stats_stamp_exit(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_set_code(struct kvm_vcpu *vcpu, u32 code) {}
static inline u64 kvm_exit_stats_leaf(struct kvm_vcpu *vcpu) { return 0; }
static inline void kvm_exit_stats_set_nested(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_no_entry(struct kvm_vcpu *vcpu, u32 code) {}
static inline bool kvm_exit_stats_wants_key(void) { return false; }
static inline void kvm_exit_stats_set_key(struct kvm_vcpu *vcpu, enum kvm_exit_key_kind kind,
					  u64 key) {}
static inline bool kvm_exit_stats_record(struct kvm_vcpu *vcpu) { return true; }
static inline void kvm_exit_stats_begin(struct kvm_vcpu *vcpu,
					enum kvm_exit_stats_part part) {}
static inline void kvm_exit_stats_end(struct kvm_vcpu *vcpu,
				      enum kvm_exit_stats_part part) {}
static inline void kvm_exit_stats_begin_user(struct kvm_vcpu *vcpu, int run_result) {}

static __always_inline u64 kvm_exit_stats_exit_tsc(struct kvm_vcpu *vcpu)
{
	return rdtsc();
}
#endif /* CONFIG_KVM_EXIT_STATS */

#endif /* ARCH_X86_KVM_EXIT_STATS_H */
