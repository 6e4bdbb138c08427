/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_SIGNALS_H
#define KVM_EXIT_STAT_SIGNALS_H

#include <stdbool.h>

/* Whether whoever started the program wants @signal to have no effect, as nohup does */
bool is_ignored(int signal);

/*
 * From now on SIGHUP, SIGINT, SIGQUIT and SIGTERM do not end the program: the first
 * of each is noted, and interrupts what blocks.
 */
void catch_signals(void);

bool was_signaled(void);

/* From now on SIGHUP ends nothing, and is noted apart. */
void catch_hangup(void);

/* Whether there was a SIGHUP since the last call */
bool take_hangup(void);

/* Sleep until now() is @when.  False if a signal was noted, before or meanwhile. */
bool sleep_until(double when);

#endif /* KVM_EXIT_STAT_SIGNALS_H */
