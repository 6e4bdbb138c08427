// SPDX-License-Identifier: GPL-2.0
/* What the kernel keeps of VMs that are gone */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "vm.h"

#define GONE	"/sys/kernel/debug/kvm_exit_stats_gone"

/* Numbers of a line, and where they go in struct vm */
static const struct {
	const char *name;
	size_t offset;
} gone_numbers[] = {
	{ "vm", offsetof(struct vm, identity.number) },
	{ "pid", offsetof(struct vm, identity.pid) },
	{ "created_ns", offsetof(struct vm, identity.created_ns) },
	{ "ended_ns", offsetof(struct vm, ended_ns) },
	{ "vcpus", offsetof(struct vm, identity.nr_vcpus) },
	{ "exits", offsetof(struct vm, snapshot.total.count) },
	{ "cycles_total", offsetof(struct vm, snapshot.total.cycles.total) },
	{ "away_total", offsetof(struct vm, snapshot.total.away.total) },
	{ "guest_cycles", offsetof(struct vm, snapshot.total.guest) },
	{ "away_user", offsetof(struct vm, snapshot.total.user) },
	{ "away_blocked", offsetof(struct vm, snapshot.total.blocked) },
	{ "away_polled", offsetof(struct vm, snapshot.total.polled) },
	{ "away_preempted", offsetof(struct vm, snapshot.total.preempted) },
	{ "dropped", offsetof(struct vm, snapshot.dropped) },
};

/* The columns of the file, found by name */
struct gone_columns {
	size_t numbers[ARRAY_SIZE(gone_numbers)];
	size_t command;
	size_t cgroup;
	size_t reasons;
};

static enum status find_columns(const char *path, const char *fields[],
				struct gone_columns *columns)
{
	const char *missing = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(gone_numbers); i++) {
		if (!find_field(fields, gone_numbers[i].name, &columns->numbers[i]))
			missing = gone_numbers[i].name;
	}
	if (!find_field(fields, "command", &columns->command))
		missing = "command";
	if (!find_field(fields, "cgroup", &columns->cgroup))
		missing = "cgroup";
	if (!find_field(fields, "reasons", &columns->reasons))
		missing = "reasons";
	if (missing)
		return fail(STATUS_BAD_FILE, "%s is malformed: there is no column %s", path,
			    missing);
	return STATUS_OK;
}

/* NAME:count:cost */
static bool parse_cost(char *text, struct snapshot *snapshot, bool *memory)
{
	char *count = strchr(text, ':'), *cost = count ? strchr(count + 1, ':') : NULL;
	struct reason *reason;

	if (!cost)
		return false;
	*count++ = '\0';
	*cost++ = '\0';
	if (!is_reason_name(text))
		return false;
	reason = snapshot_add(snapshot, text);
	*memory = reason;
	return !reason || (parse_whole_number(count, &reason->count) &&
			   parse_whole_number(cost, &reason->kvm));
}

/* As above, separated by commas, or "-" */
static enum status parse_costs(const char *path, const char *text, struct snapshot *snapshot)
{
	char *costs = strdup(text), *rest = costs, *cost;
	bool memory = costs, ok = true;

	while (memory && ok && strcmp(text, "-") && (cost = strsep(&rest, ",")))
		ok = parse_cost(cost, snapshot, &memory);
	free(costs);
	if (!memory)
		return fail(STATUS_SYSTEM, "out of memory");
	return ok ? STATUS_OK : fail(STATUS_BAD_FILE, "%s is malformed: reasons are '%.80s'",
				     path, text);
}

static enum status parse_vm(const char *path, const char *fields[],
			    const struct gone_columns *columns, struct vm *vm)
{
	struct snapshot *snapshot = &vm->snapshot;
	struct reason *total = &snapshot->total;

	for (size_t i = 0; i < ARRAY_SIZE(gone_numbers); i++) {
		const char *text = fields[columns->numbers[i]] ?: "";

		if (!parse_whole_number(text, (uint64_t *)((char *)vm + gone_numbers[i].offset)))
			return fail(STATUS_BAD_FILE, "%s is malformed: %s is '%.80s'", path,
				    gone_numbers[i].name, text);
	}
	if (!fields[columns->command] || !fields[columns->cgroup] || !fields[columns->reasons])
		return fail(STATUS_BAD_FILE, "%s is malformed: a line is too short", path);

	set_text(vm->identity.command, sizeof(vm->identity.command), fields[columns->command]);
	if (strcmp(fields[columns->cgroup], "-"))
		set_text(vm->identity.cgroup, sizeof(vm->identity.cgroup),
			 fields[columns->cgroup]);
	/* Do not look up the process for the name: it may have ended, and its PID be reused. */
	snprintf(vm->name.name, sizeof(vm->name.name), "%s", vm->identity.command);

	reason_derive(total);
	snapshot->seconds = ((double)vm->ended_ns - (double)vm->identity.created_ns) / 1e9;
	return parse_costs(path, fields[columns->reasons], snapshot);
}

enum status read_gone_vms(struct vms *vms, const struct source *source)
{
	struct gone_columns columns = {};
	char path[PATH_MAX];
	bool header = false;
	struct lines lines;
	enum status status;

	begin_vms(vms);
	status = make_path(path, "%s" GONE, source->sysroot) ?:
		 lines_open(&lines, path,
			    "debugfs is not mounted there, or the kernel does not keep VMs that are gone",
			    "kvm.ko was unloaded");
	if (status)
		return status;

	while (!status && lines_next(&lines)) {
		struct vm *vm;

		if (!header) {
			status = find_columns(path, lines.fields, &columns);
			header = true;
			continue;
		}
		vm = add_vm(vms, "", -1);
		status = vm ? parse_vm(path, lines.fields, &columns, vm) :
			      fail(STATUS_SYSTEM, "out of memory");
		if (vm) {
			vm->snapshot.time = vms->time;
			vm->snapshot.uptime = vms->uptime;
		}
	}
	status = lines_close(&lines, status);
	if (!status && !header)
		status = fail(STATUS_BAD_FILE, "%s is malformed: it has no header", path);
	if (status)
		free_vms(vms);
	return status;
}
