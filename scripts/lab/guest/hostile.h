/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guests of enemy.c: the layout of their memory, their code, the operands of its
 * instructions, and the state of nested guests.
 */
#ifndef GUEST_HOSTILE_H
#define GUEST_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prng.h"
#include "vm.h"

/*
 * Guest-physical memory: a page of code, which is read-only and followed by a hole, the same
 * for L2, and pages of data
 */
#define CODE		0u
#define L2_CODE		0x10000u
#define DATA		0x20000u
enum page {
	PML4, PDPT, TABLES, STACK, SCRATCH, ROOT, VMCS, BITMAPS, VMCBS = BITMAPS + 4,
	WORDS = VMCBS + 4, NR_PAGES = WORDS + 4
};

#define NR_WORDS	((NR_PAGES - WORDS) * PAGE_SIZE / 8)
#define NR_VMCBS	(WORDS - VMCBS)
#define ADDRESS(page)	(DATA + (page) * PAGE_SIZE)
#define GDT		ADDRESS(TABLES)
#define IDT		(GDT + 0x100)
#define TSS		(GDT + 0x400)
#define POINTERS	(GDT + 0x800)
#define STACK_TOP	(ADDRESS(STACK) + 0xff0)
/* The virtual address at which the last GiB of the physical addresses is mapped */
#define PHYSICAL_END	0x100000000

#define CR0		0x80010031
#define CR4		0x40620
#define CR4_VMXE	0x2000
#define EFER		0x500
#define EFER_SVME	0x1000
#define RFLAGS		0x202
/* The bits of DR7 that enable breakpoints, with which QEMU 7.2 crashes: never set them. */
#define BREAKPOINTS	0xffull
#define CS		0x08
/*
 * QEMU 7.2 crashes if an exception is to find its stack in a TSS that is not present or has
 * another type: let nothing lie about TR on SVM.
 */
#define TR		0x18

/* A page of code has a slot for each instruction and its operands; the last is the handler. */
#define SLOT_SIZE	64
#define NR_SLOTS	(PAGE_SIZE / SLOT_SIZE)

/*
 * The code of guests, in 64-bit mode: a handler of exceptions that continues in the next slot,
 * or ends the program if that is no code, as it would go on for ever where nothing is mapped;
 * loops of exits that take their keys from the words at %rsi; and guest hypervisors.
 */
asm(
"	.pushsection .rodata\n"
"handler:\n"
"	mov	0x23fc8, %rax\n"		/* RIP as the exception has pushed it */
"	mov	$0x23ff0, %esp\n"
"	or	$63, %rax\n"
"	inc	%rax\n"
"	cmp	$0x20000, %rax\n"		/* DATA */
"	jae	1f\n"
"	jmp	*%rax\n"
"1:	out	%al, $0xf4\n"
"handler_end:\n"

"keys_cpuid:\n"
"	lodsq\n"
"	mov	%rax, %rcx\n"
"	mov	$4, %eax\n"			/* a leaf that has subleaves */
"	cpuid\n"
"	dec	%edi\n"
"	jnz	keys_cpuid\n"
"	out	%al, $0xf4\n"
"keys_cpuid_end:\n"

"keys_vmcall:\n"
"	lodsq\n"
"	vmcall\n"
"	dec	%edi\n"
"	jnz	keys_vmcall\n"
"	out	%al, $0xf4\n"
"keys_vmcall_end:\n"

"keys_vmmcall:\n"
"	lodsq\n"
"	vmmcall\n"
"	dec	%edi\n"
"	jnz	keys_vmmcall\n"
"	out	%al, $0xf4\n"
"keys_vmmcall_end:\n"

"vmx:\n"					/* %rbx: pointers to the VMXON region and VMCS */
"	vmxon	(%rbx)\n"
"	vmclear	8(%rbx)\n"
"	vmptrld	8(%rbx)\n"
"1:	mov	(%rsi), %rax\n"			/* a field, and its value */
"	mov	8(%rsi), %rcx\n"
"	vmwrite	%rcx, %rax\n"
"	add	$16, %rsi\n"
"	dec	%edi\n"
"	jnz	1b\n"
"	vmlaunch\n"
"vmx_exit:\n"					/* after each exit of L2, a number of times */
"	dec	%r15d\n"
"	js	2f\n"
"	vmresume\n"
"2:	out	%al, $0xf4\n"
"vmx_end:\n"

"svm:\n"					/* %rbx: the VMCBs */
"	mov	$0xc0010117, %ecx\n"		/* VM_HSAVE_PA */
"	mov	$0x25000, %eax\n"		/* ROOT */
"	xor	%edx, %edx\n"
"	wrmsr\n"
"1:	mov	%rbx, %rax\n"
"	vmload	%rax\n"
"	vmrun	%rax\n"
"	mov	%rbx, %rax\n"
"	vmsave	%rax\n"
"	stgi\n"
"	add	$4096, %rbx\n"
"	dec	%r15d\n"
"	jns	1b\n"
"	out	%al, $0xf4\n"
"svm_end:\n"

"l2:\n"						/* no jump back, whatever mode or first byte */
"	cpuid\n"
"	out	%al, $0xe0\n"
"	xor	%ecx, %ecx\n"
"	rdmsr\n"
"	cpuid\n"
"	mov	$0xc0000000, %ebx\n"
"	mov	%eax, (%rbx)\n"
"	vmcall\n"
"	vmmcall\n"
"	wbinvd\n"
"	mov	%cr3, %rax\n"
"	mov	%rax, %cr3\n"
"	mov	%dr7, %rax\n"
"	hlt\n"
"	cpuid\n"
"	ud2\n"
"l2_end:\n"
"	.popsection\n"
);

