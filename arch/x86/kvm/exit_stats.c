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
 * An exit is recorded once, at T1.  That also closes the exit before it: by then, the T2
 * of that one is known, and the time in the guest between the two.  The last exit of a
 * vCPU has no away time yet.
 *
 * There are more stamps where a vCPU is away for another reason than KVM, which is rare.
 * Such parts of an away time are kept with the vCPU until their exit is closed.
 * What is known of them besides the time is recorded at once: what KVM_RUN returned with,
 * for the exit before it, and the processes that most often took the CPU of a vCPU.
 *
 * Each vCPU has a table, with a row for each reason that it has met, and nobody else
 * has any: the system is the sum of the vCPUs that live, and of the rows of those that
 * are gone, which are the globals next to {vmx,svm}_handle_exit().  A table has one
 * writer, the task that has vcpu->mutex.  Readers copy a row under the table's sequence
 * count, and walk tables under the mutex under which vCPUs come and go: what a vCPU has
 * recorded is seen exactly once, before it goes and after.
 *
 * A guest that nests has rows of its own for L2.
 * While "keys" is on, a row has keys, too, i.e. what its exits were for: see exit_stats_top.c.
 *
 * The common exit is recorded without a call.  One that is the longest of its row in the
 * current window of time takes the rare path, which describes it: see exit_stats_worst.c.
 *
 * The era says what is current.  Its lower half is the generation, which a reset
 * increments: a table of an older one is empty, for readers at once, and for its owner
 * when it next records.  Above that is a number that is incremented when recording is
 * switched, and odd while it is on.  A vCPU keeps the era of its last record: if one of
 * the two has changed, its stamps are void, so that no time begins in one era and ends
 * in another.
 * Bits 56 to 62 count windows of time, and void nothing.
 * Bit 63 is set only in the era of a vCPU: its next record must take the rare path.
 *
 * What is approximate: interrupts and preemption between T0 and T1 count as handling.
 * If a vCPU migrates to a CPU whose TSC lags behind, a later stamp can be less than an
 * earlier one: such a time counts with 0 cycles, and as a clock warp.  A sum of many
 * vCPUs saturates at U64_MAX.
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

/* On while keys are wanted: what the exits of each reason were for. */
DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_keys);
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_keys);
/* On only while all hooks set keys: a static key is patched in one module after the other. */
static DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_keep_keys);
/* How often they have been asked for */
static u32 keys_since;

/* On while the interval is not 0, i.e. while exits need the shared counter. */
static DEFINE_STATIC_KEY_FALSE(kvm_exit_stats_summaries);

#define ERA_SWITCH		BIT_ULL(32)
/* Incremented when a window of time ends, see kvm_exit_late_turn(): voids no stamp */
#define ERA_TURN		BIT_ULL(56)
#define ERA_TURNS		GENMASK_ULL(62, 56)
/* Only in the era of a vCPU: its next record must take the rare path. */
#define ERA_PARTED		BIT_ULL(63)

static u64 kvm_exit_stats_era __read_mostly = 1;

/*
 * Codes below this have their row in a table, i.e. all but a few rare ones of SVM.
 * Codes without a name have a row that no vCPU ever allocates.
 */
#define EXIT_STATS_CODES	0x410
#define EXIT_STATS_NO_ROW	KVM_EXIT_STATS_MAX_ROWS

static u8 exit_rows[EXIT_STATS_CODES] __read_mostly;

struct kvm_exit_stats_isa kvm_exit_stats_isa __read_mostly;
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_isa);
static struct kmem_cache *row_cache __read_mostly;
static struct kmem_cache *keys_cache __read_mostly;

/* Guards the list of vCPUs, the rows of those that are gone, and all settings. */
static DEFINE_MUTEX(kvm_exit_stats_lock);
static LIST_HEAD(vcpus);
static struct kvm_exit_preemptor gone_preemptors[KVM_EXIT_STATS_TOP];
/* A row that is being read, which is too large for the stack */
static struct kvm_exit_row row_copy;
static u64 gone_dropped;
static u64 gone_clock_warps;

/*
 * Exits until the next summary is due, less 1.  Negative while one is due that no exit on the
 * slow path has found.
 */
static atomic64_t countdown ____cacheline_aligned_in_smp;

/* Serializes the printing of summaries. */
static DEFINE_MUTEX(summary_lock);
static void kvm_exit_stats_summary(struct work_struct *work);
static DECLARE_WORK(summary_work, kvm_exit_stats_summary);
/* Whether one is pending, or being printed by the work item */
static unsigned long summary_busy;
/* Summaries that fell due and are not printed */
static atomic64_t summaries_folded;

/*
 * A guest that exits in a loop, or any user of /dev/kvm, must not flood the log.  But no
 * summary of a guest that boots may be missing.
 */
static struct ratelimit_state summary_ratelimit =
	RATELIMIT_STATE_INIT_FLAGS(summary_ratelimit, 600 * HZ, 100,
				   RATELIMIT_MSG_ON_RELEASE);

/* The windows of time that {cycles,away}_late are about */
#define EXIT_STATS_WINDOW	(30 * HZ)
static void kvm_exit_stats_turn(struct work_struct *work);
static DECLARE_DELAYED_WORK(turn_work, kvm_exit_stats_turn);

/* Set for good when a vCPU has nested: there are rows of L2 then. */
static bool has_nested __read_mostly;

/* All rows of a vCPU, level by level */
#define EXIT_STATS_PLACES	(EXIT_STATS_NR_LEVELS * KVM_EXIT_STATS_MAX_ROWS)

/* A row of a vCPU, NULL if there is none */
static struct kvm_exit_stat *kvm_exit_stats_get(const struct kvm_vcpu_exit_stats *stats,
						unsigned int place)
{
	struct kvm_exit_stat **nested;

	if (place < KVM_EXIT_STATS_MAX_ROWS)
		return READ_ONCE(stats->rows[place]);

	nested = READ_ONCE(stats->nested);
	return nested ? READ_ONCE(nested[place - KVM_EXIT_STATS_MAX_ROWS]) : NULL;
}

static u32 era_generation(u64 era)
{
	return era;
}

static bool era_is_recording(u64 era)
{
	return era & ERA_SWITCH;
}

/* Whether what was stamped in the one is good in the other */
static bool era_is_same(u64 a, u64 b)
{
	return !((a ^ b) & ~(ERA_TURNS | ERA_PARTED));
}

static bool era_has_turned(u64 a, u64 b)
{
	return (a ^ b) & ERA_TURNS;
}

/* READ_ONCE() keeps the compiler from merging this rare load into the common path. */
static bool kvm_exit_times_are_none(const struct kvm_exit_times *times)
{
	return !READ_ONCE(times->sum) && !times->hist[0];
}

/* Times from here on, and negative ones, need more than kvm_exit_times_bucket(). */
#define EXIT_STATS_LONG		BIT_ULL(EXIT_STATS_HIST_BUCKETS - 2)

/* Exits from slow_cycles on are listed.  The rare path sees all from long_cycles on. */
static unsigned int exit_stats_slow_us;
static u64 slow_cycles __read_mostly = U64_MAX;
static u64 long_cycles __read_mostly = EXIT_STATS_LONG;

