// SPDX-License-Identifier: GPL-2.0
/*
 * Metrics of VMs.  Prometheus keeps the series of a VM long after the VM is gone, and hosts
 * have hundreds of VMs: so a VM has few series, with no labels but vm and reason, except for
 * kvm_vm_info.
 *
 * Only the most expensive reasons of a VM have series, and there is none for the sum of all
 * others: that would fall, i.e. look like a reset, whenever one of these others becomes one
 * of the most expensive.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "openmetrics.h"
#include "vm_metrics.h"

/* Times of a VM that are not by reason, with their offset in the total */
static const struct {
	const char *name;
	const char *help;
	size_t offset;
} times[] = {
	{ "kvm_vm_guest_seconds_total", "Time of the vCPUs of a VM in the guest.",
	  offsetof(struct reason, guest) },
	{ "kvm_vm_away_seconds_total", "Time of the vCPUs of a VM away from the guest.",
	  offsetof(struct reason, away.total) },
	{ "kvm_vm_user_seconds_total", "Part of that in user space.",
	  offsetof(struct reason, user) },
	{ "kvm_vm_blocked_seconds_total", "Part of that with the vCPU idle.",
	  offsetof(struct reason, blocked) },
	{ "kvm_vm_preempted_seconds_total", "Part of that with the vCPU scheduled out.",
	  offsetof(struct reason, preempted) },
};

/* The series of a VM that are not by reason: kvm_vm_info, all exits, and these times */
#define NR_TOTALS	(2 + ARRAY_SIZE(times))

#define SERIES_OF_REASON	2
#define MAX_VM_REASONS	((MAX_VM_SERIES - NR_TOTALS) / SERIES_OF_REASON)

/* A VM, and what is written of it */
struct item {
	const struct vm *vm;
	char label[32];
	bool written;
	/* The most expensive reason first */
	const struct reason *reasons[MAX_VM_REASONS];
	size_t nr;
	/* How many reasons occurred, including those that are left out */
	size_t nr_occurred;
};

static uint64_t vm_cost(const struct vm *vm)
{
	return cost_of(&vm->snapshot.total);
}

static int compare_items(const void *first, const void *second)
{
	const struct item *a = first, *b = second;
	uint64_t x = vm_cost(a->vm), y = vm_cost(b->vm);

	return ((y > x) - (y < x)) ?: ((a->vm > b->vm) - (a->vm < b->vm));
}

/* Whether @a comes before @b */
static bool is_dearer(const struct reason *a, const struct reason *b)
{
	if (cost_of(a) != cost_of(b))
		return cost_of(a) > cost_of(b);
	return a->count != b->count ? a->count > b->count : strcmp(a->name, b->name) < 0;
}

static void choose_reasons(struct item *item)
{
	const struct snapshot *snapshot = &item->vm->snapshot;

	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];
		size_t at = item->nr;

		if (!reason_occurred(reason))
			continue;
		item->nr_occurred++;
		while (at > 0 && is_dearer(reason, item->reasons[at - 1]))
			at--;
		if (at == MAX_VM_REASONS)
			continue;
		if (item->nr < MAX_VM_REASONS)
			item->nr++;
		memmove(&item->reasons[at + 1], &item->reasons[at],
			(item->nr - 1 - at) * sizeof(*item->reasons));
		item->reasons[at] = reason;
	}
}

/* Choose the series to write, at most @max.  Return how many are left out. */
static unsigned long long choose(struct item *items, const struct vms *vms,
				 unsigned long long max)
{
	unsigned long long dropped = 0;

	for (size_t i = 0; i < vms->nr; i++) {
		struct item *item = &items[i];

		item->vm = &vms->vms[i];
		if (item->vm->identity.number)
			snprintf(item->label, sizeof(item->label), "%llu",
				 (unsigned long long)item->vm->identity.number);
		else
			snprintf(item->label, sizeof(item->label), "%s", item->vm->dir);
		choose_reasons(item);
	}
	qsort(items, vms->nr, sizeof(*items), compare_items);

	/* Fit in all VMs, if possible, before the reasons of any. */
	for (size_t i = 0; i < vms->nr; i++) {
		items[i].written = max >= NR_TOTALS;
		if (items[i].written)
			max -= NR_TOTALS;
		else
			dropped += NR_TOTALS;
	}
	for (size_t i = 0; i < vms->nr; i++) {
		struct item *item = &items[i];

		if (!item->written)
			item->nr = 0;
		if (item->nr > max / SERIES_OF_REASON)
			item->nr = max / SERIES_OF_REASON;
		max -= item->nr * SERIES_OF_REASON;
		dropped += (item->nr_occurred - item->nr) * SERIES_OF_REASON;
	}
	return dropped;
}

