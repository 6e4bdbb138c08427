// SPDX-License-Identifier: GPL-2.0
/*
 * torture SECONDS SEED BUSY: all at once, for SECONDS, what can be done to KVM and to its
 * exit statistics: VMs come, run and go, some of them killed; their tables and all other
 * files are read; switches are written; CPUs go offline and online; vCPUs migrate.
 *
 * That is done in phases of a few seconds.  In every other one, neither "reset" nor
 * "enabled" is written, and in half of these "away" is not either.  After each phase, when
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
#define CPUS		"/sys/devices/system/cpu"
#define MODULES		"/lib/modules"

#define MAX_CPUS	64
#define MAX_VMS		8
#define MAX_VCPUS	4
#define MAX_FILES	4096
#define MAX_TEXT	(1 << 17)
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
	VCPU_TABLES, SYSTEM_TABLE, TABLE_LINES, NO_FALL, FILES, EMPTY, HELD_FILES, KEPT, NR_LAWS
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
	[PARTS] = { "user + blocked + preempted <= away", true },
	[HANDLING] = { "handling <= away where all exits have an away time", true },
	[KVM_EXITS] = { "total_exits grew by KVM's own exits" },
	[VCPU_TABLES] = { "the table of a vCPU has KVM's own exits of it" },
	[SYSTEM_TABLE] = { "the table in debugfs is that of sysfs" },
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
/* Neither "reset" nor "enabled" is written, and if it is steady neither is "away". */
static bool exact, steady;
/* Files come and go. */
static bool reloading;
static _Atomic unsigned long kvm_exits;

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

struct row {
	char name[64];
	unsigned long count, cycles_total, cycles_min, cycles_avg, cycles_max;
	unsigned long away_total, away_min, away_avg, away_max, user, blocked, preempted;
	unsigned long hist, away_hist;
};

/* The sum of "bucket:count,..." */
static unsigned long sum_of_pairs(const char *pairs)
{
	unsigned long sum = 0;
	const char *colon = pairs;

	while ((colon = strchr(colon, ':')))
		sum += strtoul(++colon, NULL, 10);
	return sum;
}

static bool parse_row(const char *line, struct row *row)
{
	char hist[1024], away_hist[1024];

	if (sscanf(line,
		   "%63s %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %*u %*u.%*u %1023s %1023s",
		   row->name, &row->count, &row->cycles_total, &row->cycles_min, &row->cycles_avg,
		   &row->cycles_max, &row->away_total, &row->away_min, &row->away_avg,
		   &row->away_max, &row->user, &row->blocked, &row->preempted, hist,
		   away_hist) != 15)
		return false;

	row->hist = sum_of_pairs(hist);
	row->away_hist = sum_of_pairs(away_hist);
	return true;
}

/* What holds of one copy of a row, whoever is writing it */
static bool row_adds_up(const struct row *row)
{
	return row->hist == row->count && row->cycles_min <= row->cycles_avg &&
	       row->cycles_avg <= row->cycles_max &&
	       row->cycles_avg == (row->count ? row->cycles_total / row->count : 0) &&
	       row->away_min <= row->away_avg && row->away_avg <= row->away_max &&
	       row->away_avg == (row->away_hist ? row->away_total / row->away_hist : 0);
}

/* Test a table, and take it apart.  Returns the exits of its last line. */
static unsigned long test_table(const char *path, char *text)
{
	struct row row = {}, sum = {};
	char *line, *rest;
	bool total = false;

	line = strtok_r(text, "\n", &rest);
	test(TABLE_LINES, line && !strncmp(line, "reason ", 7), "%s has no header", path);
	while ((line = strtok_r(NULL, "\n", &rest))) {
		if (total || !parse_row(line, &row)) {
			test(TABLE_LINES, false, "%s: %s", path, line);
			return 0;
		}
		test(TABLE_LINES, row_adds_up(&row), "%s: %s", path, line);
		total = !strcmp(row.name, "TOTAL");
		if (total)
			break;
		sum.count += row.count;
		sum.cycles_total += row.cycles_total;
	}
	test(TABLE_LINES, total && row.count == sum.count && row.cycles_total == sum.cycles_total,
	     "%s: exits %lu, cycles %lu, sums %lu and %lu", path, row.count, row.cycles_total,
	     sum.count, sum.cycles_total);
	return row.count;
}

