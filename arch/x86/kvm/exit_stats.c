// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics: counts and handling times by hardware exit reason.
 *
 * An exit is stamped with the first TSC value that KVM reads after the VM-Exit
 * (T0), and recorded when handle_exit() is done with it (T1), or, if a fastpath
 * handler re-enters the guest, right before the re-entry.  What is recorded is
 * one exit and T1 - T0 cycles, e.g. two CPUID exits of 1000 and 3000 cycles are
 * a count of 2, a sum of 4000, a minimum of 1000, a maximum of 3000, and one
 * each in the buckets [512, 1024) and [2048, 4096).
 *
 * Every CPU has a table of its own, with one row per exit reason.  A table has
 * one writer: a vCPU task that runs on that CPU, with preemption disabled.  No
 * lock is taken, and with "interval" 0 no cache line that another CPU writes is
 * touched.  All others only read:
 *
 *  - A reader copies a row under the row's sequence count, i.e. all numbers of
 *    a row belong to the same exits, and skips rows of an older generation.
 *    Rows are read one after the other; on a busy host a sum over all rows is
 *    no snapshot of a single moment.
 *
 *  - A reset increments the generation, nothing else.  The writer empties a row
 *    of an older generation when it next records into it.  An exit that is just
 *    being recorded while a reset comes counts as one before the reset.
 *
 * What is approximate: interrupts and preemption between T0 and T1 count as
 * handling, and a vCPU task that migrates to a CPU with a TSC that lags behind
 * can see T1 before T0.  Such an exit counts with 0 cycles, and as a clock warp.
 */
#define pr_fmt(fmt) "kvm_exit_stats: " fmt

#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kunit/visibility.h>

#include "exit_stats.h"

/* Current value, shown and set through "interval" in sysfs once KVM is loaded. */
static unsigned int exit_stats_interval = CONFIG_KVM_EXIT_STATS_INTERVAL;
module_param(exit_stats_interval, uint, 0444);
MODULE_PARM_DESC(exit_stats_interval,
		 "VM-Exits between two summaries in the kernel log, 0 for none");

/* On while recording is wanted, and a vendor module has registered its tables. */
DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_enabled);
EXPORT_SYMBOL_GPL(kvm_exit_stats_enabled);

/* The switch in sysfs: whether recording is wanted */
static bool recording_wanted = true;

/*
 * Another one each time that recording starts, and 0 until the static key has
 * been patched wherever it is tested.  Tells the stamp of a fastpath exit that
 * was not recorded, as the key changed in between, from that of the exit at hand.
 */
u32 kvm_exit_stats_epoch __read_mostly;
EXPORT_SYMBOL_GPL(kvm_exit_stats_epoch);

struct kvm_exit_stats_isa kvm_exit_stats_isa __read_mostly;
static u8 exit_rows[EXIT_STATS_CODES] __read_mostly;
static u32 kvm_exit_stats_gen __read_mostly = 1;

/* On while the interval is not 0, i.e. while exits need the shared counter. */
static DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_summaries);

/* Incremented when the interval is set and on reset: revokes what is due. */
static u32 interval_epoch __read_mostly = 1;

/* Serializes the changes of switches, generation and interval. */
static DEFINE_MUTEX(kvm_exit_stats_lock);

/* Exits recorded since the interval was set, or since the last reset. */
static atomic64_t interval_exits ____cacheline_aligned_in_smp;

/* Serializes the printing of summaries, and guards summary_rows. */
static DEFINE_MUTEX(summary_lock);
static struct kvm_exit_stat *summary_rows;

/* Summaries that fell due while another one was being printed. */
static atomic_t summaries_folded;

/* Add the numbers of @src, of any table, to @dst, which nobody else sees. */
VISIBLE_IF_KUNIT void kvm_exit_stat_merge(struct kvm_exit_stat *dst,
					  const struct kvm_exit_stat *src)
{
	unsigned int i;

	if (!src->count)
		return;

	if (!dst->count || src->cycles.min < dst->cycles.min)
		dst->cycles.min = src->cycles.min;
	if (src->cycles.max > dst->cycles.max)
		dst->cycles.max = src->cycles.max;

	dst->count += src->count;
	dst->cycles.sum += src->cycles.sum;
	for (i = 0; i < ARRAY_SIZE(dst->hist); i++)
		dst->hist[i] += src->hist[i];
	dst->clock_warps += src->clock_warps;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_merge);

