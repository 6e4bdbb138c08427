// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics of VMs: their identities, and the totals of those that are gone.
 *
 * A VM has a number, as a PID is used again, and a process can have several VMs.  When a VM
 * is destroyed, its totals are in the uevent that KVM sends anyway, and are kept here until
 * others take their place.
 */
#include <linux/atomic.h>
#include <linux/cgroup.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/timekeeping.h>

#include <asm/tsc.h>

#include "exit_stats.h"

/* VMs that are gone and kept, and reasons of each */
#define MAX_GONE_VMS		64
#define MAX_TOP_REASONS		8

struct top_reason {
	const char *name;
	u64 count;
	u64 cost;
};

struct gone_vm {
	struct list_head list;
	struct kvm_exit_stats_vm *vm;
	u64 ended_ns;
	unsigned int nr_vcpus;
	u64 dropped;
	struct kvm_exit_stat total;
	/* The most expensive first */
	struct top_reason top[MAX_TOP_REASONS];
};

static atomic64_t last_id;

/* Taken before kvm_exit_stats_lock */
DEFINE_MUTEX(kvm_exit_stats_gone_lock);
static LIST_HEAD(gone_vms);
static unsigned int nr_gone_vms;

/* The path of the current task's cgroup, empty if there is none */
static void get_cgroup(char path[PATH_MAX])
{
	int length = 0;

#ifdef CONFIG_CGROUPS
	rcu_read_lock();
	length = cgroup_path(task_dfl_cgroup(current), path, PATH_MAX);
	rcu_read_unlock();
#endif
	if (length <= 0 || length >= PATH_MAX)
		*path = '\0';
}

/*
 * Called when kvm_arch_init_vm() cannot fail any more, i.e. kvm_arch_destroy_vm() undoes it.
 * A VM has no identity if there is no memory for one.
 */
void kvm_exit_stats_vm_create(struct kvm *kvm)
{
	char *cgroup = kmalloc(PATH_MAX, GFP_KERNEL);
	struct kvm_exit_stats_vm *vm;
	size_t size;

	if (!cgroup)
		return;

	get_cgroup(cgroup);
	size = strlen(cgroup) + 1;
	vm = kzalloc(struct_size(vm, cgroup, size), GFP_KERNEL_ACCOUNT);
	if (vm) {
		kref_init(&vm->ref);
		vm->id = atomic64_inc_return(&last_id);
		vm->created_ns = ktime_get_boottime_ns();
		vm->pid = task_tgid_nr(current);
		get_task_comm(vm->command, current->group_leader);
		memcpy(vm->cgroup, cgroup, size);
	}
	kvm->arch.exit_stats_vm = vm;
	kfree(cgroup);
}

static void free_vm(struct kref *ref)
{
	kfree(container_of(ref, struct kvm_exit_stats_vm, ref));
}

struct kvm_exit_stats_vm *kvm_exit_stats_vm_get(struct kvm *kvm)
{
	struct kvm_exit_stats_vm *vm = kvm->arch.exit_stats_vm;

	if (vm)
		kref_get(&vm->ref);
	return vm;
}

void kvm_exit_stats_vm_put(struct kvm_exit_stats_vm *vm)
{
	if (vm)
		kref_put(&vm->ref, free_vm);
}

void kvm_exit_stats_vm_destroy(struct kvm *kvm)
{
	kvm_exit_stats_vm_put(kvm->arch.exit_stats_vm);
}

static void add_top_reason(struct top_reason top[MAX_TOP_REASONS], const char *name,
			   const struct kvm_exit_stat *stat)
{
	struct top_reason reason = {
		.name	= name,
		.count	= kvm_exit_times_count(&stat->cycles),
		.cost	= kvm_exit_stat_cost(stat),
	};
	unsigned int i;

	for (i = 0; i < MAX_TOP_REASONS && reason.count; i++) {
		if (!top[i].count || reason.cost > top[i].cost)
			swap(reason, top[i]);
	}
}

/* Row by row: a VM has met few reasons, and a table of all takes longer than the rest. */
static void read_gone_vm(struct gone_vm *gone, struct kvm *kvm, struct kvm_exit_stat *stat)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	unsigned int row;

	for (row = 0; row < isa->nr_rows; row++) {
		if (!kvm_exit_stats_read_gone(kvm, row, stat))
			continue;
		kvm_exit_stat_merge(&gone->total, stat);
		add_top_reason(gone->top, isa->reasons[row].name, stat);
	}
	gone->dropped = kvm_exit_stats_read_gone_dropped(kvm);
}

static void free_gone_vm(struct gone_vm *gone)
{
	kvm_exit_stats_vm_put(gone->vm);
	kfree(gone);
}

