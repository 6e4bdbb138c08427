// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics: single exits, i.e. the longest of each reason, slow and last ones.
 *
 * The longest since the reset is in the row of the vCPU, beside the maximum.  The longest of
 * late is kept here, for the host, by windows of time: that of a window is shown until the
 * next one is over.  An exit that is not the longest of its row in the current window pays
 * for neither.
 *
 * The last exits are in the chain of the vCPU, which each exit writes.
 */
#define pr_fmt(fmt) "kvm_exit_stats: " fmt

#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include <asm/tsc.h>

#include "exit_stats.h"

#define MAX_SLOW_EXITS		16

struct single_exit {
	/* When it was recorded */
	u64 era;
	u64 window;
	unsigned int row;
	bool away;
	u64 cycles;
	struct kvm_exit_worst worst;
};

/* The longest exits of the last two windows that had an exit */
struct kvm_exit_late {
	struct single_exit now;
	struct single_exit before;
};

/* Guards what follows.  Rarely taken, and held for a moment. */
static DEFINE_RAW_SPINLOCK(worst_lock);
static u64 window = 1;
/* By row: two, of handling and of away, NULL if there was no exit of the reason yet */
static struct kvm_exit_late *late[KVM_EXIT_STATS_MAX_ROWS];
/* The last slow exits, and how many there have been */
static struct single_exit slow[MAX_SLOW_EXITS];
static u64 nr_slow;

/* Without memory, {cycles,away}_late of the reason stay empty. */
void kvm_exit_late_alloc(unsigned int row)
{
	struct kvm_exit_late *both;

	if (READ_ONCE(late[row]))
		return;

	/* Of all VMs, so no VM is charged for it. */
	both = kcalloc(2, sizeof(*both), EXIT_STATS_GFP & ~__GFP_ACCOUNT);
	raw_spin_lock(&worst_lock);
	if (!late[row])
		swap(late[row], both);
	raw_spin_unlock(&worst_lock);
	kfree(both);
}

void kvm_exit_late_free(void)
{
	unsigned int row;

	for (row = 0; row < KVM_EXIT_STATS_MAX_ROWS; row++) {
		kfree(late[row]);
		late[row] = NULL;
	}
}

void kvm_exit_late_turn(void)
{
	raw_spin_lock(&worst_lock);
	window++;
	raw_spin_unlock(&worst_lock);
}

/* On a CPU with a TSC that lags behind, @tsc has yet to come. */
static u64 ns_since(u64 tsc)
{
	s64 cycles = rdtsc() - tsc;

	return cycles > 0 && tsc_khz ? mul_u64_u32_div(cycles, NSEC_PER_MSEC, tsc_khz) : 0;
}

/* Keep the guest's RIP of the exit being handled.  A protected guest hides its registers. */
void kvm_exit_worst_set_rip(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;

	if (vcpu->arch.guest_state_protected)
		return;

	stats->rip = kvm_rip_read(vcpu);
	stats->rip_tsc = stats->exit_tsc;
}

/* Describe the exit that is being recorded, or if @away, closed. */
static struct single_exit describe(struct kvm_vcpu *vcpu, const struct kvm_exit_stat *stat,
				   bool away, u64 cycles)
{
	const struct kvm_vcpu_exit_stats *stats = &vcpu->arch.exit_stats;
	u64 exit_tsc = away ? stats->last_tsc : stats->exit_tsc;
	struct single_exit single = {
		.era	= stats->era,
		.row	= kvm_exit_stats_row_of(stats, stat),
		.away	= away,
		.cycles	= cycles,
		.worst	= {
			.boot_ns = ktime_get_boottime_ns() - ns_since(exit_tsc),
			.vcpu	 = vcpu->vcpu_id,
			.cpu	 = raw_smp_processor_id(),
		},
	};
	struct kvm_exit_worst *worst = &single.worst;
	unsigned int part;

	if (!away)
		kvm_exit_worst_set_rip(vcpu);
	if (vcpu->kvm->arch.exit_stats_vm)
		worst->vm = vcpu->kvm->arch.exit_stats_vm->id;
	if (stats->rip_tsc == exit_tsc) {
		worst->rip = stats->rip;
		worst->has_rip = true;
	}
	if (stat->keys) {
		worst->key = stats->last_key;
		if (worst->key != EXIT_KEY_UNKNOWN)
			worst->key_kind = stat->keys->kind;
	}
	for (part = 0; part < EXIT_STATS_NR_PARTS && cycles; part++)
		worst->parts[part] = mul_u64_u64_div_u64(min(cycles, stats->parts.cycles[part]),
							 100, cycles);
	return single;
}

