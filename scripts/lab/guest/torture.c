// SPDX-License-Identifier: GPL-2.0
/*
 * torture SECONDS SEED BUSY: all at once, for SECONDS, what can be done to KVM and to its
 * exit statistics: VMs come, run and go, some of them killed; their tables and all other
 * files are read; switches are written; CPUs go offline and online; vCPUs migrate.
 *
 * That is done in phases of a few seconds.  In every other one, neither "reset" nor
 * "enabled" is written, and in half of these "interval" is not either.  After each phase, when
 * no VM runs, the numbers must be as "What is exact" in exit-stats.rst says.  After every
 * third one the vendor module is reloaded, with files held open.
 *
 * All that a worker does follows from SEED, its kind, its number and that of the phase, but
 * not when, and not what it meets.  At most BUSY vCPUs run at a time.  If that is not more
 * than there are CPUs, one less does while a CPU is offline.
 *
 * One line for each kind of work that was done, with the number, then the tests.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fts.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "prng.h"
#include "vm.h"

#define STATS		"/sys/kernel/kvm_exit_stats"
#define REASONS		STATS "/reasons"
#define DEBUGFS		"/sys/kernel/debug/kvm"
#define SYSTEM_TABLE	"/sys/kernel/debug/kvm_exit_stats"
#define GONE_VMS	"/sys/kernel/debug/kvm_exit_stats_gone"
#define CPUS		"/sys/devices/system/cpu"
#define MODULES		"/lib/modules"

#define MAX_CPUS	64
#define MAX_VMS		8
#define MAX_VCPUS	4
#define MAX_FILES	4096
#define MAX_TEXT	(1 << 17)
#define MAX_REASONS	128
#define BUCKETS		32

/* The longest phase, in seconds, and how often to say why a test failed */
#define PHASE		4
#define COMPLAINTS	3

/*
 * What is done, and how often
 */

enum work {
	PHASES, VMS, VMS_KILLED, VCPUS, RUNS, EXITS, SIGNALS, INTERRUPTS, MIGRATIONS,
	SYSFS_READS, TABLE_READS, TABLES_REMOVED, SWITCHES, RESETS, DUMPS, OFFLINES, RELOADS,
	QUIET_POINTS, NR_WORKS
};

static struct {
	const char *name;
	_Atomic unsigned long times;
} works[NR_WORKS] = {
	[PHASES] = { "phases" },
	[VMS] = { "VMs created, run and closed" },
	[VMS_KILLED] = { "VMs killed with their process" },
	[VCPUS] = { "vCPUs" },
	[RUNS] = { "runs of a guest" },
	[EXITS] = { "exits" },
	[SIGNALS] = { "signals to vCPU threads" },
	[INTERRUPTS] = { "interrupts" },
	[MIGRATIONS] = { "changes of the affinity of vCPU threads" },
	[SYSFS_READS] = { "reads of files in sysfs" },
	[TABLE_READS] = { "reads of tables in debugfs" },
	[TABLES_REMOVED] = { "tables that went while they were open" },
	[SWITCHES] = { "writes to switches and interval" },
	[RESETS] = { "resets" },
	[DUMPS] = { "dumps" },
	[OFFLINES] = { "CPUs taken offline and back" },
	[RELOADS] = { "reloads of the vendor module" },
	[QUIET_POINTS] = { "quiet points" },
};

static void did(enum work work)
{
	works[work].times++;
}

/*
 * What is tested
 */

enum law {
	COUNTS, CYCLES, HISTS, ORDER, AWAY_ORDER, AWAY_HISTS, PARTS, HANDLING, KVM_EXITS,
	VCPU_TABLES, VCPU_STATS, VCPU_SUMS, LAST_EXITS, DROPPED, SUMMARIES, SYSFS_TABLE,
	TABLE_LINES, NO_FALL, FILES, EMPTY, HELD_FILES, KEPT, NR_LAWS
};

