// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of VM-Exit statistics: how an exit is recorded, where the time of a vCPU
 * goes, and how rows add up.  They need a vendor module that is loaded and recording.
 *
 * What needs a running guest is in the selftests exit_stats_*.
 */
#include <kunit/test.h>

#include <linux/irqflags.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/svm.h>
#include <asm/vmx.h>

#include "exit_stats.h"

/* What MODULE_IMPORT_NS() does, which takes a name before Linux 6.13, and a string since */
MODULE_INFO(import_ns, "EXPORTED_FOR_KUNIT_TESTING");

/* Two codes that both VMX and SVM have a name for, and one that neither has */
#define CODE_A		0
#define CODE_B		2
#define CODE_NONE	0xdead

/* A vCPU that nobody but the test knows of */
static int exit_stats_test_init(struct kunit *test)
{
	struct kvm_vcpu *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vcpu);
	seqcount_init(&vcpu->arch.exit_stats.seq);
	test->priv = vcpu;

	if (!kvm_exit_stats_isa.nr_rows || !kvm_exit_stats_get_enabled())
		kunit_skip(test, "nothing is recorded");
	return 0;
}

static void exit_stats_test_exit(struct kunit *test)
{
	struct kvm_vcpu *vcpu = test->priv;
	unsigned int row;

	for (row = 0; row < KVM_EXIT_STATS_MAX_ROWS; row++)
		kfree(vcpu->arch.exit_stats.rows[row]);
}

/* A VM-Exit at @t0, which is handled at @t1 */
static void exit_at(struct kunit *test, u32 code, u64 t0, u64 t1)
{
	struct kvm_vcpu *vcpu = test->priv;

	vcpu->arch.exit_stats.code = code;
	vcpu->arch.exit_stats.exit_tsc = t0;
	KUNIT_EXPECT_TRUE(test, kvm_exit_stats_record_at(vcpu, t1));
}

static void enter_at(struct kunit *test, u64 t2)
{
	struct kvm_vcpu *vcpu = test->priv;

	vcpu->arch.exit_stats.entry_tsc = t2;
}

/* The row that the last exit was recorded in */
static struct kvm_exit_stat *last_row(struct kunit *test)
{
	struct kvm_vcpu *vcpu = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, vcpu->arch.exit_stats.last);
	return vcpu->arch.exit_stats.last;
}

static u64 number(const struct kvm_exit_stat *stat, const char *name)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	unsigned int i;

	kvm_exit_stat_numbers(stat, numbers);
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++) {
		if (!strcmp(numbers[i].name, name))
			return numbers[i].value;
	}

	return U64_MAX;
}

struct bucket_case {
	u64 cycles;
	unsigned int bucket;
};

static const struct bucket_case bucket_cases[] = {
	{ 0,			0 },
	{ 1,			1 },
	{ 2,			2 },
	{ 3,			2 },
	{ 4,			3 },
	{ BIT_ULL(10) - 1,	10 },
	{ BIT_ULL(10),		11 },
	{ BIT_ULL(29),		30 },
	{ BIT_ULL(30) - 1,	30 },
	{ BIT_ULL(30),		31 },
	{ BIT_ULL(31),		31 },
	{ BIT_ULL(32),		31 },
	{ S64_MAX - 10,		31 },
};

static void bucket_desc(const struct bucket_case *t, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu", t->cycles);
}

KUNIT_ARRAY_PARAM(bucket, bucket_cases, bucket_desc);

/* Both times of an exit, the first one of a row and the next */
static void exit_stats_buckets(struct kunit *test)
{
	const struct bucket_case *param = test->param_value;
	struct kvm_exit_stat *stat;
	u64 t0 = 5;
	int i;

	/* The second one is recorded for the common case, unless it is long. */
	for (i = 0; i < 2 && t0 <= S64_MAX; i++) {
		exit_at(test, CODE_A, t0, t0 + param->cycles);
		enter_at(test, t0 + param->cycles);
		stat = last_row(test);
		t0 += param->cycles;
	}
	exit_at(test, CODE_B, t0, t0);

	KUNIT_EXPECT_EQ(test, stat->cycles.hist[param->bucket], i);
	KUNIT_EXPECT_EQ(test, stat->away.hist[param->bucket], i);
	KUNIT_EXPECT_EQ(test, number(stat, "count"), i);
	KUNIT_EXPECT_EQ(test, stat->cycles.sum, i * param->cycles);
	KUNIT_EXPECT_EQ(test, stat->cycles.min, param->cycles);
	KUNIT_EXPECT_EQ(test, stat->cycles.max, param->cycles);
	KUNIT_EXPECT_EQ(test, number(stat, "cycles_avg"), param->cycles);
	KUNIT_EXPECT_EQ(test, number(stat, "away_avg"), param->cycles);
	KUNIT_EXPECT_EQ(test, stat->away.min, param->cycles);
	KUNIT_EXPECT_EQ(test, stat->away.max, param->cycles);
	KUNIT_EXPECT_EQ(test, stat->clock_warps, 0);
}

