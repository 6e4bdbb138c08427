// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test where /sys/kernel/kvm_exit_stats says that the time of a vCPU goes: away
 * time and its parts, and the tables of VMs and vCPUs.
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
#include <unistd.h>

#include "apic.h"
#include "exit_stats.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#include "kselftest_harness.h"

/* The clock that sleeps are measured with need not agree with the TSC. */
#define AT_LEAST(cycles)	((cycles) / 10 * 9)

#define NR_ROUNDS	6
#define ROUND_MS	20
#define NR_VCPUS	2

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
	exit_stats_set("away", "1");
	exit_stats_set("per_vcpu", "1");
	exit_stats_set("interval", "0");
	exit_stats_set("reset", "1");
}

FIXTURE_TEARDOWN(exit_stats_times)
{
	exit_stats_set("enabled", "1");
	exit_stats_set("away", "1");
	exit_stats_set("per_vcpu", "1");
	exit_stats_set_number("interval", self->interval);
}

static uint64_t number_of(const struct exit_stats_reason *reason, const char *file)
{
	return exit_stats_reason_number(exit_stats_is_vmx() ? reason->vmx : reason->svm, file);
}

/* All of the time between the first and the last VM-Entry is known, and no more. */
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
	uint64_t start, passed, user;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_user);
	int i;

	start = rdtsc();
	for (i = 0; i < NR_ROUNDS; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_EQ(vcpu->run->io.port, EXIT_STATS_PIO_PORT);
		usleep(ROUND_MS * 1000);
	}
	TEST_ASSERT(!exit_stats_run_to_sync(vcpu), "The guest has a round too many");
	passed = rdtsc() - start;

	user = number_of(&exit_stats_pio, "away_user");
	TEST_ASSERT(user >= AT_LEAST(NR_ROUNDS * ROUND_MS * self->ms) && user < passed,
		    "%lu cycles in user space, slept for %lu of %lu", user,
		    NR_ROUNDS * ROUND_MS * self->ms, passed);
	TEST_ASSERT_EQ(exit_stats_sum("away_blocked"), 0);
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

TEST_F(exit_stats_times, blocked)
{
	uint64_t start, passed, blocked;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_blocked);

	start = rdtsc();
	TEST_ASSERT(!exit_stats_run_to_sync(vcpu), "A sync that is not there");
	passed = rdtsc() - start;

	/* The guest needs some of the time itself, above all of the first round. */
	blocked = number_of(&exit_stats_hlt, "away_blocked");
	TEST_ASSERT(blocked >= AT_LEAST((NR_ROUNDS - 1) * ROUND_MS * self->ms) && blocked < passed,
		    "%lu cycles blocked, the timer gave %lu of %lu", blocked,
		    NR_ROUNDS * ROUND_MS * self->ms, passed);
	TEST_ASSERT_EQ(exit_stats_sum("away_blocked"), blocked);
	TEST_ASSERT_EQ(number_of(&exit_stats_hlt, "away_user"), 0);
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
	WRITE_ONCE(*(bool *)addr_gva2hva(vm, (vm_vaddr_t)&guest_stop), true);
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

	preempted = exit_stats_sum("away_preempted");
	TEST_ASSERT(preempted > passed / 5 && preempted < passed,
		    "%lu cycles preempted, of %lu that passed", preempted, passed);
	TEST_ASSERT_EQ(exit_stats_sum("away_blocked"), 0);
	check_not_twice(passed);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* All that a vCPU can do, one after the other, in rounds of a known length */
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

	/* All exits but the last one, which no VM-Entry followed */
	TEST_ASSERT_EQ(exit_stats_sum_hist("away_hist"), exit_stats_number("total_exits") - 1);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/*
 * What was away during a reset does not count, and what came after it does: of each
 * vCPU all but the last exit.  There are two for the row of the one that is away to
 * be in use again when it comes back.
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

	TEST_ASSERT_EQ(exit_stats_sum_hist("away_hist"), exit_stats_number("total_exits") - 2);
	check_not_twice(passed);
	exit_stats_check_laws();
	for (i = 0; i < 2; i++)
		kvm_vm_free(vms[i]);
}

TEST_F(exit_stats_times, away_off)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	exit_stats_set("away", "0");
	TEST_ASSERT_EQ(exit_stats_number("away"), 0);
	vm = exit_stats_create_vm(&vcpu, guest_mixed);
	while (exit_stats_run_to_sync(vcpu))
		;
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exit_stats_vcpu_exits(vcpu));
	TEST_ASSERT_EQ(exit_stats_sum_hist("away_hist"), 0);
	TEST_ASSERT_EQ(exit_stats_number("guest_cycles"), 0);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* What was stamped before the switch was off is void when it is on again. */
