// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "signals.h"

static enum status cannot_write(const struct output *output)
{
	return fail(STATUS_SYSTEM, "cannot write %s: %s", output->path, strerror(errno));
}

static void output_free(struct output *output)
{
	free(output->target);
	free(output->temporary);
	*output = (struct output){};
}

/* Do not replace a device, nor what /dev/stdout and the like stand for, by a new file. */
static bool is_replaceable(const char *path)
{
	struct stat st;

	/* Files in /dev/shm are like those of any other directory. */
	if ((!strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9)) ||
	    !strncmp(path, "/proc/", 6))
		return false;
	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

/* Resolve @path, which stat() has just found to be @st. */
static char *resolve(const char *path, const struct stat *st)
{
	char *target = realpath(path, NULL);
	struct stat now;

	if (!target || (lstat(target, &now) == 0 && now.st_dev == st->st_dev &&
			now.st_ino == st->st_ino))
		return target;
	/* In between, another user has put a link there that stat() would not have followed. */
	free(target);
	errno = EACCES;
	return NULL;
}

/*
 * Resolve @path, so that a symbolic link stays, and the file that it points to is replaced.
 * Call stat() first: realpath() also follows links that the kernel refuses to follow, i.e.
 * those of other users in a directory like /tmp, see fs.protected_symlinks.
 */
static char *find_target(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return resolve(path, &st);
	if (errno != ENOENT)
		return NULL;
	if (lstat(path, &st) == 0) {
		/* A dangling link */
		errno = ENOENT;
		return NULL;
	}
	return strdup(path);
}

static int make_temporary(struct output *output)
{
	mode_t mask;
	int fd;

	if (asprintf(&output->temporary, "%s.XXXXXX", output->target) < 0) {
		output->temporary = NULL;
		return -1;
	}
	fd = mkstemp(output->temporary);
	if (fd < 0)
		return -1;

	/* Set the mode that any new file gets: that of mkstemp() is 0600. */
	mask = umask(0);
	umask(mask);
	if (fchmod(fd, 0666 & ~mask) == 0)
		return fd;
	close(fd);
	unlink(output->temporary);
	return -1;
}

enum status output_open(struct output *output, const char *path)
{
	enum status status;
	int fd;

	*output = (struct output){ .path = path };
	if (!is_replaceable(path)) {
		output->file = fopen(path, "ae");
		return output->file ? STATUS_OK : cannot_write(output);
	}

	catch_signals();
	output->target = find_target(path);
	fd = output->target ? make_temporary(output) : -1;
	if (fd >= 0) {
		output->file = fdopen(fd, "w");
		if (output->file)
			return STATUS_OK;
		unlink(output->temporary);
		close(fd);
	}
	status = cannot_write(output);
	output_free(output);
	return status;
}

enum status output_keep(struct output *output)
{
	if (fflush(output->file) || ferror(output->file))
		return cannot_write(output);
	if (output->target)
		output->kept = ftell(output->file);
	return STATUS_OK;
}

enum status output_close(struct output *output, enum status status)
{
	bool replace = output->target;

	if (!status && (fflush(output->file) || ferror(output->file)))
		status = cannot_write(output);
	if (status) {
		/* Drop the buffered rest, which fclose() would try to write once more. */
		__fpurge(output->file);
		replace = replace && output->kept &&
			  !ftruncate(fileno(output->file), output->kept);
	}
	if (fclose(output->file) && !status) {
		status = cannot_write(output);
		replace = false;
	}
	if (replace && rename(output->temporary, output->target) < 0) {
		status = cannot_write(output);
		replace = false;
	}
	if (output->temporary && !replace)
		unlink(output->temporary);
	output_free(output);
	return status;
}
