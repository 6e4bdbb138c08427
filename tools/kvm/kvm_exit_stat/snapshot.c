// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "snapshot.h"

#define OF(field)	offsetof(struct reason, field)

const struct number numbers[NR_NUMBERS] = {
	{ "count", NULL, "count", OF(count), 1 },
	{ "cycles_total", "cycles", "total", OF(cycles.total), 1 },
	{ "cycles_min", "cycles", "min", OF(cycles.min), 1 },
	{ "cycles_max", "cycles", "max", OF(cycles.max), 1 },
	{ "cycles_hist", "cycles", "hist", OF(cycles.hist), NR_BUCKETS },
	{ "away_user", "away", "user", OF(user), 1 },
	{ "away_blocked", "away", "blocked", OF(blocked), 1 },
	{ "away_polled", "away", "polled", OF(polled), 1 },
	{ "away_preempted", "away", "preempted", OF(preempted), 1 },
	{ "away_total", "away", "total", OF(away.total), 1 },
	{ "away_min", "away", "min", OF(away.min), 1 },
	{ "away_max", "away", "max", OF(away.max), 1 },
	{ "away_hist", "away", "hist", OF(away.hist), NR_BUCKETS },
	{ "user_exits", NULL, "user_exits", OF(user_exits), 1 },
	{ "guest_cycles", NULL, "guest_cycles", OF(guest), 1 },
};

bool reason_occurred(const struct reason *reason)
{
	return reason->count || times_count(&reason->away);
}

bool is_isa(const char *isa)
{
	return !strcmp(isa, "vmx") || !strcmp(isa, "svm");
}

/* Allow only characters that need no quotes in a script for gnuplot and in metrics. */
bool is_reason_name(const char *name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t length = strspn(name, allowed);

	return length > 0 && length < REASON_NAME_LEN && !name[length];
}

/* Allow only characters that need no escapes in JSON. */
bool is_key(const char *text)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-";
	size_t length = strspn(text, allowed);

	return length > 0 && length < KEY_LEN && !text[length];
}

/* Append an element, all 0, to the array @list of @nr, and return the element. */
static void *grow(void **list, size_t *nr, size_t size)
{
	char *longer = reallocarray(*list, *nr + 1, size);

	if (!longer)
		return NULL;
	*list = longer;
	return memset(longer + size * (*nr)++, 0, size);
}

struct reason *snapshot_add(struct snapshot *snapshot, const char *name)
{
	struct reason *reason = grow((void **)&snapshot->reasons, &snapshot->nr_reasons,
				     sizeof(*reason));

	if (reason)
		snprintf(reason->name, sizeof(reason->name), "%s", name);
	return reason;
}

struct user_return *snapshot_add_user_return(struct snapshot *snapshot)
{
	return grow((void **)&snapshot->user_returns, &snapshot->nr_user_returns,
		    sizeof(struct user_return));
}

struct preemptor *snapshot_add_preemptor(struct snapshot *snapshot)
{
	return grow((void **)&snapshot->preemptors, &snapshot->nr_preemptors,
		    sizeof(struct preemptor));
}

struct nested *snapshot_find_or_add_nested(struct snapshot *snapshot, size_t reason)
{
	struct nested *nested;

	for (size_t i = 0; i < snapshot->nr_nested; i++) {
		if (snapshot->nested[i].reason == reason)
			return &snapshot->nested[i];
	}
	nested = grow((void **)&snapshot->nested, &snapshot->nr_nested, sizeof(*nested));
	if (nested)
		nested->reason = reason;
	return nested;
}

struct chain_exit *snapshot_add_chain_exit(struct snapshot *snapshot)
{
	return grow((void **)&snapshot->chain, &snapshot->nr_chain, sizeof(struct chain_exit));
}

struct worst *snapshot_add_worst(struct snapshot *snapshot)
{
	return grow((void **)&snapshot->worst, &snapshot->nr_worst, sizeof(struct worst));
}

struct key *snapshot_add_key(struct snapshot *snapshot, size_t reason, const char *text)
{
	struct key *key = grow((void **)&snapshot->keys, &snapshot->nr_keys, sizeof(*key));

	if (key) {
		key->reason = reason;
		snprintf(key->text, sizeof(key->text), "%s", text);
	}
	return key;
}

const struct reason *snapshot_find(const struct snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		if (!strcmp(snapshot->reasons[i].name, name))
			return &snapshot->reasons[i];
	}
	return NULL;
}

struct reason *snapshot_find_or_add(struct snapshot *snapshot, const char *name)
{
	const struct reason *reason = snapshot_find(snapshot, name);

	return reason ? &snapshot->reasons[reason - snapshot->reasons] :
			snapshot_add(snapshot, name);
}

void reason_derive(struct reason *reason)
{
	uint64_t others = reason->user;

	add_to(&others, reason->blocked);
	add_to(&others, reason->preempted);
	/* Sums that have saturated at 2^64 - 1 need not match. */
	reason->kvm = reason->away.total > others ? reason->away.total - others : 0;
}

void snapshot_derive(struct snapshot *snapshot)
{
	struct reason *total = &snapshot->total;

	memset(total, 0, sizeof(*total));
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		struct reason *reason = &snapshot->reasons[i];

		reason_derive(reason);
		add_to(&total->count, reason->count);
		add_to(&total->cycles.total, reason->cycles.total);
		add_to(&total->away.total, reason->away.total);
		add_to(&total->user, reason->user);
		add_to(&total->blocked, reason->blocked);
		add_to(&total->polled, reason->polled);
		add_to(&total->preempted, reason->preempted);
		add_to(&total->kvm, reason->kvm);
		add_to(&total->user_exits, reason->user_exits);
		add_to(&total->guest, reason->guest);
	}
}

void snapshot_free(struct snapshot *snapshot)
{
	free(snapshot->reasons);
	free(snapshot->user_returns);
	free(snapshot->preemptors);
	free(snapshot->keys);
	free(snapshot->worst);
	free(snapshot->nested);
	free(snapshot->chain);
	memset(snapshot, 0, sizeof(*snapshot));
}

double snapshot_life(const struct snapshot *snapshot)
{
	return (double)snapshot->total.guest + (double)snapshot->total.away.total;
}

/* Once there is a time, only a reset lets the minimum grow or the maximum shrink. */
static bool times_were_reset(const struct times *a, const struct times *b)
{
	return times_count(a) && (b->min > a->min || b->max < a->max);
}

/* Subtract @before from @reason.  False if a number shows a reset in between. */
static bool reason_subtract(struct reason *reason, const struct reason *before)
{
	bool reset = times_were_reset(&before->cycles, &reason->cycles) ||
		     times_were_reset(&before->away, &reason->away);

	for (size_t i = 0; i < NR_NUMBERS; i++) {
		const uint64_t *from = number_at(before, numbers[i].offset);
		uint64_t *to = number_of(reason, &numbers[i]);

		if (from == &before->cycles.min || from == &before->cycles.max ||
		    from == &before->away.min || from == &before->away.max)
			continue;
		for (size_t j = 0; j < numbers[i].length; j++) {
			reset |= to[j] < from[j];
			to[j] -= from[j];
		}
	}
	reason->cycles.min = 0;
	reason->cycles.max = 0;
	reason->away.min = 0;
	reason->away.max = 0;
	return !reset;
}

/* Find in @a what @of is in @b.  Compare names, as reasons can have another place in @a. */
static const struct user_return *find_user_return(const struct snapshot *a,
						  const struct user_return *of,
						  const struct snapshot *b)
{
	for (size_t i = 0; i < a->nr_user_returns; i++) {
		const struct user_return *user_return = &a->user_returns[i];

		if (user_return->number == of->number &&
		    !strcmp(a->reasons[user_return->reason].name, b->reasons[of->reason].name))
			return user_return;
	}
	return NULL;
}

/*
 * A count that is less than before is no reset: a row of the kernel has room for few user
 * reasons, so that those of a VM that goes can become a part of "other".  Reasons of the
 * interval have the same places as in @b.
 */
static bool add_user_returns(struct snapshot *interval, const struct snapshot *a,
			     const struct snapshot *b)
{
	static const struct user_return none;

	for (size_t i = 0; i < b->nr_user_returns; i++) {
		const struct user_return *before = find_user_return(a, &b->user_returns[i], b) ?:
						   &none;
		struct user_return *user_return = snapshot_add_user_return(interval);

		if (!user_return)
			return false;
		*user_return = b->user_returns[i];
		user_return->count -= min(before->count, user_return->count);
		user_return->cycles -= min(before->cycles, user_return->cycles);
	}
	return true;
}

static const struct key *find_key(const struct snapshot *a, const struct key *of,
				  const struct snapshot *b)
{
	for (size_t i = 0; i < a->nr_keys; i++) {
		const struct key *key = &a->keys[i];

		if (!strcmp(key->text, of->text) &&
		    !strcmp(a->reasons[key->reason].name, b->reasons[of->reason].name))
			return key;
	}
	return NULL;
}

/* Here, too, a lower count is no reset: a key that another one displaces joins "other". */
static bool add_keys(struct snapshot *interval, const struct snapshot *a,
		     const struct snapshot *b)
{
	static const struct key none;

	for (size_t i = 0; i < b->nr_keys; i++) {
		const struct key *before = find_key(a, &b->keys[i], b) ?: &none;
		struct key *key = snapshot_add_key(interval, b->keys[i].reason, b->keys[i].text);

		if (!key)
			return false;
		key->count = b->keys[i].count - min(before->count, b->keys[i].count);
		key->cycles = b->keys[i].cycles - min(before->cycles, b->keys[i].cycles);
		key->error = b->keys[i].error;
	}
	return true;
}

