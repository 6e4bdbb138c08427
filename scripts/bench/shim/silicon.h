/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between silicon.c, which is a program, and loop.c, which is compiled like the kernel
 * and once per configuration of the static keys.
 */
#ifndef SILICON_H
#define SILICON_H

#include <linux/types.h>

struct kvm_vcpu;

/* One table per thread, and one that all threads write in turn of theirs */
#define SILICON_THREADS		4
#define SILICON_SHARED_CPU	SILICON_THREADS
#define SILICON_CPUS		(SILICON_THREADS + 1)

struct silicon_config {
	bool vcpu_tables;

	void (*init)(void);
	struct kvm_vcpu *(*vcpu_create)(void);
	void (*vcpu_load)(struct kvm_vcpu *vcpu, int cpu);

	/* Make this many exits */
	void (*empty)(struct kvm_vcpu *vcpu, unsigned long exits);
	void (*rdtsc)(struct kvm_vcpu *vcpu, unsigned long exits);
	void (*record)(struct kvm_vcpu *vcpu, unsigned long exits);
	void (*record_fastpath)(struct kvm_vcpu *vcpu, unsigned long exits);
	void (*naive)(struct kvm_vcpu *vcpu, unsigned long exits);

	/* Have all tables readable again, whoever wrote them.  Nobody may be writing. */
	void (*mend)(void);

	/* How many exits all tables of CPUs have, that of a vCPU, the naive counters */
	u64 (*read_all)(void);
	u64 (*read_vcpu)(struct kvm_vcpu *vcpu);
	u64 (*read_naive)(void);
};

/* Zeroed, shared with child processes, and of whole pages */
void *silicon_alloc(size_t size);
void silicon_die(const char *why) __attribute__((noreturn));
int printk(const char *fmt, ...);

/* -DSILICON_CONFIG of each loop.c */
extern const struct silicon_config handling, away, per_vcpu, interval;

#endif /* SILICON_H */
