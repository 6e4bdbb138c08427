/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Laws that the statistics must obey whatever is done to them, for programs that do such work
 * and report what they did, and which laws held.
 *
 * Before including this header, a program defines the lists
 *
 *	WORKS(work)	what it does, PHASES among it: work(NAME, "what")
 *	OWN_LAWS(law)	what it tests beyond the laws here: law(NAME, "what")
 *
 * Each work must have been done, and each law tested, at the end.
 */
#ifndef GUEST_LAWS_H
#define GUEST_LAWS_H

#include <fts.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "vm.h"

#define STATS		"/sys/kernel/kvm_exit_stats"
#define REASONS		STATS "/reasons"
#define DEBUGFS		"/sys/kernel/debug/kvm"
#define SYSTEM_TABLE	"/sys/kernel/debug/kvm_exit_stats"

#define MAX_FILES	4096
#define MAX_TEXT	(1 << 17)
#define MAX_REASONS	128
#define BUCKETS		32
/* The most keys that a reason can have */
#define MAX_KEYS	8

/* For how many failures of a law to print the reason */
#define COMPLAINTS	3

/*
 * What is done, and how often
 */

#define ID(id, name)	id,
#define NAME(id, name)	[id] = { name },

enum work { WORKS(ID) NR_WORKS };

static struct {
	const char *name;
	_Atomic unsigned long times;
} works[NR_WORKS] = { WORKS(NAME) };

static void did(enum work work)
{
	works[work].times++;
}

/*
 * What is tested
 */

#define LAWS(law) \
	law(COUNTS, "counts add up to total_exits") \
	law(CYCLES, "cycles_total add up to total_cycles") \
	law(HISTS, "the buckets of cycles_hist add up to count") \
	law(ORDER, "cycles_min <= cycles_avg <= cycles_max") \
	law(AWAY_ORDER, "away_min <= away_avg <= away_max") \
	law(AWAY_HISTS, "the buckets of away_hist add up to at most count") \
	law(PARTS, "user + blocked + preempted <= away, polled <= blocked") \
	law(HANDLING, "handling <= away where all exits have an away time") \
	law(KVM_EXITS, "total_exits grew by KVM's own exits") \
	law(VCPU_TABLES, "the table of a vCPU has KVM's own exits of it") \
	law(VCPU_STATS, "KVM's binary statistics of a vCPU have its exits by reason") \
	law(DROPPED, "no exit is dropped") \
	law(SUMMARIES, "summaries printed and folded are the exits / interval") \
	law(SYSFS_TABLE, "the table in debugfs, \"stat\" and all other files are the same") \
	law(TABLE_LINES, "tables add up at any time, line by line and in total") \
	law(FILES, "files can be read and written as long as they are there") \
	OWN_LAWS(law)

enum law { LAWS(ID) NR_LAWS };

static struct {
	const char *name;
	_Atomic unsigned long tests;
	_Atomic unsigned long failures;
} laws[NR_LAWS] = { LAWS(NAME) };

__attribute__((format(printf, 3, 4)))
static void test(enum law law, bool passed, const char *format, ...)
{
	va_list args;

	laws[law].tests++;
	if (passed || laws[law].failures++ >= COMPLAINTS)
		return;

	flockfile(stdout);
	printf("phase %lu, %s: ", works[PHASES].times, laws[law].name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/*
 * Files
 */

static char *files[MAX_FILES];
static unsigned int nr_files;
static char *reasons[MAX_FILES];
static unsigned int nr_reasons;

/* Returns the length of the text, or a negative errno.  Does not move the file offset. */
static ssize_t read_fd(int fd, char *text)
{
	ssize_t length, n;

	for (length = 0; length < MAX_TEXT - 1; length += n) {
		n = pread(fd, text + length, MAX_TEXT - 1 - length, length);
		if (n < 0)
			return -errno;
		if (!n)
			break;
	}
	text[length] = '\0';
	return length;
}

static ssize_t read_file(const char *path, char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read_fd(fd, text);
	close(fd);
	return length;
}

static ssize_t write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = write(fd, value, strlen(value));
	if (length < 0)
		length = -errno;
	close(fd);
	return length;
}

static __maybe_unused bool is_gone(ssize_t error)
{
	return error == -ENOENT || error == -ENODEV || error == -EIO;
}

/* One value, and a newline */
static bool is_line(const char *text, ssize_t length)
{
	return length > 1 && strchr(text, '\n') == text + length - 1;
}

/* Write a file of the statistics, which must succeed. */
static void set(const char *name, const char *value)
{
	char path[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), STATS "/%s", name);
	length = write_file(path, value);
	test(FILES, length == (ssize_t)strlen(value), "%s to %s: %zd", value, path, length);
}

