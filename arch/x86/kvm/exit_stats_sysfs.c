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

/* Parse a switch, which takes 0 or 1 and nothing else. */
static int parse_switch(const char *buf, bool *on)
{
	unsigned int val;
	int r;

	r = kstrtouint(buf, 10, &val);
	if (r)
		return r;
	if (val > 1)
		return -EINVAL;

	*on = val;
	return 0;
}

/* Parse the one word that a trigger takes, which is 1. */
static int parse_trigger(const char *buf)
{
	bool on;
	int r;

	r = parse_switch(buf, &on);
	if (r)
		return r;

	return on ? 0 : -EINVAL;
}

/*
 * /sys/kernel/kvm_exit_stats: controls
 */

#define EXIT_STATS_SWITCH_ATTR(_name)					\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, "%d\n", kvm_exit_stats_get_##_name());	\
}									\
									\
static ssize_t _name##_store(struct kobject *kobj,			\
			     struct kobj_attribute *attr,		\
			     const char *buf, size_t count)		\
{									\
	bool on;							\
	int r;								\
									\
	r = parse_switch(buf, &on);					\
	if (r)								\
		return r;						\
									\
	kvm_exit_stats_set_##_name(on);					\
	return count;							\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RW(_name)

EXIT_STATS_SWITCH_ATTR(enabled);
EXIT_STATS_SWITCH_ATTR(away);
EXIT_STATS_SWITCH_ATTR(per_vcpu);

static ssize_t interval_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%u\n", kvm_exit_stats_get_interval());
}

static ssize_t interval_store(struct kobject *kobj, struct kobj_attribute *attr,
			      const char *buf, size_t count)
{
	unsigned int interval;
	int r;

	r = kstrtouint(buf, 10, &interval);
	if (r)
		return r;

	kvm_exit_stats_set_interval(interval);
	return count;
}

static struct kobj_attribute interval_attr = __ATTR_RW(interval);

static ssize_t reset_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	int r;

	r = parse_trigger(buf);
	if (r)
		return r;

	kvm_exit_stats_reset();
	return count;
}

static struct kobj_attribute reset_attr = __ATTR_WO(reset);

static ssize_t dump_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	int r;

	r = parse_trigger(buf);
	if (r)
		return r;

	r = kvm_exit_stats_dump();
	return r ?: count;
}

static struct kobj_attribute dump_attr = __ATTR_WO(dump);

/*
 * /sys/kernel/kvm_exit_stats: facts and totals
 */

static ssize_t isa_show(struct kobject *kobj, struct kobj_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%s\n", kvm_exit_stats_isa.name);
}

static struct kobj_attribute isa_attr = __ATTR_RO(isa);

static ssize_t tsc_khz_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", tsc_khz);
}

static struct kobj_attribute tsc_khz_attr = __ATTR_RO(tsc_khz);

#define EXIT_STATS_TOTAL_ATTR(_name, _field)				\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	struct kvm_exit_stat total;					\
									\
	kvm_exit_stats_read_all(&total);				\
	return sysfs_emit(buf, "%llu\n", total._field);			\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RO_MODE(_name, 0400)

EXIT_STATS_TOTAL_ATTR(total_exits, count);
EXIT_STATS_TOTAL_ATTR(total_cycles, cycles.sum);
EXIT_STATS_TOTAL_ATTR(guest_cycles, guest);
EXIT_STATS_TOTAL_ATTR(clock_warps, clock_warps);

static struct attribute *root_attrs[] = {
	&enabled_attr.attr,
	&away_attr.attr,
	&per_vcpu_attr.attr,
	&interval_attr.attr,
	&reset_attr.attr,
	&dump_attr.attr,
	&isa_attr.attr,
	&tsc_khz_attr.attr,
	&total_exits_attr.attr,
	&total_cycles_attr.attr,
	&guest_cycles_attr.attr,
	&clock_warps_attr.attr,
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

static ssize_t reason_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%u\n",
			  kvm_exit_stats_isa.reasons[reason_row(kobj)].code);
}

static struct kobj_attribute reason_attr = __ATTR_RO_MODE(reason, 0400);

