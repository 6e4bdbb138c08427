// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of VM-Exit statistics: rows, where the time of a vCPU goes, and the
 * rows of codes.
 * What needs a running guest is in the selftest exit_stats_test.
 */
#include <kunit/test.h>

#include <linux/kvm_host.h>
#include <linux/module.h>

#include <asm/svm.h>
#include <asm/vmx.h>

#include "exit_stats.h"

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

#define GEN	7

/* A term of this generation */
#define TERM		((u64)GEN)

#define NR_CPUS_TEST	2
#define NR_ROWS		3

/* A vCPU that is loaded on a CPU, and has a table of its own */
struct exit_stats_test {
	struct kvm_vcpu vcpu;
	struct kvm_exit_stat cpus[NR_CPUS_TEST][NR_ROWS];
	struct kvm_exit_stat own[NR_ROWS];
};

struct exit_stats_bucket_case {
	const char *name;
	u64 cycles;
	unsigned int bucket;
};

static const struct exit_stats_bucket_case bucket_cases[] = {
	{ "0",			0,			0 },
	{ "1",			1,			1 },
	{ "2",			2,			2 },
	{ "3",			3,			2 },
	{ "4",			4,			3 },
	{ "2^10 - 1",		BIT_ULL(10) - 1,	10 },
	{ "2^10",		BIT_ULL(10),		11 },
	{ "2^29",		BIT_ULL(29),		30 },
	{ "2^30 - 1",		BIT_ULL(30) - 1,	30 },
	{ "2^30",		BIT_ULL(30),		31 },
	{ "2^31",		BIT_ULL(31),		31 },
	{ "2^32",		BIT_ULL(32),		31 },
	{ "2^63 - 1",		S64_MAX,		31 },
};

static void bucket_desc(const struct exit_stats_bucket_case *t, char *desc)
{
	strscpy(desc, t->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bucket, bucket_cases, bucket_desc);

/* Rows are too large for the stack of a test that needs several. */
static struct kvm_exit_stat *alloc_row(struct kunit *test)
{
	struct kvm_exit_stat *row = kunit_kzalloc(test, sizeof(*row), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, row);
	kvm_exit_stat_init(row);
	return row;
}

static struct exit_stats_test *alloc_vcpu(struct kunit *test)
{
	struct exit_stats_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	kvm_exit_stats_move(&t->vcpu, t->cpus[0], GEN);
	return t;
}

static void record_exit(struct exit_stats_test *t, unsigned long row, u32 gen, u64 t0, u64 t1)
{
	if (!kvm_exit_stats_record_exit(&t->vcpu, row, gen, t0, t1 - t0))
		kvm_exit_stats_record_exit_slow(&t->vcpu, row, gen, t1 - t0);
}

static void record(struct exit_stats_test *t, u32 gen, u64 t0, u64 t1)
{
	record_exit(t, 0, gen, t0, t1);
}

static u64 hist_sum(const u64 *hist)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		sum += hist[i];

	return sum;
}

static u64 avg(const struct kvm_exit_stat *row)
{
	return kvm_exit_stat_avg(&row->cycles, row->hist);
}

static void exit_stats_record_bucket(struct kunit *test)
{
	const struct exit_stats_bucket_case *param = test->param_value;
	struct exit_stats_test *t = alloc_vcpu(test);
	struct kvm_exit_stat *row = t->cpus[0];

	kvm_exit_stat_empty(row, GEN);
	record(t, GEN, 0, param->cycles);

	KUNIT_EXPECT_EQ(test, row->hist[param->bucket], 1);
	KUNIT_EXPECT_EQ(test, hist_sum(row->hist), 1);
	KUNIT_EXPECT_EQ(test, row->count, 1);
	KUNIT_EXPECT_EQ(test, row->cycles.sum, param->cycles);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&row->cycles), param->cycles);
	KUNIT_EXPECT_EQ(test, row->cycles.max, param->cycles);
	KUNIT_EXPECT_EQ(test, avg(row), param->cycles);
	KUNIT_EXPECT_EQ(test, row->clock_warps, 0);
}

