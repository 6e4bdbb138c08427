/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exit counters in the simplest way, to compare the statistics with: globals that all
 * CPUs write, without a lock and without atomic operations, and a summary in the
 * kernel log every 500 exits.  Needs u64 and pr_info() from the file that includes
 * this one: KVM's with naive.patch, or shim/loop.c.
 */
#define NAIVE_REASONS		0x410
#define NAIVE_INTERVAL		500

struct naive_exit_stat {
	u64 count;
	u64 sum;
	u64 min;
	u64 max;
};

static struct naive_exit_stat naive_exit_stats[NAIVE_REASONS];
static u64 naive_exits;
static u64 naive_cycles;

static void naive_summary(void)
{
	u32 reason;

	pr_info("%llu exits, %llu cycles\n", naive_exits, naive_cycles);
	for (reason = 0; reason < NAIVE_REASONS; reason++) {
		struct naive_exit_stat *stat = &naive_exit_stats[reason];

		if (stat->count)
			pr_info("reason %u: %llu exits, cycles min %llu max %llu avg %llu\n",
			       reason, stat->count, stat->min, stat->max,
			       stat->sum / stat->count);
	}
}

static void naive_record(u32 reason, u64 cycles)
{
	struct naive_exit_stat *stat;

	naive_exits++;
	naive_cycles += cycles;

	if (reason < NAIVE_REASONS) {
		stat = &naive_exit_stats[reason];
		stat->count++;
		stat->sum += cycles;
		if (!stat->min || cycles < stat->min)
			stat->min = cycles;
		if (cycles > stat->max)
			stat->max = cycles;
	}

	if (naive_exits % NAIVE_INTERVAL == 0)
		naive_summary();
}
