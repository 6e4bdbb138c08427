// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics: counts and times by hardware exit reason.
 *
 * An exit is stamped with the first TSC value that KVM reads after the VM-Exit
 * (T0), and recorded when handle_exit() is done with it (T1), or, if a fastpath
 * handler re-enters the guest, right before the re-entry.  What is recorded is
 * one exit and T1 - T0 cycles, e.g. two CPUID exits of 1000 and 3000 cycles are
 * a count of 2, a sum of 4000, a minimum of 1000, a maximum of 3000, and one
 * each in the buckets [512, 1024) and [2048, 4096).
 *
 * The next VM-Entry (T2) ends the time that the vCPU was away, which is recorded
 * for the same exit, together with the time that it was in the guest before (T0
 * less the T2 before).  T0 and T2 are common to neighbours, i.e. these times leave
 * no gap: they add up to the time between the first and the last VM-Entry.  E.g.
 * from an exit at 5000 that is handled at 6000 and followed by an entry at 9000,
 * the vCPU is away for 4000 cycles, 1000 of them in handling.
 *
 *   guest --T0-- handling --T1-- requests, user, blocked, preempted --T2-- guest
 *
 * Stamps are taken where the vCPU goes away for another reason than KVM, too, but
 * these are rare.  Such parts of the time are kept with the vCPU until the entry.
 *
 * Every CPU has a table of its own, with one row per exit reason, and vCPUs may
 * have.  A table has one writer: a vCPU task that runs on that CPU, or of that
 * vCPU, with preemption disabled.  No lock is taken, and with "interval" 0 no cache
 * line is touched that another CPU writes, unless it has just been the vCPU's.  All
 * others only read:
 *
 *  - A reader copies a row under the row's sequence count, i.e. all numbers of
 *    handling belong to the same exits, and skips rows of an older generation.
 *    The away time of an exit comes later, and in the row of another CPU if the
 *    vCPU migrated.
 *    Rows are read one after the other; on a busy host a sum over all rows is
 *    no snapshot of a single moment.
 *
 *  - A reset increments the generation, nothing else.  The writer empties a row
 *    of an older generation when it next records into it.  An exit that is just
 *    being recorded while a reset comes counts as one before the reset.
 *
 *  - What a vCPU stamped is void after a reset, and after away time was switched
 *    on or off, for no time to begin with one and to end with the other.
 *
 * What is approximate: interrupts and preemption between T0 and T1 count as
 * handling, and a vCPU task that migrates to a CPU with a TSC that lags behind
 * can see a later stamp before an earlier one.  Such a time counts with 0 cycles,
 * and, unless it is a part, as a clock warp.
 */
#define pr_fmt(fmt) "kvm_exit_stats: " fmt

#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
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

/* On while, in addition, away time is wanted. */
DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_away);

/*
 * On while vCPUs to come are to have tables of their own, or there are some that
 * have: counts the switch as one, not to patch code for each VM that comes or goes.
 */
DEFINE_STATIC_KEY_TRUE(kvm_exit_stats_vcpu_tables);
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_vcpu_tables);

/* The switches in sysfs: what is wanted */
static bool recording_wanted = true;
static bool away_wanted = true;
static bool vcpu_tables_wanted = true;

/* Whether a vendor module has registered its tables */
static bool recording_possible;

/*
 * Another one each time that recording starts, and 0 unless the static key is on
 * wherever it is tested.  Tells the stamp of a fastpath exit that
 * was not recorded, as the key changed in between, from that of the exit at hand.
 */
u32 kvm_exit_stats_epoch __read_mostly;
EXPORT_SYMBOL_GPL(kvm_exit_stats_epoch);

struct kvm_exit_stats_isa kvm_exit_stats_isa __read_mostly;
static u8 exit_rows[EXIT_STATS_CODES] __read_mostly;
static u64 kvm_exit_stats_term __read_mostly = 1;

/* On while the interval is not 0, i.e. while exits need the shared counter. */
static DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_summaries);

/* Incremented when the interval is set and on reset: revokes what is due. */
static u32 interval_epoch __read_mostly = 1;

/* Serializes the changes of switches, term and interval. */
static DEFINE_MUTEX(kvm_exit_stats_lock);

/* Exits recorded since the interval was set, or since the last reset. */
static atomic64_t interval_exits ____cacheline_aligned_in_smp;

