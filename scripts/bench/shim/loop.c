// SPDX-License-Identifier: GPL-2.0
/*
 * The loops that silicon.c measures, linked with exit_stats.c, both compiled for one
 * configuration of the static keys.  As in KVM, the inline functions of exit_stats.h are
 * inline here, and those of exit_stats.c are called.
 */
#include <stdarg.h>
#include <stdio.h>

#include <asm/vmx.h>

#include "exit_stats.h"
#define pr_fmt(fmt) fmt
#include "../naive.h"

#define KEY_IS_AS_COMPILED(key)	(static_key_enabled(key) == static_branch_likely(key))

static struct kvm_exit_reason reasons[] = {
	VMX_EXIT_REASONS,
	EXIT_STATS_UNKNOWN,
};

static struct kvm_exit_stat *gone[EXIT_STATS_NR_LEVELS * ARRAY_SIZE(reasons)];

static const struct kvm_exit_stats_isa isa = {
	.name		= "vmx",
	.reasons	= reasons,
	.gone		= gone,
	.nr_rows	= ARRAY_SIZE(reasons),
};

/* Exits of several reasons, one of which occurs twice in succession */
static const u32 codes[] = {
	EXIT_REASON_CPUID, EXIT_REASON_EPT_VIOLATION, EXIT_REASON_HLT,
	EXIT_REASON_IO_INSTRUCTION, EXIT_REASON_IO_INSTRUCTION,
	EXIT_REASON_EPT_MISCONFIG, EXIT_REASON_CPUID, EXIT_REASON_MSR_WRITE,
};

/* This many naive exits share one T0, so that the loop itself executes hardly any RDTSC */
#define EXITS_PER_STAMP		256

/* sysfs, debugfs and VMs are no part of what is measured. */
int kvm_exit_stats_sysfs_init(void)
{
	return 0;
}

void kvm_exit_stats_sysfs_exit(void) {}
void kvm_exit_stats_debugfs_init(void) {}
void kvm_exit_stats_debugfs_exit(void) {}
struct mutex kvm_exit_stats_gone_lock;
void kvm_exit_stats_forget_gone_vms(void) {}
void kvm_exit_stats_vm_put(struct kvm_exit_stats_vm *vm) {}

struct kvm_exit_stats_vm *kvm_exit_stats_vm_get(struct kvm *kvm)
{
	return NULL;
}

/* Of the tables of keys, and of the worst exits, there is only what recording needs. */
struct kvm_exit_top *kvm_exit_top_get(void *all, size_t size, u64 key)
{
	return all;
}

void kvm_exit_top_merge(void *dst, const void *src, size_t size) {}
void kvm_exit_worst_set_rip(struct kvm_vcpu *vcpu) {}
void kvm_exit_late_alloc(unsigned int row) {}
void kvm_exit_late_free(void) {}
void kvm_exit_late_turn(void) {}
void kvm_exit_slow_add(struct kvm_vcpu *vcpu, const struct kvm_exit_stat *stat, bool away,
		       u64 cycles) {}
void kvm_exit_chain_init(struct kvm_exit_chain *chain) {}
void kvm_exit_chain_saturate(struct kvm_exit_chain *chain) {}
void kvm_exit_chain_mark_nested(struct kvm_exit_chain *chain) {}
void kvm_exit_chain_log(const struct kvm_vcpu *vcpu) {}

void kvm_exit_worst_add(struct kvm_vcpu *vcpu, struct kvm_exit_stat *stat,
			struct kvm_exit_times *times, u64 cycles)
{
	times->late = cycles;
	times->max = max(times->max, cycles);
}

/* The caches of rows, and of keys */
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned int flags, void (*ctor)(void *))
{
	struct kmem_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->size = size;
	return cache;
}

void kfree(void *p) {}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(buf, size, fmt, args);
	va_end(args);

	return min(length, (int)size - 1);
}

char *strreplace(char *s, char old, char new)
{
	char *p;

	for (p = s; *p; p++) {
		if (*p == old)
			*p = new;
	}

	return s;
}

/* Set the switches as sysfs does, and check that they agree with what was compiled. */
static void init(void)
{
	kvm_exit_stats_init(&isa);
	if (!STATIC_KEY_kvm_exit_stats_summaries)
		kvm_exit_stats_set_interval(0);

	if (!KEY_IS_AS_COMPILED(&kvm_exit_stats_enabled) ||
	    !!kvm_exit_stats_get_interval() != STATIC_KEY_kvm_exit_stats_summaries)
		silicon_die("a static key is not what was compiled");
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

/* As in KVM, from a VM-Entry to the end of the exit that follows at once */
static __always_inline void exit_record(struct kvm_vcpu *vcpu, u32 code, u64 t0)
{
	exit_empty(vcpu, code, t0);
	kvm_exit_stats_stamp_entry(vcpu);
	kvm_exit_stats_stamp_exit(vcpu);
	kvm_exit_stats_set_code(vcpu, code);
	kvm_exit_stats_record(vcpu);
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

static void naive(struct kvm_vcpu *vcpu, unsigned long exits)
{
	loop(vcpu, exits, exit_naive);
}

/* Record each reason once: the first exit of a reason takes memory, and is not measured. */
static struct kvm_vcpu *vcpu_create(void)
{
	struct kvm_vcpu *vcpu = silicon_alloc(sizeof(*vcpu));

	kvm_exit_stats_vcpu_create(vcpu);
	record(vcpu, ARRAY_SIZE(codes));
	return vcpu;
}

static u64 read_all(void)
{
	struct kvm_exit_stats_table *table = kvm_exit_stats_read_table(NULL, NULL);
	u64 count;

	if (!table)
		silicon_die("no memory for a reader");
	count = kvm_exit_times_count(&table->total.cycles);
	kvfree(table);

	return count;
}

/*
 * Threads that wrote the same table at once can leave its sequence count odd, for which a
 * reader waits for ever.  Make it even, for the number of lost exits to be readable.
 */
static void mend(struct kvm_vcpu *vcpu)
{
	vcpu->arch.exit_stats.seq.sequence &= ~1u;
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
	.init		= init,
	.vcpu_create	= vcpu_create,
	.empty		= empty,
	.rdtsc		= bare_rdtsc,
	.record		= record,
	.naive		= naive,
	.mend		= mend,
	.read_all	= read_all,
	.read_naive	= read_naive,
};
