/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_LOG_H
#define KVM_EXIT_STAT_LOG_H

#include <stdbool.h>

#include "error.h"

/*
 * Append what is printed to a file, in place of standard output.  SIGHUP has the path opened
 * anew, so that e.g. logrotate can rename the old file before: call catch_hangup() first.
 */
enum status log_open(const char *path);

/*
 * To be called before printing something that must not be split between two files.  @fresh
 * becomes true if the output will be the first in its file.
 */
enum status log_begin(bool *fresh);

/*
 * To be called before printing lines without their header: a file that existed before must
 * begin with @header or, if that is NULL, with JSON.  End a last line that is incomplete.
 */
enum status log_go_on(const char *header);

/* Write what was printed.  If that fails, e.g. for want of space, leave no part in the file. */
enum status log_flush(void);

#endif /* KVM_EXIT_STAT_LOG_H */
