// SPDX-License-Identifier: GPL-2.0
#include "clock.h"
#include "sampler.h"
#include "signals.h"

enum status sampler_start(struct sampler *sampler, struct source *source, double period)
{
	*sampler = (struct sampler){
		.source = source,
		.period = period,
		.next = now() + period,
	};
	return source_read(source, &sampler->last);
}

void sampler_advance(struct sampler *sampler)
{
	/* Keep the pace, but do not make up for readings that were missed or late. */
	sampler->next += sampler->period;
	if (sampler->next < now() + sampler->period / 2)
		sampler->next = now() + sampler->period;
}

enum status sampler_read(struct sampler *sampler, struct snapshot *snapshot)
{
	enum status status;

	sampler_advance(sampler);
	status = source_read(sampler->source, snapshot);
	if (status)
		return status;
	status = source_check_vm(sampler->source, sampler->last.vm, snapshot->vm);
	if (status)
		snapshot_free(snapshot);
	return status;
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

enum status sampler_repeat(struct sampler *sampler, unsigned long long nr,
			   enum status (*step)(struct sampler *sampler, void *data),
			   void *data)
{
	enum status lost = STATUS_OK;

	catch_signals();
	for (unsigned long long i = 0; (!nr || i < nr) && sleep_until(sampler->next); i++) {
		enum status status = step(sampler, data);

		if (status == STATUS_RESET) {
			print_error();
			lost = status;
		} else if (status) {
			/* A step that a signal has interrupted is no failure. */
			return was_signaled() ? lost : status;
		}
	}
	return lost;
}
