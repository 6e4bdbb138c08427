// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics: counts and times by hardware exit reason.
 *
 * Three stamps of the TSC divide the life of a vCPU: T0 right after the VM-Exit, T1
 * when KVM has done the exit's work, and T2 right before the next VM-Entry.
 *
 *   guest --T0-- handling --T1-- requests, user, blocked, preempted --T2-- guest
 *
 * T1 - T0 is the handling of the exit, and T2 - T0 how long it kept the vCPU away.
 * E.g. two CPUID exits of 1000 and 3000 cycles are a sum of 4000, a minimum of 1000,
 * a maximum of 3000, and one each in the buckets [512, 1024) and [2048, 4096).  T0
 * and T2 are common to neighbours, i.e. the times in the guest and away leave no gap.
 *
 * An exit is recorded once, at T1.  That closes the exit before, too: its T2 is known
 * by then, as is the time in the guest between the two.  I.e. the last exit of a vCPU
 * has no away time yet.
 *
 * Where the vCPU goes away for another reason than KVM, stamps are taken, too, but
 * that is rare.  Such parts are kept with the vCPU until their exit is closed.
 *
 * Each vCPU has a table, with a row for each reason that it has met, and nobody else
 * has any: the system is the sum of the vCPUs that live, and of the rows of those that
 * are gone, which are the globals next to {vmx,svm}_handle_exit().  A table has one
 * writer, the task that has vcpu->mutex.  Readers copy a row under the table's sequence
 * count, and walk tables under the mutex under which vCPUs come and go: whatever a vCPU
 * had recorded is there once, before and after it goes.
 *
 * The era says what is current.  Its lower half is the generation, which a reset
 * increments: a table of another one is empty, for readers at once, and for its owner
 * when it next records.  The upper half is incremented when recording is switched,
 * and odd while it is on.  A vCPU keeps the era of its last record: if that is over,
 * what it has stamped is void, for no time to begin in one era and to end in another.
 *
 * What is approximate: interrupts and preemption between T0 and T1 count as handling.
 * A vCPU that migrates to a CPU with a TSC that lags behind can see a later stamp
 * before an earlier one: such a time counts with 0 cycles, and as a clock warp.  A sum
 * of many vCPUs stops at U64_MAX.
 */
#define pr_fmt(fmt) "kvm_exit_stats: " fmt

#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <kunit/visibility.h>

#include "exit_stats.h"

/* Current value, shown and set through "enabled" in sysfs once KVM is loaded. */
static bool exit_stats = true;
module_param(exit_stats, bool, 0444);
MODULE_PARM_DESC(exit_stats, "Record VM-Exit statistics");

/* Likewise, "interval" */
static unsigned int exit_stats_interval = CONFIG_KVM_EXIT_STATS_INTERVAL;
module_param(exit_stats_interval, uint, 0444);
MODULE_PARM_DESC(exit_stats_interval,
		 "VM-Exits between two summaries in the kernel log, 0 for none");

/* On while recording is wanted, and a vendor module has registered. */
DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_enabled);
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_enabled);

/* On while the interval is not 0, i.e. while exits need the shared counter. */
static DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_summaries);

#define ERA_SWITCH		BIT_ULL(32)
/* Only in what a vCPU keeps: some of its parts are yet to be recorded. */
#define ERA_PARTED		BIT_ULL(63)

static u64 kvm_exit_stats_era __read_mostly = 1;

/*
 * Codes below this have their row looked up: all that occur but for a few rare ones
 * of SVM.  Those without a name have the row that no vCPU ever gets.
 */
#define EXIT_STATS_CODES	0x410
#define EXIT_STATS_NO_ROW	KVM_EXIT_STATS_MAX_ROWS

static u8 exit_rows[EXIT_STATS_CODES] __read_mostly;

struct kvm_exit_stats_isa kvm_exit_stats_isa __read_mostly;
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_isa);
static struct kmem_cache *row_cache __read_mostly;

