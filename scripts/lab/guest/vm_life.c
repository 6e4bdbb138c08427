// SPDX-License-Identifier: GPL-2.0
/*
 * vm_life RUNS: what it costs to create and to destroy a VM with a vCPU, which makes a few
 * exits in between, in TSC cycles.  Print
 *
 *	CREATE DESTROY
 *
 * each the mean of rounds' medians: some runs wait for a grace period.  In each round there
 * is one VM more beside those that come and go.  Without that, it would be by chance whether
 * they find a slab with room, or each of them takes one and gives it back.
 */
#include <stdlib.h>
#include <x86intrin.h>

#include "vm.h"

#define ROUNDS		8
#define MAX_RUNS	10000

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static unsigned long median(uint64_t *cycles, unsigned long runs)
{
	qsort(cycles, runs, sizeof(*cycles), compare);
	return cycles[runs / 2];
}

int main(int argc, char *argv[])
{
	static uint64_t create[MAX_RUNS], destroy[MAX_RUNS];
	unsigned long runs, i, created_sum = 0, destroyed_sum = 0;
	struct vcpu other_vcpus[ROUNDS];
	struct vm others[ROUNDS];
	int round;

	if (argc != 2)
		errx(2, "usage: vm_life RUNS");
	runs = parse_number("RUNS", argv[1], ROUNDS, MAX_RUNS) / ROUNDS;

	for (round = 0; round < ROUNDS; round++) {
		create_vm(&others[round]);
		create_vcpu(&others[round], &other_vcpus[round], 0);

		for (i = 0; i < runs; i++) {
			uint64_t start, created, ended;
			struct vcpu vcpu;
			struct vm vm;

			start = __rdtsc();
			create_vm(&vm);
			create_vcpu(&vm, &vcpu, 0);
			created = __rdtsc();

			set_exits(&vcpu, types, 10);
			run_until_done(&vcpu);

			ended = __rdtsc();
			close_vcpu(&vcpu);
			close_vm(&vm);

			create[i] = created - start;
			destroy[i] = __rdtsc() - ended;
		}
		created_sum += median(create, runs);
		destroyed_sum += median(destroy, runs);
	}

	printf("%lu %lu\n", created_sum / ROUNDS, destroyed_sum / ROUNDS);
	return 0;
}