/* What is written for the common case does what that for any case does. */
static void exit_stats_slow_is_the_same(struct kunit *test)
{
	const struct exit_stats_bucket_case *param = test->param_value;
	struct exit_stats_test *a = alloc_vcpu(test), *b = alloc_vcpu(test);
	u64 t0 = 1000, t1 = t0 + param->cycles, t2 = t1 + 1;

	kvm_exit_stat_empty(a->cpus[0], GEN);
	kvm_exit_stat_empty(b->cpus[0], GEN);
	kvm_exit_stats_enter_slow(&a->vcpu, TERM, 600);
	kvm_exit_stats_enter_slow(&b->vcpu, TERM, 600);

	record(a, GEN, t0, t1);
	record(b, GEN, t0, t1);
	kvm_exit_stats_enter(&a->vcpu, TERM, t2);
	kvm_exit_stats_enter_slow(&b->vcpu, TERM, t2);
	record(a, GEN, t0, t1);
	kvm_exit_stats_record_exit_slow(&b->vcpu, 0, GEN, t1 - t0);

	KUNIT_EXPECT_EQ(test, memcmp(a->cpus, b->cpus, sizeof(a->cpus)), 0);
	KUNIT_EXPECT_EQ(test, a->cpus[0]->count, 2);
	KUNIT_EXPECT_EQ(test, hist_sum(a->cpus[0]->away_hist), 1);
	KUNIT_EXPECT_EQ(test, a->vcpu.arch.exit_stats.entry_tsc, t2);
	KUNIT_EXPECT_EQ(test, b->vcpu.arch.exit_stats.entry_tsc, t2);
}

static void exit_stats_record_several(struct kunit *test)
{
	struct exit_stats_test *t = alloc_vcpu(test);
	struct kvm_exit_stat *row = t->cpus[0];

	record(t, GEN, 100, 100 + 1000);
	record(t, GEN, 5000, 5000 + 3000);
	record(t, GEN, 0, 501);

	KUNIT_EXPECT_EQ(test, row->count, 3);
	KUNIT_EXPECT_EQ(test, row->cycles.sum, 4501);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&row->cycles), 501);
	KUNIT_EXPECT_EQ(test, row->cycles.max, 3000);
	KUNIT_EXPECT_EQ(test, avg(row), 1500);
	KUNIT_EXPECT_EQ(test, row->hist[9], 1);
	KUNIT_EXPECT_EQ(test, row->hist[10], 1);
	KUNIT_EXPECT_EQ(test, row->hist[12], 1);
	KUNIT_EXPECT_EQ(test, hist_sum(row->hist), 3);
}

static void exit_stats_nothing(struct kunit *test)
{
	struct kvm_exit_stat *row = alloc_row(test);

	KUNIT_EXPECT_EQ(test, avg(row), 0);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&row->cycles), 0);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&row->away), 0);
}

static void exit_stats_clock_warp(struct kunit *test)
{
	struct exit_stats_test *t = alloc_vcpu(test);
	struct kvm_exit_stat *row = t->cpus[0];

	record(t, GEN, 1000, 999);
	record(t, GEN, S64_MAX, 0);
	record(t, GEN, 1000, 1000);
	record(t, GEN, 1000, 1004);

	KUNIT_EXPECT_EQ(test, row->clock_warps, 2);
	KUNIT_EXPECT_EQ(test, row->count, 4);
	KUNIT_EXPECT_EQ(test, row->cycles.sum, 4);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&row->cycles), 0);
	KUNIT_EXPECT_EQ(test, row->cycles.max, 4);
	KUNIT_EXPECT_EQ(test, row->hist[0], 3);
	KUNIT_EXPECT_EQ(test, row->hist[3], 1);
}

static void exit_stats_new_generation(struct kunit *test)
{
	struct exit_stats_test *t = alloc_vcpu(test);
	struct kvm_exit_stat *row = t->cpus[0];
	struct kvm_exit_stat *copy = alloc_row(test);

	/* All-zero is empty, in any generation that can be current. */
	KUNIT_EXPECT_FALSE(test, kvm_exit_stat_read(row, GEN, copy));

	record(t, GEN, 5, 4);
	record(t, GEN, 0, 10);
	KUNIT_EXPECT_TRUE(test, kvm_exit_stat_read(row, GEN, copy));
	KUNIT_EXPECT_EQ(test, copy->count, 2);
	KUNIT_EXPECT_EQ(test, copy->cycles.max, 10);

	/* A reset empties the row for readers at once, ... */
	KUNIT_EXPECT_FALSE(test, kvm_exit_stat_read(row, GEN + 1, copy));

	/* ... and for good when its owner next records into it. */
	record(t, GEN + 1, 0, 5000);
	KUNIT_EXPECT_TRUE(test, kvm_exit_stat_read(row, GEN + 1, copy));
	KUNIT_EXPECT_EQ(test, copy->count, 1);
	KUNIT_EXPECT_EQ(test, copy->cycles.sum, 5000);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&copy->cycles), 5000);
	KUNIT_EXPECT_EQ(test, copy->cycles.max, 5000);
	KUNIT_EXPECT_EQ(test, copy->clock_warps, 0);
	KUNIT_EXPECT_EQ(test, copy->hist[13], 1);
	KUNIT_EXPECT_EQ(test, hist_sum(copy->hist), 1);
}