/* Guards the vCPUs that live, what those had that are gone, and all settings. */
static DEFINE_MUTEX(kvm_exit_stats_lock);
static LIST_HEAD(vcpus);
static u64 gone_dropped;

/* Exits until the next summary is due, less 1. */
static atomic64_t countdown ____cacheline_aligned_in_smp;

/* Serializes the printing of summaries. */
static DEFINE_MUTEX(summary_lock);
static void kvm_exit_stats_summary(struct work_struct *work);
static DECLARE_WORK(summary_work, kvm_exit_stats_summary);
/* Whether one is pending, or being printed by the work item */
static unsigned long summary_busy;
/* Summaries that fell due and are not printed */
static atomic_t summaries_folded;

/*
 * A guest that exits in a loop, or any user of /dev/kvm, must not flood the log, but
 * each summary of a guest that boots be there.
 */
static struct ratelimit_state summary_ratelimit =
	RATELIMIT_STATE_INIT_FLAGS(summary_ratelimit, 600 * HZ, 100,
				   RATELIMIT_MSG_ON_RELEASE);

static u32 era_generation(u64 era)
{
	return era;
}

static bool era_is_recording(u64 era)
{
	return era & ERA_SWITCH;
}

/* READ_ONCE() keeps this, which is rare, out of the path where the sum is raised. */
static bool kvm_exit_times_are_none(const struct kvm_exit_times *times)
{
	return !READ_ONCE(times->sum) && !times->hist[0];
}

/* Longer times are for the last bucket, negative ones for none. */
#define EXIT_STATS_LONG		BIT_ULL(EXIT_STATS_HIST_BUCKETS - 2)

/* The bucket of a time that is not long: fls(), for 0 as well */
static __always_inline unsigned long kvm_exit_times_bucket(u64 cycles)
{
	return __fls(2 * (unsigned long)cycles + 1);
}

static __always_inline void kvm_exit_times_add(struct kvm_exit_times *times, u64 cycles,
					       unsigned long bucket)
{
	if (unlikely(cycles < times->min))
		times->min = cycles;
	/* The first time of all, unless it is 0, exceeds the maximum of none. */
	if (unlikely(cycles > times->max)) {
		if (kvm_exit_times_are_none(times))
			times->min = cycles;
		times->max = cycles;
	}
	times->sum += cycles;
	times->hist[bucket]++;
}

/* Add to a row an exit that was handled in some @cycles, after some in the @guest. */
static __always_inline void kvm_exit_stats_add(struct kvm_vcpu *vcpu, unsigned long row,
					       struct kvm_exit_stat *stat, u64 guest,
					       u64 cycles, unsigned long bucket)
{
	stat->guest += guest;
	kvm_exit_times_add(&stat->cycles, cycles, bucket);
	vcpu->stat.exit_reasons[row]++;
	vcpu->stat.exit_reason_cycles[row] += cycles;
}

static __always_inline unsigned long kvm_exit_stats_row(u32 code)
{
	return likely(code < EXIT_STATS_CODES) ? exit_rows[code] : EXIT_STATS_NO_ROW;
}

/* The row of any code: UNKNOWN keeps the last one that has no name. */
static unsigned long kvm_exit_stats_find_row(u32 code)
{
	struct kvm_exit_reason *reasons = kvm_exit_stats_isa.reasons;
	unsigned long row = kvm_exit_stats_row(code);
	unsigned long unknown = kvm_exit_stats_isa.nr_rows - 1;

	if (row != EXIT_STATS_NO_ROW)
		return row;

	for (row = 0; row < unknown; row++) {
		if ((u32)reasons[row].code == code)
			return row;
	}

	WRITE_ONCE(reasons[unknown].code, code);
	return unknown;
}

/* A time as it counts: less than 0 cycles are 0, and a clock warp. */
static u64 kvm_exit_stat_time(struct kvm_exit_stat *stat, u64 cycles, unsigned long *bucket)
{
	if ((s64)cycles < 0) {
		stat->clock_warps++;
		cycles = 0;
	}

	*bucket = min(fls64(cycles), EXIT_STATS_HIST_BUCKETS - 1);
	return cycles;
}