/* The bucket of a time below EXIT_STATS_LONG: fls64(), without a test for 0 */
static __always_inline unsigned long kvm_exit_times_bucket(u64 cycles)
{
	return __fls(2 * (unsigned long)cycles + 1);
}

static __always_inline void kvm_exit_times_add(struct kvm_exit_times *times, u64 cycles,
					       unsigned long bucket)
{
	if (unlikely(cycles < times->min))
		times->min = cycles;
	times->sum += cycles;
	times->hist[bucket]++;
}

/* The same for a time of any length.  The first time of a row sets the minimum. */
static void kvm_exit_times_add_any(struct kvm_vcpu *vcpu, struct kvm_exit_stat *stat,
				   struct kvm_exit_times *times, u64 cycles,
				   unsigned long bucket)
{
	if (cycles > times->late) {
		if (kvm_exit_times_are_none(times))
			times->min = cycles;
		kvm_exit_worst_add(vcpu, stat, times, cycles);
	}
	kvm_exit_times_add(times, cycles, bucket);
}

/* Add an exit that was handled in @cycles, after @guest cycles in the guest. */
static __always_inline void kvm_exit_stats_add(struct kvm_vcpu *vcpu, unsigned long row,
					       struct kvm_exit_stat *stat, u64 guest, u64 cycles)
{
	struct kvm_exit_chain *chain = &vcpu->arch.exit_stats.chain;
	unsigned long next = chain->next % KVM_EXIT_STATS_CHAIN;

	stat->guest += guest;
	vcpu->stat.exit_reasons[row]++;
	vcpu->stat.exit_reason_cycles[row] += cycles;
	chain->cycles[next] = cycles;
	chain->rows[next] = row;
	chain->next++;
}

/*
 * The entry that a new key takes over: a least frequent one.  Counts only grow, so the
 * minimum is computed once for all entries that have it: a guest with another key in each
 * exit must not make its exits slow.
 */
static __always_inline struct kvm_exit_top *kvm_exit_keys_replace(struct kvm_exit_keys *keys)
{
	unsigned int i;

	for (;;) {
		for (i = keys->next; i < KVM_EXIT_STATS_TOP; i++) {
			if (keys->top[i].count <= keys->least) {
				keys->next = i + 1;
				return &keys->top[i];
			}
		}

		keys->next = 0;
		keys->least = U64_MAX;
		for (i = 0; i < KVM_EXIT_STATS_TOP; i++)
			keys->least = min(keys->least, keys->top[i].count);
	}
}

/* While no exit of a row has a key, the common path adds EXIT_KEY_UNKNOWN: forget that. */
static void kvm_exit_keys_begin(struct kvm_exit_keys *keys)
{
	if (keys->kind == EXIT_KEY_NONE)
		memset(keys, 0, sizeof(*keys));
}

/* Add what an exit was for. */
static __always_inline void kvm_exit_stats_add_key(struct kvm_vcpu_exit_stats *stats,
						   struct kvm_exit_keys *keys, u64 cycles)
{
	struct kvm_exit_top *top = keys->top;
	u64 key = stats->key;

	stats->last_key = key;

	/* Unrolled: a loop takes twice the instructions. */
	BUILD_BUG_ON(KVM_EXIT_STATS_TOP != 8);
	if (top->key != key && (++top)->key != key && (++top)->key != key &&
	    (++top)->key != key && (++top)->key != key && (++top)->key != key &&
	    (++top)->key != key && (++top)->key != key) {
		top = kvm_exit_keys_replace(keys);
		top->key = key;
		top->error = top->count++;
		top->cycles = cycles;
		top->longest = cycles;
		return;
	}

	top->count++;
	top->cycles += cycles;
	if (unlikely(cycles > top->longest))
		top->longest = cycles;
}

/* The same, if the exit has a key, and its row has memory for keys */
static void kvm_exit_stats_add_any_key(struct kvm_vcpu_exit_stats *stats,
				       struct kvm_exit_keys *keys, u64 cycles)
{
	if (keys && stats->key_kind != EXIT_KEY_NONE) {
		kvm_exit_keys_begin(keys);
		keys->kind = stats->key_kind;
		kvm_exit_stats_add_key(stats, keys, cycles);
	} else {
		stats->last_key = EXIT_KEY_UNKNOWN;
	}
}

/*
 * Most pages fault only once, so the key is their memslot.  A page without a memslot is
 * MMIO, and is its own key.  An address of L2 cannot be looked up.
 */
static void kvm_exit_stats_find_memslot(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	struct kvm_memory_slot *slot;

	if (stats->code == EXIT_STATS_NESTED) {
		kvm_exit_stats_set_key(vcpu, EXIT_KEY_NONE, EXIT_KEY_UNKNOWN);
		return;
	}

	stats->key_kind = EXIT_KEY_MEMORY;
	slot = kvm_vcpu_gfn_to_memslot(vcpu, stats->key & EXIT_KEY_VALUE);
	if (slot)
		stats->key = (stats->key & ~EXIT_KEY_VALUE) | EXIT_KEY_MEMSLOT | (u16)slot->id;
}

/* Whether keys that were set are kept */
static __always_inline bool kvm_exit_stats_keeps_keys(void)
{
	return static_branch_unlikely(&kvm_exit_stats_keep_keys);
}

/*
 * The key of an exit that began before "keys" was switched on is not known.  The era that
 * says so comes before keys are kept, so look also while they are not.
 */
static void kvm_exit_stats_check_key(struct kvm_vcpu *vcpu, bool keeps_key)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	if (stats->keys_since != READ_ONCE(keys_since)) {
		stats->keys_since = READ_ONCE(keys_since);
		kvm_exit_stats_set_key(vcpu, EXIT_KEY_NONE, EXIT_KEY_UNKNOWN);
		stats->last_key = EXIT_KEY_UNKNOWN;
	} else if (!keeps_key) {
		stats->last_key = EXIT_KEY_UNKNOWN;
	} else if (stats->key_kind == EXIT_KEY_FRAME) {
		kvm_exit_stats_find_memslot(vcpu);
	}
}

static __always_inline unsigned long kvm_exit_stats_row(u32 code)
{
	return likely(code < EXIT_STATS_CODES) ? exit_rows[code] : EXIT_STATS_NO_ROW;
}

/* The row of any code.  UNKNOWN shows the last code that has no name. */
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

/* The time to record: a negative one is 0, and a clock warp. */
static u64 kvm_exit_stats_time(struct kvm_vcpu_exit_stats *stats, u64 cycles,
			       unsigned long *bucket)
{
	if ((s64)cycles < 0) {
		stats->clock_warps++;
		cycles = 0;
	}

	*bucket = min(fls64(cycles), EXIT_STATS_HIST_BUCKETS - 1);
	return cycles;
}

/* A new window of time: the next exit of each row is its longest so far. */
static void kvm_exit_stats_turn_rows(struct kvm_vcpu_exit_stats *stats)
{
	struct kvm_exit_stat *stat;
	unsigned int place;

	for (place = 0; place < EXIT_STATS_PLACES; place++) {
		stat = kvm_exit_stats_get(stats, place);
		if (stat) {
			stat->cycles.late = 0;
			stat->away.late = 0;
		}
	}
}

