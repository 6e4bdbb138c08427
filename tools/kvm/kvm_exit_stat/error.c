// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>

#include "proc.h"

static char message[8192];

enum status fail(enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* File names in the message can have control characters, which a terminal would obey. */
	make_printable(message);
	return status;
}

const char *last_error(void)
{
	return message;
}

void forget_error(void)
{
	*message = '\0';
}

void print_error(void)
{
	if (*message)
		fprintf(stderr, "kvm_exit_stat: %s\n", message);
	forget_error();
}
