// SPDX-License-Identifier: GPL-2.0
/*
 * Read the statistics: of the system from sysfs, which is the ABI, and of a VM or a
 * vCPU from their tables in debugfs.
 *
 * A reason is a line in both, of one consistent copy, with the same columns.  While VMs
 * run, the files in sysfs change from one reason to the next.
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

/* A file in sysfs is shorter than a page. */
#define FILE_LEN	4096

/* The columns of a file "stat", in their order.  Later kernels may append more. */
#define STAT_COLUMNS							\
	"count cycles_total cycles_min cycles_avg cycles_max "		\
	"away_total away_min away_avg away_max "			\
	"away_user away_blocked away_polled away_preempted "		\
	"user_exits guest_cycles cycles_hist away_hist"

#define MAX_COLUMNS	64

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

/* Parse a number of 64 bits.  Return what follows, or NULL if there is none. */
static const char *parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno ? NULL : end;
}

static bool parse_whole_number(const char *text, uint64_t *number)
{
	const char *end = parse_number(text, number);

	return end && !*end;
}

/* A histogram: bucket:count,... or "-" */
static bool parse_hist(const char *text, uint64_t hist[NR_BUCKETS])
{
	uint64_t bucket;

	memset(hist, 0, NR_BUCKETS * sizeof(*hist));
	if (!strcmp(text, "-"))
		return true;
	for (;;) {
		text = parse_number(text, &bucket);
		if (!text || bucket >= NR_BUCKETS || *text++ != ':')
			return false;
		text = parse_number(text, &hist[bucket]);
		if (!text)
			return false;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

enum status source_number(const struct source *source, const char *file, uint64_t *number)
{
	char text[FILE_LEN] = "";
	enum status status = read_file(source, file, text);

	if (!status && !parse_whole_number(text, number))
		status = fail(STATUS_BAD_FILE,
			      "%s%s is malformed: '%.80s' is not a number of 64 bits",
			      source->sysfs, file, text);
	return status;
}

/* Where the fields of a line have which number */
struct columns {
	size_t of[NR_NUMBERS];
};

/* The fields of a line, and NULL after the last */
static void split(char *line, const char *fields[MAX_COLUMNS + 1])
{
	size_t n = 0;

	for (char *rest = line, *field; n < MAX_COLUMNS && (field = strsep(&rest, " \t\n"));) {
		if (*field)
			fields[n++] = field;
	}
	while (n <= MAX_COLUMNS)
		fields[n++] = NULL;
}

static enum status find_columns(const char *path, const char *fields[], struct columns *columns)
{
	for (size_t i = 0; i < NR_NUMBERS; i++) {
		size_t *column = &columns->of[i];

		for (*column = 0; fields[*column]; ++*column) {
			if (!strcmp(fields[*column], numbers[i].name))
				break;
		}
		if (!fields[*column])
			return fail(STATUS_BAD_FILE, "%s is malformed: there is no column %s", path,
				    numbers[i].name);
	}
	return STATUS_OK;
}

/* NULL if @status is an error */
static struct reason *add_reason(struct snapshot *snapshot, const char *path, const char *name,
				 enum status *status)
{
	struct reason *reason;

	if (!is_reason_name(name)) {
		*status = fail(STATUS_BAD_FILE,
			       "%s is malformed: '%.80s' is no name of an exit reason", path,
			       name);
		return NULL;
	}
	reason = snapshot_add(snapshot, name);
	*status = reason ? STATUS_OK : fail(STATUS_SYSTEM, "out of memory");
	return reason;
}

static enum status parse_reason(const char *path, const char *fields[],
				const struct columns *columns, struct reason *reason)
{
	for (size_t i = 0; i < NR_NUMBERS; i++) {
		const char *text = fields[columns->of[i]];
		uint64_t *to = number_of(reason, &numbers[i]);

		if (!text)
			return fail(STATUS_BAD_FILE, "%s is malformed: %s of %s is missing", path,
				    numbers[i].name, reason->name);
		if (!(numbers[i].length > 1 ? parse_hist(text, to) : parse_whole_number(text, to)))
			return fail(STATUS_BAD_FILE, "%s is malformed: %s of %s is '%.80s'", path,
				    numbers[i].name, reason->name, text);
	}
	return STATUS_OK;
}

static enum status read_stat(const struct source *source, const struct columns *columns,
			     struct reason *reason)
{
	char file[REASON_NAME_LEN + 16], path[PATH_MAX + sizeof(file)], text[FILE_LEN] = "";
	const char *fields[MAX_COLUMNS + 1];
	enum status status;

	snprintf(file, sizeof(file), "/reasons/%s/stat", reason->name);
	status = read_file(source, file, text);
	if (status)
		return status;
	snprintf(path, sizeof(path), "%s%s", source->sysfs, file);
	split(text, fields);
	return parse_reason(path, fields, columns, reason);
}

static enum status read_reasons(const struct source *source, struct snapshot *snapshot)
{
	int fd = openat(source->sysfs_fd, "reasons", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char names[] = STAT_COLUMNS, path[PATH_MAX + 16];
	const char *fields[MAX_COLUMNS + 1];
	struct columns columns = {};
	struct dirent *entry;
	enum status status;

	if (!dir) {
		status = cannot_read_sysfs(source, "/reasons");
		if (fd >= 0)
			close(fd);
		return status;
	}

	snprintf(path, sizeof(path), "%s/reasons", source->sysfs);
	split(names, fields);
	status = find_columns(path, fields, &columns);
	while (!status && (errno = 0, entry = readdir(dir))) {
		struct reason *reason;

		if (entry->d_name[0] == '.')
			continue;
		reason = add_reason(snapshot, path, entry->d_name, &status);
		if (reason)
			status = read_stat(source, &columns, reason);
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
			status = read_reasons(source, snapshot);
		if (!status)
			status = source_number(source, "/dropped", &snapshot->dropped);
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

/* A line below the header of a table.  It is @whole with the last one, "dropped N". */
static enum status parse_line(const char *path, const char *fields[],
			      const struct columns *columns, struct snapshot *snapshot,
			      bool *whole)
{
	const char *name = fields[0] ?: "", *number = fields[0] && fields[1] ? fields[1] : "";

	/* What the others add up to */
	if (!strcmp(name, "TOTAL"))
		return STATUS_OK;

	*whole = !strcmp(name, "dropped");
	if (!*whole) {
		enum status status;
		struct reason *reason = add_reason(snapshot, path, name, &status);

		return reason ? parse_reason(path, fields, columns, reason) : status;
	}
	if (!parse_whole_number(number, &snapshot->dropped))
		return fail(STATUS_BAD_FILE, "%s is malformed: dropped is '%.80s'", path, number);
	return STATUS_OK;
}

/* A table is no ABI: its columns are found by name, but for that of the reason. */
static enum status read_table(const struct source *source, struct snapshot *snapshot)
{
	FILE *file = fopen(source->table, "re");
	const char *fields[MAX_COLUMNS + 1];
	bool header = false, whole = false;
	enum status status = STATUS_OK;
	struct columns columns = {};
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return cannot_read_table(source);

	while (!status && !whole && getline(&line, &size, file) > 0) {
		split(line, fields);
		status = header ? parse_line(source->table, fields, &columns, snapshot, &whole) :
				  find_columns(source->table, fields, &columns);
		header = true;
	}
	if (!status && ferror(file))
		status = cannot_read_table(source);
	else if (!status && !whole)
		status = fail(STATUS_BAD_FILE, "%s is malformed: it has no line 'dropped'",
			      source->table);
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
	char debugfs[PATH_MAX], vm[NAME_MAX + 1];
	enum status status;

	status = make_path(debugfs, "%s/sys/kernel/debug/kvm", source->sysroot);
	if (!status)
		status = find_vm(source, debugfs, vm);
	if (!status && source->vcpu >= 0)
		status = make_path(source->table, "%s/%s/vcpu%d/exit_stats", debugfs, vm,
				   source->vcpu);
	else if (!status)
		status = make_path(source->table, "%s/%s/exit_stats", debugfs, vm);
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
	return fail(STATUS_UNAVAILABLE, "--vcpu %d: VM %s has no such vCPU", source->vcpu, vm);
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
