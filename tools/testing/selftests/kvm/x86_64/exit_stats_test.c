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
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#include "kselftest_harness.h"

#define ROOT		"/sys/kernel/kvm_exit_stats"
#define BUCKETS		32
#define MAX_REASONS	256

#define NR_CPUID	100
#define NR_PIO		30
#define NR_RDMSR	20
#define NR_WRMSR	10
#define NR_HLT		12
#define NR_MMIO		7
#define NR_ICR		40
#define NR_SELF_IPI	15
#define NR_DEADLINE	25

#define PIO_PORT	0x80
#define MMIO_GPA	0xd0000000ul
#define IPI_VECTOR	0x30
#define NO_APIC_ID	200
#define NOBODY		65534

/* The exit reasons that the guest provokes, as VMX and SVM name them. */
struct reason_name {
	const char *vmx;
	const char *svm;
};

static const struct reason_name cpuid_exit = { "CPUID", "cpuid" };
static const struct reason_name pio_exit = { "IO_INSTRUCTION", "io" };
static const struct reason_name hlt_exit = { "HLT", "hlt" };
static const struct reason_name rdmsr_exit = { "MSR_READ", "msr" };
static const struct reason_name wrmsr_exit = { "MSR_WRITE", "msr" };
static const struct reason_name mmio_exit = { "EPT_MISCONFIG", "npf" };

/* The files, the same list for existence, modes and access. */
struct stats_file {
	const char *name;
	mode_t mode;
};

static const struct stats_file root_files[] = {
	{ "enabled",		0644 },
	{ "interval",		0644 },
	{ "reset",		0200 },
	{ "dump",		0200 },
	{ "isa",		0444 },
	{ "tsc_khz",		0444 },
	{ "total_exits",	0400 },
	{ "total_cycles",	0400 },
	{ "clock_warps",	0400 },
};

static const struct stats_file reason_files[] = {
	{ "reason",		0400 },
	{ "count",		0400 },
	{ "cycles_total",	0400 },
	{ "cycles_min",		0400 },
	{ "cycles_max",		0400 },
	{ "cycles_avg",		0400 },
	{ "cycles_hist",	0400 },
};

static int write_file(const char *name, const char *buf, size_t len)
{
	char path[PATH_MAX];
	ssize_t ret;
	int fd, err;

	snprintf(path, sizeof(path), ROOT "/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;

	ret = write(fd, buf, len);
	err = ret < 0 ? -errno : 0;
	close(fd);

	TEST_ASSERT(ret < 0 || ret == len, "Short write to '%s'", name);
	return err;
}

static void set_file(const char *name, const char *val)
{
	int err = write_file(name, val, strlen(val));

	TEST_ASSERT(!err, "Writing '%s' to '%s': %s", val, name, strerror(-err));
}

static void set_number(const char *name, unsigned long val)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%lu", val);
	set_file(name, buf);
}

static void read_file(const char *name, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), ROOT "/%s", name);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(fd >= 0, "Opening '%s': %s", path, strerror(errno));

	len = read(fd, buf, size - 1);
	TEST_ASSERT(len > 1 && buf[len - 1] == '\n',
		    "'%s' does not hold a line", path);
	buf[len - 1] = '\0';
	close(fd);
}

static uint64_t read_number(const char *name)
{
	char buf[64], *end;
	uint64_t val;

	read_file(name, buf, sizeof(buf));
	errno = 0;
	val = strtoull(buf, &end, 10);
	TEST_ASSERT(!errno && !*end, "'%s' holds '%s', not a number", name, buf);

	return val;
}

static uint64_t read_reason(const char *reason, const char *file)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "reasons/%s/%s", reason, file);
	return read_number(name);
}

static bool is_vmx(void)
{
	char isa[8];

	read_file("isa", isa, sizeof(isa));
	TEST_ASSERT(!strcmp(isa, "vmx") || !strcmp(isa, "svm"),
		    "Unknown isa '%s'", isa);
	return !strcmp(isa, "vmx");
}

