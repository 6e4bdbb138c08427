/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VM-Exit statistics: what runs on the exit path.
 *
 * See exit_stats.c for the model, and Documentation/virt/kvm/x86/exit-stats.rst
 * for the meaning of every number.
 */
#ifndef ARCH_X86_KVM_EXIT_STATS_H
#define ARCH_X86_KVM_EXIT_STATS_H

#include <linux/cache.h>
#include <linux/jump_label.h>
#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include <linux/seqlock.h>
#include <linux/types.h>

#include <asm/msr.h>

/* Bucket 0 holds 0 cycles, bucket n [2^(n-1), 2^n), the last all from 2^30. */
#define EXIT_STATS_HIST_BUCKETS		32

/* Ends every list of reasons: the row of all codes that the list lacks. */
#define EXIT_STATS_UNKNOWN		{ 0, "UNKNOWN" }

/*
 * Codes below this have their row looked up, others have it searched for: all
 * basic exit reasons of VMX are below, and all exit codes of SVM but for a few
 * rare ones at the end of the range, e.g. VMEXIT_INVALID.
 */
#define EXIT_STATS_CODES		0x410

/*
 * A term is a time without a reset, and without away time being switched on or
 * off.  What a vCPU stamped is void in another term.  The lower half is the
 * generation of rows that are current.
 */
#define EXIT_STATS_TERM_GEN(term)	((u32)(term))
#define EXIT_STATS_TERM_STEP		BIT_ULL(32)
/* Away time is just being switched on or off: nothing can be told of this term */
#define EXIT_STATS_TERM_PATCHING	BIT_ULL(62)
/* Never set in a term, but in what a vCPU keeps of it: a part has ended since */
#define EXIT_STATS_TERM_PARTED		BIT_ULL(63)

struct kvm_exit_cycles {
	u64 sum;
	u64 min;
	u64 max;
};

/*
 * The numbers of one exit reason, in one table.  Only the owner of the table
 * writes.  A row of another generation than the current one is empty, whatever
 * else it holds; generation 0 never is current, i.e. all-zero is empty.
 */
struct kvm_exit_stat {
	/* Written on every exit, and on every VM-Entry */
	seqcount_t seq;
	u32 gen;
	u64 count;
	struct kvm_exit_cycles cycles;
	struct kvm_exit_cycles away;

	u64 hist[EXIT_STATS_HIST_BUCKETS];
	u64 away_hist[EXIT_STATS_HIST_BUCKETS];

	/* In the guest, up to exits whose away time is known */
	u64 guest;

	/* Written only when it happens */
	u64 parts[EXIT_STATS_NR_PARTS];
	u64 clock_warps;
} ____cacheline_aligned;

/* A hardware exit reason, in the shape of {SVM,VMX}_EXIT_REASONS. */
struct kvm_exit_reason {
	u32 code;
	char name[28];
};

/* What a vendor module provides. */
struct kvm_exit_stats_isa {
	const char *name;
	/* One table per CPU, with nr_rows rows */
	struct kvm_exit_stat * __percpu *tables;
	/* One reason per row, closed by EXIT_STATS_UNKNOWN */
	struct kvm_exit_reason *reasons;
	unsigned int nr_rows;
	/* The bits of a code that are the reason */
	u32 code_mask;
};

#ifdef CONFIG_KVM_EXIT_STATS
DECLARE_STATIC_KEY_FALSE(kvm_exit_stats_enabled);
DECLARE_STATIC_KEY_FALSE(kvm_exit_stats_away);
DECLARE_STATIC_KEY_TRUE(kvm_exit_stats_vcpu_tables);
extern u32 kvm_exit_stats_epoch;

int kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa);
void kvm_exit_stats_exit(void);
int kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu);
void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu);
void kvm_exit_stats_vcpu_load(struct kvm_vcpu *vcpu, int cpu);

