// SPDX-License-Identifier: GPL-2.0
/*
 * read_cost files PATH...: what it takes to open, read and close these files, in TSC cycles.
 *
 * read_cost run COMMAND...: what it takes to run a command, whose output is lost.
 *
 * What disturbs a read, such as the timer tick, only ever adds: each file, and the command,
 * counts with the least cycles of several times.  Under an emulator whose TSC counts
 * instructions that is exact.
 *
 * read_cost slab: how many bytes of memory there are in slabs that the kernel cannot
 * reclaim, and in areas per CPU.  Large allocations are part of the former.
 *
 * read_cost vcpus N EXITS COMMAND...: run a command while N vCPUs live that have made so many
 * exits of each of several types.
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
/* Each has a file descriptor, of which there are 1024. */
#define MAX_VCPUS	1000

static void read_file(const char *path)
{
	static char text[1 << 16];
	ssize_t length;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	length = read(fd, text, sizeof(text));
	if (length < 0)
		err(1, "%s", path);
	if (length == sizeof(text))
		errx(1, "%s is too long", path);
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

static int cost_of_files(char *paths[])
{
	unsigned long sum = 0, least, start, cycles;
	unsigned int i;

	for (; *paths; paths++) {
		least = ULONG_MAX;
		for (i = 0; i < RUNS; i++) {
			start = __rdtsc();
			read_file(*paths);
			cycles = __rdtsc() - start;
			if (cycles < least)
				least = cycles;
		}
		sum += least;
	}

	return printf("%lu\n", sum) < 0;
}

static int cost_of_command(char *argv[])
{
	unsigned long least = ULONG_MAX, start, cycles;
	unsigned int i;

	for (i = 0; i < RUNS; i++) {
		start = __rdtsc();
		run(argv, true);
		cycles = __rdtsc() - start;
		if (cycles < least)
			least = cycles;
	}

	return printf("%lu\n", least) < 0;
}

static void make_exits(struct vcpu *vcpu, unsigned long exits)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].wants_interrupts || types[i].wants_pages)
			continue;
		set_exits(vcpu, &types[i], exits);
		run_until_done(vcpu);
	}
}

static int with_vcpus(const char *vcpus_arg, const char *exits_arg, char *argv[])
{
	unsigned long vcpus = parse_number("N", vcpus_arg, 1, MAX_VCPUS);
	unsigned long exits = parse_number("EXITS", exits_arg, 0, 1000000);
	struct vcpu vcpu;
	unsigned long i;
	struct vm vm;

	create_vm(&vm);
	for (i = 0; i < vcpus; i++) {
		create_vcpu(&vm, &vcpu, i);
		if (exits)
			make_exits(&vcpu, exits);
	}
	run(argv, false);

	return 0;
}

int main(int argc, char *argv[])
{
	if (argc > 2 && !strcmp(argv[1], "files"))
		return cost_of_files(argv + 2);
	if (argc > 2 && !strcmp(argv[1], "run"))
		return cost_of_command(argv + 2);
	if (argc > 4 && !strcmp(argv[1], "vcpus"))
		return with_vcpus(argv[2], argv[3], argv + 4);
	if (argc == 2 && !strcmp(argv[1], "slab"))
		return printf("%lu\n", unreclaimable_memory()) < 0;

	errx(2, "usage: read_cost files PATH... | run COMMAND... | slab |\n"
		"                 vcpus N EXITS COMMAND...");
}
