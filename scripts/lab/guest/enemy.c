// SPDX-License-Identifier: GPL-2.0
/*
 * enemy SECONDS SEED: for SECONDS, attack KVM's exit statistics from guests and from a VMM:
 * guests that make every exit that they can, with operands at the ends of their ranges; vCPUs
 * and nested guests with a state that is a lie, i.e. invalid; keys that are chosen such that
 * the kernel cannot keep them all; exits each of which makes a summary due; and a VMM without
 * privileges that opens, reads and closes as fast as it can.
 *
 * These attacks run one after the other, again and again.  After each, the statistics must have
 * KVM's own number of exits, and after all of them, what exit-stats.rst and the ABI say must hold.
 * All input follows from SEED; how far a program gets, and how much the last attack does, do not.
 *
 * In Bochs, a guest that spins with interrupts off is never interrupted.  So programs jump back
 * only in loops that end, code is read-only, code that may run in another mode than it is written
 * for has no random operands, and there is a watchdog.
 *
 * Print a line for each kind of work, with how often it was done, then the exits of each attack
 * by reason, then the tests.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define WORKS(work) \
	work(PHASES, "rounds of all attacks") \
	work(VCPUS, "vCPUs") \
	work(PROGRAMS, "programs of instructions that exit") \
	work(LIES, "vCPUs with a state that is a lie") \
	work(LIES_REFUSED, "lies that KVM refused") \
	work(IO, "returns for port I/O") \
	work(MMIO_RETURNS, "returns for MMIO") \
	work(HALTS, "returns for HLT") \
	work(SHUTDOWNS, "shutdowns") \
	work(INTERNAL_ERRORS, "internal errors") \
	work(FAILED_ENTRIES, "VM-Entries that failed") \
	work(OTHER_RETURNS, "other returns") \
	work(TIMEOUTS, "programs ended by the watchdog") \
	work(NESTED_PROGRAMS, "guest hypervisors") \
	work(NESTED_ENTRIES, "VM-Entries of nested guests") \
	work(NESTED_EXITS, "exits of nested guests") \
	work(NESTED_REFLECTED, "exits of nested guests that L1 got") \
	work(NESTED_FAILED, "VM-Entries of nested guests that failed") \
	work(KEYS_MADE, "exits with keys that replace each other") \
	work(SUMMARIES_DUE, "exits that each ask for a summary") \
	work(NOBODYS_VMS, "VMs without privileges") \
	work(NOBODYS_READS, "reads of statistics at odd offsets") \
	work(LATE_READS, "reads of statistics of vCPUs that were closed") \
	work(NOBODYS_OPENS, "files that nobody tried to open")

#define OWN_LAWS(law) \
	law(RETURNS, "KVM_RUN returned as often as it says") \
	law(NESTED, "each VM-Entry of a nested guest has its exit") \
	law(KEY_BOUNDS, "keys are within their bounds, and add up") \
	law(LOG, "the log is bounded") \
	law(LEFTOVERS, "vCPUs that are gone leave no memory behind") \
	law(NOBODY, "nobody opens what is for root, nor changes anything")

#include "hostile.h"
#include "laws.h"
#include "prng.h"

#define GONE_VMS	"/sys/kernel/debug/kvm_exit_stats_gone"
#define USER_NOBODY	65534

#define MSR_FEATURES	0x3a
#define MSR_VMX_BASIC	0x480

/* How often a program may return to user space, and after how many ms the watchdog ends it */
#define PATIENCE	150
#define WATCHDOG	50

static unsigned int seed;
static bool is_vmx;

/* Linux 6.1's VMX counts in nested_run before it reads whether the entry failed. */
static bool nested_run_has_failed;

/* The memory that all guests use, one after the other */
static uint8_t *code, *l2_code, *data;

struct attack {
	const char *name;
	void (*attack)(struct prng *prng);
	/* The sum of the tables of all vCPUs of this attack */
	struct table exits;
};

static struct attack *attack;
/* total_exits before this attack, 0 after a reset; and KVM's own number of exits during it */
static unsigned long exits_before, kvm_exits;

/*
 * vCPUs
 */

struct guest {
	struct vm vm;
	struct vcpu vcpu;
	int stats;
	/* How often KVM_RUN returned */
	unsigned long returns;
	/* KVM has given the VM up, e.g. for an SMI that it could not deliver. */
	bool is_dead;
};

static struct kvm_run *volatile current_run;

/* End the program.  The signal may come just before KVM_RUN, so have that return at once. */
static void bark(int signal)
{
	(void)signal;
	if (current_run)
		current_run->immediate_exit = 1;
}

