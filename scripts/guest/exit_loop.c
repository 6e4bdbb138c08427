// SPDX-License-Identifier: GPL-2.0
/*
 * exit_loop TYPE EXITS RUNS: what one exit of that type costs, in TSC cycles.
 *
 * A guest makes EXITS exits, one in each turn of a loop, and then twice as many, RUNS
 * times over.  The difference is that of EXITS exits and of nothing else.  Print
 *
 *	LEAST MEAN COUNT
 *
 * LEAST is of the shortest runs: what disturbs a run, such as the timer tick, only ever
 * adds.  Under an emulator whose TSC counts instructions that is the exact length of the
 * path from exit to exit.  MEAN has what all other runs took longer in addition, i.e. all
 * that the CPU did meanwhile, e.g. for whoever reads the events of a tracer.  COUNT is
 * KVM's own count of exits, of all VMs that there are.
 *
 * The types, one for each way that an exit can take:
 *
 *	cpuid	handled in KVM, and nothing else
 *	msr	a write to the ICR of the x2APIC, which re-enters from the fastpath
 *	hlt	the vCPU blocks, until another thread has an interrupt wake it
 *	io	a write to a port, handled in user space
 *	mmio	a write to memory that is not there, likewise
 *	ept	a write to a page that KVM has not mapped yet
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define PAGE_SIZE		4096u

/* Guest-physical memory: a page of code and stack at 0; there is nothing at MMIO */
#define PAGES			0x100000
#define MMIO			0xc0000000

#define APIC_BASE_X2APIC	0xfee00d00	/* enabled, in x2APIC mode, of the BSP */
#define DONE_PORT		0xf4
#define IRQ_BASE		0x20
#define IRQ			5

/* The guest, in flat 32-bit mode: %edi turns of a loop, %ebx to begin with */
asm(
"	.pushsection .rodata\n"
"	.balign	8\n"
"guest:\n"
"	.code32\n"
"guest_cpuid:\n"
"	xor	%eax, %eax\n"
"	cpuid\n"
"	dec	%edi\n"
"	jnz	guest_cpuid\n"
"	jmp	done\n"

"guest_msr:\n"
"	mov	$0x830, %ecx\n"			/* the ICR */
"	mov	$0x20, %eax\n"			/* fixed, vector 0x20 */
"	mov	$5, %edx\n"			/* to a vCPU that does not exist */
"1:	wrmsr\n"
"	dec	%edi\n"
"	jnz	1b\n"
"	jmp	done\n"

"guest_hlt:\n"
"	hlt\n"
"	dec	%edi\n"
"	jnz	guest_hlt\n"
"	jmp	done\n"

"guest_io:\n"
"	out	%al, $0xe0\n"
"	dec	%edi\n"
"	jnz	guest_io\n"
"	jmp	done\n"

"guest_mmio:\n"
"	mov	%al, (%ebx)\n"
"	dec	%edi\n"
"	jnz	guest_mmio\n"
"	jmp	done\n"

"guest_ept:\n"
"	mov	%al, (%ebx)\n"
"	add	$4096, %ebx\n"
"	dec	%edi\n"
"	jnz	guest_ept\n"

"done:\n"
"	out	%al, $0xf4\n"

"guest_interrupt:\n"
"	iret\n"

"	.balign	8\n"
"guest_gdt:\n"
"	.quad	0\n"
"	.quad	0x00cf9b000000ffff\n"		/* 0x08: code */
"	.quad	0x00cf93000000ffff\n"		/* 0x10: data */
"guest_idt:\n"
"	.skip	8 * 0x25\n"
"	.word	guest_interrupt - guest, 0x08, 0x8e00, 0\n"
"guest_end:\n"
"	.code64\n"
"	.popsection\n"
);

extern const char guest[], guest_gdt[], guest_idt[], guest_end[];
extern const char guest_cpuid[], guest_msr[], guest_hlt[], guest_io[], guest_mmio[], guest_ept[];

