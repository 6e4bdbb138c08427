// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "signals.h"

static const char *log_path;
/* Nothing was printed to standard output yet. */
static bool unused = true;
/* The length to cut the file back to if writing fails, -1 if it has none */
static off_t whole;
/* Whether the file is known to have the columns that are printed */
static bool fits;

static enum status cannot_write(void)
{
	if (log_path)
		return fail(STATUS_SYSTEM, "cannot write %s: %s", log_path, strerror(errno));
	return fail(STATUS_SYSTEM, "cannot write to standard output: %s", strerror(errno));
}

/* The file takes the place of standard output. */
static enum status open_file(void)
{
	int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	enum status status = STATUS_OK;

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		status = cannot_write();
	if (fd >= 0)
		close(fd);
	fits = false;
	return status;
}

enum status log_open(const char *path)
{
	log_path = path;
	return open_file();
}

enum status log_begin(bool *fresh)
{
	enum status status = STATUS_OK;
	struct stat st;

	*fresh = unused;
	unused = false;
	if (!log_path)
		return STATUS_OK;
	if (take_hangup())
		status = open_file();
	if (!status && fstat(STDOUT_FILENO, &st) < 0)
		status = cannot_write();
	if (status)
		return status;
	/* Only a regular file has a length that shows whether something was logged before. */
	whole = S_ISREG(st.st_mode) ? st.st_size : -1;
	if (whole >= 0)
		*fresh = whole == 0;
	fits |= *fresh;
	return STATUS_OK;
}

enum status log_go_on(const char *header)
{
	enum status status = STATUS_OK;
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	if (!log_path || whole < 0 || fits)
		return STATUS_OK;
	/* Not by its path: it may have another name already, and SIGHUP be yet to come. */
	file = fopen("/proc/self/fd/1", "re");
	/* What getline() leaves in errno if the file was emptied since */
	if (file)
		errno = ENODATA;
	if (!file || getline(&line, &size, file) < 0) {
		status = fail(STATUS_SYSTEM, "cannot read %s, to which --log would add: %s",
			      log_path, strerror(errno));
	} else {
		line[strcspn(line, "\n")] = '\0';
		fits = header ? !strcmp(line, header) : *line == '{';
		if (!fits && !header)
			status = fail(STATUS_BAD_FILE,
				      "%s: the first line is '%.200s', and --log would add JSON",
				      log_path, line);
		else if (!fits)
			status = fail(STATUS_BAD_FILE,
				      "%s: the first line is '%.200s', and --log would add columns '%s'",
				      log_path, line, header);
		/* A crash can leave a last line without its end, which no other shall join. */
		else if (!fseek(file, -1, SEEK_END) && getc(file) != '\n')
			putchar('\n');
	}
	free(line);
	if (file)
		fclose(file);
	return status;
}

enum status log_flush(void)
{
	enum status status;

	if (!fflush(stdout) && !ferror(stdout))
		return STATUS_OK;
	status = cannot_write();
	if (log_path && whole >= 0) {
		__fpurge(stdout);
		/* Remove a part that was written.  If that fails, too, nothing more can be done. */
		if (ftruncate(STDOUT_FILENO, whole) < 0)
			errno = 0;
	}
	return status;
}