_Static_assert(STACK_TOP == 0x23ff0 && ADDRESS(ROOT) == 0x25000, "addresses in the code");

struct program {
	const char *code, *end;
};

#define PROGRAM(name) \
	extern const char name[], name ## _end[]; \
	static const struct program name ## _program = { name, name ## _end }

PROGRAM(handler);
PROGRAM(keys_cpuid);
PROGRAM(keys_vmcall);
PROGRAM(keys_vmmcall);
PROGRAM(vmx);
PROGRAM(svm);
PROGRAM(l2);
extern const char vmx_exit[];

static bool chance(struct prng *prng, unsigned int of)
{
	return !below(prng, of);
}

/* A random number: one at an end of some range, or any */
static uint64_t number(struct prng *prng)
{
	static const uint64_t ends[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffff, 0x800000000000, 0x8000000000000000, 0xffffffffffffffff,
	};
	uint64_t high = below(prng, 1u << 31), low = below(prng, 1u << 31);

	if (chance(prng, 2))
		return ends[below(prng, ARRAY_SIZE(ends))];
	return chance(prng, 2) ? low << 1 : high << 33 | low;
}

/*
 * Instructions that exit
 */

enum operand { NONE, ANY, LEAF, MSR, PORT, TURNS, MEMORY, BUFFER, TARGET, VMCB, DR7 };

enum vendor { BOTH, VMX, SVM };

#define OP(bytes, ...)	{ .code = (bytes), .length = sizeof(bytes) - 1, __VA_ARGS__ }

