/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers of the tests of exit statistics: read the files, check that their numbers are
 * consistent, which the tests call laws, and run guests that exit.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_H
#define SELFTEST_KVM_EXIT_STATS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm_util.h"

#define EXIT_STATS_ROOT		"/sys/kernel/kvm_exit_stats"
#define EXIT_STATS_DEBUGFS	"/sys/kernel/debug"
#define EXIT_STATS_BUCKETS	32

/* The port, the address, the vector and the APIC ID that guests use to exit */
#define EXIT_STATS_PIO_PORT	0x80
#define EXIT_STATS_MMIO_GPA	0xd0000000ul
#define EXIT_STATS_IPI_VECTOR	0x30
#define EXIT_STATS_NO_APIC_ID	200

/* How often exit_stats_guest() exits for each reason */
#define EXIT_STATS_NR_CPUID	100
#define EXIT_STATS_NR_PIO	30
#define EXIT_STATS_NR_RDMSR	20
#define EXIT_STATS_NR_WRMSR	10
#define EXIT_STATS_NR_HLT	12
#define EXIT_STATS_NR_MMIO	7

/* One exit reason, as VMX and SVM name it */
struct exit_stats_reason {
	const char *vmx;
	const char *svm;
};

/* The numbers of a reason, in the order of the line in "stat" and in tables */
enum exit_stats_number {
	EXIT_STATS_COUNT,
	EXIT_STATS_CYCLES_TOTAL,
	EXIT_STATS_CYCLES_MIN,
	EXIT_STATS_CYCLES_AVG,
	EXIT_STATS_CYCLES_MAX,
	EXIT_STATS_AWAY_TOTAL,
	EXIT_STATS_AWAY_MIN,
	EXIT_STATS_AWAY_AVG,
	EXIT_STATS_AWAY_MAX,
	EXIT_STATS_AWAY_USER,
	EXIT_STATS_AWAY_BLOCKED,
	EXIT_STATS_AWAY_POLLED,
	EXIT_STATS_AWAY_PREEMPTED,
	EXIT_STATS_USER_EXITS,
	EXIT_STATS_GUEST_CYCLES,
	EXIT_STATS_NR_NUMBERS,
};

/* Their names, i.e. those of files and columns */
extern const char * const exit_stats_numbers[EXIT_STATS_NR_NUMBERS];

/* A parsed line */
struct exit_stats_row {
	uint64_t number[EXIT_STATS_NR_NUMBERS];
	uint64_t cycles_hist[EXIT_STATS_BUCKETS];
	uint64_t away_hist[EXIT_STATS_BUCKETS];
	/* The sums over all user reasons: returns of KVM_RUN, and cycles until the next one */
	uint64_t user_returns;
	uint64_t user_cycles;
};

extern const struct exit_stats_reason exit_stats_cpuid;
extern const struct exit_stats_reason exit_stats_pio;
extern const struct exit_stats_reason exit_stats_hlt;
extern const struct exit_stats_reason exit_stats_rdmsr;
extern const struct exit_stats_reason exit_stats_wrmsr;
extern const struct exit_stats_reason exit_stats_mmio;

/* Skip the whole test if it cannot run here. */
void exit_stats_require(void);

/* 0 or a negative errno */
int exit_stats_write(const char *name, const char *buf, size_t len);

/* These functions, and all below, fail the test on an error. */
void exit_stats_set(const char *name, const char *val);
void exit_stats_set_number(const char *name, unsigned long val);
void exit_stats_read(const char *name, char *buf, size_t size);
uint64_t exit_stats_number(const char *name);
uint64_t exit_stats_reason_number(const char *reason, const char *file);

bool exit_stats_is_vmx(void);
/* The name that this CPU's vendor has for the reason */
const char *exit_stats_name(const struct exit_stats_reason *reason);
uint64_t exit_stats_count(const struct exit_stats_reason *reason);
/* The count of L2's exits, if @file is "nested", or of those KVM reflected to L1, if "reflected" */
uint64_t exit_stats_level_count(const struct exit_stats_reason *reason, const char *file);
/* How many exits of the reason certainly had that key */
uint64_t exit_stats_key(const struct exit_stats_reason *reason, const char *key);

/* Over all reasons: the sum and the maximum of a number, and how many away times there are */
uint64_t exit_stats_sum(enum exit_stats_number number);
uint64_t exit_stats_max(enum exit_stats_number number);
uint64_t exit_stats_nr_away(void);

/* Time in the guest and away, i.e. all between the first and the last VM-Exit */
uint64_t exit_stats_known_time(void);