void __kvm_exit_stats_record(struct kvm_vcpu *vcpu, u64 t0);
void __kvm_exit_stats_record_fastpath(struct kvm_vcpu *vcpu);
void __kvm_exit_stats_record_entry(struct kvm_vcpu *vcpu);
void __kvm_exit_stats_begin(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part);
void __kvm_exit_stats_end(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part);

/*
 * Keep the hardware exit reason before the exit is handled: what it is read
 * from may belong to another exit by the time that the handler is done.
 */
static __always_inline void kvm_exit_stats_set_code(struct kvm_vcpu *vcpu, u32 code)
{
	vcpu->arch.exit_stats.code = code;
}

/*
 * Stamp an exit before its fastpath handler runs, and keep the reason: if the
 * guest is re-entered straight away, the exit never gets to handle_exit().
 */
static __always_inline void kvm_exit_stats_stamp_fastpath(struct kvm_vcpu *vcpu,
							  u32 code)
{
	if (static_branch_likely(&kvm_exit_stats_enabled)) {
		vcpu->arch.exit_stats.fastpath_tsc = rdtsc();
		vcpu->arch.exit_stats.fastpath_epoch = READ_ONCE(kvm_exit_stats_epoch);
		vcpu->arch.exit_stats.fastpath_stamped = true;
		kvm_exit_stats_set_code(vcpu, code);
	}
}

/* Record an exit that the fastpath handled, right before the re-entry. */
static __always_inline void kvm_exit_stats_record_fastpath(struct kvm_vcpu *vcpu)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		__kvm_exit_stats_record_fastpath(vcpu);
}

/* Record an exit that handle_exit() is done with, and that came at @exit_tsc. */
static __always_inline void kvm_exit_stats_record(struct kvm_vcpu *vcpu, u64 exit_tsc)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		__kvm_exit_stats_record(vcpu, exit_tsc);
}

/* Record how long the vCPU was away, right before it enters the guest. */
static __always_inline void kvm_exit_stats_record_entry(struct kvm_vcpu *vcpu)
{
	if (static_branch_likely(&kvm_exit_stats_away))
		__kvm_exit_stats_record_entry(vcpu);
}

/*
 * From here on until the end, the vCPU is away for another reason than KVM.  A
 * part that begins within another one belongs to that, e.g. a vCPU that is
 * preempted while it polls for the end of a halt is blocked.
 */
static __always_inline void kvm_exit_stats_begin(struct kvm_vcpu *vcpu,
						 enum kvm_exit_stats_part part)
{
	if (static_branch_likely(&kvm_exit_stats_away))
		__kvm_exit_stats_begin(vcpu, part);
}

static __always_inline void kvm_exit_stats_end(struct kvm_vcpu *vcpu,
					       enum kvm_exit_stats_part part)
{
	if (static_branch_likely(&kvm_exit_stats_away))
		__kvm_exit_stats_end(vcpu, part);
}

/* The row of a hardware exit reason, given the map of the codes that have one. */
static __always_inline unsigned int
kvm_exit_stats_row(const struct kvm_exit_stats_isa *isa, const u8 *rows, u32 code)
{
	unsigned int row;

	if (likely(code < EXIT_STATS_CODES))
		return rows[code];

	code &= isa->code_mask;
	if (code < EXIT_STATS_CODES)
		return rows[code];

	for (row = 0; row < isa->nr_rows - 1; row++) {
		if (isa->reasons[row].code == code)
			break;
	}

	return row;
}

/*
 * What follows is written for the common case, and leaves all that is rare to
 * functions that do the same for any case: rows that are to be emptied first,
 * clock warps, parts, and times that are long, i.e. of the last bucket.
 */
#define EXIT_STATS_LONG			BIT_ULL(EXIT_STATS_HIST_BUCKETS - 2)

void kvm_exit_stats_enter_slow(struct kvm_vcpu *vcpu, u64 term, u64 tsc);