static struct {
	const char *name;
	/* Holds only if the TSC never went back */
	bool no_warps;
	_Atomic unsigned long tests;
	_Atomic unsigned long failures;
} laws[NR_LAWS] = {
	[COUNTS] = { "counts add up to total_exits" },
	[CYCLES] = { "cycles_total add up to total_cycles" },
	[HISTS] = { "the buckets of cycles_hist add up to count" },
	[ORDER] = { "cycles_min <= cycles_avg <= cycles_max" },
	[AWAY_ORDER] = { "away_min <= away_avg <= away_max" },
	[AWAY_HISTS] = { "the buckets of away_hist add up to at most count" },
	[PARTS] = { "user + blocked + preempted <= away, polled <= blocked", true },
	[HANDLING] = { "handling <= away where all exits have an away time", true },
	[KVM_EXITS] = { "total_exits grew by KVM's own exits" },
	[VCPU_TABLES] = { "the table of a vCPU has KVM's own exits of it" },
	[VCPU_STATS] = { "KVM's binary statistics of a vCPU have its exits by reason" },
	[VCPU_SUMS] = { "the vCPUs that are gone add up to the system, in every column" },
	[LAST_EXITS] = { "all but the last exit of each vCPU have an away time" },
	[DROPPED] = { "no exit is dropped" },
	[SUMMARIES] = { "summaries printed and folded are the exits / interval" },
	[SYSFS_TABLE] = { "the table in debugfs, \"stat\" and all other files are the same" },
	[TABLE_LINES] = { "tables add up at any time, line by line and in total" },
	[NO_FALL] = { "total_exits never falls without a reset" },
	[FILES] = { "files can be read and written as long as they are there" },
	[EMPTY] = { "nothing is left after a reset, and after the vendor module was reloaded" },
	[HELD_FILES] = { "a file held open is void after the vendor module was reloaded" },
	[KEPT] = { "switches stay when the vendor module is reloaded" },
};

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

/*
 * Workers
 */

static unsigned int seed;

/* First all VMs end, then the others do: a vCPU that is halted must be woken for that. */
static atomic_bool stop_vms, stop;
/* Neither "reset" nor "enabled" is written, and if it is steady neither is "interval". */
static bool exact, steady;
/* Files come and go. */
static bool reloading;
static _Atomic unsigned long kvm_exits, vcpus_with_exits;

static sem_t busy;
static bool cpus_are_scarce;

/* What works on VMs of others holds the lock, for these not to go meanwhile. */
static pthread_mutex_t vms_lock = PTHREAD_MUTEX_INITIALIZER;
static struct running_vm {
	struct vm *vm;
	unsigned int nr_vcpus;
	pthread_t threads[MAX_VCPUS];
	pid_t tids[MAX_VCPUS];
} running_vms[MAX_VMS];

struct worker {
	void (*work)(struct worker *worker);
	struct prng prng;
	unsigned int nr;
	pthread_t thread;
};

static void *start_worker(void *arg)
{
	struct worker *worker = arg;

	worker->work(worker);
	return NULL;
}

static pthread_t start_thread(void *(*start)(void *arg), void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, start, arg);
	if (errno)
		err(1, "pthread_create");
	return thread;
}

static void join(pthread_t thread)
{
	errno = pthread_join(thread, NULL);
	if (errno)
		err(1, "pthread_join");
}

