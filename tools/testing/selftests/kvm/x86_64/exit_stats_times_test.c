// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test where /sys/kernel/kvm_exit_stats says that the time of a vCPU goes: away
 * time and its parts, the tables of VMs and vCPUs, and what KVM_GET_STATS_FD has.
 *
 * The statistics are system-wide, i.e. no other VM may run beside this test.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <asm/svm.h>
#include <asm/vmx.h>

#include "apic.h"
#include "exit_stats.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#include "kselftest_harness.h"

#define NR_ROUNDS	6
#define ROUND_MS	20
#define NR_VCPUS	2
#define NR_VMS		3
#define NR_LOOPS	2000
#define INTERVAL	500
#define NR_SUMMARIES	3
#define NR_SPINS	100000

/* Less than any CPU takes for an exit and the next entry */
#define NO_EXIT_CYCLES	400

/* KVM_EXIT_STATS_MAX_ROWS of the kernel: the buckets of each statistic in the stats fd */
#define MAX_ROWS	112

/* ROUND_MS: KVM's APIC bus ticks each nanosecond, and the timer divides by 2. */
#define ROUND_TICKS	(ROUND_MS * 1000000 / 2)

FIXTURE(exit_stats_times)
{
	unsigned long interval;
	/* TSC cycles in a millisecond */
	uint64_t ms;
};

FIXTURE_SETUP(exit_stats_times)
{
	self->interval = exit_stats_number("interval");
	self->ms = exit_stats_number("tsc_khz");
	exit_stats_set("enabled", "1");
	exit_stats_set("interval", "0");
	exit_stats_set("reset", "1");
}

FIXTURE_TEARDOWN(exit_stats_times)
{
	exit_stats_set("enabled", "1");
	exit_stats_set("slow_us", "0");
	exit_stats_set_number("interval", self->interval);
}

static uint64_t number_of(const struct exit_stats_reason *reason, const char *file)
{
	return exit_stats_reason_number(exit_stats_name(reason), file);
}

/* All of the time between the first and the last VM-Exit is known, and no more. */
static void check_closure(const struct exit_stats_life *life)
{
	uint64_t known = exit_stats_known_time();

	TEST_ASSERT(known >= life->before_last - life->after_first &&
		    known <= life->after_last - life->before_first,
		    "%lu cycles in the guest or away, of at least %lu and at most %lu", known,
		    life->before_last - life->after_first,
		    life->after_last - life->before_first);
}

static void check_not_twice(uint64_t passed)
{
	TEST_ASSERT(exit_stats_known_time() <= passed,
		    "%lu cycles in the guest or away, of %lu that passed",
		    exit_stats_known_time(), passed);
}

/* Sleep, and return the TSC cycles that passed, since the clock of usleep() can disagree. */
static uint64_t sleep_ms(unsigned int ms)
{
	uint64_t start = rdtsc();

	usleep(ms * 1000);
	return rdtsc() - start;
}

static void guest_user(void)
{
	int i;

	for (i = 0; i < NR_ROUNDS; i++)
		asm volatile("outb %%al, %0" : : "i" (EXIT_STATS_PIO_PORT), "a" (0));
	GUEST_DONE();
}

/* The VMM sleeps before it serves a port. */
TEST_F(exit_stats_times, user)
{
	uint64_t start, passed, user, slept = 0;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_user);
	int i;

	start = rdtsc();
	for (i = 0; i < NR_ROUNDS; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_EQ(vcpu->run->io.port, EXIT_STATS_PIO_PORT);
		slept += sleep_ms(ROUND_MS);
	}
	TEST_ASSERT(!exit_stats_run_to_sync(vcpu), "The guest has a round too many");
	passed = rdtsc() - start;

	user = number_of(&exit_stats_pio, "away_user");
	TEST_ASSERT(user >= slept && user < passed,
		    "%lu cycles in user space, slept for %lu of %lu", user, slept, passed);
	TEST_ASSERT_EQ(number_of(&exit_stats_pio, "user_exits"), NR_ROUNDS);
	TEST_ASSERT_EQ(exit_stats_sum(EXIT_STATS_USER_EXITS), NR_ROUNDS);
	TEST_ASSERT_EQ(exit_stats_sum(EXIT_STATS_AWAY_BLOCKED), 0);
	check_not_twice(passed);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* The guest waits for a timer, and does nothing else. */