/* The bucket of less than EXIT_STATS_LONG cycles: fls(), for 0 as well */
static __always_inline unsigned long kvm_exit_stats_bucket(u64 cycles)
{
	return __fls(2 * (unsigned long)cycles + 1);
}

static __always_inline void kvm_exit_cycles_add(struct kvm_exit_cycles *sums, u64 cycles)
{
	sums->sum += cycles;
	if (cycles < sums->min)
		sums->min = cycles;
	if (cycles > sums->max)
		sums->max = cycles;
}

static __always_inline void kvm_exit_stat_add(struct kvm_exit_stat *stat,
					      u64 cycles, unsigned long bucket)
{
	raw_write_seqcount_begin(&stat->seq);
	stat->count++;
	kvm_exit_cycles_add(&stat->cycles, cycles);
	stat->hist[bucket]++;
	raw_write_seqcount_end(&stat->seq);
}

static __always_inline void kvm_exit_stat_add_away(struct kvm_exit_stat *stat, u64 guest,
						   u64 away, unsigned long bucket)
{
	raw_write_seqcount_begin(&stat->seq);
	stat->guest += guest;
	kvm_exit_cycles_add(&stat->away, away);
	stat->away_hist[bucket]++;
	raw_write_seqcount_end(&stat->seq);
}

/*
 * Record one exit, which came at @t0 and took some @cycles to handle, in the table
 * of the CPU and that of the vCPU.  Preemption is disabled.  Returns false if this
 * is left to kvm_exit_stats_record_exit_slow().
 */
static __always_inline bool kvm_exit_stats_record_exit(struct kvm_vcpu *vcpu,
						       unsigned long row, u32 gen,
						       u64 t0, u64 cycles)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	struct kvm_exit_stat *cpu_row = &stats->cpu_table[row];
	unsigned long bucket;

	stats->exit_tsc = t0;
	stats->cpu_row = cpu_row;

	if (unlikely(cycles >= EXIT_STATS_LONG || cpu_row->gen != gen))
		return false;

	bucket = kvm_exit_stats_bucket(cycles);

	if (static_branch_likely(&kvm_exit_stats_vcpu_tables) && stats->vcpu_table) {
		struct kvm_exit_stat *vcpu_row = &stats->vcpu_table[row];

		stats->vcpu_row = vcpu_row;
		if (unlikely(vcpu_row->gen != gen))
			return false;

		kvm_exit_stat_add(vcpu_row, cycles, bucket);
	}

	kvm_exit_stat_add(cpu_row, cycles, bucket);
	return true;
}

/*
 * Record that the vCPU enters the guest at @tsc, i.e. how long it was away for the
 * last exit, and how long it was in the guest before.  Preemption is disabled.
 *
 * In between, and in the same term, that exit was recorded, in rows that were
 * current then, hence are.  If the vCPU is on another CPU now, its row is, too.
 */
static __always_inline void kvm_exit_stats_enter(struct kvm_vcpu *vcpu, u64 term, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	u64 guest = stats->exit_tsc - stats->entry_tsc;
	u64 away = tsc - stats->exit_tsc;
	unsigned long bucket;

	if (unlikely((s64)guest < 0 || away >= EXIT_STATS_LONG || stats->entry_term != term)) {
		kvm_exit_stats_enter_slow(vcpu, term, tsc);
		return;
	}

	stats->entry_tsc = tsc;
	bucket = kvm_exit_stats_bucket(away);
	kvm_exit_stat_add_away(stats->cpu_row, guest, away, bucket);
	if (static_branch_likely(&kvm_exit_stats_vcpu_tables) && stats->vcpu_row)
		kvm_exit_stat_add_away(stats->vcpu_row, guest, away, bucket);
}

/* For exit_stats_sysfs.c and exit_stats_debugfs.c */
extern struct kvm_exit_stats_isa kvm_exit_stats_isa;