static void set_watchdog(struct kvm_run *run, unsigned int ms)
{
	struct itimerval timer = {
		.it_value.tv_usec = 1000 * ms,
		.it_interval.tv_usec = 1000 * ms,
	};

	if (run)
		run->immediate_exit = 0;
	current_run = run;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The reasons with which KVM_RUN returns, and whether they end a program */
static const struct {
	unsigned int reason;
	enum work work;
	bool ends;
} returns[] = {
	{ KVM_EXIT_IO, IO, false },
	{ KVM_EXIT_MMIO, MMIO_RETURNS, false },
	{ KVM_EXIT_HLT, HALTS, false },
	{ KVM_EXIT_SHUTDOWN, SHUTDOWNS, true },
	{ KVM_EXIT_INTERNAL_ERROR, INTERNAL_ERRORS, true },
	{ KVM_EXIT_FAIL_ENTRY, FAILED_ENTRIES, true },
};

/* One KVM_RUN.  Returns whether the program may go on. */
static bool run_once(struct guest *guest)
{
	struct kvm_run *run = guest->vcpu.run;
	int ret = ioctl(guest->vcpu.fd, KVM_RUN, NULL);
	unsigned int i;

	guest->returns++;
	if (ret < 0) {
		guest->is_dead = errno == EIO;
		did(errno == EINTR ? TIMEOUTS : OTHER_RETURNS);
		return false;
	}
	for (i = 0; i < ARRAY_SIZE(returns); i++) {
		if (returns[i].reason != run->exit_reason)
			continue;
		did(returns[i].work);
		return !returns[i].ends &&
		       !(run->exit_reason == KVM_EXIT_IO && run->io.port == DONE_PORT);
	}
	did(OTHER_RETURNS);
	return true;
}

/* Run up to the end of the program, or to the limit of returns or time. */
static void run_program(struct guest *guest)
{
	unsigned int turns = 0;

	set_watchdog(guest->vcpu.run, WATCHDOG);
	while (run_once(guest) && turns++ < PATIENCE)
		;
	set_watchdog(NULL, 0);
	guest->vcpu.run->immediate_exit = 0;
}

static void put(uint32_t address, uint64_t value)
{
	memcpy(data + (address - DATA), &value, sizeof(value));
}

/* How many bits a guest-physical address has, which is the same for all guests */
static unsigned int physical_bits(struct guest *guest)
{
	static unsigned int bits;
	struct kvm_cpuid2 *cpuid;
	unsigned int i;

	if (bits)
		return bits;

	bits = 36;
	cpuid = get_cpuid(&guest->vm);
	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == 0x80000008)
			bits = cpuid->entries[i].eax & 0xff;
	}
	free(cpuid);
	return bits;
}

/* Initialize memory.  Page tables map addresses up to 4 GiB to themselves, then PHYSICAL_END. */
static void set_up_memory(struct guest *guest)
{
	static const uint64_t gdt[] = {
		0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00008b0000000067 | TSS << 16,
	};
	unsigned int i;

	memset(data, 0, NR_PAGES * PAGE_SIZE);
	put(ADDRESS(PML4), ADDRESS(PDPT) | 7);
	for (i = 0; i < 4; i++)
		put(ADDRESS(PDPT) + 8 * i, (uint64_t)i << 30 | 0xe7);
	put(ADDRESS(PDPT) + 8 * i, ((1ull << physical_bits(guest)) - (1ull << 30)) | 0xe7);
	for (i = 0; i < ARRAY_SIZE(gdt); i++)
		put(GDT + 8 * i, gdt[i]);
	/* Trap gates to the handler, which keep interrupts enabled */
	for (i = 0; i < 32; i++)
		put(IDT + 16 * i, 0x00008f0000000000 | CS << 16 | (PAGE_SIZE - SLOT_SIZE));
	memset(l2_code, 0x90, PAGE_SIZE);
	memcpy(l2_code, l2_program.code, l2_program.end - l2_program.code);
}

static void set_sregs(struct guest *guest, bool nested, bool handles_exceptions)
{
	struct kvm_segment seg = { .limit = UINT32_MAX, .present = 1, .s = 1, .g = 1 };
	struct kvm_sregs sregs;

	kvm_ioctl(guest->vcpu.fd, "KVM_GET_SREGS", KVM_GET_SREGS, &sregs);
	seg.selector = 0x10;
	seg.type = 3;
	seg.db = 1;
	sregs.ds = seg;
	sregs.es = seg;
	sregs.fs = seg;
	sregs.gs = seg;
	sregs.ss = seg;
	seg.selector = CS;
	seg.type = 11;
	seg.db = 0;
	seg.l = 1;
	sregs.cs = seg;
	sregs.tr = (struct kvm_segment){
		.base = TSS, .limit = 0x67, .selector = TR, .type = 11, .present = 1,
	};
	sregs.ldt = (struct kvm_segment){ .unusable = 1 };
	sregs.gdt.base = GDT;
	sregs.gdt.limit = 0x1f;
	sregs.idt.base = IDT;
	sregs.idt.limit = handles_exceptions ? 0x1ff : 0;
	sregs.cr0 = CR0;
	sregs.cr3 = ADDRESS(PML4);
	sregs.cr4 = CR4 | (nested && is_vmx ? CR4_VMXE : 0);
	sregs.efer = EFER | (nested && !is_vmx ? EFER_SVME : 0);
	memset(sregs.interrupt_bitmap, 0, sizeof(sregs.interrupt_bitmap));
	/* KVM may refuse this, because of the state that the last program has left. */
	if (ioctl(guest->vcpu.fd, KVM_SET_SREGS, &sregs) < 0)
		did(LIES_REFUSED);
}

/* Complete I/O of the last program, which KVM would otherwise complete in the next program. */
static void finish_io(struct guest *guest)
{
	guest->vcpu.run->immediate_exit = 1;
	do
		guest->returns++;
	while (!ioctl(guest->vcpu.fd, KVM_RUN, NULL));
	guest->vcpu.run->immediate_exit = 0;
}