/* An instruction, and the kinds of operands that it has in registers */
static const struct op {
	const char *code;
	unsigned int length;
	enum operand rax, rcx, rdx, rbx, rsi, rdi;
	enum vendor vendor;
} ops[] = {
	OP("\x0f\xa2", .rax = LEAF, .rcx = ANY),		/* cpuid */
	OP("\x0f\x32", .rcx = MSR),				/* rdmsr */
	OP("\x0f\x30", .rcx = MSR, .rax = ANY, .rdx = ANY),	/* wrmsr */
	OP("\xec", .rdx = PORT),				/* in, 1, 2 and 4 bytes */
	OP("\x66\xed", .rdx = PORT),
	OP("\xed", .rdx = PORT),
	OP("\xee", .rdx = PORT),				/* out */
	OP("\x66\xef", .rdx = PORT),
	OP("\xef", .rdx = PORT),
	OP("\xf3\x6c", .rdx = PORT, .rcx = TURNS, .rdi = BUFFER), /* rep ins */
	OP("\x66\xf3\x6d", .rdx = PORT, .rcx = TURNS, .rdi = BUFFER),
	OP("\xf3\x6d", .rdx = PORT, .rcx = TURNS, .rdi = MEMORY),
	OP("\xf3\x6e", .rdx = PORT, .rcx = TURNS, .rsi = BUFFER), /* rep outs */
	OP("\x66\xf3\x6f", .rdx = PORT, .rcx = TURNS, .rsi = BUFFER),
	OP("\xf3\x6f", .rdx = PORT, .rcx = TURNS, .rsi = MEMORY),
	OP("\x8a\x03", .rbx = MEMORY),				/* mov from and to memory */
	OP("\x48\x8b\x03", .rbx = MEMORY),
	OP("\x88\x03", .rbx = MEMORY, .rax = ANY),
	OP("\x89\x03", .rbx = MEMORY, .rax = ANY),
	OP("\x48\x89\x03", .rbx = MEMORY, .rax = ANY),
	OP("\xf3\xa4", .rcx = TURNS, .rsi = MEMORY, .rdi = MEMORY), /* rep movs */
	OP("\xf0\x0f\xc1\x03", .rbx = MEMORY, .rax = ANY),	/* lock xadd */
	OP("\xd9\x03", .rbx = MEMORY),				/* fld, which KVM cannot emulate */
	OP("\xff\xe0", .rax = TARGET),				/* jmp *%rax */
	OP("\x0f\x01\xc1", .rax = ANY),				/* vmcall */
	OP("\x0f\x01\xd9", .rax = ANY),				/* vmmcall */
	OP("\x0f\x08"),						/* invd */
	OP("\x0f\x09"),						/* wbinvd */
	OP("\x0f\x20\xc0"),					/* mov from and to %cr0 ... */
	OP("\x0f\x22\xc0", .rax = ANY),
	OP("\x0f\x20\xd8"),
	OP("\x0f\x22\xd8", .rax = ANY),
	OP("\x0f\x20\xe0"),
	OP("\x0f\x22\xe0", .rax = ANY),
	OP("\x44\x0f\x20\xc0"),
	OP("\x44\x0f\x22\xc0", .rax = ANY),
	OP("\x0f\x06"),						/* clts */
	OP("\x0f\x01\xf0", .rax = ANY),				/* lmsw */
	OP("\x0f\x23\xc0", .rax = ANY),				/* mov to %dr0 ... */
	OP("\x0f\x23\xf0", .rax = ANY),
	OP("\x0f\x23\xf8", .rax = DR7),
	OP("\x0f\x21\xf8"),
	OP("\x0f\x01\xd1", .rax = ANY, .rcx = TURNS, .rdx = TURNS), /* xsetbv */
	OP("\x0f\x33", .rcx = ANY),				/* rdpmc */
	OP("\xf4"),						/* hlt */
	OP("\xf3\x90"),						/* pause */
	OP("\x0f\x01\xc8", .rax = MEMORY, .rcx = TURNS),	/* monitor */
	OP("\x0f\x01\xc9", .rcx = TURNS),			/* mwait */
	OP("\x0f\x31"),						/* rdtsc */
	OP("\x0f\x01\xf9"),					/* rdtscp */
	OP("\x0f\x01\x3b", .rbx = MEMORY),			/* invlpg */
	OP("\x66\x0f\x38\x82\x03", .rbx = BUFFER, .rax = ANY),	/* invpcid */
	OP("\x0f\x0b"),						/* ud2 */
	OP("\xcc"),						/* int3 */
	OP("\xcd\x80"),						/* int $0x80 */
	OP("\x0f\xaa"),						/* rsm */
	OP("\x0f\x01\x1b", .rbx = MEMORY),			/* lidt */
	OP("\x0f\x01\x03", .rbx = BUFFER),			/* sgdt */
	OP("\x0f\xc7\xf0"),					/* rdrand */
	OP("\xf3\x0f\xc7\x33", .rbx = BUFFER, .vendor = VMX),	/* vmxon */
	OP("\x66\x0f\xc7\x33", .rbx = BUFFER, .vendor = VMX),	/* vmclear */
	OP("\x0f\xc7\x33", .rbx = BUFFER, .vendor = VMX),	/* vmptrld */
	OP("\x0f\xc7\x3b", .rbx = BUFFER, .vendor = VMX),	/* vmptrst */
	OP("\x0f\x79\xc1", .rax = ANY, .rcx = ANY, .vendor = VMX), /* vmwrite */
	OP("\x0f\x78\xc1", .rax = ANY, .vendor = VMX),		/* vmread */
	OP("\x0f\x01\xc2", .vendor = VMX),			/* vmlaunch */
	OP("\x0f\x01\xc3", .vendor = VMX),			/* vmresume */
	OP("\x0f\x01\xc4", .vendor = VMX),			/* vmxoff */
	OP("\x66\x0f\x38\x80\x03", .rbx = BUFFER, .rax = TURNS, .vendor = VMX), /* invept */
	OP("\x66\x0f\x38\x81\x03", .rbx = BUFFER, .rax = TURNS, .vendor = VMX), /* invvpid */
	OP("\x0f\x01\xd8", .rax = VMCB, .vendor = SVM),		/* vmrun */
	OP("\x0f\x01\xda", .rax = VMCB, .vendor = SVM),		/* vmload */
	OP("\x0f\x01\xdb", .rax = VMCB, .vendor = SVM),		/* vmsave */
	OP("\x0f\x01\xdc", .vendor = SVM),			/* stgi */
	OP("\x0f\x01\xdd", .vendor = SVM),			/* clgi */
	OP("\x0f\x01\xde", .rax = ANY, .vendor = SVM),		/* skinit */
	OP("\x0f\x01\xdf", .rax = ANY, .rcx = ANY, .vendor = SVM), /* invlpga */
};