static void kvm_exit_stats_empty_row(struct kvm_exit_stat *stat)
{
	struct kvm_exit_keys *keys;
	struct kvm_exit_user *user;

	if (!stat)
		return;

	keys = stat->keys;
	user = stat->user;
	memset(stat, 0, sizeof(*stat));
	if (keys)
		memset(keys, 0, sizeof(*keys));
	stat->keys = keys;
	if (user)
		memset(user, 0, sizeof(*user));
	stat->user = user;
}

/* Void all that was stamped in another era, and empty the table if that was reset. */
static void kvm_exit_stats_enter_era(struct kvm_vcpu_exit_stats *stats, u64 era)
{
	unsigned int place;

	if (era_generation(stats->era) != era_generation(era)) {
		for (place = 0; place < EXIT_STATS_PLACES; place++)
			kvm_exit_stats_empty_row(kvm_exit_stats_get(stats, place));
		memset(stats->preemptors, 0, sizeof(stats->preemptors));
		kvm_exit_chain_init(&stats->chain);
		stats->dropped = 0;
		stats->clock_warps = 0;
	}

	WRITE_ONCE(stats->era, era);
	stats->last = NULL;
	stats->part = EXIT_STATS_KVM;
	memset(&stats->parts, 0, sizeof(stats->parts));
	stats->handling_preempted = 0;
}

/* Close the last exit, with its parts, which mean nothing if its time is negative. */
static void kvm_exit_stats_close(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	struct kvm_exit_stat *last = stats->last;
	u64 away = stats->entry_tsc - stats->last_tsc;
	unsigned long bucket;
	unsigned int part;

	if (last && (s64)away >= 0) {
		for (part = 0; part < EXIT_STATS_NR_PARTS; part++)
			last->parts[part] += stats->parts.cycles[part];
		last->polled += stats->parts.polled;
		if (last->user)
			last->user->exits += stats->parts.user;
		/* A vCPU that is halted is not slow. */
		if (away - min(away, stats->parts.cycles[EXIT_STATS_BLOCKED]) >= slow_cycles)
			kvm_exit_slow_add(vcpu, last, true, away);
	}
	if (last) {
		away = kvm_exit_stats_time(stats, away, &bucket);
		kvm_exit_times_add_any(vcpu, last, &last->away, away, bucket);
	}

	/* The exit that is being recorded may have parts already. */
	memset(&stats->parts, 0, sizeof(stats->parts));
	stats->parts.cycles[EXIT_STATS_PREEMPTED] = stats->handling_preempted;
	WRITE_ONCE(stats->era, (stats->era & ~ERA_PARTED) |
			       (stats->handling_preempted ? ERA_PARTED : 0));
	stats->handling_preempted = 0;
}

/* Where the rows of a level are, NULL if there is no memory for them */
static struct kvm_exit_stat **kvm_exit_stats_get_level(struct kvm_vcpu_exit_stats *stats,
						       enum kvm_exit_stats_level level)
{
	struct kvm_exit_stat **nested;

	if (level == EXIT_STATS_L1)
		return stats->rows;

	if (!stats->nested) {
		nested = kcalloc(EXIT_STATS_PLACES - KVM_EXIT_STATS_MAX_ROWS, sizeof(*nested),
				 EXIT_STATS_GFP);
		/* Readers must see it zeroed; the same below. */
		smp_store_release(&stats->nested, nested);
		WRITE_ONCE(has_nested, true);
	}

	return stats->nested ? &stats->nested[(level - 1) * KVM_EXIT_STATS_MAX_ROWS] : NULL;
}

/* The row of an exit, with its keys.  NULL without memory. */
static struct kvm_exit_stat *kvm_exit_stats_get_row(struct kvm_vcpu_exit_stats *stats,
						    enum kvm_exit_stats_level level,
						    unsigned long row)
{
	struct kvm_exit_stat **rows = kvm_exit_stats_get_level(stats, level), *stat;
	struct kvm_exit_keys *keys;

	if (!rows || !row_cache)
		return NULL;

	stat = rows[row];
	if (!stat) {
		stat = kmem_cache_zalloc(row_cache, EXIT_STATS_GFP);
		kvm_exit_late_alloc(row);
		/* Pairs with READ_ONCE() in kvm_exit_stats_get() */
		smp_store_release(&rows[row], stat);
	}
	if (stat && !stat->keys && keys_cache && kvm_exit_stats_keeps_keys()) {
		keys = kmem_cache_zalloc(keys_cache, EXIT_STATS_GFP);
		/* Pairs with READ_ONCE() in kvm_exit_stats_copy() */
		smp_store_release(&stat->keys, keys);
	}

	return stat;
}

/*
 * The rare path, which records any exit.  The common path leaves to it
 *  - the first exit of a reason or of an era, and one with parts
 *  - a long time, and a TSC that went back
 *  - the longest time of a row in the current window
 *  - all exits of L2
 *  - the first key of a row, and one of another kind
 * Returns false if that needs memory while interrupts are disabled, i.e. in the fastpath:
 * the exit is then recorded after it.
 */
static noinline bool kvm_exit_stats_record_rare(struct kvm_vcpu *vcpu, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	enum kvm_exit_stats_level level = EXIT_STATS_L1;
	u32 code = stats->code;
	unsigned long row, bucket;
	struct kvm_exit_stat *stat;
	u64 era, cycles;
	bool keeps_key;

	if (code == EXIT_STATS_NESTED) {
		code = stats->nested_code;
		level = is_guest_mode(vcpu) ? EXIT_STATS_L2_HANDLED : EXIT_STATS_L2_REFLECTED;
	}

	row = kvm_exit_stats_find_row(code);
	stat = kvm_exit_stats_get(stats, level * KVM_EXIT_STATS_MAX_ROWS + row);
	if (!stat || (!stat->keys && kvm_exit_stats_keeps_keys())) {
		if (irqs_disabled())
			return false;
		stat = kvm_exit_stats_get_row(stats, level, row);
	}

	preempt_disable();
	era = READ_ONCE(kvm_exit_stats_era);
	if (!era_is_recording(era)) {
		preempt_enable();
		return true;
	}
	/* Once: keys may be switched on now, and the key be that of an older exit. */
	keeps_key = kvm_exit_stats_keeps_keys();
	kvm_exit_stats_check_key(vcpu, keeps_key);

	raw_write_seqcount_begin(&stats->seq);
	if (era_has_turned(stats->era, era))
		kvm_exit_stats_turn_rows(stats);
	if (!era_is_same(stats->era, era))
		kvm_exit_stats_enter_era(stats, era);
	WRITE_ONCE(stats->era, era | (stats->era & ERA_PARTED));
	kvm_exit_stats_close(vcpu);

	if (stat) {
		cycles = kvm_exit_stats_time(stats, tsc - stats->exit_tsc, &bucket);
		if (keeps_key)
			kvm_exit_stats_add_any_key(stats, stat->keys, cycles);
		if (cycles >= slow_cycles)
			kvm_exit_slow_add(vcpu, stat, false, cycles);
		kvm_exit_times_add_any(vcpu, stat, &stat->cycles, cycles, bucket);
		kvm_exit_stats_add(vcpu, row, stat,
				   stats->last ? stats->exit_tsc - stats->entry_tsc : 0,
				   cycles);
		if (cycles > U32_MAX)
			kvm_exit_chain_saturate(&stats->chain);
		if (level != EXIT_STATS_L1)
			kvm_exit_chain_mark_nested(&stats->chain);
	} else {
		vcpu->stat.exit_reasons[row]++;
		stats->dropped++;
		/* The next exit has nothing to close, which only this function can do. */
		WRITE_ONCE(stats->era, era | ERA_PARTED);
	}
	stats->last = stat;
	stats->last_tsc = stats->exit_tsc;
	raw_write_seqcount_end(&stats->seq);
	preempt_enable();

	return true;
}

