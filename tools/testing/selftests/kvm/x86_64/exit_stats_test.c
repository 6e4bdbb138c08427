// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test /sys/kernel/kvm_exit_stats: files and modes, bad input, exact counts,
 * and the laws that the numbers obey.
 *
 * The statistics are system-wide, i.e. no other VM may run beside this test.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

#define MAX_REASONS	256

#define NR_ICR		40
#define NR_READS	20
#define NOBODY		65534

/* A file and its mode, from which tests check existence, mode and access */
struct stats_file {
	const char *name;
	mode_t mode;
};

static const struct stats_file root_files[] = {
	{ "enabled",		0644 },
	{ "interval",		0644 },
	{ "keys",		0644 },
	{ "slow_us",		0644 },
	{ "reset",		0200 },
	{ "dump",		0200 },
	{ "isa",		0444 },
	{ "tsc_khz",		0444 },
	{ "total_exits",	0400 },
	{ "total_cycles",	0400 },
	{ "guest_cycles",	0400 },
	{ "clock_warps",	0400 },
	{ "dropped",		0400 },
};

static const struct stats_file reason_files[] = {
	{ "reason",		0400 },
	{ "count",		0400 },
	{ "cycles_total",	0400 },
	{ "cycles_min",		0400 },
	{ "cycles_max",		0400 },
	{ "cycles_avg",		0400 },
	{ "cycles_hist",	0400 },
	{ "away_total",		0400 },
	{ "away_min",		0400 },
	{ "away_max",		0400 },
	{ "away_avg",		0400 },
	{ "away_hist",		0400 },
	{ "away_user",		0400 },
	{ "away_blocked",	0400 },
	{ "away_polled",	0400 },
	{ "away_preempted",	0400 },
	{ "user_exits",		0400 },
	{ "guest_cycles",	0400 },
	{ "stat",		0400 },
	{ "nested",		0400 },
	{ "reflected",		0400 },
	{ "keys",		0400 },
	{ "cycles_worst",	0400 },
	{ "cycles_late",	0400 },
	{ "away_worst",		0400 },
	{ "away_late",		0400 },
};

/* Writes that a fastpath handler takes: IPIs to nobody */
static void guest_fastpath(void)
{
	int i;

	x2apic_enable();
	for (i = 0; i < NR_ICR; i++)
		exit_stats_send_ipi(EXIT_STATS_NO_APIC_ID);
	GUEST_DONE();
}

FIXTURE(exit_stats)
{
	unsigned long interval;
};

FIXTURE_SETUP(exit_stats)
{
	self->interval = exit_stats_number("interval");
	exit_stats_set("enabled", "1");
	exit_stats_set("interval", "0");
	exit_stats_set("reset", "1");
}

FIXTURE_TEARDOWN(exit_stats)
{
	exit_stats_set("enabled", "1");
	exit_stats_set("keys", "0");
	exit_stats_set_number("interval", self->interval);
}

static void check_mode(const char *name, mode_t mode)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), EXIT_STATS_ROOT "/%s", name);
	TEST_ASSERT(!stat(path, &st), "'%s': %s", path, strerror(errno));
	TEST_ASSERT((st.st_mode & 07777) == mode && S_ISREG(st.st_mode) &&
		    !st.st_uid, "'%s' has mode %o, uid %u", path,
		    st.st_mode, st.st_uid);
}

static void check_nr_files(const char *dir, int n)
{
	struct dirent *entry;
	DIR *stream;

	stream = opendir(dir);
	TEST_ASSERT(stream, "Opening '%s': %s", dir, strerror(errno));
	while ((entry = readdir(stream)))
		n -= entry->d_type == DT_REG;
	closedir(stream);
	TEST_ASSERT(!n, "'%s' has %d files less than it should", dir, n);
}

static void check_reason_modes(const char *reason, void *data)
{
	char name[PATH_MAX];
	int i;

	for (i = 0; i < ARRAY_SIZE(reason_files); i++) {
		snprintf(name, sizeof(name), "reasons/%s/%s", reason,
			 reason_files[i].name);
		check_mode(name, reason_files[i].mode);
	}
	snprintf(name, sizeof(name), EXIT_STATS_ROOT "/reasons/%s", reason);
	check_nr_files(name, ARRAY_SIZE(reason_files));

	*(bool *)data |= !strcmp(reason, "UNKNOWN");
}