TEST_F(exit_stats_times, away_off_and_on)
{
	static const char * const switches[] = { "away", "enabled" };
	uint64_t start, known;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_mixed);
	int i;

	exit_stats_run_to_sync(vcpu);
	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		exit_stats_run_to_sync(vcpu);
		known = exit_stats_known_time();
		exit_stats_set(switches[i], "0");
		exit_stats_run_to_sync(vcpu);
		TEST_ASSERT_EQ(exit_stats_known_time(), known);
		usleep(ROUND_MS * 1000);
		exit_stats_set(switches[i], "1");

		start = rdtsc();
		exit_stats_run_to_sync(vcpu);
		TEST_ASSERT(exit_stats_known_time() - known < rdtsc() - start,
			    "%lu cycles more with '%s' on for %lu",
			    exit_stats_known_time() - known, switches[i], rdtsc() - start);
	}
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* From one CPU to the other while it runs, is preempted, or is in user space */
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
	TEST_ASSERT_EQ(exit_stats_sum_hist("away_hist"), exit_stats_number("total_exits") - 1);
	check_closure(&load.life);
	exit_stats_check_laws();
}

/* A stopped task is back from KVM_RUN, i.e. in user space. */
TEST_F(exit_stats_times, stopped)
{
	const unsigned int stop_ms = 300;
	struct exit_stats_load load;
	uint64_t start = rdtsc(), passed, user, exits;
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
	usleep(stop_ms * 1000);
	kill(pid, SIGCONT);
	while (exit_stats_number("total_exits") < exits + 100)
		usleep(10000);
	TEST_ASSERT(!kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid, "Killing the VM");
	passed = rdtsc() - start;

	user = exit_stats_sum("away_user");
	TEST_ASSERT(user >= AT_LEAST(stop_ms * self->ms) && user < passed,
		    "%lu cycles in user space, stopped for %lu of %lu", user,
		    stop_ms * self->ms, passed);
	check_not_twice(passed);
	exit_stats_check_laws();
}

static bool has_tables(void)
{
	return !access("/sys/kernel/debug/kvm/exit_stats", F_OK);
}

static char *read_vm_table(struct kvm_vm *vm)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "%d-%d", getpid(), vm->fd);
	return exit_stats_read_table(dir);
}

static char *read_vcpu_table(struct kvm_vcpu *vcpu)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "%d-%d/vcpu%u", getpid(), vcpu->vm->fd, vcpu->id);
	return exit_stats_read_table(dir);
}

struct tables {
	char *system;
	char *vm;
	char *vcpus[NR_VCPUS];
};

/* One reason: vCPUs add up to the VM, and the VM is the system, in sysfs as well. */
static void check_tables(const char *reason, void *data)
{
	static const char * const sums[] = {
		"count", "cycles_total", "away_total", "away_user", "away_blocked",
		"away_preempted",
	};
	static const char * const extremes[] = {
		"cycles_min", "cycles_max", "cycles_avg", "away_min", "away_max", "away_avg",
	};
	struct tables *tables = data;
	uint64_t sum, of_vm;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(sums); i++) {
		for (sum = 0, j = 0; j < NR_VCPUS; j++)
			sum += exit_stats_table_number(tables->vcpus[j], reason, sums[i]);

		of_vm = exit_stats_table_number(tables->vm, reason, sums[i]);
		TEST_ASSERT(sum == of_vm, "%s: %s of the vCPUs %lu, of the VM %lu", reason,
			    sums[i], sum, of_vm);
		TEST_ASSERT(of_vm == exit_stats_reason_number(reason, sums[i]),
			    "%s: %s of the VM %lu, of the system %lu", reason, sums[i],
			    of_vm, exit_stats_reason_number(reason, sums[i]));
	}

	for (i = 0; i < ARRAY_SIZE(extremes); i++)
		TEST_ASSERT_EQ(exit_stats_table_number(tables->vm, reason, extremes[i]),
			       exit_stats_reason_number(reason, extremes[i]));
}