/* Void all that was stamped in another era, and empty the table if that was reset. */
static void kvm_exit_stats_enter_era(struct kvm_vcpu_exit_stats *stats, u64 era)
{
	unsigned int row;

	if (era_generation(stats->era) != era_generation(era)) {
		for (row = 0; row < EXIT_STATS_NO_ROW; row++) {
			if (stats->rows[row])
				memset(stats->rows[row], 0, sizeof(*stats->rows[row]));
		}
		stats->dropped = 0;
	}

	WRITE_ONCE(stats->era, era);
	stats->last = NULL;
	stats->part = EXIT_STATS_KVM;
	memset(&stats->parts, 0, sizeof(stats->parts));
	stats->handling_preempted = 0;
}

/* Close the last exit, with its parts.  Those of a time that warped say nothing. */
static void kvm_exit_stats_close(struct kvm_vcpu_exit_stats *stats)
{
	struct kvm_exit_stat *last = stats->last;
	u64 away = stats->entry_tsc - stats->last_tsc;
	unsigned long bucket;
	unsigned int part;

	if (last && (s64)away >= 0) {
		for (part = 0; part < EXIT_STATS_NR_PARTS; part++)
			last->parts[part] += stats->parts.cycles[part];
		last->polled += stats->parts.polled;
		last->user_exits += stats->parts.user;
	}
	if (last) {
		away = kvm_exit_stat_time(last, away, &bucket);
		kvm_exit_times_add(&last->away, away, bucket);
	}

	/* The exit that is being recorded may have parts already. */
	memset(&stats->parts, 0, sizeof(stats->parts));
	stats->parts.cycles[EXIT_STATS_PREEMPTED] = stats->handling_preempted;
	WRITE_ONCE(stats->era, (stats->era & ~ERA_PARTED) |
			       (stats->handling_preempted ? ERA_PARTED : 0));
	stats->handling_preempted = 0;
}

/*
 * Record an exit in any case: the first one of a reason or of an era, one with parts
 * or times that are long, or with a TSC that went back.  One that needs a row while
 * nothing can sleep, i.e. in the fastpath, is left to the slow path.
 */
