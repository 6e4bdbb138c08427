/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface between silicon.c, which is a program, and loop.c, which is compiled like
 * the kernel, and once for each configuration of the static keys.
 */
#ifndef SILICON_H
#define SILICON_H

#include <linux/types.h>

struct kvm_vcpu;

/* One vCPU for each thread, and one that all threads share */
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

	/* Make a table readable again, even if several threads wrote it; none may do so now */
	void (*mend)(struct kvm_vcpu *vcpu);

	/* Return how many exits are counted, in all tables, and in the naive counters */
	u64 (*read_all)(void);
	u64 (*read_naive)(void);
};

/* Memory that is zeroed, shared with child processes, and has its cache lines to itself */
void *silicon_alloc(size_t size);
void silicon_die(const char *why) __attribute__((noreturn));
int printk(const char *fmt, ...);

/* Each build of loop.c defines one of these, that which -DSILICON_CONFIG names. */
extern const struct silicon_config enabled, interval;

#endif /* SILICON_H */
