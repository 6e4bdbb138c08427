/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An option ROM with an MP table of CPUS processors, 1 to 256, all but the first of
 * them disabled: to a kernel without ACPI, that is a machine with one CPU, and CPUS
 * possible ones.  QEMU cannot do without this ROM: SeaBIOS writes no MP table for more
 * than 20 CPUs, and QEMU has no machine with more than 255 CPUs unless its accelerator
 * is KVM.
 *
 * The kernel takes the first pointer to a table that it finds, and first looks where
 * the interrupt vectors of real mode are.  So the ROM writes the pointer to the
 * vectors from 0x60 to 0x63, which nobody uses; the table stays in the ROM.
 */
#define MP_POINTER	0x180

	.code16
	.global rom
rom:
	.byte	0x55, 0xaa, (end - rom) / 512

	pushaw
	pushw	%ds
	pushw	%cs
	popw	%ds
	movw	$table - rom, %si
	movw	$table_end - table, %cx
	call	negate_sum
	movb	%al, checksum - rom

	xorw	%ax, %ax
	movw	%ax, %ds
	movl	$0x5f504d5f, MP_POINTER		/* "_MP_" */
	xorl	%eax, %eax
	movw	%cs, %ax
	shll	$4, %eax
	addl	$table - rom, %eax
	movl	%eax, MP_POINTER + 4
	movl	$0x0401, MP_POINTER + 8		/* one paragraph, version 1.4 */
	movl	$0, MP_POINTER + 12
	movw	$MP_POINTER, %si
	movw	$16, %cx
	call	negate_sum
	movb	%al, MP_POINTER + 10

	popw	%ds
	popaw
	lretw

/* Return in AL the checksum that the CX bytes at DS:SI need to sum up to 0 */
negate_sum:
	xorb	%al, %al
1:	subb	(%si), %al
	incw	%si
	loop	1b
	retw

	.balign	16, 0
table:
	.ascii	"PCMP"
	.word	table_end - table
	.byte	4
checksum:
	.byte	0
	.ascii	"BENCH   MP TABLE    "
	.long	0
	.word	0, CPUS + 2 + 15 + 2
	.long	0xfee00000, 0

	/* Processors: APIC ID, version, enabled and boot processor */
	.set	cpu, 0
	.rept	CPUS
	.byte	0, cpu, 0x14, (cpu == 0) & 3
	.long	0x600, 0x201, 0, 0
	.set	cpu, cpu + 1
	.endr

	/* The ISA bus, and the I/O APIC with its interrupts: IRQ 0 is at pin 2 */
	.byte	1, 0
	.ascii	"ISA   "
	.byte	2, 0, 0x11, 1
	.long	0xfec00000
	.set	irq, 0
	.rept	16
	.if	irq != 2
	.byte	3, 0, 0, 0, 0, irq, 0, irq | ((irq == 0) & 2)
	.endif
	.set	irq, irq + 1
	.endr

	/* The PIC (ExtINT) is at LINT0 of the first CPU, NMI at LINT1 of all CPUs */
	.byte	4, 3, 0, 0, 0, 0, 0, 0
	.byte	4, 1, 0, 0, 0, 0, 0xff, 1
table_end:

	.byte	0		/* room for the ROM's last byte, the checksum of readers.sh */
	.balign	512, 0
end:
