// SPDX-License-Identifier: GPL-2.0
/*
 * silicon [quick]: measure what recording one exit costs on this CPU.
 * silicon loop empty|NAME EXITS: only make that many exits, e.g. for perf stat.
 *
 * silicon.sh describes the lines that are printed, and the names.
 *
 * Every round measures everything once.  A disturbance of the machine that lasts longer
 * than a round slows down all of the round, and hardly changes the ratios in it.  A
 * shorter one is in a few rounds only, and not in the median.  CPU time does not include
 * the time for which another program has the CPU.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "shim/silicon.h"

#define EXITS		200000UL
/* Enough exits to run for longer than the 100 ms between two reads */
#define READER_EXITS	(EXITS * 25)
#define READER_PERIOD	(100 * 1000)

#define ROUNDS		31
#define QUICK_ROUNDS	7
/* Begin no further round after this many seconds */
#define SECONDS		45
#define QUICK_SECONDS	9

/* A single measurement takes less than this many seconds, unless a thread waits for ever. */
#define TIMEOUT		20

#define ARENA_SIZE	(16UL << 20)
#define CACHE_LINE	64UL

enum table { OWN, SHARED };

struct variant {
	const char *name;
	const struct silicon_config *config;
	size_t loop;
	unsigned int rdtscs;
	unsigned int threads;
	enum table table;
};

#define LOOP(name) offsetof(struct silicon_config, name)

/* The figures of all variants are computed relative to the first two. */
enum { EMPTY, RDTSC };

static const struct variant variants[] = {
	[EMPTY] = { "empty", &enabled, LOOP(empty), 0, 1, OWN },
	[RDTSC] = { "rdtsc", &enabled, LOOP(rdtsc), 1, 1, OWN },
	{ "naive", &enabled, LOOP(naive), 1, 1, SHARED },
	{ "naive", &enabled, LOOP(naive), 1, 2, SHARED },
	{ "naive", &enabled, LOOP(naive), 1, 4, SHARED },
	{ "enabled", &enabled, LOOP(record), 3, 1, SHARED },
	{ "enabled", &enabled, LOOP(record), 3, 2, SHARED },
	{ "enabled", &enabled, LOOP(record), 3, 4, SHARED },
	{ "enabled", &enabled, LOOP(record), 3, 1, OWN },
	{ "enabled", &enabled, LOOP(record), 3, 2, OWN },
	{ "enabled", &enabled, LOOP(record), 3, 4, OWN },
	{ "interval", &interval, LOOP(record), 3, 1, OWN },
	{ "interval", &interval, LOOP(record), 3, 2, OWN },
	{ "interval", &interval, LOOP(record), 3, 4, OWN },
};

#define NR_VARIANTS	(sizeof(variants) / sizeof(variants[0]))

enum reader { READER_NONE, READER_PERIODIC, READER_ALWAYS, NR_READERS };

static const char * const reader_names[] = { "none", "100ms", "always" };

static const struct variant reader_variant = {
	"reader", &enabled, LOOP(record), 3, 1, OWN
};

/* The results of one variant or reader: times of each round, counts of all rounds so far */
struct figure {
	double ns[ROUNDS];
	double ratio[ROUNDS];
	u64 exits;
	u64 lost;
	u64 reads;
};

static struct figure figures[NR_VARIANTS];
static struct figure reader_figures[NR_READERS];

struct worker {
	pthread_t thread;
	unsigned int nr;
	const struct variant *variant;
	unsigned long exits;
	struct kvm_vcpu *vcpu;
	double ns;
};

static cpu_set_t cpus;
static pthread_barrier_t start;
static bool writer_done;

static char *arena;
static size_t arena_used;

void silicon_die(const char *why)
{
	errx(1, "%s", why);
}