static void guest_blocked(void)
{
	int i;

	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_PERIODIC | EXIT_STATS_IPI_VECTOR);
	x2apic_write_reg(APIC_TMICT, ROUND_TICKS);

	for (i = 0; i < NR_ROUNDS; i++)
		asm volatile("sti; hlt; cli");

	x2apic_write_reg(APIC_TMICT, 0);
	GUEST_DONE();
}

/* KVM_RUN returns for I/O, with 2, and when it is interrupted before a VM-Entry, with 10. */
TEST_F(exit_stats_times, user_reasons)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_user);
	int i, ret;

	for (i = 0; i < NR_ROUNDS; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_EQ(vcpu->run->io.port, EXIT_STATS_PIO_PORT);
		vcpu->run->immediate_exit = 1;
		ret = __vcpu_run(vcpu);
		TEST_ASSERT(ret < 0 && errno == EINTR, "KVM_RUN, to be interrupted: %d", ret);
		vcpu->run->immediate_exit = 0;
	}

	TEST_ASSERT_EQ(exit_stats_user_returns(&exit_stats_pio, "2"), NR_ROUNDS);
	TEST_ASSERT_EQ(exit_stats_user_returns(&exit_stats_pio, "10"), NR_ROUNDS);
	TEST_ASSERT_EQ(exit_stats_user_returns(&exit_stats_pio, "error"), 0);
	TEST_ASSERT(!exit_stats_run_to_sync(vcpu), "The guest has a round too many");
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* Whether the log of slow exits has one of that reason for its away time */
static bool is_slow_away(const struct exit_stats_reason *reason)
{
	char line[512], start[64];
	bool found = false;
	FILE *file;

	file = fopen(EXIT_STATS_DEBUGFS "/kvm_exit_stats_slow", "r");
	TEST_ASSERT(file, "Opening the log of slow exits: %s", strerror(errno));
	snprintf(start, sizeof(start), "%s away ", exit_stats_name(reason));
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, start, strlen(start));
	fclose(file);

	return found;
}

TEST_F(exit_stats_times, blocked)
{
	uint64_t start, passed, passed_ns, blocked, polled, rounds, success_ns, fail_ns;
	struct timespec began;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_blocked);

	/* Allow much more than a round, so that KVM polls for longer and longer. */
	vm_enable_cap(vm, KVM_CAP_HALT_POLL, 1000000000);
	exit_stats_set_number("slow_us", ROUND_MS * 1000 / 2);
	clock_gettime(CLOCK_MONOTONIC, &began);
	start = rdtsc();
	TEST_ASSERT(!exit_stats_run_to_sync(vcpu), "A sync that is not there");
	passed = rdtsc() - start;
	passed_ns = timespec_to_ns(timespec_elapsed(began));

	/* The guest itself uses some of the time, most of it in the first round. */
	rounds = passed * (NR_ROUNDS - 1) * ROUND_MS * 1000000 / passed_ns;
	blocked = number_of(&exit_stats_hlt, "away_blocked");
	TEST_ASSERT(blocked >= rounds / 10 * 9 && blocked < passed,
		    "%lu cycles blocked, all rounds but one took %lu of %lu", blocked, rounds,
		    passed);
	TEST_ASSERT_EQ(exit_stats_sum(EXIT_STATS_AWAY_BLOCKED), blocked);
	TEST_ASSERT_EQ(number_of(&exit_stats_hlt, "away_user"), 0);

	/* The kernel rounds the cycles of each round down. */
	exit_stats_vcpu_stat(vcpu, "halt_poll_success_ns", &success_ns, 1);
	exit_stats_vcpu_stat(vcpu, "halt_poll_fail_ns", &fail_ns, 1);
	polled = (success_ns + fail_ns) * self->ms / 1000000;
	TEST_ASSERT(polled && number_of(&exit_stats_hlt, "away_polled") <= polled &&
		    number_of(&exit_stats_hlt, "away_polled") + NR_ROUNDS >= polled,
		    "%lu cycles polled, according to KVM %lu",
		    number_of(&exit_stats_hlt, "away_polled"), polled);
	TEST_ASSERT(!exit_stats_has_tables() || !is_slow_away(&exit_stats_hlt),
		    "A vCPU that waits for its timer is in the log of slow exits");
	check_not_twice(passed);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

static bool guest_stop;