TEST_F(exit_stats, files_and_modes)
{
	bool has_unknown = false;
	int i, n;

	for (i = 0; i < ARRAY_SIZE(root_files); i++)
		check_mode(root_files[i].name, root_files[i].mode);

	check_nr_files(EXIT_STATS_ROOT, ARRAY_SIZE(root_files));

	n = exit_stats_walk_reasons(check_reason_modes, &has_unknown);
	TEST_ASSERT(n > 50 && n < MAX_REASONS, "%d reasons", n);
	TEST_ASSERT(has_unknown, "No reason UNKNOWN");

	/* The hardware's numbers: CPUID is 10 in VMX, 0x72 in SVM. */
	TEST_ASSERT_EQ(exit_stats_reason_number(exit_stats_name(&exit_stats_cpuid), "reason"),
		       exit_stats_is_vmx() ? 10 : 0x72);
	TEST_ASSERT(exit_stats_number("tsc_khz") > 0, "No TSC frequency");
}

static void check_parameter(const char *name, mode_t mode, const char *val)
{
	char path[PATH_MAX], buf[32] = {};
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/kvm/parameters/%s", name);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(fd >= 0 && !fstat(fd, &st) && read(fd, buf, sizeof(buf) - 1) > 0, "'%s': %s",
		    path, strerror(errno));
	close(fd);
	buf[strcspn(buf, "\n")] = '\0';

	TEST_ASSERT((st.st_mode & 07777) == mode, "'%s' has mode %o", path, st.st_mode);
	TEST_ASSERT(!strcmp(buf, val), "'%s' is '%s', not '%s'", path, buf, val);
}

/* The module's parameters show what was set, and are not to be set themselves. */
TEST_F(exit_stats, parameters)
{
	check_parameter("exit_stats", 0444, "Y");
	exit_stats_set("enabled", "0");
	check_parameter("exit_stats", 0444, "N");

	check_parameter("exit_stats_interval", 0444, "0");
	exit_stats_set("interval", "123");
	check_parameter("exit_stats_interval", 0444, "123");
}

/* Count the summaries in the log since @fd was opened, folded ones included. */
static uint64_t count_summaries(int fd)
{
	uint64_t n = 0, folded;
	char line[1024], *text;
	ssize_t len;

	for (;;) {
		len = read(fd, line, sizeof(line) - 1);
		if (len < 0 && errno == EAGAIN)
			return n;
		TEST_ASSERT(len > 0, "/dev/kmsg: %s", strerror(errno));
		line[len] = '\0';

		text = strstr(line, "kvm_exit_stats: ");
		if (!text)
			continue;
		text += strlen("kvm_exit_stats: ");
		if (!strncmp(text, "summary at ", strlen("summary at ")))
			n++;
		else if (sscanf(text, "%lu summaries since", &folded) == 1)
			n += folded;
	}
}

static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	TEST_ASSERT(fd >= 0 && lseek(fd, 0, SEEK_END) >= 0, "/dev/kmsg: %s",
		    strerror(errno));
	return fd;
}

/*
 * Wait for the log to have @want summaries since @fd was opened, of which @n are counted
 * already.  A worker of the kernel prints a summary some time after it falls due, and the
 * next one says how many others were folded into it.  So have one printed on demand, which
 * does not count itself.
 */
static void check_summaries(int fd, uint64_t n, uint64_t want)
{
	int i;

	for (i = 0; i < 100; i++) {
		if (n >= want)
			break;
		exit_stats_set("dump", "1");
		n += count_summaries(fd) - 1;
		usleep(20000);
	}

	/* Nothing may come after that. */
	usleep(100000);
	exit_stats_set("dump", "1");
	n += count_summaries(fd) - 1;
	TEST_ASSERT_EQ(n, want);
}

