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

/* In place of MODULE_IMPORT_NS(), which takes a name before Linux 6.13, and a string since */
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
	/* Worst exits read RIP: mark it as cached, as there is no VMCS or VMCB to read it from. */
	kvm_rip_write(vcpu, 0);
	vcpu->kvm = kunit_kzalloc(test, sizeof(*vcpu->kvm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vcpu->kvm);
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
		kvm_exit_stat_free(vcpu->arch.exit_stats.rows[row]);
	for (row = 0; vcpu->arch.exit_stats.nested && row < 2 * KVM_EXIT_STATS_MAX_ROWS; row++)
		kvm_exit_stat_free(vcpu->arch.exit_stats.nested[row]);
	kfree(vcpu->arch.exit_stats.nested);
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

/* Both times of an exit have the right bucket, in the first exit of a row and in later ones. */
static void exit_stats_buckets(struct kunit *test)
{
	const struct bucket_case *param = test->param_value;
	struct kvm_vcpu *vcpu = test->priv;
	struct kvm_exit_stat *stat;
	u64 t0 = 5;
	int i;

	/* The third exit takes the path of the common case, unless it is long. */
	for (i = 0; i < 3 && t0 <= S64_MAX; i++) {
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
	KUNIT_EXPECT_EQ(test, vcpu->arch.exit_stats.clock_warps, 0);
}

/* A minimum of 0 means either no time at all, or a time of 0 cycles: do not mix them up. */
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

/* With IRQs off, no row can be allocated: an exit without one is left to a later attempt. */
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
	/* VM-Exit at tsc, which is handled later, i.e. by HANDLED at its tsc */
	LEAVE,
	HANDLED,
	BEGIN,
	END,
	/* KVM has polled for that many ns */
	POLL,
	/* Recording is switched off and on; a reset, i.e. a new generation */
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
};

struct times_case {
	const char *name;
	struct event events[12];
	/* Of CODE_A, and of CODE_B */
	struct sums want[2];
	u64 clock_warps;
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
		.name = "user space, and blocked after that",
		.events = {
			{ EXIT, A, 10, 20 }, { BEGIN, EXIT_STATS_USER, 30 },
			{ END, EXIT_STATS_USER, 40 }, { BEGIN, EXIT_STATS_BLOCKED, 45 },
			{ END, EXIT_STATS_BLOCKED, 60 }, { ENTER, 0, 70 }, { EXIT, B, 80, 90 },
		},
		.want = { { 1, 10, 60, 0, { 10, 15 }, 1 }, { 1, 10, 0, 10 } },
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
		.want = { { 1, 0, 100, 0 }, { 1, 10, 0, 100 } },
		.clock_warps = 1,
	}, {
		.name = "the TSC goes back in a part",
		.events = {
			{ EXIT, A, 200, 250 }, { BEGIN, EXIT_STATS_PREEMPTED, 260 },
			{ END, EXIT_STATS_PREEMPTED, 50 }, { ENTER, 0, 60 }, { EXIT, B, 160, 170 },
		},
		.want = { { 1, 50, 0, 0 }, { 1, 10, 0, 100 } },
		.clock_warps = 1,
	}, {
		.name = "parts of a time that warped",
		.events = {
			{ EXIT, A, 50, 55 }, { BEGIN, EXIT_STATS_USER, 60 },
			{ END, EXIT_STATS_USER, 200 }, { ENTER, 0, 20 }, { EXIT, B, 30, 40 },
		},
		.want = { { 1, 5, 0, 0 }, { 1, 10, 0, 10 } },
		.clock_warps = 1,
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

/* To end the era of this vCPU only, lower its own era, in place of raising the global one. */
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
		if (event->what == EXIT_STATS_USER)
			kvm_exit_stats_set_user_reason(vcpu, KVM_EXIT_IO, 0);
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

	/* Allocate both rows in advance.  A new era empties rows, but keeps their memory. */
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
	KUNIT_EXPECT_EQ(test, vcpu->arch.exit_stats.clock_warps, param->clock_warps);
}

/* The polled time is what KVM measures, but not more than the part in which KVM polled. */
static void exit_stats_polled(struct kunit *test)
{
	static const struct event events[] = {
		{ EXIT, A, 0, 10 }, { BEGIN, EXIT_STATS_BLOCKED, 20 }, { POLL, 0, 2 },
		{ END, EXIT_STATS_BLOCKED, BIT_ULL(20) },
		{ BEGIN, EXIT_STATS_BLOCKED, BIT_ULL(20) }, { POLL, 0, NSEC_PER_SEC },
		{ END, EXIT_STATS_BLOCKED, BIT_ULL(20) + 50 },
		/* Somebody clears KVM's statistics. */
		{ BEGIN, EXIT_STATS_BLOCKED, BIT_ULL(20) + 60 }, { POLL, 0, -NSEC_PER_SEC },
		{ END, EXIT_STATS_BLOCKED, BIT_ULL(20) + 90 },
		{ ENTER, 0, BIT_ULL(21) }, { EXIT, B, BIT_ULL(22), BIT_ULL(22) },
	};
	u64 cycles_of_2_ns = mul_u64_u32_div(2, tsc_khz, NSEC_PER_MSEC);
	struct kvm_vcpu *vcpu = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		play(test, &events[i]);

	KUNIT_EXPECT_EQ(test, vcpu->arch.exit_stats.rows[0]->polled, cycles_of_2_ns + 50);
	KUNIT_EXPECT_EQ(test, vcpu->arch.exit_stats.rows[0]->parts[EXIT_STATS_BLOCKED],
			BIT_ULL(20) - 20 + 50 + 30);
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
}

/* KVM_RUN fails with @error, or returns with @reason, and is called again after 10 cycles. */
static void fail_at(struct kunit *test, u64 tsc, u8 reason, int error)
{
	struct kvm_vcpu *vcpu = test->priv;

	kvm_exit_stats_set_user_reason(vcpu, reason, error);
	kvm_exit_stats_begin_at(vcpu, EXIT_STATS_USER, tsc);
	kvm_exit_stats_end_at(vcpu, EXIT_STATS_USER, tsc + 10);
}

static void return_at(struct kunit *test, u64 tsc, u8 reason)
{
	fail_at(test, tsc, reason, 0);
}

/* The last column of the printed row, i.e. the user reasons, must be @want. */
static void expect_user_reasons(struct kunit *test, const struct kvm_exit_stat *stat,
				const char *want)
{
	char *buf = kunit_kzalloc(test, EXIT_STATS_LINE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	kvm_exit_stat_print(stat, buf, EXIT_STATS_LINE_SIZE);
	strim(buf);
	KUNIT_EXPECT_STREQ(test, strrchr(buf, ' ') + 1, want);
}

/* An exit reason counts up to 4 user reasons separately, and the rest as "other". */
static void exit_stats_user_reasons(struct kunit *test)
{
	static const u8 first[] = { 2, 6, 2, 0, EXIT_STATS_USER_ERROR, 11, 2 };
	static const int errors[] = { -EFAULT, -EHWPOISON, -EAGAIN, -EINTR };
	struct kvm_exit_stat *sum = kunit_kzalloc(test, sizeof(*sum), GFP_KERNEL);
	struct kvm_exit_user *user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);
	struct kvm_vcpu *vcpu = test->priv;
	struct kvm_exit_stat *unknown;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, sum);
	KUNIT_ASSERT_NOT_NULL(test, user);
	sum->user = user;

	/* A return before any exit belongs to none, and is not counted. */
	return_at(test, 10, KVM_EXIT_IO);
	exit_at(test, CODE_A, 100, 110);
	for (i = 0; i < ARRAY_SIZE(first); i++)
		return_at(test, 200 + 20 * i, first[i]);
	expect_user_reasons(test, last_row(test), "2:3:30,6:1:10,0:1:10,error:1:10,other:1:10");

	/* Rows can have user reasons in different orders.  In their sum, some have no place. */
	enter_at(test, 900);
	exit_at(test, CODE_B, 1000, 1010);
	return_at(test, 1020, KVM_EXIT_HLT);
	return_at(test, 1040, KVM_EXIT_MMIO);
	kvm_exit_stat_merge(sum, last_row(test));
	kvm_exit_stat_merge(sum, vcpu->arch.exit_stats.rows[0]);
	expect_user_reasons(test, sum, "5:1:10,6:2:20,2:3:30,0:1:10,other:2:20");
	/* Seven returns after the first exit count as one exit, and the second is not over. */
	KUNIT_EXPECT_EQ(test, number(sum, "user_exits"), 1);

	/* A return that began in another era is void. */
	kvm_exit_stats_set_user_reason(vcpu, KVM_EXIT_HLT, 0);
	kvm_exit_stats_begin_at(vcpu, EXIT_STATS_USER, 2000);
	leave_era(vcpu, 1);
	kvm_exit_stats_end_at(vcpu, EXIT_STATS_USER, 2010);
	return_at(test, 2020, KVM_EXIT_HLT);
	expect_user_reasons(test, last_row(test), "5:2:10,6:1:10");

	/* Only a memory fault, 39, comes with an error, i.e. with one of the first two below. */
	exit_at(test, CODE_B, 2030, 2040);
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		fail_at(test, 2050 + 20 * i, KVM_EXIT_MEMORY_FAULT, errors[i]);
	fail_at(test, 2150, KVM_EXIT_IO, -EFAULT);
	expect_user_reasons(test, last_row(test), "39:2:20,error:2:20,10:1:10");

	/* Without memory for its reason, a return is not counted, but its time is. */
	exit_at(test, CODE_NONE, 3000, 3010);
	unknown = last_row(test);
	kvm_exit_stats_begin_at(vcpu, EXIT_STATS_USER, 3020);
	kvm_exit_stats_end_at(vcpu, EXIT_STATS_USER, 3030);
	enter_at(test, 3040);
	exit_at(test, CODE_A, 3050, 3060);
	KUNIT_EXPECT_EQ(test, number(unknown, "user_exits"), 0);
	KUNIT_EXPECT_EQ(test, unknown->parts[EXIT_STATS_USER], 10);
}