static void set_number(const char *name, unsigned long number)
{
	char value[24];

	snprintf(value, sizeof(value), "%lu", number);
	set(name, value);
}

static unsigned long number_in(const char *dir, const char *name)
{
	static _Thread_local char text[MAX_TEXT];
	char path[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	length = read_file(path, text);
	test(FILES, is_line(text, length), "%s: %zd", path, length);
	return length < 0 ? 0 : strtoul(text, NULL, 10);
}

/* Find all files once: a reload of the vendor module creates the same ones. */
static void find_files(void)
{
	char *paths[] = { STATS, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL, NULL);
	FTSENT *entry;

	if (!fts)
		err(1, STATS);
	while ((entry = fts_read(fts))) {
		bool reason = entry->fts_info == FTS_D && entry->fts_level == 2;
		bool file = entry->fts_info == FTS_F && entry->fts_statp->st_mode & 0400;

		if (nr_files == MAX_FILES || nr_reasons == MAX_FILES)
			errx(1, "too many files");
		if (reason)
			reasons[nr_reasons++] = strdup(entry->fts_path);
		if (file)
			files[nr_files++] = strdup(entry->fts_path);
	}
	fts_close(fts);
	if (!nr_files || !nr_reasons)
		errx(1, "no files in " STATS);
}

/*
 * Tables in debugfs
 */

enum number {
	COUNT, CYCLES_TOTAL, CYCLES_MIN, CYCLES_AVG, CYCLES_MAX,
	AWAY_TOTAL, AWAY_MIN, AWAY_AVG, AWAY_MAX,
	AWAY_USER, AWAY_BLOCKED, AWAY_POLLED, AWAY_PREEMPTED, USER_EXITS, GUEST_CYCLES, NR_FILES,
	/* The sums of the counts and of the cycles in the last column, user reasons */
	USER_RETURNS = NR_FILES, USER_CYCLES, NR_NUMBERS
};

/* The columns of tables, and files in sysfs */
static const char * const number_names[NR_FILES] = {
	"count", "cycles_total", "cycles_min", "cycles_avg", "cycles_max",
	"away_total", "away_min", "away_avg", "away_max",
	"away_user", "away_blocked", "away_polled", "away_preempted", "user_exits", "guest_cycles",
};

struct row {
	char name[64];
	unsigned long numbers[NR_NUMBERS];
	unsigned long hist[BUCKETS], away_hist[BUCKETS];
};

/* Rows are in the kernel's order of reasons, without reasons that did not occur. */
struct table {
	unsigned int nr;
	/* Exits of L2, and how many of these were reflected to L1 */
	unsigned long nested, reflected;
	struct row rows[MAX_REASONS];
};

static unsigned long sum_of_hist(const unsigned long *hist)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		sum += hist[i];
	return sum;
}

/* "bucket:count,...", or "-" */
static char *parse_pairs(char *text, unsigned long *hist)
{
	unsigned long bucket;

	text += strspn(text, " ");
	if (*text == '-')
		return text + 1;
	do {
		bucket = strtoul(text, &text, 10);
		if (bucket >= BUCKETS || *text++ != ':')
			return NULL;
		hist[bucket] = strtoul(text, &text, 10);
	} while (*text++ == ',');
	return text - 1;
}

/* "reason:count:cycles,...", or "-" */
static char *parse_user_reasons(char *text, struct row *row)
{
	unsigned long count, cycles;
	int length;

	text += strspn(text, " ");
	if (*text == '-')
		return text + 1;
	do {
		if (sscanf(text, "%*[0-9a-z]:%lu:%lu%n", &count, &cycles, &length) != 2)
			return NULL;
		row->numbers[USER_RETURNS] += count;
		row->numbers[USER_CYCLES] += cycles;
		text += length;
	} while (*text++ == ',');
	return text - 1;
}