static void sleep_below(struct worker *worker, unsigned int ms)
{
	usleep(below(&worker->prng, 1000 * ms));
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

/* The length of the text, or what is wrong, negative.  The file is left where it is. */
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

static bool is_gone(ssize_t error)
{
	return error == -ENOENT || error == -ENODEV || error == -EIO;
}

/* One value, and a newline */
static bool is_line(const char *text, ssize_t length)
{
	return length > 1 && strchr(text, '\n') == text + length - 1;
}

/* Write a file of the statistics, which is there. */
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

/* All of them are there from the beginning, and after the vendor module was reloaded. */
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
	/* What the last column adds up to */
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

/* In the order of the reasons in the kernel, but for those that did not occur */
struct table {
	unsigned int nr;
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

/* The numbers, both histograms and user reasons, up to the end of the line */
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

/* What holds of one copy of a row, whoever is writing it */
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

static void merge_table(struct table *sum, const struct table *table)
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

/* Whether one of the lines after all rows of a table is one that there can be */
static bool is_other_line(const char *line, const struct table *table)
{
	unsigned long count, error, cycles, longest;
	char name[64], of[16];
	unsigned int i;

	if (sscanf(line, "preempted_by %*d %*s %lu %lu %lu %lu", &count, &error, &cycles,
		   &longest) == 4)
		return error < count && longest <= cycles;
	/* The worst exit is that of the maximum, at any time. */
	if (sscanf(line, "worst %63s %15s cycles=%lu", name, of, &cycles) == 3) {
		for (i = 0; i < table->nr && strcmp(table->rows[i].name, name); i++)
			;
		return i < table->nr &&
		       cycles == table->rows[i].numbers[strcmp(of, "away") ? CYCLES_MAX : AWAY_MAX];
	}

	return !strncmp(line, "nested ", 7) || !strncmp(line, "reflected ", 10) ||
	       sscanf(line, "key %*s %*s %lu %lu %lu %lu", &count, &error, &cycles, &longest) == 4 ||
	       sscanf(line, "chain %*s %lu", &cycles) == 1;
}

/* Test a table, and take it apart.  Returns the exits of its line TOTAL. */
static unsigned long test_table(const char *path, char *text, struct table *table)
{
	struct row total = {}, sum = {}, *row;
	unsigned long dropped = 1;
	char *line, *rest;

	table->nr = 0;
	line = strtok_r(text, "\n", &rest);
	/* Who the VM is */
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
		test(TABLE_LINES, is_other_line(line, table), "%s: %s", path, line);
	test(TABLE_LINES, line && sscanf(line, "dropped %lu", &dropped) == 1, "%s: %s", path,
	     line ?: "no last line");
	test(DROPPED, !dropped, "%s: %lu", path, dropped);
	return total.numbers[COUNT];
}

/*
 * VMs
 */

/* A number or a histogram of KVM's binary statistics.  Returns how many it has. */
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

/* KVM's own number of exits of a vCPU, and those by reason: bucket by bucket, in order */
struct kvm_stat {
	uint64_t exits;
	unsigned int nr;
	uint64_t reasons[MAX_REASONS];
	uint64_t cycles[MAX_REASONS];
};

static void read_kvm_stats(struct vcpu *vcpu, struct kvm_stat *stat)
{
	int fd = kvm_ioctl(vcpu->fd, "KVM_GET_STATS_FD", KVM_GET_STATS_FD, NULL);

	read_stat(fd, "exits", &stat->exits, 1);
	stat->nr = read_stat(fd, "exit_reasons", stat->reasons, MAX_REASONS);
	if (read_stat(fd, "exit_reason_cycles", stat->cycles, MAX_REASONS) != stat->nr)
		errx(1, "exit_reasons and exit_reason_cycles have not as many buckets");
	close(fd);
}

/* The buckets that are not 0 are the lines of the table. */
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

static bool run_vcpu(struct worker *worker, struct vcpu *vcpu, bool forever)
{
	struct kvm_run *run = vcpu->run;

	while (forever || !stop_vms) {
		int ret;

		run->immediate_exit = !below(&worker->prng, 64);
		ret = ioctl(vcpu->fd, KVM_RUN, NULL);
		run->immediate_exit = 0;
		if (ret < 0 && errno != EINTR)
			err(1, "KVM_RUN");
		if (ret < 0)
			continue;
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == DONE_PORT)
			return true;
		if (run->exit_reason != KVM_EXIT_IO && run->exit_reason != KVM_EXIT_MMIO)
			errx(1, "a guest ended with exit reason %u", run->exit_reason);
	}
	return false;
}

/* One run of a random type, and for a random number of exits */
static void run_some_type(struct worker *worker, struct vcpu *vcpu, bool first, bool forever)
{
	const struct type *type = &types[below(&worker->prng, ARRAY_SIZE(types))];
	unsigned int exits = 1 + below(&worker->prng, 1000);
	void *pages;

	/* There are interrupts only for the first one, and pages only once. */
	if (!first && (type->wants_interrupts || type->wants_pages))
		type = &types[0];
	if (type->wants_interrupts)
		exits = 1 + exits / 100;
	if (type->wants_pages)
		exits = 1 + exits / 10;

	pages = map_pages(vcpu->vm, type, exits);
	set_exits(vcpu, type, exits);
	if (run_vcpu(worker, vcpu, forever))
		did(RUNS);
	unmap_pages(vcpu->vm, pages, exits);
}

struct vcpu_worker {
	struct worker worker;
	struct vcpu vcpu;
	struct running_vm *running;
};

static void work_vcpu(struct worker *worker)
{
	struct vcpu_worker *self = (struct vcpu_worker *)worker;
	unsigned int runs = 1 + below(&worker->prng, 10);

	pthread_mutex_lock(&vms_lock);
	self->running->threads[worker->nr] = pthread_self();
	self->running->tids[worker->nr] = gettid();
	pthread_mutex_unlock(&vms_lock);

	while (runs-- && !stop_vms) {
		sem_wait(&busy);
		run_some_type(worker, &self->vcpu, !worker->nr, false);
		sem_post(&busy);
	}

	pthread_mutex_lock(&vms_lock);
	self->running->tids[worker->nr] = 0;
	pthread_mutex_unlock(&vms_lock);
}

/* What all vCPUs of this phase that are gone had, if it is exact */
static struct table gone;
static pthread_mutex_t gone_lock = PTHREAD_MUTEX_INITIALIZER;

/* Nothing runs in this vCPU any more. */
static void test_vcpu(struct vcpu_worker *self)
{
	static _Thread_local char text[MAX_TEXT];
	static _Thread_local struct table table;
	struct kvm_stat stat;
	unsigned long in_table, sum = 0;
	char path[PATH_MAX];
	ssize_t length;
	unsigned int i;

	read_kvm_stats(&self->vcpu, &stat);
	kvm_exits += stat.exits;
	vcpus_with_exits += !!stat.exits;
	works[EXITS].times += stat.exits;
	if (!exact)
		return;

	/* The directory is named after the thread that created the VM, which is this one. */
	snprintf(path, sizeof(path), DEBUGFS "/%d-%d/vcpu%u/exit_stats", gettid(),
		 self->vcpu.vm->fd, self->worker.nr);
	length = read_file(path, text);
	test(FILES, length > 0, "%s: %zd", path, length);
	if (length <= 0)
		return;
	did(TABLE_READS);
	in_table = test_table(path, text, &table);
	test(VCPU_TABLES, in_table == stat.exits, "%s: %lu, KVM: %lu", path, in_table, stat.exits);

	for (i = 0; i < stat.nr; i++)
		sum += stat.reasons[i];
	test(VCPU_STATS, sum == stat.exits && same_stats(&stat, &table),
	     "%s: %lu exits, in exit_reasons: %lu", path, stat.exits, sum);

	pthread_mutex_lock(&gone_lock);
	merge_table(&gone, &table);
	pthread_mutex_unlock(&gone_lock);
}

static void run_vm(struct worker *worker)
{
	struct running_vm *running = &running_vms[worker->nr];
	unsigned int nr_vcpus = 1 + below(&worker->prng, MAX_VCPUS), i;
	bool vm_first = below(&worker->prng, 2);
	struct vcpu_worker vcpus[MAX_VCPUS];
	struct vm vm;

	create_vm(&vm);
	pthread_mutex_lock(&vms_lock);
	running->vm = &vm;
	running->nr_vcpus = nr_vcpus;
	pthread_mutex_unlock(&vms_lock);

	/* Those that are created first run when others are being created. */
	for (i = 0; i < nr_vcpus; i++) {
		vcpus[i].worker = (struct worker){
			.work = work_vcpu,
			.prng = make_prng(below(&worker->prng, INT_MAX), i),
			.nr = i,
		};
		vcpus[i].running = running;
		create_vcpu(&vm, &vcpus[i].vcpu, i);
		vcpus[i].worker.thread = start_thread(start_worker, &vcpus[i].worker);
		did(VCPUS);
	}
	for (i = 0; i < nr_vcpus; i++)
		join(vcpus[i].worker.thread);

	pthread_mutex_lock(&vms_lock);
	running->vm = NULL;
	pthread_mutex_unlock(&vms_lock);

	for (i = 0; i < nr_vcpus; i++)
		test_vcpu(&vcpus[i]);

	if (vm_first)
		close_vm(&vm);
	for (i = 0; i < nr_vcpus; i++)
		close_vcpu(&vcpus[i].vcpu);
	if (!vm_first)
		close_vm(&vm);
	did(VMS);
}

static void work_vms(struct worker *worker)
{
	while (!stop_vms)
		run_vm(worker);
}

/* In a process of its own: run until it is killed. */
_Noreturn static void run_victim(const char *seed_arg)
{
	struct worker worker = { .prng = make_prng(parse_number("SEED", seed_arg, 0, UINT_MAX), 0) };
	struct vcpu vcpu;
	struct vm vm;

	create_vm(&vm);
	create_vcpu(&vm, &vcpu, 0);
	for (;;)
		run_some_type(&worker, &vcpu, true, true);
}

/* KVM's own count of their exits cannot be read: not in a phase that is exact. */
static void work_victims(struct worker *worker)
{
	char seed_arg[16];
	char *args[] = { "torture", "victim", seed_arg, NULL };
	pid_t pid;

	while (!stop_vms && !exact) {
		sem_wait(&busy);
		snprintf(seed_arg, sizeof(seed_arg), "%u", below(&worker->prng, INT_MAX));
		errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, NULL);
		if (errno)
			err(1, "posix_spawn");
		sleep_below(worker, 200);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		sem_post(&busy);
		did(VMS_KILLED);
	}
}

