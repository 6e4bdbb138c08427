/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_SIGNALS_H
#define KVM_EXIT_STAT_SIGNALS_H

#include <stdbool.h>

/* Whether @signal is ignored, i.e. was so when the program started, e.g. by nohup */
bool is_ignored(int signal);

/*
 * From now on SIGHUP, SIGINT, SIGQUIT and SIGTERM do not end the program: the first
 * of each is noted, and interrupts blocking calls.
 */
void catch_signals(void);

bool was_signaled(void);

/* From now on SIGHUP ends neither the program nor a sleep: take_hangup() returns it. */
void catch_hangup(void);

/* Whether there was a SIGHUP since the last call */
bool take_hangup(void);

/* Sleep until now() is @when.  False if a signal was noted, before or meanwhile. */
bool sleep_until(double when);

#endif /* KVM_EXIT_STAT_SIGNALS_H */