static void guest_vcpu(void)
{
	int i;

	x2apic_enable();
	for (i = 0; i < NR_ROUNDS * 10; i++) {
		this_cpu_fms();
		exit_stats_send_ipi(EXIT_STATS_NO_APIC_ID);
		asm volatile("outb %%al, %0" : : "i" (EXIT_STATS_PIO_PORT), "a" (0));
	}
	GUEST_DONE();
}

/* Nothing but this VM runs: what the system grew by is its doing. */
TEST_F(exit_stats_times, tables)
{
	struct kvm_vcpu *vcpus[NR_VCPUS];
	pthread_t threads[NR_VCPUS];
	struct tables tables;
	struct kvm_vm *vm;
	int i;

	if (!has_tables())
		SKIP(return, "No debugfs");

	vm = vm_create_with_vcpus(NR_VCPUS, guest_vcpu, vcpus);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_create(&threads[i], NULL, run_thread, vcpus[i]);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_join(threads[i], NULL);

	tables.system = exit_stats_read_table(".");
	tables.vm = read_vm_table(vm);
	TEST_ASSERT(tables.system && tables.vm, "No table of the system, or of the VM");
	TEST_ASSERT(!strcmp(tables.system, tables.vm),
		    "The table of the system\n%s\nis not that of its only VM\n%s",
		    tables.system, tables.vm);

	for (i = 0; i < NR_VCPUS; i++) {
		tables.vcpus[i] = read_vcpu_table(vcpus[i]);
		TEST_ASSERT(tables.vcpus[i], "No table of vCPU %d", i);
		TEST_ASSERT_EQ(exit_stats_table_number(tables.vcpus[i], "TOTAL", "count"),
			       exit_stats_vcpu_exits(vcpus[i]));
	}
	exit_stats_walk_reasons(check_tables, &tables);
	TEST_ASSERT_EQ(exit_stats_table_number(tables.vm, "TOTAL", "count"),
		       exit_stats_number("total_exits"));
	TEST_ASSERT_EQ(exit_stats_table_number(tables.vm, "TOTAL", "guest_cycles"),
		       exit_stats_number("guest_cycles"));
	TEST_ASSERT_EQ(exit_stats_sum_hist("away_hist"),
		       exit_stats_number("total_exits") - NR_VCPUS);

	/* A reset empties all of them. */
	exit_stats_set("reset", "1");
	free(tables.vm);
	tables.vm = read_vm_table(vm);
	TEST_ASSERT_EQ(exit_stats_table_number(tables.vm, "TOTAL", "count"), 0);

	for (i = 0; i < NR_VCPUS; i++)
		free(tables.vcpus[i]);
	free(tables.vm);
	free(tables.system);
	kvm_vm_free(vm);
}

TEST_F(exit_stats_times, no_vcpu_tables)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	char *table;

	if (!has_tables())
		SKIP(return, "No debugfs");

	exit_stats_set("per_vcpu", "0");
	TEST_ASSERT_EQ(exit_stats_number("per_vcpu"), 0);
	vm = exit_stats_create_vm(&vcpu, guest_mixed);
	/* What is switched on now is for vCPUs to come. */
	exit_stats_set("per_vcpu", "1");
	while (exit_stats_run_to_sync(vcpu))
		;

	TEST_ASSERT(!read_vcpu_table(vcpu) && errno == ENOENT, "A vCPU with a table");
	table = read_vm_table(vm);
	TEST_ASSERT(table, "No table of the VM");
	TEST_ASSERT_EQ(exit_stats_table_number(table, "TOTAL", "count"), 0);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exit_stats_vcpu_exits(vcpu));
	free(table);
	kvm_vm_free(vm);
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

/* A file that is open does not keep its VM, and can no longer be read without. */
TEST_F(exit_stats_times, table_of_a_dead_vm)
{
	char buf[64], path[PATH_MAX];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	uint64_t exits;
	int fds[2], i;

	if (!has_tables())
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
