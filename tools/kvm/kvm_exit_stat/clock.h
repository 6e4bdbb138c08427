/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_CLOCK_H
#define KVM_EXIT_STAT_CLOCK_H

#include <time.h>

/* In seconds */
static inline double read_clock(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The clock that paces readings: nobody can set it, unlike the time of day. */
static inline double now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

#endif /* KVM_EXIT_STAT_CLOCK_H */