static void preempt_at(struct kunit *test, u64 tsc, pid_t pid, u64 cycles)
{
	struct kvm_vcpu *vcpu = test->priv;

	vcpu->arch.exit_stats.preemptor_pid = pid;
	snprintf(vcpu->arch.exit_stats.preemptor_command, TASK_COMM_LEN, "task %d", pid);
	kvm_exit_stats_begin_at(vcpu, EXIT_STATS_PREEMPTED, tsc);
	kvm_exit_stats_end_at(vcpu, EXIT_STATS_PREEMPTED, tsc + cycles);
}

static const struct kvm_exit_preemptor *find_preemptor(const struct kvm_exit_preemptor *all,
						       pid_t pid)
{
	unsigned int i;

	for (i = 0; i < KVM_EXIT_STATS_TOP; i++) {
		if (all[i].top.count && all[i].top.key == pid)
			return &all[i];
	}

	return NULL;
}

/* Up to 8 processes that take the CPU are counted exactly; of more, the most frequent stay. */
static void exit_stats_preemptors(struct kunit *test)
{
	const struct kvm_exit_preemptor *all, *p;
	struct kvm_vcpu *vcpu = test->priv;
	u64 sum = 0;
	pid_t pid;
	int i;

	all = vcpu->arch.exit_stats.preemptors;
	preempt_at(test, 10, 1, 10);
	KUNIT_EXPECT_NULL(test, find_preemptor(all, 1));

	exit_at(test, CODE_A, 100, 110);
	for (pid = 0; pid < 8; pid++) {
		for (i = 0; i <= pid; i++)
			preempt_at(test, 1000, pid, 10 + i);
	}
	for (pid = 0; pid < 8; pid++) {
		p = find_preemptor(all, pid);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, p->top.count, pid + 1);
		KUNIT_EXPECT_EQ(test, p->top.error, 0);
		KUNIT_EXPECT_EQ(test, p->top.cycles, 10 * (pid + 1) + pid * (pid + 1) / 2);
		KUNIT_EXPECT_EQ(test, p->top.longest, 10 + pid);
	}

	/* The ninth takes the place, and the count, of the least frequent one. */
	preempt_at(test, 2000, 100, 50);
	KUNIT_EXPECT_NULL(test, find_preemptor(all, 0));
	p = find_preemptor(all, 100);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, p->top.count, 2);
	KUNIT_EXPECT_EQ(test, p->top.error, 1);
	KUNIT_EXPECT_EQ(test, p->top.cycles, 50);
	KUNIT_EXPECT_STREQ(test, p->command, "task 100");

	/* The sum of the counts includes the process that has lost its place. */
	for (i = 0; i < KVM_EXIT_STATS_TOP; i++)
		sum += all[i].top.count;
	KUNIT_EXPECT_EQ(test, sum, 8 * 9 / 2 + 1);
}

