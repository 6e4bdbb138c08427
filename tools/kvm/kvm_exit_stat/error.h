/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_ERROR_H
#define KVM_EXIT_STAT_ERROR_H

#include <linux/compiler.h>

/* The exit status, also what a function that can fail returns; see the man page. */
enum status {
	STATUS_OK,
	STATUS_ABOVE,
	STATUS_USAGE,
	STATUS_UNAVAILABLE,
	STATUS_PERMISSION,
	STATUS_RESET,
	STATUS_VANISHED,
	STATUS_BAD_FILE,
	STATUS_SYSTEM,
};

/*
 * Keep a message for the user, and return @status.  Only print_error() shows the
 * message, as curses can own the terminal when something fails.
 */
enum status fail(enum status status, const char *format, ...) __printf(2, 3);

const char *last_error(void);

/* Drop the message, for a caller to which the failure does not matter. */
void forget_error(void);

/* Show the message, unless it was shown before. */
void print_error(void);

#endif /* KVM_EXIT_STAT_ERROR_H */