/* Copy a row that its owner may be writing.  False if it is empty. */
VISIBLE_IF_KUNIT bool kvm_exit_stat_read(const struct kvm_exit_stat *stat,
					 u32 gen, struct kvm_exit_stat *copy)
{
	unsigned int seq;

	/* Most rows are empty: do not copy them. */
	if (READ_ONCE(stat->gen) != gen)
		return false;

	do {
		seq = raw_read_seqcount_begin(&stat->seq);
		*copy = *stat;
	} while (read_seqcount_retry(&stat->seq, seq));

	return copy->gen == gen;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_read);

u64 kvm_exit_stat_avg(const struct kvm_exit_stat *stat)
{
	return stat->count ? div64_u64(stat->cycles.sum, stat->count) : 0;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_avg);

/*
 * Map the codes to their rows, and those without a name to the last row.  Names
 * become words in the log, and directories in sysfs: take their blanks.
 */
VISIBLE_IF_KUNIT void kvm_exit_stats_map_reasons(const struct kvm_exit_stats_isa *isa,
						 u8 *rows)
{
	unsigned int row, unknown = isa->nr_rows - 1;

	memset(rows, unknown, EXIT_STATS_CODES);

	for (row = 0; row < unknown; row++) {
		strreplace(isa->reasons[row].name, ' ', '_');

		if (isa->reasons[row].code < EXIT_STATS_CODES)
			rows[isa->reasons[row].code] = row;
	}
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_map_reasons);

static bool kvm_exit_stats_interval_over(void)
{
	u32 interval = READ_ONCE(exit_stats_interval), rest;
	u64 exits = atomic64_inc_return(&interval_exits);

	/* The interval may turn 0 before the static key does. */
	if (unlikely(!interval))
		return false;

	div_u64_rem(exits, interval, &rest);
	return !rest;
}

static __always_inline void kvm_exit_stats_count(struct kvm_vcpu *vcpu, u64 t0)
{
	unsigned long row = kvm_exit_stats_row(&kvm_exit_stats_isa, exit_rows,
					       vcpu->arch.exit_stats.code);
	u64 t1 = rdtsc();
	struct kvm_exit_stat *table;

	preempt_disable();
	table = this_cpu_read(*kvm_exit_stats_isa.tables);
	kvm_exit_stat_record(&table[row], READ_ONCE(kvm_exit_stats_gen), t0, t1);
	preempt_enable();
}

/* Take the stamp that a fastpath handler left.  0 if it is of another exit. */
VISIBLE_IF_KUNIT u64 kvm_exit_stats_take_stamp(struct kvm_vcpu *vcpu, u32 epoch)
{
	vcpu->arch.exit_stats.fastpath_stamped = false;

	if (!epoch || vcpu->arch.exit_stats.fastpath_epoch != epoch)
		return 0;

	return vcpu->arch.exit_stats.fastpath_tsc;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_take_stamp);

/*
 * Print one line per reason that occurred, from one copy of the table: the
 * lines add up to the numbers of the first.
 */
static void kvm_exit_stats_print(void)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	struct kvm_exit_stat total = {};
	unsigned int folded, row;

	lockdep_assert_held(&summary_lock);

	for (row = 0; row < isa->nr_rows; row++) {
		kvm_exit_stats_read(row, &summary_rows[row]);
		kvm_exit_stat_merge(&total, &summary_rows[row]);
	}

	pr_info("summary at %llu exits (%s): %llu cycles in handling\n",
		total.count, isa->name, total.cycles.sum);

	folded = atomic_xchg(&summaries_folded, 0);
	if (folded)
		pr_info("%u summaries since the last one were folded into this one\n",
			folded);

	for (row = 0; row < isa->nr_rows; row++) {
		struct kvm_exit_stat *stat = &summary_rows[row];

		if (!stat->count)
			continue;

		pr_info("%s: exits %llu, cycles total %llu min %llu avg %llu max %llu\n",
			isa->reasons[row].name, stat->count, stat->cycles.sum,
			stat->cycles.min, kvm_exit_stat_avg(stat),
			stat->cycles.max);
	}
}