static uint64_t count_of(const struct reason_name *reason)
{
	return read_reason(is_vmx() ? reason->vmx : reason->svm, "count");
}

static int walk_reasons(void (*fn)(const char *reason, void *data), void *data)
{
	struct dirent *entry;
	DIR *dir;
	int n = 0;

	dir = opendir(ROOT "/reasons");
	TEST_ASSERT(dir, "Opening '" ROOT "/reasons': %s", strerror(errno));

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		fn(entry->d_name, data);
		n++;
	}
	closedir(dir);

	return n;
}

struct sums {
	uint64_t count;
	uint64_t cycles;
};

/* Check one reason against itself, and add it up. */
static void check_reason(const char *reason, void *data)
{
	uint64_t count = read_reason(reason, "count");
	uint64_t total = read_reason(reason, "cycles_total");
	uint64_t min = read_reason(reason, "cycles_min");
	uint64_t max = read_reason(reason, "cycles_max");
	uint64_t avg = read_reason(reason, "cycles_avg");
	uint64_t in_buckets = 0, bucket;
	struct sums *sums = data;
	char name[PATH_MAX], buf[BUCKETS * 21 + 1], *pos = buf;
	int i;

	if (!count)
		TEST_ASSERT(!total && !min && !max && !avg,
			    "%s: cycles without an exit", reason);
	else
		TEST_ASSERT(avg == total / count && min <= avg && avg <= max,
			    "%s: min %lu avg %lu max %lu, total %lu of %lu",
			    reason, min, avg, max, total, count);

	snprintf(name, sizeof(name), "reasons/%s/cycles_hist", reason);
	read_file(name, buf, sizeof(buf));
	for (i = 0; i < BUCKETS; i++) {
		bucket = strtoull(pos, &pos, 10);
		in_buckets += bucket;

		if (!bucket)
			continue;
		/* Bucket 0 is 0 cycles, bucket i starts at 2^(i - 1). */
		TEST_ASSERT(max >= (i ? 1ull << (i - 1) : 0),
			    "%s: max %lu, bucket %d is not empty", reason, max, i);
		TEST_ASSERT(i == BUCKETS - 1 || min < 1ull << i,
			    "%s: min %lu, bucket %d is not empty", reason, min, i);
	}
	TEST_ASSERT(!*pos, "%s: junk after %d buckets: '%s'", reason, BUCKETS, pos);
	TEST_ASSERT_EQ(in_buckets, count);

	sums->count += count;
	sums->cycles += total;
}

/* Laws 1 and 3, among the files. For when no VM runs. */
static void check_laws(void)
{
	struct sums sums = {};

	walk_reasons(check_reason, &sums);
	TEST_ASSERT_EQ(sums.count, read_number("total_exits"));
	TEST_ASSERT_EQ(sums.cycles, read_number("total_cycles"));
}

/* KVM's own count of a vCPU's exits */
static uint64_t vcpu_exits(struct kvm_vcpu *vcpu)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc *descs, *desc;
	uint64_t exits = UINT64_MAX;
	size_t size;
	int fd, i;

	fd = vcpu_get_stats_fd(vcpu);
	read_stats_header(fd, &header);
	descs = read_stats_descriptors(fd, &header);
	size = get_stats_descriptor_size(&header);

	for (i = 0; i < header.num_desc; i++) {
		desc = (void *)descs + i * size;
		if (!strcmp(desc->name, "exits"))
			read_stat_data(fd, &header, desc, &exits, 1);
	}
	TEST_ASSERT(exits != UINT64_MAX, "KVM has no stat 'exits'");

	free(descs);
	close(fd);
	return exits;
}

static uint64_t nr_ipis;

static void guest_ipi_handler(struct ex_regs *regs)
{
	WRITE_ONCE(nr_ipis, nr_ipis + 1);
	x2apic_write_reg(APIC_EOI, 0);
}

