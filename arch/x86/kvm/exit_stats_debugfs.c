// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics as tables in debugfs: of the whole system, of each VM, and of
 * each vCPU.
 *
 * A table is copied when its file is opened, for all reads to be of the same copy,
 * and for an open file not to keep a VM alive.
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "exit_stats.h"

static struct dentry *system_file;

static void show_header(struct seq_file *m)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	static const struct kvm_exit_stat none;
	unsigned int i;

	kvm_exit_stat_numbers(&none, numbers);
	seq_printf(m, "%-26s %11s", "reason", "tax_percent");
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++)
		seq_printf(m, " %14s", numbers[i].name);
	seq_puts(m, "  cycles_hist  away_hist\n");
}

static void show_row(struct seq_file *m, const char *name, const struct kvm_exit_stat *stat,
		     const struct kvm_exit_stat *total)
{
	u32 hundredths;
	u64 tax = div_u64_rem(kvm_exit_stat_tax(stat, total), 100, &hundredths);
	char *buf;
	size_t size;

	seq_printf(m, "%-26s %8llu.%02u", name, tax, hundredths);
	/* As ever, a line for which there is no room is shown anew, with more of it. */
	size = seq_get_buf(m, &buf);
	seq_commit(m, size > EXIT_STATS_LINE_SIZE ? kvm_exit_stat_print(stat, buf, size) : -1);
}

static int exit_stats_show(struct seq_file *m, void *v)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	struct kvm_exit_stats_table *table = m->private;
	unsigned int row;

	show_header(m);
	for (row = 0; row < isa->nr_rows; row++) {
		if (kvm_exit_times_count(&table->rows[row].cycles))
			show_row(m, isa->reasons[row].name, &table->rows[row], &table->total);
	}
	show_row(m, "TOTAL", &table->total, &table->total);
	seq_printf(m, "dropped %llu\n", table->dropped);

	return 0;
}

/*
 * Heed lockdown: debugfs itself exempts all files that nobody can write, even if they are
 * not for everybody to read.
 *
 * A VM removes its files before its vCPUs, and waits for those who are opening one,
 * i.e. no reference to it is needed, nor could the last one be put here.
 */
static int exit_stats_open(struct inode *inode, struct file *file)
{
	struct kvm_exit_stats_table *table;
	int r;

	r = security_locked_down(LOCKDOWN_DEBUGFS);
	if (r)
		return r;

	table = kvm_exit_stats_read_table(inode->i_private);
	if (!table)
		return -ENOMEM;

	r = single_open(file, exit_stats_show, table);
	if (r)
		kvfree(table);

	return r;
}

static int exit_stats_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->private);

	return single_release(inode, file);
}

static const struct file_operations exit_stats_fops = {
	.owner		= THIS_MODULE,
	.open		= exit_stats_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= exit_stats_release,
};

/*
 * Not in KVM's directory: whatever is at the top of that is a statistic of KVM, a number
 * that each VM has, too, for those who read them.
 */
void kvm_exit_stats_debugfs_init(void)
{
	system_file = debugfs_create_file("kvm_exit_stats", 0400, NULL, NULL, &exit_stats_fops);
}

void kvm_exit_stats_debugfs_exit(void)
{
	debugfs_remove(system_file);
}

void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm)
{
	debugfs_create_file("exit_stats", 0400, kvm->debugfs_dentry, kvm, &exit_stats_fops);
}

void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir)
{
	debugfs_create_file("exit_stats", 0400, dir, vcpu, &exit_stats_fops);
}
