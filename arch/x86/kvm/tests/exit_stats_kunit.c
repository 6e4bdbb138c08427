// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of VM-Exit statistics: one row, two rows, and the rows of codes.
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
	{ "2^30 - 1",		BIT_ULL(30) - 1,	30 },
	{ "2^30",		BIT_ULL(30),		31 },
	{ "2^31",		BIT_ULL(31),		31 },
	{ "2^32",		BIT_ULL(32),		31 },
	{ "U64_MAX",		U64_MAX,		31 },
};

KUNIT_ARRAY_PARAM_DESC(bucket, bucket_cases, name);

/* Rows are too large for the stack of a test that needs several. */
static struct kvm_exit_stat *alloc_row(struct kunit *test)
{
	struct kvm_exit_stat *row = kunit_kzalloc(test, sizeof(*row), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, row);
	return row;
}

static u64 hist_sum(const struct kvm_exit_stat *row)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(row->hist); i++)
		sum += row->hist[i];

	return sum;
}

static void exit_stats_record_bucket(struct kunit *test)
{
	const struct exit_stats_bucket_case *param = test->param_value;
	struct kvm_exit_stat *row = alloc_row(test);

	kvm_exit_stat_record(row, GEN, 0, param->cycles);

	KUNIT_EXPECT_EQ(test, row->hist[param->bucket], 1);
	KUNIT_EXPECT_EQ(test, hist_sum(row), 1);
	KUNIT_EXPECT_EQ(test, row->count, 1);
	KUNIT_EXPECT_EQ(test, row->cycles.sum, param->cycles);
	KUNIT_EXPECT_EQ(test, row->cycles.min, param->cycles);
	KUNIT_EXPECT_EQ(test, row->cycles.max, param->cycles);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_avg(row), param->cycles);
	KUNIT_EXPECT_EQ(test, row->clock_warps, 0);
}

static void exit_stats_record_several(struct kunit *test)
{
	struct kvm_exit_stat *row = alloc_row(test);

	kvm_exit_stat_record(row, GEN, 100, 100 + 1000);
	kvm_exit_stat_record(row, GEN, 5000, 5000 + 3000);
	kvm_exit_stat_record(row, GEN, 0, 501);

	KUNIT_EXPECT_EQ(test, row->count, 3);
	KUNIT_EXPECT_EQ(test, row->cycles.sum, 4501);
	KUNIT_EXPECT_EQ(test, row->cycles.min, 501);
	KUNIT_EXPECT_EQ(test, row->cycles.max, 3000);
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_avg(row), 1500);
	KUNIT_EXPECT_EQ(test, row->hist[9], 1);
	KUNIT_EXPECT_EQ(test, row->hist[10], 1);
	KUNIT_EXPECT_EQ(test, row->hist[12], 1);
	KUNIT_EXPECT_EQ(test, hist_sum(row), 3);
}

static void exit_stats_avg_of_nothing(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kvm_exit_stat_avg(alloc_row(test)), 0);
}

static void exit_stats_clock_warp(struct kunit *test)
{
	struct kvm_exit_stat *row = alloc_row(test);

	kvm_exit_stat_record(row, GEN, 1000, 999);
	kvm_exit_stat_record(row, GEN, U64_MAX, 0);
	kvm_exit_stat_record(row, GEN, 1000, 1000);
	kvm_exit_stat_record(row, GEN, 1000, 1004);

	KUNIT_EXPECT_EQ(test, row->clock_warps, 2);
	KUNIT_EXPECT_EQ(test, row->count, 4);
	KUNIT_EXPECT_EQ(test, row->cycles.sum, 4);
	KUNIT_EXPECT_EQ(test, row->cycles.min, 0);
	KUNIT_EXPECT_EQ(test, row->cycles.max, 4);
	KUNIT_EXPECT_EQ(test, row->hist[0], 3);
	KUNIT_EXPECT_EQ(test, row->hist[3], 1);
}