/* Parse the numbers, both histograms and user reasons, up to the end of the line. */
static bool parse_numbers(char *text, struct row *row)
{
	unsigned int i;
	char *rest;

	for (i = 0; i < NR_FILES; i++, text = rest) {
		row->numbers[i] = strtoul(text, &rest, 10);
		if (rest == text)
			return false;
	}
	text = parse_pairs(text, row->hist);
	if (text)
		text = parse_pairs(text, row->away_hist);
	if (text)
		text = parse_user_reasons(text, row);
	return text && text[strspn(text, "\n")] == '\0';
}

static bool parse_row(char *line, struct row *row)
{
	int length = 0;

	*row = (struct row){};
	return sscanf(line, "%63s %*u.%*u%n", row->name, &length) == 1 && length &&
	       parse_numbers(line + length, row);
}

static unsigned long quotient(unsigned long sum, unsigned long count)
{
	return count ? sum / count : 0;
}

/* Whether the numbers of one copy of a row match, as they must even while a vCPU writes it */
static bool row_adds_up(const struct row *row)
{
	const unsigned long *n = row->numbers;
	unsigned long aways = sum_of_hist(row->away_hist);

	return sum_of_hist(row->hist) == n[COUNT] &&
	       n[CYCLES_MIN] <= n[CYCLES_AVG] && n[CYCLES_AVG] <= n[CYCLES_MAX] &&
	       n[CYCLES_AVG] == quotient(n[CYCLES_TOTAL], n[COUNT]) &&
	       n[AWAY_MIN] <= n[AWAY_AVG] && n[AWAY_AVG] <= n[AWAY_MAX] &&
	       n[AWAY_AVG] == quotient(n[AWAY_TOTAL], aways) && n[USER_EXITS] <= aways &&
	       n[USER_EXITS] <= n[USER_RETURNS] && n[AWAY_USER] <= n[USER_CYCLES];
}

static void merge_times(unsigned long *sum, const unsigned long *number, unsigned long *hist,
			const unsigned long *more)
{
	bool none = !sum_of_hist(hist);
	unsigned int i;

	/* Total, min, avg and max, in this order */
	sum[0] += number[0];
	if (none || (sum_of_hist(more) && number[1] < sum[1]))
		sum[1] = number[1];
	if (number[3] > sum[3])
		sum[3] = number[3];
	for (i = 0; i < BUCKETS; i++)
		hist[i] += more[i];
	sum[2] = quotient(sum[0], sum_of_hist(hist));
}

static void merge_row(struct row *sum, const struct row *row)
{
	unsigned int i;

	merge_times(&sum->numbers[CYCLES_TOTAL], &row->numbers[CYCLES_TOTAL], sum->hist, row->hist);
	merge_times(&sum->numbers[AWAY_TOTAL], &row->numbers[AWAY_TOTAL], sum->away_hist,
		    row->away_hist);
	sum->numbers[COUNT] += row->numbers[COUNT];
	for (i = AWAY_USER; i < NR_NUMBERS; i++)
		sum->numbers[i] += row->numbers[i];
}

static bool same_row(const struct row *a, const struct row *b)
{
	return !memcmp(a->numbers, b->numbers, sizeof(a->numbers)) &&
	       !memcmp(a->hist, b->hist, sizeof(a->hist)) &&
	       !memcmp(a->away_hist, b->away_hist, sizeof(a->away_hist));
}

static const struct row *find_row(const struct table *table, const char *name)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		if (!strcmp(table->rows[i].name, name))
			return &table->rows[i];
	}
	return NULL;
}

static __maybe_unused void merge_table(struct table *sum, const struct table *table)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++) {
		struct row *row = (struct row *)find_row(sum, table->rows[i].name);

		if (!row) {
			row = &sum->rows[sum->nr++];
			*row = (struct row){};
			strcpy(row->name, table->rows[i].name);
		}
		merge_row(row, &table->rows[i]);
	}
}

/* The sum of the lines of keys of a reason that were read so far */
struct key_sum {
	const struct row *row;
	unsigned int nr;
	unsigned long count, cycles;
};