/*
 * Serializes the printing of summaries, and guards summary_rows, which are there
 * while there are tables to print.
 */
static DEFINE_MUTEX(summary_lock);
static struct kvm_exit_stat *summary_rows;

/* Summaries that fell due while another one was being printed. */
static atomic_t summaries_folded;

/* Empty a row.  For its owner only. */
VISIBLE_IF_KUNIT void kvm_exit_stat_empty(struct kvm_exit_stat *stat, u32 gen)
{
	raw_write_seqcount_begin(&stat->seq);
	memset_after(stat, 0, gen);
	stat->cycles.min = U64_MAX;
	stat->away.min = U64_MAX;
	stat->gen = gen;
	raw_write_seqcount_end(&stat->seq);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_empty);

/* Make @stat an empty row, to merge others into. */
void kvm_exit_stat_init(struct kvm_exit_stat *stat)
{
	memset(stat, 0, sizeof(*stat));
	kvm_exit_stat_empty(stat, 0);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_init);

/* A time as it counts: less than 0 cycles are 0, and a clock warp. */
static u64 kvm_exit_stat_time(struct kvm_exit_stat *stat, u64 cycles)
{
	if ((s64)cycles >= 0)
		return cycles;

	stat->clock_warps++;
	return 0;
}

static void kvm_exit_stat_record(struct kvm_exit_stat *stat, u32 gen, u64 cycles)
{
	if (stat->gen != gen)
		kvm_exit_stat_empty(stat, gen);

	raw_write_seqcount_begin(&stat->seq);
	cycles = kvm_exit_stat_time(stat, cycles);
	stat->count++;
	kvm_exit_cycles_add(&stat->cycles, cycles);
	KVM_STATS_LOG_HIST_UPDATE(stat->hist, cycles);
	raw_write_seqcount_end(&stat->seq);
}

/* Record an exit in any case, see kvm_exit_stats_record_exit(). */
VISIBLE_IF_KUNIT void kvm_exit_stats_record_exit_slow(struct kvm_vcpu *vcpu,
						      unsigned long row, u32 gen, u64 cycles)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	kvm_exit_stat_record(&stats->cpu_table[row], gen, cycles);

	if (stats->vcpu_table) {
		stats->vcpu_row = &stats->vcpu_table[row];
		kvm_exit_stat_record(stats->vcpu_row, gen, cycles);
	}
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_record_exit_slow);

static void kvm_exit_stat_record_away(struct kvm_exit_stat *stat,
				      const struct kvm_vcpu_exit_stats *stats, u64 tsc)
{
	u64 away = tsc - stats->exit_tsc;
	unsigned int part;

	raw_write_seqcount_begin(&stat->seq);
	/* Parts of a time that warped say nothing. */
	for (part = 0; part < EXIT_STATS_NR_PARTS && (s64)away >= 0; part++)
		stat->parts[part] += stats->parts[part];

	away = kvm_exit_stat_time(stat, away);
	kvm_exit_cycles_add(&stat->away, away);
	KVM_STATS_LOG_HIST_UPDATE(stat->away_hist, away);
	stat->guest += kvm_exit_stat_time(stat, stats->exit_tsc - stats->entry_tsc);
	raw_write_seqcount_end(&stat->seq);
}

/*
 * Record a VM-Entry in any case, see kvm_exit_stats_enter().  The first one of a
 * term is where the times of a vCPU begin, and what was stamped before is void, as
 * is what is stamped while code is patched, i.e. while stamps may be missing.
 */
void kvm_exit_stats_enter_slow(struct kvm_vcpu *vcpu, u64 term, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	if ((stats->entry_term & ~EXIT_STATS_TERM_PARTED) == term) {
		kvm_exit_stat_record_away(stats->cpu_row, stats, tsc);
		if (stats->vcpu_row)
			kvm_exit_stat_record_away(stats->vcpu_row, stats, tsc);
	}

	stats->entry_term = term & EXIT_STATS_TERM_PATCHING ? 0 : term;
	stats->entry_tsc = tsc;
	stats->part = EXIT_STATS_KVM;
	memset(stats->parts, 0, sizeof(stats->parts));
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_enter_slow);

static void kvm_exit_cycles_merge(struct kvm_exit_cycles *dst,
				  const struct kvm_exit_cycles *src)
{
	dst->sum += src->sum;
	dst->min = min(dst->min, src->min);
	dst->max = max(dst->max, src->max);
}