static void exit_stats_new_generation(struct kunit *test)
{
	struct kvm_exit_stat *row = alloc_row(test);
	struct kvm_exit_stat *copy = alloc_row(test);

	/* All-zero is empty, in any generation that can be current. */
	KUNIT_EXPECT_FALSE(test, kvm_exit_stat_read(row, GEN, copy));

	kvm_exit_stat_record(row, GEN, 5, 4);
	kvm_exit_stat_record(row, GEN, 0, 10);
	KUNIT_EXPECT_TRUE(test, kvm_exit_stat_read(row, GEN, copy));
	KUNIT_EXPECT_EQ(test, copy->count, 2);
	KUNIT_EXPECT_EQ(test, copy->cycles.max, 10);

	/* A reset empties the row for readers at once, ... */
	KUNIT_EXPECT_FALSE(test, kvm_exit_stat_read(row, GEN + 1, copy));

	/* ... and for good when its owner next records into it. */
	kvm_exit_stat_record(row, GEN + 1, 0, 5000);
	KUNIT_EXPECT_TRUE(test, kvm_exit_stat_read(row, GEN + 1, copy));
	KUNIT_EXPECT_EQ(test, copy->count, 1);
	KUNIT_EXPECT_EQ(test, copy->cycles.sum, 5000);
	KUNIT_EXPECT_EQ(test, copy->cycles.min, 5000);
	KUNIT_EXPECT_EQ(test, copy->cycles.max, 5000);
	KUNIT_EXPECT_EQ(test, copy->clock_warps, 0);
	KUNIT_EXPECT_EQ(test, copy->hist[13], 1);
	KUNIT_EXPECT_EQ(test, hist_sum(copy), 1);
}

static void exit_stats_merge_rows(struct kunit *test)
{
	struct kvm_exit_stat *sum = alloc_row(test);
	struct kvm_exit_stat *a = alloc_row(test);
	struct kvm_exit_stat *b = alloc_row(test);

	kvm_exit_stat_record(a, GEN, 0, 100);
	kvm_exit_stat_record(a, GEN, 0, 200);
	kvm_exit_stat_record(b, GEN, 0, 50);
	kvm_exit_stat_record(b, GEN, 9, 8);
	kvm_exit_stat_record(b, GEN, 0, 120);

	kvm_exit_stat_merge(sum, a);
	kvm_exit_stat_merge(sum, b);

	KUNIT_EXPECT_EQ(test, sum->count, 5);
	KUNIT_EXPECT_EQ(test, sum->cycles.sum, 470);
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 0);
	KUNIT_EXPECT_EQ(test, sum->cycles.max, 200);
	KUNIT_EXPECT_EQ(test, sum->clock_warps, 1);
	KUNIT_EXPECT_EQ(test, sum->hist[0], 1);
	KUNIT_EXPECT_EQ(test, sum->hist[6], 1);
	KUNIT_EXPECT_EQ(test, sum->hist[7], 2);
	KUNIT_EXPECT_EQ(test, sum->hist[8], 1);
}

static void exit_stats_merge_empty(struct kunit *test)
{
	struct kvm_exit_stat *empty = alloc_row(test);
	struct kvm_exit_stat *sum = alloc_row(test);
	struct kvm_exit_stat *row = alloc_row(test);

	kvm_exit_stat_merge(sum, empty);
	KUNIT_EXPECT_EQ(test, sum->count, 0);
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 0);

	/* The minimum of an empty destination is none: it must not stay 0. */
	kvm_exit_stat_record(row, GEN, 0, 100);
	kvm_exit_stat_merge(sum, row);
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 100);
	KUNIT_EXPECT_EQ(test, sum->cycles.max, 100);

	kvm_exit_stat_merge(sum, empty);
	KUNIT_EXPECT_EQ(test, sum->count, 1);
	KUNIT_EXPECT_EQ(test, sum->cycles.sum, 100);
	KUNIT_EXPECT_EQ(test, sum->cycles.min, 100);
	KUNIT_EXPECT_EQ(test, sum->cycles.max, 100);
	KUNIT_EXPECT_EQ(test, hist_sum(sum), 1);
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
	KUNIT_CASE(exit_stats_record_several),
	KUNIT_CASE(exit_stats_avg_of_nothing),
	KUNIT_CASE(exit_stats_clock_warp),
	KUNIT_CASE(exit_stats_new_generation),
	KUNIT_CASE(exit_stats_merge_rows),
	KUNIT_CASE(exit_stats_merge_empty),
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
