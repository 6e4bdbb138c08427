/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Definitions that exit_stats.c and exit_stats.h use from the kernel, except for those in
 * the headers of tools/include, and for those that silicon.sh cuts out of other headers.
 * -include has the compiler read this file before all of them.
 *
 * Code that a common exit runs compiles to the same instructions as in a kernel with
 * PREEMPT_NONE and without debugging.  The other definitions only have to work.
 */
#ifndef SHIM_KERNEL_H
#define SHIM_KERNEL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <linux/compiler.h>
#include <linux/types.h>

#include <asm/barrier.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "silicon.h"

#define CONFIG_KVM_EXIT_STATS		1
#define CONFIG_KVM_EXIT_STATS_INTERVAL	500

/* Have x86.h empty: this file defines what is used of it. */
#define ARCH_X86_KVM_X86_H

#define U32_MAX				UINT32_MAX
#define U64_MAX				UINT64_MAX
#define NSEC_PER_MSEC			1000000L
#define USEC_PER_MSEC			1000L
#define HZ				250

#define swap(a, b)	\
	do { typeof(a) __tmp = (a); (a) = (b); (b) = __tmp; } while (0)

/* The cache lines of x86-64 CPUs have 64 bytes, not 32 as tools/include has it. */
#define ____cacheline_aligned		__aligned(64)
#define ____cacheline_aligned_in_smp	____cacheline_aligned

#define __uninitialized
#define VISIBLE_IF_KUNIT		static
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#define EXPORT_SYMBOL_FOR_KVM_INTERNAL(symbol)
#if __has_include(<linux/moduleparam.h>)
#include <linux/moduleparam.h>
#endif
#undef MODULE_PARM_DESC
#define MODULE_PARM_DESC(name, text)
#undef module_param
#define module_param(name, type, mode)

/* A kernel without debugging does not check this, either. */
#define lockdep_assert_held(lock)

#define preempt_disable()		barrier()
#define preempt_enable()		barrier()
#define cond_resched()			barrier()
#define irqs_disabled()			false

static __always_inline u64 rdtsc(void)
{
	u64 low, high;

	/* RDTSC clears the upper halves of both registers, so no masks are needed. */
	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | high << 32;
}

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 divisor)
{
	return (unsigned __int128)a * b / divisor;
}

static inline u64 mul_u64_u32_div(u64 a, u32 b, u32 divisor)
{
	return mul_u64_u64_div_u64(a, b, divisor);
}

#define tsc_khz				1000000U

/*
 * In a kernel, a test of a static key is a patched jump.  Here it is a constant, which
 * costs nothing, either: the type of the key, which -DSTATIC_KEY_<name> selects, has it
 * as the size of "on".  "enabled" is what the key is set to at run time, for loop.c to
 * check that both are the same.
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
#define DEFINE_STATIC_KEY_FALSE(name)	STATIC_KEY(name)
#define static_branch_likely(key)	(sizeof((key)->on) != 0)
#define static_branch_unlikely(key)	(sizeof((key)->on) != 0)
#define static_key_enabled(key)		((key)->enabled != 0)
#define static_branch_enable(key)	((void)((key)->enabled = 1))
#define static_branch_disable(key)	((void)((key)->enabled = 0))

/* Barriers are where the kernel has them, and on x86 only compiler barriers, as there. */
typedef struct {
	unsigned int sequence;
} seqcount_t;

#define seqcount_init(s)		((void)((s)->sequence = 0))

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

static inline unsigned int read_seqcount_begin(const seqcount_t *s)
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

static inline s64 atomic64_read(const atomic64_t *v)
{
	return READ_ONCE(v->counter);
}

static inline bool atomic64_add_negative(s64 i, atomic64_t *v)
{
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST) < 0;
}

