// SPDX-License-Identifier: GPL-2.0
/*
 * hold_event ID: until killed, hold a perf event of the tracepoint with that ID, which keeps the
 * module of the tracepoint from being unloaded.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char *argv[])
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
	};

	if (argc != 2)
		errx(2, "usage: hold_event ID");
	attr.config = parse_number("ID", argv[1], 0, 65535);

	if (syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC) < 0)
		err(1, "perf_event_open");
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
