// SPDX-License-Identifier: GPL-2.0
/*
 * vm_life RUNS: what it costs to create and to destroy a VM with a vCPU, which makes a few
 * exits in between, in TSC cycles.  Print
 *
 *	CREATE DESTROY
 *
 * each the median of all runs but for the first: some wait for a grace period.
 */
#include <stdlib.h>
#include <x86intrin.h>

#include "vm.h"

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
	unsigned long runs, i;

	if (argc != 2)
		errx(2, "usage: vm_life RUNS");
	runs = parse_number("RUNS", argv[1], 1, MAX_RUNS);

	for (i = 0; i <= runs; i++) {
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
		if (i) {
			create[i - 1] = created - start;
			destroy[i - 1] = __rdtsc() - ended;
		}
	}

	printf("%lu %lu\n", median(create, runs), median(destroy, runs));
	return 0;
}