static void set_regs(struct guest *guest, uint64_t rbx, uint64_t rdi, uint64_t r15)
{
	struct kvm_regs regs = {
		.rip = CODE, .rsp = STACK_TOP, .rflags = RFLAGS,
		.rbx = rbx, .rsi = ADDRESS(WORDS), .rdi = rdi, .r15 = r15,
	};

	finish_io(guest);
	kvm_ioctl(guest->vcpu.fd, "KVM_SET_REGS", KVM_SET_REGS, &regs);
}

/* Remove pending events of the last program. */
static void clear_events(struct guest *guest)
{
	struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_SHADOW };
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	if (ioctl(guest->vcpu.fd, KVM_SET_VCPU_EVENTS, &events) < 0 ||
	    ioctl(guest->vcpu.fd, KVM_SET_MP_STATE, &runnable) < 0)
		did(LIES_REFUSED);
}

/*
 * Load a program, or none.  The rest of the page ends a program, by out %al, $0xf4, but for the
 * last slot, which is the handler.
 */
static void load(const struct program *program)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE; i += 2)
		memcpy(code + i, "\xe6\xf4", 2);
	if (program)
		memcpy(code, program->code, program->end - program->code);
	memcpy(code + PAGE_SIZE - SLOT_SIZE, handler_program.code,
	       handler_program.end - handler_program.code);
}

static uint64_t get_msr(struct guest *guest, uint32_t index)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry entry; } msrs = {
		.head.nmsrs = 1, .entry.index = index,
	};

	if (ioctl(guest->vcpu.fd, KVM_GET_MSRS, &msrs) != 1)
		errx(1, "KVM has no MSR %#x", index);
	return msrs.entry.data;
}

/*
 * Create a VM with a vCPU that may nest, and run it up to its first exit: the statistics count
 * returns of KVM_RUN only from then on.
 */
static void create_guest(struct guest *guest, bool irqchip)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry entry; } msrs = {
		.head.nmsrs = 1, .entry = { .index = MSR_FEATURES, .data = 5 },
	};

	open_vm(&guest->vm);
	if (irqchip)
		kvm_ioctl(guest->vm.fd, "KVM_CREATE_IRQCHIP", KVM_CREATE_IRQCHIP, NULL);
	set_memory(&guest->vm, 0, CODE, code, PAGE_SIZE, KVM_MEM_READONLY);
	set_memory(&guest->vm, 1, L2_CODE, l2_code, PAGE_SIZE, KVM_MEM_READONLY);
	set_memory(&guest->vm, 2, DATA, data, NR_PAGES * PAGE_SIZE, 0);
	open_vcpu(&guest->vm, &guest->vcpu, 0);
	guest->stats = open_kvm_stats(&guest->vcpu);
	guest->is_dead = false;
	if (is_vmx)
		kvm_ioctl(guest->vcpu.fd, "KVM_SET_MSRS", KVM_SET_MSRS, &msrs);
	did(VCPUS);

	set_up_memory(guest);
	load(NULL);
	set_sregs(guest, false, true);
	set_regs(guest, 0, 0, 0);
	run_until_done(&guest->vcpu);
	guest->returns = 1;
}

/* The number of exits by which the CPU has reported a VM-Entry that it refused */
static unsigned long failed_entries(const struct table *table)
{
	const struct row *row = find_row(table, is_vmx ? "INVALID_STATE" : "invalid_guest_state");

	return row ? row->numbers[COUNT] : 0;
}

static void close_guest(struct guest *guest, bool nested)
{
	unsigned long returns = 0, failed;
	static struct table table;
	struct kvm_stat stat;
	uint64_t entries;
	unsigned int i;

	read_kvm_stats(guest->stats, &stat);
	kvm_exits += stat.exits;
	if (test_vcpu_table(&guest->vcpu, 0, &stat, &table)) {
		for (i = 0; i < table.nr; i++)
			returns += table.rows[i].numbers[USER_RETURNS];
		/* If the VM was dead before the last KVM_RUN, that did not count. */
		test(RETURNS, returns == guest->returns ||
		     (guest->is_dead && returns + 1 == guest->returns),
		     "%s: %lu, and %lu are told", attack->name, guest->returns, returns);
		merge_table(&attack->exits, &table);

		read_stat(guest->stats, "nested_run", &entries, 1);
		failed = nested ? failed_entries(&table) : 0;
		test(NESTED, entries + (nested_run_has_failed ? 0 : failed) <= table.nested,
		     "%lu entries, %lu failed, %lu exits", entries, failed, table.nested);
		works[NESTED_ENTRIES].times += entries;
		works[NESTED_EXITS].times += table.nested;
		works[NESTED_REFLECTED].times += table.reflected;
		works[NESTED_FAILED].times += failed;
	}
	close(guest->stats);
	close_vcpu(&guest->vcpu);
	close(guest->vm.fd);
	close(guest->vm.kvm);
}

/*
 * Instructions that exit
 */