static noinline bool kvm_exit_stats_record_rare(struct kvm_vcpu *vcpu, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	unsigned long row, bucket;
	struct kvm_exit_stat *stat;
	u64 era, cycles;

	if (!era_is_recording(READ_ONCE(kvm_exit_stats_era)))
		return true;

	row = kvm_exit_stats_find_row(stats->code);
	stat = stats->rows[row];
	if (!stat) {
		if (irqs_disabled())
			return false;
		if (row_cache)
			stat = kmem_cache_zalloc(row_cache, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		/* With its zeroes, for readers */
		smp_store_release(&stats->rows[row], stat);
	}

	preempt_disable();
	raw_write_seqcount_begin(&stats->seq);
	era = READ_ONCE(kvm_exit_stats_era);
	if ((stats->era & ~ERA_PARTED) != era)
		kvm_exit_stats_enter_era(stats, era);
	kvm_exit_stats_close(stats);

	if (stat) {
		cycles = kvm_exit_stat_time(stat, tsc - stats->exit_tsc, &bucket);
		kvm_exit_stats_add(vcpu, row, stat,
				   stats->last ? stats->exit_tsc - stats->entry_tsc : 0,
				   cycles, bucket);
	} else {
		vcpu->stat.exit_reasons[row]++;
		stats->dropped++;
		/* With nothing to close, the next exit is for here, too. */
		WRITE_ONCE(stats->era, era | ERA_PARTED);
	}
	stats->last = stat;
	stats->last_tsc = stats->exit_tsc;
	raw_write_seqcount_end(&stats->seq);
	preempt_enable();

	return true;
}

/*
 * Record an exit that is done with at @tsc.  The vCPU was in the guest on one CPU, i.e.
 * for no negative time.  A part has the era of the vCPU never be the current one.
 */
static __always_inline bool kvm_exit_stats_record_tsc(struct kvm_vcpu *vcpu, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	unsigned long row = kvm_exit_stats_row(stats->code);
	struct kvm_exit_stat *stat = stats->rows[row];
	u64 exit_tsc = stats->exit_tsc;
	u64 guest = exit_tsc - stats->entry_tsc;
	u64 away = stats->entry_tsc - stats->last_tsc;
	u64 cycles = tsc - exit_tsc;

	if (unlikely(!stat || stats->era != READ_ONCE(kvm_exit_stats_era) ||
		     (cycles | away) >= EXIT_STATS_LONG))
		return kvm_exit_stats_record_rare(vcpu, tsc);

	preempt_disable();
	raw_write_seqcount_begin(&stats->seq);
	kvm_exit_times_add(&stats->last->away, away, kvm_exit_times_bucket(away));
	kvm_exit_stats_add(vcpu, row, stat, guest, cycles, kvm_exit_times_bucket(cycles));
	raw_write_seqcount_end(&stats->seq);
	stats->last = stat;
	stats->last_tsc = exit_tsc;
	preempt_enable();

	return true;
}

#if IS_ENABLED(CONFIG_KUNIT)
/* With a TSC of the test's */
bool kvm_exit_stats_record_at(struct kvm_vcpu *vcpu, u64 tsc)
{
	return kvm_exit_stats_record_tsc(vcpu, tsc);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_record_at);
#endif

/*
 * The interval is over, or several are, of which each counts: whoever finds the counter
 * used up refills it.  In any context, and never to wait.
 */
static noinline void kvm_exit_stats_interval_over(void)
{
	unsigned int interval = READ_ONCE(exit_stats_interval);
	s64 left = atomic64_read(&countdown);

	while (interval && left < 0) {
		if (!atomic64_try_cmpxchg(&countdown, &left, left + interval))
			continue;

		left += interval;
		if (test_and_set_bit(0, &summary_busy))
			atomic_inc(&summaries_folded);
		else
			queue_work(system_dfl_wq, &summary_work);
	}
}

bool __kvm_exit_stats_record(struct kvm_vcpu *vcpu)
{
	if (unlikely(!kvm_exit_stats_record_tsc(vcpu, rdtsc())))
		return false;

	if (static_branch_unlikely(&kvm_exit_stats_summaries) &&
	    unlikely(atomic64_add_negative(-1, &countdown)))
		kvm_exit_stats_interval_over();

	return true;
}

/* KVM's own measure of polling, which there is no stamp for */
static u64 kvm_exit_stats_polled_ns(struct kvm_vcpu *vcpu)
{
	return vcpu->stat.generic.halt_poll_success_ns + vcpu->stat.generic.halt_poll_fail_ns;
}

VISIBLE_IF_KUNIT void kvm_exit_stats_begin_at(struct kvm_vcpu *vcpu,
					      enum kvm_exit_stats_part part, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	if (stats->part != EXIT_STATS_KVM)
		return;

	stats->part = part;
	stats->part_tsc = tsc;
	stats->polled_ns = kvm_exit_stats_polled_ns(vcpu);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_begin_at);

VISIBLE_IF_KUNIT void kvm_exit_stats_end_at(struct kvm_vcpu *vcpu,
					    enum kvm_exit_stats_part part, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	u64 cycles = max(tsc, stats->part_tsc) - stats->part_tsc;

	if (stats->part != part)
		return;

	stats->part = EXIT_STATS_KVM;
	WRITE_ONCE(stats->era, stats->era | ERA_PARTED);

	/* An exit that is not recorded yet is being handled, and can only be preempted. */
	if (stats->last_tsc != stats->exit_tsc) {
		stats->handling_preempted += cycles;
		return;
	}

	stats->parts.cycles[part] += cycles;
	stats->parts.user |= part == EXIT_STATS_USER;
	if (part == EXIT_STATS_BLOCKED)
		stats->parts.polled += min(cycles, mul_u64_u32_div(kvm_exit_stats_polled_ns(vcpu) -
								   stats->polled_ns,
								   tsc_khz, NSEC_PER_MSEC));
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

static u64 add_saturating(u64 a, u64 b)
{
	u64 sum;

	return check_add_overflow(a, b, &sum) ? U64_MAX : sum;
}

static void kvm_exit_times_merge(struct kvm_exit_times *dst, const struct kvm_exit_times *src)
{
	unsigned int i;

	if (kvm_exit_times_are_none(dst))
		dst->min = src->min;
	else if (!kvm_exit_times_are_none(src))
		dst->min = min(dst->min, src->min);

	dst->max = max(dst->max, src->max);
	dst->sum = add_saturating(dst->sum, src->sum);
	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		dst->hist[i] += src->hist[i];
}

/* Add the numbers of @src, of any table, to @dst, which nobody else sees. */
void kvm_exit_stat_merge(struct kvm_exit_stat *dst, const struct kvm_exit_stat *src)
{
	unsigned int part;

	kvm_exit_times_merge(&dst->cycles, &src->cycles);
	kvm_exit_times_merge(&dst->away, &src->away);
	dst->guest = add_saturating(dst->guest, src->guest);
	for (part = 0; part < EXIT_STATS_NR_PARTS; part++)
		dst->parts[part] = add_saturating(dst->parts[part], src->parts[part]);
	dst->polled = add_saturating(dst->polled, src->polled);
	dst->user_exits += src->user_exits;
	dst->clock_warps += src->clock_warps;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_merge);

u64 kvm_exit_times_count(const struct kvm_exit_times *times)
{
	u64 count = 0;
	unsigned int i;

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		count += times->hist[i];

	return count;
}

static u64 kvm_exit_times_avg(const struct kvm_exit_times *times)
{
	u64 count = kvm_exit_times_count(times);

	return count ? div64_u64(times->sum, count) : 0;
}

/* The share of vCPU life that a reason took, in hundredths of a percent */
u64 kvm_exit_stat_tax(const struct kvm_exit_stat *stat, const struct kvm_exit_stat *total)
{
	/* Halves, for their sum not to exceed 64 bits */
	u64 life = total->guest / 2 + total->away.sum / 2;

	return life ? mul_u64_u64_div_u64(stat->away.sum / 2, 100 * 100, life) : 0;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_tax);

/* All that is shown of a row as numbers: this is the list, and the only one. */
void kvm_exit_stat_numbers(const struct kvm_exit_stat *stat,
			   struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS])
{
	const struct kvm_exit_number all[] = {
		{ "count",		kvm_exit_times_count(&stat->cycles) },
		{ "cycles_total",	stat->cycles.sum },
		{ "cycles_min",		stat->cycles.min },
		{ "cycles_avg",		kvm_exit_times_avg(&stat->cycles) },
		{ "cycles_max",		stat->cycles.max },
		{ "away_total",		stat->away.sum },
		{ "away_min",		stat->away.min },
		{ "away_avg",		kvm_exit_times_avg(&stat->away) },
		{ "away_max",		stat->away.max },
		{ "away_user",		stat->parts[EXIT_STATS_USER] },
		{ "away_blocked",	stat->parts[EXIT_STATS_BLOCKED] },
		{ "away_polled",	stat->polled },
		{ "away_preempted",	stat->parts[EXIT_STATS_PREEMPTED] },
		{ "user_exits",		stat->user_exits },
		{ "guest_cycles",	stat->guest },
	};

	BUILD_BUG_ON(ARRAY_SIZE(all) != EXIT_STATS_NR_NUMBERS);
	memcpy(numbers, all, sizeof(all));
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_numbers);

/* "bucket:count,..." of the buckets that are not empty, or "-" */
static size_t kvm_exit_times_print(const struct kvm_exit_times *times, char *buf, size_t size)
{
	const char *separator = "  ";
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++) {
		if (!times->hist[i])
			continue;
		len += scnprintf(buf + len, size - len, "%s%u:%llu", separator, i,
				 times->hist[i]);
		separator = ",";
	}

	return len ?: scnprintf(buf, size, "%s-", separator);
}

