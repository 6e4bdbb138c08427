// SPDX-License-Identifier: GPL-2.0
/*
 * Read the statistics: of the system from sysfs, which is the ABI, and of a VM or a
 * vCPU from their tables in debugfs.
 *
 * In both, a reason is a line with the same columns, whose numbers are consistent.  But in
 * sysfs, each reason has its own file: while VMs run, numbers change between two files.
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

#include <linux/kernel.h>

#include "clock.h"
#include "extra.h"
#include "reason.h"
#include "vm.h"

#define MAX_TRIES	3

#define MODULE_UNLOADED	"kvm_intel or kvm_amd was unloaded"

#define SLOW	"/sys/kernel/debug/kvm_exit_stats_slow"

/* A file in sysfs is shorter than a page. */
#define FILE_LEN	4096

/* The columns of a file "stat", in their order.  Later kernels may append more. */
#define STAT_COLUMNS							\
	"count cycles_total cycles_min cycles_avg cycles_max "		\
	"away_total away_min away_avg away_max "			\
	"away_user away_blocked away_polled away_preempted "		\
	"user_exits guest_cycles cycles_hist away_hist user_reasons"

enum status make_path(char path[PATH_MAX], const char *format, ...)
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
 * Whether a file below @dir, in debugfs, cannot be opened because of kernel lockdown.  @mode
 * becomes the mode of lockdown, or empty if lockdown is only the likely cause.
 */
static bool is_locked_down(const char *dir, char mode[32])
{
	static const char debugfs[] = "/sys/kernel/debug";
	const char *below = NULL;
	char path[PATH_MAX + 64], text[256] = "";
	FILE *file;

	mode[0] = '\0';
	for (const char *found = dir; (found = strstr(found, debugfs)); found++)
		below = found;
	if (!below)
		return false;
	snprintf(path, sizeof(path), "%.*s/sys/kernel/security/lockdown", (int)(below - dir), dir);
	file = fopen(path, "re");
	/* Without securityfs, guess: nothing but lockdown refuses root. */
	if (!file)
		return geteuid() == 0;
	if (fgets(text, sizeof(text), file))
		sscanf(text, "%*[^[][%31[a-z]]", mode);
	fclose(file);
	return *mode && strcmp(mode, "none");
}

/*
 * Say from errno why @file below @dir, which source_open() has found, cannot be read.  If
 * the file is not there any more, @vanished is the explanation.
 */
enum status cannot_read(const char *dir, const char *file, const char *vanished)
{
	int error = errno;
	char mode[32];

	if (error == EPERM && is_locked_down(dir, mode))
		return fail(STATUS_PERMISSION,
			    "%s%s: %s: kernel lockdown%s%s keeps debugfs from everybody; the numbers of the whole system, in sysfs, can still be read",
			    dir, file, strerror(error), *mode ? ", mode " : "", mode);
	errno = error;
	switch (error) {
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
	return cannot_read(source->sysfs, file, MODULE_UNLOADED);
}

struct dirent *next_entry(DIR *dir, const char *path, const char *file, const char *vanished,
			  enum status *status)
{
	struct dirent *entry;