static struct kobj_attribute number_attrs[EXIT_STATS_NR_NUMBERS];
static struct attribute *number_attr_list[EXIT_STATS_NR_NUMBERS + 1];

static ssize_t number_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
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
	struct kvm_exit_stat empty;
	unsigned int i;

	kvm_exit_stat_init(&empty);
	kvm_exit_stat_numbers(&empty, numbers);

	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++) {
		sysfs_attr_init(&number_attrs[i].attr);
		number_attrs[i].attr.name = numbers[i].name;
		number_attrs[i].attr.mode = 0400;
		number_attrs[i].show = number_show;
		number_attr_list[i] = &number_attrs[i].attr;
	}
}

#define EXIT_STATS_HIST_ATTR(_name, _hist)				\
static ssize_t _name##_show(struct kobject *kobj,			\
			    struct kobj_attribute *attr, char *buf)	\
{									\
	struct kvm_exit_stat stat;					\
									\
	kvm_exit_stats_read(reason_row(kobj), &stat);			\
	return emit_hist(buf, stat._hist);				\
}									\
static struct kobj_attribute _name##_attr = __ATTR_RO_MODE(_name, 0400)

static ssize_t emit_hist(char *buf, const u64 *hist)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < EXIT_STATS_HIST_BUCKETS; i++)
		len += sysfs_emit_at(buf, len, "%s%llu", i ? " " : "", hist[i]);
	len += sysfs_emit_at(buf, len, "\n");

	return len;
}

EXIT_STATS_HIST_ATTR(cycles_hist, hist);
EXIT_STATS_HIST_ATTR(away_hist, away_hist);

static struct attribute *reason_attrs[] = {
	&reason_attr.attr,
	&cycles_hist_attr.attr,
	&away_hist_attr.attr,
	NULL,
};

/* UNKNOWN stands for many codes, i.e. has none of its own to show. */
static umode_t reason_attr_is_visible(struct kobject *kobj,
				      struct attribute *attr, int n)
{
	if (attr == &reason_attr.attr &&
	    reason_row(kobj) == kvm_exit_stats_isa.nr_rows - 1)
		return 0;

	return attr->mode;
}

static const struct attribute_group reason_group = {
	.attrs = reason_attrs,
	.is_visible = reason_attr_is_visible,
};

static const struct attribute_group number_group = {
	.attrs = number_attr_list,
};

static const struct attribute_group *reason_groups[] = {
	&reason_group,
	&number_group,
	NULL,
};

/* Wait for the readers inside, later reads of an open file get -ENODEV. */
static void remove_dir(struct kobject *dir)
{
	kobject_del(dir);
	kobject_put(dir);
}

int kvm_exit_stats_sysfs_init(void)
{
	const struct kvm_exit_stats_isa *isa = &kvm_exit_stats_isa;
	unsigned int row;
	int r = -ENOMEM;

	init_number_attrs();

	reason_dirs = kcalloc(isa->nr_rows, sizeof(*reason_dirs), GFP_KERNEL);
	if (!reason_dirs)
		return r;

	root_dir = kobject_create_and_add("kvm_exit_stats", kernel_kobj);
	if (!root_dir)
		goto err;

	reasons_dir = kobject_create_and_add("reasons", root_dir);
	if (!reasons_dir)
		goto err;

	for (row = 0; row < isa->nr_rows; row++) {
		reason_dirs[row] = kobject_create_and_add(isa->reasons[row].name,
							  reasons_dir);
		if (!reason_dirs[row])
			goto err;

		r = sysfs_create_groups(reason_dirs[row], reason_groups);
		if (r)
			goto err;
		r = -ENOMEM;
	}

	r = sysfs_create_group(root_dir, &root_group);
	if (r)
		goto err;

	return 0;

err:
	kvm_exit_stats_sysfs_exit();
	return r;
}

void kvm_exit_stats_sysfs_exit(void)
{
	unsigned int row;

	for (row = 0; row < kvm_exit_stats_isa.nr_rows; row++)
		remove_dir(reason_dirs[row]);

	remove_dir(reasons_dir);
	reasons_dir = NULL;
	remove_dir(root_dir);
	root_dir = NULL;
	kfree(reason_dirs);
	reason_dirs = NULL;
}