static void guest_busy(void)
{
	while (!READ_ONCE(guest_stop))
		this_cpu_fms();
	GUEST_DONE();
}

static void *run_thread(void *arg)
{
	exit_stats_run_to_sync(arg);

	return NULL;
}

static bool stop_competitor;

static void *competitor_thread(void *arg)
{
	while (!READ_ONCE(stop_competitor))
		;

	return NULL;
}

static void stop_guest(struct kvm_vm *vm)
{
	WRITE_ONCE(*(bool *)addr_gva2hva(vm, (uintptr_t)&guest_stop), true);
}

/* A thread that is always busy wants the vCPU's CPU, and gets half of it. */
TEST_F(exit_stats_times, preempted)
{
	uint64_t start, passed, preempted;
	pthread_t thread, competitor;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_busy);

	exit_stats_pin_to_cpu(0);
	start = rdtsc();
	pthread_create(&competitor, NULL, competitor_thread, NULL);
	pthread_create(&thread, NULL, run_thread, vcpu);
	usleep(400 * 1000);
	stop_guest(vm);
	pthread_join(thread, NULL);
	passed = rdtsc() - start;
	WRITE_ONCE(stop_competitor, true);
	pthread_join(competitor, NULL);

	preempted = exit_stats_sum(EXIT_STATS_AWAY_PREEMPTED);
	TEST_ASSERT(preempted > passed / 5 && preempted < passed,
		    "%lu cycles preempted, of %lu that passed", preempted, passed);
	TEST_ASSERT_EQ(exit_stats_sum(EXIT_STATS_AWAY_BLOCKED), 0);
	check_not_twice(passed);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* In each round, halt, exit, have the fastpath handle an exit, and return to user space. */
static void guest_mixed(void)
{
	int i;

	x2apic_enable();
	GUEST_SYNC(0);
	for (i = 0; i < NR_ROUNDS; i++) {
		exit_stats_halt(2);
		this_cpu_fms();
		exit_stats_send_ipi(EXIT_STATS_NO_APIC_ID);
		GUEST_SYNC(1);
	}
	GUEST_DONE();
}

/* Neighbouring times share their stamps: nothing is lost, nothing counts twice. */
TEST_F(exit_stats_times, closure)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_mixed);
	struct exit_stats_life life;

	life.before_first = rdtsc();
	exit_stats_run_to_sync(vcpu);
	life.after_first = rdtsc();
	do {
		usleep(ROUND_MS * 1000);
		life.before_last = rdtsc();
	} while (exit_stats_run_to_sync(vcpu));
	life.after_last = rdtsc();
	check_closure(&life);

	/* All exits have an away time, except the last one, which no later exit has closed. */
	TEST_ASSERT_EQ(exit_stats_nr_away(), exit_stats_number("total_exits") - 1);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/*
 * An away time during which there is a reset does not count.  Later ones do: of each vCPU,
 * those of all exits but the last.
 */
TEST_F(exit_stats_times, reset)
{
	struct kvm_vcpu *vcpus[2];
	uint64_t start, passed;
	struct kvm_vm *vms[2];
	int i;

	exit_stats_pin_to_cpu(0);
	for (i = 0; i < 2; i++) {
		vms[i] = exit_stats_create_vm(&vcpus[i], guest_mixed);
		exit_stats_run_to_sync(vcpus[i]);
		exit_stats_run_to_sync(vcpus[i]);
	}
	usleep(ROUND_MS * 1000);
	exit_stats_set("reset", "1");
	TEST_ASSERT_EQ(exit_stats_known_time(), 0);

	start = rdtsc();
	for (i = 0; i < 2; i++)
		exit_stats_run_to_sync(vcpus[i]);
	passed = rdtsc() - start;

	TEST_ASSERT_EQ(exit_stats_nr_away(), exit_stats_number("total_exits") - 2);
	check_not_twice(passed);
	exit_stats_check_laws();
	for (i = 0; i < 2; i++)
		kvm_vm_free(vms[i]);
}