/*
 * VMs
 */

/* KVM's own number of exits of a vCPU, from its binary statistics */
static unsigned long kvm_exits_of(struct vcpu *vcpu)
{
	int fd = kvm_ioctl(vcpu->fd, "KVM_GET_STATS_FD", KVM_GET_STATS_FD, NULL);
	char text[256] = {};
	struct kvm_stats_desc *desc = (void *)text;
	struct kvm_stats_header header;
	uint64_t exits = 0;
	unsigned int i;
	size_t size;
	bool found = false;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		err(1, "header of the statistics");
	size = sizeof(*desc) + header.name_size;
	if (size > sizeof(text))
		errx(1, "names of statistics of %u bytes", header.name_size);
	for (i = 0; i < header.num_desc && !found; i++) {
		if (pread(fd, desc, size, header.desc_offset + i * size) != (ssize_t)size)
			err(1, "descriptor of a statistic");
		found = !strcmp(desc->name, "exits");
	}
	if (!found || pread(fd, &exits, sizeof(exits), header.data_offset + desc->offset) !=
		      sizeof(exits))
		errx(1, "no statistic 'exits'");
	close(fd);
	return exits;
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

/* Nothing runs in this vCPU any more. */
static void test_vcpu(struct vcpu_worker *self)
{
	static _Thread_local char text[MAX_TEXT];
	unsigned long exits = kvm_exits_of(&self->vcpu), in_table;
	char path[PATH_MAX];

	kvm_exits += exits;
	works[EXITS].times += exits;

	/* The directory is named after the thread that created the VM, which is this one. */
	snprintf(path, sizeof(path), DEBUGFS "/%d-%d/vcpu%u/exit_stats", gettid(),
		 self->vcpu.vm->fd, self->worker.nr);
	/* It has none if "per_vcpu" was 0. */
	if (!exact || read_file(path, text) < 0)
		return;
	did(TABLE_READS);
	in_table = test_table(path, text);
	test(VCPU_TABLES, in_table == exits, "%s: %lu, KVM: %lu", path, in_table, exits);
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

		if (!reloading || !is_gone(length))
			test(FILES, is_line(text, length), "%s: %zd", path, length);
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
		test_table(path, text);
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
		read_table(worker, DEBUGFS "/exit_stats", reloading);
		sleep_below(worker, 20);
	}
}

