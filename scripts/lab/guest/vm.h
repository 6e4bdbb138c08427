/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual machines whose guests make exits of one type in a loop:
 *
 *	cpuid	handled in KVM, and nothing else
 *	keys	likewise, with another subleaf, i.e. another key, each time
 *	msr	a write to the ICR of the x2APIC, which re-enters from the fastpath
 *	hlt	the vCPU blocks, until it is interrupted, see set_irq()
 *	io	a write to a port, handled in user space
 *	mmio	a write to memory that is not there, likewise
 *	ept	a write to a page that KVM has not mapped yet
 *
 * No program uses all of this header, hence __maybe_unused.
 */
#ifndef GUEST_VM_H
#define GUEST_VM_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util.h"

#define PAGE_SIZE		4096u

/* Guest-physical memory: a page of code and stack at 0, pages at PAGES, and no memory at MMIO */
#define PAGES			0x100000
#define MMIO			0xc0000000

#define APIC_BASE_X2APIC	0xfee00c00	/* enabled, in x2APIC mode */
#define APIC_BASE_BSP		0x100
#define DONE_PORT		0xf4
#define IRQ_BASE		0x20
#define IRQ			5

/* The guest, in flat 32-bit mode: %edi is the number of turns, %ebx the first address to write */
asm(
"	.pushsection .rodata\n"
"	.balign	8\n"
"guest:\n"
"	.code32\n"
"guest_cpuid:\n"
"	xor	%eax, %eax\n"
"	xor	%ecx, %ecx\n"
"	cpuid\n"
"	dec	%edi\n"
"	jnz	guest_cpuid\n"
"	jmp	done\n"

"guest_keys:\n"
"	mov	$4, %eax\n"			/* one that has subleaves */
"	mov	%edi, %ecx\n"
"	cpuid\n"
"	dec	%edi\n"
"	jnz	guest_keys\n"
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
extern const char guest_cpuid[], guest_keys[], guest_msr[], guest_hlt[], guest_io[];
extern const char guest_mmio[], guest_ept[];

static __maybe_unused const struct type {
	const char *name;
	const char *code;
	uint32_t ebx;
	bool wants_interrupts;
	bool wants_pages;
} types[] = {
	{ .name = "cpuid", .code = guest_cpuid },
	{ .name = "keys", .code = guest_keys },
	{ .name = "msr", .code = guest_msr },
	{ .name = "hlt", .code = guest_hlt, .wants_interrupts = true },
	{ .name = "io", .code = guest_io },
	{ .name = "mmio", .code = guest_mmio, .ebx = MMIO },
	{ .name = "ept", .code = guest_ept, .ebx = PAGES, .wants_pages = true },
};

struct vm {
	int kvm;
	int fd;
	size_t run_size;
	void *code;
};

struct vcpu {
	struct vm *vm;
	int fd;
	struct kvm_run *run;
};

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

static void set_memory(struct vm *vm, uint32_t slot, uint64_t gpa, void *mem, uint64_t size,
		       uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)mem,
	};

	kvm_ioctl(vm->fd, "KVM_SET_USER_MEMORY_REGION", KVM_SET_USER_MEMORY_REGION, &region);
}

/* Set up the PIC so that an interrupt needs no exit: no IRQ is masked, and EOI is automatic. */
static void set_up_pic(struct vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	kvm_ioctl(vm->fd, "KVM_GET_IRQCHIP", KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.irq_base = IRQ_BASE;
	chip.chip.pic.imr = 0;
	chip.chip.pic.auto_eoi = 1;
	kvm_ioctl(vm->fd, "KVM_SET_IRQCHIP", KVM_SET_IRQCHIP, &chip);
}

/* The CPUID leaves that KVM supports on this CPU.  The caller frees them. */
static struct kvm_cpuid2 *get_cpuid(struct vm *vm)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	if (!cpuid)
		err(1, "cpuid");
	cpuid->nent = 256;
	kvm_ioctl(vm->kvm, "KVM_GET_SUPPORTED_CPUID", KVM_GET_SUPPORTED_CPUID, cpuid);
	return cpuid;
}