/* Stamps from before recording was switched off are void when it is on again. */
TEST_F(exit_stats_times, off_and_on)
{
	uint64_t start, known;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_mixed);

	exit_stats_run_to_sync(vcpu);
	exit_stats_run_to_sync(vcpu);
	known = exit_stats_known_time();
	exit_stats_set("enabled", "0");
	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT_EQ(exit_stats_known_time(), known);
	usleep(ROUND_MS * 1000);
	exit_stats_set("enabled", "1");

	start = rdtsc();
	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT(exit_stats_known_time() - known < rdtsc() - start,
		    "%lu cycles more, switched on for %lu",
		    exit_stats_known_time() - known, rdtsc() - start);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* Move a vCPU from CPU to CPU while it runs, is preempted, or is in user space. */
TEST_F(exit_stats_times, migration)
{
	struct exit_stats_load load;
	cpu_set_t cpus;
	int i, n = get_nprocs();

	if (n < 2)
		SKIP(return, "Needs two CPUs");

	exit_stats_start_load(&load);
	for (i = 0; i < 100; i++) {
		CPU_ZERO(&cpus);
		CPU_SET(i % n, &cpus);
		TEST_ASSERT(!pthread_setaffinity_np(load.thread, sizeof(cpus), &cpus),
			    "Moving the vCPU to CPU %d", i % n);
		usleep(3000);
	}
	TEST_ASSERT_EQ(exit_stats_stop_load(&load, 1), exit_stats_number("total_exits"));

	TEST_ASSERT_EQ(exit_stats_number("clock_warps"), 0);
	TEST_ASSERT_EQ(exit_stats_nr_away(), exit_stats_number("total_exits") - 1);
	check_closure(&load.life);
	exit_stats_check_laws();
}

/* KVM_RUN returns before a task is stopped, i.e. the stopped task is in user space. */
TEST_F(exit_stats_times, stopped)
{
	struct exit_stats_load load;
	uint64_t start = rdtsc(), passed, user, exits, slept;
	int status;
	pid_t pid;

	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		exit_stats_start_load(&load);
		pause();
	}

	while (exit_stats_number("total_exits") < 100)
		usleep(10000);
	TEST_ASSERT(!kill(pid, SIGSTOP) && waitpid(pid, &status, WUNTRACED) == pid &&
		    WIFSTOPPED(status), "Stopping the VM");
	exits = exit_stats_number("total_exits");
	slept = sleep_ms(300);
	kill(pid, SIGCONT);
	while (exit_stats_number("total_exits") < exits + 100)
		usleep(10000);
	TEST_ASSERT(!kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid, "Killing the VM");
	passed = rdtsc() - start;

	user = exit_stats_sum(EXIT_STATS_AWAY_USER);
	TEST_ASSERT(user >= slept && user < passed,
		    "%lu cycles in user space, stopped for %lu of %lu", user, slept, passed);
	check_not_twice(passed);
	exit_stats_check_laws();
}

static void guest_vcpu(void)
{
	int i;

	x2apic_enable();
	for (i = 0; i < NR_ROUNDS * 10; i++) {
		this_cpu_fms();
		exit_stats_send_ipi(EXIT_STATS_NO_APIC_ID);
		asm volatile("outb %%al, %0" : : "i" (EXIT_STATS_PIO_PORT), "a" (0));
		if (i % NR_ROUNDS == 0)
			GUEST_SYNC(i);
	}
	GUEST_DONE();
}

static void *sync_thread(void *vcpu)
{
	exit_stats_run_to_sync(vcpu);

	return NULL;
}

struct vm_with_vcpus {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_VCPUS];
};

static struct vm_with_vcpus create_vm(void)
{
	struct vm_with_vcpus vm;

	vm.vm = vm_create_with_vcpus(NR_VCPUS, guest_vcpu, vm.vcpus);
	return vm;
}

/* Run the vCPUs at the same time or, with a single CPU, one after the other. */
static void run_vm_to_sync(struct vm_with_vcpus *vm)
{
	pthread_t threads[NR_VCPUS];
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		pthread_create(&threads[i], NULL, sync_thread, vm->vcpus[i]);
		if (get_nprocs() == 1)
			pthread_join(threads[i], NULL);
	}
	for (i = 0; i < NR_VCPUS && get_nprocs() > 1; i++)
		pthread_join(threads[i], NULL);
}

/* The tables of vCPUs, also of vCPUs that are gone now */
static char *tables[2 * NR_VMS * NR_VCPUS];
static int nr_tables;