/* After a merge of two lists, the bounds hold for each process that is in the result. */
static void exit_stats_merge_preemptors(struct kunit *test)
{
	static const struct kvm_exit_preemptor two[KVM_EXIT_STATS_TOP] = {
		{ { .key = 3, .count = 5, .error = 0, .cycles = 50, .longest = 30 } },
		{ { .key = 9, .count = 100, .error = 2, .cycles = 980, .longest = 11 } },
	};
	struct kvm_exit_preemptor *sum, *full;
	const struct kvm_exit_preemptor *p;
	int i;

	sum = kunit_kcalloc(test, KVM_EXIT_STATS_TOP, sizeof(*sum), GFP_KERNEL);
	full = kunit_kcalloc(test, KVM_EXIT_STATS_TOP, sizeof(*full), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, sum && full);

	for (i = 0; i < KVM_EXIT_STATS_TOP; i++) {
		full[i].top = (struct kvm_exit_top){
			.key = i, .count = 10 + i, .error = i, .cycles = 100, .longest = 20,
		};
	}

	kvm_exit_top_merge(sum, two, sizeof(*sum));
	KUNIT_EXPECT_EQ(test, sum[0].top.key, 9);
	KUNIT_EXPECT_EQ(test, sum[0].top.count, 100);
	KUNIT_EXPECT_EQ(test, sum[0].top.error, 2);
	KUNIT_EXPECT_EQ(test, sum[1].top.key, 3);
	KUNIT_EXPECT_EQ(test, sum[2].top.count, 0);

	/* A process that a full list lacks may have the count of its least frequent entry there. */
	kvm_exit_top_merge(sum, full, sizeof(*sum));
	kvm_exit_top_merge(full, two, sizeof(*full));
	p = find_preemptor(full, 9);
	KUNIT_ASSERT_PTR_EQ(test, p, &full[0]);
	KUNIT_EXPECT_EQ(test, p->top.count, 110);
	KUNIT_EXPECT_EQ(test, p->top.error, 12);
	p = find_preemptor(sum, 9);
	KUNIT_ASSERT_PTR_EQ(test, p, &sum[0]);
	KUNIT_EXPECT_EQ(test, p->top.count, 110);
	KUNIT_EXPECT_EQ(test, p->top.error, 12);
	p = find_preemptor(sum, 3);
	KUNIT_ASSERT_PTR_EQ(test, p, &sum[1]);
	KUNIT_EXPECT_EQ(test, p->top.count, 18);
	KUNIT_EXPECT_EQ(test, p->top.error, 3);
	KUNIT_EXPECT_EQ(test, p->top.cycles, 150);
	KUNIT_EXPECT_EQ(test, p->top.longest, 30);
	/* A process that a list with free places lacks did not occur there. */
	p = find_preemptor(sum, 7);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, p->top.count, 17);
	KUNIT_EXPECT_EQ(test, p->top.error, 7);
	KUNIT_EXPECT_NULL(test, find_preemptor(sum, 0));
}