void *silicon_alloc(size_t size)
{
	void *ret = arena + arena_used;

	arena_used += (size + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
	if (arena_used > ARENA_SIZE)
		errx(1, "%zu bytes are more than there are", size);
	return ret;
}

/* Summaries call this as in a kernel, but nothing is written. */
int printk(const char *fmt, ...)
{
	static __thread unsigned long lines;

	(void)fmt;
	lines++;
	__asm__ volatile("" : : "m" (lines));
	return 0;
}

static void timed_out(int signal)
{
	static const char why[] = "silicon: timed out: does a table have two writers, "
				  "and a reader that waits for them?\n";

	(void)signal;
	if (write(STDERR_FILENO, why, strlen(why)) < 0)
		_exit(3);
	_exit(1);
}

static void make_exits(const struct variant *variant, struct kvm_vcpu *vcpu,
		       unsigned long exits)
{
	void (*loop)(struct kvm_vcpu *vcpu, unsigned long exits);

	memcpy(&loop, (const char *)variant->config + variant->loop, sizeof(loop));
	loop(vcpu, exits);
}

/* The vCPU that a thread uses, the same one in all rounds */
static struct kvm_vcpu *vcpu_of(const struct variant *variant, unsigned int nr)
{
	static struct kvm_vcpu *vcpus[2][SILICON_VCPUS];
	struct kvm_vcpu **vcpu;

	if (variant->table == SHARED)
		nr = SILICON_SHARED;
	vcpu = &vcpus[variant->config == &interval][nr];
	if (!*vcpu)
		*vcpu = variant->config->vcpu_create();

	return *vcpu;
}

static double clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		err(1, "clock_gettime");
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* Pin the calling thread to one CPU: threads take the CPUs in turn. */
static void pin(unsigned int nr)
{
	unsigned int cpu;
	cpu_set_t one;

	nr %= CPU_COUNT(&cpus);
	for (cpu = 0; !CPU_ISSET(cpu, &cpus) || nr--; cpu++)
		;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	errno = pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	if (errno)
		err(1, "CPU %u", cpu);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	const struct variant *variant = worker->variant;

	pin(worker->nr);
	pthread_barrier_wait(&start);

	worker->ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	make_exits(variant, worker->vcpu, worker->exits);
	worker->ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - worker->ns;
	return NULL;
}

struct reader_thread {
	pthread_t thread;
	enum reader how;
	u64 reads;
};

static void *read_tables(void *arg)
{
	struct reader_thread *reader = arg;

	pin(1);
	pthread_barrier_wait(&start);

	while (!__atomic_load_n(&writer_done, __ATOMIC_RELAXED)) {
		reader_variant.config->read_all();
		reader->reads++;
		if (reader->how == READER_PERIODIC)
			usleep(READER_PERIOD);
	}

	return NULL;
}

static void create(pthread_t *thread, void *(*run)(void *), void *arg)
{
	errno = pthread_create(thread, NULL, run, arg);
	if (errno)
		err(1, "pthread_create");
}

/* How many exits were counted so far.  No thread may be running. */
static u64 read_counts(const struct variant *variant)
{
	if (variant->loop == LOOP(naive))
		return variant->config->read_naive();

	variant->config->mend(vcpu_of(variant, 0));
	return variant->config->read_all();
}

/* Have all threads of a variant make exits.  Return the CPU time of one exit, in ns. */
static double measure(const struct variant *variant, unsigned long exits,
		      enum reader how, struct figure *figure)
{
	struct worker workers[SILICON_THREADS];
	struct reader_thread reader = { .how = how };
	u64 all = exits * variant->threads, counted;
	double ns = 0;
	unsigned int i;

	for (i = 0; i < variant->threads; i++) {
		workers[i] = (struct worker) {
			.nr = i, .variant = variant, .exits = exits,
			.vcpu = vcpu_of(variant, i),
		};
	}

	alarm(TIMEOUT);

	counted = read_counts(variant);

	writer_done = false;
	pthread_barrier_init(&start, NULL, variant->threads + (how != READER_NONE));
	for (i = 0; i < variant->threads; i++)
		create(&workers[i].thread, work, &workers[i]);
	if (how != READER_NONE)
		create(&reader.thread, read_tables, &reader);

	for (i = 0; i < variant->threads; i++) {
		pthread_join(workers[i].thread, NULL);
		ns += workers[i].ns;
	}
	__atomic_store_n(&writer_done, true, __ATOMIC_RELAXED);
	if (how != READER_NONE)
		pthread_join(reader.thread, NULL);
	pthread_barrier_destroy(&start);

	figure->exits += all;
	figure->reads += reader.reads;
	if (variant->loop != LOOP(empty) && variant->loop != LOOP(rdtsc))
		figure->lost += all - (read_counts(variant) - counted);

	return ns / all;
}

static void measure_round(unsigned int round)
{
	double empty, rdtsc, none;
	unsigned int i;

	for (i = 0; i < NR_VARIANTS; i++)
		figures[i].ns[round] = measure(&variants[i], EXITS, READER_NONE, &figures[i]);
	for (i = 0; i < NR_READERS; i++)
		reader_figures[i].ns[round] = measure(&reader_variant, READER_EXITS, i,
						      &reader_figures[i]);

	empty = figures[EMPTY].ns[round];
	rdtsc = figures[RDTSC].ns[round] - empty;
	for (i = 0; i < NR_VARIANTS; i++) {
		figures[i].ns[round] -= empty;
		figures[i].ratio[round] = figures[i].ns[round] / rdtsc;
	}

	none = reader_figures[READER_NONE].ns[round] - empty;
	for (i = 0; i < NR_READERS; i++) {
		reader_figures[i].ns[round] -= empty;
		reader_figures[i].ratio[round] = reader_figures[i].ns[round] / none;
	}
}

/* What a process that cannot write to the tables found in them */
struct read_only {
	u64 reads;
	u64 exits;
};

/* Read for 0.2 s at least, and until a new exit is seen, but for 5 s at most. */
static void read_read_only(const struct silicon_config *config, int fd)
{
	double begin = clock_ns(CLOCK_MONOTONIC), ns;
	struct read_only result = { 0 };
	u64 first;

	if (mprotect(arena, ARENA_SIZE, PROT_READ))
		err(1, "mprotect");

	first = config->read_all();
	do {
		result.exits = config->read_all() - first;
		result.reads++;
		ns = clock_ns(CLOCK_MONOTONIC) - begin;
	} while (ns < 0.2e9 || (!result.exits && ns < 5e9));

	if (write(fd, &result, sizeof(result)) != sizeof(result))
		err(1, "pipe");
}

/*
 * Have a child process read the tables while this one writes them.  In the child, they
 * are read-only memory: a reader that writes to them is killed by a signal.
 */
static struct read_only measure_read_only(void)
{
	const struct silicon_config *config = reader_variant.config;
	struct kvm_vcpu *vcpu = vcpu_of(&reader_variant, 0);
	struct read_only result;
	int status, fds[2];
	pid_t pid;

	alarm(TIMEOUT);

	if (pipe(fds))
		err(1, "pipe");

	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		read_read_only(config, fds[1]);
		_exit(0);
	}

	while (!waitpid(pid, &status, WNOHANG))
		make_exits(&reader_variant, vcpu, EXITS / 100);

	if (WIFSIGNALED(status))
		errx(1, "a reader that cannot write to the tables ended with: %s",
		     strsignal(WTERMSIG(status)));
	if (status || read(fds[0], &result, sizeof(result)) != sizeof(result))
		errx(1, "a reader that cannot write to the tables failed");
	if (!result.exits)
		errx(1, "a reader that cannot write to the tables saw no exit come");
	return result;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(values[0]), compare);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static void print_machine(double mhz, unsigned int rounds)
{
	char line[256], *model = NULL, *p;
	FILE *file = fopen("/proc/cpuinfo", "r");

	while (file && !model && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "model name", strlen("model name")))
			model = strchr(line, ':');
	}
	if (file)
		fclose(file);

	if (model) {
		model += strspn(model, ": \t");
		model[strcspn(model, "\n")] = '\0';
		for (p = model; (p = strpbrk(p, " \t")); )
			*p = '_';
	}
	printf("silicon machine %s %d %.0f %u\n", model && *model ? model : "unknown",
	       CPU_COUNT(&cpus), mhz, rounds);
}