/* Write the value of a label, with escapes. */
static void write_text(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', file);
		if (*text == '\n')
			fputs("\\n", file);
		else
			fputc(*text, file);
	}
}

static void write_info(FILE *file, const struct item *item)
{
	const struct vm *vm = item->vm;

	fprintf(file, "kvm_vm_info{vm=\"%s\",name=\"", item->label);
	write_text(file, vm->name.name);
	fputs("\",uuid=\"", file);
	write_text(file, vm->name.uuid);
	fputs("\",cgroup=\"", file);
	write_text(file, vm->identity.cgroup);
	fputs("\"} 1\n", file);
}

static void write_totals(FILE *file, const struct item *items, size_t nr)
{
	write_head(file, "kvm_vm_info", "gauge", "Who a VM is.");
	for (size_t i = 0; i < nr; i++) {
		if (items[i].written)
			write_info(file, &items[i]);
	}
	write_head(file, "kvm_vm_all_exits_total", "counter", "VM-Exits of a VM.");
	for (size_t i = 0; i < nr; i++) {
		if (items[i].written)
			fprintf(file, "kvm_vm_all_exits_total{vm=\"%s\"} %llu\n", items[i].label,
				(unsigned long long)items[i].vm->snapshot.total.count);
	}
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		write_head(file, times[i].name, "counter", times[i].help);
		for (size_t j = 0; j < nr; j++) {
			const struct snapshot *snapshot = &items[j].vm->snapshot;

			if (!items[j].written)
				continue;
			fprintf(file, "%s{vm=\"%s\"} ", times[i].name, items[j].label);
			write_seconds(file, *number_at(&snapshot->total, times[i].offset),
				      snapshot->tsc_khz);
			fputc('\n', file);
		}
	}
}

static void write_reasons(FILE *file, const struct item *items, size_t nr)
{
	write_head(file, "kvm_vm_exits_total", "counter",
		   "VM-Exits of a VM, of its most expensive reasons.");
	for (size_t i = 0; i < nr; i++) {
		for (size_t j = 0; j < items[i].nr; j++)
			fprintf(file, "kvm_vm_exits_total{vm=\"%s\",reason=\"%s\"} %llu\n",
				items[i].label, items[i].reasons[j]->name,
				(unsigned long long)items[i].reasons[j]->count);
	}
	write_head(file, "kvm_vm_exit_cost_seconds_total", "counter",
		   "Time that KVM and user space took after VM-Exits of these reasons.");
	for (size_t i = 0; i < nr; i++) {
		for (size_t j = 0; j < items[i].nr; j++) {
			fprintf(file, "kvm_vm_exit_cost_seconds_total{vm=\"%s\",reason=\"%s\"} ",
				items[i].label, items[i].reasons[j]->name);
			write_seconds(file, cost_of(items[i].reasons[j]),
				      items[i].vm->snapshot.tsc_khz);
			fputc('\n', file);
		}
	}
}

enum status write_vm_metrics(FILE *file, const struct vms *vms, unsigned long long max)
{
	struct item *items = calloc(vms->nr + 1, sizeof(*items));
	unsigned long long dropped;

	if (!items)
		return fail(STATUS_SYSTEM, "out of memory");
	dropped = choose(items, vms, max);
	write_totals(file, items, vms->nr);
	write_reasons(file, items, vms->nr);
	write_head(file, "kvm_exit_series_dropped", "gauge",
		   "Series of VMs that were left out, being too many.");
	fprintf(file, "kvm_exit_series_dropped %llu\n", dropped);
	free(items);
	return STATUS_OK;
}