static inline bool atomic64_try_cmpxchg(atomic64_t *v, s64 *old, s64 new)
{
	return __atomic_compare_exchange_n(&v->counter, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static inline void atomic64_inc(atomic64_t *v)
{
	__atomic_fetch_add(&v->counter, 1, __ATOMIC_SEQ_CST);
}

static inline s64 atomic64_xchg(atomic64_t *v, s64 new)
{
	return __atomic_exchange_n(&v->counter, new, __ATOMIC_SEQ_CST);
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

/* The one that Linux 6.1's tools have is elsewhere, and not atomic. */
#define test_and_set_bit		silicon_test_and_set_bit
static inline bool test_and_set_bit(long nr, unsigned long *addr)
{
	return __atomic_fetch_or(addr, 1UL << nr, __ATOMIC_SEQ_CST) & (1UL << nr);
}

static inline void clear_bit(long nr, unsigned long *addr)
{
	__atomic_fetch_and(addr, ~(1UL << nr), __ATOMIC_SEQ_CST);
}

/* Work items never run: in KVM, a worker prints summaries, not the thread that makes exits. */
struct work_struct {
	void (*func)(struct work_struct *work);
};

#define DECLARE_WORK(name, func)	struct work_struct name = { func }
#define system_dfl_wq			NULL
#define queue_work(wq, work)		((void)(work))
#define cancel_work(work)		((void)(work), true)
#define cancel_work_sync(work)		((void)(work))

#define DECLARE_DELAYED_WORK(name, func)	struct work_struct name = { func }
#define schedule_delayed_work(work, delay)	((void)(work))
#define cancel_delayed_work_sync(work)		((void)(work))

struct ratelimit_state {
	int interval;
};

#define RATELIMIT_STATE_INIT_FLAGS(name, interval, burst, flags) { interval }
#define __ratelimit(state)		((void)(state), true)

/*
 * Rows and vCPUs are never freed, but the memory of readers is.  tools/include of later
 * kernels has some of these names already, so define them anew, or use others.
 */
#define kmem_cache			silicon_cache
#undef kmem_cache_create
#define kmem_cache_create		silicon_cache_create
struct kmem_cache {
	size_t size;
};

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align,
				     unsigned int flags, void (*ctor)(void *));

#undef SLAB_ACCOUNT
#define SLAB_ACCOUNT			0
#undef SLAB_HWCACHE_ALIGN
#define SLAB_HWCACHE_ALIGN		0
#define kmem_cache_zalloc(cache, flags)	silicon_alloc((cache)->size)
#define kmem_cache_destroy(cache)	((void)(cache))
#undef kcalloc
#define kcalloc(n, size, flags)		calloc(n, size)
#undef kzalloc
#define kzalloc(size, flags)		calloc(1, size)
#define array3_size(a, b, c)		((a) * (b) * (c))
#define size_add(a, b)			((a) + (b))
#define kvmalloc(size, flags)		malloc(size)
#define kvfree(pointer)			free(pointer)

#define pr_info(fmt, ...)		printk(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn				pr_info

struct dentry;
struct kvm;
struct kvm_exit_stats_vm;
struct seq_file;

struct kref {
	int count;
};

#define TASK_COMM_LEN			16

struct task_struct {
	pid_t tgid;
	char comm[TASK_COMM_LEN];
};

#define task_tgid_nr(task)		((task)->tgid)
#define sort(base, nr, size, cmp, swap)	qsort(base, nr, size, cmp)

#define KVM_EXIT_INTR			10
#define KVM_EXIT_INTERNAL_ERROR		17
#define KVM_EXIT_MEMORY_FAULT		39

/* No VM ends here, so there is no loop over its vCPUs. */
#define kvm_for_each_vcpu(i, vcpu, kvm)	for ((i) = 0, (vcpu) = NULL; (vcpu); (i)++)

struct kvm_run {
	u32 exit_reason;
};

/* Pieces of the kernel's source, cut out by silicon.sh */
#define ASM_INPUT_RM			"rm"
#include "pieces.h"

struct kvm_vcpu {
	struct kvm *kvm;
	struct kvm_run *run;
	int vcpu_id;
	struct {
		struct {
			u64 halt_poll_success_ns;
			u64 halt_poll_fail_ns;
		} generic;
		u64 exit_reasons[KVM_EXIT_STATS_MAX_ROWS];
		u64 exit_reason_cycles[KVM_EXIT_STATS_MAX_ROWS];
	} stat;
	struct {
		struct kvm_vcpu_exit_stats exit_stats;
		unsigned long regs[2];
	} arch;
};

#define VCPU_REGS_RAX			0
#define VCPU_REGS_RCX			1

/* There are no nested guests, and keys are off. */
struct kvm_memory_slot {
	short id;
};

#define VCPU_REG_RIP			0
#define kvm_register_is_available(vcpu, reg)	false
#define is_guest_mode(vcpu)		false
#define kvm_vcpu_gfn_to_memslot(vcpu, gfn)	((struct kvm_memory_slot *)NULL)

#endif /* SHIM_KERNEL_H */