/* The line of a row in all tables: its numbers, then both histograms */
size_t kvm_exit_stat_print(const struct kvm_exit_stat *stat, char *buf, size_t size)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	size_t len = 0;
	unsigned int i;

	kvm_exit_stat_numbers(stat, numbers);
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++)
		len += scnprintf(buf + len, size - len, " %14llu", numbers[i].value);
	len += kvm_exit_times_print(&stat->cycles, buf + len, size - len);
	len += kvm_exit_times_print(&stat->away, buf + len, size - len);
	len += scnprintf(buf + len, size - len, "\n");

	return len;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_print);

/* Whether anything that was recorded is of the current generation */
static bool kvm_exit_stats_are_current(const struct kvm_vcpu_exit_stats *stats)
{
	return era_generation(READ_ONCE(stats->era)) ==
	       era_generation(READ_ONCE(kvm_exit_stats_era));
}

/* Add a row of a vCPU, which its owner may be writing.  False if it is not there. */
static bool kvm_exit_stats_add_row(const struct kvm_vcpu_exit_stats *stats, unsigned int row,
				   struct kvm_exit_stat *sum)
{
	const struct kvm_exit_stat *stat = READ_ONCE(stats->rows[row]);
	/* Do not clear as much for each row that is copied. */
	struct kvm_exit_stat copy __uninitialized;
	bool current_generation;
	unsigned int seq;

