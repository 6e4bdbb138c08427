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

/* Read for the first time. */
enum status sampler_start(struct sampler *sampler, struct source *source, double period);

/* Set the time of the reading after the one that is due. */
void sampler_advance(struct sampler *sampler);

/* Read again. */
enum status sampler_read(struct sampler *sampler, struct snapshot *snapshot);

/*
 * Read again, and subtract the last reading.  STATUS_RESET if there was a reset in
 * between, i.e. there is no interval; the next call begins after the reset.
 */
enum status sampler_next(struct sampler *sampler, struct snapshot *interval);

void sampler_stop(struct sampler *sampler);

/*
 * Call @step each period, @nr times or, if @nr is 0, until a signal is noted.  After a
 * reset, print a message, go on, and return STATUS_RESET in the end.
 */
enum status sampler_repeat(struct sampler *sampler, unsigned long long nr,
			   enum status (*step)(struct sampler *sampler, void *data),
			   void *data);

#endif /* KVM_EXIT_STAT_SAMPLER_H */
