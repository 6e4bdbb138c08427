// SPDX-License-Identifier: GPL-2.0
/*
 * vm_life RUNS VCPUS: what it costs to create and to destroy a VM with so many vCPUs, each of
 * which makes a few exits of each of several types in between, in nanoseconds.  Print
 *
 *	CREATE DESTROY WORK EXITS
 *
 * CREATE is CPU time, DESTROY is all of the time, which most of all is that of grace periods,
 * and WORK is the CPU time of that.  Where the TSC has a GHz and counts instructions, i.e. in
 * QEMU with one CPU, CPU time is instructions.  EXITS is KVM's own count of the exits of all
 * these VMs, if no other VM runs.
 *
 * Times are the mean of rounds' medians.  In each round there is one VM more beside those that
 * come and go.  Without that, it would be by chance whether they find a slab with room, or each
 * of them takes one and gives it back.
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

/* Of one VM each */
static uint64_t create[MAX_RUNS], destroy[MAX_RUNS], work[MAX_RUNS];

/* The exits of VM number @n, from its creation to its end */
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