/*
 * Record an exit that has been handled at @tsc.  A vCPU enters and leaves the guest on the
 * same CPU, so its time there cannot be negative.  ERA_PARTED makes the eras differ.
 */
static __always_inline bool kvm_exit_stats_record_tsc(struct kvm_vcpu *vcpu, u64 tsc,
						      const bool with_key)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	unsigned long row = kvm_exit_stats_row(stats->code);
	struct kvm_exit_stat *stat = stats->rows[row], *last = stats->last;
	u64 away = stats->entry_tsc - stats->last_tsc;
	u64 cycles = tsc - stats->exit_tsc;

	preempt_disable();
	if (unlikely(!stat || stats->era != READ_ONCE(kvm_exit_stats_era) ||
		     (cycles | away) >= long_cycles || cycles > stat->cycles.late ||
		     away > last->away.late ||
		     (with_key && (!stat->keys || stats->key_kind != stat->keys->kind)))) {
		preempt_enable();
		return kvm_exit_stats_record_rare(vcpu, tsc);
	}

	raw_write_seqcount_begin(&stats->seq);
	kvm_exit_times_add(&last->away, away, kvm_exit_times_bucket(away));
	kvm_exit_times_add(&stat->cycles, cycles, kvm_exit_times_bucket(cycles));
	kvm_exit_stats_add(vcpu, row, stat, stats->exit_tsc - stats->entry_tsc, cycles);
	if (with_key)
		kvm_exit_stats_add_key(stats, stat->keys, cycles);
	raw_write_seqcount_end(&stats->seq);
	stats->last = stat;
	stats->last_tsc = stats->exit_tsc;
	preempt_enable();

	return true;
}

#if IS_ENABLED(CONFIG_KUNIT)
/* For tests, which choose the TSC */
bool kvm_exit_stats_record_at(struct kvm_vcpu *vcpu, u64 tsc)
{
	if (kvm_exit_stats_keeps_keys())
		return kvm_exit_stats_record_tsc(vcpu, tsc, true);

	return kvm_exit_stats_record_tsc(vcpu, tsc, false);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_record_at);
#endif

/*
 * One interval or several are over, and a summary is due for each.  Whoever finds the counter
 * negative refills it, except on KVM's fastpath, where it stays negative for the next exit on
 * the slow path.  Never waits.
 */
static noinline void kvm_exit_stats_interval_over(void)
{
	unsigned int interval = READ_ONCE(exit_stats_interval);
	s64 left = atomic64_read(&countdown);

	/*
	 * On the fastpath, KVM no longer checks for a reschedule, which waking the worker may
	 * ask for.  Leave the summary to the next exit that is on the slow path.
	 */
	if (irqs_disabled())
		return;

	while (interval && left < 0) {
		if (!atomic64_try_cmpxchg(&countdown, &left, left + interval))
			continue;

		left += interval;
		if (test_and_set_bit(0, &summary_busy)) {
			atomic64_inc(&summaries_folded);
		} else if (__ratelimit(&summary_ratelimit)) {
			queue_work(system_dfl_wq, &summary_work);
		} else {
			atomic64_inc(&summaries_folded);
			clear_bit(0, &summary_busy);
		}
	}
}

static __always_inline bool kvm_exit_stats_record_now(struct kvm_vcpu *vcpu, const bool with_key)
{
	if (unlikely(!kvm_exit_stats_record_tsc(vcpu, rdtsc(), with_key)))
		return false;

	if (static_branch_unlikely(&kvm_exit_stats_summaries) &&
	    unlikely(atomic64_add_negative(-1, &countdown)))
		kvm_exit_stats_interval_over();

	return true;
}

/* Not inline, so that the path without keys does not save registers for this one */
static noinline bool kvm_exit_stats_record_with_key(struct kvm_vcpu *vcpu)
{
	return kvm_exit_stats_record_now(vcpu, true);
}

bool __kvm_exit_stats_record(struct kvm_vcpu *vcpu)
{
	if (kvm_exit_stats_keeps_keys())
		return kvm_exit_stats_record_with_key(vcpu);

	return kvm_exit_stats_record_now(vcpu, false);
}

/* Polling has no stamp: KVM measures it. */
static u64 kvm_exit_stats_polled_ns(struct kvm_vcpu *vcpu)
{
	return vcpu->stat.generic.halt_poll_success_ns + vcpu->stat.generic.halt_poll_fail_ns;
}

/* How long the vCPU has polled since its current part began */
static u64 kvm_exit_stats_polled_cycles(struct kvm_vcpu *vcpu)
{
	u64 ns = kvm_exit_stats_polled_ns(vcpu);

	/* It falls if somebody clears KVM's statistics in debugfs. */
	ns -= min(ns, vcpu->arch.exit_stats.polled_ns);
	return mul_u64_u32_div(ns, tsc_khz, NSEC_PER_MSEC);
}

/* The slot of a user reason, which takes a free one; "other" if there is none left */
static unsigned int kvm_exit_user_slot(struct kvm_exit_user *user, u8 reason)
{
	unsigned int slot;

	for (slot = 0; slot < EXIT_STATS_USER_REASONS; slot++) {
		if (!user->reasons[slot])
			user->reasons[slot] = reason;
		if (user->reasons[slot] == reason)
			break;
	}

	return slot;
}

/*
 * Whether the last exit has a row, and is of the current era: only then can more than the
 * time of a part be recorded.
 */
static bool kvm_exit_stats_last_is_current(const struct kvm_vcpu_exit_stats *stats)
{
	return stats->last && era_is_same(stats->era, READ_ONCE(kvm_exit_stats_era));
}

/* Or else the exit is still being handled, and the guest's registers are not final. */
static bool kvm_exit_stats_is_recorded(const struct kvm_vcpu_exit_stats *stats)
{
	return stats->last_tsc == stats->exit_tsc;
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
	/* The register cannot be read here, but KVM often has it cached. */
	if (kvm_exit_stats_is_recorded(stats) && kvm_register_is_available(vcpu, VCPU_REG_RIP))
		kvm_exit_worst_set_rip(vcpu);

	if (part == EXIT_STATS_USER && kvm_exit_stats_last_is_current(stats) &&
	    stats->last->user) {
		raw_write_seqcount_begin(&stats->seq);
		stats->user_slot = kvm_exit_user_slot(stats->last->user, stats->user_reason);
		stats->last->user->slots[stats->user_slot].count++;
		raw_write_seqcount_end(&stats->seq);
	}
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_begin_at);