static void guest_send_ipi(uint64_t apic_id)
{
	x2apic_write_reg(APIC_ICR, APIC_DEST_PHYSICAL | APIC_DM_FIXED |
			 IPI_VECTOR | apic_id << 32);
}

/* One stage per reason, each closed by a sync, i.e. by one more port I/O. */
static void guest_exact(void)
{
	int i;

	x2apic_enable();
	READ_ONCE(*(uint8_t *)MMIO_GPA);
	GUEST_SYNC(0);

	for (i = 0; i < NR_CPUID; i++)
		this_cpu_fms();
	GUEST_SYNC(1);

	for (i = 0; i < NR_PIO; i++)
		asm volatile("outb %%al, %0" : : "i" (PIO_PORT), "a" (0));
	GUEST_SYNC(2);

	for (i = 0; i < NR_RDMSR; i++)
		rdmsr(MSR_IA32_APICBASE);
	GUEST_SYNC(3);

	for (i = 0; i < NR_WRMSR; i++)
		wrmsr(MSR_IA32_UCODE_REV, 0);
	GUEST_SYNC(4);

	/* The interrupt is there before HLT; sti keeps it out until then. */
	for (i = 0; i < NR_HLT; i++) {
		guest_send_ipi(0);
		asm volatile("sti; hlt; cli");
	}
	GUEST_ASSERT_EQ(READ_ONCE(nr_ipis), NR_HLT);
	GUEST_SYNC(5);

	for (i = 0; i < NR_MMIO; i++)
		READ_ONCE(*(uint8_t *)MMIO_GPA);
	GUEST_SYNC(6);

	GUEST_DONE();
}

/*
 * Writes that fastpath handlers take, interrupts disabled, i.e. no other exit.
 * An IPI to nobody re-enters at once.  One to itself has KVM look at interrupts
 * first, i.e. goes on to the slow path.
 */
static void guest_fastpath(void)
{
	int i;

	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | IPI_VECTOR);
	GUEST_SYNC(0);

	for (i = 0; i < NR_ICR; i++)
		guest_send_ipi(NO_APIC_ID);
	GUEST_SYNC(1);

	for (i = 0; i < NR_DEADLINE; i++)
		wrmsr(MSR_IA32_TSC_DEADLINE, ~0ull >> 1);
	GUEST_SYNC(2);

	for (i = 0; i < NR_SELF_IPI; i++)
		guest_send_ipi(0);
	GUEST_DONE();
}

/* Exits of the slow path, of the fastpath, and of both */
static void guest_load(void)
{
	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | IPI_VECTOR);

	for (;;) {
		this_cpu_fms();
		wrmsr(MSR_IA32_TSC_DEADLINE, ~0ull >> 1);
		wrmsr(MSR_IA32_UCODE_REV, 0);
		GUEST_SYNC(0);
	}
}

static struct kvm_vm *create_vm(struct kvm_vcpu **vcpu, void *guest_code)
{
	struct kvm_vm *vm = vm_create_with_one_vcpu(vcpu, guest_code);

	vcpu_set_cpuid_feature(*vcpu, X86_FEATURE_TSC_DEADLINE_TIMER);
	vm_install_exception_handler(vm, IPI_VECTOR, guest_ipi_handler);
	virt_pg_map(vm, MMIO_GPA, MMIO_GPA);

	return vm;
}

/* Run to the next sync or to the end, and serve the I/O in between. */
static bool run_to_sync(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	for (;;) {
		vcpu_run(vcpu);

		if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
			continue;
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		if (vcpu->run->io.port == PIO_PORT)
			continue;

		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			return true;
		case UCALL_DONE:
			return false;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_FAIL("Unknown ucall %lu", uc.cmd);
		}
	}
}

FIXTURE(exit_stats)
{
	unsigned long interval;
};

FIXTURE_SETUP(exit_stats)
{
	self->interval = read_number("interval");
	set_file("enabled", "1");
	set_file("interval", "0");
	set_file("reset", "1");
}