static void read_tables(struct vm_with_vcpus *vm)
{
	struct exit_stats_row total;
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		TEST_ASSERT(nr_tables < ARRAY_SIZE(tables), "Too many tables");
		tables[nr_tables] = exit_stats_read_vcpu_table(vm->vcpus[i]);
		exit_stats_table_row(tables[nr_tables++], "TOTAL", &total);
		TEST_ASSERT_EQ(total.number[EXIT_STATS_COUNT],
			       exit_stats_vcpu_exits(vm->vcpus[i]));
	}
}

static void forget_tables(void)
{
	while (nr_tables)
		free(tables[--nr_tables]);
}

/* In each column of a reason, the vCPUs add up to @table or, if that is NULL, to the system. */
static void check_sum(const char *reason, void *table)
{
	struct exit_stats_row row, sum = {};
	int i;

	for (i = 0; i < nr_tables; i++) {
		exit_stats_table_row(tables[i], reason, &row);
		exit_stats_check_row(reason, &row);
		exit_stats_add_row(&sum, &row);
	}

	if (table)
		exit_stats_table_row(table, reason, &row);
	else
		exit_stats_read_row(reason, &row);
	exit_stats_check_same(reason, "the vCPUs", &sum, table ? "the table" : "the system", &row);
}

static void check_sum_of_vm(struct vm_with_vcpus *vm)
{
	char *table = exit_stats_read_vm_table(vm->vm);

	read_tables(vm);
	exit_stats_walk_reasons(check_sum, table);
	check_sum("TOTAL", table);
	TEST_ASSERT_EQ(exit_stats_table_dropped(table), 0);
	forget_tables();
	free(table);
}

/* No other VM runs, so the numbers of the system are the sum of these VMs. */
TEST_F(exit_stats_times, tables)
{
	struct vm_with_vcpus vms[NR_VMS];
	struct exit_stats_row total;
	char *table;
	int i;

	if (!exit_stats_has_tables())
		SKIP(return, "No debugfs");

	for (i = 0; i < NR_VMS; i++) {
		vms[i] = create_vm();
		run_vm_to_sync(&vms[i]);
		check_sum_of_vm(&vms[i]);
	}

	/* Two go, one after the other, and there is a new one in between. */
	for (i = 0; i < 2; i++) {
		read_tables(&vms[i]);
		kvm_vm_free(vms[i].vm);
		if (!i) {
			vms[i] = create_vm();
			run_vm_to_sync(&vms[i]);
		}
		run_vm_to_sync(&vms[2]);
	}
	read_tables(&vms[0]);
	read_tables(&vms[2]);
	exit_stats_walk_reasons(check_sum, NULL);
	exit_stats_check_laws();
	TEST_ASSERT_EQ(exit_stats_nr_away(), exit_stats_number("total_exits") - nr_tables);

	/* A reset empties all of them. */
	exit_stats_set("reset", "1");
	table = exit_stats_read_vm_table(vms[2].vm);
	exit_stats_table_row(table, "TOTAL", &total);
	TEST_ASSERT_EQ(total.number[EXIT_STATS_COUNT], 0);
	free(table);

	forget_tables();
	kvm_vm_free(vms[0].vm);
	kvm_vm_free(vms[2].vm);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), 0);
	exit_stats_check_laws();
}

/*
 * The descriptors and the data of a stats fd.  QEMU adds up the sizes of all descriptors,
 * and reads that many bytes, so there must be no gap between the statistics.
 */
struct vcpu_stats {
	struct kvm_stats_header header;
	struct kvm_stats_desc *descs;
	uint64_t *data;
};

static void read_vcpu_stats(struct kvm_vcpu *vcpu, struct vcpu_stats *stats)
{
	int fd = vcpu_get_stats_fd(vcpu), i;
	struct kvm_stats_desc *desc;
	size_t size = 0;

	read_stats_header(fd, &stats->header);
	stats->descs = read_stats_descriptors(fd, &stats->header);
	for (i = 0; i < stats->header.num_desc; i++) {
		desc = get_stats_descriptor(stats->descs, i, &stats->header);
		TEST_ASSERT(desc->offset == size, "'%s' at %u, not %lu", desc->name,
			    desc->offset, size);
		size += desc->size * sizeof(*stats->data);
	}

	stats->data = malloc(size + 1);
	TEST_ASSERT(stats->data, "-ENOMEM for statistics");
	TEST_ASSERT_EQ(pread(fd, stats->data, size + 1, stats->header.data_offset), size);
	close(fd);
}