static void kvm_exit_stats_add_preemption(struct kvm_vcpu_exit_stats *stats, u64 cycles)
{
	struct kvm_exit_preemptor *preemptor;
	struct kvm_exit_top *top;

	top = kvm_exit_top_get(stats->preemptors, sizeof(*preemptor), stats->preemptor_pid);
	top->count++;
	top->cycles += cycles;
	top->longest = max(top->longest, cycles);
	preemptor = container_of(top, struct kvm_exit_preemptor, top);
	memcpy(preemptor->command, stats->preemptor_command, TASK_COMM_LEN);
}

/* Record all but the time of a part, which is added when its exit is closed. */
static void kvm_exit_stats_end_current(struct kvm_vcpu_exit_stats *stats,
				       enum kvm_exit_stats_part part, u64 cycles)
{
	raw_write_seqcount_begin(&stats->seq);
	if (part == EXIT_STATS_USER && stats->last->user)
		stats->last->user->slots[stats->user_slot].cycles += cycles;
	else if (part == EXIT_STATS_PREEMPTED)
		kvm_exit_stats_add_preemption(stats, cycles);
	raw_write_seqcount_end(&stats->seq);
}

VISIBLE_IF_KUNIT void kvm_exit_stats_end_at(struct kvm_vcpu *vcpu,
					    enum kvm_exit_stats_part part, u64 tsc)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	u64 cycles = max(tsc, stats->part_tsc) - stats->part_tsc;

	if (stats->part != part)
		return;

	stats->part = EXIT_STATS_KVM;
	if (kvm_exit_stats_last_is_current(stats))
		kvm_exit_stats_end_current(stats, part, cycles);
	WRITE_ONCE(stats->era, stats->era | ERA_PARTED);

	/* Only a preemption can have been before that. */
	if (!kvm_exit_stats_is_recorded(stats)) {
		stats->handling_preempted += cycles;
		return;
	}

	stats->parts.cycles[part] += cycles;
	stats->parts.user |= part == EXIT_STATS_USER;
	if (part == EXIT_STATS_BLOCKED)
		stats->parts.polled += min(cycles, kvm_exit_stats_polled_cycles(vcpu));
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_end_at);

/* A preemption is a part, too: it must not happen between the stamp and its use. */
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

/*
 * What KVM_RUN returns with: user space can write it, so it can be any number.  The row of
 * the last exit gets memory for its user reasons, if there is any.
 */
VISIBLE_IF_KUNIT void kvm_exit_stats_set_user_reason(struct kvm_vcpu *vcpu, u32 reason,
						     int run_result)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	/* Other than for a memory fault, an error does not come with an exit_reason. */
	if (run_result == -EINTR)
		reason = KVM_EXIT_INTR;
	else if (run_result < 0 && (reason != KVM_EXIT_MEMORY_FAULT ||
				    (run_result != -EFAULT && run_result != -EHWPOISON)))
		reason = EXIT_STATS_USER_ERROR;

	stats->user_reason = min_t(u32, reason, EXIT_STATS_USER_ERROR) + 1;
	if (stats->last && !stats->last->user) {
		struct kvm_exit_user *user = kzalloc(sizeof(*user), EXIT_STATS_GFP);

		/* Pairs with READ_ONCE() in kvm_exit_stats_copy() */
		smp_store_release(&stats->last->user, user);
	}
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_set_user_reason);

void __kvm_exit_stats_begin_user(struct kvm_vcpu *vcpu, int run_result)
{
	u32 reason = READ_ONCE(vcpu->run->exit_reason);

	if (run_result >= 0 && reason == KVM_EXIT_INTERNAL_ERROR)
		kvm_exit_chain_log(vcpu);

	kvm_exit_stats_set_user_reason(vcpu, reason, run_result);
	__kvm_exit_stats_begin(vcpu, EXIT_STATS_USER);
}

/* Called by the scheduler, with interrupts disabled */
void kvm_arch_vcpu_preempted(struct kvm_vcpu *vcpu, struct task_struct *next)
{
	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;

	vcpu->arch.exit_stats.preemptor_pid = task_tgid_nr(next);
	/* Not the name of its leader, which may be gone already */
	memcpy(vcpu->arch.exit_stats.preemptor_command, next->comm, TASK_COMM_LEN);
	kvm_exit_stats_begin_at(vcpu, EXIT_STATS_PREEMPTED, rdtsc());
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

	if (src->max > dst->max) {
		dst->max = src->max;
		dst->worst = src->worst;
	}
	dst->sum = add_saturating(dst->sum, src->sum);
	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		dst->hist[i] += src->hist[i];
}

static void kvm_exit_keys_merge(struct kvm_exit_keys *dst, const struct kvm_exit_keys *src)
{
	if (src->kind == EXIT_KEY_NONE)
		return;

	kvm_exit_keys_begin(dst);
	kvm_exit_top_merge(dst->top, src->top, sizeof(*src->top));
	dst->kind = dst->kind ?: src->kind;
}

static void kvm_exit_user_merge(struct kvm_exit_user *dst, const struct kvm_exit_user *src)
{
	unsigned int slot, to;

	dst->exits += src->exits;
	for (slot = 0; slot <= EXIT_STATS_USER_REASONS; slot++) {
		if (!src->slots[slot].count)
			continue;
		to = slot;
		if (slot < EXIT_STATS_USER_REASONS)
			to = kvm_exit_user_slot(dst, src->reasons[slot]);
		dst->slots[to].count += src->slots[slot].count;
		dst->slots[to].cycles = add_saturating(dst->slots[to].cycles,
						       src->slots[slot].cycles);
	}
}

/*
 * Add @src, of any table, to @dst, which nobody else sees.  Keys and user reasons are left
 * out if @dst has no memory for them.
 */