FIXTURE_TEARDOWN(exit_stats)
{
	set_file("enabled", "1");
	set_number("interval", self->interval);
}

static void check_mode(const char *name, mode_t mode)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), ROOT "/%s", name);
	TEST_ASSERT(!stat(path, &st), "'%s': %s", path, strerror(errno));
	TEST_ASSERT((st.st_mode & 07777) == mode && S_ISREG(st.st_mode) &&
		    !st.st_uid, "'%s' has mode %o, uid %u", path,
		    st.st_mode, st.st_uid);
}

static void check_reason_modes(const char *reason, void *data)
{
	bool unknown = !strcmp(reason, "UNKNOWN");
	char name[PATH_MAX];
	int i;

	for (i = 0; i < ARRAY_SIZE(reason_files); i++) {
		snprintf(name, sizeof(name), "reasons/%s/%s", reason,
			 reason_files[i].name);

		if (unknown && !strcmp(reason_files[i].name, "reason")) {
			TEST_ASSERT(!access(ROOT "/reasons/UNKNOWN", F_OK) &&
				    access(ROOT "/reasons/UNKNOWN/reason", F_OK),
				    "UNKNOWN has a reason");
			*(bool *)data = true;
			continue;
		}
		check_mode(name, reason_files[i].mode);
	}
}

TEST_F(exit_stats, files_and_modes)
{
	bool has_unknown = false;
	int i, n;

	for (i = 0; i < ARRAY_SIZE(root_files); i++)
		check_mode(root_files[i].name, root_files[i].mode);

	n = walk_reasons(check_reason_modes, &has_unknown);
	TEST_ASSERT(n > 50 && n < MAX_REASONS, "%d reasons", n);
	TEST_ASSERT(has_unknown, "No reason UNKNOWN");

	/* The hardware's numbers: CPUID is 10 in VMX, 0x72 in SVM. */
	TEST_ASSERT_EQ(read_reason(is_vmx() ? "CPUID" : "cpuid", "reason"),
		       is_vmx() ? 10 : 0x72);
	TEST_ASSERT(read_number("tsc_khz") > 0, "No TSC frequency");
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

TEST_F(exit_stats, bad_input)
{
	static const char * const writable[] = { "enabled", "interval", "reset", "dump" };
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

	vm = create_vm(&vcpu, guest_exact);
	while (run_to_sync(vcpu))
		;
	kvm_vm_free(vm);
	exits = read_number("total_exits");

	memset(page, '1', sizeof(page));
	set_file("interval", "1000000");
	log = open_log();

	for (i = 0; i < ARRAY_SIZE(writable); i++) {
		bool is_switch = strcmp(writable[i], "interval");

		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			int want = is_switch ? bad[j].switch_err : bad[j].interval_err;

			if (!want)
				continue;
			err = write_file(writable[i], bad[j].val, strlen(bad[j].val));
			TEST_ASSERT(err == want, "'%s' to '%s': %d, not %d",
				    bad[j].val, writable[i], err, want);
		}

		err = write_file(writable[i], page, sizeof(page));
		TEST_ASSERT(err == -ERANGE, "A page of 1s to '%s': %d",
			    writable[i], err);

		memset(page, ' ', sizeof(page));
		page[0] = '1';
		err = write_file(writable[i], page, sizeof(page));
		TEST_ASSERT(err == -EINVAL, "1 and a page of blanks to '%s': %d",
			    writable[i], err);
		memset(page, '1', sizeof(page));

		/* Nothing to parse, nothing to do: sysfs does not even call. */
		TEST_ASSERT(!write_file(writable[i], "", 0), "Empty write to '%s'",
			    writable[i]);
	}

	/* Triggers take 1, not 0. */
	TEST_ASSERT_EQ(write_file("reset", "0", 1), -EINVAL);
	TEST_ASSERT_EQ(write_file("dump", "0", 1), -EINVAL);

	TEST_ASSERT_EQ(read_number("enabled"), 1);
	TEST_ASSERT_EQ(read_number("interval"), 1000000);
	TEST_ASSERT_EQ(read_number("total_exits"), exits);
	TEST_ASSERT_EQ(count_summaries(log), 0);
	close(log);

	/* The bounds are no errors, with and without a newline. */
	set_file("interval", "4294967295");
	TEST_ASSERT_EQ(read_number("interval"), UINT32_MAX);
	set_file("interval", "0\n");
	TEST_ASSERT_EQ(read_number("interval"), 0);
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

			snprintf(path, sizeof(path), ROOT "/%s", root_files[i].name);
			TEST_ASSERT(open(path, O_WRONLY) < 0 && errno == EACCES,
				    "nobody can write '%s'", path);
			TEST_ASSERT((open(path, O_RDONLY) >= 0) == !!(mode & 0004),
				    "nobody and reading '%s'", path);
		}

		for (i = 0; i < ARRAY_SIZE(reason_files); i++) {
			snprintf(path, sizeof(path), ROOT "/reasons/%s/%s",
				 is_vmx() ? "HLT" : "hlt", reason_files[i].name);
			TEST_ASSERT(open(path, O_RDONLY) < 0 && errno == EACCES,
				    "nobody can read '%s'", path);
		}
		_exit(0);
	}

	TEST_ASSERT(waitpid(pid, &status, 0) == pid && !status,
		    "The child of nobody failed");
}

