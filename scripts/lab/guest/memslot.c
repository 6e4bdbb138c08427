// SPDX-License-Identifier: GPL-2.0
/*
 * memslot PAIRS: how long it takes to add and to delete a memory slot while a vCPU of the
 * same VM makes exits in a loop, i.e. how long that vCPU delays grace periods of kvm->srcu.
 * Print
 *
 *	TIME COUNT
 *
 * TIME is in us, for adding and deleting together, the mean of PAIRS.  COUNT is KVM's own count
 * of exits, over all VMs that exist.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "vm.h"

static void *run(void *arg)
{
	for (;;) {
		set_exits(arg, &types[0], 1000000);
		run_until_done(arg);
	}
	return NULL;
}

static unsigned long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return 1000000ul * ts.tv_sec + ts.tv_nsec / 1000;
}

int main(int argc, char *argv[])
{
	unsigned long pairs, i, start;
	pthread_t thread;
	struct vcpu vcpu;
	struct vm vm;
	void *pages;

	if (argc != 2)
		errx(2, "usage: memslot PAIRS");
	pairs = parse_number("PAIRS", argv[1], 1, 1000000);

	create_vm(&vm);
	create_vcpu(&vm, &vcpu, 0);
	pages = map_memory(PAGE_SIZE);
	errno = pthread_create(&thread, NULL, run, &vcpu);
	if (errno)
		err(1, "pthread_create");
	/* Wait until the vCPU is in its loop. */
	while (exits_of_kvm() < 1000)
		usleep(1000);

	start = now_us();
	for (i = 0; i < pairs; i++) {
		set_memory(&vm, 1, PAGES, pages, PAGE_SIZE, 0);
		set_memory(&vm, 1, PAGES, pages, 0, 0);
	}
	printf("%lu %lu\n", (now_us() - start) / pairs, exits_of_kvm());
	/* The vCPU's thread ends with this one. */
	return 0;
}