void kvm_exit_stat_merge(struct kvm_exit_stat *dst, const struct kvm_exit_stat *src)
{
	unsigned int part;

	kvm_exit_times_merge(&dst->cycles, &src->cycles);
	kvm_exit_times_merge(&dst->away, &src->away);
	dst->guest = add_saturating(dst->guest, src->guest);
	for (part = 0; part < EXIT_STATS_NR_PARTS; part++)
		dst->parts[part] = add_saturating(dst->parts[part], src->parts[part]);
	dst->polled = add_saturating(dst->polled, src->polled);
	if (dst->keys && src->keys)
		kvm_exit_keys_merge(dst->keys, src->keys);
	if (dst->user && src->user)
		kvm_exit_user_merge(dst->user, src->user);
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

/* The cost of a reason: its away time without the parts blocked and preempted */
u64 kvm_exit_stat_cost(const struct kvm_exit_stat *stat)
{
	u64 elsewhere = add_saturating(stat->parts[EXIT_STATS_BLOCKED],
				       stat->parts[EXIT_STATS_PREEMPTED]);

	return max(stat->away.sum, elsewhere) - elsewhere;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_cost);

/* The share of a reason in the time of its vCPUs, in hundredths of a percent */
u64 kvm_exit_stat_tax(const struct kvm_exit_stat *stat, const struct kvm_exit_stat *total)
{
	/* Halves, so that the sum fits 64 bits */
	u64 life = total->guest / 2 + total->away.sum / 2;

	return life ? mul_u64_u64_div_u64(stat->away.sum / 2, 100 * 100, life) : 0;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_tax);

/* The numbers of a row, i.e. the files in sysfs and the columns in debugfs */
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
		{ "user_exits",		stat->user ? stat->user->exits : 0 },
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

/* "reason:count:cycles,..." of the user reasons, or "-" */
static size_t kvm_exit_user_print(const struct kvm_exit_user *user, char *buf, size_t size)
{
	const char *separator = "  ";
	unsigned int slot;
	size_t len = 0;

	for (slot = 0; user && slot <= EXIT_STATS_USER_REASONS; slot++) {
		if (!user->slots[slot].count)
			continue;
		len += scnprintf(buf + len, size - len, "%s", separator);
		if (slot == EXIT_STATS_USER_REASONS)
			len += scnprintf(buf + len, size - len, "other");
		else if (user->reasons[slot] - 1 == EXIT_STATS_USER_ERROR)
			len += scnprintf(buf + len, size - len, "error");
		else
			len += scnprintf(buf + len, size - len, "%u", user->reasons[slot] - 1);
		len += scnprintf(buf + len, size - len, ":%llu:%llu", user->slots[slot].count,
				 user->slots[slot].cycles);
		separator = ",";
	}

	return len ?: scnprintf(buf, size, "%s-", separator);
}

/* The line of a row in all tables: its numbers, both histograms, then user reasons */
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
	len += kvm_exit_user_print(stat->user, buf + len, size - len);
	len += scnprintf(buf + len, size - len, "\n");

	return len;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_print);

/* Whether what was recorded in this era is of the current generation */
bool kvm_exit_stats_era_is_current(u64 era)
{
	return era_generation(era) == era_generation(READ_ONCE(kvm_exit_stats_era));
}

static bool kvm_exit_stats_are_current(const struct kvm_vcpu_exit_stats *stats)
{
	return kvm_exit_stats_era_is_current(READ_ONCE(stats->era));
}

unsigned int kvm_exit_stats_row_of(const struct kvm_vcpu_exit_stats *stats,
				   const struct kvm_exit_stat *stat)
{
	unsigned int place = 0;

	while (kvm_exit_stats_get(stats, place) != stat)
		place++;

	return place % KVM_EXIT_STATS_MAX_ROWS;
}

/*
 * Copy a row of a vCPU, which its owner may be writing.  Returns NULL if there is none, or it
 * is empty.  The copy is valid until the next call.
 */
static const struct kvm_exit_stat *kvm_exit_stats_copy(const struct kvm_vcpu_exit_stats *stats,
						       enum kvm_exit_stats_level level,
						       unsigned int row)
{
	const struct kvm_exit_stat *stat;
	const struct kvm_exit_keys *keys;
	const struct kvm_exit_user *user;
	bool current_generation;
	unsigned int seq;

	lockdep_assert_held(&kvm_exit_stats_lock);

	stat = kvm_exit_stats_get(stats, level * KVM_EXIT_STATS_MAX_ROWS + row);
	if (!stat)
		return NULL;

	do {
		seq = read_seqcount_begin(&stats->seq);
		current_generation = kvm_exit_stats_are_current(stats);
		keys = READ_ONCE(stat->keys);
		user = READ_ONCE(stat->user);
		row_copy.stat = *stat;
		if (keys)
			row_copy.keys = *keys;
		if (user)
			row_copy.user = *user;
	} while (read_seqcount_retry(&stats->seq, seq));

	row_copy.stat.keys = keys ? &row_copy.keys : NULL;
	row_copy.stat.user = user ? &row_copy.user : NULL;
	return current_generation ? &row_copy.stat : NULL;
}

/* The row of the vCPUs that are gone */
static struct kvm_exit_stat **kvm_exit_stats_gone(enum kvm_exit_stats_level level,
						  unsigned int row)
{
	return &kvm_exit_stats_isa.gone[level * kvm_exit_stats_isa.nr_rows + row];
}

static void kvm_exit_row_init(struct kvm_exit_row *row)
{
	memset(row, 0, sizeof(*row));
	row->stat.keys = &row->keys;
	row->stat.user = &row->user;
}

/* Add one exit reason of a vCPU, of @from and the levels after it. */
static void kvm_exit_stats_add_row(const struct kvm_vcpu_exit_stats *stats,
				   enum kvm_exit_stats_level from, unsigned int row,
				   struct kvm_exit_stat *sum)
{
	const struct kvm_exit_stat *stat;
	enum kvm_exit_stats_level level;

	for (level = from; level < EXIT_STATS_NR_LEVELS; level++) {
		stat = kvm_exit_stats_copy(stats, level, row);
		if (stat)
			kvm_exit_stat_merge(sum, stat);
	}
}

/* Read one exit reason of the system: of all, or of L2, i.e. from a level on. */
void kvm_exit_stats_read(unsigned int row, enum kvm_exit_stats_level from,
			 struct kvm_exit_row *sum)
{
	const struct kvm_exit_stat *stat;
	enum kvm_exit_stats_level level;
	struct kvm_vcpu *vcpu;

	kvm_exit_row_init(sum);

	mutex_lock(&kvm_exit_stats_lock);
	for (level = from; level < EXIT_STATS_NR_LEVELS; level++) {
		stat = *kvm_exit_stats_gone(level, row);
		if (stat)
			kvm_exit_stat_merge(&sum->stat, stat);
	}
	list_for_each_entry(vcpu, &vcpus, arch.exit_stats.list) {
		kvm_exit_stats_add_row(&vcpu->arch.exit_stats, from, row, &sum->stat);
		cond_resched();
	}
	mutex_unlock(&kvm_exit_stats_lock);
}

/* Add a row of one level to a table. */
static void kvm_exit_stats_add_to_table(const struct kvm_exit_stat *stat,
					enum kvm_exit_stats_level level, unsigned int row,
					struct kvm_exit_stats_table *table)
{
	if (!stat)
		return;

	kvm_exit_stat_merge(&table->rows[row].stat, stat);
	if (table->nested && level >= EXIT_STATS_L2_HANDLED)
		kvm_exit_stat_merge(&table->nested[row].stat, stat);
	if (table->reflected && level == EXIT_STATS_L2_REFLECTED)
		kvm_exit_stat_merge(&table->reflected[row].stat, stat);
}

/* Add all that a vCPU has recorded, and its owner may be writing. */
static void kvm_exit_stats_add_table(const struct kvm_vcpu_exit_stats *stats,
				     struct kvm_exit_stats_table *table)
{
	struct kvm_exit_preemptor preemptors[KVM_EXIT_STATS_TOP];
	struct kvm_exit_chain chain;
	bool current_generation;
	enum kvm_exit_stats_level level;
	u64 dropped, clock_warps;
	unsigned int row, seq;