static void check_rise(struct kvm_vcpu *vcpu, const struct reason_name *reason,
		       uint64_t rise)
{
	uint64_t before = count_of(reason);

	run_to_sync(vcpu);
	TEST_ASSERT(count_of(reason) - before == rise, "%s: %lu exits, not %lu",
		    reason->vmx, count_of(reason) - before, rise);
}

/* One vCPU ran since the reset, i.e. its exits share the time that passed. */
static void check_times(const struct reason_name *reason, uint64_t passed)
{
	const char *name = is_vmx() ? reason->vmx : reason->svm;

	TEST_ASSERT(read_reason(name, "cycles_min") > 0, "%s took no time", name);
	TEST_ASSERT(read_number("total_cycles") < passed,
		    "%lu cycles in handling, of %lu that passed",
		    read_number("total_cycles"), passed);
}

TEST_F(exit_stats, exact_counts)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, guest_exact);
	uint64_t start = rdtsc();

	run_to_sync(vcpu);
	check_rise(vcpu, &cpuid_exit, NR_CPUID);
	check_rise(vcpu, &pio_exit, NR_PIO + 1);
	check_rise(vcpu, &rdmsr_exit, NR_RDMSR);
	check_rise(vcpu, &wrmsr_exit, NR_WRMSR);
	check_rise(vcpu, &hlt_exit, NR_HLT);
	check_rise(vcpu, &mmio_exit, NR_MMIO);
	TEST_ASSERT(!run_to_sync(vcpu), "The guest has a stage too many");
	check_times(&cpuid_exit, rdtsc() - start);

	TEST_ASSERT_EQ(read_number("total_exits"), vcpu_exits(vcpu));
	check_laws();
	kvm_vm_free(vm);
}

/* Fastpath exits never get to handle_exit(), and must be counted all the same. */
TEST_F(exit_stats, fastpath)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, guest_fastpath);
	uint64_t start = rdtsc();

	run_to_sync(vcpu);
	check_rise(vcpu, &wrmsr_exit, NR_ICR);
	check_rise(vcpu, &wrmsr_exit, NR_DEADLINE);
	check_rise(vcpu, &wrmsr_exit, NR_SELF_IPI);
	check_times(&wrmsr_exit, rdtsc() - start);

	TEST_ASSERT_EQ(read_number("total_exits"), vcpu_exits(vcpu));
	check_laws();
	kvm_vm_free(vm);
}

