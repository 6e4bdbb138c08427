// SPDX-License-Identifier: GPL-2.0
/*
 * torture SECONDS SEED BUSY: for SECONDS, do all at once that can be done to KVM and to its
 * exit statistics: VMs are created, run and closed, or killed; their tables and all other
 * files are read; switches are written; CPUs go offline and online; vCPUs migrate.
 *
 * That is done in phases of a few seconds.  In every other phase, neither "reset" nor
 * "enabled" is written, and in half of these "interval" is not written either.  After each
 * phase, when no VM runs, the numbers must be as "What is exact" in exit-stats.rst says.  After
 * every third phase the vendor module is reloaded, with files held open.
 *
 * What a worker does follows from SEED, its kind, its number and that of the phase; the timing,
 * and what other workers have done by then, do not.  At most BUSY vCPUs run at a time.  If BUSY
 * is not more than the number of CPUs, one vCPU less runs while a CPU is offline.
 *
 * Print a line for each kind of work, with how often it was done, then the tests.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WORKS(work) \
	work(PHASES, "phases") \
	work(VMS, "VMs created, run and closed") \
	work(VMS_KILLED, "VMs killed with their process") \
	work(VCPUS, "vCPUs") \
	work(RUNS, "runs of a guest") \
	work(EXITS, "exits") \
	work(SIGNALS, "signals to vCPU threads") \
	work(INTERRUPTS, "interrupts") \
	work(MIGRATIONS, "changes of the affinity of vCPU threads") \
	work(SYSFS_READS, "reads of files in sysfs") \
	work(TABLE_READS, "reads of tables in debugfs") \
	work(TABLES_REMOVED, "tables that went while they were open") \
	work(SWITCHES, "writes to switches and interval") \
	work(RESETS, "resets") \
	work(DUMPS, "dumps") \
	work(OFFLINES, "CPUs taken offline and back") \
	work(RELOADS, "reloads of the vendor module") \
	work(QUIET_POINTS, "quiet points")

#define OWN_LAWS(law) \
	law(VCPU_SUMS, "the vCPUs that are gone add up to the system, in every column") \
	law(LAST_EXITS, "all but the last exit of each vCPU have an away time") \
	law(NO_FALL, "total_exits never falls without a reset") \
	law(EMPTY, "nothing is left after a reset, and after the vendor module was reloaded") \
	law(HELD_FILES, "a file held open is void after the vendor module was reloaded") \
	law(KEPT, "switches stay when the vendor module is reloaded")

#include "laws.h"
#include "prng.h"

#define GONE_VMS	"/sys/kernel/debug/kvm_exit_stats_gone"
#define CPUS		"/sys/devices/system/cpu"
#define MODULES		"/lib/modules"

#define MAX_CPUS	64
#define MAX_VMS		8
#define MAX_VCPUS	4

/* The longest phase, in seconds */
#define PHASE		4

/*
 * Workers
 */

static unsigned int seed;

/* Workers with VMs stop first, then the others: a halted vCPU needs their interrupts to end. */
static atomic_bool stop_vms, stop;
/* In an exact phase, nobody writes "reset" or "enabled"; in a steady one, nor "interval". */
static bool exact, steady;
/* The vendor module is being reloaded, so files come and go. */
static bool reloading;
static _Atomic unsigned long kvm_exits, vcpus_with_exits;

static sem_t busy;
static bool cpus_are_scarce;

/* Held by workers that use VMs of other workers, so that these are not closed meanwhile */
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

/*
 * VMs
 */

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
			fail_with(run);
	}
	return false;
}