/* The minimum of none is 0, as is one of 0 cycles: they must not be mixed up. */
static void exit_stats_extremes(struct kunit *test)
{
	struct kvm_exit_stat *stat;

	exit_at(test, CODE_A, 100, 600);
	stat = last_row(test);
	KUNIT_EXPECT_EQ(test, stat->cycles.min, 500);
	exit_at(test, CODE_A, 1000, 4000);
	KUNIT_EXPECT_EQ(test, stat->cycles.min, 500);
	KUNIT_EXPECT_EQ(test, stat->cycles.max, 3000);
	exit_at(test, CODE_A, 5000, 5000);
	KUNIT_EXPECT_EQ(test, stat->cycles.min, 0);
	exit_at(test, CODE_A, 6000, 6001);
	KUNIT_EXPECT_EQ(test, stat->cycles.min, 0);
	KUNIT_EXPECT_EQ(test, stat->cycles.max, 3000);
	KUNIT_EXPECT_EQ(test, number(stat, "cycles_avg"), 3501 / 4);

	exit_at(test, CODE_B, 7000, 7000);
	exit_at(test, CODE_B, 8000, 8009);
	KUNIT_EXPECT_EQ(test, last_row(test)->cycles.min, 0);
	KUNIT_EXPECT_EQ(test, last_row(test)->cycles.max, 9);
}

/* Where nothing can sleep, a row that is missing is left to others. */
static void exit_stats_no_row_with_irqs_off(struct kunit *test)
{
	struct kvm_vcpu *vcpu = test->priv;
	bool first, next;

	vcpu->arch.exit_stats.code = CODE_A;
	local_irq_disable();
	first = kvm_exit_stats_record_at(vcpu, 0);
	local_irq_enable();
	KUNIT_EXPECT_FALSE(test, first);
	KUNIT_EXPECT_EQ(test, vcpu->stat.exit_reasons[0], 0);

	exit_at(test, CODE_A, 10, 20);
	local_irq_disable();
	next = kvm_exit_stats_record_at(vcpu, 30);
	local_irq_enable();
	KUNIT_EXPECT_TRUE(test, next);
	KUNIT_EXPECT_EQ(test, number(last_row(test), "count"), 2);
}

/* Each code has its row, the one of its reason, also in KVM's statistics of the vCPU. */
static void exit_stats_rows_of_codes(struct kunit *test)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	unsigned int row, unknown = isa->nr_rows - 1;
	struct kvm_vcpu *vcpu = test->priv;

	for (row = 0; row < unknown; row++) {
		exit_at(test, isa->reasons[row].code, 0, 10);
		KUNIT_EXPECT_PTR_EQ(test, last_row(test), vcpu->arch.exit_stats.rows[row]);
		KUNIT_EXPECT_EQ(test, vcpu->stat.exit_reasons[row], 1);
		KUNIT_EXPECT_EQ(test, vcpu->stat.exit_reason_cycles[row], 10);
	}

	exit_at(test, CODE_NONE, 0, 10);
	KUNIT_EXPECT_EQ(test, isa->reasons[unknown].code, CODE_NONE);
	exit_at(test, S32_MAX, 0, 10);
	KUNIT_EXPECT_EQ(test, isa->reasons[unknown].code, S32_MAX);
	KUNIT_EXPECT_PTR_EQ(test, last_row(test), vcpu->arch.exit_stats.rows[unknown]);
	KUNIT_EXPECT_EQ(test, vcpu->stat.exit_reasons[unknown], 2);
	KUNIT_EXPECT_NULL(test, vcpu->arch.exit_stats.rows[KVM_EXIT_STATS_MAX_ROWS]);
}