static void exit_stats_merge_rows(struct kunit *test)
{
	struct exit_stats_test *a = alloc_vcpu(test), *b = alloc_vcpu(test);
	struct kvm_exit_stat *sum = alloc_row(test);

	record(a, GEN, 0, 100);
	record(a, GEN, 0, 200);
	record(b, GEN, 0, 50);
	record(b, GEN, 9, 8);
	record(b, GEN, 0, 120);

	kvm_exit_stat_merge(sum, a->cpus[0]);
	kvm_exit_stat_merge(sum, b->cpus[0]);

	KUNIT_EXPECT_EQ(test, sum->count, 5);
	KUNIT_EXPECT_EQ(test, sum->cycles.sum, 470);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&sum->cycles), 0);
	KUNIT_EXPECT_EQ(test, sum->cycles.max, 200);
	KUNIT_EXPECT_EQ(test, sum->clock_warps, 1);
	KUNIT_EXPECT_EQ(test, sum->hist[0], 1);
	KUNIT_EXPECT_EQ(test, sum->hist[6], 1);
	KUNIT_EXPECT_EQ(test, sum->hist[7], 2);
	KUNIT_EXPECT_EQ(test, sum->hist[8], 1);
}

static void exit_stats_merge_empty(struct kunit *test)
{
	struct exit_stats_test *t = alloc_vcpu(test);
	struct kvm_exit_stat *empty = alloc_row(test);
	struct kvm_exit_stat *sum = alloc_row(test);

	kvm_exit_stat_merge(sum, empty);
	KUNIT_EXPECT_EQ(test, sum->count, 0);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&sum->cycles), 0);

	/* The minimum of an empty destination is none: it must not stay 0. */
	record(t, GEN, 0, 100);
	kvm_exit_stat_merge(sum, t->cpus[0]);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&sum->cycles), 100);
	KUNIT_EXPECT_EQ(test, sum->cycles.max, 100);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&sum->away), 0);

	kvm_exit_stat_merge(sum, empty);
	KUNIT_EXPECT_EQ(test, sum->count, 1);
	KUNIT_EXPECT_EQ(test, sum->cycles.sum, 100);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_min(&sum->cycles), 100);
	KUNIT_EXPECT_EQ(test, sum->cycles.max, 100);
	KUNIT_EXPECT_EQ(test, hist_sum(sum->hist), 1);
}

/*
 * Where the time goes: what happens to a vCPU, and the sums that come out of it,
 * for rows 0 and 1.
 */
enum exit_stats_event_type {
	NOTHING,
	/* VM-Entry at tsc */
	ENTER,
	/* VM-Exit of a row, which came at tsc and was handled at end */
	EXIT,
	BEGIN,
	END,
	/* To another CPU */
	MOVE,
	/* Away time is being switched off or on, was switched, a new generation */
	PATCH,
	SWITCH,
	RESET,
};

struct exit_stats_event {
	enum exit_stats_event_type type;
	/* Row, part, or CPU */
	unsigned int what;
	u64 tsc;
	u64 end;
};

struct exit_stats_sums {
	u64 count;
	u64 cycles;
	u64 away;
	u64 guest;
	u64 parts[EXIT_STATS_NR_PARTS];
	u64 clock_warps;
};

struct exit_stats_times_case {
	const char *name;
	struct exit_stats_event events[12];
	struct exit_stats_sums want[2];
};