TEST_F(exit_stats, reset)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, guest_exact);
	uint64_t before;

	run_to_sync(vcpu);
	run_to_sync(vcpu);
	TEST_ASSERT(count_of(&cpuid_exit) >= NR_CPUID, "No CPUID exits");

	set_file("reset", "1\n");
	TEST_ASSERT_EQ(read_number("total_exits"), 0);
	TEST_ASSERT_EQ(read_number("total_cycles"), 0);
	check_laws();

	/* Exactly the exits since then, and nothing of what was before */
	before = vcpu_exits(vcpu);
	run_to_sync(vcpu);
	TEST_ASSERT_EQ(read_number("total_exits"), vcpu_exits(vcpu) - before);
	TEST_ASSERT_EQ(count_of(&pio_exit), NR_PIO + 1);
	TEST_ASSERT_EQ(count_of(&cpuid_exit), 0);
	check_laws();
	kvm_vm_free(vm);
}

TEST_F(exit_stats, disabled)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, guest_exact);
	uint64_t before;

	set_file("enabled", "0");
	TEST_ASSERT_EQ(read_number("enabled"), 0);
	run_to_sync(vcpu);
	run_to_sync(vcpu);
	TEST_ASSERT_EQ(read_number("total_exits"), 0);

	set_file("enabled", "1");
	before = vcpu_exits(vcpu);
	run_to_sync(vcpu);
	TEST_ASSERT_EQ(read_number("total_exits"), vcpu_exits(vcpu) - before);
	check_laws();
	kvm_vm_free(vm);
}

TEST_F(exit_stats, survives_the_vm)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, guest_exact);
	uint64_t exits;

	while (run_to_sync(vcpu))
		;
	exits = vcpu_exits(vcpu);
	kvm_vm_free(vm);
	TEST_ASSERT_EQ(read_number("total_exits"), exits);
	check_laws();
}

static bool stop_load;

/* A vCPU that exits all the time, until told to stop */
static void *load_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;

	while (!READ_ONCE(stop_load))
		run_to_sync(vcpu);

	return NULL;
}

struct load {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	pthread_t thread;
};

static void start_load(struct load *load)
{
	load->vm = create_vm(&load->vcpu, guest_load);
	pthread_create(&load->thread, NULL, load_thread, load->vcpu);
}

static uint64_t stop_and_count(struct load *load, int n)
{
	uint64_t exits = 0;
	int i;

	WRITE_ONCE(stop_load, true);
	for (i = 0; i < n; i++) {
		pthread_join(load[i].thread, NULL);
		exits += vcpu_exits(load[i].vcpu);
		kvm_vm_free(load[i].vm);
	}

	return exits;
}

TEST_F(exit_stats, switches_under_load)
{
	const char *reason = is_vmx() ? wrmsr_exit.vmx : wrmsr_exit.svm;
	const unsigned int pause_ms = 300;
	uint64_t pause = read_number("tsc_khz") * pause_ms;
	struct load load;
	int i;

	start_load(&load);
	for (i = 0; i < 50; i++) {
		set_file("enabled", i & 1 ? "1" : "0");
		if (!(i % 10))
			set_file("reset", "1");
		usleep(2000);
	}

	/* A stamp from before the pause would show up as a maximum that long. */
	for (i = 0; i < 3; i++) {
		set_file("enabled", "0");
		usleep(pause_ms * 1000);
		set_file("enabled", "1");
		usleep(10000);
	}
	stop_and_count(&load, 1);
	check_laws();

	TEST_ASSERT(count_of(&wrmsr_exit), "No exits under load");
	TEST_ASSERT(read_reason(reason, "cycles_max") < pause,
		    "An exit that took %lu cycles, as long as the pause",
		    read_reason(reason, "cycles_max"));
	TEST_ASSERT_EQ(read_number("clock_warps"), 0);
}