static void set_up_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = get_cpuid(vcpu->vm);

	kvm_ioctl(vcpu->fd, "KVM_SET_CPUID2", KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void set_up_registers(struct vcpu *vcpu, bool bsp)
{
	struct kvm_segment code = {
		.limit = UINT32_MAX, .selector = 0x08, .type = 11,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_segment data = code;
	struct kvm_sregs sregs;

	data.selector = 0x10;
	data.type = 3;

	kvm_ioctl(vcpu->fd, "KVM_GET_SREGS", KVM_GET_SREGS, &sregs);
	sregs.cs = code;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.gdt.base = guest_gdt - guest;
	sregs.gdt.limit = guest_idt - guest_gdt - 1;
	sregs.idt.base = guest_idt - guest;
	sregs.idt.limit = guest_end - guest_idt - 1;
	sregs.cr0 |= 1;
	sregs.apic_base = APIC_BASE_X2APIC | (bsp ? APIC_BASE_BSP : 0);
	kvm_ioctl(vcpu->fd, "KVM_SET_SREGS", KVM_SET_SREGS, &sregs);
}

/* Create a VM without memory, interrupt controllers and vCPUs. */
static __maybe_unused void open_vm(struct vm *vm)
{
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		err(1, "/dev/kvm");
	vm->fd = kvm_ioctl(vm->kvm, "KVM_CREATE_VM", KVM_CREATE_VM, NULL);
	vm->run_size = kvm_ioctl(vm->kvm, "KVM_GET_VCPU_MMAP_SIZE", KVM_GET_VCPU_MMAP_SIZE, NULL);
}

/* Create a VM with everything but vCPUs. */
static __maybe_unused void create_vm(struct vm *vm)
{
	open_vm(vm);
	kvm_ioctl(vm->fd, "KVM_CREATE_IRQCHIP", KVM_CREATE_IRQCHIP, NULL);
	set_up_pic(vm);

	vm->code = map_memory(PAGE_SIZE);
	memcpy(vm->code, guest, guest_end - guest);
	set_memory(vm, 0, 0, vm->code, PAGE_SIZE, 0);
}

/* Create a vCPU, and leave its registers as they are after a reset. */
static __maybe_unused void open_vcpu(struct vm *vm, struct vcpu *vcpu, unsigned long id)
{
	vcpu->vm = vm;
	vcpu->fd = kvm_ioctl(vm->fd, "KVM_CREATE_VCPU", KVM_CREATE_VCPU, (void *)id);
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		err(1, "kvm_run");
	set_up_cpuid(vcpu);
}

/* Create a vCPU that is ready to run.  Interrupts go to the one with ID 0, the boot CPU. */
static __maybe_unused void create_vcpu(struct vm *vm, struct vcpu *vcpu, unsigned long id)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	open_vcpu(vm, vcpu, id);
	set_up_registers(vcpu, !id);
	if (id)
		kvm_ioctl(vcpu->fd, "KVM_SET_MP_STATE", KVM_SET_MP_STATE, &runnable);
}

static __maybe_unused void close_vcpu(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->vm->run_size);
	close(vcpu->fd);
}

/* Close a VM.  KVM destroys the VM once its vCPUs are closed as well. */
static __maybe_unused void close_vm(struct vm *vm)
{
	close(vm->fd);
	close(vm->kvm);
	munmap(vm->code, PAGE_SIZE);
}

/* Have the vCPU make that many exits of a type when it runs, and then write to DONE_PORT. */
static __maybe_unused void set_exits(struct vcpu *vcpu, const struct type *type,
				     unsigned long exits)
{
	struct kvm_regs regs = {
		.rip = type->code - guest,
		.rbx = type->ebx,
		.rdi = exits,
		.rsp = PAGE_SIZE,
		/* With interrupts enabled */
		.rflags = 0x202,
	};

	kvm_ioctl(vcpu->fd, "KVM_SET_REGS", KVM_SET_REGS, &regs);
}