/*
 * Where the time goes: what happens to a vCPU, and the sums that come out of it.
 */
enum event_type {
	NOTHING,
	/* VM-Entry at tsc */
	ENTER,
	/* VM-Exit at tsc, which is handled at end */
	EXIT,
	/* VM-Exit at tsc, and what it is recorded at */
	LEAVE,
	HANDLED,
	BEGIN,
	END,
	/* KVM has polled for that many ns */
	POLL,
	/* Recording is switched off and on; a new generation */
	SWITCH,
	RESET,
};

struct event {
	enum event_type type;
	/* Code, or part */
	unsigned int what;
	u64 tsc;
	u64 end;
};

struct sums {
	u64 count;
	u64 cycles;
	u64 away;
	u64 guest;
	u64 parts[EXIT_STATS_NR_PARTS];
	u64 user_exits;
	u64 clock_warps;
};

struct times_case {
	const char *name;
	struct event events[12];
	/* Of CODE_A, and of CODE_B */
	struct sums want[2];
};

#define A CODE_A
#define B CODE_B

static const struct times_case times_cases[] = {
	{
		.name = "plain exit, which the next one closes",
		.events = {
			{ ENTER, 0, 100 }, { EXIT, A, 1100, 1300 }, { ENTER, 0, 1500 },
			{ EXIT, B, 2500, 2510 },
		},
		.want = { { 1, 200, 400, 0 }, { 1, 10, 0, 1000 } },
	}, {
		.name = "several exits",
		.events = {
			{ EXIT, A, 200, 210 }, { ENTER, 0, 220 }, { EXIT, B, 300, 330 },
			{ ENTER, 0, 350 }, { EXIT, A, 400, 440 }, { ENTER, 0, 450 },
			{ EXIT, A, 500, 501 },
		},
		.want = { { 3, 51, 70, 100 }, { 1, 30, 50, 80 } },
	}, {
		.name = "KVM does not enter the guest",
		.events = {
			{ EXIT, A, 200, 210 }, { ENTER, 0, 300 }, { EXIT, A, 300, 310 },
			{ ENTER, 0, 400 }, { EXIT, A, 400, 410 },
		},
		.want = { { 3, 30, 200, 0 } },
	}, {
		.name = "user space",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_USER, 25 },
			{ END, EXIT_STATS_USER, 125 }, { ENTER, 0, 130 }, { EXIT, B, 140, 150 },
			{ ENTER, 0, 160 }, { EXIT, B, 170, 180 },
		},
		.want = { { 1, 10, 120, 0, { 100 }, 1 }, { 2, 20, 20, 20 } },
	}, {
		.name = "user space twice is one exit that went there",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_USER, 30 },
			{ END, EXIT_STATS_USER, 40 }, { BEGIN, EXIT_STATS_USER, 50 },
			{ END, EXIT_STATS_USER, 60 }, { ENTER, 0, 70 }, { EXIT, B, 80, 90 },
		},
		.want = { { 1, 10, 60, 0, { 20 }, 1 }, { 1, 10, 0, 10 } },
	}, {
		.name = "blocked, and preempted in that",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_BLOCKED, 20 },
			{ BEGIN, EXIT_STATS_PREEMPTED, 30 }, { END, EXIT_STATS_PREEMPTED, 50 },
			{ END, EXIT_STATS_BLOCKED, 60 }, { ENTER, 0, 70 }, { EXIT, B, 80, 90 },
		},
		.want = { { 1, 10, 60, 0, { 0, 40 } }, { 1, 10, 0, 10 } },
	}, {
		.name = "preempted after handling",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_PREEMPTED, 30 },
			{ END, EXIT_STATS_PREEMPTED, 80 }, { ENTER, 0, 100 }, { EXIT, B, 110, 120 },
		},
		.want = { { 1, 10, 90, 0, { 0, 0, 50 } }, { 1, 10, 0, 10 } },
	}, {
		.name = "preempted while handling",
		.events = {
			{ EXIT, A, 10, 20 }, { ENTER, 0, 30 }, { LEAVE, B, 40 },
			{ BEGIN, EXIT_STATS_PREEMPTED, 50 }, { END, EXIT_STATS_PREEMPTED, 90 },
			{ HANDLED, B, 95 }, { ENTER, 0, 100 }, { EXIT, A, 110, 120 },
		},
		.want = { { 2, 20, 20, 10 }, { 1, 55, 60, 10, { 0, 0, 40 } } },
	}, {
		.name = "preempted while handling, and after",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_USER, 20 },
			{ END, EXIT_STATS_USER, 29 }, { ENTER, 0, 30 }, { LEAVE, B, 40 },
			{ BEGIN, EXIT_STATS_PREEMPTED, 50 }, { END, EXIT_STATS_PREEMPTED, 90 },
			{ HANDLED, B, 95 }, { BEGIN, EXIT_STATS_PREEMPTED, 96 },
			{ END, EXIT_STATS_PREEMPTED, 98 }, { ENTER, 0, 100 },
			{ EXIT, A, 110, 120 },
		},
		.want = { { 2, 20, 20, 10, { 9 }, 1 }, { 1, 55, 60, 10, { 0, 0, 42 } } },
	}, {
		.name = "end without a beginning",
		.events = {
			{ EXIT, A, 10, 20 }, { END, EXIT_STATS_PREEMPTED, 30 }, { ENTER, 0, 40 },
			{ EXIT, B, 50, 60 },
		},
		.want = { { 1, 10, 30, 0 }, { 1, 10, 0, 10 } },
	}, {
		.name = "reset after the exit",
		.events = {
			{ EXIT, A, 10, 20 }, { RESET }, { ENTER, 0, 40 }, { EXIT, A, 50, 60 },
			{ ENTER, 0, 70 }, { EXIT, B, 80, 90 },
		},
		.want = { { 1, 10, 20, 0 }, { 1, 10, 0, 10 } },
	}, {
		.name = "reset while handling",
		.events = {
			{ EXIT, A, 10, 20 }, { ENTER, 0, 30 }, { LEAVE, A, 40 }, { RESET },
			{ HANDLED, A, 90 }, { ENTER, 0, 95 }, { EXIT, B, 96, 97 },
		},
		.want = { { 1, 50, 55, 0 }, { 1, 1, 0, 1 } },
	}, {
		.name = "off and on after the exit",
		.events = {
			{ EXIT, A, 10, 20 }, { SWITCH }, { ENTER, 0, 1000 },
			{ EXIT, A, 1010, 1020 }, { ENTER, 0, 1040 }, { EXIT, B, 1050, 1060 },
		},
		.want = { { 2, 20, 30, 0 }, { 1, 10, 0, 10 } },
	}, {
		.name = "off and on in user space",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_USER, 30 }, { SWITCH },
			{ END, EXIT_STATS_USER, 900 }, { ENTER, 0, 1000 }, { EXIT, A, 1010, 1020 },
			{ ENTER, 0, 1040 }, { EXIT, B, 1050, 1060 },
		},
		.want = { { 2, 20, 30, 0 }, { 1, 10, 0, 10 } },
	}, {
		.name = "part whose end was not seen",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_USER, 30 }, { SWITCH },
			{ ENTER, 0, 1000 }, { EXIT, A, 1010, 1020 },
			{ BEGIN, EXIT_STATS_BLOCKED, 1025 }, { END, EXIT_STATS_BLOCKED, 1035 },
			{ ENTER, 0, 1040 }, { EXIT, B, 1050, 1060 },
		},
		.want = { { 2, 20, 30, 0, { 0, 10 } }, { 1, 10, 0, 10 } },
	}, {
		.name = "the TSC goes back while handling",
		.events = {
			{ EXIT, A, 1000, 900 }, { ENTER, 0, 1100 }, { EXIT, B, 1200, 1210 },
		},
		.want = { { 1, 0, 100, 0, { }, 0, 1 }, { 1, 10, 0, 100 } },
	}, {
		.name = "the TSC goes back in a part",
		.events = {
			{ EXIT, A, 200, 250 }, { BEGIN, EXIT_STATS_PREEMPTED, 260 },
			{ END, EXIT_STATS_PREEMPTED, 50 }, { ENTER, 0, 60 }, { EXIT, B, 160, 170 },
		},
		.want = { { 1, 50, 0, 0, { }, 0, 1 }, { 1, 10, 0, 100 } },
	}, {
		.name = "parts of a time that warped",
		.events = {
			{ EXIT, A, 50, 55 }, { BEGIN, EXIT_STATS_USER, 60 },
			{ END, EXIT_STATS_USER, 200 }, { ENTER, 0, 20 }, { EXIT, B, 30, 40 },
		},
		.want = { { 1, 5, 0, 0, { }, 0, 1 }, { 1, 10, 0, 10 } },
	}, {
		.name = "long times",
		.events = {
			{ EXIT, A, 0, 1 }, { BEGIN, EXIT_STATS_BLOCKED, 1 },
			{ END, EXIT_STATS_BLOCKED, BIT_ULL(50) }, { ENTER, 0, BIT_ULL(50) },
			{ EXIT, B, BIT_ULL(60), BIT_ULL(60) + BIT_ULL(40) },
		},
		.want = {
			{ 1, 1, BIT_ULL(50), 0, { 0, BIT_ULL(50) - 1 } },
			{ 1, BIT_ULL(40), 0, BIT_ULL(60) - BIT_ULL(50) },
		},
	},
};