TEST_F(exit_stats, reset_under_load)
{
	struct load load;
	uint64_t exits;
	int i;

	start_load(&load);
	for (i = 0; i < 100; i++) {
		set_file("reset", "1");
		usleep(1000);
	}
	exits = stop_and_count(&load, 1);
	check_laws();
	TEST_ASSERT(read_number("total_exits") < exits,
		    "%lu exits, and no reset made them less", exits);

	set_file("reset", "1");
	TEST_ASSERT_EQ(read_number("total_exits"), 0);
	check_laws();
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus),
		    "Pinning to CPU %d: %s", cpu, strerror(errno));
}

static void set_cpu_online(int cpu, const char *online)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY);
	TEST_ASSERT(fd >= 0 && write(fd, online, 1) == 1, "'%s' to '%s': %s",
		    online, path, strerror(errno));
	close(fd);
}

/* The numbers of all CPUs add up, and those of a CPU that goes offline stay. */
TEST_F(exit_stats, all_cpus)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int last = get_nprocs() - 1;

	if (!last)
		SKIP(return, "Needs two CPUs");

	vm = create_vm(&vcpu, guest_exact);
	pin_to_cpu(last);
	run_to_sync(vcpu);
	run_to_sync(vcpu);
	pin_to_cpu(0);
	while (run_to_sync(vcpu))
		;
	TEST_ASSERT_EQ(read_number("total_exits"), vcpu_exits(vcpu));
	TEST_ASSERT(count_of(&cpuid_exit) >= NR_CPUID, "No CPUID exits");

	set_cpu_online(last, "0");
	TEST_ASSERT_EQ(read_number("total_exits"), vcpu_exits(vcpu));
	check_laws();

	set_file("reset", "1");
	TEST_ASSERT_EQ(read_number("total_exits"), 0);
	set_cpu_online(last, "1");
	TEST_ASSERT_EQ(read_number("total_exits"), 0);
	kvm_vm_free(vm);
}

TEST_F(exit_stats, summaries)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, guest_exact);
	int fd = open_log();

	set_file("interval", "7");
	while (run_to_sync(vcpu))
		;
	TEST_ASSERT_EQ(count_summaries(fd), vcpu_exits(vcpu) / 7);
	kvm_vm_free(vm);

	set_file("dump", "1");
	TEST_ASSERT_EQ(count_summaries(fd), 1);

	/* 0 is never. */
	set_file("interval", "0");
	vm = create_vm(&vcpu, guest_exact);
	while (run_to_sync(vcpu))
		;
	TEST_ASSERT_EQ(count_summaries(fd), 0);
	kvm_vm_free(vm);
	close(fd);
}

TEST_F(exit_stats, summaries_of_fastpath_exits)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, guest_fastpath);
	int fd = open_log();

	set_file("interval", "1");
	while (run_to_sync(vcpu))
		;
	set_file("interval", "0");
	set_file("dump", "1");
	TEST_ASSERT_EQ(count_summaries(fd), vcpu_exits(vcpu) + 1);
	kvm_vm_free(vm);
	close(fd);
}

TEST_F(exit_stats, interval_under_load)
{
	const unsigned int interval = 250;
	struct load load[2];
	int fd = open_log();
	uint64_t exits;
	int i, n;

	/* One vCPU per CPU at most: an emulated CPU may not share well. */
	n = get_nprocs() < ARRAY_SIZE(load) ? get_nprocs() : ARRAY_SIZE(load);

	set_number("interval", interval);
	for (i = 0; i < n; i++)
		start_load(&load[i]);
	sleep(1);
	exits = stop_and_count(load, n);

	TEST_ASSERT_EQ(read_number("total_exits"), exits);
	check_laws();

	/* The dump is one more, and tells of what was folded last. */
	set_file("dump", "1");
	TEST_ASSERT_EQ(count_summaries(fd), exits / interval + 1);
	close(fd);
}

int main(int argc, char *argv[])
{
	if (access(ROOT, F_OK))
		ksft_exit_skip("No " ROOT ": KVM lacks CONFIG_KVM_EXIT_STATS, or is not loaded\n");
	if (geteuid())
		ksft_exit_skip("Must be root\n");

	return test_harness_run(argc, argv);
}
