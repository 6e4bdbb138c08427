// SPDX-License-Identifier: GPL-2.0
/*
 * read_cost files PATH...: what it takes to open, read and close these files, in TSC cycles.
 *
 * read_cost run COMMAND...: what it takes to run a command, whose output is discarded.
 *
 * read_cost write PATH COMMAND...: what it takes to write 1 to that file, each time after
 * running a command, which prepares something for the write to do.
 *
 * These are the least cycles of several times, as all that disturbs them, such as the timer
 * tick, makes them longer.  In an emulator whose TSC counts instructions, they are exact.
 *
 * read_cost slab: how many bytes of memory there are in slabs that the kernel cannot
 * reclaim, and in per-CPU areas.  Slabs include large allocations of kmalloc().
 *
 * read_cost vms VMS VCPUS EXITS COMMAND...: run a command while so many VMs live, with VCPUS
 * vCPUs each that have made EXITS exits of each of several types.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "util.h"
#include "vm.h"

#define RUNS		5
/* A process can have 1024 file descriptors.  Each vCPU takes one, and each VM two. */
#define MAX_FDS		1000

static void read_file(char *path[])
{
	static char text[1 << 16];
	ssize_t length;
	int fd;

	fd = open(*path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", *path);
	length = read(fd, text, sizeof(text));
	if (length < 0)
		err(1, "%s", *path);
	if (length == sizeof(text))
		errx(1, "%s is too long", *path);
	close(fd);
}

static void run(char *argv[], bool quiet)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		if (quiet && dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO) < 0)
			err(1, "/dev/null");
		execvp(argv[0], argv);
		err(1, "%s", argv[0]);
	}
	if (waitpid(pid, &status, 0) < 0)
		err(1, "waitpid");
	if (status)
		errx(1, "%s ended with status %#x", argv[0], status);
}

static void run_quietly(char *argv[])
{
	run(argv, true);
}

static void write_1(char *path[])
{
	int fd = open(*path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1\n", 2) != 2)
		err(1, "%s", *path);
	close(fd);
}

/* The least cycles of several runs of a job, each after running a command, unless that is NULL */
static unsigned long least_cycles(void (*job)(char *args[]), char *args[], char *command[])
{
	unsigned long least = ULONG_MAX, start, cycles;
	unsigned int i;

	for (i = 0; i < RUNS; i++) {
		if (command)
			run(command, true);
		start = __rdtsc();
		job(args);
		cycles = __rdtsc() - start;
		if (cycles < least)
			least = cycles;
	}

	return least;
}

static unsigned long cost_of_files(char *paths[])
{
	unsigned long sum = 0;

	for (; *paths; paths++)
		sum += least_cycles(read_file, paths, NULL);
	return sum;
}

static int print(unsigned long number)
{
	return printf("%lu\n", number) < 0;
}

static int with_vms(char *argv[])
{
	unsigned long vms = parse_number("VMS", argv[0], 1, MAX_FDS / 3);
	unsigned long vcpus = parse_number("VCPUS", argv[1], 1, MAX_FDS / vms - 2);
	unsigned long exits = parse_number("EXITS", argv[2], 0, 1000000);
	unsigned long i, j;
	struct vcpu vcpu;
	struct vm vm;

	for (i = 0; i < vms; i++) {
		create_vm(&vm);
		for (j = 0; j < vcpus; j++) {
			create_vcpu(&vm, &vcpu, j);
			if (exits)
				make_exits_of_types(&vcpu, exits);
		}
	}
	run(argv + 3, false);

	return 0;
}

int main(int argc, char *argv[])
{
	if (argc > 2 && !strcmp(argv[1], "files"))
		return print(cost_of_files(argv + 2));
	if (argc > 2 && !strcmp(argv[1], "run"))
		return print(least_cycles(run_quietly, argv + 2, NULL));
	if (argc > 3 && !strcmp(argv[1], "write"))
		return print(least_cycles(write_1, argv + 2, argv + 3));
	if (argc > 5 && !strcmp(argv[1], "vms"))
		return with_vms(argv + 2);
	if (argc == 2 && !strcmp(argv[1], "slab"))
		return print(unreclaimable_memory());

	errx(2, "usage: read_cost files PATH... | run COMMAND... | write PATH COMMAND... | slab |\n"
		"                 vms VMS VCPUS EXITS COMMAND...");
}
