// SPDX-License-Identifier: GPL-2.0
/*
 * exit_loop TYPE EXITS RUNS: what one exit of that type costs, in TSC cycles.
 *
 * A guest makes EXITS exits, one in each turn of a loop, and then twice as many, and
 * repeats both RUNS times.  The difference is the time of EXITS exits alone.  Print
 *
 *	LEAST MEAN COUNT
 *
 * LEAST is from the shortest runs, as all that disturbs a run, such as the timer tick, makes
 * it longer.  In an emulator whose TSC counts instructions, LEAST is the exact length of the
 * path from exit to exit.  MEAN adds by how much all runs were longer on average, i.e. all
 * else that the CPU did in that time, e.g. for a task that reads trace events.  COUNT is
 * KVM's own count of exits, over all VMs that exist.
 *
 * The types are those of vm.h, one for each way that an exit can take.  With hlt, another
 * thread interrupts the vCPU.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "vm.h"

struct cost {
	uint64_t least;
	uint64_t total;
};

static const struct type *parse_type(const char *arg)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (!strcmp(types[i].name, arg))
			return &types[i];
	}
	errx(2, "TYPE is '%s', must be cpuid, keys, msr, hlt, io, mmio or ept", arg);
}

/*
 * Interrupt the guest whenever the vCPU is blocked.  Both threads are bound to one CPU, where
 * the vCPU's has the higher priority: this one runs only while the vCPU is blocked.
 */
static void *interrupt(void *arg)
{
	for (;;)
		set_irq(arg);
	return NULL;
}

static void set_priority(pthread_t thread, int priority)
{
	struct sched_param param = { .sched_priority = priority };

	errno = pthread_setschedparam(thread, SCHED_FIFO, &param);
	if (errno)
		err(1, "SCHED_FIFO");
}

static void start_interrupts(struct vm *vm)
{
	pthread_t thread;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "sched_setaffinity");

	set_priority(pthread_self(), 2);
	errno = pthread_create(&thread, NULL, interrupt, vm);
	if (errno)
		err(1, "pthread_create");
	set_priority(thread, 1);
}

static void add_run(struct cost *cost, uint64_t cycles)
{
	if (!cost->total || cycles < cost->least)
		cost->least = cycles;
	cost->total += cycles;
}

/* Measure one run with that many exits. */
static void measure(struct vcpu *vcpu, const struct type *type, unsigned long exits,
		    struct cost *cost)
{
	void *pages = map_pages(vcpu->vm, type, exits);
	uint64_t start;

	set_exits(vcpu, type, exits);
	start = __rdtsc();
	run_until_done(vcpu);
	add_run(cost, __rdtsc() - start);

	unmap_pages(vcpu->vm, pages, exits);
}

int main(int argc, char *argv[])
{
	struct cost warmup = {}, once = {}, twice = {};
	unsigned long exits, runs, i;
	const struct type *type;
	double least, longer;
	struct vcpu vcpu;
	struct vm vm;

	if (argc != 4)
		errx(2, "usage: exit_loop TYPE EXITS RUNS");
	type = parse_type(argv[1]);
	exits = parse_number("EXITS", argv[2], 1, 1000000);
	runs = parse_number("RUNS", argv[3], 1, 1000000);

	create_vm(&vm);
	create_vcpu(&vm, &vcpu, 0);
	if (type->wants_interrupts)
		start_interrupts(&vm);

	/* Do not count the first run, which takes longer than all others. */
	measure(&vcpu, type, exits, &warmup);
	for (i = 0; i < runs; i++) {
		measure(&vcpu, type, exits, &once);
		measure(&vcpu, type, 2 * exits, &twice);
	}

	least = (double)(twice.least - once.least) / exits;
	longer = once.total + twice.total - runs * (once.least + twice.least);
	printf("%.1f %.1f %lu\n", least, least + longer / (3 * exits * runs), exits_of_kvm());
	return 0;
}