	errno = 0;
	entry = readdir(dir);
	if (!entry && errno)
		*status = cannot_read(path, file, vanished);
	return entry;
}

DIR *open_reasons(const struct source *source, enum status *status)
{
	int fd = openat(source->sysfs_fd, "reasons", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		return dir;
	*status = cannot_read_sysfs(source, "/reasons");
	if (fd >= 0)
		close(fd);
	return NULL;
}

const char *next_reason(const struct source *source, DIR *dir, enum status *status)
{
	struct dirent *entry;

	do {
		entry = next_entry(dir, source->sysfs, "/reasons", MODULE_UNLOADED, status);
	} while (entry && entry->d_name[0] == '.');
	return entry ? entry->d_name : NULL;
}

static enum status cannot_read_table(const char *path)
{
	return cannot_read(path, "", "the VM is gone");
}

enum status source_check_vm(const struct source *source, uint64_t before, uint64_t now)
{
	if (now == before)
		return STATUS_OK;
	return fail(STATUS_VANISHED, "%s: the VM is gone, another has its place", source->table);
}

/*
 * Read a file in sysfs, relative to the directory that source_open() has opened.  By its
 * path, the directory could be that of a module that was loaded anew, with other counters.
 */
static enum status read_whole(const struct source *source, const char *file,
			      char text[FILE_LEN], size_t *length)
{
	int fd = openat(source->sysfs_fd, file + 1, O_RDONLY | O_CLOEXEC);
	enum status status = STATUS_OK;
	ssize_t nr;

	if (fd < 0)
		return cannot_read_sysfs(source, file);
	nr = read(fd, text, FILE_LEN);
	if (nr < 0)
		status = cannot_read_sysfs(source, file);
	else
		*length = (size_t)nr;
	close(fd);
	return status;
}

/* Read a file in sysfs that has one line, and drop the newline. */
static enum status read_file(const struct source *source, const char *file, char text[FILE_LEN])
{
	size_t length = 0;
	enum status status = read_whole(source, file, text, &length);

	if (status)
		return status;
	if (length == 0 || length == FILE_LEN ||
	    memchr(text, '\n', length) != &text[length - 1] || memchr(text, '\0', length))
		return fail(STATUS_BAD_FILE, "%s%s is malformed: not one line of at most %d bytes",
			    source->sysfs, file, FILE_LEN - 1);
	text[length - 1] = '\0';
	return STATUS_OK;
}

/* Read a file in sysfs that has any number of lines, which keep their newlines. */
static enum status read_lines(const struct source *source, const char *file, char text[FILE_LEN])
{
	size_t length = 0;
	enum status status = read_whole(source, file, text, &length);

	if (status)
		return status;
	if (length == FILE_LEN || (length && text[length - 1] != '\n') ||
	    memchr(text, '\0', length))
		return fail(STATUS_BAD_FILE, "%s%s is malformed: not lines of at most %d bytes",
			    source->sysfs, file, FILE_LEN - 1);
	text[length] = '\0';
	return STATUS_OK;
}

const char *parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno ? NULL : end;
}

bool parse_whole_number(const char *text, uint64_t *number)
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

/* The column that says how KVM_RUN returned to user space after exits of the reason */
#define USER_REASONS	"user_reasons"

/*
 * Parse N:count:cycles,... or "-", where N is a number, "error" or "other".  False if @text
 * is malformed.  @memory becomes false if memory is short.
 */
static bool parse_user_reasons(const char *text, struct snapshot *snapshot, size_t reason,
			       bool *memory)
{
	*memory = true;
	if (!strcmp(text, "-"))
		return true;
	for (;;) {
		struct user_return *user_return = snapshot_add_user_return(snapshot);
		uint64_t number = 0;

		*memory = user_return;
		if (!user_return)
			return true;
		user_return->reason = reason;
		if (!strncmp(text, "error", 5)) {
			user_return->number = USER_ERROR;
			text += 5;
		} else if (!strncmp(text, "other", 5)) {
			user_return->number = USER_OTHER;
			text += 5;
		} else {
			text = parse_number(text, &number);
			if (!text || number > INT_MAX)
				return false;
			user_return->number = (int)number;
		}
		if (*text++ != ':')
			return false;
		text = parse_number(text, &user_return->count);
		if (!text || *text++ != ':')
			return false;
		text = parse_number(text, &user_return->cycles);
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

/* The index of each number in the fields of a line */
struct columns {
	size_t of[NR_NUMBERS];
	/* MAX_COLUMNS, a field that is always NULL, if the kernel does not have this column */
	size_t user_reasons;
	/* No header says whether lines have user_reasons, i.e. the column can be missing. */
	bool headless;
};

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

enum status lines_open(struct lines *lines, const char *path, const char *missing,
		       const char *vanished)
{
	*lines = (struct lines){ .path = path, .vanished = vanished, .file = fopen(path, "re") };
	if (lines->file)
		return STATUS_OK;
	if (missing && errno == ENOENT)
		return fail(STATUS_UNAVAILABLE, "%s: %s: %s", path, strerror(errno), missing);
	return cannot_read(path, "", vanished);
}

bool lines_next(struct lines *lines)
{
	if (getline(&lines->line, &lines->size, lines->file) <= 0)
		return false;
	split(lines->line, lines->fields);
	return true;
}

enum status lines_close(struct lines *lines, enum status status)
{
	if (!status && ferror(lines->file))
		status = cannot_read(lines->path, "", lines->vanished);
	free(lines->line);
	fclose(lines->file);
	return status;
}

bool find_field(const char *fields[], const char *name, size_t *column)
{
	for (*column = 0; fields[*column]; ++*column) {
		if (!strcmp(fields[*column], name))
			return true;
	}
	return false;
}

static enum status find_columns(const char *path, const char *fields[], struct columns *columns)
{
	if (!find_field(fields, USER_REASONS, &columns->user_reasons))
		columns->user_reasons = MAX_COLUMNS;
	for (size_t i = 0; i < NR_NUMBERS; i++) {
		if (!find_field(fields, numbers[i].name, &columns->of[i]))
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

static enum status parse_numbers(const char *path, const char *fields[],
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

/* @reason is the last one of the snapshot. */
static enum status parse_reason(const char *path, const char *fields[],
				const struct columns *columns, struct snapshot *snapshot,
				struct reason *reason)
{
	const char *returns = fields[columns->user_reasons];
	enum status status;
	bool memory;

	if (!returns && columns->user_reasons < MAX_COLUMNS && !columns->headless)
		return fail(STATUS_BAD_FILE, "%s is malformed: " USER_REASONS " of %s is missing",
			    path, reason->name);
	status = parse_numbers(path, fields, columns, reason);
	if (status)
		return status;
	if (!parse_user_reasons(returns ?: "-", snapshot, snapshot->nr_reasons - 1, &memory))
		return fail(STATUS_BAD_FILE, "%s is malformed: " USER_REASONS " of %s is '%.80s'",
			    path, reason->name, returns);
	return memory ? STATUS_OK : fail(STATUS_SYSTEM, "out of memory");
}

/* Parse the numbers of L2's exits of a reason or, with @reflected, of those that L1 got. */
static enum status parse_nested(const char *path, const char *fields[],
				const struct columns *columns, struct snapshot *snapshot,
				size_t reason, bool reflected)
{
	struct nested *nested = snapshot_find_or_add_nested(snapshot, reason);
	struct reason *to;

	if (!nested)
		return fail(STATUS_SYSTEM, "out of memory");
	to = reflected ? &nested->reflected : &nested->l2;
	snprintf(to->name, sizeof(to->name), "%s", snapshot->reasons[reason].name);
	return parse_numbers(path, fields, columns, to);
}

static enum status read_stat(const struct source *source, const struct columns *columns,
			     struct snapshot *snapshot, struct reason *reason)
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
	return parse_reason(path, fields, columns, snapshot, reason);
}

bool source_wants(const struct source *source, const char *reason)
{
	return !*source->only || !strcmp(source->only, reason);
}

/* Read the keys of the last reason of the snapshot, i.e. what its exits were for. */
static enum status read_keys(const struct source *source, struct snapshot *snapshot)
{
	const size_t reason = snapshot->nr_reasons - 1;
	char file[REASON_NAME_LEN + 16], path[PATH_MAX + sizeof(file)], text[FILE_LEN] = "";
	const char *fields[MAX_COLUMNS + 1];
	enum status status;
	char *rest = text;

	snprintf(file, sizeof(file), "/reasons/%s/keys", snapshot->reasons[reason].name);
	snprintf(path, sizeof(path), "%s%s", source->sysfs, file);
	status = read_lines(source, file, text);
	while (!status && *rest) {
		split(strsep(&rest, "\n"), fields);
		status = parse_key(path, fields, snapshot, reason);
	}
	return status;
}

/* Read the exits of a reason that took longest, each of which has a file. */
static enum status read_worst(const struct source *source, struct snapshot *snapshot,
			      const char *reason)
{
	static const struct {
		const char *file;
		bool away;
		bool late;
	} files[] = {
		{ "cycles_worst", false, false },
		{ "away_worst", true, false },
		{ "cycles_late", false, true },
		{ "away_late", true, true },
	};
	char file[REASON_NAME_LEN + 32], path[PATH_MAX + sizeof(file)], text[FILE_LEN] = "";
	const char *fields[MAX_COLUMNS + 1];
	enum status status = STATUS_OK;

	for (size_t i = 0; !status && i < ARRAY_SIZE(files); i++) {
		snprintf(file, sizeof(file), "/reasons/%s/%s", reason, files[i].file);
		snprintf(path, sizeof(path), "%s%s", source->sysfs, file);
		status = read_file(source, file, text);
		split(text, fields);
		if (!status)
			status = parse_worst(path, fields, snapshot, reason, files[i].away,
					     files[i].late);
	}
	return status;
}

/* Read L2's exits of the last reason of the snapshot. */
static enum status read_nested(const struct source *source, const struct columns *columns,
			       struct snapshot *snapshot)
{
	static const char * const files[] = { "nested", "reflected" };
	const size_t reason = snapshot->nr_reasons - 1;
	char file[REASON_NAME_LEN + 32], path[PATH_MAX + sizeof(file)], text[FILE_LEN] = "";
	const char *fields[MAX_COLUMNS + 1];
	enum status status = STATUS_OK;

	for (size_t i = 0; !status && i < ARRAY_SIZE(files); i++) {
		snprintf(file, sizeof(file), "/reasons/%s/%s", snapshot->reasons[reason].name,
			 files[i]);
		snprintf(path, sizeof(path), "%s%s", source->sysfs, file);
		status = read_file(source, file, text);
		split(text, fields);
		if (!status)
			status = parse_nested(path, fields, columns, snapshot, reason, i == 1);
	}
	return status;
}

/* Read what else was asked for.  A reason that never occurred has no extras. */
static enum status read_extras(const struct source *source, const struct columns *columns,
			       struct snapshot *snapshot)
{
	const struct reason *reason = &snapshot->reasons[snapshot->nr_reasons - 1];
	enum status status = STATUS_OK;

	if (!reason->count || !source_wants(source, reason->name))
		return STATUS_OK;
	if (source->extras & EXTRA_KEYS)
		status = read_keys(source, snapshot);
	if (!status && (source->extras & EXTRA_WORST))
		status = read_worst(source, snapshot, reason->name);
	if (!status && (source->extras & EXTRA_NESTED))
		status = read_nested(source, columns, snapshot);
	return status;
}

static enum status read_reasons(const struct source *source, struct snapshot *snapshot)
{
	char names[] = STAT_COLUMNS, path[PATH_MAX + 16];
	const char *fields[MAX_COLUMNS + 1];
	struct columns columns = { .headless = true };
	enum status status = STATUS_OK;
	const char *name;
	DIR *dir;

	dir = open_reasons(source, &status);
	if (!dir)
		return status;

	snprintf(path, sizeof(path), "%s/reasons", source->sysfs);
	split(names, fields);
	status = find_columns(path, fields, &columns);
	while (!status && (name = next_reason(source, dir, &status))) {
		struct reason *reason = add_reason(snapshot, path, name, &status);

		if (reason)
			status = read_stat(source, &columns, snapshot, reason) ?:
				 read_extras(source, &columns, snapshot);
	}
	closedir(dir);
	return status;
}

/*
 * Try again if there was a reset while the files were read.  The counts of reasons are read
 * after the first total, so that their sum cannot be less, unless there was a reset, or the
 * module is being unloaded, and some directories of reasons are gone already.
 */
static enum status read_sysfs(const struct source *source, struct snapshot *snapshot)
{
	for (int tries = 0; tries < MAX_TRIES; tries++) {
		uint64_t before = 0, after = 0;
		enum status status;

		snapshot->nr_reasons = 0;
		snapshot->nr_user_returns = 0;
		snapshot->nr_keys = 0;
		snapshot->nr_worst = 0;
		snapshot->nr_nested = 0;
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

void set_text(char *to, size_t size, const char *field)
{
	char *text = to;

	while (*field && size > 1) {
		if (field[0] == '\\' && strspn(field + 1, "01234567") >= 3) {
			*to = (char)((field[1] - '0') << 6 | (field[2] - '0') << 3 |
				     (field[3] - '0'));
			field += 4;
		} else {
			*to = *field++;
		}
		to++;
		size--;
	}
	*to = '\0';
	make_printable(text);
}

/* A line above the header of a table.  Ignore unknown ones, which later kernels may add. */
static enum status parse_head(const char *path, const char *fields[], struct identity *identity)
{
	const char *name = fields[0] ?: "", *text = fields[0] && fields[1] ? fields[1] : "";
	const struct {
		const char *name;
		uint64_t *number;
	} head[] = {
		{ "vm", &identity->number },
		{ "pid", &identity->pid },
		{ "created_ns", &identity->created_ns },
		{ "vcpus", &identity->nr_vcpus },
	};

	if (!strcmp(name, "command"))
		set_text(identity->command, sizeof(identity->command), text);
	else if (!strcmp(name, "cgroup") && strcmp(text, "-"))
		set_text(identity->cgroup, sizeof(identity->cgroup), text);
	for (size_t i = 0; i < ARRAY_SIZE(head); i++) {
		if (!strcmp(name, head[i].name) && !parse_whole_number(text, head[i].number))
			return fail(STATUS_BAD_FILE, "%s is malformed: %s is '%.80s'", path, name,
				    text);
	}
	return STATUS_OK;
}

/* The process that got the CPU: pid, command, count, error, cycles, max */
static enum status parse_preemptor(const char *path, const char *fields[],
				   struct snapshot *snapshot)
{
	struct preemptor *preemptor = snapshot_add_preemptor(snapshot);
	size_t i;

	if (!preemptor)
		return fail(STATUS_SYSTEM, "out of memory");
	for (i = 1; i <= 6 && fields[i]; i++)
		;
	if (i <= 6 || !parse_whole_number(fields[1], &preemptor->pid) ||
	    !parse_whole_number(fields[3], &preemptor->count) ||
	    !parse_whole_number(fields[4], &preemptor->error) ||
	    !parse_whole_number(fields[5], &preemptor->cycles) ||
	    !parse_whole_number(fields[6], &preemptor->max))
		return fail(STATUS_BAD_FILE, "%s is malformed: %s of '%.80s' is not six fields",
			    path, fields[0], i > 1 ? fields[1] : "");
	set_text(preemptor->command, sizeof(preemptor->command), fields[2]);
	return STATUS_OK;
}

/* A line that not every view needs: its kind, e.g. "key", a reason, and fields of that kind */
static enum status parse_extra(const struct source *source, const char *path,
			       const char *fields[], const struct columns *columns,
			       struct snapshot *snapshot)
{
	const char *what = fields[0] ?: "", *name = fields[0] && fields[1] ? fields[1] : "";
	const struct reason *reason;
	bool away;
	int extra = 0;

	if (!strcmp(what, "key"))
		extra = EXTRA_KEYS;
	else if (!strcmp(what, "worst"))
		extra = EXTRA_WORST;
	else if (!strcmp(what, "nested") || !strcmp(what, "reflected"))
		extra = EXTRA_NESTED;
	if (!(source->extras & extra) || !source_wants(source, name))
		return STATUS_OK;
	reason = snapshot_find(snapshot, name);
	if (!reason)
		return fail(STATUS_BAD_FILE, "%s is malformed: %s of '%.80s', which has no row",
			    path, what, name);
	if (extra == EXTRA_KEYS)
		return parse_key(path, fields + 2, snapshot,
				 (size_t)(reason - snapshot->reasons));
	/* The columns are those of a row, after one more word. */
	if (extra == EXTRA_NESTED)
		return parse_nested(path, fields + 1, columns, snapshot,
				    (size_t)(reason - snapshot->reasons),
				    !strcmp(what, "reflected"));
	if (!fields[2] || !parse_kind(fields[2], &away))
		return fail(STATUS_BAD_FILE,
			    "%s is malformed: worst %s is neither of cycles nor away", path, name);
	return parse_worst(path, fields + 3, snapshot, name, away, false);
}

/*
 * A line below the header of a table.  Lines are @rows up to their sum, "TOTAL", and the
 * table is @whole after its last line, "dropped N".  Later kernels may add lines in between.
 */
static enum status parse_line(const struct source *source, const char *path,
			      const char *fields[], const struct columns *columns,
			      struct snapshot *snapshot, bool *rows, bool *whole)
{
	const char *name = fields[0] ?: "", *number = fields[0] && fields[1] ? fields[1] : "";

	if (!strcmp(name, "TOTAL")) {
		*rows = false;
		return STATUS_OK;
	}
	if (!strcmp(name, "preempted_by"))
		return parse_preemptor(path, fields, snapshot);

	*whole = !strcmp(name, "dropped");
	if (!*whole && *rows) {
		enum status status;
		struct reason *reason = add_reason(snapshot, path, name, &status);

		return reason ? parse_reason(path, fields, columns, snapshot, reason) : status;
	}
	if (!*whole)
		return parse_extra(source, path, fields, columns, snapshot);
	if (!parse_whole_number(number, &snapshot->dropped))
		return fail(STATUS_BAD_FILE, "%s is malformed: dropped is '%.80s'", path, number);
	return STATUS_OK;
}

/*
 * A table is no ABI: find columns by their names.  Only "reason" has to be the first one,
 * as it marks the line of the names, which ends the head.  Without @snapshot, read no more
 * than the head.
 */
static enum status read_table(const struct source *source, const char *path,
			      struct snapshot *snapshot, struct identity *identity)
{
	bool header = false, rows = true, whole = false;
	enum status status;
	struct columns columns = {};
	struct lines lines;

	memset(identity, 0, sizeof(*identity));
	status = lines_open(&lines, path, NULL, "the VM is gone");
	if (status)
		return status;

	while (!status && !(snapshot ? whole : header) && lines_next(&lines)) {
		if (header) {
			status = parse_line(source, path, lines.fields, &columns, snapshot, &rows,
					    &whole);
			continue;
		}
		header = lines.fields[0] && !strcmp(lines.fields[0], "reason");
		status = header ? find_columns(path, lines.fields, &columns) :
				  parse_head(path, lines.fields, identity);
	}
	status = lines_close(&lines, status);
	if (!status && !header)
		status = fail(STATUS_BAD_FILE, "%s is malformed: it has no header", path);
	else if (!status && snapshot && !whole)
		status = fail(STATUS_BAD_FILE, "%s is malformed: it has no line 'dropped'", path);
	if (snapshot)
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

enum status source_begin(const struct source *source, struct snapshot *snapshot)
{
	enum status status;

	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->time = read_clock(CLOCK_REALTIME);
	snapshot->uptime = read_clock(CLOCK_BOOTTIME);
	snprintf(snapshot->scope, sizeof(snapshot->scope), "%s", source->scope);

	status = read_isa(source, snapshot);
	if (!status)
		status = source_number(source, "/tsc_khz", &snapshot->tsc_khz);
	return status;
}

enum status source_read_table(const struct source *source, const char *path,
			      struct snapshot *snapshot, struct identity *identity)
{
	enum status status = source_begin(source, snapshot) ?:
			     read_table(source, path, snapshot, identity);

	if (status)
		snapshot_free(snapshot);
	return status;
}

enum status source_read_head(const char *path, struct identity *identity)
{
	return read_table(NULL, path, NULL, identity);
}

/* Read the log of slow exits: each line has a reason, a kind, and the fields of an exit. */
static enum status read_slow(const struct source *source, struct snapshot *snapshot)
{
	struct lines lines;
	const char *const *fields = lines.fields;
	char path[PATH_MAX];
	enum status status;
	bool away;

	status = make_path(path, "%s" SLOW, source->sysroot) ?:
		 lines_open(&lines, path,
			    "debugfs is not mounted there, or the kernel does not keep slow exits",
			    "kvm.ko was unloaded");
	if (status)
		return status;

	while (!status && lines_next(&lines)) {
		if (!fields[0] || !fields[1] || !is_reason_name(fields[0]) ||
		    !parse_kind(fields[1], &away))
			status = fail(STATUS_BAD_FILE,
				      "%s is malformed: '%.80s' is not followed by cycles or away",
				      path, fields[0] ?: "");
		else if (source_wants(source, fields[0]))
			status = parse_worst(path, lines.fields + 2, snapshot, fields[0], away,
					     false);
	}
	return lines_close(&lines, status);
}

enum status source_read(const struct source *source, struct snapshot *snapshot)
{
	struct identity identity = {};
	enum status status;

	if (source->extras & EXTRA_SLOW)
		status = source_begin(source, snapshot) ?: read_slow(source, snapshot);
	else if (source->extras & EXTRA_CHAIN)
		status = source_begin(source, snapshot) ?: read_chains(source, snapshot);
	else if (source->vm || source->debugfs)
		status = source_read_table(source, source->table, snapshot, &identity);
	else
		status = source_begin(source, snapshot) ?: read_sysfs(source, snapshot);
	if (!status)
		snapshot->vm = identity.number;
	if (!status && source->codes)
		status = read_codes(source, snapshot);
	if (!status && source->names)
		name_worst(source, snapshot);
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

/* Use the table of the VM in source->dir or, if a vCPU is asked for, that of the vCPU. */
static enum status use_table(struct source *source)
{
	if (source->vcpu >= 0)
		snprintf(source->scope, sizeof(source->scope), "vm %s vcpu %d", source->dir,
			 source->vcpu);
	else
		snprintf(source->scope, sizeof(source->scope), "vm %s", source->dir);
	return make_table_path(source->table, source->sysroot, source->dir, source->vcpu);
}

static enum status open_vm(struct source *source)
{
	enum status status = find_vm(source, source->dir) ?: use_table(source);

	if (status || access(source->table, F_OK) == 0)
		return status;
	if (errno != ENOENT)
		return cannot_read_table(source->table);
	if (source->vcpu < 0)
		return fail(STATUS_UNAVAILABLE, "--vm %s: it has no table %s", source->vm,
			    source->table);
	return fail(STATUS_UNAVAILABLE, "--vcpu %d: VM %s has no such vCPU", source->vcpu,
		    source->dir);
}

enum status source_turn(struct source *source, const struct source *home, const char *dir)
{
	*source = *home;
	if (!dir)
		return STATUS_OK;
	snprintf(source->dir, sizeof(source->dir), "%s", dir);
	source->vm = source->dir;
	source->vcpu = -1;
	return use_table(source);
}

static enum status open_system_table(struct source *source)
{
	enum status status = make_path(source->table, "%s/sys/kernel/debug/kvm_exit_stats",
				       source->sysroot);

	if (status || access(source->table, F_OK) == 0)
		return status;
	if (errno != ENOENT)
		return cannot_read_table(source->table);
	return fail(STATUS_UNAVAILABLE, "%s: %s: debugfs is not mounted there", source->table,
		    strerror(errno));
}

/* If the kernel does not have an extra, fail or, if the source is lenient, do not ask for it. */
static enum status check_extras(struct source *source)
{
	static const struct {
		int extra;
		const char *file;
		const char *what;
	} needed[] = {
		{ EXTRA_KEYS, "keys", "does not keep what exits were for" },
		{ EXTRA_WORST, "reasons/UNKNOWN/cycles_worst", "does not keep the worst exits" },
		{ EXTRA_SLOW, "slow_us", "does not keep slow exits" },
		{ EXTRA_NESTED, "reasons/UNKNOWN/nested", "does not tell the exits of L2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!(source->extras & needed[i].extra) ||
		    faccessat(source->sysfs_fd, needed[i].file, F_OK, 0) == 0)
			continue;
		source->extras &= ~needed[i].extra;
		if (!source->lenient)
			return fail(STATUS_UNAVAILABLE, "%s/%s: %s: the kernel %s", source->sysfs,
				    needed[i].file, strerror(errno), needed[i].what);
	}
	return STATUS_OK;
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
	status = check_extras(source);
	if (status)
		return status;

	snprintf(source->scope, sizeof(source->scope), "system");
	if (source->vm)
		return open_vm(source);
	return source->debugfs ? open_system_table(source) : STATUS_OK;
}
