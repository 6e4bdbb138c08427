// SPDX-License-Identifier: GPL-2.0
/*
 * Names of keys, i.e. of what exits were for.
 *
 * A key is a kind, numbers and an access, separated by colons: "port:0x3f8:1:write".  Names
 * of MSRs are from the headers of the kernel, see msr_names.awk, all others are listed here.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "key_name.h"

struct range {
	uint64_t first;
	uint64_t last;
	const char *name;
};

#define PM_TIMER	"ACPI PM timer"

/* The ports of a PC, and those that QEMU and other VMMs add */
static const struct range ports[] = {
	{ 0x20, 0x21, "PIC" },
	{ 0x40, 0x43, "PIT" },
	{ 0x60, 0x60, "i8042 data" },
	{ 0x61, 0x61, "PIT gate" },
	{ 0x64, 0x64, "i8042 command" },
	{ 0x70, 0x71, "RTC/CMOS" },
	{ 0x80, 0x80, "POST" },
	{ 0x92, 0x92, "A20" },
	{ 0xa0, 0xa1, "PIC 2" },
	{ 0xb2, 0xb3, "APM" },
	{ 0xed, 0xed, "I/O delay" },
	{ 0xf4, 0xf4, "isa-debug-exit" },
	{ 0x170, 0x177, "IDE 2" },
	{ 0x1f0, 0x1f7, "IDE 1" },
	{ 0x2e8, 0x2ef, "COM4" },
	{ 0x2f8, 0x2ff, "COM2" },
	{ 0x376, 0x376, "IDE 2" },
	{ 0x378, 0x37a, "LPT1" },
	{ 0x3b0, 0x3df, "VGA" },
	{ 0x3e8, 0x3ef, "COM3" },
	{ 0x3f6, 0x3f6, "IDE 1" },
	{ 0x3f8, 0x3ff, "COM1" },
	{ 0x402, 0x402, "debug console" },
	{ 0x4d0, 0x4d1, "PIC ELCR" },
	{ 0x501, 0x501, "isa-debug-exit" },
	{ 0x505, 0x505, "pvpanic" },
	{ 0x510, 0x511, "fw_cfg" },
	{ 0x514, 0x51b, "fw_cfg DMA" },
	{ 0x608, 0x60b, PM_TIMER },
	{ 0xcf8, 0xcf8, "PCI config address" },
	{ 0xcf9, 0xcf9, "reset" },
	{ 0xcfc, 0xcff, "PCI config data" },
	{ 0x5658, 0x5659, "VMware backdoor" },
	{ 0xb008, 0xb00b, PM_TIMER },
};

/* Offsets in the page of the APIC.  In x2APIC mode, a register is the MSR 0x800 + offset / 16. */
static const struct range apic_registers[] = {
	{ 0x20, 0x20, "ID" },
	{ 0x30, 0x30, "version" },
	{ 0x80, 0x80, "TPR" },
	{ 0x90, 0x90, "APR" },
	{ 0xa0, 0xa0, "PPR" },
	{ 0xb0, 0xb0, "EOI" },
	{ 0xd0, 0xd0, "LDR" },
	{ 0xe0, 0xe0, "DFR" },
	{ 0xf0, 0xf0, "SPIV" },
	{ 0x100, 0x17f, "ISR" },
	{ 0x180, 0x1ff, "TMR" },
	{ 0x200, 0x27f, "IRR" },
	{ 0x280, 0x280, "ESR" },
	{ 0x2f0, 0x2f0, "LVT CMCI" },
	{ 0x300, 0x300, "ICR" },
	{ 0x310, 0x310, "ICR2" },
	{ 0x320, 0x320, "LVTT" },
	{ 0x330, 0x330, "LVT thermal" },
	{ 0x340, 0x340, "LVTPC" },
	{ 0x350, 0x350, "LVT0" },
	{ 0x360, 0x360, "LVT1" },
	{ 0x370, 0x370, "LVT error" },
	{ 0x380, 0x380, "TMICT" },
	{ 0x390, 0x390, "TMCCT" },
	{ 0x3e0, 0x3e0, "TDCR" },
	{ 0x3f0, 0x3f0, "SELF_IPI" },
};

