// SPDX-License-Identifier: GPL-2.0
/*
 * vm_latency PERIODS: how late a vCPU runs whose task has a real-time priority.  PERIODS times,
 * the task sleeps until the next period of 8 ms begins, and then lets the guest run up to an
 * exit to user space.  Print
 *
 *	MEAN P99.9
 *
 * of the times from the beginning of a period to that exit, in ns.  Without high-resolution
 * timers, these include a constant part of up to a tick.
 */
#include <sched.h>
#include <time.h>

#include "vm.h"

#define PERIOD_NS	8000000
#define NSEC_PER_SEC	1000000000L
#define MAX_PERIODS	100000

static int compare(const void *a, const void *b)
{
	const long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char *argv[])
{
	const struct sched_param param = { .sched_priority = 1 };
	unsigned long periods, i;
	static long late[MAX_PERIODS];
	struct timespec next, now;
	struct vcpu vcpu;
	double sum = 0;
	struct vm vm;

	if (argc != 2)
		errx(2, "usage: vm_latency PERIODS");
	periods = parse_number("PERIODS", argv[1], 1, MAX_PERIODS);

	create_vm(&vm);
	create_vcpu(&vm, &vcpu, 0);
	for (i = 0; strcmp(types[i].name, "io"); i++)
		;
	set_exits(&vcpu, &types[i], periods + 1);
	kvm_ioctl(vcpu.fd, "KVM_RUN", KVM_RUN, NULL);

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		err(1, "mlockall");
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "SCHED_FIFO");
	clock_gettime(CLOCK_MONOTONIC, &next);

	for (i = 0; i < periods; i++) {
		next.tv_nsec += PERIOD_NS;
		if (next.tv_nsec >= NSEC_PER_SEC) {
			next.tv_nsec -= NSEC_PER_SEC;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		kvm_ioctl(vcpu.fd, "KVM_RUN", KVM_RUN, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);

		late[i] = (now.tv_sec - next.tv_sec) * NSEC_PER_SEC + now.tv_nsec - next.tv_nsec;
		sum += late[i];
	}

	qsort(late, periods, sizeof(*late), compare);
	printf("%.0f %ld\n", sum / periods, late[(periods - 1) * 999 / 1000]);
	return 0;
}
