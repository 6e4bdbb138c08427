// SPDX-License-Identifier: GPL-2.0
/*
 * fail_nth [-dp] [-s STEP] OPERATION [ARGUMENT...]: run an operation with its first
 * allocation failing, then with the second one failing, and so on, until the operation has
 * so few allocations that none fails.  With -p, let all allocations of pages from the N-th
 * page on fail instead, as if memory had run out: kvzalloc() survives one failure, as it
 * falls back to vmalloc().  With -s, take only each STEP-th N.  With -d, the operation must
 * succeed in spite of the failures.
 *
 * The operations:
 *
 *	load FILE		load a module; unloaded if that succeeds
 *	vcpu			create a vCPU
 *	open TABLE		open a table of the system, vm or vcpu in debugfs
 *	read FILE		open and read a file
 *	write FILE VALUE [OLD]	open and write a file that contains OLD, and must
 *				still contain OLD if the write fails
 *
 * Print how many allocations failed, and with which results the operations ended.  The exit
 * status is 0 if any allocation failed, if all operations that failed did so with ENOMEM,
 * and if no operation failed without a failing allocation.  The caller must set the
 * attributes in debugfs such that all allocations can fail.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

#define KVM_DIR			"/sys/kernel/debug/kvm"
#define SYSTEM_TABLE		"/sys/kernel/debug/kvm_exit_stats"
#define PAGES_DIR		"/sys/kernel/debug/fail_page_alloc"
#define SPACE			PAGES_DIR "/space"
#define TIMES			PAGES_DIR "/times"
#define MAX_ERRNO		256
#define MAX_TIMES		1000000
/* No operation has nearly as many allocations. */
#define MAX_N			100000

struct operation {
	const char *name;
	int min_args;
	int max_args;
	void (*prepare)(char **args);
	/* Run while allocations fail.  Returns -1 and sets errno, or a file descriptor, or 0. */
	int (*attempt)(char **args);
	/* Given what the attempt returned */
	void (*finish)(char **args, int ret);
};

struct file {
	const char *name;
	int fd;
};

static struct file fail_nth = { .name = "/proc/self/fail-nth" };
static struct file make_it_fail = { .name = "/proc/self/make-it-fail" };

static int module = -1, kvm = -1, vm = -1;
static char path[256];

static void open_control(struct file *file)
{
	file->fd = open(file->name, O_RDWR);
	if (file->fd < 0)
		err(2, "%s", file->name);
}

static void set_control(const struct file *file, long value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld", value);

	if (pwrite(file->fd, text, len, 0) != len)
		err(2, "%s", file->name);
}

static long get_control(const struct file *file)
{
	char text[32] = "";

	if (pread(file->fd, text, sizeof(text) - 1, 0) <= 0)
		err(2, "%s", file->name);
	return strtol(text, NULL, 10);
}

static int close_with(int fd, ssize_t ret)
{
	int error = errno;

	close(fd);
	errno = error;
	return ret < 0 ? -1 : 0;
}

static int write_file(const char *name, const char *value)
{
	int fd = open(name, O_WRONLY);

	return fd < 0 ? -1 : close_with(fd, write(fd, value, strlen(value)));
}

/* Attributes must be opened anew for each write or read. */
static void set_attribute(const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	if (write_file(name, text))
		err(2, "%s", name);
}

static long get_attribute(const char *name)
{
	int fd = open(name, O_RDONLY);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		err(2, "%s", name);
	close(fd);
	return strtol(text, NULL, 10);
}

static void prepare_load(char **args)
{
	if (module >= 0)
		return;
	module = open(args[0], O_RDONLY | O_CLOEXEC);
	if (module < 0)
		err(2, "%s", args[0]);
}

static int attempt_load(char **args)
{
	(void)args;
	return syscall(SYS_finit_module, module, "", 0);
}

static void finish_load(char **args, int ret)
{
	char *name = strdup(strrchr(args[0], '/') + 1);
	char *c;

	for (c = name; *c; c++) {
		if (*c == '-')
			*c = '_';
		if (*c == '.')
			*c = '\0';
	}
	if (!ret && syscall(SYS_delete_module, name, 0))
		err(2, "unloading %s", name);
	free(name);
}