static void work_write(struct worker *worker)
{
	static const unsigned int intervals[] = { 0, 1, 2, 3, 7, 100, 500, 1000000, UINT_MAX };
	static const char * const switches[] = { "per_vcpu", "away", "enabled" };
	struct prng *prng = &worker->prng;

	while (!stop) {
		unsigned int what = below(prng, 8);

		if (what < 4) {
			set(switches[below(prng, steady ? 1 : exact ? 2 : 3)],
			    below(prng, 4) ? "1" : "0");
			did(SWITCHES);
		} else if (what < 6) {
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

static void read_hist(const char *dir, const char *name, unsigned long *sum)
{
	static char text[MAX_TEXT];
	char path[PATH_MAX], *rest = text;
	unsigned int i;
	ssize_t length;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	length = read_file(path, text);
	test(FILES, is_line(text, length), "%s: %zd", path, length);
	*sum = 0;
	for (i = 0; i < BUCKETS; i++)
		*sum += strtoul(rest, &rest, 10);
	test(FILES, !strcmp(rest, "\n"), "%s has more than that: %s", path, rest);
}

static void read_reason(const char *dir, struct row *row)
{
	row->count = number_in(dir, "count");
	row->cycles_total = number_in(dir, "cycles_total");
	row->cycles_min = number_in(dir, "cycles_min");
	row->cycles_avg = number_in(dir, "cycles_avg");
	row->cycles_max = number_in(dir, "cycles_max");
	row->away_total = number_in(dir, "away_total");
	row->away_min = number_in(dir, "away_min");
	row->away_avg = number_in(dir, "away_avg");
	row->away_max = number_in(dir, "away_max");
	row->user = number_in(dir, "away_user");
	row->blocked = number_in(dir, "away_blocked");
	row->preempted = number_in(dir, "away_preempted");
	read_hist(dir, "cycles_hist", &row->hist);
	read_hist(dir, "away_hist", &row->away_hist);
}

static void test_reason(const char *dir, const struct row *row, bool warped)
{
	unsigned long parts = row->user + row->blocked + row->preempted;

	test(HISTS, row->hist == row->count, "%s: %lu and %lu", dir, row->hist, row->count);
	test(ORDER, row->cycles_min <= row->cycles_avg && row->cycles_avg <= row->cycles_max,
	     "%s: %lu %lu %lu", dir, row->cycles_min, row->cycles_avg, row->cycles_max);
	test(AWAY_ORDER, row->away_min <= row->away_avg && row->away_avg <= row->away_max,
	     "%s: %lu %lu %lu", dir, row->away_min, row->away_avg, row->away_max);
	test(AWAY_HISTS, row->away_hist <= row->count, "%s: %lu of %lu", dir, row->away_hist,
	     row->count);
	if (warped)
		return;
	test(PARTS, parts <= row->away_total, "%s: %lu %lu %lu of %lu", dir, row->user,
	     row->blocked, row->preempted, row->away_total);
	if (row->away_hist == row->count)
		test(HANDLING, row->cycles_total <= row->away_total, "%s: %lu and %lu", dir,
		     row->cycles_total, row->away_total);
}

/* No VM runs. */
static void test_laws(void)
{
	unsigned long exits = number_in(STATS, "total_exits");
	unsigned long cycles = number_in(STATS, "total_cycles");
	bool warped = number_in(STATS, "clock_warps");
	static char text[MAX_TEXT];
	unsigned long in_table;
	struct row sum = {};
	unsigned int i;

	for (i = 0; i < nr_reasons; i++) {
		struct row row;

		read_reason(reasons[i], &row);
		/* Of most there are none. */
		if (row.count || row.hist || row.away_hist || row.cycles_total || row.away_total)
			test_reason(reasons[i], &row, warped);
		sum.count += row.count;
		sum.cycles_total += row.cycles_total;
	}
	test(COUNTS, sum.count == exits, "%lu and %lu", sum.count, exits);
	test(CYCLES, sum.cycles_total == cycles, "%lu and %lu", sum.cycles_total, cycles);

	if (read_file(DEBUGFS "/exit_stats", text) < 0)
		err(1, DEBUGFS "/exit_stats");
	in_table = test_table(DEBUGFS "/exit_stats", text);
	test(SYSTEM_TABLE, in_table == exits, "%lu, sysfs: %lu", in_table, exits);
	did(QUIET_POINTS);
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
	{ DEBUGFS "/exit_stats", EIO },
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
	static const char * const switches[] = { "enabled", "away", "per_vcpu", "interval" };
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
			set_number(switches[i], below(&prng, i == 3 ? 1000 : 2));
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

static void set_all_on(void)
{
	set("enabled", "1");
	set("away", "1");
	set("per_vcpu", "1");
}

static void run_phase(unsigned int nr_vms, double seconds)
{
	struct worker workers[MAX_VMS + 16];
	unsigned long before, grown;
	unsigned int nr = 0, nr_first;

	set_all_on();
	exact = works[PHASES].times % 2;
	steady = works[PHASES].times % 4 == 3;
	if (steady) {
		set("reset", "1");
		did(RESETS);
	}
	kvm_exits = 0;
	before = number_in(STATS, "total_exits");

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

	set_all_on();
	test_laws();
	if (exact) {
		grown = number_in(STATS, "total_exits") - before;
		test(KVM_EXITS, grown && grown == kvm_exits, "%lu, KVM: %lu", grown, kvm_exits);
	}
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
	find_files();

	prng = make_prng(seed, 0);
	end = now() + seconds;
	/* The first four do all that there is. */
	while (now() < end || works[PHASES].times < 4)
		run_phase(nr_vms, 1 + below(&prng, 1000 * (PHASE - 1)) / 1000.0);
	return !report();
}
