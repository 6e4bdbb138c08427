// SPDX-License-Identifier: GPL-2.0
/* Tables of which a line is a VM or a vCPU: the total of its snapshot, and who it is */
#include <stdio.h>
#include <stdlib.h>

#include <linux/build_bug.h>
#include <linux/kernel.h>

#include "vm_column.h"

const struct vm *vm_of(const struct snapshot *snapshot)
{
	return container_of(snapshot, struct vm, snapshot);
}

static struct value text_of(const char *text)
{
	return (struct value){ .known = *text, .text = text };
}

/* A number of struct vm, which is not known if it is 0 */
static struct value get_identity(const struct column *column, const struct snapshot *snapshot,
				 const struct reason *reason)
{
	uint64_t n = *(const uint64_t *)((const char *)vm_of(snapshot) + column->offset);

	return (struct value){ .known = n, .n = n };
}

/* Only a kernel whose tables have no heads does not tell: then there is no number either. */
static struct value get_nr_vcpus(const struct column *column, const struct snapshot *snapshot,
				 const struct reason *reason)
{
	const struct identity *identity = &vm_of(snapshot)->identity;

	return (struct value){ .known = identity->number, .n = identity->nr_vcpus };
}

/* A text of struct vm */
static struct value get_text(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return text_of((const char *)vm_of(snapshot) + column->offset);
}

static struct value get_vcpu(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){ .known = true, .n = (uint64_t)vm_of(snapshot)->vcpu };
}

static struct value get_dropped(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	return (struct value){ .known = true, .n = snapshot->dropped };
}

static double seconds_from(uint64_t ns, double to)
{
	return to > (double)ns / 1e9 ? to - (double)ns / 1e9 : 0;
}

static struct value get_age(const struct column *column, const struct snapshot *snapshot,
			    const struct reason *reason)
{
	const struct vm *vm = vm_of(snapshot);
	uint64_t created = vm->identity.created_ns;

	return (struct value){
		.known = created,
		.d = seconds_from(created, vm->ended_ns ? (double)vm->ended_ns / 1e9 :
							  snapshot->uptime),
	};
}

static struct value get_ended(const struct column *column, const struct snapshot *snapshot,
			      const struct reason *reason)
{
	return (struct value){
		.known = true,
		.d = seconds_from(vm_of(snapshot)->ended_ns, snapshot->uptime),
	};
}

static struct value get_top(const struct column *column, const struct snapshot *snapshot,
			    const struct reason *reason)
{
	const struct reason *most = most_expensive(snapshot);

	return text_of(most ? most->name : "");
}

static struct value get_top_share(const struct column *column, const struct snapshot *snapshot,
				  const struct reason *reason)
{
	const struct reason *most = most_expensive(snapshot);
	double life = snapshot_life(snapshot);

	return (struct value){
		.known = most && life > 0,
		.d = most && life > 0 ? 100 * (double)cost_of(most) / life : 0,
	};
}

#define OF(field)	.offset = offsetof(struct reason, field)
#define OF_VM(field)	.offset = offsetof(struct vm, field)

enum {
	VMS	= 1 << LIST_VMS,
	VCPUS	= 1 << LIST_VCPUS,
	GONE	= 1 << LIST_GONE,
};

