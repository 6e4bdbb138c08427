// SPDX-License-Identifier: GPL-2.0
/*
 * exit_loop EXITS RUNS: the cost of one CPUID exit, in TSC cycles.
 *
 * A guest in real mode executes CPUID EXITS times and halts, and then twice as
 * often, RUNS times over.  The difference is that of EXITS exits and of nothing
 * else.  Take the least cycles of all runs: what disturbs one, such as the timer
 * tick, only ever adds.  Under an emulator whose TSC counts instructions that is
 * the exact length of the path from exit to exit.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

static const uint8_t guest_code[] = {
	0x89, 0xfe,		/* mov %di,%si */
	0x31, 0xc0,		/* xor %ax,%ax */
	0x0f, 0xa2,		/* cpuid */
	0x4e,			/* dec %si */
	0x75, 0xf9,		/* jnz to the xor */
	0xf4,			/* hlt */
};

static unsigned long parse(const char *name, const char *arg, unsigned long max)
{
	unsigned long val;
	char *end;

	errno = 0;
	val = strtoul(arg, &end, 10);
	if (errno || *end || end == arg || *arg == '-' || !val || val > max)
		errx(2, "%s is '%s', must be a number from 1 to %lu", name, arg, max);

	return val;
}

static int kvm_ioctl(int fd, const char *name, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		err(1, "%s", name);
	return ret;
}

static uint64_t min_cycles(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The cycles of one run with that many CPUID exits, from the start of the code */
static uint64_t run_guest(int vcpu, struct kvm_run *run, struct kvm_regs *regs,
			  unsigned long exits)
{
	uint64_t cycles;

	regs->rdi = exits;
	kvm_ioctl(vcpu, "KVM_SET_REGS", KVM_SET_REGS, regs);

	cycles = __rdtsc();
	kvm_ioctl(vcpu, "KVM_RUN", KVM_RUN, NULL);
	cycles = __rdtsc() - cycles;

	if (run->exit_reason != KVM_EXIT_HLT)
		errx(1, "the guest ended with exit reason %u", run->exit_reason);
	return cycles;
}

int main(int argc, char *argv[])
{
	struct kvm_userspace_memory_region region = { .memory_size = 4096 };
	struct kvm_cpuid2 *cpuid;
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_run *run;
	unsigned long exits, runs, i;
	uint64_t once = UINT64_MAX, twice = UINT64_MAX;
	int kvm, vm, vcpu;
	size_t size;
	void *mem;

	if (argc != 3)
		errx(2, "usage: exit_loop EXITS RUNS");
	exits = parse("EXITS", argv[1], UINT16_MAX / 2);
	runs = parse("RUNS", argv[2], 1000000);

	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(1, "/dev/kvm");
	vm = kvm_ioctl(kvm, "KVM_CREATE_VM", KVM_CREATE_VM, NULL);

	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "guest memory");
	memcpy(mem, guest_code, sizeof(guest_code));
	region.userspace_addr = (uintptr_t)mem;
	kvm_ioctl(vm, "KVM_SET_USER_MEMORY_REGION", KVM_SET_USER_MEMORY_REGION, &region);

	vcpu = kvm_ioctl(vm, "KVM_CREATE_VCPU", KVM_CREATE_VCPU, NULL);
	size = kvm_ioctl(kvm, "KVM_GET_VCPU_MMAP_SIZE", KVM_GET_VCPU_MMAP_SIZE, NULL);
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "kvm_run");

	cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));
	if (!cpuid)
		err(1, "cpuid");
	cpuid->nent = 256;
	kvm_ioctl(kvm, "KVM_GET_SUPPORTED_CPUID", KVM_GET_SUPPORTED_CPUID, cpuid);
	kvm_ioctl(vcpu, "KVM_SET_CPUID2", KVM_SET_CPUID2, cpuid);

	kvm_ioctl(vcpu, "KVM_GET_SREGS", KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	kvm_ioctl(vcpu, "KVM_SET_SREGS", KVM_SET_SREGS, &sregs);
	for (i = 0; i < runs; i++) {
		once = min_cycles(once, run_guest(vcpu, run, &regs, exits));
		twice = min_cycles(twice, run_guest(vcpu, run, &regs, 2 * exits));
	}

	printf("%.1f\n", (double)(twice - once) / exits);
	return 0;
}
