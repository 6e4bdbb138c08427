// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <time.h>

#include "sampler.h"

static double now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum status sampler_start(struct sampler *sampler, struct source *source, double period)
{
	*sampler = (struct sampler){
		.source = source,
		.period = period,
		.next = now() + period,
	};
	return source_read(source, &sampler->last);
}

double sampler_wait_time(const struct sampler *sampler)
{
	return fmax(sampler->next - now(), 0);
}

enum status sampler_next(struct sampler *sampler, struct snapshot *interval)
{
	struct snapshot snapshot;
	enum status status;

	/* Keep the pace, but do not make up for readings that were missed. */
	sampler->next = fmax(sampler->next + sampler->period, now());

	status = source_read(sampler->source, &snapshot);
	if (status)
		return status;
	status = snapshot_subtract(interval, &sampler->last, &snapshot);
	snapshot_free(&sampler->last);
	sampler->last = snapshot;
	return status;
}

void sampler_stop(struct sampler *sampler)
{
	snapshot_free(&sampler->last);
}