static void add_late(const struct single_exit *single)
{
	struct kvm_exit_late *both = late[single->row], *of;

	if (!both)
		return;

	of = &both[single->away];
	if (of->now.window != window) {
		of->before = of->now;
		of->now = *single;
	} else if (single->cycles > of->now.cycles ||
		   !kvm_exit_stats_era_is_current(of->now.era)) {
		of->now = *single;
	}
	of->now.window = window;
}

/* Keep an exit that took longer than all others of its row in this window. */
void kvm_exit_worst_add(struct kvm_vcpu *vcpu, struct kvm_exit_stat *stat,
			struct kvm_exit_times *times, u64 cycles)
{
	bool away = times == &stat->away;
	struct single_exit single = describe(vcpu, stat, away, cycles);

	times->late = cycles;
	if (cycles > times->max) {
		times->max = cycles;
		times->worst = single.worst;
	}

	raw_spin_lock(&worst_lock);
	add_late(&single);
	raw_spin_unlock(&worst_lock);
}

void kvm_exit_slow_add(struct kvm_vcpu *vcpu, const struct kvm_exit_stat *stat, bool away,
		       u64 cycles)
{
	struct single_exit single = describe(vcpu, stat, away, cycles);

	raw_spin_lock(&worst_lock);
	slow[nr_slow++ % MAX_SLOW_EXITS] = single;
	raw_spin_unlock(&worst_lock);
}

/* Read the longest exit of this window and the last one.  Returns 0 if there was none. */
u64 kvm_exit_late_read(unsigned int row, bool away, struct kvm_exit_worst *worst)
{
	const struct single_exit *single;
	unsigned int i;
	u64 cycles = 0;

	raw_spin_lock(&worst_lock);
	for (i = 0; i < 2 && late[row]; i++) {
		single = i ? &late[row][away].now : &late[row][away].before;
		if (single->window + 1 < window || single->cycles <= cycles ||
		    !kvm_exit_stats_era_is_current(single->era))
			continue;
		cycles = single->cycles;
		*worst = single->worst;
	}
	raw_spin_unlock(&worst_lock);

	return cycles;
}

/* A line about an exit that took this many cycles */
size_t kvm_exit_worst_print(u64 cycles, const struct kvm_exit_worst *worst, char *buf,
			    size_t size)
{
	size_t len = 0;

	if (!cycles)
		return scnprintf(buf, size, "cycles=0\n");

	len += scnprintf(buf + len, size - len, "cycles=%llu boot_ns=%llu vm=%u vcpu=%u cpu=%u",
			 cycles, worst->boot_ns, worst->vm, worst->vcpu, worst->cpu);
	/* As in tracing: an address of the guest's code is confidential. */
	if (worst->has_rip && !security_locked_down(LOCKDOWN_TRACEFS))
		len += scnprintf(buf + len, size - len, " rip=0x%llx", worst->rip);
	if (worst->key_kind != EXIT_KEY_NONE) {
		len += scnprintf(buf + len, size - len, " key=");
		len += kvm_exit_key_print(worst->key_kind, worst->key, buf + len, size - len);
	}
	len += scnprintf(buf + len, size - len,
			 " user_percent=%u blocked_percent=%u preempted_percent=%u\n",
			 worst->parts[EXIT_STATS_USER], worst->parts[EXIT_STATS_BLOCKED],
			 worst->parts[EXIT_STATS_PREEMPTED]);
	return len;
}