static void free_vcpu_stats(struct vcpu_stats *stats)
{
	free(stats->descs);
	free(stats->data);
}

static const uint64_t *find_stat(struct vcpu_stats *stats, const char *name, int size)
{
	struct kvm_stats_desc *desc;
	int i;

	for (i = 0; i < stats->header.num_desc; i++) {
		desc = get_stats_descriptor(stats->descs, i, &stats->header);
		if (strcmp(desc->name, name))
			continue;

		TEST_ASSERT_EQ(desc->size, size);
		if (size > 1) {
			TEST_ASSERT_EQ(desc->flags & KVM_STATS_TYPE_MASK,
				       KVM_STATS_TYPE_LINEAR_HIST);
			TEST_ASSERT_EQ(desc->bucket_size, 1);
		}
		return stats->data + desc->offset / sizeof(*stats->data);
	}

	TEST_FAIL("KVM has no stat '%s'", name);
	return NULL;
}

struct listed_reason {
	uint64_t code;
	const char *name;
};

static const struct listed_reason vmx_reasons[] = { VMX_EXIT_REASONS };
static const struct listed_reason svm_reasons[] = { SVM_EXIT_REASONS };

/* A directory has the name of its reason, with _ for blanks. */
static bool is_name_of(const char *name, const char *dir)
{
	while (*name && *dir == (*name == ' ' ? '_' : *name)) {
		name++;
		dir++;
	}

	return !*name && !*dir;
}

/* The bucket of a reason: its position in the list, in which some entries are no exit codes */
static int bucket_of(const char *reason)
{
	bool is_vmx = exit_stats_is_vmx();
	const struct listed_reason *list = is_vmx ? vmx_reasons : svm_reasons;
	int n = is_vmx ? ARRAY_SIZE(vmx_reasons) : ARRAY_SIZE(svm_reasons);
	int i, bucket = 0;

	for (i = 0; i < n; i++) {
		if (!is_vmx && list[i].code >= SVM_VMGEXIT_MMIO_READ &&
		    list[i].code <= SVM_VMGEXIT_UNSUPPORTED_EVENT)
			continue;
		if (is_name_of(list[i].name, reason)) {
			TEST_ASSERT_EQ(exit_stats_reason_number(reason, "reason"),
				       (uint32_t)list[i].code);
			break;
		}
		bucket++;
	}
	TEST_ASSERT(i < n || !strcmp(reason, "UNKNOWN"), "'%s' is not listed", reason);

	return bucket;
}

struct buckets {
	const uint64_t *exits;
	const uint64_t *cycles;
	char *table;
	uint64_t sum;
};

static void check_buckets(const char *reason, void *data)
{
	struct buckets *buckets = data;
	int bucket = bucket_of(reason);
	struct exit_stats_row row;

	exit_stats_read_row(reason, &row);
	TEST_ASSERT(buckets->exits[bucket] == row.number[EXIT_STATS_COUNT] &&
		    buckets->cycles[bucket] == row.number[EXIT_STATS_CYCLES_TOTAL],
		    "%s: %lu exits, %lu cycles, but %lu, %lu in bucket %d", reason,
		    row.number[EXIT_STATS_COUNT], row.number[EXIT_STATS_CYCLES_TOTAL],
		    buckets->exits[bucket], buckets->cycles[bucket], bucket);
	buckets->sum += buckets->exits[bucket];

	if (buckets->table) {
		exit_stats_table_row(buckets->table, reason, &row);
		TEST_ASSERT_EQ(buckets->exits[bucket], row.number[EXIT_STATS_COUNT]);
		TEST_ASSERT_EQ(buckets->cycles[bucket], row.number[EXIT_STATS_CYCLES_TOTAL]);
	}
}