static uint64_t operand(struct prng *prng, enum operand kind)
{
	static const uint32_t leaves[] = {
		0, 1, 4, 7, 0xb, 0xd, 0x14, 0x1d, 0x1f, 0x40000000, 0x40000001, 0x4000ffff,
		0x80000000, 0x80000008, 0x8000001d, 0x8fffffff, 0xffffffff,
	};
	static const uint32_t msrs[] = {
		0, 0x10, 0x1b, 0x3a, 0x48, 0x49, 0x8b, 0xfe, 0x174, 0x175, 0x176, 0x179, 0x17a,
		0x186, 0x1a0, 0x1d9, 0x200, 0x277, 0x2ff, 0x38f, 0x400, 0x480, 0x491, 0x600,
		0x6e0, 0x800, 0x808, 0x80b, 0x830, 0x832, 0x838, 0x83f, 0xc0000080, 0xc0000081,
		0xc0000082, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
		0xc0010000, 0xc0010015, 0xc0010114, 0xc0010117, 0x4b564d00, 0x4b564d02,
		0x4b564d04, 0x40000000, 0xffffffff,
	};
	static const uint16_t ports[] = {
		0, 1, 0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x70, 0xa0, 0xcf8, 0x4d0, 0xfffc,
		0xfffe, 0xffff,
	};
	/* Code, its end, holes, APICs, and the ends of the physical and of the mapped addresses */
	static const uint64_t addresses[] = {
		CODE, PAGE_SIZE - 4, PAGE_SIZE, 0xc0000000, 0xfec00000, 0xfec00010, 0xfee00000,
		0xfee00020, 0xfee000b0, 0xfee00300, 0xfee00310, 0xfee00320, 0xfee00380,
		0xfee00ffc, 0xfffffff8, 0xfffffffe, PHYSICAL_END, PHYSICAL_END + 0x3ffffff8,
		PHYSICAL_END + 0x3ffffffe, 0x7fffffffffff, 0x800000000000, 0xffffffffffffffff,
	};
	/* None of these is inside the code, where a jump could make an endless loop. */
	static const uint64_t targets[] = {
		PAGE_SIZE - 1, PAGE_SIZE, L2_CODE, 0xc0000000, 0xfee00000, 0xffffffff,
		PHYSICAL_END + 0x3fffffff, 0x7fffffffffff, 0x800000000000, 0xfffffffffffffffe,
	};

	switch (kind) {
	case LEAF:
		return chance(prng, 4) ? number(prng) : leaves[below(prng, ARRAY_SIZE(leaves))];
	case MSR:
		return chance(prng, 4) ? number(prng) : msrs[below(prng, ARRAY_SIZE(msrs))];
	case PORT:
		return chance(prng, 4) ? below(prng, 0x10000) :
					 ports[below(prng, ARRAY_SIZE(ports))];
	case TURNS:
		return below(prng, 5);
	case MEMORY:
		return addresses[below(prng, ARRAY_SIZE(addresses))];
	case BUFFER:
		return ADDRESS(SCRATCH) + below(prng, PAGE_SIZE / 2);
	case TARGET:
		return targets[below(prng, ARRAY_SIZE(targets))];
	case VMCB:
		return chance(prng, 4) ? number(prng) :
					 ADDRESS(VMCBS + below(prng, NR_VMCBS));
	case DR7:
		return number(prng) & ~BREAKPOINTS;
	default:
		return number(prng);
	}
}

