// SPDX-License-Identifier: GPL-2.0
/*
 * Advice on how to avoid exits, given only where the numbers show that it can help.
 *
 * Each line states the condition that is met, with its numbers and limits.  Counts of
 * keys are lower bounds, i.e. the true shares can only be larger than the printed ones.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/kernel.h>

#include "explain.h"
#include "key_name.h"

/* In percent: of all exits, and of all vCPU time */
#define MIN_SHARE	5.0
#define MIN_TAX	5.0

/* In percent: from this on, a part counts as most of the whole. */
#define MOST	50.0

/* The default of halt_poll_ns, in microseconds */
#define HALT_POLL_US	200.0

/* KVM_EXIT_MMIO of <linux/kvm.h> */
#define USER_MMIO	6

/* Print a line of advice: the exit reason, the condition that it meets, and the remedy. */
static void __printf(2, 3) advise(const char *reason, const char *format, ...)
{
	va_list args;

	printf("%s: ", reason);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static double share_of(const struct snapshot *snapshot, uint64_t count)
{
	return percent((double)count, (double)snapshot->total.count);
}

static double tax_of(const struct snapshot *snapshot, uint64_t cycles)
{
	return percent((double)cycles, snapshot_life(snapshot));
}

/* Find a reason by its name in VMX or SVM.  NULL if the snapshot does not have it. */
static const struct reason *find(const struct snapshot *snapshot, const char *vmx, const char *svm)
{
	return snapshot_find(snapshot, strcmp(snapshot->isa, "svm") ? vmx : svm);
}

/*
 * Count the exits whose key @fits, of one reason or, if @reason is NULL, of all.  @most
 * becomes the one of these keys that has the most exits.
 */
static uint64_t count_keys(const struct snapshot *snapshot, bool (*fits)(const char *key),
			   const size_t *reason, const struct key **most)
{
	uint64_t count = 0;

	*most = NULL;
	for (size_t i = 0; i < snapshot->nr_keys; i++) {
		const struct key *key = &snapshot->keys[i];

		if ((reason && key->reason != *reason) || !fits(key->text))
			continue;
		count += key->count;
		if (!*most || key->count > (*most)->count)
			*most = key;
	}
	return count;
}

static bool explain_pm_timer(const struct snapshot *snapshot, const struct style *style)
{
	const struct key *most;
	double share = share_of(snapshot, count_keys(snapshot, is_pm_timer_read, NULL, &most));
	char name[KEY_NAME_LEN];

	if (!most || share < MIN_SHARE)
		return false;
	make_key_name(name, most->text);
	advise(snapshot->reasons[most->reason].name,
	       "%.1f%% of all exits (at least %.0f%%) are for '%s': have the guest use kvm-clock or the TSC as clocksource",
	       share, MIN_SHARE, name);
	return true;
}

static bool explain_icr(const struct snapshot *snapshot, const struct style *style)
{
	const struct key *most;
	double share = share_of(snapshot, count_keys(snapshot, is_icr_write, NULL, &most));
	char name[KEY_NAME_LEN];

	if (!most || share < MIN_SHARE)
		return false;
	make_key_name(name, most->text);
	advise(snapshot->reasons[most->reason].name,
	       "%.1f%% of all exits (at least %.0f%%) send IPIs, '%s': IPI virtualization of VMX, or AVIC of SVM, sends them without",
	       share, MIN_SHARE, name);
	return true;
}

/* Short halts that mostly outlast the polling: KVM could poll for longer. */
static bool explain_short_halts(const struct snapshot *snapshot, const struct style *style)
{
	const struct reason *hlt = find(snapshot, "HLT", "hlt");
	uint64_t nr = hlt ? times_count(&hlt->away) : 0;
	double share, us, polled;

	if (!nr || !style->tsc_khz)
		return false;
	share = share_of(snapshot, hlt->count);
	us = (double)hlt->blocked * 1000 / (double)style->tsc_khz / (double)nr;
	polled = percent((double)hlt->polled, (double)hlt->blocked);
	if (share < MIN_SHARE || !hlt->blocked || us >= HALT_POLL_US || polled >= MOST)
		return false;
	advise(hlt->name,
	       "%.1f%% of all exits (at least %.0f%%), blocked for %.1f us on average (less than %.0f us), %.1f%% of that polled (less than %.0f%%): a larger halt_poll_ns of kvm.ko has KVM poll for the wakeup",
	       share, MIN_SHARE, us, HALT_POLL_US, polled, MOST);
	return true;
}

static bool explain_polling(const struct snapshot *snapshot, const struct style *style)
{
	const struct reason *hlt = find(snapshot, "HLT", "hlt");
	double tax = hlt ? tax_of(snapshot, hlt->polled) : 0;

	if (!hlt || tax < MIN_TAX)
		return false;
	advise(hlt->name,
	       "KVM polled for wakeups in %.1f%% of the vCPU time (at least %.0f%%): a smaller halt_poll_ns of kvm.ko leaves the CPUs to others",
	       tax, MIN_TAX);
	return true;
}

static bool explain_overcommit(const struct snapshot *snapshot, const struct style *style)
{
	const struct reason *pause = find(snapshot, "PAUSE_INSTRUCTION", "pause");
	double share = pause ? share_of(snapshot, pause->count) : 0;
	double tax = tax_of(snapshot, snapshot->total.preempted);

	if (!pause || share < MIN_SHARE || tax < MIN_TAX)
		return false;
	advise(pause->name,
	       "%.1f%% of all exits (at least %.0f%%), and vCPUs were preempted in %.1f%% of their time (at least %.0f%%): the CPUs are overcommitted, fewer vCPUs or pinned ones do not wait for each other",
	       share, MIN_SHARE, tax, MIN_TAX);
	return true;
}

static bool is_page(const char *key)
{
	return !strncmp(key, "page:", 5);
}

static uint64_t count_mmio_returns(const struct snapshot *snapshot, size_t reason)
{
	uint64_t count = 0;

	for (size_t i = 0; i < snapshot->nr_user_returns; i++) {
		const struct user_return *user_return = &snapshot->user_returns[i];

		if (user_return->reason == reason && user_return->number == USER_MMIO)
			count += user_return->count;
	}
	return count;
}

static bool explain_mmio(const struct snapshot *snapshot, const struct style *style)
{
	bool any = false;

	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct key *most;
		uint64_t count = count_keys(snapshot, is_page, &i, &most);
		double returns = percent((double)count_mmio_returns(snapshot, i), (double)count);
		char name[KEY_NAME_LEN];

		if (share_of(snapshot, count) < MIN_SHARE || !most || returns < MOST)
			continue;
		make_key_name(name, most->text);
		advise(snapshot->reasons[i].name,
		       "%.1f%% of all exits (at least %.0f%%) are for MMIO, most for '%s', and KVM_RUN returned for %.1f%% of these (at least %.0f%%): ioeventfd or vhost spares user space",
		       share_of(snapshot, count), MIN_SHARE, name,
		       returns, MOST);
		any = true;
	}
	return any;
}

void print_advice(const struct snapshot *snapshot, const struct style *style)
{
	static bool (* const rules[])(const struct snapshot *snapshot,
				      const struct style *style) = {
		explain_pm_timer,
		explain_icr,
		explain_short_halts,
		explain_polling,
		explain_overcommit,
		explain_mmio,
	};
	bool any = false;

	putchar('\n');
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		any |= rules[i](snapshot, style);
	if (!any)
		puts("No condition is met under which there is advice.");
}