/*
 * Print the summary that fell due in this vCPU task.  Do not wait if another
 * one is being printed: fold it into the next.
 */
static void kvm_exit_stats_print_due(void)
{
	if (mutex_trylock(&summary_lock)) {
		kvm_exit_stats_print();
		mutex_unlock(&summary_lock);
	} else {
		atomic_inc(&summaries_folded);
	}
}

static noinline void kvm_exit_stats_tally(struct kvm_vcpu *vcpu)
{
	u32 due = vcpu->arch.exit_stats.summary_due;

	/* Left by a fastpath exit, unless that interval was cut short since */
	if (due) {
		vcpu->arch.exit_stats.summary_due = 0;
		if (due == READ_ONCE(interval_epoch))
			kvm_exit_stats_print_due();
	}

	if (kvm_exit_stats_interval_over())
		kvm_exit_stats_print_due();
}

/*
 * Interrupts are disabled, i.e. this is no place to print from.  Leave that to
 * the next exit of this vCPU that takes the slow path, which always comes:
 * vcpu_enter_guest() leaves its inner loop through handle_exit() only.
 */
static noinline void kvm_exit_stats_tally_fastpath(struct kvm_vcpu *vcpu)
{
	u32 epoch = READ_ONCE(interval_epoch);

	if (!kvm_exit_stats_interval_over())
		return;

	if (vcpu->arch.exit_stats.summary_due == epoch)
		atomic_inc(&summaries_folded);

	vcpu->arch.exit_stats.summary_due = epoch;
}

void __kvm_exit_stats_record(struct kvm_vcpu *vcpu, u64 t0)
{
	if (unlikely(vcpu->arch.exit_stats.fastpath_stamped))
		t0 = kvm_exit_stats_take_stamp(vcpu, READ_ONCE(kvm_exit_stats_epoch)) ?: t0;

	kvm_exit_stats_count(vcpu, t0);

	if (static_branch_unlikely(&kvm_exit_stats_summaries))
		kvm_exit_stats_tally(vcpu);
}

void __kvm_exit_stats_record_fastpath(struct kvm_vcpu *vcpu)
{
	u64 t0 = 0;

	if (likely(vcpu->arch.exit_stats.fastpath_stamped))
		t0 = kvm_exit_stats_take_stamp(vcpu, READ_ONCE(kvm_exit_stats_epoch));

	/* Recording started when this exit was already under way. */
	if (unlikely(!t0))
		return;

	kvm_exit_stats_count(vcpu, t0);

	if (static_branch_unlikely(&kvm_exit_stats_summaries))
		kvm_exit_stats_tally_fastpath(vcpu);
}

/* Read one exit reason: the sum over all possible CPUs, offline ones included. */
void kvm_exit_stats_read(unsigned int row, struct kvm_exit_stat *stat)
{
	u32 gen = READ_ONCE(kvm_exit_stats_gen);
	struct kvm_exit_stat copy;
	int cpu;

	memset(stat, 0, sizeof(*stat));

	for_each_possible_cpu(cpu) {
		struct kvm_exit_stat *table = *per_cpu_ptr(kvm_exit_stats_isa.tables, cpu);

		if (kvm_exit_stat_read(&table[row], gen, &copy))
			kvm_exit_stat_merge(stat, &copy);
	}
}

/* Read the sum over all exit reasons. */
void kvm_exit_stats_read_all(struct kvm_exit_stat *total)
{
	struct kvm_exit_stat stat;
	unsigned int row;

	memset(total, 0, sizeof(*total));

	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++) {
		kvm_exit_stats_read(row, &stat);
		kvm_exit_stat_merge(total, &stat);
	}
}

/* Start or stop recording, as is wanted and possible. */
static void kvm_exit_stats_update(bool wanted, bool possible)
{
	static u32 last_epoch;

	lockdep_assert_held(&kvm_exit_stats_lock);

	recording_wanted = wanted;

	if (!wanted || !possible) {
		static_branch_disable(&kvm_exit_stats_enabled);
	} else if (!static_key_enabled(&kvm_exit_stats_enabled)) {
		WRITE_ONCE(kvm_exit_stats_epoch, 0);
		static_branch_enable(&kvm_exit_stats_enabled);
		last_epoch = last_epoch + 1 ?: 1;
		WRITE_ONCE(kvm_exit_stats_epoch, last_epoch);
	}
}