/* mov $value, %register */
static uint8_t *move(struct prng *prng, uint8_t *to, unsigned int reg, enum operand kind)
{
	uint64_t value;

	if (kind == NONE)
		return to;
	value = operand(prng, kind);
	*to++ = 0x48;
	*to++ = 0xb8 + reg;
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

static void load_ops(struct prng *prng, bool nested)
{
	unsigned int slot, i;

	load(NULL);
	memset(code, 0x90, PAGE_SIZE - 2 * SLOT_SIZE);
	for (slot = 0; slot < NR_SLOTS - 2; slot++) {
		uint8_t *to = code + slot * SLOT_SIZE;
		const struct op *op;

		do {
			op = &ops[below(prng, ARRAY_SIZE(ops))];
		} while (op->vendor != BOTH && (!nested || is_vmx != (op->vendor == VMX)));
		to = move(prng, to, 0, op->rax);
		to = move(prng, to, 1, op->rcx);
		to = move(prng, to, 2, op->rdx);
		to = move(prng, to, 3, op->rbx);
		to = move(prng, to, 6, op->rsi);
		to = move(prng, to, 7, op->rdi);
		memcpy(to, op->code, op->length);
	}
	for (i = 0; i < PAGE_SIZE / 8; i++)
		put(ADDRESS(SCRATCH) + 8 * i, chance(prng, 2) ? ADDRESS(VMCS) : number(prng));
}

static void attack_instructions(struct prng *prng)
{
	unsigned int vms = 12, programs;

	while (vms--) {
		bool nested = chance(prng, 2);
		struct guest guest;

		create_guest(&guest, chance(prng, 3));
		for (programs = 1 + below(prng, 4); programs && !guest.is_dead; programs--) {
			set_up_memory(&guest);
			load_ops(prng, nested);
			clear_events(&guest);
			set_sregs(&guest, nested, !chance(prng, 4));
			set_regs(&guest, 0, 0, 0);
			run_program(&guest);
			did(PROGRAMS);
		}
		close_guest(&guest, false);
	}
}

/*
 * A vCPU whose state is a lie
 */

static void flip(struct prng *prng, void *memory, size_t size)
{
	((uint8_t *)memory)[below(prng, size)] ^= 1u << below(prng, 8);
}

/* Flip bits of the vCPU's state.  Its code only ends the program, in any mode, from any byte on. */
static void tell_lies(struct prng *prng, struct guest *guest)
{
	static const uint64_t rips[] = {
		CODE, PAGE_SIZE - 1, PAGE_SIZE, 0xffff, 0xffffffff, 0x7fffffffffff,
		0x800000000000, 0xffffffffffffffff,
	};
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_sregs sregs;
	struct kvm_segment tr;
	struct kvm_regs regs;
	unsigned int lies;

	kvm_ioctl(guest->vcpu.fd, "KVM_GET_SREGS", KVM_GET_SREGS, &sregs);
	tr = sregs.tr;
	for (lies = below(prng, 3); lies; lies--) {
		struct kvm_segment *segment = &sregs.cs + below(prng, 8);

		/* Flip bit 0 of a byte: kvm_segment has a byte for each attribute bit. */
		if (chance(prng, 2))
			(&segment->type)[below(prng, 9)] ^= 1;
		else
			flip(prng, &sregs, sizeof(sregs));
	}
	if (!is_vmx)
		sregs.tr = tr;
	if (ioctl(guest->vcpu.fd, KVM_SET_SREGS, &sregs) < 0)
		did(LIES_REFUSED);

	kvm_ioctl(guest->vcpu.fd, "KVM_GET_REGS", KVM_GET_REGS, &regs);
	if (chance(prng, 2))
		regs.rip = rips[below(prng, ARRAY_SIZE(rips))];
	if (chance(prng, 2))
		flip(prng, &regs.rflags, sizeof(regs.rflags));
	kvm_ioctl(guest->vcpu.fd, "KVM_SET_REGS", KVM_SET_REGS, &regs);

	kvm_ioctl(guest->vcpu.fd, "KVM_GET_VCPU_EVENTS", KVM_GET_VCPU_EVENTS, &events);
	if (chance(prng, 2))
		flip(prng, &events, sizeof(events));
	if (ioctl(guest->vcpu.fd, KVM_SET_VCPU_EVENTS, &events) < 0)
		did(LIES_REFUSED);
	kvm_ioctl(guest->vcpu.fd, "KVM_GET_DEBUGREGS", KVM_GET_DEBUGREGS, &debugregs);
	if (chance(prng, 4))
		flip(prng, &debugregs, sizeof(debugregs));
	debugregs.dr7 &= ~BREAKPOINTS;
	if (ioctl(guest->vcpu.fd, KVM_SET_DEBUGREGS, &debugregs) < 0)
		did(LIES_REFUSED);
}

static void attack_with_lies(struct prng *prng)
{
	unsigned int vms = 8, programs;

	while (vms--) {
		struct guest guest;

		create_guest(&guest, chance(prng, 3));
		for (programs = 10; programs && !guest.is_dead; programs--) {
			clear_events(&guest);
			set_sregs(&guest, false, !chance(prng, 4));
			set_regs(&guest, 0, 0, 0);
			tell_lies(prng, &guest);
			run_program(&guest);
			did(LIES);
		}
		close_guest(&guest, false);
	}
}

/*
 * Nested guests, whose state is a lie
 */

static uint64_t lie(struct prng *prng, uint64_t value)
{
	unsigned int bits = chance(prng, 2) ? 64 : 16;

	return chance(prng, 3) ? number(prng) : value ^ 1ull << below(prng, bits);
}

/*
 * Fill the list of fields that the guest hypervisor writes to its VMCS: a valid state, then lies.
 * Returns the number of fields.
 */
static unsigned int write_vmcs(struct prng *prng, struct guest *guest)
{
	struct field fields[ARRAY_SIZE(vmcs) + ARRAY_SIZE(controls) + 8];
	unsigned int nr, nr_true, i, lies = below(prng, 4);

	memcpy(fields, vmcs, sizeof(vmcs));
	nr = ARRAY_SIZE(vmcs);
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		uint64_t msr = get_msr(guest, controls[i].msr);

		fields[nr++] = (struct field){
			controls[i].field, ((uint32_t)msr | controls[i].wanted) & msr >> 32,
		};
	}
	fields[nr++] = (struct field){ 0x6c16, CODE + (vmx_exit - vmx) };
	for (nr_true = nr; lies; lies--) {
		const struct field *of = &fields[below(prng, nr_true)];

		fields[nr++] = (struct field){ of->id, lie(prng, of->value) };
	}
	/* A reserved bit, which KVM accepts and the CPU refuses */
	if (chance(prng, 4))
		fields[nr++] = (struct field){ VMCS_RFLAGS, RFLAGS | 1 << 15 };
	/* Any field, which may not exist */
	fields[nr++] = (struct field){ chance(prng, 2) ? number(prng) : below(prng, 0x7000),
				       number(prng) };
	for (i = 0; i < nr; i++) {
		put(ADDRESS(WORDS) + 16 * i, fields[i].id);
		put(ADDRESS(WORDS) + 16 * i + 8, fields[i].value);
	}
	put(POINTERS, ADDRESS(ROOT));
	put(POINTERS + 8, ADDRESS(VMCS));
	put(ADDRESS(ROOT), (uint32_t)get_msr(guest, MSR_VMX_BASIC));
	put(ADDRESS(VMCS), (uint32_t)get_msr(guest, MSR_VMX_BASIC));
	return nr;
}

