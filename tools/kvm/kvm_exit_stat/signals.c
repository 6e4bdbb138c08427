// SPDX-License-Identifier: GPL-2.0
#include <poll.h>
#include <signal.h>

#include <linux/compiler.h>
#include <linux/kernel.h>

#include "clock.h"
#include "signals.h"

static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
static sig_atomic_t signaled;
static sig_atomic_t hung_up;
static bool hangup_caught;

static void note_signal(int signal)
{
	WRITE_ONCE(signaled, signal);
}

static void note_hangup(int signal)
{
	WRITE_ONCE(hung_up, signal);
}

bool is_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

void catch_signals(void)
{
	/* No SA_RESTART, for blocking calls to return.  The same signal again ends the program. */
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESETHAND };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!is_ignored(ends[i]) && !(ends[i] == SIGHUP && hangup_caught))
			sigaction(ends[i], &action, NULL);
	}
}

bool was_signaled(void)
{
	return READ_ONCE(signaled);
}

void catch_hangup(void)
{
	/* SA_RESTART, as the signal must not interrupt a write */
	struct sigaction action = { .sa_handler = note_hangup, .sa_flags = SA_RESTART };

	hangup_caught = true;
	sigaction(SIGHUP, &action, NULL);
}

bool take_hangup(void)
{
	if (!READ_ONCE(hung_up))
		return false;

	/* A second one that came since then asks for the same: drop it. */
	WRITE_ONCE(hung_up, 0);
	return true;
}

bool sleep_until(double when)
{
	sigset_t blocked, before;

	/* Block signals until ppoll(): one that comes after the check must end the sleep, too. */
	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaddset(&blocked, ends[i]);
	sigprocmask(SIG_BLOCK, &blocked, &before);

	for (double wait; !was_signaled() && (wait = when - now()) > 0; ) {
		struct timespec timeout = {
			.tv_sec = (time_t)wait,
			.tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9),
		};

		ppoll(NULL, 0, &timeout, &before);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return !was_signaled();
}