static void times_desc(const struct times_case *t, char *desc)
{
	strscpy(desc, t->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(times, times_cases, times_desc);

/* To have its era be over is the same to a vCPU as a new one that all others see, too. */
static void leave_era(struct kvm_vcpu *vcpu, u64 by)
{
	vcpu->arch.exit_stats.era -= by;
}

static void play(struct kunit *test, const struct event *event)
{
	struct kvm_vcpu *vcpu = test->priv;

	switch (event->type) {
	case NOTHING:
		break;
	case ENTER:
		enter_at(test, event->tsc);
		break;
	case EXIT:
		exit_at(test, event->what, event->tsc, event->end);
		break;
	case LEAVE:
		vcpu->arch.exit_stats.exit_tsc = event->tsc;
		break;
	case HANDLED:
		exit_at(test, event->what, vcpu->arch.exit_stats.exit_tsc, event->tsc);
		break;
	case BEGIN:
		kvm_exit_stats_begin_at(vcpu, event->what, event->tsc);
		break;
	case END:
		kvm_exit_stats_end_at(vcpu, event->what, event->tsc);
		break;
	case POLL:
		vcpu->stat.generic.halt_poll_fail_ns += event->tsc;
		break;
	case SWITCH:
		leave_era(vcpu, BIT_ULL(33));
		break;
	case RESET:
		leave_era(vcpu, 1);
		break;
	}
}

static void check_sums(struct kunit *test, const struct kvm_exit_stat *stat,
		       const struct sums *want)
{
	int i;

	KUNIT_EXPECT_EQ(test, number(stat, "count"), want->count);
	KUNIT_EXPECT_EQ(test, number(stat, "cycles_total"), want->cycles);
	KUNIT_EXPECT_EQ(test, number(stat, "away_total"), want->away);
	KUNIT_EXPECT_EQ(test, number(stat, "guest_cycles"), want->guest);
	KUNIT_EXPECT_EQ(test, number(stat, "user_exits"), want->user_exits);
	KUNIT_EXPECT_EQ(test, stat->clock_warps, want->clock_warps);

	for (i = 0; i < EXIT_STATS_NR_PARTS; i++)
		KUNIT_EXPECT_EQ_MSG(test, stat->parts[i], want->parts[i], "part %d", i);
}

static void exit_stats_times(struct kunit *test)
{
	const struct times_case *param = test->param_value;
	static const struct kvm_exit_stat none;
	struct kvm_exit_stat *row_a, *row_b;
	struct kvm_vcpu *vcpu = test->priv;
	int i;

	/* Rows that were emptied stay: have them be there from the beginning. */
	exit_at(test, CODE_A, 0, 1);
	row_a = last_row(test);
	exit_at(test, CODE_B, 0, 1);
	row_b = last_row(test);
	leave_era(vcpu, 1);
	vcpu->arch.exit_stats.part = EXIT_STATS_KVM;

	for (i = 0; i < ARRAY_SIZE(param->events); i++)
		play(test, &param->events[i]);

	check_sums(test, row_a, &param->want[0]);
	check_sums(test, param->want[1].count ? row_b : &none, &param->want[1]);
}

/* KVM measures polling, and a part of it is no longer than the whole. */
static void exit_stats_polled(struct kunit *test)
{
	static const struct event events[] = {
		{ EXIT, A, 0, 10 }, { BEGIN, EXIT_STATS_BLOCKED, 20 }, { POLL, 0, 2 },
		{ END, EXIT_STATS_BLOCKED, BIT_ULL(20) },
		{ BEGIN, EXIT_STATS_BLOCKED, BIT_ULL(20) }, { POLL, 0, NSEC_PER_SEC },
		{ END, EXIT_STATS_BLOCKED, BIT_ULL(20) + 50 },
		{ ENTER, 0, BIT_ULL(21) }, { EXIT, B, BIT_ULL(22), BIT_ULL(22) },
	};
	u64 cycles_of_2_ns = mul_u64_u32_div(2, tsc_khz, NSEC_PER_MSEC);
	struct kvm_vcpu *vcpu = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		play(test, &events[i]);

	KUNIT_EXPECT_EQ(test, vcpu->arch.exit_stats.rows[0]->polled, cycles_of_2_ns + 50);
	KUNIT_EXPECT_EQ(test, vcpu->arch.exit_stats.rows[0]->parts[EXIT_STATS_BLOCKED],
			BIT_ULL(20) - 20 + 50);
}

static void exit_stats_merge(struct kunit *test)
{
	struct kvm_exit_stat *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	struct kvm_exit_stat *none = kunit_kzalloc(test, sizeof(*none), GFP_KERNEL);
	struct kvm_exit_stat *a, *b;

	KUNIT_ASSERT_NOT_NULL(test, sum);
	KUNIT_ASSERT_NOT_NULL(test, none);

	exit_at(test, CODE_A, 0, 100);
	a = last_row(test);
	exit_at(test, CODE_A, 0, 200);
	exit_at(test, CODE_B, 0, 50);
	b = last_row(test);
	exit_at(test, CODE_B, 9, 8);
	enter_at(test, 9);
	exit_at(test, CODE_NONE, 9, 159);

	kvm_exit_stat_merge(sum, none);
	KUNIT_EXPECT_EQ(test, memcmp(sum, none, sizeof(*sum)), 0);
	kvm_exit_stat_merge(sum, a);
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 100);
	kvm_exit_stat_merge(sum, none);
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 100);
	kvm_exit_stat_merge(sum, last_row(test));
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 100);
	kvm_exit_stat_merge(sum, b);

	KUNIT_EXPECT_EQ(test, number(sum, "count"), 5);
	KUNIT_EXPECT_EQ(test, sum->cycles.sum, 500);
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 0);
	KUNIT_EXPECT_EQ(test, sum->cycles.max, 200);
	KUNIT_EXPECT_EQ(test, sum->cycles.hist[0], 1);
	KUNIT_EXPECT_EQ(test, sum->cycles.hist[6], 1);
	KUNIT_EXPECT_EQ(test, sum->cycles.hist[7], 1);
	KUNIT_EXPECT_EQ(test, sum->cycles.hist[8], 2);
	KUNIT_EXPECT_EQ(test, sum->clock_warps, 1);
}

