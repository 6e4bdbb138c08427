// SPDX-License-Identifier: GPL-2.0
/*
 * open_as_nobody FILE...: try to open files as a user without privileges, for reading and for
 * writing, and print "READ WRITE FILE" for each, with "ok" or the name of an errno.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOBODY	65534

static const char *try_open(const char *name, int flags)
{
	int fd = open(name, flags | O_NONBLOCK);

	if (fd < 0)
		return strerrorname_np(errno);
	close(fd);
	return "ok";
}

int main(int argc, char *argv[])
{
	int i;

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		err(1, "user %d", NOBODY);

	for (i = 1; i < argc; i++)
		printf("%s %s %s\n", try_open(argv[i], O_RDONLY),
		       try_open(argv[i], O_WRONLY), argv[i]);
	return 0;
}