static void remember(struct gone_vm *gone)
{
	struct gone_vm *oldest;

	lockdep_assert_held(&kvm_exit_stats_gone_lock);

	list_add_tail(&gone->list, &gone_vms);
	if (nr_gone_vms < MAX_GONE_VMS) {
		nr_gone_vms++;
		return;
	}

	oldest = list_first_entry(&gone_vms, struct gone_vm, list);
	list_del(&oldest->list);
	free_gone_vm(oldest);
}

void kvm_exit_stats_forget_gone_vms(void)
{
	struct gone_vm *gone, *next;

	lockdep_assert_held(&kvm_exit_stats_gone_lock);

	list_for_each_entry_safe(gone, next, &gone_vms, list)
		free_gone_vm(gone);
	INIT_LIST_HEAD(&gone_vms);
	nr_gone_vms = 0;
}

static void add_totals(struct kobj_uevent_env *env, const struct gone_vm *gone)
{
	const struct kvm_exit_stat *total = &gone->total;
	u32 hundredths;
	u64 tax = div_u64_rem(kvm_exit_stat_tax(total, total), 100, &hundredths);

	add_uevent_var(env, "EXIT_STATS_VM=%llu", gone->vm->id);
	add_uevent_var(env, "EXITS=%llu", kvm_exit_times_count(&total->cycles));
	/* If it could not be calibrated, KVM runs nevertheless. */
	if (tsc_khz)
		add_uevent_var(env, "EXIT_HANDLING_NS=%llu",
			       mul_u64_u32_div(total->cycles.sum, NSEC_PER_MSEC, tsc_khz));
	add_uevent_var(env, "EXIT_TAX_PERCENT=%llu.%02u", tax, hundredths);
	add_uevent_var(env, "EXIT_TOP_REASON=%s", gone->top[0].name);
}

/*
 * Called when the last reference to the VM is gone, but its vCPUs are still there.  A VM
 * without exits, e.g. one that was only made to ask for capabilities, is left out.
 */
void kvm_arch_destroy_uevent(struct kvm *kvm, struct kobj_uevent_env *env)
{
	struct kvm_exit_stat *stat = kmalloc(sizeof(*stat), GFP_KERNEL);
	struct gone_vm *gone = kzalloc(sizeof(*gone), GFP_KERNEL);

	if (!stat || !gone || !kvm->arch.exit_stats_vm)
		goto free;

	mutex_lock(&kvm_exit_stats_gone_lock);
	read_gone_vm(gone, kvm, stat);
	if (kvm_exit_times_count(&gone->total.cycles)) {
		gone->vm = kvm_exit_stats_vm_get(kvm);
		gone->ended_ns = ktime_get_boottime_ns();
		gone->nr_vcpus = atomic_read(&kvm->online_vcpus);
		add_totals(env, gone);
		remember(gone);
		gone = NULL;
	}
	mutex_unlock(&kvm_exit_stats_gone_lock);
free:
	kfree(gone);
	kfree(stat);
}

/* A name as one field, escaped, also for terminals */
void kvm_exit_stats_show_name(struct seq_file *m, const char *name)
{
	if (*name)
		seq_escape_str(m, name, ESCAPE_OCTAL | ESCAPE_NAP | ESCAPE_APPEND, " \\");
	else
		seq_putc(m, '-');
}

static void show_gone_vm(struct seq_file *m, const struct gone_vm *gone)
{
	const struct kvm_exit_stat *total = &gone->total;
	unsigned int i;

	seq_printf(m, "%llu %d ", gone->vm->id, gone->vm->pid);
	kvm_exit_stats_show_name(m, gone->vm->command);
	seq_putc(m, ' ');
	kvm_exit_stats_show_name(m, gone->vm->cgroup);
	seq_printf(m, " %llu %llu %u %llu", gone->vm->created_ns, gone->ended_ns,
		   gone->nr_vcpus, kvm_exit_times_count(&total->cycles));
	seq_printf(m, " %llu %llu %llu %llu %llu %llu %llu %llu", total->cycles.sum,
		   total->away.sum, total->guest, total->parts[EXIT_STATS_USER],
		   total->parts[EXIT_STATS_BLOCKED], total->polled,
		   total->parts[EXIT_STATS_PREEMPTED], gone->dropped);
	for (i = 0; i < MAX_TOP_REASONS && gone->top[i].count; i++)
		seq_printf(m, "%c%s:%llu:%llu", i ? ',' : ' ', gone->top[i].name,
			   gone->top[i].count, gone->top[i].cost);
	seq_putc(m, '\n');
}

void kvm_exit_stats_show_gone_vms(struct seq_file *m)
{
	const struct gone_vm *gone;

	seq_puts(m, "vm pid command cgroup created_ns ended_ns vcpus exits cycles_total away_total guest_cycles away_user away_blocked away_polled away_preempted dropped reasons\n");

	mutex_lock(&kvm_exit_stats_gone_lock);
	list_for_each_entry(gone, &gone_vms, list)
		show_gone_vm(m, gone);
	mutex_unlock(&kvm_exit_stats_gone_lock);
}