/*
 * What disturbs VMs
 */

static void disturb_vcpu(struct worker *worker, struct running_vm *running)
{
	unsigned int nr = below(&worker->prng, running->nr_vcpus);
	unsigned int mask = 1 + below(&worker->prng, 255), i;
	/* At the end, no guest is to go on with what it is about for long. */
	bool migrate = below(&worker->prng, 4) && !stop_vms;
	cpu_set_t cpus;

	if (!running->tids[nr])
		return;
	if (!migrate) {
		pthread_kill(running->threads[nr], SIGUSR1);
		did(SIGNALS);
		return;
	}
	CPU_ZERO(&cpus);
	for (i = 0; i < 8; i++) {
		if (mask & 1u << i)
			CPU_SET(i, &cpus);
	}
	/* Those CPUs may not be there. */
	if (!sched_setaffinity(running->tids[nr], sizeof(cpus), &cpus))
		did(MIGRATIONS);
}

static void work_disturb(struct worker *worker)
{
	while (!stop) {
		struct running_vm *running = &running_vms[below(&worker->prng, MAX_VMS)];

		pthread_mutex_lock(&vms_lock);
		if (running->vm)
			disturb_vcpu(worker, running);
		pthread_mutex_unlock(&vms_lock);
		sleep_below(worker, 4);
	}
}