/* The stats fd has the same numbers as the files, but a reset does not clear them. */
TEST_F(exit_stats_times, stats_fd)
{
	struct vcpu_stats stats, later;
	struct buckets buckets = {};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	uint64_t sum = 0;
	int i;

	vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	while (exit_stats_run_to_sync(vcpu))
		;

	read_vcpu_stats(vcpu, &stats);
	buckets.exits = find_stat(&stats, "exit_reasons", MAX_ROWS);
	buckets.cycles = find_stat(&stats, "exit_reason_cycles", MAX_ROWS);
	if (exit_stats_has_tables())
		buckets.table = exit_stats_read_vcpu_table(vcpu);
	exit_stats_walk_reasons(check_buckets, &buckets);
	free(buckets.table);

	/* Buckets that belong to no reason are empty. */
	for (i = 0; i < MAX_ROWS; i++)
		sum += buckets.exits[i];
	TEST_ASSERT_EQ(sum, buckets.sum);
	TEST_ASSERT_EQ(sum, *find_stat(&stats, "exits", 1));

	exit_stats_set("reset", "1");
	read_vcpu_stats(vcpu, &later);
	TEST_ASSERT(!memcmp(buckets.exits, find_stat(&later, "exit_reasons", MAX_ROWS),
			    MAX_ROWS * sizeof(*buckets.exits)) &&
		    !memcmp(buckets.cycles, find_stat(&later, "exit_reason_cycles", MAX_ROWS),
			    MAX_ROWS * sizeof(*buckets.cycles)),
		    "A reset changed KVM's own statistics");

	free_vcpu_stats(&stats);
	free_vcpu_stats(&later);
	kvm_vm_free(vm);
}

static uint64_t guest_spun;

static void guest_spin(void)
{
	uint64_t now, last;
	int i;

	/* The time in the guest is recorded from the first exit to the last one: have both. */
	this_cpu_fms();
	last = rdtsc();
	for (i = 0; i < NR_SPINS; i++) {
		now = rdtsc();
		if (now - last < NO_EXIT_CYCLES)
			guest_spun += now - last;
		last = now;
	}
	this_cpu_fms();
	GUEST_DONE();
}

/* If two reads of the TSC are too close for an exit in between, that is time in the guest. */
TEST_F(exit_stats_times, guest)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_spin);
	uint64_t passed, guest;

	passed = rdtsc();
	exit_stats_run_to_sync(vcpu);
	passed = rdtsc() - passed;

	sync_global_from_guest(vm, guest_spun);
	guest = exit_stats_number("guest_cycles");
	TEST_ASSERT(guest_spun && guest >= guest_spun,
		    "%lu cycles in the guest, which has spun for at least %lu", guest, guest_spun);
	check_not_twice(passed);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* A loop of CPUID and three more instructions */
static void guest_cpuid_loop(void)
{
	asm volatile("1: xor %%eax, %%eax\n\t"
		     "cpuid\n\t"
		     "dec %%rsi\n\t"
		     "jnz 1b"
		     : : "S" ((uint64_t)NR_LOOPS) : "rax", "rbx", "rcx", "rdx");
	GUEST_DONE();
}

/*
 * T0 and T2 are right at the world switch, so the time in such a guest is nearly all that of
 * the switch itself.  It depends on the CPU: print it, for those who know what to expect.
 */
TEST_F(exit_stats_times, tax)
{
	uint64_t away, guest, passed, exits;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_cpuid_loop);

	passed = rdtsc();
	exit_stats_run_to_sync(vcpu);
	passed = rdtsc() - passed;

	exits = exit_stats_count(&exit_stats_cpuid);
	away = number_of(&exit_stats_cpuid, "away_total");
	guest = number_of(&exit_stats_cpuid, "guest_cycles");
	ksft_print_msg("CPUID: tax %.2f %%, on average %lu cycles away after %lu in the guest\n",
		       100. * away / (away + guest), away / exits, guest / exits);

	TEST_ASSERT_EQ(exits, NR_LOOPS);
	check_not_twice(passed);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

static bool stop_dumps;
static uint64_t nr_dumps;

static void *dump_thread(void *arg)
{
	while (!READ_ONCE(stop_dumps)) {
		exit_stats_set("dump", "1");
		WRITE_ONCE(nr_dumps, nr_dumps + 1);
	}

	return NULL;
}

static uint64_t count_dumps(void)
{
	return READ_ONCE(nr_dumps);
}

static uint64_t count_due(void)
{
	return exit_stats_number("total_exits") / INTERVAL;
}

/*
 * The average time that it takes to add and delete a memslot of a VM that runs, while
 * NR_SUMMARIES summaries are printed, or fall due: not all that do are printed.
 */