/* A number of a row: a file in sysfs, and a column of the tables in debugfs */
struct kvm_exit_number {
	const char *name;
	u64 value;
};

#define EXIT_STATS_NR_NUMBERS		12

int kvm_exit_stats_sysfs_init(void);
void kvm_exit_stats_sysfs_exit(void);

void kvm_exit_stats_create_debugfs(void);
void kvm_exit_stats_remove_debugfs(void);
void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm);
void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir);

void kvm_exit_stat_init(struct kvm_exit_stat *stat);
void kvm_exit_stat_merge(struct kvm_exit_stat *dst, const struct kvm_exit_stat *src);
void kvm_exit_stat_numbers(const struct kvm_exit_stat *stat,
			   struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS]);

void kvm_exit_stats_read(unsigned int row, struct kvm_exit_stat *stat);
void kvm_exit_stats_read_all(struct kvm_exit_stat *total);
void kvm_exit_stats_add_vcpu(struct kvm_vcpu *vcpu, unsigned int row,
			     struct kvm_exit_stat *stat);
bool kvm_exit_stats_get_enabled(void);
void kvm_exit_stats_set_enabled(bool enabled);
bool kvm_exit_stats_get_away(void);
void kvm_exit_stats_set_away(bool away);
bool kvm_exit_stats_get_per_vcpu(void);
void kvm_exit_stats_set_per_vcpu(bool per_vcpu);
unsigned int kvm_exit_stats_get_interval(void);
void kvm_exit_stats_set_interval(unsigned int interval);
void kvm_exit_stats_reset(void);
int kvm_exit_stats_dump(void);

#if IS_ENABLED(CONFIG_KUNIT)
void kvm_exit_stat_empty(struct kvm_exit_stat *stat, u32 gen);
u64 kvm_exit_stat_min(const struct kvm_exit_cycles *cycles);
u64 kvm_exit_stat_avg(const struct kvm_exit_cycles *cycles, const u64 *hist);
void kvm_exit_stats_record_exit_slow(struct kvm_vcpu *vcpu, unsigned long row,
				     u32 gen, u64 cycles);
bool kvm_exit_stat_read(const struct kvm_exit_stat *stat, u32 gen,
			struct kvm_exit_stat *copy);
void kvm_exit_stats_map_reasons(const struct kvm_exit_stats_isa *isa, u8 *rows);
u64 kvm_exit_stats_take_stamp(struct kvm_vcpu *vcpu, u32 epoch);
void kvm_exit_stats_begin_at(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part, u64 tsc);
void kvm_exit_stats_end_at(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part, u64 tsc);
void kvm_exit_stats_move(struct kvm_vcpu *vcpu, struct kvm_exit_stat *table, u32 gen);
#endif
#else
static inline int kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa)
{
	return 0;
}

static inline int kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu)
{
	return 0;
}

static inline void kvm_exit_stats_exit(void) {}
static inline void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_vcpu_load(struct kvm_vcpu *vcpu, int cpu) {}
static inline void kvm_exit_stats_set_code(struct kvm_vcpu *vcpu, u32 code) {}
static inline void kvm_exit_stats_stamp_fastpath(struct kvm_vcpu *vcpu, u32 code) {}
static inline void kvm_exit_stats_record_fastpath(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_record(struct kvm_vcpu *vcpu, u64 exit_tsc) {}
static inline void kvm_exit_stats_record_entry(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_create_debugfs(void) {}
static inline void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm) {}
static inline void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu,
						      struct dentry *dir) {}
static inline void kvm_exit_stats_begin(struct kvm_vcpu *vcpu,
					enum kvm_exit_stats_part part) {}
static inline void kvm_exit_stats_end(struct kvm_vcpu *vcpu,
				      enum kvm_exit_stats_part part) {}
#endif /* CONFIG_KVM_EXIT_STATS */

#endif /* ARCH_X86_KVM_EXIT_STATS_H */