static void work_interrupts(struct worker *worker)
{
	unsigned int i;

	while (!stop) {
		pthread_mutex_lock(&vms_lock);
		for (i = 0; i < MAX_VMS; i++) {
			if (!running_vms[i].vm)
				continue;
			set_irq(running_vms[i].vm);
			did(INTERRUPTS);
		}
		pthread_mutex_unlock(&vms_lock);
		sleep_below(worker, 4);
	}
}

static void work_hotplug(struct worker *worker)
{
	unsigned int nr_cpus = sysconf(_SC_NPROCESSORS_CONF);
	char path[PATH_MAX];

	while (nr_cpus > 1 && !stop) {
		snprintf(path, sizeof(path), CPUS "/cpu%u/online",
			 1 + below(&worker->prng, nr_cpus - 1));
		if (cpus_are_scarce)
			sem_wait(&busy);
		if (write_file(path, "0") == 1) {
			sleep_below(worker, 100);
			if (write_file(path, "1") != 1)
				err(1, "%s", path);
			did(OFFLINES);
		}
		if (cpus_are_scarce)
			sem_post(&busy);
		sleep_below(worker, 200);
	}
}

/*
 * What reads and writes the statistics
 */

static void work_read_sysfs(struct worker *worker)
{
	static _Thread_local char text[MAX_TEXT];
	unsigned long last = 0, exits;

	while (!stop) {
		const char *path = files[below(&worker->prng, nr_files)];
		ssize_t length = read_file(path, text);

		/* A reason without keys has no line of them. */
		if (!reloading || !is_gone(length))
			test(FILES, is_line(text, length) || (!length && strstr(path, "/keys")),
			     "%s: %zd", path, length);
		did(SYSFS_READS);

		/* Leave VMs some time. */
		if (below(&worker->prng, 16))
			continue;
		sleep_below(worker, 10);
		if (!exact || reloading)
			continue;
		exits = number_in(STATS, "total_exits");
		test(NO_FALL, exits >= last, "%lu, and %lu before", exits, last);
		last = exits;
	}
}

/* A table, of a VM or a vCPU that may be going */
static void read_table(struct worker *worker, const char *path, bool may_go)
{
	static _Thread_local char text[MAX_TEXT];
	static _Thread_local struct table table;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = -errno;

	if (fd >= 0) {
		if (!below(&worker->prng, 8))
			sleep_below(worker, 20);
		length = read_fd(fd, text);
		close(fd);
	}
	if (length > 0) {
		did(TABLE_READS);
		test_table(path, text, &table);
	} else {
		test(FILES, may_go && is_gone(length), "%s: %zd", path, length);
		if (fd >= 0)
			did(TABLES_REMOVED);
	}
}

/* KVM's own statistics keep the VM while they are open: it goes with the last reader. */
static void read_kvm_stat(const char *vm)
{
	static _Thread_local char text[MAX_TEXT];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEBUGFS "/%s/exits", vm);
	read_file(path, text);
}

static void read_tables_of(struct worker *worker, const char *vm)
{
	char path[PATH_MAX];
	unsigned int i;

	snprintf(path, sizeof(path), DEBUGFS "/%s/exit_stats", vm);
	read_table(worker, path, true);
	for (i = 0; i < MAX_VCPUS; i++) {
		snprintf(path, sizeof(path), DEBUGFS "/%s/vcpu%u/exit_stats", vm, i);
		read_table(worker, path, true);
	}
	if (!below(&worker->prng, 4))
		read_kvm_stat(vm);
}

/* VMs that are gone: as many as are kept, each of which lived, and exited */
static void read_gone_vms(void)
{
	unsigned long created, ended, exits, away, user, blocked, preempted, nr = 0;
	static _Thread_local char text[MAX_TEXT];
	char *line, *rest;

	/* It may be going, with KVM. */
	if (read_file(GONE_VMS, text) <= 0)
		return;
	for (line = strtok_r(text, "\n", &rest); (line = strtok_r(NULL, "\n", &rest)); nr++) {
		test(TABLE_LINES,
		     sscanf(line, "%*u %*d %*s %*s %lu %lu %*u %lu %*u %lu %*u %lu %lu %*u %lu", &created,
			    &ended, &exits, &away, &user, &blocked, &preempted) == 7 &&
		     created < ended && exits && user + blocked + preempted <= away,
		     GONE_VMS ": %s", line);
	}
	test(TABLE_LINES, nr <= 64, GONE_VMS ": %lu VMs", nr);
}