/* Whether a line of a key is valid.  The keys of a reason and "other" must add up to the reason. */
static bool is_key_line(const char *line, const struct table *table, struct key_sum *sum)
{
	unsigned long count, error, cycles, longest;
	char name[64], key[64];
	const struct row *row;

	if (sscanf(line, "key %63s %63s %lu %lu %lu %lu", name, key, &count, &error, &cycles,
		   &longest) != 6)
		return false;
	row = find_row(table, name);
	if (!row)
		return false;
	if (row != sum->row)
		*sum = (struct key_sum){ .row = row };
	sum->count += count;
	sum->cycles += cycles;
	if (!strcmp(key, "other"))
		return !error && !longest && sum->nr && sum->count == row->numbers[COUNT] &&
		       sum->cycles == row->numbers[CYCLES_TOTAL];
	return count && longest <= cycles && sum->nr++ < MAX_KEYS;
}

/* Parse a row of exits of L2, which must be a part of the row with the same reason. */
static bool parse_part(char *line, const struct table *table, unsigned long *exits)
{
	const struct row *whole;
	struct row row;

	if (!parse_row(line, &row) || !row_adds_up(&row))
		return false;
	whole = find_row(table, row.name);
	*exits += row.numbers[COUNT];
	return whole && row.numbers[COUNT] <= whole->numbers[COUNT] &&
	       row.numbers[CYCLES_TOTAL] <= whole->numbers[CYCLES_TOTAL] &&
	       row.numbers[GUEST_CYCLES] <= whole->numbers[GUEST_CYCLES];
}

/* Whether a line after the rows of a table is valid */
static bool is_other_line(char *line, struct table *table, struct key_sum *keys)
{
	unsigned long count, error, cycles, longest;
	const struct row *row;
	char name[64], of[16];

	if (sscanf(line, "preempted_by %*d %*s %lu %lu %lu %lu", &count, &error, &cycles,
		   &longest) == 4)
		return error < count && longest <= cycles;
	/* The worst exit is always that with the maximum of the row. */
	if (sscanf(line, "worst %63s %15s cycles=%lu", name, of, &cycles) == 3) {
		row = find_row(table, name);
		return row && cycles == row->numbers[strcmp(of, "away") ? CYCLES_MAX : AWAY_MAX];
	}
	if (!strncmp(line, "nested ", 7))
		return parse_part(line + 7, table, &table->nested);
	if (!strncmp(line, "reflected ", 10))
		return parse_part(line + 10, table, &table->reflected);

	return is_key_line(line, table, keys) || sscanf(line, "chain %*s %lu", &cycles) == 1;
}

/* Parse and test a table, and overwrite its text.  Returns the exits of its line TOTAL. */
static unsigned long test_table(const char *path, char *text, struct table *table)
{
	struct row total = {}, sum = {}, *row;
	struct key_sum keys = {};
	unsigned long dropped = 1;
	char *line, *rest;

	table->nr = 0;
	table->nested = 0;
	table->reflected = 0;
	line = strtok_r(text, "\n", &rest);
	/* Skip the lines about the VM. */
	while (line && strncmp(line, "reason ", 7))
		line = strtok_r(NULL, "\n", &rest);
	test(TABLE_LINES, line, "%s has no header", path);
	while ((line = strtok_r(NULL, "\n", &rest)) && table->nr < MAX_REASONS) {
		row = &table->rows[table->nr];
		if (!parse_row(line, row)) {
			test(TABLE_LINES, false, "%s: %s", path, line);
			return 0;
		}
		test(TABLE_LINES, row_adds_up(row), "%s: %s: %lu exits", path, row->name,
		     row->numbers[COUNT]);
		if (!strcmp(row->name, "TOTAL")) {
			total = *row;
			break;
		}
		merge_row(&sum, row);
		table->nr++;
	}
	test(TABLE_LINES, same_row(&sum, &total), "%s: exits %lu, cycles %lu, sums %lu and %lu",
	     path, total.numbers[COUNT], total.numbers[CYCLES_TOTAL], sum.numbers[COUNT],
	     sum.numbers[CYCLES_TOTAL]);

	while ((line = strtok_r(NULL, "\n", &rest)) && strncmp(line, "dropped ", 8))
		test(TABLE_LINES, is_other_line(line, table, &keys), "%s: %s", path, line);
	test(TABLE_LINES, line && sscanf(line, "dropped %lu", &dropped) == 1, "%s: %s", path,
	     line ?: "no last line");
	test(TABLE_LINES, table->reflected <= table->nested, "%s: %lu of %lu exits of L2",
	     path, table->reflected, table->nested);
	test(TABLE_LINES, table->nr <= nr_reasons, "%s: %u reasons", path, table->nr);
	test(DROPPED, !dropped, "%s: %lu", path, dropped);
	return total.numbers[COUNT];
}