/* An exit of 10 cycles with that key, i.e. to that MSR */
static void exit_for(struct kunit *test, u64 tsc, u64 key)
{
	struct kvm_vcpu *vcpu = test->priv;

	enter_at(test, tsc - 5);
	vcpu->arch.exit_stats.key = key;
	vcpu->arch.exit_stats.key_kind = EXIT_KEY_MSR;
	exit_at(test, CODE_A, tsc, tsc + 10);
}

static void expect_keys_of(struct kunit *test, const struct kvm_exit_stat *stat,
			   const char *want)
{
	char *text = kunit_kzalloc(test, EXIT_STATS_KEYS_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	kvm_exit_keys_print(stat, "", text, EXIT_STATS_KEYS_SIZE);
	KUNIT_EXPECT_STREQ(test, text, want);
}

static void expect_keys(struct kunit *test, const char *want)
{
	expect_keys_of(test, last_row(test), want);
}

/* Up to 8 keys are exact.  The last line has the exits that no key certainly has. */
static void exit_stats_keys(struct kunit *test)
{
	struct kvm_exit_row *sum = kunit_kcalloc(test, 2, sizeof(*sum), GFP_KERNEL);
	const struct kvm_exit_stat *with_keys;
	bool keys = kvm_exit_stats_get_keys();
	struct kvm_vcpu *vcpu = test->priv;
	u64 tsc = 1000, key;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, sum);
	kvm_exit_stats_set_keys(false);
	exit_for(test, tsc, 1);
	expect_keys(test, "");

	/* A key from before "keys" was on may be that of an older exit: do not count it. */
	kvm_exit_stats_set_keys(true);
	exit_for(test, tsc += 100, 2);
	expect_keys(test, "");

	for (key = 0; key < 8; key++) {
		for (i = 0; i < 10 - key; i++)
			exit_for(test, tsc += 100, key);
	}
	exit_for(test, tsc += 100, EXIT_KEY_WRITE | 7);
	expect_keys(test, "msr:0x0 10 0 100 10\n"
			  "msr:0x1 9 0 90 10\n"
			  "msr:0x2 8 0 80 10\n"
			  "msr:0x3 7 0 70 10\n"
			  "msr:0x4 6 0 60 10\n"
			  "msr:0x5 5 0 50 10\n"
			  "msr:0x6 4 0 40 10\n"
			  "msr:0x7:write 1 3 10 10\n"
			  "other 5 0 50 0\n");

	/*
	 * In a sum, exits without a key add none to those with keys, whichever comes first.  The
	 * row of a vCPU that is gone can become the sum.
	 */
	with_keys = last_row(test);
	for (i = 0; i < 3; i++) {
		enter_at(test, tsc += 100);
		kvm_exit_stats_set_key(vcpu, EXIT_KEY_NONE, EXIT_KEY_UNKNOWN);
		exit_at(test, CODE_B, tsc + 5, tsc + 15);
	}
	sum[1].keys = *last_row(test)->keys;
	for (i = 0; i < 2; i++) {
		sum[i].stat.keys = &sum[i].keys;
		kvm_exit_stat_merge(&sum[i].stat, i ? last_row(test) : with_keys);
		kvm_exit_stat_merge(&sum[i].stat, i ? with_keys : last_row(test));
		expect_keys_of(test, &sum[i].stat, "msr:0x0 10 0 100 10\n"
						   "msr:0x1 9 0 90 10\n"
						   "msr:0x2 8 0 80 10\n"
						   "msr:0x3 7 0 70 10\n"
						   "msr:0x4 6 0 60 10\n"
						   "msr:0x5 5 0 50 10\n"
						   "msr:0x7:write 1 3 10 10\n"
						   "msr:0x6 4 0 40 10\n"
						   "other 8 0 80 0\n");
	}

	kvm_exit_stats_set_keys(false);
	exit_for(test, tsc += 100, 0);
	kvm_exit_stats_set_keys(keys);
	KUNIT_EXPECT_EQ(test, last_row(test)->keys->top[0].count, 10);
}