static void work_read_tables(struct worker *worker)
{
	while (!stop) {
		DIR *dir = opendir(DEBUGFS);
		struct dirent *entry;

		while (dir && !stop && (entry = readdir(dir))) {
			if (strchr(entry->d_name, '-'))
				read_tables_of(worker, entry->d_name);
		}
		if (dir)
			closedir(dir);
		read_table(worker, SYSTEM_TABLE, reloading);
		read_gone_vms();
		sleep_below(worker, 20);
	}
}

static void work_write(struct worker *worker)
{
	static const unsigned int intervals[] = { 0, 1, 2, 3, 7, 100, 500, 1000000, UINT_MAX };
	struct prng *prng = &worker->prng;

	while (!stop) {
		unsigned int what = below(prng, 8);

		if (what < 3 && !exact) {
			set("enabled", below(prng, 4) ? "1" : "0");
			did(SWITCHES);
		} else if (what < 6 && !steady) {
			set_number("interval", intervals[below(prng, ARRAY_SIZE(intervals))]);
			did(SWITCHES);
		} else if (what < 7 || exact) {
			set("dump", "1");
			did(DUMPS);
		} else {
			set("reset", "1");
			did(RESETS);
		}
		sleep_below(worker, 20);
	}
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

/* All files of a reason, and "stat", which must have the same */
static void read_reason(const char *dir, struct row *row)
{
	static char text[MAX_TEXT];
	struct row stat = {};
	char path[PATH_MAX];
	unsigned int i;

	snprintf(path, sizeof(path), "%s/stat", dir);
	test(SYSFS_TABLE, read_file(path, text) > 0 && parse_numbers(text, &stat), "%s: %s", path,
	     text);

	/* With what is in no other file */
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

/* No VM runs.  Leaves the table of the system. */
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
		/* Of most there are none. */
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
	did(QUIET_POINTS);
}

/* What of a row came since the time before, by all numbers that are sums */
static void subtract_row(struct row *row, const struct row *before)
{
	static const enum number not_sums[] = {
		CYCLES_MIN, CYCLES_AVG, CYCLES_MAX, AWAY_MIN, AWAY_AVG, AWAY_MAX,
	};
	unsigned int i;

	for (i = 0; before && i < NR_NUMBERS; i++)
		row->numbers[i] -= before->numbers[i];
	for (i = 0; before && i < BUCKETS; i++) {
		row->hist[i] -= before->hist[i];
		row->away_hist[i] -= before->away_hist[i];
	}
	for (i = 0; i < ARRAY_SIZE(not_sums); i++)
		row->numbers[not_sums[i]] = 0;
}

/* All vCPUs of a phase that is exact are gone: what they had is what the system got. */
static void test_sums(struct table *system, const struct table *before)
{
	unsigned long last_exits = 0;
	unsigned int i;

	for (i = 0; i < system->nr; i++) {
		struct row *row = &system->rows[i];
		struct row vcpus = {};

		if (find_row(&gone, row->name))
			vcpus = *find_row(&gone, row->name);
		/* A steady phase begins with a reset, i.e. the rest is comparable, too. */
		if (!steady) {
			subtract_row(row, find_row(before, row->name));
			subtract_row(&vcpus, NULL);
		}
		test(VCPU_SUMS, same_row(row, &vcpus), "%s: %lu exits, %lu cycles, vCPUs: %lu, %lu",
		     row->name, row->numbers[COUNT], row->numbers[CYCLES_TOTAL],
		     vcpus.numbers[COUNT], vcpus.numbers[CYCLES_TOTAL]);
		last_exits += row->numbers[COUNT] - sum_of_hist(row->away_hist);
	}
	for (i = 0; i < gone.nr; i++)
		test(VCPU_SUMS, find_row(system, gone.rows[i].name), "no %s", gone.rows[i].name);
	test(LAST_EXITS, last_exits == vcpus_with_exits, "%lu have none, of %lu vCPUs",
	     last_exits, vcpus_with_exits);
}

static int log_fd;

/*
 * Read what is new in the kernel log: how many summaries there are, and how many are told
 * to have been folded into these.  Returns false if some of it is lost.
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
		if (length <= 0)
			return complete;
		record[length] = '\0';
		text = strstr(record, ";kvm_exit_stats: ");
		if (!text)
			continue;
		text += strlen(";kvm_exit_stats: ");
		*printed += !strncmp(text, "summary at ", 11);
		if (sscanf(text, "%lu summaries since", &more) == 1)
			*folded += more;
	}
}

/* The one that is being printed, while vCPUs go on, has come to its end. */
static void wait_for_summary(void)
{
	usleep(300000);
}

static void begin_summaries(struct prng *prng)
{
	static const unsigned int intervals[] = { 1, 7, 100, 500 };
	unsigned long printed, folded;

	set_number("interval", intervals[below(prng, ARRAY_SIZE(intervals))]);
	wait_for_summary();
	set("reset", "1");
	did(RESETS);
	read_log(&printed, &folded);
}

/* After that many dumps since the reset */
static void test_summaries(unsigned long dumps)
{
	unsigned long due = number_in(STATS, "total_exits") / number_in(STATS, "interval");
	unsigned long printed, folded;

	wait_for_summary();
	/* Tells what was folded into none. */
	set("dump", "1");
	did(DUMPS);
	if (!read_log(&printed, &folded))
		return;
	printed -= dumps + 1;
	test(SUMMARIES, printed + folded == due, "%lu printed, %lu folded, %lu are due", printed,
	     folded, due);
}

static void test_empty(const char *after)
{
	unsigned long exits = number_in(STATS, "total_exits");
	unsigned long cycles = number_in(STATS, "total_cycles");
	unsigned long guest = number_in(STATS, "guest_cycles");

	test(EMPTY, !exits && !cycles && !guest, "%lu exits, %lu and %lu cycles after a %s",
	     exits, cycles, guest, after);
}

static const char *vendor_module(void)
{
	static char text[MAX_TEXT];

	if (read_file(STATS "/isa", text) < 0)
		err(1, STATS "/isa");
	return strcmp(text, "vmx\n") ? "kvm-amd" : "kvm-intel";
}

static void reload(const char *module)
{
	char path[PATH_MAX], name[32];
	unsigned int tries = 0;
	int fd;

	snprintf(name, sizeof(name), "%s", module);
	*strchr(name, '-') = '_';
	/* A reader may be in /dev/kvm's module for a moment. */
	while (syscall(SYS_delete_module, name, O_NONBLOCK)) {
		if (errno != EAGAIN || tries++ == 500)
			err(1, "cannot unload %s", module);
		usleep(10000);
	}

	snprintf(path, sizeof(path), MODULES "/%s.ko", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		err(1, "cannot load %s", path);
	close(fd);
	did(RELOADS);
}

/* Files that stay open while the vendor module goes and comes back */
static const struct {
	const char *path;
	int error;
} held[] = {
	{ STATS "/total_exits", ENODEV },
	{ STATS "/interval", ENODEV },
	{ REASONS "/UNKNOWN/count", ENODEV },
	{ REASONS "/UNKNOWN/away_hist", ENODEV },
	{ SYSTEM_TABLE, EIO },
};

static void test_held(unsigned int nr, int fd)
{
	char text[16];
	ssize_t length = pread(fd, text, sizeof(text), 0);

	test(HELD_FILES, length < 0 && errno == held[nr].error, "%s: read %zd, errno %d",
	     held[nr].path, length, errno);
	close(fd);
}

static void test_held_writes(int fd)
{
	ssize_t length = write(fd, "1", 1);

	test(HELD_FILES, length < 0 && errno == ENODEV, "reset: wrote %zd, errno %d", length,
	     errno);
	close(fd);
}

static void start_workers(struct worker *workers, unsigned int *nr, void (*work)(struct worker *),
			  unsigned int times)
{
	unsigned int i;

	for (i = 0; i < times; i++, ++*nr) {
		struct worker *worker = &workers[*nr];

		*worker = (struct worker){
			.work = work,
			.prng = make_prng(seed, 64 * works[PHASES].times + *nr),
			.nr = i,
		};
		worker->thread = start_thread(start_worker, worker);
	}
}

static void join_workers(struct worker *workers, unsigned int nr)
{
	while (nr--)
		join(workers++->thread);
}

static void test_reloads(struct worker *workers)
{
	static const char * const switches[] = { "enabled", "interval" };
	struct prng prng = make_prng(seed, works[PHASES].times);
	const char *module = vendor_module();
	unsigned long before[ARRAY_SIZE(switches)], after;
	int fds[ARRAY_SIZE(held)], reset;
	unsigned int i, nr = 0, times;

	stop = false;
	reloading = true;
	start_workers(workers, &nr, work_read_sysfs, 2);
	start_workers(workers, &nr, work_read_tables, 1);
	for (times = 1 + below(&prng, 3); times; times--) {
		for (i = 0; i < ARRAY_SIZE(switches); i++) {
			set_number(switches[i], below(&prng, i == 1 ? 1000 : 2));
			before[i] = number_in(STATS, switches[i]);
		}
		for (i = 0; i < ARRAY_SIZE(held); i++) {
			fds[i] = open(held[i].path, O_RDONLY | O_CLOEXEC);
			if (fds[i] < 0)
				err(1, "%s", held[i].path);
		}
		reset = open(STATS "/reset", O_WRONLY | O_CLOEXEC);
		if (reset < 0)
			err(1, STATS "/reset");

		reload(module);

		for (i = 0; i < ARRAY_SIZE(held); i++)
			test_held(i, fds[i]);
		test_held_writes(reset);
		for (i = 0; i < ARRAY_SIZE(switches); i++) {
			after = number_in(STATS, switches[i]);
			test(KEPT, after == before[i], "%s: %lu, and %lu before", switches[i],
			     after, before[i]);
		}
		test_empty("reload");
	}
	stop = true;
	join_workers(workers, nr);
	reloading = false;
}

static void run_phase(unsigned int nr_vms, double seconds)
{
	struct prng prng = make_prng(seed, 1000 + works[PHASES].times);
	struct worker workers[MAX_VMS + 16];
	static struct table before, after;
	unsigned long exits, dumps, grown;
	unsigned int nr = 0, nr_first;

	set("enabled", "1");
	exact = works[PHASES].times % 2;
	steady = works[PHASES].times % 4 == 3;
	if (steady)
		begin_summaries(&prng);
	gone.nr = 0;
	kvm_exits = 0;
	vcpus_with_exits = 0;
	exits = number_in(STATS, "total_exits");
	dumps = works[DUMPS].times;
	read_system_table(&before);

	stop_vms = false;
	stop = false;
	start_workers(workers, &nr, work_vms, nr_vms);
	start_workers(workers, &nr, work_victims, 1);
	nr_first = nr;
	start_workers(workers, &nr, work_read_sysfs, 2);
	start_workers(workers, &nr, work_read_tables, 2);
	start_workers(workers, &nr, work_write, 2);
	start_workers(workers, &nr, work_disturb, 1);
	start_workers(workers, &nr, work_interrupts, 1);
	start_workers(workers, &nr, work_hotplug, 1);
	usleep(1e6 * seconds);
	stop_vms = true;
	join_workers(workers, nr_first);
	stop = true;
	join_workers(workers + nr_first, nr - nr_first);

	set("enabled", "1");
	test_laws(&after);
	if (exact) {
		grown = number_in(STATS, "total_exits") - exits;
		test(KVM_EXITS, grown && grown == kvm_exits, "%lu, KVM: %lu", grown, kvm_exits);
		test_sums(&after, &before);
	}
	if (steady)
		test_summaries(works[DUMPS].times - dumps);
	if (works[PHASES].times % 3 == 1) {
		set("reset", "1");
		did(RESETS);
		test_empty("reset");
	}
	if (works[PHASES].times % 3 == 2)
		test_reloads(workers);
	did(PHASES);
}

static bool report(void)
{
	bool one_cpu = sysconf(_SC_NPROCESSORS_CONF) == 1;
	bool warped = number_in(STATS, "clock_warps");
	unsigned int i, idle = 0, failures = 0;

	for (i = 0; i < NR_WORKS; i++) {
		printf("%10lu %s\n", works[i].times, works[i].name);
		if (!works[i].times && !(one_cpu && i == OFFLINES))
			idle++;
	}
	printf("%sok some of each of these\n", idle ? "not " : "");

	for (i = 0; i < NR_LAWS; i++) {
		unsigned long tests = laws[i].tests, passed = tests - laws[i].failures;

		if (!tests && laws[i].no_warps && warped) {
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

static void ignore(int signal)
{
	(void)signal;
}

int main(int argc, char *argv[])
{
	struct sigaction action = { .sa_handler = ignore };
	unsigned int seconds, nr_busy, nr_vms;
	struct prng prng;
	double end;

	if (argc == 3 && !strcmp(argv[1], "victim"))
		run_victim(argv[2]);
	if (argc != 4)
		errx(2, "usage: torture SECONDS SEED BUSY");
	seconds = parse_number("SECONDS", argv[1], 0, 1000000);
	seed = parse_number("SEED", argv[2], 0, UINT_MAX);
	nr_busy = parse_number("BUSY", argv[3], 1, SEM_VALUE_MAX);

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGUSR1, &action, NULL);
	sem_init(&busy, 0, nr_busy);
	cpus_are_scarce = nr_busy <= sysconf(_SC_NPROCESSORS_CONF);
	nr_vms = cpus_are_scarce ? nr_busy : 4;
	if (nr_vms > MAX_VMS)
		nr_vms = MAX_VMS;
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd < 0)
		err(1, "/dev/kmsg");
	find_files();

	prng = make_prng(seed, 0);
	end = now() + seconds;
	/* The first four do all that there is. */
	while (now() < end || works[PHASES].times < 4)
		run_phase(nr_vms, 1 + below(&prng, 1000 * (PHASE - 1)) / 1000.0);
	return !report();
}