static void write_vmcbs(struct prng *prng)
{
	unsigned int n, i, lies;

	for (n = 0; n < NR_VMCBS; n++) {
		uint32_t at = ADDRESS(VMCBS + n);

		for (i = 0; i < PAGE_SIZE; i += 8)
			put(at + i, 0);
		for (i = 0; i < ARRAY_SIZE(vmcb); i++)
			put(at + vmcb[i].id, vmcb[i].value);
		for (lies = below(prng, 4); lies; lies--) {
			i = below(prng, ARRAY_SIZE(vmcb));
			put(at + vmcb[i].id, lie(prng, vmcb[i].value));
		}
		if (chance(prng, 4))
			put(at + 8 * below(prng, 0xe0), number(prng));
		if (chance(prng, 16)) {
			for (i = 0; i < 0x700; i += 8)
				put(at + i, number(prng));
		}
		put(at + VMCB_DR7, operand(prng, DR7));
		put(at + VMCB_TR, VMCB_TSS);
		/* An exception with vector 31, which KVM accepts and the CPU refuses */
		if (chance(prng, 4))
			put(at + VMCB_INJECTED, 0x8000031f);
	}
}

static void attack_nested(struct prng *prng)
{
	unsigned int vms = 16;

	while (vms--) {
		struct guest guest;
		unsigned int nr;

		create_guest(&guest, chance(prng, 3));
		if (is_vmx)
			nr = write_vmcs(prng, &guest);
		else
			write_vmcbs(prng);
		load(is_vmx ? &vmx_program : &svm_program);
		set_sregs(&guest, true, true);
		if (is_vmx)
			set_regs(&guest, POINTERS, nr, below(prng, 20));
		else
			set_regs(&guest, ADDRESS(VMCBS), 0, NR_VMCBS - 1);
		run_program(&guest);
		did(NESTED_PROGRAMS);
		close_guest(&guest, true);
	}
}

/*
 * Keys
 */

#define HOT	(NR_WORDS - 1)

static struct key_kind {
	const char *reason, *format;
	const struct program *program;
} key_kinds[] = {
	{ "CPUID", "cpuid:0x4:%lx", &keys_cpuid_program },
	{ "VMCALL", "hypercall:%lu", &keys_vmcall_program },
};

/* The value of the key @id: some are at the ends of their range, and none is a known hypercall. */
static uint64_t key_of(const struct key_kind *kind, unsigned int id)
{
	static const uint64_t ends[] = {
		0, UINT64_MAX, 1ull << 63, 1ull << 60, (1ull << 60) - 1, 1ull << 32, UINT32_MAX,
	};
	uint64_t key = id < ARRAY_SIZE(ends) ? ends[id] : id * 0x9e3779b97f4a7c15 | 1ull << 40;

	if (kind->program != &keys_cpuid_program)
		return key;
	return id < ARRAY_SIZE(ends) ? id : (uint32_t)(id * 2654435761u);
}

/* The ID of the key of exit @n of @nr */
static unsigned int choose_key(struct prng *prng, unsigned int way, unsigned int n, unsigned int nr)
{
	switch (way) {
	case 0:
		return below(prng, MAX_KEYS);
	case 1:
		return n;
	case 2:
		return n % (MAX_KEYS + 1);
	case 3:
		return n < nr / 2 ? n : HOT;
	case 4:
		return n < nr / 2 ? HOT : n;
	case 5:
		return n % 5 ? n : HOT;
	default:
		return below(prng, 1 + below(prng, 1 + below(prng, 400)));
	}
}

#define KEY_WAYS	7

