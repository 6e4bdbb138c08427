// SPDX-License-Identifier: GPL-2.0
/*
 * Have KVM print a summary of its exit statistics to the kernel log, once, when
 * this module is loaded.
 *
 * KVM exports nothing for that: this writes to the same file as anybody else, and
 * so builds against any kernel's headers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>

#define DUMP	"/sys/kernel/kvm_exit_stats/dump"

static int __init printcount_init(void)
{
	struct file *file = filp_open(DUMP, O_WRONLY, 0);
	ssize_t r;

	if (file == ERR_PTR(-ENOENT))
		pr_err("there is no " DUMP ": KVM is not loaded, or has no exit statistics\n");
	else if (IS_ERR(file))
		pr_err("cannot open " DUMP ": %pe\n", file);
	if (IS_ERR(file))
		return PTR_ERR(file);

	r = kernel_write(file, "1", 1, NULL);
	if (r < 0)
		pr_err("cannot write to " DUMP ": %pe\n", ERR_PTR(r));
	filp_close(file, NULL);

	return r < 0 ? r : 0;
}
module_init(printcount_init);

static void __exit printcount_exit(void)
{
}
module_exit(printcount_exit);

MODULE_DESCRIPTION("Print KVM's exit statistics to the kernel log");
MODULE_LICENSE("GPL");