	for (level = 0; level < EXIT_STATS_NR_LEVELS; level++) {
		for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++)
			kvm_exit_stats_add_to_table(kvm_exit_stats_copy(stats, level, row),
						    level, row, table);
		/* A vCPU may be waiting for this CPU. */
		cond_resched();
	}

	do {
		seq = read_seqcount_begin(&stats->seq);
		current_generation = kvm_exit_stats_are_current(stats);
		dropped = stats->dropped;
		clock_warps = stats->clock_warps;
		chain = stats->chain;
		memcpy(preemptors, stats->preemptors, sizeof(preemptors));
	} while (read_seqcount_retry(&stats->seq, seq));

	if (!current_generation)
		return;

	table->chain = chain;
	table->dropped += dropped;
	table->clock_warps += clock_warps;
	kvm_exit_top_merge(table->preemptors, preemptors, sizeof(*preemptors));
}

/*
 * Read all of a vCPU, a VM, or the system, for which both are NULL.  NULL if there is no
 * memory.
 */
struct kvm_exit_stats_table *kvm_exit_stats_read_table(struct kvm *kvm,
						       const struct kvm_vcpu *vcpu)
{
	unsigned int row, nr_rows = kvm_exit_stats_isa.nr_rows;
	unsigned int nr_levels = READ_ONCE(has_nested) ? EXIT_STATS_NR_LEVELS : 1;
	struct kvm_exit_stats_table *table;
	enum kvm_exit_stats_level level;
	struct kvm_exit_row *rows;
	struct kvm_vcpu *v;

	table = kvmalloc(size_add(sizeof(*table), array3_size(nr_levels, nr_rows, sizeof(*rows))),
			 GFP_KERNEL);
	if (!table)
		return NULL;

	memset(table, 0, sizeof(*table));
	rows = (struct kvm_exit_row *)(table + 1);
	/* Not at once, as a vCPU may be waiting for this CPU: it can be more than 100 KiB. */
	for (row = 0; row < nr_levels * nr_rows; row++) {
		kvm_exit_row_init(&rows[row]);
		cond_resched();
	}
	table->rows = rows;
	table->total.user = &table->total_user;
	kvm_exit_chain_init(&table->chain);
	if (nr_levels > 1) {
		table->nested = &rows[nr_rows];
		table->reflected = &rows[2 * nr_rows];
	}

	mutex_lock(&kvm_exit_stats_lock);
	if (!kvm) {
		for (level = 0; level < EXIT_STATS_NR_LEVELS; level++) {
			for (row = 0; row < nr_rows; row++)
				kvm_exit_stats_add_to_table(*kvm_exit_stats_gone(level, row),
							    level, row, table);
		}
		memcpy(table->preemptors, gone_preemptors, sizeof(gone_preemptors));
		table->dropped = gone_dropped;
		table->clock_warps = gone_clock_warps;
	}
	list_for_each_entry(v, &vcpus, arch.exit_stats.list) {
		if ((kvm && v->kvm != kvm) || (vcpu && v != vcpu))
			continue;
		kvm_exit_stats_add_table(&v->arch.exit_stats, table);
		table->nr_vcpus++;
	}
	mutex_unlock(&kvm_exit_stats_lock);

	for (row = 0; row < nr_rows; row++) {
		if (!kvm_exit_times_are_none(&table->rows[row].stat.cycles))
			kvm_exit_stat_merge(&table->total, &table->rows[row].stat);
	}
	table->vcpu_id = vcpu ? vcpu->vcpu_id : -1;
	if (kvm)
		table->vm = kvm_exit_stats_vm_get(kvm);

	return table;
}

/* Read one exit reason of a VM that is being destroyed.  Returns whether it had any. */
bool kvm_exit_stats_read_gone(struct kvm *kvm, unsigned int row, struct kvm_exit_stat *stat)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	memset(stat, 0, sizeof(*stat));

	mutex_lock(&kvm_exit_stats_lock);
	kvm_for_each_vcpu(i, vcpu, kvm)
		kvm_exit_stats_add_row(&vcpu->arch.exit_stats, EXIT_STATS_L1, row, stat);
	mutex_unlock(&kvm_exit_stats_lock);

	return !kvm_exit_times_are_none(&stat->cycles);
}

/* The exits that such a VM has dropped */
u64 kvm_exit_stats_read_gone_dropped(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	u64 dropped = 0;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (kvm_exit_stats_are_current(&vcpu->arch.exit_stats))
			dropped += vcpu->arch.exit_stats.dropped;
	}

	return dropped;
}

void kvm_exit_stats_free_table(struct kvm_exit_stats_table *table)
{
	if (table)
		kvm_exit_stats_vm_put(table->vm);
	kvfree(table);
}

/* Make the next exit of each vCPU take the rare path. */
static void kvm_exit_stats_turn_era(void)
{
	lockdep_assert_held(&kvm_exit_stats_lock);

	WRITE_ONCE(kvm_exit_stats_era, (kvm_exit_stats_era & ~ERA_TURNS) |
				       ((kvm_exit_stats_era + ERA_TURN) & ERA_TURNS));
}

/* The window of time is over.  There is no other one while there are no vCPUs. */
static void kvm_exit_stats_turn(struct work_struct *work)
{
	mutex_lock(&kvm_exit_stats_lock);
	kvm_exit_late_turn();
	kvm_exit_stats_turn_era();
	if (!list_empty(&vcpus))
		schedule_delayed_work(&turn_work, EXIT_STATS_WINDOW);
	mutex_unlock(&kvm_exit_stats_lock);
}

/*
 * Called when kvm_arch_vcpu_create() cannot fail any more, i.e. kvm_arch_vcpu_destroy() undoes
 * it.  Neither this nor recording ever fails: an exit for which there is no memory is dropped,
 * and counted as such.
 */
void kvm_exit_stats_vcpu_create(struct kvm_vcpu *vcpu)
{
	seqcount_init(&vcpu->arch.exit_stats.seq);
	kvm_exit_chain_init(&vcpu->arch.exit_stats.chain);

	mutex_lock(&kvm_exit_stats_lock);
	/* If keys are wanted, its first exit has one. */
	vcpu->arch.exit_stats.keys_since = keys_since;
	list_add_tail(&vcpu->arch.exit_stats.list, &vcpus);
	schedule_delayed_work(&turn_work, EXIT_STATS_WINDOW);
	mutex_unlock(&kvm_exit_stats_lock);
}

VISIBLE_IF_KUNIT void kvm_exit_stat_free(struct kvm_exit_stat *stat)
{
	if (!stat)
		return;

	kfree(stat->keys);
	kfree(stat->user);
	kfree(stat);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stat_free);

/* Move a row to those of the vCPUs that are gone, or add it to the row that is there. */
static void kvm_exit_stats_leave_row(struct kvm_exit_stat **gone, struct kvm_exit_stat *stat)
{
	if (!*gone) {
		*gone = stat;
		return;
	}

	if (!(*gone)->keys)
		swap((*gone)->keys, stat->keys);
	if (!(*gone)->user)
		swap((*gone)->user, stat->user);
	kvm_exit_stat_merge(*gone, stat);
	kvm_exit_stat_free(stat);
}

