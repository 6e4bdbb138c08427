// SPDX-License-Identifier: GPL-2.0
/* Read all VMs of the host: who they are, and their numbers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <linux/kernel.h>

#include "clock.h"
#include "vm.h"

#define DEBUGFS	"/sys/kernel/debug/kvm"

/* Whether @name is "<pid>-<fd>": KVM's directory in debugfs also has files that are no VMs. */
static bool is_vm_dir(const char *name)
{
	static const char digits[] = "0123456789";
	size_t pid = strspn(name, digits), fd = 0;

	if (pid && name[pid] == '-')
		fd = strspn(name + pid + 1, digits);
	return fd && !name[pid + 1 + fd] && pid + 1 + fd < VM_DIR_LEN;
}

struct vm *add_vm(struct vms *vms, const char *dir, int vcpu)
{
	struct vm *longer = reallocarray(vms->vms, vms->nr + 1, sizeof(*longer)), *vm;

	if (!longer)
		return NULL;
	vms->vms = longer;
	vm = &longer[vms->nr++];
	memset(vm, 0, sizeof(*vm));
	snprintf(vm->dir, sizeof(vm->dir), "%.*s", VM_DIR_LEN - 1, dir);
	vm->vcpu = vcpu;
	return vm;
}

/* Forget the last one. */
static void drop_vm(struct vms *vms)
{
	snapshot_free(&vms->vms[--vms->nr].snapshot);
}

/* If the kernel's tables have no heads, take the PID from the name of the directory. */
static void complete_identity(struct vm *vm)
{
	if (!vm->identity.pid)
		parse_number(vm->dir, &vm->identity.pid);
}

static int compare_vms(const void *first, const void *second)
{
	const struct vm *a = first, *b = second;
	uint64_t x = a->identity.number, y = b->identity.number;

	return ((x > y) - (x < y)) ?: strverscmp(a->dir, b->dir) ?: (a->vcpu - b->vcpu);
}

static void name_vm(struct vm *vm, const struct source *source, const struct vms *before)
{
	/* Compare numbers, not directories: a new VM can get the directory of one that is gone. */
	for (size_t i = 0; before && vm->identity.number && i < before->nr; i++) {
		if (before->vms[i].identity.number == vm->identity.number) {
			vm->name = before->vms[i].name;
			return;
		}
	}
	read_vm_name(&vm->name, source->sysroot, &vm->identity);
}

enum status make_table_path(char path[PATH_MAX], const char *sysroot, const char *dir, int vcpu)
{
	if (vcpu >= 0)
		return make_path(path, "%s" DEBUGFS "/%s/vcpu%d/exit_stats", sysroot, dir, vcpu);
	return make_path(path, "%s" DEBUGFS "/%s/exit_stats", sysroot, dir);
}

static enum status read_vm(struct vm *vm, const struct source *source, const struct vms *before)
{
	struct snapshot *snapshot = &vm->snapshot;
	char path[PATH_MAX];
	enum status status;

	status = make_table_path(path, source->sysroot, vm->dir, vm->vcpu) ?:
		 source_read_table(source, path, snapshot, &vm->identity);
	if (status)
		return status;
	if (vm->vcpu >= 0)
		snprintf(snapshot->scope, sizeof(snapshot->scope), "vm %s vcpu %d", vm->dir,
			 vm->vcpu);
	else
		snprintf(snapshot->scope, sizeof(snapshot->scope), "vm %s", vm->dir);
	complete_identity(vm);
	name_vm(vm, source, before);
	/* Without an interval, a rate is that over the age of the VM. */
	if (vm->identity.created_ns)
		snapshot->seconds = snapshot->uptime - (double)vm->identity.created_ns / 1e9;
	return STATUS_OK;
}

static enum status open_debugfs(const struct source *source, char path[PATH_MAX], DIR **dir)
{
	enum status status = make_path(path, "%s" DEBUGFS, source->sysroot);

	if (status)
		return status;
	*dir = opendir(path);
	if (*dir)
		return STATUS_OK;
	if (errno == ENOENT)
		return fail(STATUS_UNAVAILABLE,
			    "%s: %s: debugfs is not mounted there, or kvm.ko is not loaded", path,
			    strerror(errno));
	return cannot_read(path, "", "kvm.ko was unloaded");
}

