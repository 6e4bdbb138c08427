/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_KEY_NAME_H
#define KVM_EXIT_STAT_KEY_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_NAME_LEN	64

/* Make a name for people from a key of the kernel.  A key of an unknown kind is copied. */
void make_key_name(char name[KEY_NAME_LEN], const char *key);

/* Whether a key is a read of a port at which virtual machines have the ACPI PM timer */
bool is_pm_timer_read(const char *key);

/* Whether a key is a write of the interrupt command register, by its MSR or in the APIC page */
bool is_icr_write(const char *key);

/* What the kernel's headers call MSRs, sorted by number */
struct msr_name {
	uint32_t number;
	const char *name;
};

extern const struct msr_name msr_names[];
extern const size_t nr_msr_names;

#endif /* KVM_EXIT_STAT_KEY_NAME_H */