	if (!stat)
		return false;

	do {
		seq = read_seqcount_begin(&stats->seq);
		current_generation = kvm_exit_stats_are_current(stats);
		copy = *stat;
	} while (read_seqcount_retry(&stats->seq, seq));

	if (current_generation)
		kvm_exit_stat_merge(sum, &copy);
	return current_generation;
}

/* @owner is a VM, a vCPU itself, or NULL for all of the system. */
static bool kvm_exit_stats_belong_to(const struct kvm_vcpu *vcpu, const void *owner)
{
	return !owner || owner == vcpu || owner == vcpu->kvm;
}

/* Returns false if @sum, which is all-zero before, stays that. */
static bool kvm_exit_stats_read_row(const void *owner, unsigned int row,
				    struct kvm_exit_stat *sum)
{
	const struct kvm_exit_stat *gone = owner ? NULL : kvm_exit_stats_isa.gone[row];
	struct kvm_vcpu *vcpu;
	bool any = gone;

	lockdep_assert_held(&kvm_exit_stats_lock);

	if (gone)
		*sum = *gone;
	list_for_each_entry(vcpu, &vcpus, arch.exit_stats.list) {
		if (kvm_exit_stats_belong_to(vcpu, owner))
			any |= kvm_exit_stats_add_row(&vcpu->arch.exit_stats, row, sum);
	}

	return any;
}

/* Read one exit reason of the system. */
void kvm_exit_stats_read(unsigned int row, struct kvm_exit_stat *stat)
{
	memset(stat, 0, sizeof(*stat));

	mutex_lock(&kvm_exit_stats_lock);
	kvm_exit_stats_read_row(NULL, row, stat);
	mutex_unlock(&kvm_exit_stats_lock);
}

/* Read all of them, of any owner.  To be freed; NULL if there is no memory. */
struct kvm_exit_stats_table *kvm_exit_stats_read_table(const void *owner)
{
	unsigned int row, nr_rows = kvm_exit_stats_isa.nr_rows;
	struct kvm_exit_stats_table *table;
	struct kvm_vcpu *vcpu;

	table = kvzalloc(struct_size(table, rows, nr_rows), GFP_KERNEL);
	if (!table)
		return NULL;