TEST_F(exit_stats, bad_input)
{
	static const char * const writable[] = {
		"enabled", "interval", "keys", "slow_us", "reset", "dump"
	};
	static const struct {
		const char *val;
		int switch_err;
		int interval_err;
	} bad[] = {
		{ "\n",				-EINVAL, -EINVAL },
		{ " ",				-EINVAL, -EINVAL },
		{ "abc",			-EINVAL, -EINVAL },
		{ "on",				-EINVAL, -EINVAL },
		{ "1 1",			-EINVAL, -EINVAL },
		{ "1abc",			-EINVAL, -EINVAL },
		{ "0x1",			-EINVAL, -EINVAL },
		{ "1.0",			-EINVAL, -EINVAL },
		{ "-1",				-EINVAL, -EINVAL },
		{ "1\n\n",			-EINVAL, -EINVAL },
		{ "4294967296",			-ERANGE, -ERANGE },
		{ "99999999999999999999999",	-ERANGE, -ERANGE },
		{ "2",				-EINVAL, 0 },
	};
	char page[4096];
	uint64_t exits;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i, j, err, log;

	vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	while (exit_stats_run_to_sync(vcpu))
		;
	kvm_vm_free(vm);
	exits = exit_stats_number("total_exits");

	memset(page, '1', sizeof(page));
	exit_stats_set("interval", "1000000");
	log = open_log();

	for (i = 0; i < ARRAY_SIZE(writable); i++) {
		bool is_switch = strcmp(writable[i], "interval") && strcmp(writable[i], "slow_us");

		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			int want = is_switch ? bad[j].switch_err : bad[j].interval_err;

			if (!want)
				continue;
			err = exit_stats_write(writable[i], bad[j].val, strlen(bad[j].val));
			TEST_ASSERT(err == want, "'%s' to '%s': %d, not %d",
				    bad[j].val, writable[i], err, want);
		}

		err = exit_stats_write(writable[i], page, sizeof(page));
		TEST_ASSERT(err == -ERANGE, "A page of 1s to '%s': %d",
			    writable[i], err);

		memset(page, ' ', sizeof(page));
		page[0] = '1';
		err = exit_stats_write(writable[i], page, sizeof(page));
		TEST_ASSERT(err == -EINVAL, "1 and a page of blanks to '%s': %d",
			    writable[i], err);
		memset(page, '1', sizeof(page));

		/* An empty write succeeds: sysfs does not even call the kernel's function. */
		TEST_ASSERT(!exit_stats_write(writable[i], "", 0), "Empty write to '%s'",
			    writable[i]);
	}

	/* Triggers take 1, not 0. */
	TEST_ASSERT_EQ(exit_stats_write("reset", "0", 1), -EINVAL);
	TEST_ASSERT_EQ(exit_stats_write("dump", "0", 1), -EINVAL);

	TEST_ASSERT_EQ(exit_stats_number("enabled"), 1);
	TEST_ASSERT_EQ(exit_stats_number("keys"), 0);
	TEST_ASSERT_EQ(exit_stats_number("slow_us"), 0);
	TEST_ASSERT_EQ(exit_stats_number("interval"), 1000000);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exits);
	TEST_ASSERT_EQ(count_summaries(log), 0);
	close(log);

	/* The smallest and the largest value are valid, with and without a newline. */
	exit_stats_set("interval", "4294967295");
	TEST_ASSERT_EQ(exit_stats_number("interval"), UINT32_MAX);
	exit_stats_set("interval", "0\n");
	TEST_ASSERT_EQ(exit_stats_number("interval"), 0);
}

TEST_F(exit_stats, unprivileged)
{
	char path[PATH_MAX];
	int i, status;
	pid_t pid;

	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));

	if (!pid) {
		TEST_ASSERT(!setresgid(NOBODY, NOBODY, NOBODY) &&
			    !setresuid(NOBODY, NOBODY, NOBODY), "setresuid");

		for (i = 0; i < ARRAY_SIZE(root_files); i++) {
			mode_t mode = root_files[i].mode;

			snprintf(path, sizeof(path), EXIT_STATS_ROOT "/%s", root_files[i].name);
			TEST_ASSERT(open(path, O_WRONLY) < 0 && errno == EACCES,
				    "nobody can write '%s'", path);
			TEST_ASSERT((open(path, O_RDONLY) >= 0) == !!(mode & 0004),
				    "nobody and reading '%s'", path);
		}

		for (i = 0; i < ARRAY_SIZE(reason_files); i++) {
			snprintf(path, sizeof(path), EXIT_STATS_ROOT "/reasons/%s/%s",
				 exit_stats_name(&exit_stats_hlt), reason_files[i].name);
			TEST_ASSERT(open(path, O_RDONLY) < 0 && errno == EACCES,
				    "nobody can read '%s'", path);
		}
		_exit(0);
	}

	TEST_ASSERT(waitpid(pid, &status, 0) == pid && !status,
		    "The child of nobody failed");
}