static void print_figures(double mhz, unsigned int rounds)
{
	struct figure *figure;
	double ns, ratio;
	unsigned int i;

	for (i = RDTSC; i < NR_VARIANTS; i++) {
		figure = &figures[i];
		ns = median(figure->ns, rounds);
		ratio = median(figure->ratio, rounds);
		printf("silicon %s %u %s %.2f %.1f %.2f %.2f %lld %llu\n",
		       variants[i].name, variants[i].threads,
		       variants[i].table == SHARED ? "shared" : "own", ns, ns * mhz / 1e3,
		       ratio, ratio - variants[i].rdtscs, (long long)figure->lost,
		       (unsigned long long)figure->exits);
	}

	for (i = 0; i < NR_READERS; i++) {
		figure = &reader_figures[i];
		ns = median(figure->ns, rounds);
		printf("silicon reader %s %.2f %.1f %.3f %llu %lld %llu\n",
		       reader_names[i], ns, ns * mhz / 1e3,
		       median(figure->ratio, rounds), (unsigned long long)figure->reads,
		       (long long)figure->lost, (unsigned long long)figure->exits);
	}
}

static void measure_all(bool quick)
{
	unsigned int rounds = quick ? QUICK_ROUNDS : ROUNDS, round = 0;
	double seconds = quick ? QUICK_SECONDS : SECONDS;
	double begin, ns, mhz;
	struct read_only read_only;
	u64 tsc;

	begin = clock_ns(CLOCK_MONOTONIC_RAW);
	tsc = __rdtsc();
	do {
		measure_round(round++);
		ns = clock_ns(CLOCK_MONOTONIC_RAW) - begin;
	} while (round < rounds && ns < seconds * 1e9);
	mhz = (__rdtsc() - tsc) * 1e3 / ns;

	read_only = measure_read_only();

	print_machine(mhz, round);
	print_figures(mhz, round);
	printf("silicon read-only %llu %llu\n", (unsigned long long)read_only.reads,
	       (unsigned long long)read_only.exits);
}