/* Add the numbers of @src, of any table, to @dst, which nobody else sees. */
void kvm_exit_stat_merge(struct kvm_exit_stat *dst, const struct kvm_exit_stat *src)
{
	unsigned int i;

	dst->count += src->count;
	kvm_exit_cycles_merge(&dst->cycles, &src->cycles);
	kvm_exit_cycles_merge(&dst->away, &src->away);

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++) {
		dst->hist[i] += src->hist[i];
		dst->away_hist[i] += src->away_hist[i];
	}

	dst->guest += src->guest;
	for (i = 0; i < EXIT_STATS_NR_PARTS; i++)
		dst->parts[i] += src->parts[i];
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

/* The minimum is that of the first time to come as long as there is none. */
VISIBLE_IF_KUNIT u64 kvm_exit_stat_min(const struct kvm_exit_cycles *cycles)
{
	return cycles->min <= cycles->max ? cycles->min : 0;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_min);

/* The histogram has how many times there are. */
VISIBLE_IF_KUNIT u64 kvm_exit_stat_avg(const struct kvm_exit_cycles *cycles, const u64 *hist)
{
	u64 count = 0;
	unsigned int i;

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		count += hist[i];

	return count ? div64_u64(cycles->sum, count) : 0;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_avg);

/* All that is shown of a row as numbers: this is the list, and the only one. */
void kvm_exit_stat_numbers(const struct kvm_exit_stat *stat,
			   struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS])
{
	const struct kvm_exit_number all[] = {
		{ "count",		stat->count },
		{ "cycles_total",	stat->cycles.sum },
		{ "cycles_min",		kvm_exit_stat_min(&stat->cycles) },
		{ "cycles_avg",		kvm_exit_stat_avg(&stat->cycles, stat->hist) },
		{ "cycles_max",		stat->cycles.max },
		{ "away_total",		stat->away.sum },
		{ "away_min",		kvm_exit_stat_min(&stat->away) },
		{ "away_avg",		kvm_exit_stat_avg(&stat->away, stat->away_hist) },
		{ "away_max",		stat->away.max },
		{ "away_user",		stat->parts[EXIT_STATS_USER] },
		{ "away_blocked",	stat->parts[EXIT_STATS_BLOCKED] },
		{ "away_preempted",	stat->parts[EXIT_STATS_PREEMPTED] },
	};

	BUILD_BUG_ON(ARRAY_SIZE(all) != EXIT_STATS_NR_NUMBERS);
	memcpy(numbers, all, sizeof(all));
}

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
	struct kvm_exit_stat total;
	unsigned int folded, row;

	lockdep_assert_held(&summary_lock);

	kvm_exit_stat_init(&total);

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
			kvm_exit_stat_min(&stat->cycles),
			kvm_exit_stat_avg(&stat->cycles, stat->hist),
			stat->cycles.max);

		/* A line can take a slow console a tenth of a second. */
		cond_resched();
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

/* For DEBUG kernels: a table is written on its CPU only, wherever the vCPU was. */
static __always_inline void kvm_exit_stats_assert_owner(struct kvm_vcpu *vcpu)
{
	lockdep_assert(vcpu->arch.exit_stats.cpu_table ==
		       *this_cpu_ptr(kvm_exit_stats_isa.tables));
}

static noinline void kvm_exit_stats_record_slow(struct kvm_vcpu *vcpu, unsigned long row,
						u32 gen, u64 cycles)
{
	kvm_exit_stats_record_exit_slow(vcpu, row, gen, cycles);
	preempt_enable();

	if (static_branch_unlikely(&kvm_exit_stats_summaries))
		kvm_exit_stats_tally(vcpu);
}

void __kvm_exit_stats_record(struct kvm_vcpu *vcpu, u64 t0)
{
	unsigned long row = kvm_exit_stats_row(&kvm_exit_stats_isa, exit_rows,
					       vcpu->arch.exit_stats.code);
	u64 cycles;
	u32 gen;

	if (unlikely(vcpu->arch.exit_stats.fastpath_stamped))
		t0 = kvm_exit_stats_take_stamp(vcpu, READ_ONCE(kvm_exit_stats_epoch)) ?: t0;

	cycles = rdtsc() - t0;

	preempt_disable();
	kvm_exit_stats_assert_owner(vcpu);
	/* Only now, not to take a row back to the generation before a reset */
	gen = EXIT_STATS_TERM_GEN(READ_ONCE(kvm_exit_stats_term));
	/* Calls at the end only, i.e. no register to save and restore */
	if (unlikely(!kvm_exit_stats_record_exit(vcpu, row, gen, t0, cycles))) {
		kvm_exit_stats_record_slow(vcpu, row, gen, cycles);
		return;
	}
	preempt_enable();

	if (static_branch_unlikely(&kvm_exit_stats_summaries))
		kvm_exit_stats_tally(vcpu);
}