static const struct range leaves[] = {
	{ 0x0, 0x0, "vendor" },
	{ 0x1, 0x1, "features" },
	{ 0x2, 0x2, "cache descriptors" },
	{ 0x4, 0x4, "caches" },
	{ 0x5, 0x5, "MWAIT" },
	{ 0x6, 0x6, "power management" },
	{ 0x7, 0x7, "more features" },
	{ 0xa, 0xa, "PMU" },
	{ 0xb, 0xb, "topology" },
	{ 0xd, 0xd, "XSAVE" },
	{ 0x12, 0x12, "SGX" },
	{ 0x14, 0x14, "processor trace" },
	{ 0x15, 0x15, "TSC frequency" },
	{ 0x16, 0x16, "CPU frequency" },
	{ 0x1a, 0x1a, "hybrid" },
	{ 0x1d, 0x1e, "AMX" },
	{ 0x1f, 0x1f, "topology" },
	{ 0x40000000, 0x40000000, "hypervisor" },
	{ 0x40000001, 0x400000ff, "of the hypervisor" },
	{ 0x80000000, 0x80000000, "extended vendor" },
	{ 0x80000001, 0x80000001, "extended features" },
	{ 0x80000002, 0x80000004, "brand" },
	{ 0x80000005, 0x80000006, "caches" },
	{ 0x80000007, 0x80000007, "power management" },
	{ 0x80000008, 0x80000008, "address sizes" },
	{ 0x8000001d, 0x8000001d, "caches" },
	{ 0x8000001e, 0x8000001e, "topology" },
	{ 0x8000001f, 0x8000001f, "memory encryption" },
};

static const struct range vectors[] = {
	{ 0, 0, "#DE" },
	{ 1, 1, "#DB" },
	{ 2, 2, "NMI" },
	{ 3, 3, "#BP" },
	{ 4, 4, "#OF" },
	{ 5, 5, "#BR" },
	{ 6, 6, "#UD" },
	{ 7, 7, "#NM" },
	{ 8, 8, "#DF" },
	{ 10, 10, "#TS" },
	{ 11, 11, "#NP" },
	{ 12, 12, "#SS" },
	{ 13, 13, "#GP" },
	{ 14, 14, "#PF" },
	{ 16, 16, "#MF" },
	{ 17, 17, "#AC" },
	{ 18, 18, "#MC" },
	{ 19, 19, "#XM" },
	{ 20, 20, "#VE" },
	{ 21, 21, "#CP" },
	{ 28, 28, "#HV" },
	{ 29, 29, "#VC" },
	{ 30, 30, "#SX" },
};

/* KVM_HC_... of <linux/kvm_para.h> */
static const struct range hypercalls[] = {
	{ 1, 1, "VAPIC_POLL_IRQ" },
	{ 5, 5, "KICK_CPU" },
	{ 9, 9, "CLOCK_PAIRING" },
	{ 10, 10, "SEND_IPI" },
	{ 11, 11, "SCHED_YIELD" },
	{ 12, 12, "MAP_GPA_RANGE" },
};

static const struct range pages[] = {
	{ 0xa0000, 0xbffff, "VGA" },
	{ 0xfec00000, 0xfec00fff, "IOAPIC" },
	{ 0xfed00000, 0xfed00fff, "HPET" },
	{ 0xfee00000, 0xfee00fff, "APIC" },
};

static const char *find_range(const struct range *ranges, size_t nr, uint64_t number)
{
	for (size_t i = 0; i < nr; i++) {
		if (number >= ranges[i].first && number <= ranges[i].last)
			return ranges[i].name;
	}
	return NULL;
}