TEST_F(exit_stats, exact_counts)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	uint64_t start = rdtsc();

	exit_stats_run_to_sync(vcpu);
	exit_stats_check_rise(vcpu, &exit_stats_cpuid, EXIT_STATS_NR_CPUID);
	exit_stats_check_rise(vcpu, &exit_stats_pio, EXIT_STATS_NR_PIO + 1);
	exit_stats_check_rise(vcpu, &exit_stats_rdmsr, EXIT_STATS_NR_RDMSR);
	exit_stats_check_rise(vcpu, &exit_stats_wrmsr, EXIT_STATS_NR_WRMSR);
	exit_stats_check_rise(vcpu, &exit_stats_hlt, EXIT_STATS_NR_HLT);
	exit_stats_check_rise(vcpu, &exit_stats_mmio, EXIT_STATS_NR_MMIO);
	TEST_ASSERT(!exit_stats_run_to_sync(vcpu), "The guest has a stage too many");
	exit_stats_check_times(&exit_stats_cpuid, rdtsc() - start);

	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exit_stats_vcpu_exits(vcpu));
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

/* Keys say what the exits of exit_stats_guest() are for, but only while "keys" is on. */
TEST_F(exit_stats, keys)
{
	bool is_vmx = exit_stats_is_vmx();
	const char *mmio = is_vmx ? "page:0xd0000000" : "page:0xd0000000:read";
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	exit_stats_set("keys", "1");
	vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	while (exit_stats_run_to_sync(vcpu))
		;

	TEST_ASSERT_EQ(exit_stats_key(&exit_stats_cpuid, "cpuid:0x1:0x0"), EXIT_STATS_NR_CPUID);
	TEST_ASSERT_EQ(exit_stats_key(&exit_stats_pio, "port:0x80:1:write"), EXIT_STATS_NR_PIO);
	TEST_ASSERT_EQ(exit_stats_key(&exit_stats_wrmsr, "msr:0x8b:write"), EXIT_STATS_NR_WRMSR);
	/* The guest also reads this MSR to enter x2APIC mode. */
	TEST_ASSERT(exit_stats_key(&exit_stats_rdmsr, "msr:0x1b:read") >= EXIT_STATS_NR_RDMSR,
		    "Reads of the APIC's base are missing");
	/* On VMX, the first access is an EPT violation. */
	TEST_ASSERT_EQ(exit_stats_key(&exit_stats_mmio, mmio), EXIT_STATS_NR_MMIO + !is_vmx);
	exit_stats_set("keys", "0");

	kvm_vm_free(vm);
	TEST_ASSERT_EQ(exit_stats_key(&exit_stats_cpuid, "cpuid:0x1:0x0"), EXIT_STATS_NR_CPUID);
	exit_stats_check_laws();

	/* Exits while "keys" is off count, but have no keys. */
	exit_stats_set("reset", "1");
	vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	while (exit_stats_run_to_sync(vcpu))
		;
	TEST_ASSERT_EQ(exit_stats_key(&exit_stats_cpuid, "cpuid:0x1:0x0"), 0);
	TEST_ASSERT_EQ(exit_stats_count(&exit_stats_cpuid), EXIT_STATS_NR_CPUID);
	kvm_vm_free(vm);
}

/* An instruction that KVM does not emulate, on MMIO */
static void guest_internal_error(void)
{
	int i;

	for (i = 0; i < EXIT_STATS_NR_CPUID; i++)
		this_cpu_fms();
	asm volatile("flds (%0)" : : "r" (EXIT_STATS_MMIO_GPA));
	GUEST_DONE();
}

/* The exits before an internal error are printed to the log. */
TEST_F(exit_stats, internal_error)
{
	char line[1024], *text, want[64];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int fd, n = 0;
	ssize_t len;

	snprintf(want, sizeof(want), "%s ", exit_stats_name(&exit_stats_cpuid));
	fd = open_log();
	vm = exit_stats_create_vm(&vcpu, guest_internal_error);
	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_INTERNAL_ERROR);
	kvm_vm_free(vm);

	while ((len = read(fd, line, sizeof(line) - 1)) > 0) {
		line[len] = '\0';
		text = strstr(line, "kvm_exit_stats: ");
		for (; text; text = strstr(text + 1, want))
			n++;
	}
	close(fd);
	/* A line, and four lines of eight exits: nearly all are CPUID, a few e.g. interrupts. */
	TEST_ASSERT(n >= 5 + 24, "The log has %d of the last exits", n - 5);
}

