/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between silicon.c, which is a program, and loop.c, which is compiled like the kernel
 * and once per configuration of the static keys.
 */
#ifndef SILICON_H
#define SILICON_H

#include <linux/types.h>

struct kvm_vcpu;

/* A vCPU per thread, and one that all threads record exits of */
#define SILICON_THREADS		4
#define SILICON_SHARED		SILICON_THREADS
#define SILICON_VCPUS		(SILICON_THREADS + 1)

struct silicon_config {
	void (*init)(void);
	struct kvm_vcpu *(*vcpu_create)(void);

	/* Make this many exits */
	void (*empty)(struct kvm_vcpu *vcpu, unsigned long exits);
	void (*rdtsc)(struct kvm_vcpu *vcpu, unsigned long exits);
	void (*record)(struct kvm_vcpu *vcpu, unsigned long exits);
	void (*naive)(struct kvm_vcpu *vcpu, unsigned long exits);

	/* Have a table readable again, whoever wrote it.  Nobody may be writing. */
	void (*mend)(struct kvm_vcpu *vcpu);

	/* How many exits all tables have, and the naive counters */
	u64 (*read_all)(void);
	u64 (*read_naive)(void);
};

/* Zeroed, shared with child processes, and of whole cache lines */
void *silicon_alloc(size_t size);
void silicon_die(const char *why) __attribute__((noreturn));
int printk(const char *fmt, ...);

/* -DSILICON_CONFIG of each loop.c */
extern const struct silicon_config enabled, interval;

#endif /* SILICON_H */