/* Run the vCPU once, for a random number of exits of a random type. */
static void run_some_type(struct worker *worker, struct vcpu *vcpu, bool first, bool forever)
{
	const struct type *type = &types[below(&worker->prng, ARRAY_SIZE(types))];
	unsigned int exits = 1 + below(&worker->prng, 1000);
	void *pages;

	/* Only the first vCPU gets interrupts, and the VM has only one memslot for pages. */
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

/* The sum of the tables of all vCPUs of this phase that have ended, if the phase is exact */
static struct table gone;
static pthread_mutex_t gone_lock = PTHREAD_MUTEX_INITIALIZER;

/* Test a vCPU that has stopped running, and add up its numbers. */
static void test_vcpu(struct vcpu_worker *self)
{
	static _Thread_local struct table table;
	struct kvm_stat stat;
	int fd = open_kvm_stats(&self->vcpu);

	read_kvm_stats(fd, &stat);
	close(fd);
	kvm_exits += stat.exits;
	vcpus_with_exits += !!stat.exits;
	works[EXITS].times += stat.exits;
	if (!exact || !test_vcpu_table(&self->vcpu, self->worker.nr, &stat, &table))
		return;
	did(TABLE_READS);

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

	/* Start each vCPU at once, so that the first ones run while others are being created. */
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

/* Run a VM in a process of its own, until that is killed. */
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

/* Not in an exact phase, as KVM's own count of the exits of a killed VM cannot be read */
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
 * Workers that disturb VMs
 */

static void disturb_vcpu(struct worker *worker, struct running_vm *running)
{
	unsigned int nr = below(&worker->prng, running->nr_vcpus);
	unsigned int mask = 1 + below(&worker->prng, 255), i;
	/* At the end, only send signals, so that vCPUs return from KVM_RUN soon. */
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
	/* This fails if none of these CPUs is online. */
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
 * Workers that read and write the statistics
 */

static void work_read_sysfs(struct worker *worker)
{
	static _Thread_local char text[MAX_TEXT];
	unsigned long last = 0, exits;

	while (!stop) {
		const char *path = files[below(&worker->prng, nr_files)];
		ssize_t length = read_file(path, text);

		/* "keys" is empty if a reason has no keys. */
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

/* Read and test a table.  With @may_go, the file may disappear at any time. */
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

/* An open file of KVM's own statistics keeps the VM, so this may be what destroys it. */
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

/* Test the list of VMs that are gone: at most 64, each with a lifetime and with exits */
static void read_gone_vms(void)
{
	unsigned long created, ended, exits, away, user, blocked, preempted, nr = 0;
	static _Thread_local char text[MAX_TEXT];
	char *line, *rest;

	/* The file is not there while the vendor module is reloaded. */
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

/* Subtract @before from the numbers of a row that are sums, and set the others to 0. */
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

/* After an exact phase, the tables of all its vCPUs add up to what the system has got. */
static void test_sums(struct table *system, const struct table *before)
{
	unsigned long last_exits = 0;
	unsigned int i;

	for (i = 0; i < system->nr; i++) {
		struct row *row = &system->rows[i];
		struct row vcpus = {};

		if (find_row(&gone, row->name))
			vcpus = *find_row(&gone, row->name);
		/* A steady phase begins with a reset, so minima etc. must match, too. */
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
	/* A reader may hold a reference to the module for a moment: try again. */
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
	static const unsigned int intervals[] = { 1, 7, 100, 500 };
	struct prng prng = make_prng(seed, 1000 + works[PHASES].times);
	struct worker workers[MAX_VMS + 16];
	static struct table before, after;
	unsigned long exits, dumps, grown;
	unsigned int nr = 0, nr_first;

	set("enabled", "1");
	exact = works[PHASES].times % 2;
	steady = works[PHASES].times % 4 == 3;
	if (steady) {
		begin_summaries(intervals[below(&prng, ARRAY_SIZE(intervals))]);
		did(RESETS);
	}
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
	did(QUIET_POINTS);
	if (exact) {
		grown = number_in(STATS, "total_exits") - exits;
		test(KVM_EXITS, grown && grown == kvm_exits, "%lu, KVM: %lu", grown, kvm_exits);
		test_sums(&after, &before);
	}
	if (steady) {
		test_summaries(works[DUMPS].times - dumps);
		did(DUMPS);
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
	open_log();
	find_files();

	prng = make_prng(seed, 0);
	end = now() + seconds;
	/* It takes four phases to do each kind of work. */
	while (now() < end || works[PHASES].times < 4)
		run_phase(nr_vms, 1 + below(&prng, 1000 * (PHASE - 1)) / 1000.0);
	return !report(sysconf(_SC_NPROCESSORS_CONF) == 1 ? OFFLINES : NR_WORKS);
}