static const struct nested *find_nested(const struct snapshot *a, const char *reason)
{
	for (size_t i = 0; i < a->nr_nested; i++) {
		if (!strcmp(a->reasons[a->nested[i].reason].name, reason))
			return &a->nested[i];
	}
	return NULL;
}

/* A number that is less than before is a reset, as in the row of the reason. */
static bool add_nested(struct snapshot *interval, const struct snapshot *a,
		       const struct snapshot *b, bool *ok)
{
	static const struct nested none;

	for (size_t i = 0; i < b->nr_nested; i++) {
		const size_t reason = b->nested[i].reason;
		const struct nested *before = find_nested(a, b->reasons[reason].name) ?: &none;
		struct nested *nested = snapshot_find_or_add_nested(interval, reason);

		if (!nested)
			return false;
		*nested = b->nested[i];
		*ok &= reason_subtract(&nested->l2, &before->l2);
		*ok &= reason_subtract(&nested->reflected, &before->reflected);
	}
	return true;
}

enum status snapshot_subtract(struct snapshot *interval, const struct snapshot *a,
			      const struct snapshot *b)
{
	static const struct reason none;
	bool ok = b->dropped >= a->dropped, memory;

	*interval = *b;
	interval->interval = true;
	interval->seconds = b->uptime - a->uptime;
	interval->from = a->time;
	interval->dropped -= a->dropped;
	interval->reasons = NULL;
	interval->nr_reasons = 0;
	interval->user_returns = NULL;
	interval->nr_user_returns = 0;
	interval->keys = NULL;
	interval->nr_keys = 0;
	interval->worst = NULL;
	interval->nr_worst = 0;
	interval->nested = NULL;
	interval->nr_nested = 0;
	interval->chain = NULL;
	interval->nr_chain = 0;
	interval->preemptors = NULL;
	interval->nr_preemptors = 0;

	for (size_t i = 0; i < b->nr_reasons; i++) {
		const struct reason *before = snapshot_find(a, b->reasons[i].name);
		struct reason *reason = snapshot_add(interval, b->reasons[i].name);

		if (!reason) {
			snapshot_free(interval);
			return fail(STATUS_SYSTEM, "out of memory");
		}
		*reason = b->reasons[i];
		ok &= reason_subtract(reason, before ?: &none);
	}
	for (size_t i = 0; i < a->nr_reasons; i++)
		ok &= !a->reasons[i].count || snapshot_find(b, a->reasons[i].name);

	memory = add_nested(interval, a, b, &ok);
	if (!ok) {
		snapshot_free(interval);
		return fail(STATUS_RESET, "counters were reset between two readings");
	}
	if (!memory || !add_user_returns(interval, a, b) || !add_keys(interval, a, b)) {
		snapshot_free(interval);
		return fail(STATUS_SYSTEM, "out of memory");
	}
	snapshot_derive(interval);
	return STATUS_OK;
}

uint64_t times_count(const struct times *times)
{
	uint64_t count = 0;

	for (size_t i = 0; i < NR_BUCKETS; i++)
		add_to(&count, times->hist[i]);
	return count;
}

bool times_range(const struct times *times, size_t *first, size_t *last)
{
	bool any = false;

	for (size_t i = 0; i < NR_BUCKETS; i++) {
		if (!times->hist[i])
			continue;
		if (!any)
			*first = i;
		*last = i;
		any = true;
	}
	return any;
}

uint64_t times_average(const struct times *times)
{
	uint64_t count = times_count(times);

	return count ? times->total / count : 0;
}

uint64_t times_quantile(const struct times *times, double quantile, bool interval)
{
	double rank = quantile * (double)times_count(times), below = 0, value = 0;
	size_t bucket = 0;

	/* Find the bucket that has the time of that rank, and skip empty ones. */
	for (size_t i = 0; i < NR_BUCKETS; i++) {
		if (!times->hist[i])
			continue;
		bucket = i;
		if (below + (double)times->hist[i] >= rank)
			break;
		below += (double)times->hist[i];
	}

	if (bucket == NR_BUCKETS - 1)
		return interval ? 1ULL << (NR_BUCKETS - 2) : times->max;
	if (bucket > 0) {
		double low = (double)(1ULL << (bucket - 1));

		value = low + low * (rank - below) / (double)times->hist[bucket];
	}
	if (!interval && value < (double)times->min)
		return times->min;
	if (!interval && value > (double)times->max)
		return times->max;
	return (uint64_t)value;
}