/* A host of 1000 vCPUs that are idle for a century: sums stop, and shares make sense. */
static void exit_stats_century(struct kunit *test)
{
	const u64 century = 100ull * 365 * 24 * 3600 * 3000000000ull;
	struct kvm_exit_stat *halt = kunit_kzalloc(test, sizeof(*halt), GFP_KERNEL);
	struct kvm_exit_stat *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	struct kvm_exit_stat *total = kunit_kzalloc(test, sizeof(*total), GFP_KERNEL);
	struct kvm_exit_stat *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_TRUE(test, halt && other && total && vcpu);

	/* One vCPU */
	vcpu->away.sum = century / 10 * 9;
	vcpu->away.max = BIT_ULL(40);
	vcpu->away.hist[31] = 1;
	vcpu->parts[EXIT_STATS_BLOCKED] = vcpu->away.sum;
	vcpu->guest = century / 10;
	kvm_exit_stat_merge(total, vcpu);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_tax(vcpu, total), 9000);

	for (i = 0; i < 1000; i++)
		kvm_exit_stat_merge(halt, vcpu);
	KUNIT_EXPECT_EQ(test, halt->away.sum, U64_MAX);
	KUNIT_EXPECT_EQ(test, halt->parts[EXIT_STATS_BLOCKED], U64_MAX);
	KUNIT_EXPECT_EQ(test, halt->guest, U64_MAX);
	KUNIT_EXPECT_EQ(test, halt->away.hist[31], 1000);

	other->away.sum = BIT_ULL(62);
	memset(total, 0, sizeof(*total));
	kvm_exit_stat_merge(total, halt);
	kvm_exit_stat_merge(total, other);
	KUNIT_EXPECT_EQ(test, total->away.sum, U64_MAX);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_tax(halt, total), 5000);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_tax(other, total), 1250);
	memset(total, 0, sizeof(*total));
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_tax(total, total), 0);
}