/* More keys than there is room for, in random order: the bounds hold, and so does the sum. */
static void exit_stats_many_keys(struct kunit *test)
{
	u64 true_count[64] = {}, state = 1, tsc = 1000, sum = 0, n = 20000, i;
	bool keys = kvm_exit_stats_get_keys();
	const struct kvm_exit_top *top;
	u64 key;

	kvm_exit_stats_set_keys(true);
	exit_for(test, tsc, 0);
	for (i = 0; i < n; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		/* Half of them are of one key, a quarter of the next, and so on, up to 8. */
		key = state >> 63 ? state >> 58 & 63 : __ffs64(state >> 40 | BIT_ULL(8));
		true_count[key]++;
		exit_for(test, tsc += 100, key);
	}
	kvm_exit_stats_set_keys(keys);

	for (i = 0; i < KVM_EXIT_STATS_TOP; i++) {
		top = &last_row(test)->keys->top[i];
		sum += top->count;
		KUNIT_EXPECT_LE(test, top->count - top->error, true_count[top->key]);
		KUNIT_EXPECT_GE(test, top->count, true_count[top->key]);
		KUNIT_EXPECT_LE(test, top->error, n / KVM_EXIT_STATS_TOP);
		true_count[top->key] = 0;
	}
	KUNIT_EXPECT_EQ(test, sum, n);
	for (key = 0; key < ARRAY_SIZE(true_count); key++)
		KUNIT_EXPECT_LE(test, true_count[key], n / KVM_EXIT_STATS_TOP);
}

