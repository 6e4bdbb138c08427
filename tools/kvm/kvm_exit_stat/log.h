/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_LOG_H
#define KVM_EXIT_STAT_LOG_H

#include <stdbool.h>

#include "error.h"

/*
 * What is printed goes to the end of a file, which SIGHUP has opened anew, for it to be
 * renamed before.  Without a file, it goes to standard output.
 */
enum status log_open(const char *path);

/*
 * To be called before something is printed that must not be divided between two files.
 * @fresh becomes true if it begins a file.
 */
enum status log_begin(bool *fresh);

/*
 * To be called before lines are printed below @header, which is not printed: a file that was
 * there before must begin with it.
 */
enum status log_go_on(const char *header);

/* Write what was printed.  All of it is written, or nothing, if that is a matter of space. */
enum status log_flush(void);

#endif /* KVM_EXIT_STAT_LOG_H */