TEST_F(exit_stats, reset)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	uint64_t before;

	exit_stats_run_to_sync(vcpu);
	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT(exit_stats_count(&exit_stats_cpuid) >= EXIT_STATS_NR_CPUID, "No CPUID exits");

	exit_stats_set("reset", "1\n");
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), 0);
	TEST_ASSERT_EQ(exit_stats_number("total_cycles"), 0);
	exit_stats_check_laws();

	/* Exactly the exits since then, and nothing of what was before */
	before = exit_stats_vcpu_exits(vcpu);
	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exit_stats_vcpu_exits(vcpu) - before);
	TEST_ASSERT_EQ(exit_stats_count(&exit_stats_pio), EXIT_STATS_NR_PIO + 1);
	TEST_ASSERT_EQ(exit_stats_count(&exit_stats_cpuid), 0);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

TEST_F(exit_stats, disabled)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	uint64_t before;

	exit_stats_set("enabled", "0");
	TEST_ASSERT_EQ(exit_stats_number("enabled"), 0);
	exit_stats_run_to_sync(vcpu);
	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), 0);

	exit_stats_set("enabled", "1");
	before = exit_stats_vcpu_exits(vcpu);
	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exit_stats_vcpu_exits(vcpu) - before);
	exit_stats_check_laws();
	kvm_vm_free(vm);
}

TEST_F(exit_stats, survives_the_vm)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	uint64_t exits;

	while (exit_stats_run_to_sync(vcpu))
		;
	exits = exit_stats_vcpu_exits(vcpu);
	kvm_vm_free(vm);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exits);
	exit_stats_check_laws();
}

TEST_F(exit_stats, switch_under_load)
{
	const char *reason = exit_stats_name(&exit_stats_wrmsr);
	const unsigned int pause_ms = 300;
	uint64_t pause = exit_stats_number("tsc_khz") * pause_ms, passed;
	struct exit_stats_load load;
	int i;

	exit_stats_start_load(&load);
	for (i = 0; i < 60; i++) {
		exit_stats_set("enabled", i % 2 ? "1" : "0");
		if (i % 10 == 0)
			exit_stats_set("reset", "1");
		usleep(2000);
	}

	/*
	 * If a stamp from before a pause were used after it, the pause would be in the maximum,
	 * and in the time that is known.
	 */
	exit_stats_set("reset", "1");
	passed = rdtsc();
	for (i = 0; i < 4; i++) {
		exit_stats_set("enabled", "0");
		usleep(pause_ms * 1000);
		exit_stats_set("enabled", "1");
		usleep(10000);
	}
	exit_stats_stop_load(&load, 1);
	passed = rdtsc() - passed;
	exit_stats_check_laws();

	TEST_ASSERT(exit_stats_count(&exit_stats_wrmsr), "No exits under load");
	TEST_ASSERT(exit_stats_reason_number(reason, "cycles_max") < pause,
		    "An exit that took %lu cycles, as long as the pause",
		    exit_stats_reason_number(reason, "cycles_max"));
	TEST_ASSERT(exit_stats_max(EXIT_STATS_AWAY_MAX) < pause,
		    "Away for %lu cycles, as long as the pause",
		    exit_stats_max(EXIT_STATS_AWAY_MAX));
	TEST_ASSERT(exit_stats_known_time() + 4 * (pause / 10 * 9) < passed,
		    "%lu cycles in the guest or away, of %lu that passed with 4 pauses of %lu",
		    exit_stats_known_time(), passed, pause);
	TEST_ASSERT_EQ(exit_stats_number("clock_warps"), 0);
}

TEST_F(exit_stats, reset_under_load)
{
	struct exit_stats_load load;
	uint64_t exits;
	int i;

	exit_stats_start_load(&load);
	for (i = 0; i < 100; i++) {
		exit_stats_set("reset", "1");
		usleep(1000);
	}
	exits = exit_stats_stop_load(&load, 1);
	exit_stats_check_laws();
	TEST_ASSERT(exit_stats_number("total_exits") < exits,
		    "%lu exits, and no reset made them less", exits);

	exit_stats_set("reset", "1");
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), 0);
	exit_stats_check_laws();
}

static bool stop_churn;