/* All numbers and buckets at their longest have room in a line. */
static void exit_stats_longest_line(struct kunit *test)
{
	struct kvm_exit_stat *stat = kunit_kzalloc(test, sizeof(*stat), GFP_KERNEL);
	char *buf = kunit_kzalloc(test, 2 * EXIT_STATS_LINE_SIZE, GFP_KERNEL);
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, stat);
	KUNIT_ASSERT_NOT_NULL(test, buf);

	len = kvm_exit_stat_print(stat, buf, EXIT_STATS_LINE_SIZE);
	KUNIT_EXPECT_STREQ(test, buf + len - strlen(" 0  -  -\n"), " 0  -  -\n");

	memset(stat, 0xff, sizeof(*stat));
	len = kvm_exit_stat_print(stat, buf, 2 * EXIT_STATS_LINE_SIZE);
	KUNIT_EXPECT_EQ(test, buf[len - 1], '\n');
	KUNIT_EXPECT_LT(test, len, EXIT_STATS_LINE_SIZE);
}

static const struct kvm_exit_reason vmx_reasons[] = { VMX_EXIT_REASONS, EXIT_STATS_UNKNOWN };
static const struct kvm_exit_reason svm_reasons[] = { SVM_EXIT_REASONS, EXIT_STATS_UNKNOWN };