/*
 * KVM's own statistics
 */

/* Read a number or a histogram of KVM's binary statistics.  Returns the number of values. */
static unsigned int read_stat(int fd, const char *name, uint64_t *values, unsigned int max)
{
	char text[256] = {};
	struct kvm_stats_desc *desc = (void *)text;
	struct kvm_stats_header header;
	unsigned int i;
	size_t size;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		err(1, "header of the statistics");
	size = sizeof(*desc) + header.name_size;
	if (size > sizeof(text))
		errx(1, "names of statistics of %u bytes", header.name_size);
	for (i = 0; i < header.num_desc; i++) {
		if (pread(fd, desc, size, header.desc_offset + i * size) != (ssize_t)size)
			err(1, "descriptor of a statistic");
		if (strcmp(desc->name, name))
			continue;
		if (desc->size > max)
			errx(1, "statistic %s has %u values", name, desc->size);
		size = desc->size * sizeof(*values);
		if (pread(fd, values, size, header.data_offset + desc->offset) != (ssize_t)size)
			err(1, "statistic %s", name);
		return desc->size;
	}
	errx(1, "no statistic '%s'", name);
}

/* KVM's own number of exits of a vCPU, and the exits by reason, in the kernel's order of reasons */
struct kvm_stat {
	uint64_t exits;
	unsigned int nr;
	uint64_t reasons[MAX_REASONS];
	uint64_t cycles[MAX_REASONS];
};

static int open_kvm_stats(struct vcpu *vcpu)
{
	return kvm_ioctl(vcpu->fd, "KVM_GET_STATS_FD", KVM_GET_STATS_FD, NULL);
}

static void read_kvm_stats(int fd, struct kvm_stat *stat)
{
	read_stat(fd, "exits", &stat->exits, 1);
	stat->nr = read_stat(fd, "exit_reasons", stat->reasons, MAX_REASONS);
	if (read_stat(fd, "exit_reason_cycles", stat->cycles, MAX_REASONS) != stat->nr)
		errx(1, "exit_reasons and exit_reason_cycles have not as many buckets");
}

/* Whether the buckets that are not 0 match the lines of the table one by one */
static bool same_stats(const struct kvm_stat *stat, const struct table *table)
{
	unsigned int i, nr = 0;

	for (i = 0; i < stat->nr; i++) {
		const unsigned long *numbers = table->rows[nr].numbers;

		if (!stat->reasons[i])
			continue;
		if (nr++ == table->nr || numbers[COUNT] != stat->reasons[i] ||
		    numbers[CYCLES_TOTAL] != stat->cycles[i])
			return false;
	}
	return nr == table->nr;
}

/*
 * Test the table of a vCPU that has stopped running.  This thread must have created its VM,
 * and all its exits must have been recorded.
 */
static bool test_vcpu_table(struct vcpu *vcpu, unsigned int nr, const struct kvm_stat *stat,
			    struct table *table)
{
	static _Thread_local char text[MAX_TEXT];
	unsigned long in_table, sum = 0;
	char path[PATH_MAX];
	ssize_t length;
	unsigned int i;

	/* The directory is named after the thread that created the VM. */
	snprintf(path, sizeof(path), DEBUGFS "/%d-%d/vcpu%u/exit_stats", gettid(), vcpu->vm->fd,
		 nr);
	length = read_file(path, text);
	test(FILES, length > 0, "%s: %zd", path, length);
	if (length <= 0)
		return false;
	in_table = test_table(path, text, table);
	test(VCPU_TABLES, in_table == stat->exits, "%s: %lu, KVM: %lu", path, in_table,
	     stat->exits);

	for (i = 0; i < stat->nr; i++)
		sum += stat->reasons[i];
	test(VCPU_STATS, sum == stat->exits && same_stats(stat, table),
	     "%s: %lu exits, in exit_reasons: %lu", path, stat->exits, sum);
	return true;
}