	mutex_lock(&kvm_exit_stats_lock);
	for (row = 0; row < nr_rows; row++) {
		if (kvm_exit_stats_read_row(owner, row, &table->rows[row]))
			kvm_exit_stat_merge(&table->total, &table->rows[row]);
	}
	table->dropped = owner ? 0 : gone_dropped;
	list_for_each_entry(vcpu, &vcpus, arch.exit_stats.list) {
		if (kvm_exit_stats_belong_to(vcpu, owner) &&
		    kvm_exit_stats_are_current(&vcpu->arch.exit_stats))
			table->dropped += READ_ONCE(vcpu->arch.exit_stats.dropped);
	}
	mutex_unlock(&kvm_exit_stats_lock);

	return table;
}

/*
 * Called when all that can fail of a new vCPU is there.  Neither this nor a record ever
 * fails: an exit for which there is no memory is dropped, and counted as such.
 */
void kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu)
{
	seqcount_init(&vcpu->arch.exit_stats.seq);

	mutex_lock(&kvm_exit_stats_lock);
	list_add_tail(&vcpu->arch.exit_stats.list, &vcpus);
	mutex_unlock(&kvm_exit_stats_lock);
}

/* Leave what the vCPU has recorded to the globals.  Nobody reads its table any more. */
void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	struct kvm_exit_stat **gone = kvm_exit_stats_isa.gone;
	unsigned int row;

	mutex_lock(&kvm_exit_stats_lock);
	list_del(&stats->list);

	if (kvm_exit_stats_are_current(stats)) {
		gone_dropped += stats->dropped;
		for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++) {
			if (!gone[row])
				swap(gone[row], stats->rows[row]);
			else if (stats->rows[row])
				kvm_exit_stat_merge(gone[row], stats->rows[row]);
		}
	}
	mutex_unlock(&kvm_exit_stats_lock);

	for (row = 0; row < EXIT_STATS_NO_ROW; row++)
		kfree(stats->rows[row]);
}

/*
 * Start or stop recording.  Hooks are patched one after the other: no era is one of
 * recording before the last one is on, and after the first one is off.
 */
static void kvm_exit_stats_switch(bool on)
{
	lockdep_assert_held(&kvm_exit_stats_lock);

	if (on == era_is_recording(kvm_exit_stats_era))
		return;

	if (on)
		static_branch_enable(&kvm_exit_stats_enabled);
	WRITE_ONCE(kvm_exit_stats_era, (kvm_exit_stats_era + ERA_SWITCH) & ~ERA_PARTED);
	if (!on)
		static_branch_disable(&kvm_exit_stats_enabled);
}

bool kvm_exit_stats_get_enabled(void)
{
	return READ_ONCE(exit_stats);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_get_enabled);

void kvm_exit_stats_set_enabled(bool enabled)
{
	mutex_lock(&kvm_exit_stats_lock);
	WRITE_ONCE(exit_stats, enabled);
	kvm_exit_stats_switch(enabled);
	mutex_unlock(&kvm_exit_stats_lock);
}

/* Count the exits of the interval from 0 again.  No summary is due any more. */
static void kvm_exit_stats_restart_interval(void)
{
	lockdep_assert_held(&kvm_exit_stats_lock);

	if (cancel_work(&summary_work))
		clear_bit(0, &summary_busy);
	atomic64_set(&countdown, (s64)exit_stats_interval - 1);
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
	unsigned int row;
	u32 generation;

	mutex_lock(&kvm_exit_stats_lock);
	/* That of a table which nothing was recorded in is 0: skip it on wrap-around. */
	generation = era_generation(kvm_exit_stats_era) + 1 ?: 1;
	WRITE_ONCE(kvm_exit_stats_era, (kvm_exit_stats_era & ~(u64)U32_MAX) | generation);
	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++) {
		kfree(kvm_exit_stats_isa.gone[row]);
		kvm_exit_stats_isa.gone[row] = NULL;
	}
	gone_dropped = 0;
	kvm_exit_stats_restart_interval();
	mutex_unlock(&kvm_exit_stats_lock);
}

