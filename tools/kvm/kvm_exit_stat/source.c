// SPDX-License-Identifier: GPL-2.0
/*
 * Read the statistics: of the system from sysfs, which is the ABI, and of a VM or a
 * vCPU from their tables in debugfs.
 *
 * While VMs run, the files in sysfs change from one to the next.  A reason is read
 * again if a VM-Exit or a VM-Entry came between its files, a few times.  What remains
 * for a busy reason are the exits of some microseconds.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "source.h"

#define MAX_TRIES	3

/* A histogram of 32 numbers is the longest file. */
#define FILE_LEN	1024

static __printf(2, 3) enum status make_path(char path[PATH_MAX], const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(path, PATH_MAX, format, args);
	va_end(args);
	if (length >= PATH_MAX)
		return fail(STATUS_USAGE, "the path '%.64s...' is too long", path);
	return STATUS_OK;
}

/*
 * What it means, from errno, that a file cannot be read that is below what
 * source_open() has found, or that itself
 */
static enum status cannot_read(const char *dir, const char *file, const char *vanished)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return fail(STATUS_PERMISSION, "%s%s: %s: only root may read the counters", dir,
			    file, strerror(errno));
	case ENOENT:
	case ENODEV:
	case EIO:
		return fail(STATUS_VANISHED, "%s%s: %s: vanished while it was read: %s", dir, file,
			    strerror(errno), vanished);
	default:
		return fail(STATUS_SYSTEM, "%s%s: %s", dir, file, strerror(errno));
	}
}

static enum status cannot_read_sysfs(const struct source *source, const char *file)
{
	return cannot_read(source->sysfs, file, "kvm_intel or kvm_amd was unloaded");
}

static enum status cannot_read_table(const struct source *source)
{
	return cannot_read(source->table, "", "the VM is gone");
}

/*
 * The text of a file in sysfs without its newline.  The directory stays the one that
 * was found first: another one is that of a module that was loaded anew.
 */
static enum status read_file(const struct source *source, const char *file, char text[FILE_LEN])
{
	int fd = openat(source->sysfs_fd, file + 1, O_RDONLY | O_CLOEXEC);
	enum status status = STATUS_OK;
	ssize_t length;

	if (fd < 0)
		return cannot_read_sysfs(source, file);

	length = read(fd, text, FILE_LEN);
	if (length < 0)
		status = cannot_read_sysfs(source, file);
	else if (length == 0 || length == FILE_LEN ||
		 memchr(text, '\n', (size_t)length) != &text[length - 1] ||
		 memchr(text, '\0', (size_t)length))
		status = fail(STATUS_BAD_FILE,
			      "%s%s is malformed: not one line of at most %d bytes",
			      source->sysfs, file, FILE_LEN - 1);
	else
		text[length - 1] = '\0';
	close(fd);
	return status;
}

/*
 * Parse @length numbers of 64 bits from the beginning of @text, with one blank
 * between two.  Return what follows, or NULL if they are not there.
 */
static const char *parse_numbers(const char *text, uint64_t *to, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char *end;

		if (i > 0 && *text++ != ' ')
			return NULL;
		if (!isdigit((unsigned char)*text))
			return NULL;
		errno = 0;
		to[i] = strtoull(text, &end, 10);
		if (errno)
			return NULL;
		text = end;
	}
	return text;
}

static enum status read_numbers(const struct source *source, const char *file, uint64_t *to,
				size_t length)
{
	char text[FILE_LEN] = "";
	enum status status = read_file(source, file, text);
	const char *end;

	if (status)
		return status;
	end = parse_numbers(text, to, length);
	if (!end || *end)
		return fail(STATUS_BAD_FILE, "%s%s is malformed: '%.80s' is not %s of 64 bits",
			    source->sysfs, file, text,
			    length == 1 ? "a number" : "a histogram of 32 numbers");
	return STATUS_OK;
}

enum status source_number(const struct source *source, const char *file, uint64_t *number)
{
	return read_numbers(source, file, number, 1);
}

static enum status read_number(const struct source *source, struct reason *reason,
			       const struct number *number)
{
	char file[REASON_NAME_LEN + 64];

	snprintf(file, sizeof(file), "/reasons/%s/%s", reason->name, number->name);
	return read_numbers(source, file, number_of(reason, number), number->length);
}

