// SPDX-License-Identifier: GPL-2.0
/*
 * The loops that silicon.c measures, next to the exit_stats.c of one configuration of
 * the static keys.  What KVM has inline is inline here, and what it calls is called.
 */
#include <asm/vmx.h>

#include "exit_stats.h"
#define pr_fmt(fmt) fmt
#include "../naive.h"

#define KEY_IS_AS_COMPILED(key)	(static_key_enabled(key) == static_branch_likely(key))

static struct kvm_exit_reason reasons[] = {
	VMX_EXIT_REASONS,
	EXIT_STATS_UNKNOWN,
};

static struct kvm_exit_stat *tables[SILICON_CPUS];

static const struct kvm_exit_stats_isa isa = {
	.name		= "vmx",
	.tables		= tables,
	.reasons	= reasons,
	.nr_rows	= ARRAY_SIZE(reasons),
	.code_mask	= 0xffff,
};

/* Exits of many kinds, the same row twice in a row among them */
static const u32 codes[] = {
	EXIT_REASON_CPUID, EXIT_REASON_EPT_VIOLATION, EXIT_REASON_HLT,
	EXIT_REASON_IO_INSTRUCTION, EXIT_REASON_IO_INSTRUCTION,
	EXIT_REASON_EPT_MISCONFIG, EXIT_REASON_CPUID, EXIT_REASON_MSR_WRITE,
};

/* The T0 of these many exits is one and the same: no RDTSC but those measured */
#define EXITS_PER_STAMP		256

/* sysfs and debugfs are no part of what is measured. */
int kvm_exit_stats_sysfs_init(void)
{
	return 0;
}

void kvm_exit_stats_sysfs_exit(void) {}
void kvm_exit_stats_remove_debugfs(void) {}

char *strreplace(char *s, char old, char new)
{
	char *p;

	for (p = s; *p; p++) {
		if (*p == old)
			*p = new;
	}

	return s;
}

/* Go through the switches that sysfs has, and see that they say what was compiled. */
static void init(void)
{
	kvm_exit_stats_set_away(STATIC_KEY_kvm_exit_stats_away);
	kvm_exit_stats_set_per_vcpu(STATIC_KEY_kvm_exit_stats_vcpu_tables);
	if (kvm_exit_stats_init(&isa))
		silicon_die("no memory for the tables");
	if (!STATIC_KEY_kvm_exit_stats_summaries)
		kvm_exit_stats_set_interval(0);

	if (!KEY_IS_AS_COMPILED(&kvm_exit_stats_enabled) ||
	    !KEY_IS_AS_COMPILED(&kvm_exit_stats_away) ||
	    !KEY_IS_AS_COMPILED(&kvm_exit_stats_vcpu_tables) ||
	    !!kvm_exit_stats_get_interval() != STATIC_KEY_kvm_exit_stats_summaries)
		silicon_die("a static key is not what was compiled");
}

static struct kvm_vcpu *vcpu_create(void)
{
	struct kvm_vcpu *vcpu = silicon_alloc(sizeof(*vcpu));

	if (kvm_exit_stats_vcpu_create(vcpu))
		silicon_die("no memory for a vCPU");
	return vcpu;
}

/* Enter the guest, too, for the first exit to have a VM-Entry before it. */
static void vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	kvm_exit_stats_vcpu_load(vcpu, cpu);
	kvm_exit_stats_record_entry(vcpu);
}

static __always_inline void loop(struct kvm_vcpu *vcpu, unsigned long exits,
				 void (*exit)(struct kvm_vcpu *vcpu, u32 code, u64 t0))
{
	unsigned long i;
	u64 t0 = 0;

	for (i = 0; i < exits; i++) {
		if (i % EXITS_PER_STAMP == 0)
			t0 = rdtsc();
		exit(vcpu, codes[i % ARRAY_SIZE(codes)], t0);
	}
}

static __always_inline void exit_empty(struct kvm_vcpu *vcpu, u32 code, u64 t0)
{
	asm volatile("" : : "r" (vcpu), "r" (code), "r" (t0));
}

static __always_inline void exit_rdtsc(struct kvm_vcpu *vcpu, u32 code, u64 t0)
{
	exit_empty(vcpu, code, t0);
	rdtsc();
}

static __always_inline void exit_record(struct kvm_vcpu *vcpu, u32 code, u64 t0)
{
	/* No exit comes before the VM-Entry before it. */
	if (static_branch_likely(&kvm_exit_stats_away))
		t0 = vcpu->arch.exit_stats.entry_tsc;

	kvm_exit_stats_set_code(vcpu, code);
	kvm_exit_stats_record(vcpu, t0);
	kvm_exit_stats_record_entry(vcpu);
}

static __always_inline void exit_fastpath(struct kvm_vcpu *vcpu, u32 code, u64 t0)
{
	exit_empty(vcpu, code, t0);
	kvm_exit_stats_stamp_fastpath(vcpu, code);
	kvm_exit_stats_record_fastpath(vcpu);
}

static __always_inline void exit_naive(struct kvm_vcpu *vcpu, u32 code, u64 t0)
{
	exit_empty(vcpu, code, t0);
	naive_record(code, rdtsc() - t0);
}

static void empty(struct kvm_vcpu *vcpu, unsigned long exits)
{
	loop(vcpu, exits, exit_empty);
}

static void bare_rdtsc(struct kvm_vcpu *vcpu, unsigned long exits)
{
	loop(vcpu, exits, exit_rdtsc);
}

static void record(struct kvm_vcpu *vcpu, unsigned long exits)
{
	loop(vcpu, exits, exit_record);
}

static void record_fastpath(struct kvm_vcpu *vcpu, unsigned long exits)
{
	loop(vcpu, exits, exit_fastpath);
}

static void naive(struct kvm_vcpu *vcpu, unsigned long exits)
{
	loop(vcpu, exits, exit_naive);
}

static u64 read_all(void)
{
	struct kvm_exit_stat total;

	kvm_exit_stats_read_all(&total);
	return total.count;
}

static u64 read_vcpu(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stat stat;
	unsigned int row;

	kvm_exit_stat_init(&stat);
	for (row = 0; row < isa.nr_rows; row++)
		kvm_exit_stats_add_vcpu(vcpu, row, &stat);

	return stat.count;
}

/*
 * Writers that raced can leave a sequence count odd, which has readers wait for ever.
 * Make it even: how many exits were lost is all that is asked.
 */
static void mend(void)
{
	unsigned int cpu, row;

	for (cpu = 0; cpu < SILICON_CPUS; cpu++) {
		for (row = 0; row < isa.nr_rows; row++)
			tables[cpu][row].seq.sequence &= ~1u;
	}
}

static u64 read_naive(void)
{
	unsigned int reason;
	u64 count = 0;

	for (reason = 0; reason < NAIVE_REASONS; reason++)
		count += naive_exit_stats[reason].count;

	return count;
}

const struct silicon_config SILICON_CONFIG = {
	.vcpu_tables		= STATIC_KEY_kvm_exit_stats_vcpu_tables,
	.init			= init,
	.vcpu_create		= vcpu_create,
	.vcpu_load		= vcpu_load,
	.empty			= empty,
	.rdtsc			= bare_rdtsc,
	.record			= record,
	.record_fastpath	= record_fastpath,
	.naive			= naive,
	.mend			= mend,
	.read_all		= read_all,
	.read_vcpu		= read_vcpu,
	.read_naive		= read_naive,
};
