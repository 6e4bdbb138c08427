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

/* A file to read and write a number from 0 to @_max */
#define EXIT_STATS_SETTING_ATTR(_name, _max)				\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, "%u\n", kvm_exit_stats_get_##_name());	\
}									\
static ssize_t _name##_store(struct kobject *kobj,			\
			     struct kobj_attribute *attr,		\
			     const char *buf, size_t count)		\
{									\
	unsigned int val;						\
	int r;								\
									\
	r = parse_number(buf, 0, _max, &val);				\
	if (r)								\
		return r;						\
									\
	kvm_exit_stats_set_##_name(val);				\
	return count;							\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RW(_name)

EXIT_STATS_SETTING_ATTR(enabled, 1);
EXIT_STATS_SETTING_ATTR(interval, UINT_MAX);
EXIT_STATS_SETTING_ATTR(keys, 1);
EXIT_STATS_SETTING_ATTR(slow_us, UINT_MAX);

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
	table = kvm_exit_stats_read_table(NULL, NULL);			\
	if (table)							\
		len = sysfs_emit(buf, "%llu\n", _number);		\
	kvm_exit_stats_free_table(table);				\
	return len;							\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RO_MODE(_name, 0400)

EXIT_STATS_TOTAL_ATTR(total_exits, kvm_exit_times_count(&table->total.cycles));
EXIT_STATS_TOTAL_ATTR(total_cycles, table->total.cycles.sum);
EXIT_STATS_TOTAL_ATTR(guest_cycles, table->total.guest);
EXIT_STATS_TOTAL_ATTR(clock_warps, table->clock_warps);
EXIT_STATS_TOTAL_ATTR(dropped, table->dropped);

static struct attribute *root_attrs[] = {
	&enabled_attr.attr,
	&interval_attr.attr,
	&keys_attr.attr,
	&slow_us_attr.attr,
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

/* The caller frees it.  NULL if there is no memory.  It is too large for the stack. */
static struct kvm_exit_row *read_level(struct kobject *dir, enum kvm_exit_stats_level from)
{
	struct kvm_exit_row *row = kmalloc(sizeof(*row), GFP_KERNEL);

	if (row)
		kvm_exit_stats_read(reason_row(dir), from, row);
	return row;
}

static struct kvm_exit_row *read_reason(struct kobject *dir)
{
	return read_level(dir, EXIT_STATS_L1);
}

static ssize_t reason_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	/* vCPUs may be writing that of UNKNOWN. */
	return sysfs_emit(buf, "%u\n",
			  (u32)READ_ONCE(kvm_exit_stats_isa.reasons[reason_row(kobj)].code));
}

static struct kobj_attribute reason_attr = __ATTR_RO_MODE(reason, 0400);

static ssize_t stat_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf);

static struct kobj_attribute stat_attr = __ATTR(stat, 0400, stat_show, NULL);
static struct kobj_attribute nested_attr = __ATTR(nested, 0400, stat_show, NULL);
static struct kobj_attribute reflected_attr = __ATTR(reflected, 0400, stat_show, NULL);

static ssize_t stat_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	enum kvm_exit_stats_level from = EXIT_STATS_L1;
	struct kvm_exit_row *row;
	ssize_t len;

	if (attr == &nested_attr)
		from = EXIT_STATS_L2_HANDLED;
	else if (attr == &reflected_attr)
		from = EXIT_STATS_L2_REFLECTED;

	row = read_level(kobj, from);
	len = row ? kvm_exit_stat_print(&row->stat, buf, PAGE_SIZE) : -ENOMEM;
	kfree(row);

	return len;
}

static ssize_t hist_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf);

static struct kobj_attribute cycles_hist_attr = __ATTR(cycles_hist, 0400, hist_show, NULL);
static struct kobj_attribute away_hist_attr = __ATTR(away_hist, 0400, hist_show, NULL);

static ssize_t hist_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct kvm_exit_row *row = read_reason(kobj);
	const u64 *hist;
	unsigned int i;
	int len = 0;

	if (!row)
		return -ENOMEM;

	hist = attr == &cycles_hist_attr ? row->stat.cycles.hist : row->stat.away.hist;
	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		len += sysfs_emit_at(buf, len, "%s%llu", i ? " " : "", hist[i]);
	len += sysfs_emit_at(buf, len, "\n");
	kfree(row);

	return len;
}

static ssize_t reason_keys_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct kvm_exit_row *row = read_reason(kobj);
	ssize_t len = row ? kvm_exit_keys_print(&row->stat, "", buf, PAGE_SIZE) : -ENOMEM;

	kfree(row);
	return len;
}

static struct kobj_attribute reason_keys_attr = __ATTR(keys, 0400, reason_keys_show, NULL);

static ssize_t worst_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf);

static struct kobj_attribute cycles_worst_attr = __ATTR(cycles_worst, 0400, worst_show, NULL);
static struct kobj_attribute away_worst_attr = __ATTR(away_worst, 0400, worst_show, NULL);

static ssize_t worst_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct kvm_exit_row *row = read_reason(kobj);
	const struct kvm_exit_times *times;
	ssize_t len;

	if (!row)
		return -ENOMEM;

	times = attr == &cycles_worst_attr ? &row->stat.cycles : &row->stat.away;
	len = kvm_exit_worst_print(times->max, &times->worst, buf, PAGE_SIZE);
	kfree(row);

	return len;
}

static ssize_t late_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf);

static struct kobj_attribute cycles_late_attr = __ATTR(cycles_late, 0400, late_show, NULL);
static struct kobj_attribute away_late_attr = __ATTR(away_late, 0400, late_show, NULL);

static ssize_t late_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct kvm_exit_worst worst = {};
	u64 cycles;

	cycles = kvm_exit_late_read(reason_row(kobj), attr == &away_late_attr, &worst);
	return kvm_exit_worst_print(cycles, &worst, buf, PAGE_SIZE);
}

static struct attribute *reason_attrs[] = {
	&reason_attr.attr,
	&stat_attr.attr,
	&nested_attr.attr,
	&reflected_attr.attr,
	&cycles_hist_attr.attr,
	&away_hist_attr.attr,
	&reason_keys_attr.attr,
	&cycles_worst_attr.attr,
	&away_worst_attr.attr,
	&cycles_late_attr.attr,
	&away_late_attr.attr,
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
	struct kvm_exit_row *row = read_reason(kobj);

	if (!row)
		return -ENOMEM;

	kvm_exit_stat_numbers(&row->stat, numbers);
	kfree(row);
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

/* Waits for readers.  Later reads of a file that is open fail with ENODEV. */
static void remove_dir(struct kobject **dir)
{
	kobject_del(*dir);
	kobject_put(*dir);
	*dir = NULL;
}

void kvm_exit_stats_sysfs_exit(void)
{
	unsigned int row;

	/* Readers look for their directory among all: wait for all of them before any is freed. */
	for (row = 0; reason_dirs && row < kvm_exit_stats_isa.nr_rows; row++)
		kobject_del(reason_dirs[row]);
	for (row = 0; reason_dirs && row < kvm_exit_stats_isa.nr_rows; row++)
		kobject_put(reason_dirs[row]);

	remove_dir(&reasons_dir);
	remove_dir(&root_dir);
	kfree(reason_dirs);
	reason_dirs = NULL;
}