static const struct number *find_number(size_t offset)
{
	const struct number *number = numbers;

	while (number->offset != offset)
		number++;
	return number;
}

/* What changes at a VM-Exit and at a VM-Entry: nothing if the reason never occurred */
static enum status read_state(const struct source *source, struct reason *reason)
{
	const struct number *count = find_number(offsetof(struct reason, count));
	const struct number *away = find_number(offsetof(struct reason, away.total));
	enum status status = read_number(source, reason, count);

	return status || !reason->count ? status : read_number(source, reason, away);
}

/* Read until no VM-Exit and no VM-Entry comes between the numbers. */
static enum status read_reason(const struct source *source, struct reason *reason)
{
	struct reason before = *reason, after = *reason;
	enum status status = read_state(source, &before);

	for (int tries = 0; !status && before.count && tries < MAX_TRIES; tries++) {
		for (size_t i = 0; !status && i < NR_NUMBERS; i++)
			status = read_number(source, reason, &numbers[i]);
		if (!status)
			status = read_state(source, &after);
		if (after.count == before.count && after.away.total == before.away.total)
			break;
		before = after;
	}
	return status;
}

static enum status read_reasons(const struct source *source, struct snapshot *snapshot)
{
	int fd = openat(source->sysfs_fd, "reasons", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status status = STATUS_OK;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		status = cannot_read_sysfs(source, "/reasons");
		if (fd >= 0)
			close(fd);
		return status;
	}

	while (!status && (errno = 0, entry = readdir(dir))) {
		struct reason *reason;

		if (entry->d_name[0] == '.')
			continue;
		if (!is_reason_name(entry->d_name)) {
			status = fail(STATUS_BAD_FILE,
				      "%s/reasons: '%s' is no name of an exit reason",
				      source->sysfs, entry->d_name);
			break;
		}
		reason = snapshot_add(snapshot, entry->d_name);
		if (!reason)
			status = fail(STATUS_SYSTEM, "out of memory");
		else
			status = read_reason(source, reason);
	}
	if (!status && errno)
		status = cannot_read_sysfs(source, "/reasons");
	closedir(dir);
	return status;
}

/*
 * All numbers are of the same time between two resets, or it is tried again.  The
 * counts are read later than the first total, and can only exceed it, unless they
 * were reset or some of their directories are removed already.
 */
static enum status read_sysfs(const struct source *source, struct snapshot *snapshot)
{
	for (int tries = 0; tries < MAX_TRIES; tries++) {
		uint64_t before = 0, after = 0;
		enum status status;

		snapshot->nr_reasons = 0;
		status = source_number(source, "/total_exits", &before);
		if (!status)
			status = source_number(source, "/guest_cycles", &snapshot->guest_cycles);
		if (!status)
			status = read_reasons(source, snapshot);
		if (!status)
			status = source_number(source, "/total_exits", &after);
		if (status)
			return status;
		snapshot_derive(snapshot);
		if (snapshot->total.count >= before && after >= before)
			return STATUS_OK;
	}
	return fail(STATUS_RESET,
		    "%s: counters were reset while they were read, or do not add up, %d times",
		    source->sysfs, MAX_TRIES);
}