static uint64_t time_memslots(struct kvm_vm *vm, uint64_t (*count_summaries)(void))
{
	uint64_t start, time = 0, before = count_summaries();
	const uint32_t slot = 10;
	void *page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int n = 0;

	TEST_ASSERT(page != MAP_FAILED, "mmap: %s", strerror(errno));
	do {
		start = rdtsc();
		vm_set_user_memory_region(vm, slot, 0, EXIT_STATS_MMIO_GPA, getpagesize(), page);
		vm_set_user_memory_region(vm, slot, 0, EXIT_STATS_MMIO_GPA, 0, NULL);
		time += rdtsc() - start;
		n++;
	} while (count_summaries() - before < NR_SUMMARIES);
	munmap(page, getpagesize());

	return time / n;
}

static uint64_t time_memslots_beside_summaries(struct kvm_vm *vm)
{
	uint64_t time;

	exit_stats_set_number("interval", INTERVAL);
	time = time_memslots(vm, count_due);
	exit_stats_set("interval", "0");

	return time;
}

static uint64_t time_memslots_beside_dumps(struct kvm_vm *vm)
{
	pthread_t thread;
	uint64_t time;

	WRITE_ONCE(stop_dumps, false);
	pthread_create(&thread, NULL, dump_thread, NULL);
	time = time_memslots(vm, count_dumps);
	WRITE_ONCE(stop_dumps, true);
	pthread_join(thread, NULL);

	return time;
}

/*
 * A change of memslots waits for the SRCU read sides of vCPUs, so a vCPU must not print its
 * summaries there: then the change takes about as long as while another task prints as much.
 * Take the best of some rounds, as the machine can have other work to do.
 */
TEST_F(exit_stats_times, memslots_beside_summaries)
{
	uint64_t by_summaries = UINT64_MAX, by_dumps = UINT64_MAX;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	pthread_t thread;
	int i;

	if (get_nprocs() < 2)
		SKIP(return, "Needs two CPUs");

	vm = exit_stats_create_vm(&vcpu, guest_busy);
	pthread_create(&thread, NULL, run_thread, vcpu);

	for (i = 0; i < NR_ROUNDS; i++) {
		by_summaries = min(by_summaries, time_memslots_beside_summaries(vm));
		by_dumps = min(by_dumps, time_memslots_beside_dumps(vm));
	}

	stop_guest(vm);
	pthread_join(thread, NULL);
	kvm_vm_free(vm);

	ksft_print_msg("A memslot takes %lu us beside summaries, %lu us beside dumps\n",
		       by_summaries * 1000 / self->ms, by_dumps * 1000 / self->ms);
	TEST_ASSERT(by_summaries <= 2 * by_dumps + 10 * self->ms,
		    "A memslot takes %lu us beside summaries, %lu us beside dumps",
		    by_summaries * 1000 / self->ms, by_dumps * 1000 / self->ms);
}

static int open_table(struct kvm_vm *vm, const char *subdir)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%sexit_stats", getpid(),
		 vm->fd, subdir);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(fd >= 0 && !fstat(fd, &st), "'%s': %s", path, strerror(errno));
	TEST_ASSERT((st.st_mode & 07777) == 0400, "'%s' has mode %o", path, st.st_mode);

	return fd;
}

/* An open table does not keep its VM alive, and cannot be read after the VM is gone. */
TEST_F(exit_stats_times, table_of_a_dead_vm)
{
	char buf[64], path[PATH_MAX];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	uint64_t exits;
	int fds[2], i;

	if (!exit_stats_has_tables())
		SKIP(return, "No debugfs");

	vm = exit_stats_create_vm(&vcpu, guest_mixed);
	while (exit_stats_run_to_sync(vcpu))
		;
	exits = exit_stats_vcpu_exits(vcpu);
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d", getpid(), vm->fd);

	fds[0] = open_table(vm, "");
	fds[1] = open_table(vm, "vcpu0/");
	TEST_ASSERT(read(fds[0], buf, sizeof(buf)) == sizeof(buf), "Reading a table");
	kvm_vm_free(vm);

	TEST_ASSERT(access(path, F_OK) && errno == ENOENT, "'%s' outlives its VM", path);
	for (i = 0; i < 2; i++) {
		TEST_ASSERT(read(fds[i], buf, sizeof(buf)) < 0 && errno == EIO,
			    "The table of a VM that is gone: %s", strerror(errno));
		close(fds[i]);
	}

	/* What the system had of the VM stays. */
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exits);
}

int main(int argc, char *argv[])
{
	exit_stats_require();

	return test_harness_run(argc, argv);
}
