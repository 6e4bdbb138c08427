// SPDX-License-Identifier: GPL-2.0
/*
 * read_cost files PATH: what it takes to open, read to the end and close a file, or
 * each file below a directory that can be read, in TSC cycles.  Print the sum, and how
 * many files these are.
 *
 * What disturbs a read, such as the timer tick, only ever adds: each file counts with
 * the least cycles of all its reads.  Under an emulator whose TSC counts instructions
 * that is exact.
 *
 * read_cost slab: how many bytes of slab memory there are that the kernel cannot reclaim.
 * Large allocations are part of it.
 *
 * read_cost vcpus N: by how many bytes N new vCPUs make it grow.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#include "util.h"

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
	do {
		length = read(fd, text, sizeof(text));
		if (length < 0)
			err(1, "%s", path);
	} while (length);
	close(fd);
}

static unsigned long cost_of_file(const char *path)
{
	unsigned long least = ULONG_MAX;
	unsigned int i;

	for (i = 0; i < RUNS; i++) {
		unsigned long start = __rdtsc(), cycles;

		read_file(path);
		cycles = __rdtsc() - start;
		if (cycles < least)
			least = cycles;
	}

	return least;
}

static int cost_of_files(char *path)
{
	char *const paths[] = { path, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	unsigned long cycles = 0;
	unsigned int files = 0;
	FTSENT *entry;

	if (!tree)
		err(1, "%s", path);

	while ((entry = fts_read(tree))) {
		if (entry->fts_errno)
			errx(1, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
		/* Root may open what is for writing only, but not read it. */
		if (entry->fts_info != FTS_F || !(entry->fts_statp->st_mode & 0400))
			continue;

		cycles += cost_of_file(entry->fts_path);
		files++;
	}
	if (!files)
		errx(1, "there is no file to read in %s", path);

	printf("%lu %u\n", cycles, files);
	return 0;
}

/* Have the kernel add up first what it counts per CPU. */
static long slab_bytes(void)
{
	FILE *meminfo;
	char line[128];
	long kb;

	read_file("/proc/sys/vm/stat_refresh");
	meminfo = fopen("/proc/meminfo", "re");
	if (!meminfo)
		err(1, "/proc/meminfo");
	do {
		if (!fgets(line, sizeof(line), meminfo))
			errx(1, "/proc/meminfo has no SUnreclaim");
	} while (sscanf(line, "SUnreclaim: %ld kB", &kb) != 1);
	fclose(meminfo);

	return kb * 1024;
}

static int memory_of_vcpus(const char *arg)
{
	unsigned long vcpus, i;
	long before;
	int kvm, vm;

	vcpus = parse_number("N", arg, 1, MAX_VCPUS);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		err(1, "/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		err(1, "KVM_CREATE_VM");

	before = slab_bytes();
	for (i = 0; i < vcpus; i++) {
		if (ioctl(vm, KVM_CREATE_VCPU, i) < 0)
			err(1, "KVM_CREATE_VCPU %lu", i);
	}

	printf("%ld\n", slab_bytes() - before);
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 3 && !strcmp(argv[1], "files"))
		return cost_of_files(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "vcpus"))
		return memory_of_vcpus(argv[2]);

	if (argc == 2 && !strcmp(argv[1], "slab"))
		return printf("%ld\n", slab_bytes()) < 0;

	errx(2, "usage: read_cost files PATH | slab | vcpus N");
}