/* All columns, and the lists that have them */
static const struct {
	int lists;
	struct column column;
} all[] = {
	{ VMS | GONE,
	  { "VM", "number of the VM, which no other ever gets", KIND_ID, ALWAYS, get_identity,
	    OF_VM(identity.number) } },
	{ VCPUS, { "VCPU", "number of the vCPU", KIND_ID, ALWAYS, get_vcpu } },
	{ VMS,
	  { "NAME", "its name by the command line of QEMU, else the command", KIND_TEXT, ALWAYS,
	    get_text, OF_VM(name.name) } },
	{ GONE,
	  { "NAME", "the command of its process", KIND_TEXT, ALWAYS, get_text,
	    OF_VM(name.name) } },
	{ VMS,
	  { "UUID", "its UUID by the command line of QEMU", KIND_TEXT, ALWAYS, get_text,
	    OF_VM(name.uuid) } },
	{ VMS | GONE,
	  { "PID", "its process", KIND_ID, ALWAYS, get_identity, OF_VM(identity.pid) } },
	{ VMS, { "PID-FD", "its directory in debugfs", KIND_TEXT, ALWAYS, get_text, OF_VM(dir) } },
	{ VMS,
	  { "COMMAND", "the command of its process when it was created", KIND_TEXT, ALWAYS,
	    get_text, OF_VM(identity.command) } },
	{ VMS | GONE,
	  { "CGROUP", "the cgroup of its process when it was created", KIND_TEXT, ALWAYS, get_text,
	    OF_VM(identity.cgroup) } },
	{ VMS | GONE,
	  { "VCPUS", "number of its vCPUs", KIND_COUNT, ALWAYS, get_nr_vcpus } },
	{ GONE, { "ENDED", "seconds since its end", KIND_RATE, ALWAYS, get_ended } },
	{ VMS | VCPUS,
	  { "AGE", "seconds since the VM was created", KIND_RATE, ALWAYS, get_age } },
	{ GONE, { "AGE", "seconds from its creation to its end", KIND_RATE, ALWAYS, get_age } },
	{ VMS | VCPUS | GONE,
	  { "COUNT", "exits", KIND_COUNT, ALWAYS, get_number, OF(count) } },
	{ VMS | VCPUS | GONE,
	  { "RATE", "exits per second, of AGE if there is no interval", KIND_RATE, ALWAYS,
	    get_rate } },
	{ VMS | VCPUS | GONE,
	  { "GUEST%", "time in the guest in percent of all vCPU time", KIND_PERCENT, ALWAYS,
	    get_tax, OF(guest) } },
	{ VMS | VCPUS | GONE,
	  { "KVM%", "time in KVM in percent of it", KIND_PERCENT, ALWAYS, get_tax, OF(kvm) } },
	{ VMS | VCPUS | GONE,
	  { "USER%", "time in user space in percent of it", KIND_PERCENT, ALWAYS, get_tax,
	    OF(user) } },
	{ VMS | VCPUS | GONE,
	  { "BLOCKED%", "time with the vCPU idle in percent of it", KIND_PERCENT, ALWAYS, get_tax,
	    OF(blocked) } },
	{ VMS | VCPUS | GONE,
	  { "PREEMPTED%", "time with the vCPU task scheduled out in percent of it", KIND_PERCENT,
	    ALWAYS, get_tax, OF(preempted) } },
	{ VMS | VCPUS | GONE,
	  { "TOP", "exit reason that took most time in KVM and user space", KIND_TEXT, ALWAYS,
	    get_top } },
	{ VMS | VCPUS | GONE,
	  { "TOP%", "that time in percent of all vCPU time", KIND_PERCENT, ALWAYS,
	    get_top_share } },
	{ VMS | VCPUS | GONE,
	  { "DROPPED", "exits that are in no other number", KIND_COUNT, ALWAYS, get_dropped } },
};

static_assert(ARRAY_SIZE(all) < MAX_SELECTED, "all columns can be selected");

const struct columns *vm_columns(enum vm_list list)
{
	static struct column columns[3][ARRAY_SIZE(all)];
	static struct columns lists[3] = {
		[LIST_VMS] = { columns[LIST_VMS], 0, "vms" },
		[LIST_VCPUS] = { columns[LIST_VCPUS], 0, "vcpus" },
		[LIST_GONE] = { columns[LIST_GONE], 0, "dead" },
	};

	if (lists[list].nr)
		return &lists[list];
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].lists & (1 << list))
			columns[list][lists[list].nr++] = all[i].column;
	}
	return &lists[list];
}

#define SHARES	"GUEST%,KVM%,USER%,BLOCKED%,PREEMPTED%,TOP"

const char *vm_default_columns(enum vm_list list)
{
	switch (list) {
	case LIST_VCPUS:
		return "VCPU,RATE," SHARES;
	case LIST_GONE:
		return "VM,NAME,PID,VCPUS,ENDED,AGE,COUNT," SHARES;
	default:
		return "VM,NAME,PID,VCPUS,RATE," SHARES;
	}
}

const char *vm_default_sort(enum vm_list list)
{
	switch (list) {
	case LIST_VCPUS:
		return "VCPU";
	case LIST_GONE:
		return "ENDED";
	default:
		return "RATE";
	}
}

struct row *sort_vms(const struct selection *selection, const struct vms *vms)
{
	struct row *rows = calloc(vms->nr + 1, sizeof(*rows));

	if (!rows)
		return NULL;
	for (size_t i = 0; i < vms->nr; i++)
		rows[i] = (struct row){ &vms->vms[i].snapshot, &vms->vms[i].snapshot.total };
	sort_rows(selection, rows, vms->nr);
	return rows;
}

void format_vms_title(char *text, size_t size, enum vm_list list, const struct vms *vms)
{
	static const char * const what[] = {
		[LIST_VMS] = "VM",
		[LIST_VCPUS] = "vCPU",
		[LIST_GONE] = "VM that is gone",
	};
	static const char * const several[] = {
		[LIST_VMS] = "VMs",
		[LIST_VCPUS] = "vCPUs",
		[LIST_GONE] = "VMs that are gone",
	};
	double seconds = 0;
	uint64_t count = 0;
	int used;

	for (size_t i = 0; i < vms->nr; i++) {
		const struct snapshot *snapshot = &vms->vms[i].snapshot;

		add_to(&count, snapshot->total.count);
		/* A new VM has a shorter interval: show the longest one. */
		if (snapshot->interval && snapshot->seconds > seconds)
			seconds = snapshot->seconds;
	}
	used = snprintf(text, size, "%zu %s", vms->nr, (vms->nr == 1 ? what : several)[list]);
	if (seconds > 0)
		used += snprintf(text + used, size - (size_t)used, ", %.2f s", seconds);
	snprintf(text + used, size - (size_t)used, ": %llu exits", (unsigned long long)count);
}