/* A histogram in a table: bucket:count,... or "-" */
static bool parse_sparse(const char *text, uint64_t hist[NR_BUCKETS])
{
	uint64_t bucket;

	memset(hist, 0, NR_BUCKETS * sizeof(*hist));
	if (!strcmp(text, "-"))
		return true;
	for (;;) {
		text = parse_numbers(text, &bucket, 1);
		if (!text || bucket >= NR_BUCKETS || *text++ != ':')
			return false;
		text = parse_numbers(text, &hist[bucket], 1);
		if (!text)
			return false;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

static bool parse_field(const char *text, uint64_t *to, size_t length)
{
	const char *end;

	if (length > 1)
		return parse_sparse(text, to);
	end = parse_numbers(text, to, 1);
	return end && !*end;
}

/* The columns of a table in debugfs, which is no ABI: they are found by name. */
#define MAX_COLUMNS	64

struct columns {
	size_t reason;
	size_t guest_cycles;
	size_t number[NR_NUMBERS];
};

static size_t split(char *line, char *fields[MAX_COLUMNS])
{
	size_t n = 0;

	for (char *rest = line, *field; n < MAX_COLUMNS && (field = strsep(&rest, " \t\n"));) {
		if (*field)
			fields[n++] = field;
	}
	return n;
}

static bool find_column(char *fields[], size_t n, const char *name, size_t *column)
{
	for (*column = 0; *column < n; ++*column) {
		if (!strcmp(fields[*column], name))
			return true;
	}
	return false;
}

static bool parse_header(char *line, struct columns *columns)
{
	char *fields[MAX_COLUMNS];
	size_t n = split(line, fields);
	bool ok = find_column(fields, n, "reason", &columns->reason) &&
		  find_column(fields, n, "guest_cycles", &columns->guest_cycles);

	for (size_t i = 0; i < NR_NUMBERS; i++)
		ok = ok && find_column(fields, n, numbers[i].name, &columns->number[i]);
	return ok;
}

/* @total is set by the last line, TOTAL, without which a table is not whole. */
static enum status parse_line(const char *path, char *line, const struct columns *columns,
			      struct snapshot *snapshot, bool *total)
{
	char *fields[MAX_COLUMNS];
	size_t n = split(line, fields);
	struct reason *reason;

	if (*total || columns->reason >= n || columns->guest_cycles >= n)
		return fail(STATUS_BAD_FILE, "%s is malformed: a line is incomplete", path);

	if (!strcmp(fields[columns->reason], "TOTAL")) {
		*total = true;
		if (!parse_field(fields[columns->guest_cycles], &snapshot->guest_cycles, 1))
			return fail(STATUS_BAD_FILE, "%s is malformed: guest_cycles '%.80s'",
				    path, fields[columns->guest_cycles]);
		return STATUS_OK;
	}

	if (!is_reason_name(fields[columns->reason]))
		return fail(STATUS_BAD_FILE,
			    "%s is malformed: '%.80s' is no name of an exit reason", path,
			    fields[columns->reason]);
	reason = snapshot_add(snapshot, fields[columns->reason]);
	if (!reason)
		return fail(STATUS_SYSTEM, "out of memory");

	for (size_t i = 0; i < NR_NUMBERS; i++) {
		const char *text = columns->number[i] < n ? fields[columns->number[i]] : "";

		if (!parse_field(text, number_of(reason, &numbers[i]), numbers[i].length))
			return fail(STATUS_BAD_FILE, "%s is malformed: %s of %s is '%.80s'", path,
				    numbers[i].name, reason->name, text);
	}
	return STATUS_OK;
}

static enum status read_table(const struct source *source, struct snapshot *snapshot)
{
	FILE *file = fopen(source->table, "re");
	enum status status = STATUS_OK;
	struct columns columns;
	bool header = false, total = false;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return cannot_read_table(source);

	while (!status && getline(&line, &size, file) > 0) {
		if (header) {
			status = parse_line(source->table, line, &columns, snapshot, &total);
			continue;
		}
		header = true;
		if (!parse_header(line, &columns))
			status = fail(STATUS_BAD_FILE, "%s is malformed: a column is missing",
				      source->table);
	}
	if (!status && ferror(file))
		status = cannot_read_table(source);
	else if (!status && !total)
		status = fail(STATUS_BAD_FILE, "%s is malformed: no line TOTAL", source->table);
	free(line);
	fclose(file);
	snapshot_derive(snapshot);
	return status;
}

static enum status read_isa(const struct source *source, struct snapshot *snapshot)
{
	char text[FILE_LEN] = "";
	enum status status = read_file(source, "/isa", text);

	if (status)
		return status;
	if (!is_isa(text))
		return fail(STATUS_BAD_FILE,
			    "%s/isa is malformed: '%.80s' is neither vmx nor svm", source->sysfs,
			    text);
	snprintf(snapshot->isa, sizeof(snapshot->isa), "%.3s", text);
	return STATUS_OK;
}

enum status source_read(const struct source *source, struct snapshot *snapshot)
{
	enum status status;

	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->time = read_clock(CLOCK_REALTIME);
	snapshot->uptime = read_clock(CLOCK_BOOTTIME);
	snprintf(snapshot->scope, sizeof(snapshot->scope), "%s", source->scope);

	status = read_isa(source, snapshot);
	if (!status)
		status = source_number(source, "/tsc_khz", &snapshot->tsc_khz);
	if (!status)
		status = source->vm ? read_table(source, snapshot) : read_sysfs(source, snapshot);
	if (status)
		snapshot_free(snapshot);
	return status;
}

bool source_has_reason(const struct source *source, const char *name)
{
	char file[REASON_NAME_LEN + 64];

	snprintf(file, sizeof(file), "reasons/%s", name);
	return faccessat(source->sysfs_fd, file, F_OK, 0) == 0;
}

/* Whether directory @name of debugfs, <pid>-<fd>, is the VM "PID" or "PID-FD" */
static bool is_vm(const char *name, const char *vm)
{
	size_t length = strlen(vm);

	if (!isdigit((unsigned char)*name) || strncmp(name, vm, length))
		return false;
	return !name[length] || (name[length] == '-' && !strchr(vm, '-'));
}

/* The directory of the VM, the only one that is asked for */
static enum status find_vm(const struct source *source, const char *debugfs,
			   char name[NAME_MAX + 1])
{
	char all[1024] = "";
	struct dirent *entry;
	size_t found = 0;
	DIR *dir;

	dir = opendir(debugfs);
	if (!dir && errno == ENOENT)
		return fail(STATUS_UNAVAILABLE,
			    "%s: %s: debugfs is not mounted there, or kvm.ko is not loaded",
			    debugfs, strerror(errno));
	if (!dir)
		return cannot_read(debugfs, "", "kvm.ko was unloaded");

	while ((entry = readdir(dir))) {
		size_t used = strlen(all);

		if (!is_vm(entry->d_name, source->vm))
			continue;
		found++;
		snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
		snprintf(all + used, sizeof(all) - used, " %s", name);
	}
	closedir(dir);

	if (!found)
		return fail(STATUS_UNAVAILABLE, "--vm %s: there is no such VM in %s", source->vm,
			    debugfs);
	if (found > 1)
		return fail(STATUS_USAGE,
			    "--vm %s: the process has more than one VM, name one of:%s",
			    source->vm, all);
	return STATUS_OK;
}

static enum status open_vm(struct source *source)
{
	char debugfs[PATH_MAX], vm[NAME_MAX + 1], dir[PATH_MAX];
	enum status status;

	status = make_path(debugfs, "%s/sys/kernel/debug/kvm", source->sysroot);
	if (!status)
		status = find_vm(source, debugfs, vm);
	if (!status && source->vcpu >= 0)
		status = make_path(dir, "%s/%s/vcpu%d", debugfs, vm, source->vcpu);
	else if (!status)
		status = make_path(dir, "%s/%s", debugfs, vm);
	if (!status)
		status = make_path(source->table, "%s/exit_stats", dir);
	if (status)
		return status;

	if (source->vcpu >= 0)
		snprintf(source->scope, sizeof(source->scope), "vm %.30s vcpu %d", vm,
			 source->vcpu);
	else
		snprintf(source->scope, sizeof(source->scope), "vm %.30s", vm);

	if (access(source->table, F_OK) == 0)
		return STATUS_OK;
	if (errno != ENOENT)
		return cannot_read_table(source);
	if (source->vcpu < 0)
		return fail(STATUS_UNAVAILABLE, "--vm %s: it has no table %s", source->vm,
			    source->table);
	if (access(dir, F_OK) < 0)
		return fail(STATUS_UNAVAILABLE, "--vcpu %d: VM %s has no such vCPU", source->vcpu,
			    vm);
	return fail(STATUS_UNAVAILABLE,
		    "--vcpu %d: it has no table: per_vcpu was 0 when it was created",
		    source->vcpu);
}

enum status source_open(struct source *source)
{
	enum status status = make_path(source->sysfs, "%s/sys/kernel/kvm_exit_stats",
				       source->sysroot);

	if (status)
		return status;
	source->sysfs_fd = open(source->sysfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source->sysfs_fd < 0 && errno == ENOENT)
		return fail(STATUS_UNAVAILABLE,
			    "%s: %s: the kernel has no CONFIG_KVM_EXIT_STATS, or neither kvm_intel nor kvm_amd is loaded",
			    source->sysfs, strerror(errno));
	if (source->sysfs_fd < 0)
		return cannot_read_sysfs(source, "");

	snprintf(source->scope, sizeof(source->scope), "system");
	return source->vm ? open_vm(source) : STATUS_OK;
}