/* Move what the vCPU has recorded to the globals.  Nobody reads its table any more. */
void kvm_exit_stats_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	enum kvm_exit_stats_level level;
	struct kvm_exit_stat *stat;
	unsigned int row;
	bool is_current;

	mutex_lock(&kvm_exit_stats_lock);
	list_del(&stats->list);

	is_current = kvm_exit_stats_are_current(stats);
	if (is_current) {
		gone_dropped += stats->dropped;
		gone_clock_warps += stats->clock_warps;
		kvm_exit_top_merge(gone_preemptors, stats->preemptors, sizeof(*gone_preemptors));
	}
	for (level = 0; level < EXIT_STATS_NR_LEVELS; level++) {
		for (row = 0; row < KVM_EXIT_STATS_MAX_ROWS; row++) {
			stat = kvm_exit_stats_get(stats, level * KVM_EXIT_STATS_MAX_ROWS + row);
			if (stat && is_current)
				kvm_exit_stats_leave_row(kvm_exit_stats_gone(level, row), stat);
			else
				kvm_exit_stat_free(stat);
		}
	}
	mutex_unlock(&kvm_exit_stats_lock);

	kfree(stats->nested);
}

/*
 * Start or stop recording.  The hooks are patched one after the other, so the era is one
 * of recording only while all of them are on.
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
	atomic64_set(&summaries_folded, 0);
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

bool kvm_exit_stats_get_keys(void)
{
	return static_key_enabled(&kvm_exit_stats_keys);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_get_keys);

void kvm_exit_stats_set_keys(bool keys)
{
	mutex_lock(&kvm_exit_stats_lock);
	if (!keys) {
		static_branch_disable(&kvm_exit_stats_keep_keys);
		static_branch_disable(&kvm_exit_stats_keys);
	} else if (!kvm_exit_stats_get_keys()) {
		static_branch_enable(&kvm_exit_stats_keys);
		/* vCPUs look at keys_since when the era has changed. */
		WRITE_ONCE(keys_since, keys_since + 1);
		kvm_exit_stats_turn_era();
		static_branch_enable(&kvm_exit_stats_keep_keys);
	}
	mutex_unlock(&kvm_exit_stats_lock);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_stats_set_keys);

unsigned int kvm_exit_stats_get_slow_us(void)
{
	return READ_ONCE(exit_stats_slow_us);
}

/* Slow exits are also long, so that the record path has only one limit to check. */
void kvm_exit_stats_set_slow_us(unsigned int slow_us)
{
	u64 cycles = U64_MAX;

	if (slow_us && tsc_khz)
		cycles = mul_u64_u32_div(slow_us, tsc_khz, USEC_PER_MSEC);

	mutex_lock(&kvm_exit_stats_lock);
	WRITE_ONCE(exit_stats_slow_us, slow_us);
	WRITE_ONCE(slow_cycles, cycles);
	WRITE_ONCE(long_cycles, min_t(u64, cycles, EXIT_STATS_LONG));
	mutex_unlock(&kvm_exit_stats_lock);
}

void kvm_exit_stats_reset(void)
{
	unsigned int row;
	u32 generation;

	/* Or a VM that ends now would be forgotten with what it did after the reset. */
	mutex_lock(&kvm_exit_stats_gone_lock);
	mutex_lock(&kvm_exit_stats_lock);
	/* 0 is that of a table in which nothing was ever recorded: skip it on wrap-around. */
	generation = era_generation(kvm_exit_stats_era) + 1 ?: 1;
	WRITE_ONCE(kvm_exit_stats_era, (kvm_exit_stats_era & ~(u64)U32_MAX) | generation);
	kvm_exit_stats_restart_interval();
	for (row = 0; row < EXIT_STATS_NR_LEVELS * kvm_exit_stats_isa.nr_rows; row++) {
		kvm_exit_stat_free(kvm_exit_stats_isa.gone[row]);
		kvm_exit_stats_isa.gone[row] = NULL;
	}
	memset(gone_preemptors, 0, sizeof(gone_preemptors));
	gone_dropped = 0;
	gone_clock_warps = 0;
	mutex_unlock(&kvm_exit_stats_lock);

	kvm_exit_stats_forget_gone_vms();
	mutex_unlock(&kvm_exit_stats_gone_lock);
}

/* Print a line for each reason that occurred.  They add up to the numbers of the first line. */
static void kvm_exit_stats_print(const struct kvm_exit_stats_table *table)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	u64 folded = atomic64_xchg(&summaries_folded, 0);
	unsigned int row;

	pr_info("summary at %llu exits (%s): %llu cycles in handling\n",
		kvm_exit_times_count(&table->total.cycles), isa->name, table->total.cycles.sum);
	if (folded)
		pr_info("%llu summaries since the last one were folded into this one\n", folded);
	if (table->dropped)
		pr_info("%llu more exits were dropped for want of memory\n", table->dropped);

	for (row = 0; row < isa->nr_rows; row++) {
		const struct kvm_exit_times *cycles = &table->rows[row].stat.cycles;
		u64 count = kvm_exit_times_count(cycles);

		if (!count)
			continue;

		pr_info("%s: exits %llu, cycles total %llu min %llu avg %llu max %llu\n",
			isa->reasons[row].name, count, cycles->sum, cycles->min,
			kvm_exit_times_avg(cycles), cycles->max);

		/* A slow console can take a tenth of a second for a line. */
		cond_resched();
	}
}

int kvm_exit_stats_dump(void)
{
	struct kvm_exit_stats_table *table;

	mutex_lock(&summary_lock);
	table = kvm_exit_stats_read_table(NULL, NULL);
	if (table)
		kvm_exit_stats_print(table);
	mutex_unlock(&summary_lock);
	kvm_exit_stats_free_table(table);

	return table ? 0 : -ENOMEM;
}

static void kvm_exit_stats_summary(struct work_struct *work)
{
	if (kvm_exit_stats_dump())
		atomic64_inc(&summaries_folded);
	clear_bit(0, &summary_busy);
}

/*
 * Map the codes to their rows.  Names become words in the log, and directories in
 * sysfs, i.e. must not have blanks.
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
 * Called when a vendor module loads, before /dev/kvm appears.  KVM works without the
 * statistics if there is no memory for them.
 */
void kvm_exit_stats_init(const struct kvm_exit_stats_isa *isa)
{
	kvm_exit_stats_isa = *isa;
	kvm_exit_stats_map_reasons(isa);

	/*
	 * Not aligned: the next row may be that of another vCPU, but the end of a row is
	 * rarely written.
	 */
	row_cache = kmem_cache_create("kvm_exit_stat", sizeof(struct kvm_exit_stat), 0,
				      SLAB_ACCOUNT, NULL);
	keys_cache = kmem_cache_create("kvm_exit_keys", sizeof(struct kvm_exit_keys), 0,
				       SLAB_ACCOUNT, NULL);
	if (!row_cache || !keys_cache || kvm_exit_stats_sysfs_init())
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

	cancel_delayed_work_sync(&turn_work);
	cancel_work_sync(&summary_work);
	clear_bit(0, &summary_busy);

	kvm_exit_stats_reset();
	kvm_exit_late_free();
	kvm_exit_stats_isa.nr_rows = 0;
	kmem_cache_destroy(keys_cache);
	keys_cache = NULL;
	kmem_cache_destroy(row_cache);
	row_cache = NULL;
}
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_exit);
