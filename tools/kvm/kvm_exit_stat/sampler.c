// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <signal.h>
#include <time.h>

#include "sampler.h"

static double now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool is_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
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

enum status sampler_read(struct sampler *sampler, struct snapshot *snapshot)
{
	/* Keep the pace, but do not make up for readings that were missed. */
	sampler->next = fmax(sampler->next + sampler->period, now());
	return source_read(sampler->source, snapshot);
}

enum status sampler_next(struct sampler *sampler, struct snapshot *interval)
{
	struct snapshot snapshot;
	enum status status = sampler_read(sampler, &snapshot);

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