/* Every name must be able to be a directory, but for its blanks, and every row be found. */
static void check_names(struct kunit *test, const struct kvm_exit_reason *reasons,
			unsigned int nr_rows)
{
	unsigned int i, j;

	KUNIT_ASSERT_LE(test, nr_rows, KVM_EXIT_STATS_MAX_ROWS);

	for (i = 0; i < nr_rows; i++) {
		const char *name = reasons[i].name;

		KUNIT_ASSERT_LT_MSG(test, strnlen(name, sizeof(reasons[i].name)),
				    sizeof(reasons[i].name), "row %u has no end", i);
		KUNIT_EXPECT_GT(test, strlen(name), 0);
		KUNIT_EXPECT_NULL_MSG(test, strpbrk(name, "/.\n"), "%s is no word", name);
		for (j = 0; j < i; j++) {
			KUNIT_EXPECT_STRNEQ(test, name, reasons[j].name);
			if (i < nr_rows - 1)
				KUNIT_EXPECT_NE(test, reasons[i].code, reasons[j].code);
		}
	}
}

static void exit_stats_names(struct kunit *test)
{
	check_names(test, vmx_reasons, ARRAY_SIZE(vmx_reasons));
	check_names(test, svm_reasons, ARRAY_SIZE(svm_reasons));
}

static struct kunit_case exit_stats_cases[] = {
	KUNIT_CASE_PARAM(exit_stats_buckets, bucket_gen_params),
	KUNIT_CASE(exit_stats_extremes),
	KUNIT_CASE(exit_stats_no_row_with_irqs_off),
	KUNIT_CASE(exit_stats_rows_of_codes),
	KUNIT_CASE_PARAM(exit_stats_times, times_gen_params),
	KUNIT_CASE(exit_stats_polled),
	KUNIT_CASE(exit_stats_merge),
	KUNIT_CASE(exit_stats_century),
	KUNIT_CASE(exit_stats_longest_line),
	KUNIT_CASE(exit_stats_names),
	{}
};

static struct kunit_suite exit_stats_suite = {
	.name = "kvm_exit_stats",
	.init = exit_stats_test_init,
	.exit = exit_stats_test_exit,
	.test_cases = exit_stats_cases,
};

kunit_test_suite(exit_stats_suite);

MODULE_DESCRIPTION("KUnit tests of KVM's VM-Exit statistics");
MODULE_LICENSE("GPL");