/* Compare the lines in @text that begin with @prefix with how often each key occurred. */
static void test_keys(const struct key_kind *kind, char *text, const char *prefix,
		      const unsigned int *counts, unsigned long all)
{
	unsigned long count, error, sum = 0, known = 0;
	bool exact, found[NR_WORDS] = {}, all_found = true;
	unsigned int id, nr = 0;
	char *line, *rest;
	uint64_t value;
	char key[64];

	for (id = 0; id < NR_WORDS; id++)
		known += !!counts[id];
	exact = known <= MAX_KEYS;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, prefix, strlen(prefix)))
			continue;
		if (sscanf(line + strlen(prefix), "%63s %lu %lu", key, &count, &error) != 3) {
			test(KEY_BOUNDS, false, "%s", line);
			continue;
		}
		sum += count;
		if (!strcmp(key, "other")) {
			test(KEY_BOUNDS, !exact || !count, "%s, of %lu keys", line, known);
			continue;
		}
		nr++;
		id = sscanf(key, kind->format, &value) == 1 ? 0 : NR_WORDS;
		while (id < NR_WORDS && !(counts[id] && value == key_of(kind, id)))
			id++;
		if (id == NR_WORDS) {
			test(KEY_BOUNDS, false, "%s: there was no such key", line);
			continue;
		}
		found[id] = true;
		test(KEY_BOUNDS, count <= counts[id] && counts[id] <= count + error,
		     "%s: it was there %u times", line, counts[id]);
		test(KEY_BOUNDS, error <= (exact ? 0 : all / MAX_KEYS), "%s, of %lu", line, all);
	}
	for (id = 0; id < NR_WORDS; id++)
		all_found &= found[id] || !counts[id] || (!exact && counts[id] <= all / MAX_KEYS);
	test(KEY_BOUNDS, all_found, "%s lacks one of %lu keys", kind->reason, known);
	test(KEY_BOUNDS, nr <= MAX_KEYS, "%s has %u keys", kind->reason, nr);
	test(KEY_BOUNDS, sum == all, "%s: keys add up to %lu, not %lu", kind->reason, sum, all);
}

/* Make @nr exits of a kind.  The words in memory are their keys. */
static void make_keys(struct guest *guest, const struct key_kind *kind, unsigned int nr)
{
	load(kind->program);
	set_sregs(guest, false, true);
	set_regs(guest, 0, nr, 0);
	run_until_done(&guest->vcpu);
	guest->returns++;
}

static void attack_keys_of(struct prng *prng, const struct key_kind *kind)
{
	unsigned int sums[NR_WORDS] = {}, vms, id, n;
	static char text[MAX_TEXT];
	unsigned long all = 0;
	char path[PATH_MAX];

	for (vms = 3; vms; vms--) {
		unsigned int way = below(prng, KEY_WAYS), nr = 1 + below(prng, NR_WORDS - 1);
		unsigned int counts[NR_WORDS] = {};
		struct guest guest;

		create_guest(&guest, false);
		for (n = 0; n < nr; n++) {
			id = choose_key(prng, way, n, nr);
			counts[id]++;
			sums[id]++;
			put(ADDRESS(WORDS) + 8 * n, key_of(kind, id));
		}
		make_keys(&guest, kind, nr);
		works[KEYS_MADE].times += nr;
		all += nr;

		snprintf(path, sizeof(path), DEBUGFS "/%d-%d/vcpu0/exit_stats", gettid(),
			 guest.vm.fd);
		test(FILES, read_file(path, text) > 0, "%s", path);
		snprintf(path, sizeof(path), "key %s ", kind->reason);
		test_keys(kind, text, path, counts, nr);
		close_guest(&guest, false);
	}
	snprintf(path, sizeof(path), REASONS "/%s/keys", kind->reason);
	test(FILES, read_file(path, text) > 0, "%s", path);
	test_keys(kind, text, "", sums, all);
}

static void attack_keys(struct prng *prng)
{
	unsigned int i;

	set("keys", "1");
	set("reset", "1");
	exits_before = 0;
	for (i = 0; i < ARRAY_SIZE(key_kinds); i++)
		attack_keys_of(prng, &key_kinds[i]);
	set("keys", "0");
}

/*
 * The log
 */

static void attack_log(struct prng *prng)
{
	unsigned int vms, n;
	struct guest guest;

	begin_summaries(1);
	exits_before = 0;
	for (vms = 3; vms; vms--) {
		create_guest(&guest, false);
		for (n = 0; n < NR_WORDS; n++)
			put(ADDRESS(WORDS) + 8 * n, number(prng));
		make_keys(&guest, &key_kinds[0], NR_WORDS);
		works[SUMMARIES_DUE].times += NR_WORDS;
		close_guest(&guest, false);
	}
	test_summaries(0);
	set("interval", "500");
}

/* At most 100 summaries in 10 minutes, and 10 chains of last exits a minute, of a few lines each */
static void test_log(double seconds, unsigned long dumps)
{
	unsigned long printed, folded, summaries, most_lines;

	wait_for_summary();
	if (!read_log(&printed, &folded))
		return;
	summaries = logged_summaries - dumps;
	most_lines = logged_summaries * (nr_reasons + 3) + logged_chains * 5;
	test(LOG, summaries <= 100 * (1 + (unsigned long)seconds / 600), "%lu summaries in %.0f s",
	     summaries, seconds);
	test(LOG, logged_chains <= 10 * (1 + (unsigned long)seconds / 60), "%lu chains in %.0f s",
	     logged_chains, seconds);
	test(LOG, logged_lines <= most_lines, "%lu lines of %lu summaries and %lu chains",
	     logged_lines, logged_summaries, logged_chains);
}

/*
 * A VMM without privileges
 */

#define NOBODYS_THREADS	3
#define OLD_FDS		4

