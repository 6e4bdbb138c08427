// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics as tables in debugfs: of the whole system, of each VM, and of
 * each vCPU.
 *
 * A table is copied when its file is opened, row by row, for all reads to be of
 * the same copy, and for an open file not to keep a VM alive.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/overflow.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "exit_stats.h"

struct exit_stats_table {
	struct kvm_exit_stat total;
	struct kvm_exit_stat rows[];
};

/*
 * The first step of each open.  Heed lockdown: debugfs itself exempts all files that
 * nobody can write, even if they are not for everybody to read.
 */
static struct exit_stats_table *alloc_table(void)
{
	struct exit_stats_table *table;
	unsigned int row;
	int r;

	r = security_locked_down(LOCKDOWN_DEBUGFS);
	if (r)
		return ERR_PTR(r);

	table = kvzalloc(struct_size(table, rows, kvm_exit_stats_isa.nr_rows), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);

	kvm_exit_stat_init(&table->total);
	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++)
		kvm_exit_stat_init(&table->rows[row]);

	return table;
}

static void show_hist(struct seq_file *m, const u64 *hist)
{
	const char *separator = "  ";
	unsigned int i;

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++) {
		if (!hist[i])
			continue;
		seq_printf(m, "%s%u:%llu", separator, i, hist[i]);
		separator = ",";
	}
	if (*separator == ' ')
		seq_puts(m, "  -");
}

static void show_row(struct seq_file *m, const char *name, const struct kvm_exit_stat *stat,
		     const struct kvm_exit_stat *total)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	u64 life = total->guest + total->away.sum;
	u32 hundredths;
	unsigned int i;
	u64 tax = 0;

	/* A sum that exceeded 64 bits must not have the quotient exceed them, too. */
	if (life && stat->away.sum <= life)
		tax = mul_u64_u64_div_u64(stat->away.sum, 100 * 100, life);
	tax = div_u64_rem(tax, 100, &hundredths);

	seq_printf(m, "%-22s", name);
	kvm_exit_stat_numbers(stat, numbers);
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++)
		seq_printf(m, " %14llu", numbers[i].value);
	seq_printf(m, " %14llu %8llu.%02u", stat->guest, tax, hundredths);
	show_hist(m, stat->hist);
	show_hist(m, stat->away_hist);
	seq_putc(m, '\n');
}

static void show_header(struct seq_file *m, const struct kvm_exit_stat *total)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	unsigned int i;

	seq_printf(m, "%-22s", "reason");
	kvm_exit_stat_numbers(total, numbers);
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++)
		seq_printf(m, " %14s", numbers[i].name);
	seq_puts(m, "   guest_cycles tax_percent  cycles_hist  away_hist\n");
}

static int exit_stats_show(struct seq_file *m, void *v)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	struct exit_stats_table *table = m->private;
	unsigned int row;

	show_header(m, &table->total);
	for (row = 0; row < isa->nr_rows; row++) {
		if (table->rows[row].count)
			show_row(m, isa->reasons[row].name, &table->rows[row], &table->total);
	}
	show_row(m, "TOTAL", &table->total, &table->total);

	return 0;
}

/* Takes the table, which the file has from then on. */
static int open_table(struct file *file, struct exit_stats_table *table)
{
	unsigned int row;
	int r;

	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++)
		kvm_exit_stat_merge(&table->total, &table->rows[row]);

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

static int system_exit_stats_open(struct inode *inode, struct file *file)
{
	struct exit_stats_table *table = alloc_table();
	unsigned int row;

	if (IS_ERR(table))
		return PTR_ERR(table);

	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++)
		kvm_exit_stats_read(row, &table->rows[row]);

	return open_table(file, table);
}

static const struct file_operations system_exit_stats_fops = {
	.owner		= THIS_MODULE,
	.open		= system_exit_stats_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= exit_stats_release,
};

static void add_vcpu(struct exit_stats_table *table, struct kvm_vcpu *vcpu)
{
	unsigned int row;

	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++)
		kvm_exit_stats_add_vcpu(vcpu, row, &table->rows[row]);
}

/*
 * A VM removes its files before its vCPUs, and waits for those who are opening one,
 * i.e. no reference to it is needed, nor could the last one be put here.
 */
static int vm_exit_stats_open(struct inode *inode, struct file *file)
{
	struct exit_stats_table *table = alloc_table();
	struct kvm *kvm = inode->i_private;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (IS_ERR(table))
		return PTR_ERR(table);

	kvm_for_each_vcpu(i, vcpu, kvm)
		add_vcpu(table, vcpu);

	return open_table(file, table);
}

static const struct file_operations vm_exit_stats_fops = {
	.owner		= THIS_MODULE,
	.open		= vm_exit_stats_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= exit_stats_release,
};

static int vcpu_exit_stats_open(struct inode *inode, struct file *file)
{
	struct exit_stats_table *table = alloc_table();

	if (IS_ERR(table))
		return PTR_ERR(table);

	add_vcpu(table, inode->i_private);

	return open_table(file, table);
}

static const struct file_operations vcpu_exit_stats_fops = {
	.owner		= THIS_MODULE,
	.open		= vcpu_exit_stats_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= exit_stats_release,
};

/* Called when KVM's directory is there, which goes with all that is in it. */
void kvm_exit_stats_create_debugfs(void)
{
	struct dentry *dir = debugfs_lookup("kvm", NULL);

	if (IS_ERR_OR_NULL(dir))
		return;

	debugfs_create_file("exit_stats", 0400, dir, NULL, &system_exit_stats_fops);
	dput(dir);
}
EXPORT_SYMBOL_GPL(kvm_exit_stats_create_debugfs);

/*
 * Called when KVM's directory is gone, unless it was one that a kvm_init() left
 * behind when it failed, before: that is nobody's, and stays, with all that is in it.
 */
void kvm_exit_stats_remove_debugfs(void)
{
	struct dentry *dir = debugfs_lookup("kvm", NULL);

	if (IS_ERR_OR_NULL(dir))
		return;

	debugfs_lookup_and_remove("exit_stats", dir);
	dput(dir);
}

void kvm_exit_stats_create_vm_debugfs(struct kvm *kvm)
{
	debugfs_create_file("exit_stats", 0400, kvm->debugfs_dentry, kvm,
			    &vm_exit_stats_fops);
}

/* A vCPU without a table has no file either. */
void kvm_exit_stats_create_vcpu_debugfs(struct kvm_vcpu *vcpu, struct dentry *dir)
{
	if (vcpu->arch.exit_stats.vcpu_table)
		debugfs_create_file("exit_stats", 0400, dir, vcpu, &vcpu_exit_stats_fops);
}