/*
 * Nested guests
 */

/* A field of a VMCS, by its encoding, or of a VMCB, by its offset */
struct field {
	uint64_t id;
	uint64_t value;
};

#define VMCS_RFLAGS	0x6820

/* The fields of a VMCS for a 64-bit guest without EPT, all but controls */
static const struct field vmcs[] = {
	{ 0x0802, CS }, { 0x080e, TR }, { 0x0c02, CS }, { 0x0c0c, TR },
	{ 0x2800, UINT64_MAX },
	{ 0x4800, UINT32_MAX }, { 0x4802, UINT32_MAX }, { 0x480e, 0x67 },
	{ 0x4814, 0x10000 }, { 0x4816, 0xa09b }, { 0x4818, 0x10000 }, { 0x481a, 0x10000 },
	{ 0x481c, 0x10000 }, { 0x481e, 0x10000 }, { 0x4820, 0x10000 }, { 0x4822, 0x8b },
	{ 0x6800, CR0 }, { 0x6802, ADDRESS(PML4) }, { 0x6804, CR4 | CR4_VMXE },
	{ 0x680a, 0 }, { 0x6814, TSS }, { 0x681a, 0x400 }, { 0x681c, STACK_TOP },
	{ 0x681e, L2_CODE }, { VMCS_RFLAGS, RFLAGS }, { 0x4824, 0 }, { 0x4826, 0 },
	{ 0x6c00, CR0 }, { 0x6c02, ADDRESS(PML4) }, { 0x6c04, CR4 | CR4_VMXE },
	{ 0x6c0a, TSS }, { 0x6c0c, GDT }, { 0x6c0e, IDT }, { 0x6c14, STACK_TOP },
};

/* A control, the MSR with the bits of it that must be 1 and may be 1, and the bits wanted */
static const struct {
	uint32_t field, msr, wanted;
} controls[] = {
	{ 0x4000, 0x481, 0 },
	{ 0x4002, 0x482, 0x80 },
	{ 0x400c, 0x483, 0x200 },
	{ 0x4012, 0x484, 0x200 },
};

#define VMCB_INJECTED	0xa8
#define VMCB_DR7	0x560
#define VMCB_TR		0x490
#define VMCB_TSS	(0x67008b0000 | TR)

/* The fields of a VMCB: most intercepts of words 3 and 4, an ASID, and a 64-bit guest */
static const struct field vmcb[] = {
	{ 0x08, 0xffffffff00000000 }, { 0x10, 0x3fff }, { 0x40, ADDRESS(BITMAPS) },
	{ 0x48, ADDRESS(BITMAPS) }, { 0x58, 1 },
	{ 0x400, 0xffffffff0c930010 }, { 0x410, 0xffffffff029b0000 | CS },
	{ 0x420, 0xffffffff0c930010 }, { 0x430, 0xffffffff0c930010 },
	{ 0x460, 0x1full << 32 }, { 0x468, GDT }, { VMCB_TR, VMCB_TSS }, { 0x498, TSS },
	{ 0x4d0, EFER | EFER_SVME }, { 0x548, CR4 }, { 0x550, ADDRESS(PML4) }, { 0x558, CR0 },
	{ 0x568, 0xffff0ff0 }, { 0x570, RFLAGS }, { 0x578, L2_CODE },
	{ 0x5d8, STACK_TOP }, { 0x668, 0x0007040600070406 },
};

#endif /* GUEST_HOSTILE_H */