/* Leave out a VM or a vCPU that goes while it is read, but fail if KVM is unloaded. */
static enum status read_one_more(struct vms *vms, const struct source *source,
				 const struct vms *before, const char *dir, int vcpu)
{
	struct vm *vm = add_vm(vms, dir, vcpu);
	enum status status;

	if (!vm)
		return fail(STATUS_SYSTEM, "out of memory");
	status = read_vm(vm, source, before);
	/* All lines of a reading have the same time. */
	vm->snapshot.time = vms->time;
	/* Not the path of the directory, which can be that of a module that was loaded anew */
	if (status != STATUS_VANISHED || faccessat(source->sysfs_fd, "isa", F_OK, 0) < 0)
		return status;
	drop_vm(vms);
	forget_error();
	return STATUS_OK;
}

static enum status end_vms(struct vms *vms, DIR *dir, enum status status)
{
	closedir(dir);
	if (status)
		free_vms(vms);
	else if (vms->nr)
		qsort(vms->vms, vms->nr, sizeof(*vms->vms), compare_vms);
	return status;
}

void begin_vms(struct vms *vms)
{
	*vms = (struct vms){
		.time = read_clock(CLOCK_REALTIME),
		.uptime = read_clock(CLOCK_BOOTTIME),
	};
}

enum status read_vms(struct vms *vms, const struct source *source, const struct vms *before)
{
	char path[PATH_MAX];
	struct dirent *entry;
	enum status status;
	DIR *dir;

	begin_vms(vms);
	status = open_debugfs(source, path, &dir);
	if (status)
		return status;
	while (!status && (entry = next_entry(dir, path, "", "kvm.ko was unloaded", &status))) {
		if (is_vm_dir(entry->d_name))
			status = read_one_more(vms, source, before, entry->d_name, -1);
	}
	return end_vms(vms, dir, status);
}

enum status read_vcpus(struct vms *vms, const struct source *source, const struct vms *before)
{
	struct identity identity = {};
	char path[PATH_MAX];
	struct dirent *entry;
	enum status status;
	DIR *dir;

	begin_vms(vms);
	status = make_path(path, "%s" DEBUGFS "/%s", source->sysroot, source->dir);
	if (status)
		return status;
	dir = opendir(path);
	if (!dir)
		return cannot_read(path, "", "the VM is gone");
	while (!status && (entry = next_entry(dir, path, "", "the VM is gone", &status))) {
		uint64_t vcpu;

		if (!strncmp(entry->d_name, "vcpu", 4) &&
		    parse_whole_number(entry->d_name + 4, &vcpu) && vcpu <= INT_MAX)
			status = read_one_more(vms, source, before, source->dir, (int)vcpu);
	}
	if (!status)
		status = source_read_head(source->table, &identity);
	if (!status) {
		vms->vm = identity.number;
		status = source_check_vm(source, before ? before->vm : vms->vm, vms->vm);
	}
	/*
	 * A directory that is being removed has no entries, not even ".", and readdir() takes
	 * that for its end.  Then vCPUs may have been left out because the VM goes.
	 */
	rewinddir(dir);
	if (!status && !readdir(dir)) {
		errno = ENOENT;
		status = cannot_read(path, "", "the VM is gone");
	}
	return end_vms(vms, dir, status);
}

/*
 * Read the last exits of a vCPU from its table: lines of "chain", the name of the reason,
 * the handling time and, if it was an exit of L2, "nested".
 */
static enum status read_chain(const struct source *source, int vcpu, struct snapshot *snapshot)
{
	struct lines lines;
	const char *const *fields = lines.fields;
	char path[PATH_MAX];
	enum status status;

	status = make_path(path, "%s" DEBUGFS "/%s/vcpu%d/exit_stats", source->sysroot,
			   source->dir, vcpu) ?:
		 lines_open(&lines, path, NULL, "the VM is gone");
	if (status)
		return status;

	while (!status && lines_next(&lines)) {
		struct chain_exit *last;

		if (!fields[0] || strcmp(fields[0], "chain"))
			continue;
		last = snapshot_add_chain_exit(snapshot);
		if (!last) {
			status = fail(STATUS_SYSTEM, "out of memory");
			break;
		}
		last->nested = fields[1] && fields[2] && fields[3];
		if (!fields[1] || !fields[2] || !is_reason_name(fields[1]) ||
		    !parse_whole_number(fields[2], &last->cycles) ||
		    (last->nested && strcmp(fields[3], "nested"))) {
			status = fail(STATUS_BAD_FILE,
				      "%s is malformed: 'chain %.80s' is not followed by a number alone, or with \"nested\"",
				      path, fields[1] ?: "");
			break;
		}
		last->vcpu = vcpu;
		snprintf(last->reason, sizeof(last->reason), "%s", fields[1]);
	}
	return lines_close(&lines, status);
}