bool kvm_exit_stats_get_enabled(void)
{
	return READ_ONCE(recording_wanted);
}

void kvm_exit_stats_set_enabled(bool enabled)
{
	mutex_lock(&kvm_exit_stats_lock);
	kvm_exit_stats_update(enabled, true);
	mutex_unlock(&kvm_exit_stats_lock);
}

/* Count the exits of the interval from 0 again.  No summary is due any more. */
static void kvm_exit_stats_restart_interval(void)
{
	lockdep_assert_held(&kvm_exit_stats_lock);

	/* 0 is none due, skip it on wrap-around. */
	WRITE_ONCE(interval_epoch, interval_epoch + 1 ?: 1);
	atomic64_set(&interval_exits, 0);
	atomic_set(&summaries_folded, 0);
}

unsigned int kvm_exit_stats_get_interval(void)
{
	return READ_ONCE(exit_stats_interval);
}

void kvm_exit_stats_set_interval(unsigned int interval)
{
	mutex_lock(&kvm_exit_stats_lock);
	WRITE_ONCE(exit_stats_interval, interval);
	kvm_exit_stats_restart_interval();
	if (interval)
		static_branch_enable(&kvm_exit_stats_summaries);
	else
		static_branch_disable(&kvm_exit_stats_summaries);
	mutex_unlock(&kvm_exit_stats_lock);
}

void kvm_exit_stats_reset(void)
{
	mutex_lock(&kvm_exit_stats_lock);
	/* Skip 0 on wrap-around, it would bring untouched rows to life. */
	WRITE_ONCE(kvm_exit_stats_gen, kvm_exit_stats_gen + 1 ?: 1);
	kvm_exit_stats_restart_interval();
	mutex_unlock(&kvm_exit_stats_lock);
}

void kvm_exit_stats_dump(void)
{
	mutex_lock(&summary_lock);
	kvm_exit_stats_print();
	mutex_unlock(&summary_lock);
}

static void kvm_exit_stats_free(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		kvfree(*per_cpu_ptr(kvm_exit_stats_isa.tables, cpu));
		*per_cpu_ptr(kvm_exit_stats_isa.tables, cpu) = NULL;
	}
	kvfree(summary_rows);
	summary_rows = NULL;
}

/*
 * Called when a vendor module loads, before /dev/kvm shows up.  Allocate each
 * table by itself: on the node of its CPU, and however many reasons there are,
 * while what a module can have of per-CPU memory is limited to a few pages.
 */
int kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa)
{
	size_t size = array_size(isa->nr_rows, sizeof(struct kvm_exit_stat));
	int cpu, r;

	kvm_exit_stats_isa = *isa;
	kvm_exit_stats_map_reasons(isa, exit_rows);

	r = -ENOMEM;
	summary_rows = kvzalloc(size, GFP_KERNEL);
	if (!summary_rows)
		goto err_free;

	for_each_possible_cpu(cpu) {
		struct kvm_exit_stat *table;

		table = kvzalloc_node(size, GFP_KERNEL, cpu_to_node(cpu));
		if (!table)
			goto err_free;
		*per_cpu_ptr(isa->tables, cpu) = table;
	}

	kvm_exit_stats_set_interval(exit_stats_interval);

	r = kvm_exit_stats_sysfs_init();
	if (r)
		goto err_free;

	mutex_lock(&kvm_exit_stats_lock);
	kvm_exit_stats_update(recording_wanted, true);
	mutex_unlock(&kvm_exit_stats_lock);
	return 0;

err_free:
	kvm_exit_stats_free();
	return r;
}
EXPORT_SYMBOL_GPL(kvm_exit_stats_init);

/* Called when a vendor module unloads, after the last VM is gone. */
void kvm_exit_stats_exit(void)
{
	kvm_exit_stats_sysfs_exit();

	mutex_lock(&kvm_exit_stats_lock);
	kvm_exit_stats_update(recording_wanted, false);
	mutex_unlock(&kvm_exit_stats_lock);

	kvm_exit_stats_free();
}
EXPORT_SYMBOL_GPL(kvm_exit_stats_exit);