static void prepare_vm(char **args)
{
	(void)args;
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(2, "/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		err(2, "KVM_CREATE_VM");
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		err(2, "KVM_CREATE_IRQCHIP");
}

static int attempt_vcpu(char **args)
{
	(void)args;
	return ioctl(vm, KVM_CREATE_VCPU, 0);
}

static void finish_vcpu(char **args, int ret)
{
	int vcpu = ret;

	/* After a failure, the same ID must be free, and creating the vCPU must succeed. */
	if (ret < 0)
		vcpu = attempt_vcpu(args);
	if (vcpu < 0)
		err(2, "KVM_CREATE_VCPU after a failure");
	close(vcpu);
	close(vm);
	close(kvm);
}

static void prepare_open(char **args)
{
	if (vm < 0) {
		prepare_vm(args);
		if (attempt_vcpu(args) < 0)
			err(2, "KVM_CREATE_VCPU");
	}

	if (!strcmp(args[0], "system"))
		snprintf(path, sizeof(path), SYSTEM_TABLE);
	else if (!strcmp(args[0], "vm"))
		snprintf(path, sizeof(path), KVM_DIR "/%d-%d/exit_stats", getpid(), vm);
	else
		snprintf(path, sizeof(path), KVM_DIR "/%d-%d/vcpu0/exit_stats", getpid(), vm);
}

static int attempt_open(char **args)
{
	(void)args;
	return open(path, O_RDONLY);
}

static void check_read(const char *name, int fd)
{
	char text[4096];

	/* Some files are empty, e.g. the keys of a reason that never occurred. */
	if (fd < 0 || read(fd, text, sizeof(text)) < 0)
		err(2, "%s after a failure", name);
	close(fd);
}

static void finish_open(char **args, int ret)
{
	check_read(path, ret < 0 ? attempt_open(args) : ret);
}

static void prepare_read(char **args)
{
	(void)args;
}

static int attempt_read(char **args)
{
	int fd = open(args[0], O_RDONLY);
	char text[4096];

	return fd < 0 ? -1 : close_with(fd, read(fd, text, sizeof(text)));
}

static void finish_read(char **args, int ret)
{
	(void)ret;
	check_read(args[0], open(args[0], O_RDONLY));
}

static void prepare_write(char **args)
{
	if (args[2] && write_file(args[0], args[2]))
		err(2, "%s before", args[0]);
}

static int attempt_write(char **args)
{
	return write_file(args[0], args[1]);
}

static void finish_write(char **args, int ret)
{
	const char *wanted = ret ? args[2] : args[1];
	char text[64];
	ssize_t len;
	int fd;

	if (args[2]) {
		fd = open(args[0], O_RDONLY);
		len = read(fd, text, sizeof(text));
		if (fd < 0 || len != (ssize_t)strlen(wanted) + 1 ||
		    strncmp(text, wanted, len - 1))
			errx(2, "%s is not %s after writing %s returned %d", args[0],
			     wanted, args[1], ret);
		close(fd);
	}
	if (ret && write_file(args[0], args[1]))
		err(2, "%s after a failure", args[0]);
}

static const struct operation operations[] = {
	{ "load", 1, 1, prepare_load, attempt_load, finish_load },
	{ "vcpu", 0, 0, prepare_vm, attempt_vcpu, finish_vcpu },
	{ "open", 1, 1, prepare_open, attempt_open, finish_open },
	{ "read", 1, 1, prepare_read, attempt_read, finish_read },
	{ "write", 2, 3, prepare_write, attempt_write, finish_write },
};

static const struct operation *parse_operation(int argc, char **args)
{
	size_t i;

	for (i = 0; argc && i < ARRAY_SIZE(operations); i++) {
		if (!strcmp(operations[i].name, args[0]) &&
		    argc - 1 >= operations[i].min_args &&
		    argc - 1 <= operations[i].max_args)
			return &operations[i];
	}
	errx(2, "usage: fail_nth [-dp] [-s STEP] OPERATION [ARGUMENT...]");
}

/* Attempt the operation.  Returns how many of its allocations failed. */
static long attempt(const struct operation *op, char **args, bool pages, long n, int *ret)
{
	long failures;
	int error;

	if (pages) {
		set_attribute(TIMES, MAX_TIMES);
		set_attribute(SPACE, n);
		set_control(&make_it_fail, 1);
	} else {
		set_control(&fail_nth, n);
	}

	*ret = op->attempt(args);
	error = errno;

	if (pages) {
		set_control(&make_it_fail, 0);
		failures = MAX_TIMES - get_attribute(TIMES);
	} else {
		failures = !get_control(&fail_nth);
		set_control(&fail_nth, 0);
	}

	errno = error;
	return failures;
}

int main(int argc, char *argv[])
{
	long n, step = 1, failures, faults = 0, attempts = 0, succeeded = 0;
	long errors[MAX_ERRNO] = {};
	const struct operation *op;
	bool bad = false;
	bool pages = false, must_be_done = false;
	char **args;
	int opt, ret;

	while ((opt = getopt(argc, argv, "+dps:")) != -1) {
		if (opt == 'd')
			must_be_done = true;
		else if (opt == 'p')
			pages = true;
		else if (opt == 's')
			step = parse_number("STEP", optarg, 1, MAX_N);
		else
			exit(2);
	}
	args = argv + optind + 1;
	op = parse_operation(argc - optind, argv + optind);

	open_control(&fail_nth);
	if (pages)
		open_control(&make_it_fail);

	for (n = 1; n < MAX_N; n += step) {
		op->prepare(args);
		failures = attempt(op, args, pages, n, &ret);
		if (ret < 0 && !failures)
			err(1, "%s without a failure", op->name);
		faults += failures;
		attempts += !!failures;
		if (ret < 0 && errno < MAX_ERRNO)
			errors[errno]++;
		else if (failures)
			succeeded++;
		op->finish(args, ret);
		if (!failures)
			break;
	}

	printf("#");
	for (; *argv; argv++)
		printf(" %s", *argv);
	printf(": %ld failures in %ld times:", faults, attempts);
	for (opt = 0; opt < MAX_ERRNO; opt++) {
		if (!errors[opt])
			continue;
		printf(" %ld %s,", errors[opt], strerrorname_np(opt));
		bad = bad || opt != ENOMEM || must_be_done;
	}
	printf(" %ld nonetheless done\n", succeeded);

	return bad || !faults || n >= MAX_N;
}
