// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics: the most frequent keys, e.g. the MSRs that a guest writes.
 *
 * A guest chooses its keys, and must not take memory or time by that.  So only
 * KVM_EXIT_STATS_TOP keys are kept, which is exact while there are no more.  After that, a
 * new key takes the place of the least frequent one, and inherits its count as its error
 * (space-saving: Metwally et al., 2005).  A key of more than one in KVM_EXIT_STATS_TOP
 * exits is always there.
 */
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/sort.h>
#include <linux/string.h>

#include <kunit/visibility.h>

#include "exit_stats.h"

/* Entries have this @size, and begin with a struct kvm_exit_top. */
static struct kvm_exit_top *top_at(const void *all, size_t size, unsigned int i)
{
	return (struct kvm_exit_top *)(all + i * size);
}

/* The entry of a key, or NULL */
static struct kvm_exit_top *find_key(const void *all, size_t size, u64 key)
{
	unsigned int i;

	for (i = 0; i < KVM_EXIT_STATS_TOP; i++) {
		if (top_at(all, size, i)->key == key && top_at(all, size, i)->count)
			return top_at(all, size, i);
	}

	return NULL;
}

/* The least frequent entry.  Keys without an entry can have had as many, 0 if one is free. */
static struct kvm_exit_top *find_least(const void *all, size_t size)
{
	struct kvm_exit_top *least = top_at(all, size, 0);
	unsigned int i;

	for (i = 1; i < KVM_EXIT_STATS_TOP; i++) {
		if (top_at(all, size, i)->count < least->count)
			least = top_at(all, size, i);
	}

	return least;
}

/* The entry of a key, which gets one if it has none */
struct kvm_exit_top *kvm_exit_top_get(void *all, size_t size, u64 key)
{
	struct kvm_exit_top *top = find_key(all, size, key);

	if (!top) {
		top = find_least(all, size);
		*top = (struct kvm_exit_top){
			.key	= key,
			.count	= top->count,
			.error	= top->count,
		};
	}

	return top;
}

static int compare_counts(const void *a, const void *b)
{
	const struct kvm_exit_top *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

/*
 * Add the entries of another table, and keep the most frequent ones of both, sorted.  A key
 * that a table lacks can have had as many exits there as the least frequent one that it has.
 */
void kvm_exit_top_merge(void *dst, const void *src, size_t size)
{
	u8 all[2 * KVM_EXIT_STATS_TOP * sizeof(struct kvm_exit_preemptor)] __aligned(8);
	u64 dst_least = find_least(dst, size)->count;
	u64 src_least = find_least(src, size)->count;
	const struct kvm_exit_top *from;
	struct kvm_exit_top *to;
	unsigned int i;

	memset(all, 0, sizeof(all));
	memcpy(all, dst, KVM_EXIT_STATS_TOP * size);
	for (i = 0; i < KVM_EXIT_STATS_TOP; i++) {
		to = top_at(all, size, i);
		if (to->count) {
			to->count += src_least;
			to->error += src_least;
		}
	}

	for (i = 0; i < KVM_EXIT_STATS_TOP; i++) {
		from = top_at(src, size, i);
		if (!from->count)
			continue;

		to = find_key(all, size, from->key);
		if (!to) {
			to = top_at(all, size, KVM_EXIT_STATS_TOP + i);
			memcpy(to, from, size);
			to->count += dst_least;
			to->error += dst_least;
		} else {
			to->count += from->count - src_least;
			to->error += from->error - src_least;
			to->cycles += from->cycles;
			to->longest = max(to->longest, from->longest);
		}
	}

	sort(all, 2 * KVM_EXIT_STATS_TOP, size, compare_counts, NULL);
	memcpy(dst, all, KVM_EXIT_STATS_TOP * size);
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_top_merge);

/* "kind:what", and how it was accessed, if that is known */
size_t kvm_exit_key_print(enum kvm_exit_key_kind kind, u64 key, char *buf, size_t size)
{
	const char *access = key & EXIT_KEY_WRITE ? ":write" :
			     key & EXIT_KEY_FETCH ? ":fetch" :
			     key & EXIT_KEY_READ ? ":read" : "";
	u64 value = key & EXIT_KEY_VALUE;

	switch (kind) {
	case EXIT_KEY_MSR:
		return scnprintf(buf, size, "msr:0x%llx%s", value, access);
	case EXIT_KEY_PORT:
		return scnprintf(buf, size, "port:0x%llx:%llu%s", value & U16_MAX, value >> 16,
				 access);
	case EXIT_KEY_CPUID:
		return scnprintf(buf, size, "cpuid:0x%x:0x%x", upper_32_bits(key),
				 lower_32_bits(key));
	case EXIT_KEY_HYPERCALL:
		return scnprintf(buf, size, "hypercall:%llu", key);
	case EXIT_KEY_CR:
		return scnprintf(buf, size, "cr:%llu%s", value, access);
	case EXIT_KEY_DR:
		return scnprintf(buf, size, "dr:%llu%s", value, access);
	case EXIT_KEY_APIC:
		return scnprintf(buf, size, "apic:0x%llx%s", value, access);
	case EXIT_KEY_VECTOR:
		return scnprintf(buf, size, "vector:%llu", key);
	case EXIT_KEY_MEMORY:
		return key & EXIT_KEY_MEMSLOT ?
		       scnprintf(buf, size, "memslot:%llu%s", value, access) :
		       scnprintf(buf, size, "page:0x%llx%s", gfn_to_gpa(value), access);
	default:
		return 0;
	}
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_key_print);

/*
 * A line for each key of a row: the key, how many exits it had for certain, how many more it
 * can have had, the cycles in handling of the former, and the most that one of them took.
 * The last line is the rest of the row.  Prints nothing if there are no keys.
 */
size_t kvm_exit_keys_print(const struct kvm_exit_stat *stat, const char *prefix, char *buf,
			   size_t size)
{
	u64 count = kvm_exit_times_count(&stat->cycles), cycles = stat->cycles.sum, certain;
	const struct kvm_exit_top *top;
	size_t len = 0;
	unsigned int i;

	if (!stat->keys || stat->keys->kind == EXIT_KEY_NONE)
		return 0;

	for (i = 0; i < KVM_EXIT_STATS_TOP; i++) {
		top = &stat->keys->top[i];
		certain = top->count - top->error;
		if (!certain)
			continue;
		len += scnprintf(buf + len, size - len, "%s", prefix);
		len += kvm_exit_key_print(stat->keys->kind, top->key, buf + len, size - len);
		len += scnprintf(buf + len, size - len, " %llu %llu %llu %llu\n", certain,
				 top->error, top->cycles, top->longest);
		count -= certain;
		cycles -= min(cycles, top->cycles);
	}
	if (len)
		len += scnprintf(buf + len, size - len, "%sother %llu 0 %llu 0\n", prefix,
				 count, cycles);

	return len;
}
EXPORT_SYMBOL_IF_KUNIT(kvm_exit_keys_print);
