/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_SNAPSHOT_H
#define KVM_EXIT_STAT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/*
 * Bucket 0 counts times of 0 cycles, bucket n those from 2^(n-1) up to 2^n - 1,
 * and the last one also all longer ones.
 */
#define NR_BUCKETS	32

#define REASON_NAME_LEN	64

#define VM_NAME_LEN	256

/* More than the 15 letters of a command that the kernel keeps */
#define COMMAND_LEN	64

/* What an exit was for, as text of the kernel, e.g. "port:0x3f8:1:write" */
#define KEY_LEN	64

/* In place of a key: all exits of a reason that have no key of their own */
#define KEY_OTHER	"other"

/* Times of one kind, in TSC cycles */
struct times {
	uint64_t total;
	uint64_t min;
	uint64_t max;
	uint64_t hist[NR_BUCKETS];
};

/* One exit reason, or the sum of all */
struct reason {
	char name[REASON_NAME_LEN];
	/* The code in the hardware, if it was asked for */
	bool coded;
	uint64_t code;
	uint64_t count;
	struct times cycles;
	struct times away;
	/* The parts of away.total */
	uint64_t user;
	uint64_t blocked;
	uint64_t preempted;
	/* The rest of away.total; derived */
	uint64_t kvm;
	/* The part of blocked in which KVM polled */
	uint64_t polled;
	/* Exits after which KVM_RUN returned to user space */
	uint64_t user_exits;
	/* Time in the guest that exits of this reason ended */
	uint64_t guest;
};

/* In place of kvm_run->exit_reason: KVM_RUN failed, or the reason has no place of its own */
#define USER_ERROR	(-1)
#define USER_OTHER	(-2)

/* How often KVM_RUN returned in the same way after exits of the same reason */
struct user_return {
	/* Which of snapshot->reasons */
	size_t reason;
	int number;
	uint64_t count;
	/* Time until the next KVM_RUN */
	uint64_t cycles;
};

/* One of the last exits of a vCPU */
struct chain_exit {
	int vcpu;
	char reason[REASON_NAME_LEN];
	/* Of L2 */
	bool nested;
	/* Handling time, which the kernel saturates at 32 bits */
	uint64_t cycles;
};

/* The exits of a reason from L2, a guest of the guest; struct reason includes them */
struct nested {
	/* Which of snapshot->reasons */
	size_t reason;
	struct reason l2;
	/* The part of these that KVM handed to the guest, L1 */
	struct reason reflected;
};

/* How often exits of a reason had one key */
struct key {
	/* Which of snapshot->reasons */
	size_t reason;
	char text[KEY_LEN];
	/* A lower bound; the upper bound is @error more */
	uint64_t count;
	uint64_t error;
	/* The handling time of these @count exits, and the longest one, 0 if not known */
	uint64_t cycles;
	uint64_t longest;
};

/* An exit that took long */
struct worst {
	char reason[REASON_NAME_LEN];
	/* Whether it was long until the next VM-Entry, or long in handling */
	bool away;
	/* Whether it is the longest of the last 30 to 60 seconds, or since the reset */
	bool late;
	uint64_t cycles;
	/* CLOCK_BOOTTIME of the VM-Exit */
	uint64_t boot_ns;
	/* Number of the VM, and its name if that was asked for and is known */
	uint64_t vm;
	char vm_name[VM_NAME_LEN];
	uint64_t vcpu;
	uint64_t cpu;
	/* RIP is not always known, e.g. not under lockdown. */
	bool has_rip;
	uint64_t rip;
	/* Empty if it is not known */
	char key[KEY_LEN];
	uint64_t user_percent;
	uint64_t blocked_percent;
	uint64_t preempted_percent;
};

/* A process that got the CPU of a vCPU that was preempted */
struct preemptor {
	/* 0 if the vCPU was throttled */
	uint64_t pid;
	char command[COMMAND_LEN];
	/* An upper bound; the lower bound is @error less */
	uint64_t count;
	uint64_t error;
	/* The time of the certain preemptions, and the longest one */
	uint64_t cycles;
	uint64_t max;
};

/*
 * What the kernel has recorded since the last reset or, with @interval, between
 * two readings.  The minima and maxima of an interval are not known.
 */