struct key_case {
	enum kvm_exit_key_kind kind;
	u64 key;
	const char *text;
};

static const struct key_case key_cases[] = {
	{ EXIT_KEY_NONE, 1, "" },
	{ EXIT_KEY_MSR, 0xc0000080 | EXIT_KEY_READ, "msr:0xc0000080:read" },
	{ EXIT_KEY_MSR, 0x6e0 | EXIT_KEY_WRITE, "msr:0x6e0:write" },
	{ EXIT_KEY_PORT, 0x4ffff | EXIT_KEY_READ, "port:0xffff:4:read" },
	{ EXIT_KEY_PORT, 0x103f8 | EXIT_KEY_WRITE, "port:0x3f8:1:write" },
	{ EXIT_KEY_CPUID, 0x80000008ffffffff, "cpuid:0x80000008:0xffffffff" },
	{ EXIT_KEY_HYPERCALL, U64_MAX - 1, "hypercall:18446744073709551614" },
	{ EXIT_KEY_CR, 8 | EXIT_KEY_WRITE, "cr:8:write" },
	{ EXIT_KEY_DR, 7 | EXIT_KEY_READ, "dr:7:read" },
	{ EXIT_KEY_APIC, 0x300 | EXIT_KEY_WRITE, "apic:0x300:write" },
	{ EXIT_KEY_VECTOR, 236, "vector:236" },
	{ EXIT_KEY_MEMORY, 0xfee00, "page:0xfee00000" },
	{ EXIT_KEY_MEMORY, 0xfee00 | EXIT_KEY_READ, "page:0xfee00000:read" },
	{ EXIT_KEY_MEMORY, 2 | EXIT_KEY_MEMSLOT | EXIT_KEY_FETCH, "memslot:2:fetch" },
};

