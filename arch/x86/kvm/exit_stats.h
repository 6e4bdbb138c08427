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
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/seqlock.h>
#include <linux/string.h>
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
	/* Written on every exit */
	seqcount_t seq;
	u32 gen;
	u64 count;
	struct kvm_exit_cycles cycles;
	u64 hist[EXIT_STATS_HIST_BUCKETS];

	/* Written only when it happens */
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
};

#ifdef CONFIG_KVM_EXIT_STATS
DECLARE_STATIC_KEY_FALSE(kvm_exit_stats_enabled);
extern u32 kvm_exit_stats_epoch;

int kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa);
void kvm_exit_stats_exit(void);

void __kvm_exit_stats_record(struct kvm_vcpu *vcpu, u64 t0);
void __kvm_exit_stats_record_fastpath(struct kvm_vcpu *vcpu);

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

/* The row of a hardware exit reason, given the map of the codes that have one. */
static __always_inline unsigned int
kvm_exit_stats_row(const struct kvm_exit_stats_isa *isa, const u8 *rows, u32 code)
{
	unsigned int row;

	if (likely(code < EXIT_STATS_CODES))
		return rows[code];

	for (row = 0; row < isa->nr_rows - 1; row++) {
		if (isa->reasons[row].code == code)
			break;
	}

	return row;
}

/*
 * Record one exit that took from @t0 to @t1.  For the owner of the row only.
 *
 * The two rare cases hide what they do from the compiler, which would make the
 * common one load early and store late what it can update in place.
 */
static __always_inline void kvm_exit_stat_record(struct kvm_exit_stat *stat,
						 u32 gen, u64 t0, u64 t1)
{
	u64 cycles;

	raw_write_seqcount_begin(&stat->seq);

	if (unlikely(stat->gen != gen)) {
		memset_after(stat, 0, gen);
		stat->cycles.min = U64_MAX;
		stat->gen = gen;
		barrier();
	}

	stat->count++;

	if (unlikely(check_sub_overflow(t1, t0, &cycles))) {
		stat->clock_warps++;
		cycles = 0;
		OPTIMIZER_HIDE_VAR(cycles);
	}

	stat->cycles.sum += cycles;
	if (cycles < stat->cycles.min)
		stat->cycles.min = cycles;
	if (cycles > stat->cycles.max)
		stat->cycles.max = cycles;
	KVM_STATS_LOG_HIST_UPDATE(stat->hist, cycles);

	raw_write_seqcount_end(&stat->seq);
}

/* For exit_stats_sysfs.c */
extern struct kvm_exit_stats_isa kvm_exit_stats_isa;

int kvm_exit_stats_sysfs_init(void);
void kvm_exit_stats_sysfs_exit(void);

void kvm_exit_stats_read(unsigned int row, struct kvm_exit_stat *stat);
void kvm_exit_stats_read_all(struct kvm_exit_stat *total);
u64 kvm_exit_stat_avg(const struct kvm_exit_stat *stat);
bool kvm_exit_stats_get_enabled(void);
void kvm_exit_stats_set_enabled(bool enabled);
unsigned int kvm_exit_stats_get_interval(void);
void kvm_exit_stats_set_interval(unsigned int interval);
void kvm_exit_stats_reset(void);
void kvm_exit_stats_dump(void);

#if IS_ENABLED(CONFIG_KUNIT)
void kvm_exit_stat_merge(struct kvm_exit_stat *dst,
			 const struct kvm_exit_stat *src);
bool kvm_exit_stat_read(const struct kvm_exit_stat *stat, u32 gen,
			struct kvm_exit_stat *copy);
void kvm_exit_stats_map_reasons(const struct kvm_exit_stats_isa *isa, u8 *rows);
u64 kvm_exit_stats_take_stamp(struct kvm_vcpu *vcpu, u32 epoch);
#endif
#else
static inline int kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa)
{
	return 0;
}

static inline void kvm_exit_stats_exit(void) {}
static inline void kvm_exit_stats_set_code(struct kvm_vcpu *vcpu, u32 code) {}
static inline void kvm_exit_stats_stamp_fastpath(struct kvm_vcpu *vcpu, u32 code) {}
static inline void kvm_exit_stats_record_fastpath(struct kvm_vcpu *vcpu) {}
static inline void kvm_exit_stats_record(struct kvm_vcpu *vcpu, u64 exit_tsc) {}
#endif /* CONFIG_KVM_EXIT_STATS */

#endif /* ARCH_X86_KVM_EXIT_STATS_H */