/* All numbers of a reason, in one read */
void exit_stats_read_row(const char *reason, struct exit_stats_row *row);

/* How often KVM_RUN returned with @user_reason, in the spelling of the column, after such exits */
uint64_t exit_stats_user_returns(const struct exit_stats_reason *reason, const char *user_reason);

/* Check the numbers of a row against each other.  They must be consistent at any time. */
void exit_stats_check_row(const char *reason, const struct exit_stats_row *row);

/* Add @row to @sum, as the kernel does. */
void exit_stats_add_row(struct exit_stats_row *sum, const struct exit_stats_row *row);

/* Check that these are the same: @a of @what_a, @b of @what_b. */
void exit_stats_check_same(const char *reason, const char *what_a, const struct exit_stats_row *a,
			   const char *what_b, const struct exit_stats_row *b);

bool exit_stats_has_tables(void);

/* The text of a table: a file in debugfs, or those of a VM or a vCPU.  To be freed. */
char *exit_stats_read_table(const char *file);
char *exit_stats_read_vm_table(struct kvm_vm *vm);
char *exit_stats_read_vcpu_table(struct kvm_vcpu *vcpu);

/* The line of a reason in a table, all 0 if there is none, and the number in the last line */
void exit_stats_table_row(const char *table, const char *reason, struct exit_stats_row *row);
uint64_t exit_stats_table_dropped(const char *table);

/* Returns the number of reasons */
int exit_stats_walk_reasons(void (*fn)(const char *reason, void *data), void *data);

/* Check all numbers against each other, while no vCPU runs. */
void exit_stats_check_laws(void);

/* A statistic of a vCPU, as KVM_GET_STATS_FD has it */
void exit_stats_vcpu_stat(struct kvm_vcpu *vcpu, const char *name, uint64_t *data, size_t n);

/* KVM's own count of a vCPU's exits */
uint64_t exit_stats_vcpu_exits(struct kvm_vcpu *vcpu);

/* A VM with one vCPU, whose guest may use the port, the address and the vector */
struct kvm_vm *exit_stats_create_vm(struct kvm_vcpu **vcpu, void *guest_code);

/* Run to the next sync (true) or to the end (false), and serve I/O in between. */
bool exit_stats_run_to_sync(struct kvm_vcpu *vcpu);

/* Run to the next sync, and check by how much the count of a reason rises. */
void exit_stats_check_rise(struct kvm_vcpu *vcpu,
			   const struct exit_stats_reason *reason, uint64_t rise);

/* With one vCPU: exits took some time, and all together no more than @passed since the reset */
void exit_stats_check_times(const struct exit_stats_reason *reason, uint64_t passed);

/* For the guest, with x2APIC enabled: the number of IPIs that it received; send an IPI */
extern uint64_t exit_stats_nr_ipis;
void exit_stats_send_ipi(uint64_t apic_id);

/* The TSC before and after the first VM-Exit of a vCPU, and the last one */
struct exit_stats_life {
	uint64_t before_first;
	uint64_t after_first;
	uint64_t before_last;
	uint64_t after_last;
};

/* A vCPU that exits all the time, in a thread of its own */
struct exit_stats_load {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	pthread_t thread;
	struct exit_stats_life life;
};

void exit_stats_start_load(struct exit_stats_load *load);

/* Stop all of them, free the VMs, and return their number of exits. */
uint64_t exit_stats_stop_load(struct exit_stats_load *load, int n);

/* Have this thread, and those that it creates, run on one CPU. */
void exit_stats_pin_to_cpu(int cpu);

/*
 * For the guest: halt @n times with an interrupt pending, which sti holds back until the
 * halt.  If an emulator delivers the interrupt too early, a timer ends the halt.
 */
void exit_stats_halt(int n);

/* A guest: one stage per reason, each closed by a sync, i.e. by a port I/O */
void exit_stats_guest(void);

/*
 * Record the kvm_exit events since the start, and compare the counts with them.  No event
 * may be lost.  A VM-Entry that KVM does not try, on VMX, is counted, but has no event: if
 * @untraced is not NULL, all exits of that reason, at least one, must be of this kind.
 */
bool exit_stats_can_trace(void);
void exit_stats_trace_start(void);
void exit_stats_trace_read(void);
void exit_stats_trace_check(const char *untraced);
void exit_stats_trace_stop(void);

/* With one vCPU: events after which a fastpath handler re-entered the guest */
uint64_t exit_stats_reentries(const struct exit_stats_reason *reason);

#endif /* SELFTEST_KVM_EXIT_STATS_H */
