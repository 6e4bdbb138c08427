/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What exit_stats.c and exit_stats.h take from the kernel, except for what the headers
 * in tools/include have, and what silicon.sh cuts out of others.  Comes before all of
 * these, by -include.
 *
 * What is on the path of an exit compiles to the same instructions as in a kernel with
 * PREEMPT_NONE and without debugging.  The rest only has to work.
 */
#ifndef SHIM_KERNEL_H
#define SHIM_KERNEL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/compiler.h>
#include <linux/types.h>

#include <asm/barrier.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "silicon.h"

#define CONFIG_KVM_EXIT_STATS		1
#define CONFIG_KVM_EXIT_STATS_INTERVAL	500

#define U32_MAX				UINT32_MAX
#define U64_MAX				UINT64_MAX

/* Those of tools/include have 32 bytes, which no x86-64 CPU has. */
#define ____cacheline_aligned		__aligned(64)
#define ____cacheline_aligned_in_smp	____cacheline_aligned

#define __uninitialized
#define VISIBLE_IF_KUNIT		static
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#define module_param(name, type, mode)
#define MODULE_PARM_DESC(name, text)

/* Evaluated in DEBUG kernels only */
#define lockdep_assert(condition)
#define lockdep_assert_held(lock)

#define preempt_disable()		barrier()
#define preempt_enable()		barrier()
#define cond_resched()			barrier()

static __always_inline u64 rdtsc(void)
{
	u64 low, high;

	/* Clears the upper halves */
	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | high << 32;
}

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

static inline u64 div_u64_rem(u64 dividend, u32 divisor, u32 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}

/*
 * A static key costs nothing where it is tested, hence is a constant there: that of
 * its type, as -DSTATIC_KEY_<name> says.  What it is set to at run time is kept, too,
 * for loop.c to see that both are the same.
 */
struct static_key_0 {
	int enabled;
	char on[0];
};

struct static_key_1 {
	int enabled;
	char on[1];
};

#define STATIC_KEY(name)		struct __PASTE(static_key_, STATIC_KEY_##name) name
#define DECLARE_STATIC_KEY_FALSE(name)	extern STATIC_KEY(name)
#define DECLARE_STATIC_KEY_TRUE(name)	extern STATIC_KEY(name)
#define DEFINE_STATIC_KEY_FALSE(name)	STATIC_KEY(name)
#define DEFINE_STATIC_KEY_TRUE(name)	STATIC_KEY(name) = { .enabled = 1 }
#define static_branch_likely(key)	(sizeof((key)->on) != 0)
#define static_branch_unlikely(key)	(sizeof((key)->on) != 0)
#define static_key_enabled(key)		((key)->enabled != 0)
#define static_branch_enable(key)	((void)((key)->enabled = 1))
#define static_branch_disable(key)	((void)((key)->enabled = 0))
#define static_branch_inc(key)		((void)(key)->enabled++)
#define static_branch_dec(key)		((void)(key)->enabled--)

/* Which CPU a thread is on is up to silicon.c, as with a vCPU that is loaded. */
#define __percpu
#define per_cpu_ptr(pointer, cpu)	(&(pointer)[cpu])
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < SILICON_CPUS; (cpu)++)
#define cpu_to_node(cpu)		0

/* Barriers are where the kernel has them, and for the compiler only, as there. */
typedef struct {
	unsigned int sequence;
} seqcount_t;

static __always_inline void raw_write_seqcount_begin(seqcount_t *s)
{
	s->sequence++;
	smp_wmb();
}

static __always_inline void raw_write_seqcount_end(seqcount_t *s)
{
	smp_wmb();
	s->sequence++;
}

static inline unsigned int raw_read_seqcount_begin(const seqcount_t *s)
{
	unsigned int sequence;

	while ((sequence = smp_load_acquire(&s->sequence)) & 1)
		__builtin_ia32_pause();

	return sequence;
}

static inline bool read_seqcount_retry(const seqcount_t *s, unsigned int start)
{
	smp_rmb();
	return READ_ONCE(s->sequence) != start;
}

typedef struct {
	s64 counter;
} atomic64_t;

static inline s64 atomic64_inc_return(atomic64_t *v)
{
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);
}

static inline void atomic64_set(atomic64_t *v, s64 i)
{
	WRITE_ONCE(v->counter, i);
}

static inline int atomic_xchg(atomic_t *v, int new)
{
	return __atomic_exchange_n(&v->counter, new, __ATOMIC_SEQ_CST);
}

struct mutex {
	atomic_t locked;
};

#define DEFINE_MUTEX(name)		struct mutex name

static inline bool mutex_trylock(struct mutex *lock)
{
	return atomic_xchg(&lock->locked, 1) == 0;
}

static inline void mutex_lock(struct mutex *lock)
{
	while (!mutex_trylock(lock))
		__builtin_ia32_pause();
}

static inline void mutex_unlock(struct mutex *lock)
{
	__atomic_store_n(&lock->locked.counter, 0, __ATOMIC_RELEASE);
}

#define kvzalloc(size, flags)		silicon_alloc(size)
#define kvzalloc_node(size, flags, node) silicon_alloc(size)
#define kvcalloc(n, size, flags)	silicon_alloc(array_size(n, size))
/* What silicon_alloc() gave stays until the end. */
#define kvfree(pointer)			((void)(pointer))

#define pr_info(fmt, ...)		printk(pr_fmt(fmt), ##__VA_ARGS__)

struct dentry;
struct kvm;

/* Pieces of the kernel's source, cut out by silicon.sh */
#define ASM_INPUT_RM			"rm"
#include "pieces.h"

struct kvm_vcpu {
	struct {
		struct kvm_vcpu_exit_stats exit_stats;
	} arch;
};

#endif /* SHIM_KERNEL_H */