/* VMs that come, run and go, until the end of the test */
static void *churn_thread(void *exits)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	do {
		vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
		while (exit_stats_run_to_sync(vcpu))
			;
		*(uint64_t *)exits += exit_stats_vcpu_exits(vcpu);
		kvm_vm_free(vm);
	} while (!READ_ONCE(stop_churn));

	return NULL;
}

static void check_stat(const char *reason, void *data)
{
	struct exit_stats_row row;

	exit_stats_read_row(reason, &row);
	exit_stats_check_row(reason, &row);
	*(uint64_t *)data += row.number[EXIT_STATS_COUNT];
}

/* While VMs come and go, the number of exits that a reader sees never falls. */
static uint64_t check_not_less(const char *what, uint64_t exits, uint64_t before)
{
	TEST_ASSERT(exits >= before, "%lu exits in %s, after %lu", exits, what, before);

	return exits;
}

TEST_F(exit_stats, readers_while_vcpus_come_and_go)
{
	int i, j, n = get_nprocs() < 2 ? get_nprocs() : 2;
	uint64_t exits[2] = {}, seen = 0, in_stats;
	struct exit_stats_row total;
	pthread_t threads[2];
	char *table;

	WRITE_ONCE(stop_churn, false);
	/* The library caches this in the first call, which two threads must not make at once. */
	kvm_get_supported_cpuid();
	for (i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, churn_thread, &exits[i]);

	for (i = 0; i < NR_READS; i++) {
		for (j = 0; j < 10; j++)
			seen = check_not_less("total_exits", exit_stats_number("total_exits"),
					      seen);

		in_stats = 0;
		exit_stats_walk_reasons(check_stat, &in_stats);
		seen = check_not_less("stat", in_stats, seen);

		if (!exit_stats_has_tables())
			continue;
		table = exit_stats_read_table("kvm_exit_stats");
		exit_stats_table_row(table, "TOTAL", &total);
		exit_stats_check_row("TOTAL", &total);
		seen = check_not_less("the table", total.number[EXIT_STATS_COUNT], seen);
		free(table);
	}

	WRITE_ONCE(stop_churn, true);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exits[0] + exits[1]);
	exit_stats_check_laws();
}

TEST_F(exit_stats, summaries)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	int fd = open_log();

	exit_stats_set("interval", "7");
	while (exit_stats_run_to_sync(vcpu))
		;
	check_summaries(fd, 0, exit_stats_vcpu_exits(vcpu) / 7);
	kvm_vm_free(vm);

	/* A summary on demand is printed at once. */
	exit_stats_set("dump", "1");
	TEST_ASSERT_EQ(count_summaries(fd), 1);

	/* An interval of 0 means that there are no summaries. */
	exit_stats_set("interval", "0");
	vm = exit_stats_create_vm(&vcpu, exit_stats_guest);
	while (exit_stats_run_to_sync(vcpu))
		;
	TEST_ASSERT_EQ(count_summaries(fd), 0);
	kvm_vm_free(vm);
	close(fd);
}

TEST_F(exit_stats, summaries_of_fastpath_exits)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = exit_stats_create_vm(&vcpu, guest_fastpath);
	int fd = open_log();

	exit_stats_set("interval", "1");
	while (exit_stats_run_to_sync(vcpu))
		;
	check_summaries(fd, 0, exit_stats_vcpu_exits(vcpu));
	kvm_vm_free(vm);
	close(fd);
}

TEST_F(exit_stats, interval_under_load)
{
	const unsigned int interval = 250;
	struct exit_stats_load load[2];
	uint64_t exits, summaries = 0;
	int fd = open_log();
	int i, n;

	/* One vCPU per CPU at most: an emulated CPU may not share well. */
	n = get_nprocs() < ARRAY_SIZE(load) ? get_nprocs() : ARRAY_SIZE(load);

	exit_stats_set_number("interval", interval);
	for (i = 0; i < n; i++)
		exit_stats_start_load(&load[i]);
	/* Keep reading, so that the log does not overwrite summaries before they are read. */
	for (i = 0; i < 100; i++) {
		summaries += count_summaries(fd);
		usleep(10000);
	}
	exits = exit_stats_stop_load(load, n);

	TEST_ASSERT_EQ(exit_stats_number("total_exits"), exits);
	exit_stats_check_laws();
	check_summaries(fd, summaries, exits / interval);
	close(fd);
}

int main(int argc, char *argv[])
{
	exit_stats_require();

	return test_harness_run(argc, argv);
}