static const struct exit_stats_times_case times_cases[] = {
	{
		.name = "plain exit",
		.events = {
			{ ENTER, 0, 100 }, { EXIT, 0, 1100, 1300 }, { ENTER, 0, 1500 },
		},
		.want = { { 1, 200, 400, 1000 } },
	}, {
		.name = "exit that is not over yet",
		.events = {
			{ ENTER, 0, 100 }, { EXIT, 0, 1100, 1300 },
			{ BEGIN, EXIT_STATS_USER, 1400 }, { END, EXIT_STATS_USER, 1500 },
		},
		.want = { { 1, 200 } },
	}, {
		.name = "before the first VM-Entry",
		.events = {
			{ END, EXIT_STATS_USER, 100 }, { BEGIN, EXIT_STATS_BLOCKED, 110 },
			{ END, EXIT_STATS_BLOCKED, 200 }, { ENTER, 0, 210 },
			{ EXIT, 0, 300, 310 }, { ENTER, 0, 320 },
		},
		.want = { { 1, 10, 20, 90 } },
	}, {
		.name = "several exits",
		.events = {
			{ ENTER, 0, 100 }, { EXIT, 0, 200, 210 }, { ENTER, 0, 220 },
			{ EXIT, 1, 300, 330 }, { ENTER, 0, 350 }, { EXIT, 0, 400, 440 },
			{ ENTER, 0, 450 },
		},
		.want = { { 2, 50, 70, 150 }, { 1, 30, 50, 80 } },
	}, {
		.name = "re-entry by a fastpath handler",
		.events = {
			{ ENTER, 0, 100 }, { EXIT, 0, 200, 210 }, { ENTER, 0, 210 },
			{ EXIT, 1, 300, 330 }, { ENTER, 0, 350 },
		},
		.want = { { 1, 10, 10, 100 }, { 1, 30, 50, 90 } },
	}, {
		.name = "user space",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { BEGIN, EXIT_STATS_USER, 25 },
			{ END, EXIT_STATS_USER, 125 }, { ENTER, 0, 130 },
			{ EXIT, 1, 140, 150 }, { ENTER, 0, 160 },
		},
		.want = { { 1, 10, 120, 10, { 100 } }, { 1, 10, 20, 10 } },
	}, {
		.name = "blocked",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { BEGIN, EXIT_STATS_BLOCKED, 25 },
			{ END, EXIT_STATS_BLOCKED, 95 }, { ENTER, 0, 100 },
		},
		.want = { { 1, 10, 90, 10, { 0, 70 } } },
	}, {
		.name = "preempted after handling",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { BEGIN, EXIT_STATS_PREEMPTED, 30 },
			{ END, EXIT_STATS_PREEMPTED, 80 }, { ENTER, 0, 100 },
		},
		.want = { { 1, 10, 90, 10, { 0, 0, 50 } } },
	}, {
		.name = "preempted while handling",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 1, 10, 20 }, { ENTER, 0, 30 },
			{ BEGIN, EXIT_STATS_PREEMPTED, 50 }, { END, EXIT_STATS_PREEMPTED, 90 },
			{ EXIT, 0, 40, 95 }, { ENTER, 0, 100 },
		},
		.want = { { 1, 55, 60, 10, { 0, 0, 40 } }, { 1, 10, 20, 10 } },
	}, {
		.name = "all parts, one of them twice",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 },
			{ BEGIN, EXIT_STATS_USER, 20 }, { END, EXIT_STATS_USER, 120 },
			{ BEGIN, EXIT_STATS_BLOCKED, 130 }, { END, EXIT_STATS_BLOCKED, 150 },
			{ BEGIN, EXIT_STATS_PREEMPTED, 150 }, { END, EXIT_STATS_PREEMPTED, 153 },
			{ BEGIN, EXIT_STATS_USER, 160 }, { END, EXIT_STATS_USER, 161 },
			{ ENTER, 0, 170 },
		},
		.want = { { 1, 10, 160, 10, { 101, 20, 3 } } },
	}, {
		.name = "preempted while blocked is blocked",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { BEGIN, EXIT_STATS_BLOCKED, 20 },
			{ BEGIN, EXIT_STATS_PREEMPTED, 30 }, { END, EXIT_STATS_PREEMPTED, 50 },
			{ END, EXIT_STATS_BLOCKED, 60 }, { ENTER, 0, 70 },
		},
		.want = { { 1, 10, 60, 10, { 0, 40 } } },
	}, {
		.name = "end without a beginning",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { END, EXIT_STATS_PREEMPTED, 30 },
			{ ENTER, 0, 40 },
		},
		.want = { { 1, 10, 30, 10 } },
	}, {
		.name = "reset after the exit",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { RESET }, { ENTER, 0, 40 },
			{ EXIT, 0, 50, 60 }, { ENTER, 0, 70 },
		},
		.want = { { 1, 10, 20, 10 } },
	}, {
		.name = "reset before the exit",
		.events = {
			{ ENTER, 0, 0 }, { RESET }, { EXIT, 0, 10, 20 }, { ENTER, 0, 40 },
			{ EXIT, 0, 50, 60 }, { ENTER, 0, 70 },
		},
		.want = { { 2, 20, 20, 10 } },
	}, {
		.name = "away time off and on after the exit",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { SWITCH }, { ENTER, 0, 1000 },
			{ EXIT, 0, 1010, 1020 }, { ENTER, 0, 1040 },
		},
		.want = { { 2, 20, 30, 10 } },
	}, {
		.name = "VM-Entries while code is patched",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { PATCH }, { ENTER, 0, 30 },
			{ EXIT, 0, 40, 50 }, { BEGIN, EXIT_STATS_USER, 60 }, { ENTER, 0, 70 },
			{ EXIT, 0, 80, 90 }, { SWITCH }, { ENTER, 0, 100 },
			{ EXIT, 0, 110, 120 }, { ENTER, 0, 140 },
		},
		.want = { { 4, 40, 30, 10 } },
	}, {
		.name = "away time off and on in user space",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { BEGIN, EXIT_STATS_USER, 30 },
			{ SWITCH }, { END, EXIT_STATS_USER, 900 }, { ENTER, 0, 1000 },
			{ EXIT, 0, 1010, 1020 }, { ENTER, 0, 1040 },
		},
		.want = { { 2, 20, 30, 10 } },
	}, {
		.name = "part whose end was not seen",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { BEGIN, EXIT_STATS_USER, 30 },
			{ SWITCH }, { ENTER, 0, 1000 }, { EXIT, 0, 1010, 1020 },
			{ BEGIN, EXIT_STATS_BLOCKED, 1025 }, { END, EXIT_STATS_BLOCKED, 1035 },
			{ ENTER, 0, 1040 },
		},
		.want = { { 2, 20, 30, 10, { 0, 10 } } },
	}, {
		.name = "another CPU after the exit",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { BEGIN, EXIT_STATS_PREEMPTED, 25 },
			{ MOVE, 1 }, { END, EXIT_STATS_PREEMPTED, 35 }, { ENTER, 0, 40 },
			{ EXIT, 1, 50, 60 }, { ENTER, 0, 70 }, { MOVE, 0 },
			{ EXIT, 0, 80, 90 }, { ENTER, 0, 100 },
		},
		.want = { { 2, 20, 50, 20, { 0, 0, 10 } }, { 1, 10, 20, 10 } },
	}, {
		.name = "another CPU while handling",
		.events = {
			{ ENTER, 0, 0 }, { BEGIN, EXIT_STATS_PREEMPTED, 15 }, { MOVE, 1 },
			{ END, EXIT_STATS_PREEMPTED, 35 }, { EXIT, 0, 10, 40 }, { ENTER, 0, 50 },
		},
		.want = { { 1, 30, 40, 10, { 0, 0, 20 } } },
	}, {
		.name = "another CPU with rows from before a reset",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 10, 20 }, { ENTER, 0, 30 }, { MOVE, 1 },
			{ RESET }, { EXIT, 0, 40, 50 }, { ENTER, 0, 60 }, { EXIT, 0, 70, 80 },
			{ MOVE, 0 }, { ENTER, 0, 90 },
		},
		.want = { { 2, 20, 20, 10 } },
	}, {
		.name = "another CPU whose TSC lags behind",
		.events = {
			{ ENTER, 0, 100 }, { EXIT, 0, 200, 250 },
			{ BEGIN, EXIT_STATS_PREEMPTED, 260 }, { MOVE, 1 },
			{ END, EXIT_STATS_PREEMPTED, 50 }, { ENTER, 0, 60 },
			{ EXIT, 0, 160, 170 }, { ENTER, 0, 180 },
		},
		.want = { { 2, 60, 20, 200, { }, 1 } },
	}, {
		.name = "parts of a time that warped",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, 50, 55 }, { BEGIN, EXIT_STATS_BLOCKED, 60 },
			{ END, EXIT_STATS_BLOCKED, 200 }, { MOVE, 1 }, { ENTER, 0, 20 },
		},
		.want = { { 1, 5, 0, 50, { }, 1 } },
	}, {
		.name = "long times",
		.events = {
			{ ENTER, 0, 0 }, { EXIT, 0, BIT_ULL(40), BIT_ULL(40) + 10 },
			{ BEGIN, EXIT_STATS_BLOCKED, BIT_ULL(40) + 10 },
			{ END, EXIT_STATS_BLOCKED, BIT_ULL(50) }, { ENTER, 0, BIT_ULL(50) },
		},
		.want = { { 1, 10, BIT_ULL(50) - BIT_ULL(40), BIT_ULL(40),
			    { 0, BIT_ULL(50) - BIT_ULL(40) - 10 } } },
	},
};

