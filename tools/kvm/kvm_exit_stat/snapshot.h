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
	uint64_t count;
	struct times cycles;
	struct times away;
	/* The parts of away.total */
	uint64_t user;
	uint64_t blocked;
	uint64_t preempted;
	/* What remains of it; derived */
	uint64_t kvm;
	/* The part of blocked in which KVM polled */
	uint64_t polled;
	/* Exits after which KVM_RUN returned to user space */
	uint64_t user_exits;
	/* Time in the guest that exits of this reason ended */
	uint64_t guest;
};

/*
 * What the kernel has recorded since the last reset or, with @interval, between
 * two readings.  Of an interval, nobody knows minima and maxima.
 */
struct snapshot {
	char isa[8];
	char scope[64];
	uint64_t tsc_khz;
	/* UTC and CLOCK_BOOTTIME of the (last) reading, in seconds */
	double time;
	double uptime;
	bool interval;
	double seconds;
	/* Exits that are in no other number, for want of memory */
	uint64_t dropped;
	struct reason *reasons;
	size_t nr_reasons;
	/* Derived: no histograms, no minima, no maxima */
	struct reason total;
};

/*
 * The numbers that the kernel gives of a reason, but for averages.  The names are those
 * of the columns in sysfs and debugfs; in JSON a number has a key in an object of the
 * reason, which has a name unless it is the reason itself.
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

/* The same, to be changed */
static inline uint64_t *number_of(struct reason *reason, const struct number *number)
{
	return (uint64_t *)((char *)reason + number->offset);
}

/*
 * Whether there is anything to tell.  In an interval, an away time can end whose exit
 * was counted before.
 */
bool reason_occurred(const struct reason *reason);

bool is_isa(const char *isa);
bool is_reason_name(const char *name);

/* NULL if memory is short.  Pointers to reasons do not outlive the call. */
struct reason *snapshot_add(struct snapshot *snapshot, const char *name);
struct reason *snapshot_find_or_add(struct snapshot *snapshot, const char *name);
const struct reason *snapshot_find(const struct snapshot *snapshot, const char *name);
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
 * Estimate a quantile, linear within a bucket.  0 if there is no time.  Unless it is
 * of an @interval, min and max bound it.
 */
uint64_t times_quantile(const struct times *times, double quantile, bool interval);

#endif /* KVM_EXIT_STAT_SNAPSHOT_H */
