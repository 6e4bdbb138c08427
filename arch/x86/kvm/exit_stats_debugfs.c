// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics as tables in debugfs: of the whole system, of each VM, and of
 * each vCPU.
 *
 * A table is copied when its file is opened, so that all reads see the same copy, and
 * an open file does not keep a VM alive.
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "exit_stats.h"

static struct dentry *system_file, *gone_file, *slow_file;

static void show_vm(struct seq_file *m, const struct kvm_exit_stats_table *table)
{
	const struct kvm_exit_stats_vm *vm = table->vm;

	seq_printf(m, "vm %llu\npid %d\ncommand ", vm->id, vm->pid);
	kvm_exit_stats_show_name(m, vm->command);
	seq_puts(m, "\ncgroup ");
	kvm_exit_stats_show_name(m, vm->cgroup);
	seq_printf(m, "\ncreated_ns %llu\n", vm->created_ns);
	if (table->vcpu_id >= 0)
		seq_printf(m, "vcpu %d\n", table->vcpu_id);
	else
		seq_printf(m, "vcpus %u\n", table->nr_vcpus);
}

static void show_header(struct seq_file *m)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	static const struct kvm_exit_stat none;
	unsigned int i;

	kvm_exit_stat_numbers(&none, numbers);
	seq_printf(m, "%-26s %11s", "reason", "tax_percent");
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++)
		seq_printf(m, " %14s", numbers[i].name);
	seq_puts(m, "  cycles_hist  away_hist  user_reasons\n");
}

static void show_row(struct seq_file *m, const char *prefix, const char *name,
		     const struct kvm_exit_stat *stat, const struct kvm_exit_stat *total)
{
	u32 hundredths;
	u64 tax = div_u64_rem(kvm_exit_stat_tax(stat, total), 100, &hundredths);
	char *buf;
	size_t size;

	seq_printf(m, "%s%-26s %8llu.%02u", prefix, name, tax, hundredths);
	/* -1 is an overflow: seq_file then shows all anew in a larger buffer. */
	size = seq_get_buf(m, &buf);
	seq_commit(m, size > EXIT_STATS_LINE_SIZE ? kvm_exit_stat_print(stat, buf, size) : -1);
}

static void show_preemptors(struct seq_file *m, const struct kvm_exit_preemptor *preemptors)
{
	const struct kvm_exit_preemptor *p;

	for (p = preemptors; p < preemptors + KVM_EXIT_STATS_TOP; p++) {
		if (!p->top.count)
			continue;
		seq_printf(m, "preempted_by %llu ", p->top.key);
		kvm_exit_stats_show_name(m, p->command);
		seq_printf(m, " %llu %llu %llu %llu\n", p->top.count, p->top.error,
			   p->top.cycles, p->top.longest);
	}
}

static void show_worst(struct seq_file *m, const char *name, const struct kvm_exit_stat *stat)
{
	const struct { const char *of; const struct kvm_exit_times *times; } worst[] = {
		{ "cycles",	&stat->cycles },
		{ "away",	&stat->away },
	};
	char line[EXIT_STATS_WORST_SIZE];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(worst); i++) {
		if (!worst[i].times->max)
			continue;
		kvm_exit_worst_print(worst[i].times->max, &worst[i].times->worst, line,
				     sizeof(line));
		seq_printf(m, "worst %s %s %s", name, worst[i].of, line);
	}
}

static void show_keys(struct seq_file *m, const char *name, const struct kvm_exit_stat *stat)
{
	char prefix[48];
	char *buf;
	size_t size;

	snprintf(prefix, sizeof(prefix), "key %s ", name);
	size = seq_get_buf(m, &buf);
	seq_commit(m, size > EXIT_STATS_KEYS_SIZE ?
		      kvm_exit_keys_print(stat, prefix, buf, size) : -1);
}

static void show_rows(struct seq_file *m, const char *prefix, const struct kvm_exit_row *rows,
		      const struct kvm_exit_stat *total)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	unsigned int row;

	for (row = 0; rows && row < isa->nr_rows; row++) {
		if (kvm_exit_times_count(&rows[row].stat.cycles))
			show_row(m, prefix, isa->reasons[row].name, &rows[row].stat, total);
		cond_resched();
	}
}