static void times_desc(const struct exit_stats_times_case *t, char *desc)
{
	strscpy(desc, t->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(times, times_cases, times_desc);

/* Let the events happen.  Returns the generation that is current in the end. */
static u32 play(struct kunit *test, struct exit_stats_test *t,
		const struct exit_stats_times_case *param)
{
	const struct kvm_vcpu_exit_stats *stats = &t->vcpu.arch.exit_stats;
	const struct exit_stats_event *event;
	unsigned int cpu = 0;
	u64 term = TERM;
	int i;

	for (i = 0; i < ARRAY_SIZE(param->events); i++) {
		event = &param->events[i];

		switch (event->type) {
		case NOTHING:
			break;
		case ENTER:
			kvm_exit_stats_enter(&t->vcpu, term, event->tsc);
			break;
		case EXIT:
			record_exit(t, event->what, EXIT_STATS_TERM_GEN(term),
				    event->tsc, event->end);
			break;
		case BEGIN:
			kvm_exit_stats_begin_at(&t->vcpu, event->what, event->tsc);
			break;
		case END:
			kvm_exit_stats_end_at(&t->vcpu, event->what, event->tsc);
			break;
		case MOVE:
			cpu = event->what;
			kvm_exit_stats_move(&t->vcpu, t->cpus[cpu],
					    EXIT_STATS_TERM_GEN(term));
			break;
		case PATCH:
			term |= EXIT_STATS_TERM_PATCHING;
			break;
		case SWITCH:
			term = (term & ~EXIT_STATS_TERM_PATCHING) + EXIT_STATS_TERM_STEP;
			break;
		case RESET:
			term++;
			break;
		}

		/* Nobody but this CPU writes its table. */
		KUNIT_EXPECT_PTR_EQ(test, stats->cpu_table, &t->cpus[cpu][0]);
		if (stats->cpu_row) {
			KUNIT_EXPECT_GE(test, stats->cpu_row - t->cpus[cpu], 0);
			KUNIT_EXPECT_LT(test, stats->cpu_row - t->cpus[cpu], NR_ROWS);
		}
	}

	return EXIT_STATS_TERM_GEN(term);
}

static void check_sums(struct kunit *test, const struct kvm_exit_stat *row,
		       const struct exit_stats_sums *want)
{
	u64 parts = 0;
	int i;

	KUNIT_EXPECT_EQ(test, row->count, want->count);
	KUNIT_EXPECT_EQ(test, hist_sum(row->hist), want->count);
	KUNIT_EXPECT_EQ(test, row->cycles.sum, want->cycles);
	KUNIT_EXPECT_EQ(test, row->away.sum, want->away);
	KUNIT_EXPECT_EQ(test, row->guest, want->guest);
	KUNIT_EXPECT_EQ(test, row->clock_warps, want->clock_warps);

	for (i = 0; i < EXIT_STATS_NR_PARTS; i++) {
		KUNIT_EXPECT_EQ_MSG(test, row->parts[i], want->parts[i], "part %d", i);
		parts += row->parts[i];
	}

	KUNIT_EXPECT_LE(test, parts, row->away.sum);
	KUNIT_EXPECT_LE(test, hist_sum(row->away_hist), row->count);
	KUNIT_EXPECT_LE(test, kvm_exit_stat_min(&row->away), row->away.max);
}

static void exit_stats_times(struct kunit *test)
{
	const struct exit_stats_times_case *param = test->param_value;
	struct kvm_exit_stat *sum = alloc_row(test), *copy = alloc_row(test);
	struct exit_stats_test *t = alloc_vcpu(test);
	u32 gen = play(test, t, param);
	int row, cpu;

	for (row = 0; row < ARRAY_SIZE(param->want); row++) {
		kvm_exit_stat_init(sum);
		for (cpu = 0; cpu < NR_CPUS_TEST; cpu++) {
			if (kvm_exit_stat_read(&t->cpus[cpu][row], gen, copy))
				kvm_exit_stat_merge(sum, copy);
		}
		check_sums(test, sum, &param->want[row]);
	}
}

/* The table of the vCPU has what those of the CPUs have. */
static void exit_stats_times_of_vcpu(struct kunit *test)
{
	const struct exit_stats_times_case *param = test->param_value;
	struct kvm_exit_stat *copy = alloc_row(test);
	struct exit_stats_test *t = alloc_vcpu(test);
	u32 gen;
	int row;

	static_branch_inc(&kvm_exit_stats_vcpu_tables);
	t->vcpu.arch.exit_stats.vcpu_table = t->own;
	gen = play(test, t, param);
	static_branch_dec(&kvm_exit_stats_vcpu_tables);

	for (row = 0; row < ARRAY_SIZE(param->want); row++) {
		if (!kvm_exit_stat_read(&t->own[row], gen, copy))
			kvm_exit_stat_init(copy);
		check_sums(test, copy, &param->want[row]);
	}
}

static void exit_stats_fastpath_stamp(struct kunit *test)
{
	struct kvm_vcpu *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vcpu);

	/* A stamp is good for one exit, ... */
	vcpu->arch.exit_stats.fastpath_stamped = true;
	vcpu->arch.exit_stats.fastpath_epoch = 3;
	vcpu->arch.exit_stats.fastpath_tsc = 1234;
	KUNIT_EXPECT_EQ(test, kvm_exit_stats_take_stamp(vcpu, 3), 1234);
	KUNIT_EXPECT_FALSE(test, vcpu->arch.exit_stats.fastpath_stamped);

	/* ... and void once recording was off, ... */
	vcpu->arch.exit_stats.fastpath_stamped = true;
	KUNIT_EXPECT_EQ(test, kvm_exit_stats_take_stamp(vcpu, 4), 0);
	KUNIT_EXPECT_FALSE(test, vcpu->arch.exit_stats.fastpath_stamped);

	/* ... or if it was taken while recording was just being started. */
	vcpu->arch.exit_stats.fastpath_stamped = true;
	vcpu->arch.exit_stats.fastpath_epoch = 0;
	KUNIT_EXPECT_EQ(test, kvm_exit_stats_take_stamp(vcpu, 0), 0);
}

static struct kvm_exit_reason test_reasons[] = {
	{ 3,			"with a blank" },
	{ 0,			"zero" },
	{ 75,			"last_of_vmx" },
	{ SVM_EXIT_VMGEXIT,	"last_of_svm" },
	{ (u32)-1,		"invalid" },
	EXIT_STATS_UNKNOWN,
};

static const struct kvm_exit_stats_isa test_isa = {
	.reasons	= test_reasons,
	.nr_rows	= ARRAY_SIZE(test_reasons),
	.code_mask	= U32_MAX,
};

/* A code with bits in it that are not the reason, as VMX has them */
static const struct kvm_exit_stats_isa test_masked_isa = {
	.reasons	= test_reasons,
	.nr_rows	= ARRAY_SIZE(test_reasons),
	.code_mask	= U16_MAX,
};

static void exit_stats_rows_of_codes(struct kunit *test)
{
	static const struct {
		u32 code;
		unsigned int row;
	} want[] = {
		{ 0, 1 },
		{ 1, 5 },
		{ 3, 0 },
		{ 75, 2 },
		{ 76, 5 },
		{ SVM_EXIT_VMGEXIT - 1, 5 },
		{ SVM_EXIT_VMGEXIT, 3 },
		{ SVM_EXIT_VMGEXIT + 1, 5 },
		/* EXIT_REASON_UNDEFINED of vmx.c, i.e. a VM-Entry that failed */
		{ 0xdead, 5 },
		{ S32_MAX, 5 },
		{ (u32)-1, 4 },
	};
	u8 *rows = kunit_kzalloc(test, EXIT_STATS_CODES, GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, rows);
	kvm_exit_stats_map_reasons(&test_isa, rows);

	for (i = 0; i < ARRAY_SIZE(want); i++)
		KUNIT_EXPECT_EQ_MSG(test, kvm_exit_stats_row(&test_isa, rows, want[i].code),
				    want[i].row, "code %#x", want[i].code);

	KUNIT_EXPECT_EQ(test, kvm_exit_stats_row(&test_masked_isa, rows, BIT(31) | 75), 2);
	KUNIT_EXPECT_EQ(test, kvm_exit_stats_row(&test_masked_isa, rows, BIT(26) | 3), 0);
	KUNIT_EXPECT_EQ(test, kvm_exit_stats_row(&test_masked_isa, rows, BIT(31) | 76), 5);
	KUNIT_EXPECT_EQ(test, kvm_exit_stats_row(&test_masked_isa, rows, 0xdead), 5);

	KUNIT_EXPECT_STREQ(test, test_reasons[0].name, "with_a_blank");
	KUNIT_EXPECT_STREQ(test, test_reasons[5].name, "UNKNOWN");
}

static struct kvm_exit_reason vmx_reasons[] = { VMX_EXIT_REASONS, EXIT_STATS_UNKNOWN };
static struct kvm_exit_reason svm_reasons[] = { SVM_EXIT_REASONS, EXIT_STATS_UNKNOWN };

/* Every name must be able to be a directory, and every row to have an index. */
static void check_names(struct kunit *test, struct kvm_exit_reason *reasons,
			unsigned int nr_rows)
{
	const struct kvm_exit_stats_isa isa = {
		.reasons	= reasons,
		.nr_rows	= nr_rows,
		.code_mask	= U32_MAX,
	};
	u8 *rows = kunit_kzalloc(test, EXIT_STATS_CODES, GFP_KERNEL);
	unsigned int i, j;

	KUNIT_ASSERT_NOT_NULL(test, rows);
	KUNIT_ASSERT_LE(test, nr_rows, U8_MAX + 1);
	kvm_exit_stats_map_reasons(&isa, rows);

	for (i = 0; i < nr_rows; i++) {
		const char *name = reasons[i].name;
		size_t len = strnlen(name, sizeof(reasons[i].name));

		KUNIT_EXPECT_GT(test, len, 0);
		KUNIT_ASSERT_LT_MSG(test, len, sizeof(reasons[i].name),
				    "row %u has no end", i);
		KUNIT_EXPECT_NULL_MSG(test, strpbrk(name, " /.\n"), "%s is no word", name);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_STRNEQ(test, name, reasons[j].name);

		KUNIT_EXPECT_EQ_MSG(test, kvm_exit_stats_row(&isa, rows, reasons[i].code),
				    i == nr_rows - 1 ? kvm_exit_stats_row(&isa, rows, 0) : i,
				    "%s", name);
	}
}

static void exit_stats_names_vmx(struct kunit *test)
{
	check_names(test, vmx_reasons, ARRAY_SIZE(vmx_reasons));
}

static void exit_stats_names_svm(struct kunit *test)
{
	check_names(test, svm_reasons, ARRAY_SIZE(svm_reasons));
}

static struct kunit_case exit_stats_cases[] = {
	KUNIT_CASE_PARAM(exit_stats_record_bucket, bucket_gen_params),
	KUNIT_CASE_PARAM(exit_stats_slow_is_the_same, bucket_gen_params),
	KUNIT_CASE(exit_stats_record_several),
	KUNIT_CASE(exit_stats_nothing),
	KUNIT_CASE(exit_stats_clock_warp),
	KUNIT_CASE(exit_stats_new_generation),
	KUNIT_CASE(exit_stats_merge_rows),
	KUNIT_CASE(exit_stats_merge_empty),
	KUNIT_CASE_PARAM(exit_stats_times, times_gen_params),
	KUNIT_CASE_PARAM(exit_stats_times_of_vcpu, times_gen_params),
	KUNIT_CASE(exit_stats_fastpath_stamp),
	KUNIT_CASE(exit_stats_rows_of_codes),
	KUNIT_CASE(exit_stats_names_vmx),
	KUNIT_CASE(exit_stats_names_svm),
	{}
};

static struct kunit_suite exit_stats_suite = {
	.name = "kvm_exit_stats",
	.test_cases = exit_stats_cases,
};

kunit_test_suite(exit_stats_suite);

MODULE_DESCRIPTION("KUnit tests of KVM's VM-Exit statistics");
MODULE_LICENSE("GPL");
