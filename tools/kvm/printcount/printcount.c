// SPDX-License-Identifier: GPL-2.0
/*
 * Have KVM print a summary of its exit statistics to the kernel log, once, when
 * this module is loaded.
 *
 * What KVM exports for that is looked up here, not when the module is linked: it
 * then builds against any kernel's headers, those of a kernel whose KVM was
 * replaced included, and tells what is wrong if there is nothing to call.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

static int __init printcount_init(void)
{
	int (*dump)(void);
	int r;

	dump = __symbol_get("kvm_exit_stats_dump");
	if (!dump) {
		pr_err("KVM is not loaded, or has no exit statistics\n");
		return -ENODEV;
	}

	r = dump();
	if (r)
		pr_err("neither kvm-intel nor kvm-amd is loaded\n");
	__symbol_put("kvm_exit_stats_dump");

	return r;
}
module_init(printcount_init);

static void __exit printcount_exit(void)
{
}
module_exit(printcount_exit);

MODULE_DESCRIPTION("Print KVM's exit statistics to the kernel log");
MODULE_LICENSE("GPL");