enum status read_chains(const struct source *source, struct snapshot *snapshot)
{
	enum status status;
	struct vms vms;

	if (source->vcpu >= 0)
		return read_chain(source, source->vcpu, snapshot);
	/* Read the tables only to know the numbers of the vCPUs, in ascending order. */
	status = read_vcpus(&vms, source, NULL);
	if (status)
		return status;
	for (size_t i = 0; !status && i < vms.nr; i++)
		status = read_chain(source, vms.vms[i].vcpu, snapshot);
	free_vms(&vms);
	return status;
}

/* Read only who the VMs are, i.e. find a VM even if the numbers in its table are malformed. */
static enum status read_identities(struct vms *vms, const struct source *source)
{
	enum status status = STATUS_OK;
	char path[PATH_MAX], table[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	*vms = (struct vms){};
	status = open_debugfs(source, path, &dir);
	if (status)
		return status;
	while (!status && (entry = next_entry(dir, path, "", "kvm.ko was unloaded", &status))) {
		struct vm *vm;

		if (!is_vm_dir(entry->d_name))
			continue;
		vm = add_vm(vms, entry->d_name, -1);
		if (vm)
			status = make_table_path(table, source->sysroot, vm->dir, -1);
		else
			status = fail(STATUS_SYSTEM, "out of memory");
		if (status)
			break;
		status = source_read_head(table, &vm->identity);
		/* Lockdown keeps all heads: do not say that there is no such VM. */
		if (status == STATUS_PERMISSION)
			break;
		if (status)
			forget_error();
		status = STATUS_OK;
		complete_identity(vm);
		read_vm_name(&vm->name, source->sysroot, &vm->identity);
	}
	return end_vms(vms, dir, status);
}

/* The ways to name a VM on the command line, other than by its directory */
static bool has_name(const struct vm *vm, const char *text)
{
	return !strcmp(vm->name.name, text);
}

static bool has_uuid(const struct vm *vm, const char *text)
{
	return *vm->name.uuid && !strcasecmp(vm->name.uuid, text);
}

/* The PID of the process or, as in the name of the directory, of the thread that made the VM */
static bool has_pid(const struct vm *vm, const char *text)
{
	uint64_t pid, thread = 0;

	parse_number(vm->dir, &thread);
	return parse_whole_number(text, &pid) && (pid == vm->identity.pid || pid == thread);
}

static bool has_number(const struct vm *vm, const char *text)
{
	uint64_t number;

	return parse_whole_number(text, &number) && number && number == vm->identity.number;
}

static bool is_any(const struct vm *vm, const char *text)
{
	return true;
}

static size_t count_vms(const struct vms *vms, bool (*fits)(const struct vm *, const char *),
			const char *text)
{
	size_t nr = 0;

	for (size_t i = 0; i < vms->nr; i++)
		nr += fits(&vms->vms[i], text);
	return nr;
}

/* Name no more VMs in a message, or they would bury what it says. */
#define MAX_LISTED	16UL

#define LIST_LEN	(MAX_LISTED * (VM_NAME_LEN + 64))

/* NAME (VM number, PID-FD), ... */
static void list_vms(char list[LIST_LEN], const struct vms *vms,
		     bool (*fits)(const struct vm *, const char *), const char *text)
{
	size_t nr = 0, used = 0;

	list[0] = '\0';
	for (size_t i = 0; i < vms->nr; i++) {
		const struct vm *vm = &vms->vms[i];
		char number[32] = "";

		if (!fits(vm, text) || nr++ >= MAX_LISTED)
			continue;
		if (vm->identity.number)
			snprintf(number, sizeof(number), "VM %llu, ",
				 (unsigned long long)vm->identity.number);
		used += (size_t)snprintf(list + used, LIST_LEN - used, "%s%s%s(%s%s)",
					 nr > 1 ? ", " : "", vm->name.name,
					 *vm->name.name ? " " : "", number, vm->dir);
	}
	if (nr > MAX_LISTED)
		snprintf(list + used, LIST_LEN - used, " and %zu more, see --vms",
			 nr - MAX_LISTED);
}

static bool has_dir(const struct source *source, const char *text)
{
	char path[PATH_MAX];

	if (!is_vm_dir(text))
		return false;
	return !make_path(path, "%s" DEBUGFS "/%s", source->sysroot, text) &&
	       access(path, F_OK) == 0;
}

enum status find_vm(const struct source *source, char dir[VM_DIR_LEN])
{
	static const struct {
		bool (*fits)(const struct vm *vm, const char *text);
		const char *what;
	} keys[] = {
		{ has_name, "name" },
		{ has_uuid, "UUID" },
		{ has_pid, "process" },
		{ has_number, "number" },
	};
	const char *text = source->vm;
	char list[LIST_LEN];
	size_t key, nr = 0;
	enum status status;
	struct vms vms;

