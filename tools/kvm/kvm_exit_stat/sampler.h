/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_SAMPLER_H
#define KVM_EXIT_STAT_SAMPLER_H

#include "source.h"

/* A source that is read again and again, and the time of the next reading */
struct sampler {
	struct source *source;
	struct snapshot last;
	double period;
	double next;
};

/* Whether whoever started the program wants @signal to have no effect, as nohup does */
bool is_ignored(int signal);

/* Read for the first time. */
enum status sampler_start(struct sampler *sampler, struct source *source, double period);

/* The seconds that remain until the next reading, at least 0 */
double sampler_wait_time(const struct sampler *sampler);

/* Read again. */
enum status sampler_read(struct sampler *sampler, struct snapshot *snapshot);

/*
 * Read again, and give what happened since the last reading.  With STATUS_RESET
 * that is not known, and the next call can tell it again.
 */
enum status sampler_next(struct sampler *sampler, struct snapshot *interval);

void sampler_stop(struct sampler *sampler);

#endif /* KVM_EXIT_STAT_SAMPLER_H */