static int exit_stats_show(struct seq_file *m, void *v)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	struct kvm_exit_stats_table *table = m->private;
	unsigned int row;

	if (table->vm)
		show_vm(m, table);
	show_header(m);
	show_rows(m, "", table->rows, &table->total);
	show_row(m, "", "TOTAL", &table->total, &table->total);
	show_rows(m, "nested ", table->nested, &table->total);
	show_rows(m, "reflected ", table->reflected, &table->total);
	for (row = 0; row < isa->nr_rows; row++) {
		show_worst(m, isa->reasons[row].name, &table->rows[row].stat);
		show_keys(m, isa->reasons[row].name, &table->rows[row].stat);
		cond_resched();
	}
	show_preemptors(m, table->preemptors);
	if (table->vcpu_id != -1)
		kvm_exit_chain_show(m, &table->chain);
	seq_printf(m, "dropped %llu\n", table->dropped);

	return 0;
}

/*
 * Lockdown is checked here, as debugfs exempts files that nobody can write, even if not
 * everybody can read them.
 *
 * A VM removes its files before its vCPUs, and waits for those who are opening one.  So no
 * reference to it is needed, and the last one cannot be put here.
 */
static int open_table(struct file *file, struct kvm *kvm, const struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats_table *table;
	int r;

	r = security_locked_down(LOCKDOWN_DEBUGFS);
	if (r)
		return r;

	table = kvm_exit_stats_read_table(kvm, vcpu);
	if (!table)
		return -ENOMEM;

	r = single_open(file, exit_stats_show, table);
	if (r)
		kvm_exit_stats_free_table(table);

	return r;
}

static int release_table(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvm_exit_stats_free_table(m->private);

	return single_release(inode, file);
}

/* Of a VM, or of the system */
static int vm_open(struct inode *inode, struct file *file)
{
	return open_table(file, inode->i_private, NULL);
}

static const struct file_operations vm_fops = {
	.owner		= THIS_MODULE,
	.open		= vm_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= release_table,
};

static int vcpu_open(struct inode *inode, struct file *file)
{
	struct kvm_vcpu *vcpu = inode->i_private;

	return open_table(file, vcpu->kvm, vcpu);
}

static const struct file_operations vcpu_fops = {
	.owner		= THIS_MODULE,
	.open		= vcpu_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= release_table,
};

/* Files without a table: a function prints them when they are read. */
static int list_show(struct seq_file *m, void *v)
{
	void (*show)(struct seq_file *m) = m->private;

	show(m);
	return 0;
}

static int list_open(struct inode *inode, struct file *file)
{
	return security_locked_down(LOCKDOWN_DEBUGFS) ?:
	       single_open(file, list_show, inode->i_private);
}

static const struct file_operations list_fops = {
	.owner		= THIS_MODULE,
	.open		= list_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/*
 * Not in KVM's directory: its readers take each file at the top of that for a number that
 * each VM has, too.
 */
void kvm_exit_stats_debugfs_init(void)
{
	system_file = debugfs_create_file("kvm_exit_stats", 0400, NULL, NULL, &vm_fops);
	slow_file = debugfs_create_file("kvm_exit_stats_slow", 0400, NULL,
					kvm_exit_slow_show, &list_fops);
	gone_file = debugfs_create_file("kvm_exit_stats_gone", 0400, NULL,
					kvm_exit_stats_show_gone_vms, &list_fops);
}

void kvm_exit_stats_debugfs_exit(void)
{
	debugfs_remove(gone_file);
	debugfs_remove(slow_file);
	debugfs_remove(system_file);
}

void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm)
{
	debugfs_create_file("exit_stats", 0400, kvm->debugfs_dentry, kvm, &vm_fops);
}

void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir)
{
	debugfs_create_file("exit_stats", 0400, dir, vcpu, &vcpu_fops);
}