static atomic_bool stop;
static _Atomic unsigned long nobodys_exits;

static void read_oddly(struct prng *prng, int fd)
{
	static _Thread_local char buffer[2 * PAGE_SIZE];
	static const off_t offsets[] = { -1, 0, 1, 23, 24, 4095, 4096, 65535, INT64_MAX };
	off_t offset = chance(prng, 2) ? (off_t)below(prng, 40000) :
					 offsets[below(prng, ARRAY_SIZE(offsets))];

	if (chance(prng, 16))
		test(NOBODY, write(fd, buffer, 8) < 0, "wrote statistics");
	if (chance(prng, 16))
		ioctl(fd, number(prng), buffer);
	if (chance(prng, 4)) {
		lseek(fd, offset, SEEK_SET);
		read(fd, buffer, below(prng, sizeof(buffer)));
	} else {
		pread(fd, buffer, below(prng, sizeof(buffer)), offset);
	}
	did(NOBODYS_READS);
}

static void try_to_open(struct prng *prng)
{
	static const struct {
		const char *path;
		int flags;
	} roots[] = {
		{ STATS "/enabled", O_WRONLY }, { STATS "/interval", O_RDWR },
		{ STATS "/keys", O_WRONLY }, { STATS "/slow_us", O_WRONLY | O_TRUNC },
		{ STATS "/reset", O_WRONLY }, { STATS "/dump", O_WRONLY },
		{ STATS "/total_exits", O_RDONLY }, { STATS "/dropped", O_RDONLY },
		{ REASONS "/UNKNOWN/stat", O_RDONLY }, { REASONS "/UNKNOWN/keys", O_RDONLY },
		{ SYSTEM_TABLE, O_RDONLY }, { SYSTEM_TABLE "_slow", O_RDONLY },
		{ GONE_VMS, O_RDONLY }, { DEBUGFS "/exits", O_RDONLY },
		{ "/sys/module/kvm/parameters/exit_stats", O_WRONLY },
	};
	unsigned int i = below(prng, ARRAY_SIZE(roots));
	int fd = open(roots[i].path, roots[i].flags | O_CLOEXEC);

	test(NOBODY, fd < 0 && errno == EACCES, "%s: %d, errno %d", roots[i].path, fd, errno);
	did(NOBODYS_OPENS);
}

/* Read the statistics of a vCPU after it, and possibly its whole VM, was closed. */
static void read_late(struct prng *prng, int fd, uint64_t exits)
{
	uint64_t now;

	read_stat(fd, "exits", &now, 1);
	test(NOBODY, now == exits, "a vCPU that is closed has %lu exits, and had %lu", now, exits);
	read_oddly(prng, fd);
	did(LATE_READS);
}

static void work_as_nobody(struct prng *prng)
{
	struct { int fd; uint64_t exits; } old[OLD_FDS] = {};
	unsigned int i, nr = 0;

	while (!stop) {
		unsigned int nr_vcpus = 1 + below(prng, 3);
		struct vcpu vcpus[3];
		struct vm vm;

		create_vm(&vm);
		for (i = 0; i < nr_vcpus; i++, nr++) {
			typeof(old[0]) *last = &old[nr % OLD_FDS];
			struct kvm_stat stat;
			unsigned int reads;

			create_vcpu(&vm, &vcpus[i], i);
			did(VCPUS);
			if (chance(prng, 2)) {
				/* One of cpuid, keys and msr, which end without interrupts */
				set_exits(&vcpus[i], &types[below(prng, 3)], 1 + below(prng, 50));
				run_until_done(&vcpus[i]);
			}
			if (nr >= OLD_FDS) {
				read_late(prng, last->fd, last->exits);
				close(last->fd);
			}
			last->fd = open_kvm_stats(&vcpus[i]);
			for (reads = below(prng, 8); reads; reads--)
				read_oddly(prng, last->fd);
			read_kvm_stats(last->fd, &stat);
			last->exits = stat.exits;
			nobodys_exits += stat.exits;
		}
		if (chance(prng, 2)) {
			close_vm(&vm);
			vm.code = NULL;
		}
		for (i = 0; i < nr_vcpus; i++)
			close_vcpu(&vcpus[i]);
		if (vm.code)
			close_vm(&vm);
		did(NOBODYS_VMS);
		try_to_open(prng);
	}
}

static struct prng nobodys_prngs[NOBODYS_THREADS];

static void *start_nobody(void *arg)
{
	work_as_nobody(arg);
	return NULL;
}

/* What the child process did and tested, which the parent takes over */
struct outcome {
	unsigned long exits;
	typeof(works) works;
	typeof(laws) laws;
};

_Noreturn static void be_nobody(struct outcome *outcome)
{
	pthread_t threads[NOBODYS_THREADS];
	unsigned int i;

	if (setgroups(0, NULL) || setresgid(USER_NOBODY, USER_NOBODY, USER_NOBODY) ||
	    setresuid(USER_NOBODY, USER_NOBODY, USER_NOBODY))
		err(1, "cannot be nobody");
	for (i = 0; i < NOBODYS_THREADS; i++) {
		errno = pthread_create(&threads[i], NULL, start_nobody, &nobodys_prngs[i]);
		if (errno)
			err(1, "pthread_create");
	}
	usleep(700000);
	stop = true;
	for (i = 0; i < NOBODYS_THREADS; i++)
		pthread_join(threads[i], NULL);
	outcome->exits = nobodys_exits;
	memcpy(outcome->works, works, sizeof(works));
	memcpy(outcome->laws, laws, sizeof(laws));
	_exit(0);
}