static void key_desc(const struct key_case *c, char *desc)
{
	strscpy(desc, c->text, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(key, key_cases, key_desc);

static void exit_stats_key_text(struct kunit *test)
{
	const struct key_case *c = test->param_value;
	char text[64] = "";

	KUNIT_EXPECT_EQ(test, kvm_exit_key_print(c->kind, c->key, text, sizeof(text)),
			strlen(c->text));
	KUNIT_EXPECT_STREQ(test, text, c->text);
}

/* The worst exit is the one of the maximum.  "late" is the maximum of the current window. */
static void exit_stats_worst(struct kunit *test)
{
	struct kvm_vcpu *vcpu = test->priv;
	const struct kvm_exit_worst *worst;
	struct kvm_exit_stat *stat;

	vcpu->vcpu_id = 7;
	kvm_rip_write(vcpu, 0x1000);
	exit_at(test, CODE_A, 1000, 1050);
	stat = last_row(test);
	worst = &stat->cycles.worst;
	KUNIT_EXPECT_EQ(test, stat->cycles.max, 50);
	KUNIT_EXPECT_EQ(test, worst->vcpu, 7);
	KUNIT_EXPECT_TRUE(test, worst->has_rip);
	KUNIT_EXPECT_EQ(test, worst->rip, 0x1000);

	/* The next exit closes this one: 60 of 100 cycles in user space, and the RIP of this one */
	kvm_exit_stats_begin_at(vcpu, EXIT_STATS_USER, 1055);
	kvm_exit_stats_end_at(vcpu, EXIT_STATS_USER, 1115);
	enter_at(test, 1100);
	kvm_rip_write(vcpu, 0x2000);
	exit_at(test, CODE_A, 2000, 2020);
	KUNIT_EXPECT_EQ(test, stat->away.max, 100);
	KUNIT_EXPECT_EQ(test, stat->away.worst.rip, 0x1000);
	KUNIT_EXPECT_EQ(test, stat->away.worst.parts[EXIT_STATS_USER], 60);
	KUNIT_EXPECT_EQ(test, worst->rip, 0x1000);

	/* In another window, a shorter exit becomes "late", but not the worst. */
	vcpu->arch.exit_stats.era ^= BIT_ULL(56);
	enter_at(test, 2030);
	exit_at(test, CODE_A, 3000, 3030);
	KUNIT_EXPECT_EQ(test, stat->cycles.late, 30);
	KUNIT_EXPECT_EQ(test, stat->cycles.max, 50);
	KUNIT_EXPECT_EQ(test, worst->rip, 0x1000);

	enter_at(test, 3040);
	exit_at(test, CODE_A, 4000, 4051);
	KUNIT_EXPECT_EQ(test, stat->cycles.max, 51);
	KUNIT_EXPECT_EQ(test, worst->rip, 0x2000);
	KUNIT_EXPECT_EQ(test, number(stat, "count"), 4);
	KUNIT_EXPECT_EQ(test, number(stat, "cycles_min"), 20);

	/* While an exit is being handled, RIP may be that of before the instruction. */
	enter_at(test, 4060);
	vcpu->arch.exit_stats.exit_tsc = 5000;
	kvm_exit_stats_begin_at(vcpu, EXIT_STATS_PREEMPTED, 5001);
	kvm_exit_stats_end_at(vcpu, EXIT_STATS_PREEMPTED, 5002);
	KUNIT_EXPECT_NE(test, vcpu->arch.exit_stats.rip_tsc, 5000);
}

/* Exits of L2 have own rows: one set if KVM goes on with L2, one if it reflects them to L1. */
static void exit_stats_levels(struct kunit *test)
{
	struct kvm_vcpu *vcpu = test->priv;
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	exit_at(test, CODE_A, 100, 110);
	KUNIT_EXPECT_NULL(test, stats->nested);

	enter_at(test, 120);
	stats->nested_code = CODE_A;
	vcpu->arch.hflags |= HF_GUEST_MASK;
	exit_at(test, EXIT_STATS_NESTED, 200, 220);
	KUNIT_ASSERT_NOT_NULL(test, stats->nested);
	KUNIT_EXPECT_PTR_EQ(test, last_row(test), stats->nested[0]);

	enter_at(test, 230);
	vcpu->arch.hflags &= ~HF_GUEST_MASK;
	exit_at(test, EXIT_STATS_NESTED, 300, 330);
	KUNIT_EXPECT_PTR_EQ(test, last_row(test), stats->nested[KVM_EXIT_STATS_MAX_ROWS]);

	KUNIT_EXPECT_EQ(test, number(stats->rows[0], "count"), 1);
	KUNIT_EXPECT_EQ(test, number(stats->nested[0], "count"), 1);
	KUNIT_EXPECT_EQ(test, number(stats->nested[0], "away_total"), 30);
	KUNIT_EXPECT_EQ(test, number(last_row(test), "cycles_total"), 30);
	KUNIT_EXPECT_EQ(test, vcpu->stat.exit_reasons[0], 3);

	KUNIT_EXPECT_EQ(test, stats->chain.next, 3);
	KUNIT_EXPECT_EQ(test, stats->chain.rows[0], 0);
	KUNIT_EXPECT_EQ(test, stats->chain.rows[1], KVM_EXIT_STATS_CHAIN_NESTED);
	KUNIT_EXPECT_EQ(test, stats->chain.cycles[2], 30);

	/* Times in a chain saturate at 32 bits, all others have 64 bits. */
	enter_at(test, 340);
	exit_at(test, CODE_A, 400, 400 + BIT_ULL(33));
	KUNIT_EXPECT_EQ(test, stats->chain.cycles[3], U32_MAX);
	KUNIT_EXPECT_EQ(test, vcpu->stat.exit_reason_cycles[0], 60 + BIT_ULL(33));
}

/* A host of 1000 vCPUs that are idle for a century: sums saturate, and shares make sense. */
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

	halt->parts[EXIT_STATS_PREEMPTED] = 1;
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_cost(halt), 0);
}