static const struct type {
	const char *name;
	const char *code;
	uint32_t ebx;
	bool wants_interrupts;
	bool wants_pages;
} types[] = {
	{ .name = "cpuid", .code = guest_cpuid },
	{ .name = "msr", .code = guest_msr },
	{ .name = "hlt", .code = guest_hlt, .wants_interrupts = true },
	{ .name = "io", .code = guest_io },
	{ .name = "mmio", .code = guest_mmio, .ebx = MMIO },
	{ .name = "ept", .code = guest_ept, .ebx = PAGES, .wants_pages = true },
};

struct vm {
	int kvm;
	int vm;
	int vcpu;
	struct kvm_run *run;
};

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
	errx(2, "TYPE is '%s', must be cpuid, msr, hlt, io, mmio or ept", arg);
}

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

static void *map_memory(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED)
		err(1, "guest memory");
	return mem;
}

static void set_memory(struct vm *vm, uint32_t slot, uint64_t gpa, void *mem, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)mem,
	};

	kvm_ioctl(vm->vm, "KVM_SET_USER_MEMORY_REGION", KVM_SET_USER_MEMORY_REGION, &region);
}

/* The PIC, to interrupt the guest without any exit for it: no IRQ is masked or awaits EOI */
static void set_up_pic(struct vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	kvm_ioctl(vm->vm, "KVM_GET_IRQCHIP", KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.irq_base = IRQ_BASE;
	chip.chip.pic.imr = 0;
	chip.chip.pic.auto_eoi = 1;
	kvm_ioctl(vm->vm, "KVM_SET_IRQCHIP", KVM_SET_IRQCHIP, &chip);
}

static void set_up_cpuid(struct vm *vm)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	if (!cpuid)
		err(1, "cpuid");
	cpuid->nent = 256;
	kvm_ioctl(vm->kvm, "KVM_GET_SUPPORTED_CPUID", KVM_GET_SUPPORTED_CPUID, cpuid);
	kvm_ioctl(vm->vcpu, "KVM_SET_CPUID2", KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void set_up_registers(struct vm *vm)
{
	struct kvm_segment code = {
		.limit = UINT32_MAX, .selector = 0x08, .type = 11,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_segment data = code;
	struct kvm_sregs sregs;

	data.selector = 0x10;
	data.type = 3;

	kvm_ioctl(vm->vcpu, "KVM_GET_SREGS", KVM_GET_SREGS, &sregs);
	sregs.cs = code;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.gdt.base = guest_gdt - guest;
	sregs.gdt.limit = guest_idt - guest_gdt - 1;
	sregs.idt.base = guest_idt - guest;
	sregs.idt.limit = guest_end - guest_idt - 1;
	sregs.cr0 |= 1;
	sregs.apic_base = APIC_BASE_X2APIC;
	kvm_ioctl(vm->vcpu, "KVM_SET_SREGS", KVM_SET_SREGS, &sregs);
}

static void create_vm(struct vm *vm)
{
	size_t size;
	void *code;

	vm->kvm = open("/dev/kvm", O_RDWR);
	if (vm->kvm < 0)
		err(1, "/dev/kvm");
	vm->vm = kvm_ioctl(vm->kvm, "KVM_CREATE_VM", KVM_CREATE_VM, NULL);
	kvm_ioctl(vm->vm, "KVM_CREATE_IRQCHIP", KVM_CREATE_IRQCHIP, NULL);
	set_up_pic(vm);

	code = map_memory(PAGE_SIZE);
	memcpy(code, guest, guest_end - guest);
	set_memory(vm, 0, 0, code, PAGE_SIZE);

	vm->vcpu = kvm_ioctl(vm->vm, "KVM_CREATE_VCPU", KVM_CREATE_VCPU, NULL);
	size = kvm_ioctl(vm->kvm, "KVM_GET_VCPU_MMAP_SIZE", KVM_GET_VCPU_MMAP_SIZE, NULL);
	vm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		err(1, "kvm_run");
	set_up_cpuid(vm);
	set_up_registers(vm);
}

/*
 * Interrupt the guest whenever the vCPU is blocked.  Of the two threads on the CPU that
 * of the vCPU has the higher priority: this one runs exactly while it is blocked.
 */
static void *interrupt(void *arg)
{
	struct kvm_irq_level raised = { .irq = IRQ, .level = 1 };
	struct kvm_irq_level lowered = { .irq = IRQ, .level = 0 };
	struct vm *vm = arg;

	for (;;) {
		kvm_ioctl(vm->vm, "KVM_IRQ_LINE", KVM_IRQ_LINE, &raised);
		kvm_ioctl(vm->vm, "KVM_IRQ_LINE", KVM_IRQ_LINE, &lowered);
	}
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

/* The cycles of one run with that many exits, from the start of the code */
static uint64_t run_guest(struct vm *vm, const struct type *type, unsigned long exits)
{
	struct kvm_regs regs = {
		.rip = type->code - guest,
		.rbx = type->ebx,
		.rdi = exits,
		.rsp = PAGE_SIZE,
		/* With interrupts enabled */
		.rflags = 0x202,
	};
	struct kvm_run *run = vm->run;
	uint64_t cycles;

	kvm_ioctl(vm->vcpu, "KVM_SET_REGS", KVM_SET_REGS, &regs);

	cycles = __rdtsc();
	do {
		kvm_ioctl(vm->vcpu, "KVM_RUN", KVM_RUN, NULL);
		if (run->exit_reason != KVM_EXIT_IO && run->exit_reason != KVM_EXIT_MMIO)
			errx(1, "the guest ended with exit reason %u", run->exit_reason);
	} while (run->exit_reason != KVM_EXIT_IO || run->io.port != DONE_PORT);

	return __rdtsc() - cycles;
}

static void add_run(struct cost *cost, uint64_t cycles)
{
	if (!cost->total || cycles < cost->least)
		cost->least = cycles;
	cost->total += cycles;
}

static void measure(struct vm *vm, const struct type *type, unsigned long exits,
		    struct cost *cost)
{
	size_t size = 2 * exits * PAGE_SIZE;
	void *pages = NULL;

	if (type->wants_pages) {
		pages = map_memory(size);
		set_memory(vm, 1, PAGES, pages, size);
	}

	add_run(cost, run_guest(vm, type, exits));

	if (type->wants_pages) {
		set_memory(vm, 1, PAGES, pages, 0);
		munmap(pages, size);
	}
}

static unsigned long exits_of_kvm(void)
{
	const char *name = "/sys/kernel/debug/kvm/exits";
	FILE *file = fopen(name, "r");
	unsigned long exits;

	if (!file || fscanf(file, "%lu", &exits) != 1)
		err(1, "%s", name);
	fclose(file);
	return exits;
}

int main(int argc, char *argv[])
{
	struct cost warmup = {}, once = {}, twice = {};
	unsigned long exits, runs, i;
	const struct type *type;
	double least, longer;
	struct vm vm;

	if (argc != 4)
		errx(2, "usage: exit_loop TYPE EXITS RUNS");
	type = parse_type(argv[1]);
	exits = parse("EXITS", argv[2], 1000000);
	runs = parse("RUNS", argv[3], 1000000);

	create_vm(&vm);
	if (type->wants_interrupts)
		start_interrupts(&vm);

	/* The first run is like no other. */
	measure(&vm, type, exits, &warmup);
	for (i = 0; i < runs; i++) {
		measure(&vm, type, exits, &once);
		measure(&vm, type, 2 * exits, &twice);
	}

	least = (double)(twice.least - once.least) / exits;
	longer = once.total + twice.total - runs * (once.least + twice.least);
	printf("%.1f %.1f %lu\n", least, least + longer / (3 * exits * runs), exits_of_kvm());
	return 0;
}
