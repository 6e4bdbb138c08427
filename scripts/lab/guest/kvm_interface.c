// SPDX-License-Identifier: GPL-2.0
/*
 * kvm_interface: print what KVM offers to guests and to user space, a line for each CPUID leaf,
 * MSR and capability.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define MAX_ENTRIES	1024
#define MAX_CAPABILITY	1024

static void show_cpuid(int kvm, const char *name, unsigned long request)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					  MAX_ENTRIES * sizeof(cpuid->entries[0]));
	struct kvm_cpuid_entry2 *e;

	if (!cpuid)
		err(1, "%s", name);
	cpuid->nent = MAX_ENTRIES;
	if (ioctl(kvm, request, cpuid))
		err(1, "%s", name);

	for (e = cpuid->entries; e < cpuid->entries + cpuid->nent; e++)
		printf("%s %#x %#x: flags %#x, %#x %#x %#x %#x\n", name, e->function,
		       e->index, e->flags, e->eax, e->ebx, e->ecx, e->edx);
	free(cpuid);
}

static void show_msrs(int kvm, const char *name, unsigned long request)
{
	struct kvm_msr_list *msrs = calloc(1, sizeof(*msrs) +
					   MAX_ENTRIES * sizeof(msrs->indices[0]));
	unsigned int i;

	if (!msrs)
		err(1, "%s", name);
	msrs->nmsrs = MAX_ENTRIES;
	if (ioctl(kvm, request, msrs))
		err(1, "%s", name);

	for (i = 0; i < msrs->nmsrs; i++)
		printf("%s %#x\n", name, msrs->indices[i]);
	free(msrs);
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR);
	int i, value;

	if (kvm < 0)
		err(1, "/dev/kvm");

	show_cpuid(kvm, "cpuid", KVM_GET_SUPPORTED_CPUID);
	show_cpuid(kvm, "emulated cpuid", KVM_GET_EMULATED_CPUID);
	show_msrs(kvm, "msr", KVM_GET_MSR_INDEX_LIST);
	show_msrs(kvm, "feature msr", KVM_GET_MSR_FEATURE_INDEX_LIST);

	for (i = 0; i < MAX_CAPABILITY; i++) {
		value = ioctl(kvm, KVM_CHECK_EXTENSION, i);
		if (value > 0)
			printf("capability %d: %d\n", i, value);
	}
	return 0;
}