struct snapshot {
	char isa[8];
	char scope[64];
	/* Number of the VM that was read, or 0; not in files of record */
	uint64_t vm;
	uint64_t tsc_khz;
	/* UTC and CLOCK_BOOTTIME of the (last) reading, in seconds */
	double time;
	double uptime;
	bool interval;
	double seconds;
	/* UTC of the first reading of an interval */
	double from;
	/* Exits that are in no other number, for want of memory */
	uint64_t dropped;
	struct reason *reasons;
	size_t nr_reasons;
	/* Not in files of record */
	struct user_return *user_returns;
	size_t nr_user_returns;
	/* Only if they were asked for, see enum extra */
	struct key *keys;
	size_t nr_keys;
	struct worst *worst;
	size_t nr_worst;
	struct nested *nested;
	size_t nr_nested;
	/* By vCPU, the oldest first */
	struct chain_exit *chain;
	size_t nr_chain;
	/* Only of a table of debugfs, and not of an interval */
	struct preemptor *preemptors;
	size_t nr_preemptors;
	/* Derived: sums of all reasons, without histograms, minima and maxima */
	struct reason total;
};

/*
 * The numbers that the kernel has for a reason, except averages.  @name is that of the
 * column in sysfs and debugfs.  In JSON, the number is the member @key of the reason or,
 * if @object is not NULL, of an object of that name in the reason.
 */
struct number {
	const char *name;
	const char *object;
	const char *key;
	size_t offset;
	size_t length;
};

#define NR_NUMBERS	15
extern const struct number numbers[NR_NUMBERS];

/* A number, or the first of a histogram, at an offset in struct reason */
static inline const uint64_t *number_at(const struct reason *reason, size_t offset)
{
	return (const uint64_t *)((const char *)reason + offset);
}

/* The same, for writing */
static inline uint64_t *number_of(struct reason *reason, const struct number *number)
{
	return (uint64_t *)((char *)reason + number->offset);
}

/* Add, but stop at 2^64 - 1, as the kernel does. */
static inline void add_to(uint64_t *sum, uint64_t number)
{
	if (__builtin_add_overflow(*sum, number, sum))
		*sum = UINT64_MAX;
}

/*
 * Whether there is anything to show for a reason.  An interval can have an away time but
 * no exit, if the exit was counted before.
 */
bool reason_occurred(const struct reason *reason);

bool is_isa(const char *isa);
bool is_reason_name(const char *name);
bool is_key(const char *text);

/*
 * NULL if memory is short or, of snapshot_find(), if there is no such reason.  The pointer is
 * valid until the next reason is added.
 */
struct reason *snapshot_add(struct snapshot *snapshot, const char *name);
struct reason *snapshot_find_or_add(struct snapshot *snapshot, const char *name);
const struct reason *snapshot_find(const struct snapshot *snapshot, const char *name);

/* The same applies to the elements of the other lists. */
struct user_return *snapshot_add_user_return(struct snapshot *snapshot);
struct preemptor *snapshot_add_preemptor(struct snapshot *snapshot);
struct nested *snapshot_find_or_add_nested(struct snapshot *snapshot, size_t reason);
struct chain_exit *snapshot_add_chain_exit(struct snapshot *snapshot);
struct worst *snapshot_add_worst(struct snapshot *snapshot);
struct key *snapshot_add_key(struct snapshot *snapshot, size_t reason, const char *text);

/* Set the time in KVM, i.e. the away time that is no other part. */
void reason_derive(struct reason *reason);
void snapshot_derive(struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

/* All vCPU time: in the guest and away */
double snapshot_life(const struct snapshot *snapshot);

/* What happened from @a to @b.  STATUS_RESET if any number shows a reset between. */
enum status snapshot_subtract(struct snapshot *interval, const struct snapshot *a,
			      const struct snapshot *b);

/* Times of one kind, at an offset in struct reason */
static inline const struct times *times_at(const struct reason *reason, size_t offset)
{
	return (const struct times *)((const char *)reason + offset);
}

uint64_t times_count(const struct times *times);

/* The first and the last bucket that are not empty.  False if all are. */
bool times_range(const struct times *times, size_t *first, size_t *last);

/* Rounded down.  0 if there is no time. */
uint64_t times_average(const struct times *times);

/*
 * Estimate a quantile by linear interpolation within its bucket.  0 if there is no time.
 * Unless the times are of an @interval, min and max bound the estimate.
 */
uint64_t times_quantile(const struct times *times, double quantile, bool interval);

#endif /* KVM_EXIT_STAT_SNAPSHOT_H */