	/* If the text is the directory of a VM, there is no need to look at the others. */
	if (has_dir(source, text)) {
		snprintf(dir, VM_DIR_LEN, "%.*s", VM_DIR_LEN - 1, text);
		return STATUS_OK;
	}
	status = read_identities(&vms, source);
	if (status)
		return status;
	for (key = 0; key < ARRAY_SIZE(keys); key++) {
		nr = count_vms(&vms, keys[key].fits, text);
		if (nr)
			break;
	}
	if (nr == 1) {
		for (size_t i = 0; i < vms.nr; i++) {
			if (keys[key].fits(&vms.vms[i], text))
				memcpy(dir, vms.vms[i].dir, VM_DIR_LEN);
		}
	} else if (nr) {
		list_vms(list, &vms, keys[key].fits, text);
		status = fail(STATUS_USAGE, "--vm %s: %zu VMs have that %s, name one of: %s", text,
			      nr, keys[key].what, list);
	} else if (vms.nr) {
		list_vms(list, &vms, is_any, text);
		status = fail(STATUS_UNAVAILABLE, "--vm %s: there is no such VM, but: %s", text,
			      list);
	} else {
		status = fail(STATUS_UNAVAILABLE, "--vm %s: there is no VM", text);
	}
	free_vms(&vms);
	return status;
}

static void set_names(struct snapshot *snapshot, const struct vms *vms)
{
	for (size_t i = 0; i < snapshot->nr_worst; i++) {
		struct worst *worst = &snapshot->worst[i];

		for (size_t j = 0; worst->vm && j < vms->nr; j++) {
			if (vms->vms[j].identity.number == worst->vm)
				memcpy(worst->vm_name, vms->vms[j].name.name, VM_NAME_LEN);
		}
	}
}

void name_worst(const struct source *source, struct snapshot *snapshot)
{
	struct vms vms;

	if (!read_gone_vms(&vms, source)) {
		set_names(snapshot, &vms);
		free_vms(&vms);
	}
	if (!read_identities(&vms, source)) {
		set_names(snapshot, &vms);
		free_vms(&vms);
	}
	forget_error();
}

static const struct vm *find_same(const struct vms *vms, const struct vm *vm)
{
	for (size_t i = 0; i < vms->nr; i++) {
		const struct vm *other = &vms->vms[i];

		if (other->identity.number == vm->identity.number && other->vcpu == vm->vcpu &&
		    !strcmp(other->dir, vm->dir))
			return other;
	}
	return NULL;
}

enum status subtract_vms(struct vms *interval, const struct vms *a, const struct vms *b)
{
	*interval = (struct vms){ .uptime = b->uptime };
	for (size_t i = 0; i < b->nr; i++) {
		const struct vm *to = &b->vms[i], *from = find_same(a, to);
		/* A vCPU can be newer than its VM: then it has no more than the interval. */
		const struct snapshot none = {
			.uptime = max((double)to->identity.created_ns / 1e9, a->uptime),
		};
		struct vm *vm = add_vm(interval, to->dir, to->vcpu);
		enum status status;

		if (vm) {
			*vm = *to;
			status = snapshot_subtract(&vm->snapshot, from ? &from->snapshot : &none,
						   &to->snapshot);
		} else {
			status = fail(STATUS_SYSTEM, "out of memory");
		}
		if (status) {
			free_vms(interval);
			return status;
		}
	}
	return STATUS_OK;
}

const struct reason *most_expensive(const struct snapshot *snapshot)
{
	const struct reason *most = NULL;

	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (cost_of(reason) > (most ? cost_of(most) : 0))
			most = reason;
	}
	return most;
}

void free_vms(struct vms *vms)
{
	for (size_t i = 0; i < vms->nr; i++)
		snapshot_free(&vms->vms[i].snapshot);
	free(vms->vms);
	*vms = (struct vms){};
}