/* Print one line per reason that occurred: they add up to the numbers of the first. */
static void kvm_exit_stats_print(const struct kvm_exit_stats_table *table)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	unsigned int row, folded = atomic_xchg(&summaries_folded, 0);

	pr_info("summary at %llu exits (%s): %llu cycles in handling\n",
		kvm_exit_times_count(&table->total.cycles), isa->name, table->total.cycles.sum);
	if (folded)
		pr_info("%u summaries since the last one were folded into this one\n", folded);
	if (table->dropped)
		pr_info("%llu more exits were dropped for want of memory\n", table->dropped);

	for (row = 0; row < isa->nr_rows; row++) {
		const struct kvm_exit_times *cycles = &table->rows[row].cycles;
		u64 count = kvm_exit_times_count(cycles);

		if (!count)
			continue;

		pr_info("%s: exits %llu, cycles total %llu min %llu avg %llu max %llu\n",
			isa->reasons[row].name, count, cycles->sum, cycles->min,
			kvm_exit_times_avg(cycles), cycles->max);

		/* A line can take a slow console a tenth of a second. */
		cond_resched();
	}
}

int kvm_exit_stats_dump(void)
{
	struct kvm_exit_stats_table *table;

	mutex_lock(&summary_lock);
	table = kvm_exit_stats_read_table(NULL);
	if (table)
		kvm_exit_stats_print(table);
	mutex_unlock(&summary_lock);
	kvfree(table);

	return table ? 0 : -ENOMEM;
}

static void kvm_exit_stats_summary(struct work_struct *work)
{
	if (!__ratelimit(&summary_ratelimit) || kvm_exit_stats_dump())
		atomic_inc(&summaries_folded);
	clear_bit(0, &summary_busy);
}

/*
 * Map the codes to their rows.  Names become words in the log, and directories in
 * sysfs: take their blanks.
 */
static void kvm_exit_stats_map_reasons(const struct kvm_exit_stats_isa *isa)
{
	unsigned int row;

	memset(exit_rows, EXIT_STATS_NO_ROW, sizeof(exit_rows));

	for (row = 0; row < isa->nr_rows - 1; row++) {
		strreplace(isa->reasons[row].name, ' ', '_');
		if (isa->reasons[row].code < EXIT_STATS_CODES)
			exit_rows[isa->reasons[row].code] = row;
	}
}

/*
 * Called when a vendor module loads, before /dev/kvm shows up.  The files, and the memory
 * for rows, are nothing that KVM could not do without.
 */
void kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa)
{
	kvm_exit_stats_isa = *isa;
	kvm_exit_stats_map_reasons(isa);

	/* Cache lines of their own: the next row may be that of another vCPU. */
	row_cache = kmem_cache_create("kvm_exit_stat", sizeof(struct kvm_exit_stat), 0,
				      SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, NULL);
	if (!row_cache || kvm_exit_stats_sysfs_init())
		pr_warn("not enough memory for VM-Exit statistics\n");
	kvm_exit_stats_debugfs_init();

	kvm_exit_stats_set_interval(exit_stats_interval);
	kvm_exit_stats_set_enabled(exit_stats);
}
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_init);

/* Called when a vendor module unloads, after the last VM is gone. */
void kvm_exit_stats_exit(void)
{
	kvm_exit_stats_debugfs_exit();
	kvm_exit_stats_sysfs_exit();

	mutex_lock(&kvm_exit_stats_lock);
	kvm_exit_stats_switch(false);
	mutex_unlock(&kvm_exit_stats_lock);

	cancel_work_sync(&summary_work);
	clear_bit(0, &summary_busy);

	kvm_exit_stats_reset();
	kvm_exit_stats_isa.nr_rows = 0;
	kmem_cache_destroy(row_cache);
	row_cache = NULL;
}
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_exit);
