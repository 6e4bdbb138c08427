// SPDX-License-Identifier: GPL-2.0
/*
 * vm_life RUNS VCPUS: how many nanoseconds it takes to create and to destroy a VM with so many
 * vCPUs, each of which makes a few exits of several types in between.  Print
 *
 *	CREATE DESTROY WORK EXITS
 *
 * CREATE is the CPU time of creating.  DESTROY is the elapsed time of destroying, most of which
 * is waiting for grace periods, and WORK is its CPU time.  In QEMU with one CPU, where the TSC
 * runs at 1 GHz and counts instructions, CPU time is a number of instructions.  EXITS is KVM's
 * own count of the exits of all these VMs, if no other VM runs.
 *
 * Times are the mean over rounds of the median of a round.  Each round has one more VM that
 * stays.  Without these, it would depend on chance whether a new VM finds room in the slabs,
 * or each VM allocates a new slab and frees it again.
 */
#include <stdlib.h>
#include <time.h>

#include "vm.h"

#define ROUNDS		8
#define EXITS		2
#define MAX_RUNS	10000
#define MAX_VCPUS	16

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static unsigned long median(uint64_t *times, unsigned long runs)
{
	qsort(times, runs, sizeof(*times), compare);
	return times[runs / 2];
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		err(1, "clock_gettime");
	return now.tv_sec * 1000000000ul + now.tv_nsec;
}

/* The times of each VM of a round */
static uint64_t create[MAX_RUNS], destroy[MAX_RUNS], work[MAX_RUNS];

/* Create, run and destroy VM number @n of a round, and note its times.  Returns its exits. */
static unsigned long live(unsigned long n, unsigned long vcpus)
{
	struct vcpu vcpu[MAX_VCPUS];
	unsigned long i, exits, others = exits_of_kvm();
	uint64_t start, worked;
	struct vm vm;

	start = read_clock(CLOCK_THREAD_CPUTIME_ID);
	create_vm(&vm);
	for (i = 0; i < vcpus; i++)
		create_vcpu(&vm, &vcpu[i], i);
	create[n] = read_clock(CLOCK_THREAD_CPUTIME_ID) - start;

	for (i = 0; i < vcpus; i++)
		make_exits_of_types(&vcpu[i], EXITS);
	exits = exits_of_kvm() - others;

	start = read_clock(CLOCK_MONOTONIC);
	worked = read_clock(CLOCK_THREAD_CPUTIME_ID);
	for (i = 0; i < vcpus; i++)
		close_vcpu(&vcpu[i]);
	close_vm(&vm);
	work[n] = read_clock(CLOCK_THREAD_CPUTIME_ID) - worked;
	destroy[n] = read_clock(CLOCK_MONOTONIC) - start;

	return exits;
}

int main(int argc, char *argv[])
{
	unsigned long created_sum = 0, destroyed_sum = 0, worked_sum = 0, exits = 0;
	unsigned long runs, vcpus, i;
	struct vcpu other_vcpus[ROUNDS];
	struct vm others[ROUNDS];
	int round;

	if (argc != 3)
		errx(2, "usage: vm_life RUNS VCPUS");
	runs = parse_number("RUNS", argv[1], ROUNDS, MAX_RUNS) / ROUNDS;
	vcpus = parse_number("VCPUS", argv[2], 1, MAX_VCPUS);

	for (round = 0; round < ROUNDS; round++) {
		create_vm(&others[round]);
		create_vcpu(&others[round], &other_vcpus[round], 0);

		for (i = 0; i < runs; i++)
			exits += live(i, vcpus);
		created_sum += median(create, runs);
		destroyed_sum += median(destroy, runs);
		worked_sum += median(work, runs);
	}

	printf("%lu %lu %lu %lu\n", created_sum / ROUNDS, destroyed_sum / ROUNDS,
	       worked_sum / ROUNDS, exits);
	return 0;
}