static void loop(const char *name, const char *arg)
{
	const struct variant *variant = variants;
	struct kvm_vcpu *vcpu;
	unsigned long exits;
	char *end;

	while (strcmp(variant->name, name)) {
		if (++variant == variants + NR_VARIANTS)
			errx(2, "'%s' is nothing that is measured", name);
	}

	errno = 0;
	exits = strtoul(arg, &end, 10);
	if (errno || *end || *arg < '0' || *arg > '9' || !exits)
		errx(2, "EXITS is '%s', must be a number from 1", arg);

	vcpu = vcpu_of(variant, 0);
	make_exits(variant, vcpu, exits);
}

static void init(void)
{
	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		err(1, "sched_getaffinity");

	arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (arena == MAP_FAILED)
		err(1, "memory for the tables");

	signal(SIGALRM, timed_out);

	enabled.init();
	interval.init();
}

int main(int argc, char *argv[])
{
	bool quick = argc == 2 && !strcmp(argv[1], "quick");

	if (argc == 4 && !strcmp(argv[1], "loop")) {
		init();
		loop(argv[2], argv[3]);
	} else if (argc == 1 || quick) {
		init();
		measure_all(quick);
	} else {
		errx(2, "usage: silicon [quick] | silicon loop empty|NAME EXITS");
	}

	return 0;
}