/* Exit, with the reason for which a guest ended without a write to DONE_PORT. */
_Noreturn static __maybe_unused void fail_with(const struct kvm_run *run)
{
	uint32_t i;

	if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR)
		errx(1, "the guest ended with exit reason %u", run->exit_reason);

	fprintf(stderr, "internal error %u:", run->internal.suberror);
	for (i = 0; i < run->internal.ndata; i++)
		fprintf(stderr, " %#llx", run->internal.data[i]);
	errx(1, "that is what the guest ended with");
}

/* Run the vCPU up to the write to DONE_PORT.  Other port I/O and MMIO has no effect. */
static __maybe_unused void run_until_done(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	do {
		kvm_ioctl(vcpu->fd, "KVM_RUN", KVM_RUN, NULL);
		if (run->exit_reason != KVM_EXIT_IO && run->exit_reason != KVM_EXIT_MMIO)
			fail_with(run);
	} while (run->exit_reason != KVM_EXIT_IO || run->io.port != DONE_PORT);
}

/* Make that many exits of each type that needs neither pages nor interrupts. */
static __maybe_unused void make_exits_of_types(struct vcpu *vcpu, unsigned long exits)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].wants_interrupts || types[i].wants_pages)
			continue;
		set_exits(vcpu, &types[i], exits);
		run_until_done(vcpu);
	}
}

/* Map the pages that so many exits of a type need, for unmap_pages().  NULL if it needs none. */
static __maybe_unused void *map_pages(struct vm *vm, const struct type *type,
				      unsigned long exits)
{
	size_t size = exits * PAGE_SIZE;
	void *pages;

	if (!type->wants_pages)
		return NULL;

	pages = map_memory(size);
	set_memory(vm, 1, PAGES, pages, size, 0);
	return pages;
}

static __maybe_unused void unmap_pages(struct vm *vm, void *pages, unsigned long exits)
{
	if (!pages)
		return;

	set_memory(vm, 1, PAGES, pages, 0, 0);
	munmap(pages, exits * PAGE_SIZE);
}

/* Interrupt the first vCPU. */
static __maybe_unused void set_irq(struct vm *vm)
{
	static struct kvm_irq_level raised = { .irq = IRQ, .level = 1 };
	static struct kvm_irq_level lowered = { .irq = IRQ, .level = 0 };

	kvm_ioctl(vm->fd, "KVM_IRQ_LINE", KVM_IRQ_LINE, &raised);
	kvm_ioctl(vm->fd, "KVM_IRQ_LINE", KVM_IRQ_LINE, &lowered);
}

/*
 * How many bytes of memory there are in slabs that the kernel cannot reclaim, and in per-CPU
 * areas.  The kernel has counters of these on each CPU: reading stat_refresh adds them up.
 */
static __maybe_unused unsigned long unreclaimable_memory(void)
{
	unsigned long kb, sum = 0;
	int refresh = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	char line[128];
	FILE *file;

	if (refresh < 0 || read(refresh, line, sizeof(line)) < 0)
		err(1, "stat_refresh");
	close(refresh);
	file = fopen("/proc/meminfo", "re");
	if (!file)
		err(1, "/proc/meminfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "SUnreclaim: %lu kB", &kb) == 1 ||
		    sscanf(line, "Percpu: %lu kB", &kb) == 1)
			sum += kb;
	}
	fclose(file);
	return sum * 1024;
}

/* KVM's own count of exits, over all VMs that exist */
static __maybe_unused unsigned long exits_of_kvm(void)
{
	const char *name = "/sys/kernel/debug/kvm/exits";
	FILE *file = fopen(name, "r");
	unsigned long exits;

	if (!file || fscanf(file, "%lu", &exits) != 1)
		err(1, "%s", name);
	fclose(file);
	return exits;
}

#endif /* GUEST_VM_H */