static const char *find_msr(uint64_t number)
{
	size_t low = 0, high = nr_msr_names;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (msr_names[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < nr_msr_names && msr_names[low].number == number ? msr_names[low].name : NULL;
}

/* E.g. a port has two numbers: its own, and how many bytes are accessed. */
#define MAX_NUMBERS	2

/* The parts of a key */
struct key_parts {
	char kind[16];
	uint64_t numbers[MAX_NUMBERS];
	size_t nr;
	/* "write", "read", "fetch" or nothing */
	char access[8];
};

static bool parse_key_parts(struct key_parts *parts, const char *key)
{
	size_t length = strcspn(key, ":");
	const char *text = key + length;

	*parts = (struct key_parts){};
	if (!length || length >= sizeof(parts->kind))
		return false;
	memcpy(parts->kind, key, length);
	while (*text == ':' && isdigit((unsigned char)text[1]) && parts->nr < MAX_NUMBERS) {
		bool hex = text[1] == '0' && text[2] == 'x';
		char *end;

		errno = 0;
		parts->numbers[parts->nr++] = strtoull(text + 1, &end, hex ? 16 : 10);
		if (errno)
			return false;
		text = end;
	}
	if (*text == ':' && (!strcmp(text, ":write") || !strcmp(text, ":read") ||
			     !strcmp(text, ":fetch"))) {
		snprintf(parts->access, sizeof(parts->access), "%s", text + 1);
		text += strlen(text);
	}
	return parts->nr && !*text;
}

static void name_msr(char *name, const struct key_parts *parts)
{
	uint64_t number = parts->numbers[0];
	const char *its = find_msr(number);

	if (!its && number >= 0x800 && number < 0x840)
		its = find_range(apic_registers, ARRAY_SIZE(apic_registers),
				 (number - 0x800) * 16);
	if (!its)
		snprintf(name, KEY_NAME_LEN, "MSR 0x%llx", (unsigned long long)number);
	else
		snprintf(name, KEY_NAME_LEN, "%s%s",
			 number >= 0x800 && number < 0x840 ? "x2APIC " : "", its);
}

static void name_port(char *name, const struct key_parts *parts)
{
	const char *its = find_range(ports, ARRAY_SIZE(ports), parts->numbers[0]);

	snprintf(name, KEY_NAME_LEN, "%s 0x%llx", its ?: "port",
		 (unsigned long long)parts->numbers[0]);
	if (parts->nr == 2)
		snprintf(name + strlen(name), KEY_NAME_LEN - strlen(name), ", %llu byte%s",
			 (unsigned long long)parts->numbers[1], parts->numbers[1] == 1 ? "" : "s");
}

static void name_cpuid(char *name, const struct key_parts *parts)
{
	const char *its = find_range(leaves, ARRAY_SIZE(leaves), parts->numbers[0]);

	snprintf(name, KEY_NAME_LEN, "leaf 0x%llx", (unsigned long long)parts->numbers[0]);
	if (parts->nr == 2 && parts->numbers[1])
		snprintf(name + strlen(name), KEY_NAME_LEN - strlen(name), ":0x%llx",
			 (unsigned long long)parts->numbers[1]);
	if (its)
		snprintf(name + strlen(name), KEY_NAME_LEN - strlen(name), ", %s", its);
}

static void name_hypercall(char *name, const struct key_parts *parts)
{
	const char *its = find_range(hypercalls, ARRAY_SIZE(hypercalls), parts->numbers[0]);

	if (its)
		snprintf(name, KEY_NAME_LEN, "%s", its);
	else
		snprintf(name, KEY_NAME_LEN, "hypercall %llu",
			 (unsigned long long)parts->numbers[0]);
}

static void name_cr(char *name, const struct key_parts *parts)
{
	snprintf(name, KEY_NAME_LEN, "CR%llu", (unsigned long long)parts->numbers[0]);
}

static void name_dr(char *name, const struct key_parts *parts)
{
	snprintf(name, KEY_NAME_LEN, "DR%llu", (unsigned long long)parts->numbers[0]);
}

static void name_apic(char *name, const struct key_parts *parts)
{
	const char *its = find_range(apic_registers, ARRAY_SIZE(apic_registers),
				     parts->numbers[0]);

	if (its)
		snprintf(name, KEY_NAME_LEN, "APIC %s", its);
	else
		snprintf(name, KEY_NAME_LEN, "APIC 0x%llx", (unsigned long long)parts->numbers[0]);
}

static void name_vector(char *name, const struct key_parts *parts)
{
	const char *its = find_range(vectors, ARRAY_SIZE(vectors), parts->numbers[0]);

	if (its)
		snprintf(name, KEY_NAME_LEN, "%s", its);
	else
		snprintf(name, KEY_NAME_LEN, "vector %llu",
			 (unsigned long long)parts->numbers[0]);
}

static void name_memslot(char *name, const struct key_parts *parts)
{
	snprintf(name, KEY_NAME_LEN, "memslot %llu", (unsigned long long)parts->numbers[0]);
}

static void name_page(char *name, const struct key_parts *parts)
{
	const char *its = find_range(pages, ARRAY_SIZE(pages), parts->numbers[0]);

	snprintf(name, KEY_NAME_LEN, "%s 0x%llx", its ?: "page",
		 (unsigned long long)parts->numbers[0]);
}

static const struct {
	const char *kind;
	void (*set)(char *name, const struct key_parts *parts);
} kinds[] = {
	{ "msr", name_msr },
	{ "port", name_port },
	{ "cpuid", name_cpuid },
	{ "hypercall", name_hypercall },
	{ "cr", name_cr },
	{ "dr", name_dr },
	{ "apic", name_apic },
	{ "vector", name_vector },
	{ "memslot", name_memslot },
	{ "page", name_page },
};

void make_key_name(char name[KEY_NAME_LEN], const char *key)
{
	struct key_parts parts;
	bool parsed = parse_key_parts(&parts, key);

	for (size_t i = 0; parsed && i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(parts.kind, kinds[i].kind))
			continue;
		kinds[i].set(name, &parts);
		if (*parts.access)
			snprintf(name + strlen(name), KEY_NAME_LEN - strlen(name), " %s",
				 parts.access);
		return;
	}
	snprintf(name, KEY_NAME_LEN, "%s", key);
}

bool is_pm_timer_read(const char *key)
{
	struct key_parts parts;
	const char *name = NULL;

	if (parse_key_parts(&parts, key) && !strcmp(parts.kind, "port") &&
	    !strcmp(parts.access, "read"))
		name = find_range(ports, ARRAY_SIZE(ports), parts.numbers[0]);
	return name && !strcmp(name, PM_TIMER);
}

bool is_icr_write(const char *key)
{
	struct key_parts parts;

	if (!parse_key_parts(&parts, key) || strcmp(parts.access, "write"))
		return false;
	return (!strcmp(parts.kind, "msr") && parts.numbers[0] == 0x830) ||
	       (!strcmp(parts.kind, "apic") && parts.numbers[0] == 0x300);
}