/* The end of the handling is the VM-Entry, too.  Interrupts are disabled. */
void __kvm_exit_stats_record_fastpath(struct kvm_vcpu *vcpu)
{
	unsigned long row = kvm_exit_stats_row(&kvm_exit_stats_isa, exit_rows,
					       vcpu->arch.exit_stats.code);
	u64 term = READ_ONCE(kvm_exit_stats_term);
	u32 gen = EXIT_STATS_TERM_GEN(term);
	u64 t0 = 0, t1;

	if (likely(vcpu->arch.exit_stats.fastpath_stamped))
		t0 = kvm_exit_stats_take_stamp(vcpu, READ_ONCE(kvm_exit_stats_epoch));

	/* Recording started when this exit was already under way. */
	if (unlikely(!t0))
		return;

	kvm_exit_stats_assert_owner(vcpu);
	t1 = rdtsc();
	if (unlikely(!kvm_exit_stats_record_exit(vcpu, row, gen, t0, t1 - t0)))
		kvm_exit_stats_record_exit_slow(vcpu, row, gen, t1 - t0);
	if (static_branch_likely(&kvm_exit_stats_away))
		kvm_exit_stats_enter(vcpu, term, t1);

	if (static_branch_unlikely(&kvm_exit_stats_summaries))
		kvm_exit_stats_tally_fastpath(vcpu);
}

void __kvm_exit_stats_record_entry(struct kvm_vcpu *vcpu)
{
	kvm_exit_stats_assert_owner(vcpu);
	kvm_exit_stats_enter(vcpu, READ_ONCE(kvm_exit_stats_term), rdtsc());
}

VISIBLE_IF_KUNIT void kvm_exit_stats_begin_at(struct kvm_vcpu *vcpu,
					      enum kvm_exit_stats_part part, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	if (stats->part != EXIT_STATS_KVM)
		return;

	stats->part = part;
	stats->part_tsc = tsc;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_begin_at);

VISIBLE_IF_KUNIT void kvm_exit_stats_end_at(struct kvm_vcpu *vcpu,
					    enum kvm_exit_stats_part part, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	if (stats->part != part)
		return;

	stats->part = EXIT_STATS_KVM;
	stats->parts[part] += max(tsc, stats->part_tsc) - stats->part_tsc;
	stats->entry_term |= EXIT_STATS_TERM_PARTED;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_end_at);

/* A preemption is a part itself: it must come before or after, not in between. */
void __kvm_exit_stats_begin(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part)
{
	preempt_disable();
	kvm_exit_stats_begin_at(vcpu, part, rdtsc());
	preempt_enable();
}

void __kvm_exit_stats_end(struct kvm_vcpu *vcpu, enum kvm_exit_stats_part part)
{
	preempt_disable();
	kvm_exit_stats_end_at(vcpu, part, rdtsc());
	preempt_enable();
}

/* Have the vCPU use the table of the CPU that it is being loaded on. */
VISIBLE_IF_KUNIT void kvm_exit_stats_move(struct kvm_vcpu *vcpu,
					  struct kvm_exit_stat *table, u32 gen)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	if (stats->cpu_row) {
		stats->cpu_row = table + (stats->cpu_row - stats->cpu_table);
		if (stats->cpu_row->gen != gen)
			kvm_exit_stat_empty(stats->cpu_row, gen);
	}

	stats->cpu_table = table;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_move);

/* Called with preemption disabled, whenever a vCPU is loaded on another CPU. */
void kvm_exit_stats_vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	kvm_exit_stats_move(vcpu, *per_cpu_ptr(kvm_exit_stats_isa.tables, cpu),
			    EXIT_STATS_TERM_GEN(READ_ONCE(kvm_exit_stats_term)));
}