/* The last slow exits, the oldest one first */
void kvm_exit_slow_show(struct seq_file *m)
{
	char line[EXIT_STATS_WORST_SIZE];
	struct single_exit single;
	bool is_there;
	u64 i, end;

	raw_spin_lock(&worst_lock);
	end = nr_slow;
	raw_spin_unlock(&worst_lock);

	for (i = end - min_t(u64, end, MAX_SLOW_EXITS); i < end; i++) {
		raw_spin_lock(&worst_lock);
		single = slow[i % MAX_SLOW_EXITS];
		is_there = nr_slow - i <= MAX_SLOW_EXITS &&
			   kvm_exit_stats_era_is_current(single.era);
		raw_spin_unlock(&worst_lock);
		if (!is_there)
			continue;
		kvm_exit_worst_print(single.cycles, &single.worst, line, sizeof(line));
		seq_printf(m, "%s %s %s", kvm_exit_stats_isa.reasons[single.row].name,
			   single.away ? "away" : "cycles", line);
	}
}

void kvm_exit_chain_init(struct kvm_exit_chain *chain)
{
	memset(chain->rows, U8_MAX, sizeof(chain->rows));
}

/* The last exit took more cycles than an entry can hold. */
void kvm_exit_chain_saturate(struct kvm_exit_chain *chain)
{
	chain->cycles[(u8)(chain->next - 1) % KVM_EXIT_STATS_CHAIN] = U32_MAX;
}

void kvm_exit_chain_mark_nested(struct kvm_exit_chain *chain)
{
	chain->rows[(u8)(chain->next - 1) % KVM_EXIT_STATS_CHAIN] |= KVM_EXIT_STATS_CHAIN_NESTED;
}

/* Print the exit @i of a chain, 0 is the oldest.  Prints nothing if there was none. */
static size_t chain_print(const struct kvm_exit_chain *chain, unsigned int i, char *buf,
			  size_t size)
{
	unsigned int next = (chain->next + i) % KVM_EXIT_STATS_CHAIN;
	unsigned int row = chain->rows[next] & ~KVM_EXIT_STATS_CHAIN_NESTED;

	if (row >= kvm_exit_stats_isa.nr_rows)
		return 0;

	return scnprintf(buf, size, "%s %u%s", kvm_exit_stats_isa.reasons[row].name,
			 chain->cycles[next],
			 chain->rows[next] & KVM_EXIT_STATS_CHAIN_NESTED ? " nested" : "");
}

void kvm_exit_chain_show(struct seq_file *m, const struct kvm_exit_chain *chain)
{
	char line[64];
	unsigned int i;

	for (i = 0; i < KVM_EXIT_STATS_CHAIN; i++) {
		if (chain_print(chain, i, line, sizeof(line)))
			seq_printf(m, "chain %s\n", line);
	}
}

/* Log the exits before an error, ratelimited as a VMM can make errors in a loop. */
void kvm_exit_chain_log(const struct kvm_vcpu *vcpu)
{
	static DEFINE_RATELIMIT_STATE(ratelimit, 60 * HZ, 10);
	const struct kvm_exit_chain *chain = &vcpu->arch.exit_stats.chain;
	const struct kvm_exit_stats_vm *vm = vcpu->kvm->arch.exit_stats_vm;
	char line[8 * 64];
	unsigned int i;
	size_t len = 0;

	if (!__ratelimit(&ratelimit))
		return;

	pr_info("internal error of VM %llu, vCPU %d, after exits, and their cycles:\n",
		vm ? vm->id : 0, vcpu->vcpu_id);
	for (i = 0; i < KVM_EXIT_STATS_CHAIN; i++) {
		if (len)
			len += scnprintf(line + len, sizeof(line) - len, ", ");
		len += chain_print(chain, i, line + len, sizeof(line) - len);
		if (len && i % 8 == 7) {
			pr_info("%s\n", line);
			len = 0;
		}
	}
}
