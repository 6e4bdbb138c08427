// SPDX-License-Identifier: GPL-2.0
/*
 * VM-Exit statistics in /sys/kernel/kvm_exit_stats.
 *
 * Documentation/ABI/testing/sysfs-kernel-kvm_exit_stats describes every file.
 */
#include <linux/kobject.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include <asm/tsc.h>

#include "exit_stats.h"

static struct kobject *root_dir;
static struct kobject *reasons_dir;
/* One per row, in the order of the rows */
static struct kobject **reason_dirs;

/*
 * /sys/kernel/kvm_exit_stats: controls
 */

/* Parse a number, all of it and in decimal. */
static int parse_number(const char *buf, unsigned int min, unsigned int max, unsigned int *val)
{
	int r;

	r = kstrtouint(buf, 10, val);
	if (r)
		return r;

	return *val < min || *val > max ? -EINVAL : 0;
}

static ssize_t enabled_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", kvm_exit_stats_get_enabled());
}

static ssize_t enabled_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	unsigned int on;
	int r;

	r = parse_number(buf, 0, 1, &on);
	if (r)
		return r;

	kvm_exit_stats_set_enabled(on);
	return count;
}

static struct kobj_attribute enabled_attr = __ATTR_RW(enabled);

static ssize_t interval_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", kvm_exit_stats_get_interval());
}

static ssize_t interval_store(struct kobject *kobj, struct kobj_attribute *attr,
			      const char *buf, size_t count)
{
	unsigned int interval;
	int r;

	r = parse_number(buf, 0, UINT_MAX, &interval);
	if (r)
		return r;

	kvm_exit_stats_set_interval(interval);
	return count;
}

static struct kobj_attribute interval_attr = __ATTR_RW(interval);

static ssize_t reset_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	unsigned int one;
	int r;

	r = parse_number(buf, 1, 1, &one);
	if (r)
		return r;

	kvm_exit_stats_reset();
	return count;
}

static struct kobj_attribute reset_attr = __ATTR_WO(reset);

static ssize_t dump_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	unsigned int one;
	int r;

	r = parse_number(buf, 1, 1, &one) ?: kvm_exit_stats_dump();
	return r ?: count;
}

static struct kobj_attribute dump_attr = __ATTR_WO(dump);

/*
 * /sys/kernel/kvm_exit_stats: facts and totals
 */

static ssize_t isa_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", kvm_exit_stats_isa.name);
}

static struct kobj_attribute isa_attr = __ATTR_RO(isa);

static ssize_t tsc_khz_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", tsc_khz);
}

static struct kobj_attribute tsc_khz_attr = __ATTR_RO(tsc_khz);

#define EXIT_STATS_TOTAL_ATTR(_name, _number)				\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	struct kvm_exit_stats_table *table;				\
	int len = -ENOMEM;						\
									\
	table = kvm_exit_stats_read_table(NULL);			\
	if (table)							\
		len = sysfs_emit(buf, "%llu\n", _number);		\
	kvfree(table);							\
	return len;							\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RO_MODE(_name, 0400)

EXIT_STATS_TOTAL_ATTR(total_exits, kvm_exit_times_count(&table->total.cycles));
EXIT_STATS_TOTAL_ATTR(total_cycles, table->total.cycles.sum);
EXIT_STATS_TOTAL_ATTR(guest_cycles, table->total.guest);
EXIT_STATS_TOTAL_ATTR(clock_warps, table->total.clock_warps);
EXIT_STATS_TOTAL_ATTR(dropped, table->dropped);

static struct attribute *root_attrs[] = {
	&enabled_attr.attr,
	&interval_attr.attr,
	&reset_attr.attr,
	&dump_attr.attr,
	&isa_attr.attr,
	&tsc_khz_attr.attr,
	&total_exits_attr.attr,
	&total_cycles_attr.attr,
	&guest_cycles_attr.attr,
	&clock_warps_attr.attr,
	&dropped_attr.attr,
	NULL,
};

static const struct attribute_group root_group = {
	.attrs = root_attrs,
};

/*
 * /sys/kernel/kvm_exit_stats/reasons/<NAME>
 */

static unsigned int reason_row(struct kobject *dir)
{
	unsigned int row = 0;

	while (reason_dirs[row] != dir)
		row++;

	return row;
}

static ssize_t reason_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	/* vCPUs write that of UNKNOWN. */
	return sysfs_emit(buf, "%u\n",
			  (u32)READ_ONCE(kvm_exit_stats_isa.reasons[reason_row(kobj)].code));
}