/*
 * Quiet points
 */

static void read_hist(const char *dir, const char *name, unsigned long *hist)
{
	static char text[MAX_TEXT];
	char path[PATH_MAX], *rest = text;
	unsigned int i;
	ssize_t length;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	length = read_file(path, text);
	test(FILES, is_line(text, length), "%s: %zd", path, length);
	for (i = 0; i < BUCKETS; i++)
		hist[i] = strtoul(rest, &rest, 10);
	test(FILES, !strcmp(rest, "\n"), "%s has more than that: %s", path, rest);
}

/* Read all files of a reason, and test that "stat" has the same numbers. */
static void read_reason(const char *dir, struct row *row)
{
	static char text[MAX_TEXT];
	struct row stat = {};
	char path[PATH_MAX];
	unsigned int i;

	snprintf(path, sizeof(path), "%s/stat", dir);
	test(SYSFS_TABLE, read_file(path, text) > 0 && parse_numbers(text, &stat), "%s: %s", path,
	     text);

	/* Keep the user reasons of "stat", which are in no other file. */
	*row = stat;
	for (i = 0; i < NR_FILES; i++)
		row->numbers[i] = number_in(dir, number_names[i]);
	read_hist(dir, "cycles_hist", row->hist);
	read_hist(dir, "away_hist", row->away_hist);
	test(SYSFS_TABLE, same_row(row, &stat), "%s: %s", path, text);
}

static void test_reason(const char *dir, const struct row *row, bool warped)
{
	const unsigned long *n = row->numbers;
	unsigned long hist = sum_of_hist(row->hist), away_hist = sum_of_hist(row->away_hist);
	unsigned long parts = n[AWAY_USER] + n[AWAY_BLOCKED] + n[AWAY_PREEMPTED];

	test(HISTS, hist == n[COUNT], "%s: %lu and %lu", dir, hist, n[COUNT]);
	test(ORDER, n[CYCLES_MIN] <= n[CYCLES_AVG] && n[CYCLES_AVG] <= n[CYCLES_MAX],
	     "%s: %lu %lu %lu", dir, n[CYCLES_MIN], n[CYCLES_AVG], n[CYCLES_MAX]);
	test(AWAY_ORDER, n[AWAY_MIN] <= n[AWAY_AVG] && n[AWAY_AVG] <= n[AWAY_MAX],
	     "%s: %lu %lu %lu", dir, n[AWAY_MIN], n[AWAY_AVG], n[AWAY_MAX]);
	test(AWAY_HISTS, away_hist <= n[COUNT], "%s: %lu of %lu", dir, away_hist, n[COUNT]);
	if (warped)
		return;
	test(PARTS, parts <= n[AWAY_TOTAL] && n[AWAY_POLLED] <= n[AWAY_BLOCKED],
	     "%s: %lu %lu (%lu) %lu of %lu", dir, n[AWAY_USER], n[AWAY_BLOCKED],
	     n[AWAY_POLLED], n[AWAY_PREEMPTED], n[AWAY_TOTAL]);
	if (away_hist == n[COUNT])
		test(HANDLING, n[CYCLES_TOTAL] <= n[AWAY_TOTAL], "%s: %lu and %lu", dir,
		     n[CYCLES_TOTAL], n[AWAY_TOTAL]);
}

static void read_system_table(struct table *table)
{
	static char text[MAX_TEXT];

	if (read_file(SYSTEM_TABLE, text) < 0)
		err(1, SYSTEM_TABLE);
	test_table(SYSTEM_TABLE, text, table);
}