static void attack_as_nobody(struct prng *prng)
{
	static const char * const settings[] = { "enabled", "interval", "keys", "slow_us" };
	unsigned long before[ARRAY_SIZE(settings)];
	static struct outcome *outcome;
	unsigned int i;
	int status;
	pid_t pid;

	outcome = outcome ?: map_memory(sizeof(*outcome));
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		before[i] = number_in(STATS, settings[i]);
	for (i = 0; i < NOBODYS_THREADS; i++)
		nobodys_prngs[i] = make_prng(below(prng, INT_MAX), i);

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		be_nobody(outcome);
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "nobody ended with status %#x", status);
	memcpy(works, outcome->works, sizeof(works));
	memcpy(laws, outcome->laws, sizeof(laws));
	kvm_exits += outcome->exits;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		test(NOBODY, number_in(STATS, settings[i]) == before[i], "%s changed", settings[i]);
}

/*
 * Running the attacks
 */

static struct attack attacks[] = {
	{ .name = "instructions", .attack = attack_instructions },
	{ .name = "lies", .attack = attack_with_lies },
	{ .name = "nested", .attack = attack_nested },
	{ .name = "keys", .attack = attack_keys },
	{ .name = "log", .attack = attack_log },
	{ .name = "nobody", .attack = attack_as_nobody },
};

static void run_attack(unsigned int nr)
{
	struct prng prng = make_prng(seed, ARRAY_SIZE(attacks) * works[PHASES].times + nr);
	unsigned long grown;
	bool keys = nr < 3 && chance(&prng, 2);

	attack = &attacks[nr];
	if (keys)
		set("keys", "1");
	kvm_exits = 0;
	exits_before = number_in(STATS, "total_exits");
	attack->attack(&prng);
	if (keys)
		set("keys", "0");
	grown = number_in(STATS, "total_exits") - exits_before;
	test(KVM_EXITS, grown && grown == kvm_exits, "%s: %lu, KVM: %lu", attack->name, grown,
	     kvm_exits);
}

/*
 * The limit for memory that vCPUs leave behind.  Slabs grow until a few thousand vCPUs were
 * created, whatever is recorded, but by less than this; if each of these vCPUs leaks a row, that
 * is more.  In a short run, the slab cache of rows reports a leak when KVM is unloaded.  With
 * kmemleak, there is no limit, as kmemleak and what KASAN frees late take memory themselves.
 */
#define MOST_MEMORY	(1 << 20)
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

/* Wait before, as some memory is freed with a delay. */
static unsigned long memory(void)
{
	usleep(500000);
	return unreclaimable_memory();
}

static void print_exits(const struct attack *attack)
{
	unsigned int i;

	printf("%s:", attack->name);
	for (i = 0; i < attack->exits.nr; i++)
		printf(" %s %lu", attack->exits.rows[i].name, attack->exits.rows[i].numbers[COUNT]);
	putchar('\n');
}

int main(int argc, char *argv[])
{
	struct sigaction action = { .sa_handler = bark };
	unsigned long before = 0, vcpus = 0;
	unsigned int seconds, i;
	long more;
	struct utsname kernel;
	double start = now();
	static char isa[MAX_TEXT];
	static struct table table;

	if (argc != 3)
		errx(2, "usage: enemy SECONDS SEED");
	seconds = parse_number("SECONDS", argv[1], 0, 1000000);
	seed = parse_number("SEED", argv[2], 0, UINT_MAX);

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGALRM, &action, NULL);
	code = map_memory(PAGE_SIZE);
	l2_code = map_memory(PAGE_SIZE);
	data = map_memory(NR_PAGES * PAGE_SIZE);
	open_log();
	find_files();
	if (read_file(STATS "/isa", isa) < 0)
		err(1, STATS "/isa");
	is_vmx = !strcmp(isa, "vmx\n");
	uname(&kernel);
	nested_run_has_failed = is_vmx && !strncmp(kernel.release, "6.1.", 4);
	if (!is_vmx) {
		key_kinds[0].reason = "cpuid";
		key_kinds[1].reason = "hypercall";
		key_kinds[1].program = &keys_vmmcall_program;
	}

	/*
	 * Measure after the first round, and anew until half of the time is over: later rounds
	 * only replace what these leave behind.
	 */
	while (now() < start + seconds || works[PHASES].times < 2) {
		for (i = 0; i < ARRAY_SIZE(attacks); i++)
			run_attack(i);
		test_laws(&table);
		did(PHASES);
		if (works[PHASES].times == 1 || now() < start + seconds / 2.0) {
			before = memory();
			vcpus = works[VCPUS].times;
		}
	}
	test_log(now() - start, works[PHASES].times);
	vcpus = works[VCPUS].times - vcpus;
	more = memory() - before;
	printf("%10ld KiB more memory after %lu vCPUs\n", more / 1024, vcpus);
	test(LEFTOVERS, more < MOST_MEMORY || !access(KMEMLEAK, F_OK),
	     "%ld KiB more after %lu vCPUs", more / 1024, vcpus);

	/* All but the last attack, the exits of whose vCPUs by reason are not known */
	for (i = 0; i < ARRAY_SIZE(attacks) - 1; i++)
		print_exits(&attacks[i]);
	return !report(OTHER_RETURNS);
}