static struct kobj_attribute reason_attr = __ATTR_RO_MODE(reason, 0400);

static ssize_t stat_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct kvm_exit_stat stat;

	kvm_exit_stats_read(reason_row(kobj), &stat);
	return kvm_exit_stat_print(&stat, buf, PAGE_SIZE);
}

static struct kobj_attribute stat_attr = __ATTR_RO_MODE(stat, 0400);

#define EXIT_STATS_HIST_ATTR(_times)					\
static ssize_t _times##_hist_show(struct kobject *kobj,			\
				  struct kobj_attribute *attr, char *buf)	\
{									\
	struct kvm_exit_stat stat;					\
									\
	kvm_exit_stats_read(reason_row(kobj), &stat);			\
	return emit_hist(buf, stat._times.hist);			\
}									\
static struct kobj_attribute _times##_hist_attr = __ATTR_RO_MODE(_times##_hist, 0400)

static ssize_t emit_hist(char *buf, const u64 *hist)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		len += sysfs_emit_at(buf, len, "%s%llu", i ? " " : "", hist[i]);
	len += sysfs_emit_at(buf, len, "\n");

	return len;
}

EXIT_STATS_HIST_ATTR(cycles);
EXIT_STATS_HIST_ATTR(away);

static struct attribute *reason_attrs[] = {
	&reason_attr.attr,
	&stat_attr.attr,
	&cycles_hist_attr.attr,
	&away_hist_attr.attr,
	NULL,
};

static const struct attribute_group reason_group = {
	.attrs = reason_attrs,
};

static struct kobj_attribute number_attrs[EXIT_STATS_NR_NUMBERS];
static struct attribute *number_attr_list[EXIT_STATS_NR_NUMBERS + 1];

static ssize_t number_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	struct kvm_exit_stat stat;

	kvm_exit_stats_read(reason_row(kobj), &stat);
	kvm_exit_stat_numbers(&stat, numbers);
	return sysfs_emit(buf, "%llu\n", numbers[attr - number_attrs].value);
}

static void init_number_attrs(void)
{
	struct kvm_exit_number numbers[EXIT_STATS_NR_NUMBERS];
	static const struct kvm_exit_stat none;
	unsigned int i;

	kvm_exit_stat_numbers(&none, numbers);

	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++) {
		sysfs_attr_init(&number_attrs[i].attr);
		number_attrs[i].attr.name = numbers[i].name;
		number_attrs[i].attr.mode = 0400;
		number_attrs[i].show = number_show;
		number_attr_list[i] = &number_attrs[i].attr;
	}
}

static const struct attribute_group number_group = {
	.attrs = number_attr_list,
};

static const struct attribute_group *reason_groups[] = {
	&reason_group,
	&number_group,
	NULL,
};

static int create_reason_dirs(void)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	unsigned int row;
	int r;

	reason_dirs = kcalloc(isa->nr_rows, sizeof(*reason_dirs), GFP_KERNEL);
	if (!reason_dirs)
		return -ENOMEM;

	for (row = 0; row < isa->nr_rows; row++) {
		reason_dirs[row] = kobject_create_and_add(isa->reasons[row].name, reasons_dir);
		if (!reason_dirs[row])
			return -ENOMEM;

		r = sysfs_create_groups(reason_dirs[row], reason_groups);
		if (r)
			return r;
	}

	return 0;
}

/* All of it, or nothing */
int kvm_exit_stats_sysfs_init(void)
{
	int r = -ENOMEM;

	init_number_attrs();

	root_dir = kobject_create_and_add("kvm_exit_stats", kernel_kobj);
	reasons_dir = root_dir ? kobject_create_and_add("reasons", root_dir) : NULL;
	if (reasons_dir)
		r = create_reason_dirs() ?: sysfs_create_group(root_dir, &root_group);
	if (r)
		kvm_exit_stats_sysfs_exit();

	return r;
}

/* Wait for the readers inside, later reads of an open file get -ENODEV. */
static void remove_dir(struct kobject **dir)
{
	kobject_del(*dir);
	kobject_put(*dir);
	*dir = NULL;
}

void kvm_exit_stats_sysfs_exit(void)
{
	unsigned int row;

	for (row = 0; reason_dirs && row < kvm_exit_stats_isa.nr_rows; row++)
		remove_dir(&reason_dirs[row]);

	remove_dir(&reasons_dir);
	remove_dir(&root_dir);
	kfree(reason_dirs);
	reason_dirs = NULL;
}