/* Test the laws while no VM runs.  Leaves the table of the system in @table. */
static void test_laws(struct table *table)
{
	unsigned long exits = number_in(STATS, "total_exits");
	unsigned long cycles = number_in(STATS, "total_cycles");
	unsigned long dropped = number_in(STATS, "dropped");
	bool warped = number_in(STATS, "clock_warps");
	static const struct row none;
	struct row sum = {};
	unsigned int i;

	read_system_table(table);
	for (i = 0; i < nr_reasons; i++) {
		const struct row *line = find_row(table, strrchr(reasons[i], '/') + 1);
		struct row row;

		read_reason(reasons[i], &row);
		/* Most reasons have no exits. */
		if (!same_row(&row, &none))
			test_reason(reasons[i], &row, warped);
		test(SYSFS_TABLE, same_row(&row, line ?: &none), "%s: %lu exits, debugfs: %lu",
		     reasons[i], row.numbers[COUNT], line ? line->numbers[COUNT] : 0);
		merge_row(&sum, &row);
	}
	test(COUNTS, sum.numbers[COUNT] == exits, "%lu and %lu", sum.numbers[COUNT], exits);
	test(CYCLES, sum.numbers[CYCLES_TOTAL] == cycles, "%lu and %lu",
	     sum.numbers[CYCLES_TOTAL], cycles);
	test(DROPPED, !dropped, "sysfs: %lu", dropped);
}

/*
 * The kernel log
 */

static int log_fd;
/* What the statistics have printed since open_log(): lines, summaries, chains of last exits */
static unsigned long logged_lines, logged_summaries, logged_chains;

static void open_log(void)
{
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd < 0)
		err(1, "/dev/kmsg");
}

/*
 * Read what is new in the kernel log: the number of summaries, and of those that were folded
 * into these, as these say.  Returns false if a part of the log was lost.
 */
static bool read_log(unsigned long *printed, unsigned long *folded)
{
	char record[8192], *text;
	bool complete = true;
	unsigned long more;
	ssize_t length;

	*printed = 0;
	*folded = 0;
	for (;;) {
		length = read(log_fd, record, sizeof(record) - 1);
		if (length < 0 && errno == EPIPE) {
			complete = false;
			continue;
		}
		if (length <= 0) {
			logged_summaries += *printed;
			return complete;
		}
		record[length] = '\0';
		text = strstr(record, ";kvm_exit_stats: ");
		if (!text)
			continue;
		text += strlen(";kvm_exit_stats: ");
		logged_lines++;
		logged_chains += !strncmp(text, "internal error of ", 18);
		*printed += !strncmp(text, "summary at ", 11);
		if (sscanf(text, "%lu summaries since", &more) == 1)
			*folded += more;
	}
}

/* Wait for the end of a summary that the work item may be printing. */
static void wait_for_summary(void)
{
	usleep(300000);
}

/* Reset, and have summaries fall due with that interval from now on. */
static void begin_summaries(unsigned long interval)
{
	unsigned long printed, folded;

	set_number("interval", interval);
	wait_for_summary();
	set("reset", "1");
	read_log(&printed, &folded);
}

/*
 * Test the summaries since begin_summaries(), @dumps of which were requested.  Requests one more,
 * which reports the folded ones that no other has reported.
 */
static void test_summaries(unsigned long dumps)
{
	unsigned long due = number_in(STATS, "total_exits") / number_in(STATS, "interval");
	unsigned long printed, folded;

	wait_for_summary();
	set("dump", "1");
	if (!read_log(&printed, &folded))
		return;
	printed -= dumps + 1;
	test(SUMMARIES, printed + folded == due, "%lu printed, %lu folded, %lu are due", printed,
	     folded, due);
}

/*
 * The report
 */

/* Print what was done, and which laws held.  @rare need not have been done; NR_WORKS is none. */
static bool report(enum work rare)
{
	bool warped = number_in(STATS, "clock_warps");
	unsigned int i, idle = 0, failures = 0;

	for (i = 0; i < NR_WORKS; i++) {
		printf("%10lu %s\n", works[i].times, works[i].name);
		if (!works[i].times && i != rare)
			idle++;
	}
	printf("%sok some of each of these\n", idle ? "not " : "");

	for (i = 0; i < NR_LAWS; i++) {
		unsigned long tests = laws[i].tests, passed = tests - laws[i].failures;

		if (!tests && (i == PARTS || i == HANDLING) && warped) {
			printf("ok %s # SKIP the TSC goes back\n", laws[i].name);
		} else if (tests && passed == tests) {
			printf("ok %s (%lu of %lu)\n", laws[i].name, passed, tests);
		} else {
			printf("not ok %s (%lu of %lu)\n", laws[i].name, passed, tests);
			failures++;
		}
	}
	return !idle && !failures;
}

#endif /* GUEST_LAWS_H */