/* Give a new vCPU a table of its own, if that is wanted. */
int kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stat *table;

	if (!READ_ONCE(vcpu_tables_wanted))
		return 0;

	table = kvcalloc(kvm_exit_stats_isa.nr_rows, sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;

	vcpu->arch.exit_stats.vcpu_table = table;
	static_branch_inc(&kvm_exit_stats_vcpu_tables);
	return 0;
}

void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	if (!vcpu->arch.exit_stats.vcpu_table)
		return;

	static_branch_dec(&kvm_exit_stats_vcpu_tables);
	kvfree(vcpu->arch.exit_stats.vcpu_table);
}

/* Add a row that its owner may be writing. */
static void kvm_exit_stats_add_row(const struct kvm_exit_stat *row,
				   struct kvm_exit_stat *stat)
{
	/* Do not clear as much for each row that turns out to be empty. */
	struct kvm_exit_stat copy __uninitialized;

	if (kvm_exit_stat_read(row, EXIT_STATS_TERM_GEN(READ_ONCE(kvm_exit_stats_term)), &copy))
		kvm_exit_stat_merge(stat, &copy);
}

/* Add one exit reason of a vCPU, if it has a table. */
void kvm_exit_stats_add_vcpu(struct kvm_vcpu *vcpu, unsigned int row,
			     struct kvm_exit_stat *stat)
{
	if (vcpu->arch.exit_stats.vcpu_table)
		kvm_exit_stats_add_row(&vcpu->arch.exit_stats.vcpu_table[row], stat);
}

/* Read one exit reason: the sum over all possible CPUs, offline ones included. */
void kvm_exit_stats_read(unsigned int row, struct kvm_exit_stat *stat)
{
	int cpu;

	kvm_exit_stat_init(stat);

	for_each_possible_cpu(cpu) {
		struct kvm_exit_stat *table = *per_cpu_ptr(kvm_exit_stats_isa.tables, cpu);

		kvm_exit_stats_add_row(&table[row], stat);
	}
}

/* Read the sum over all exit reasons. */
void kvm_exit_stats_read_all(struct kvm_exit_stat *total)
{
	struct kvm_exit_stat stat;
	unsigned int row;

	kvm_exit_stat_init(total);

	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++) {
		kvm_exit_stats_read(row, &stat);
		kvm_exit_stat_merge(total, &stat);
	}
}

/*
 * The places where stamps are taken are patched one after the other: have a term
 * of its own for that, in which nothing counts.
 */
static void kvm_exit_stats_switch_away(bool away)
{
	if (away == static_key_enabled(&kvm_exit_stats_away))
		return;

	WRITE_ONCE(kvm_exit_stats_term, kvm_exit_stats_term | EXIT_STATS_TERM_PATCHING);
	if (away)
		static_branch_enable(&kvm_exit_stats_away);
	else
		static_branch_disable(&kvm_exit_stats_away);
	WRITE_ONCE(kvm_exit_stats_term, (kvm_exit_stats_term + EXIT_STATS_TERM_STEP) &
		   ~(EXIT_STATS_TERM_PATCHING | EXIT_STATS_TERM_PARTED));
}

/*
 * Start or stop recording, as is wanted and possible.  No away time is measured
 * without: between two VM-Entries of a term, the exit is always recorded.
 */
static void kvm_exit_stats_update(void)
{
	bool recording = recording_wanted && recording_possible;
	bool away = recording && away_wanted;
	static u32 last_epoch;

	lockdep_assert_held(&kvm_exit_stats_lock);

	if (!away)
		kvm_exit_stats_switch_away(false);

	if (!recording) {
		WRITE_ONCE(kvm_exit_stats_epoch, 0);
		static_branch_disable(&kvm_exit_stats_enabled);
	} else if (!static_key_enabled(&kvm_exit_stats_enabled)) {
		WRITE_ONCE(kvm_exit_stats_epoch, 0);
		static_branch_enable(&kvm_exit_stats_enabled);
		last_epoch = last_epoch + 1 ?: 1;
		WRITE_ONCE(kvm_exit_stats_epoch, last_epoch);
	}

	if (away)
		kvm_exit_stats_switch_away(true);
}

static void kvm_exit_stats_set(bool *what, bool to)
{
	mutex_lock(&kvm_exit_stats_lock);
	WRITE_ONCE(*what, to);
	kvm_exit_stats_update();
	mutex_unlock(&kvm_exit_stats_lock);
}

bool kvm_exit_stats_get_enabled(void)
{
	return READ_ONCE(recording_wanted);
}