/* All numbers and buckets at their longest have room in a line. */
static void exit_stats_longest_line(struct kunit *test)
{
	struct kvm_exit_stat *stat = kunit_kzalloc(test, sizeof(*stat), GFP_KERNEL);
	struct kvm_exit_user *user = kunit_kzalloc(test, sizeof(*user), GFP_KERNEL);
	char *buf = kunit_kzalloc(test, 2 * EXIT_STATS_LINE_SIZE, GFP_KERNEL);
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, stat);
	KUNIT_ASSERT_NOT_NULL(test, user);
	KUNIT_ASSERT_NOT_NULL(test, buf);

	len = kvm_exit_stat_print(stat, buf, EXIT_STATS_LINE_SIZE);
	KUNIT_EXPECT_STREQ(test, buf + len - strlen(" 0  -  -  -\n"), " 0  -  -  -\n");

	memset(stat, 0xff, sizeof(*stat));
	memset(user, 0xff, sizeof(*user));
	stat->user = user;
	len = kvm_exit_stat_print(stat, buf, 2 * EXIT_STATS_LINE_SIZE);
	KUNIT_EXPECT_EQ(test, buf[len - 1], '\n');
	KUNIT_EXPECT_LT(test, len, EXIT_STATS_LINE_SIZE);
}

static const struct kvm_exit_reason vmx_reasons[] = { VMX_EXIT_REASONS, EXIT_STATS_UNKNOWN };
static const struct kvm_exit_reason svm_reasons[] = { SVM_EXIT_REASONS, EXIT_STATS_UNKNOWN };

/* Each name must be valid as a directory, except for blanks, and no two rows be the same. */
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
	KUNIT_CASE(exit_stats_user_reasons),
	KUNIT_CASE(exit_stats_preemptors),
	KUNIT_CASE(exit_stats_merge_preemptors),
	KUNIT_CASE(exit_stats_keys),
	KUNIT_CASE(exit_stats_many_keys),
	KUNIT_CASE_PARAM(exit_stats_key_text, key_gen_params),
	KUNIT_CASE(exit_stats_worst),
	KUNIT_CASE(exit_stats_levels),
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