void kvm_exit_stats_set_enabled(bool enabled)
{
	kvm_exit_stats_set(&recording_wanted, enabled);
}

bool kvm_exit_stats_get_away(void)
{
	return READ_ONCE(away_wanted);
}

void kvm_exit_stats_set_away(bool away)
{
	kvm_exit_stats_set(&away_wanted, away);
}

bool kvm_exit_stats_get_per_vcpu(void)
{
	return READ_ONCE(vcpu_tables_wanted);
}

void kvm_exit_stats_set_per_vcpu(bool per_vcpu)
{
	mutex_lock(&kvm_exit_stats_lock);
	if (per_vcpu && !vcpu_tables_wanted)
		static_branch_inc(&kvm_exit_stats_vcpu_tables);
	else if (!per_vcpu && vcpu_tables_wanted)
		static_branch_dec(&kvm_exit_stats_vcpu_tables);
	WRITE_ONCE(vcpu_tables_wanted, per_vcpu);
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
	u32 gen;

	mutex_lock(&kvm_exit_stats_lock);
	/* Skip 0 on wrap-around, it would bring untouched rows to life. */
	gen = EXIT_STATS_TERM_GEN(kvm_exit_stats_term) + 1 ?: 1;
	WRITE_ONCE(kvm_exit_stats_term, (kvm_exit_stats_term & ~(u64)U32_MAX) | gen);
	kvm_exit_stats_restart_interval();
	mutex_unlock(&kvm_exit_stats_lock);
}

/**
 * kvm_exit_stats_dump - Print a summary to the kernel log
 *
 * For other modules, too, e.g. tools/kvm/printcount.  May sleep, and wait for a
 * summary that is being printed.
 *
 * Return: 0, or -ENODEV if no vendor module is loaded.
 */
int kvm_exit_stats_dump(void)
{
	int r = -ENODEV;

	mutex_lock(&summary_lock);
	if (summary_rows) {
		kvm_exit_stats_print();
		r = 0;
	}
	mutex_unlock(&summary_lock);

	return r;
}
EXPORT_SYMBOL_GPL(kvm_exit_stats_dump);

static void kvm_exit_stats_free(void)
{
	int cpu;

	mutex_lock(&summary_lock);
	kvfree(summary_rows);
	summary_rows = NULL;
	mutex_unlock(&summary_lock);

	for_each_possible_cpu(cpu) {
		kvfree(*per_cpu_ptr(kvm_exit_stats_isa.tables, cpu));
		*per_cpu_ptr(kvm_exit_stats_isa.tables, cpu) = NULL;
	}
}

/*
 * Called when a vendor module loads, before /dev/kvm shows up.  Allocate each
 * table by itself: on the node of its CPU, and however many reasons there are,
 * while what a module can have of per-CPU memory is limited to a few pages.
 */
int kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa)
{
	size_t size = array_size(isa->nr_rows, sizeof(struct kvm_exit_stat));
	int cpu, r = -ENOMEM;

	kvm_exit_stats_isa = *isa;
	kvm_exit_stats_map_reasons(isa, exit_rows);

	for_each_possible_cpu(cpu) {
		struct kvm_exit_stat *table;

		table = kvzalloc_node(size, GFP_KERNEL, cpu_to_node(cpu));
		if (!table)
			goto err_free;
		*per_cpu_ptr(isa->tables, cpu) = table;
	}

	mutex_lock(&summary_lock);
	summary_rows = kvzalloc(size, GFP_KERNEL);
	mutex_unlock(&summary_lock);
	if (!summary_rows)
		goto err_free;

	kvm_exit_stats_set_interval(exit_stats_interval);

	r = kvm_exit_stats_sysfs_init();
	if (r)
		goto err_free;

	kvm_exit_stats_set(&recording_possible, true);
	return 0;

err_free:
	kvm_exit_stats_free();
	return r;
}
EXPORT_SYMBOL_GPL(kvm_exit_stats_init);

/* Called when a vendor module unloads, after the last VM is gone. */
void kvm_exit_stats_exit(void)
{
	kvm_exit_stats_remove_debugfs();
	kvm_exit_stats_sysfs_exit();

	kvm_exit_stats_set(&recording_possible, false);

	kvm_exit_stats_free();
}
EXPORT_SYMBOL_GPL(kvm_exit_stats_exit);
