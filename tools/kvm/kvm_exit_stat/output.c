// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

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

enum status output_open(struct output *output, const char *path)
{
	enum status status;
	struct stat st;
	mode_t mask;
	int fd;

	*output = (struct output){ .path = path };

	/* A device must not be replaced by a file. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		output->file = fopen(path, "we");
		return output->file ? STATUS_OK : cannot_write(output);
	}

	/* Neither must a symbolic link. */
	output->target = realpath(path, NULL) ?: strdup(path);
	if (!output->target ||
	    asprintf(&output->temporary, "%s.XXXXXX", output->target) < 0) {
		output->temporary = NULL;
		output_free(output);
		return fail(STATUS_SYSTEM, "out of memory");
	}

	fd = mkstemp(output->temporary);
	if (fd < 0) {
		status = cannot_write(output);
		output_free(output);
		return status;
	}

	/* The mode of any new file, not that of a temporary one */
	mask = umask(0);
	umask(mask);
	output->file = fdopen(fd, "w");
	if (!output->file || fchmod(fd, 0666 & ~mask) < 0) {
		status = cannot_write(output);
		if (output->file)
			fclose(output->file);
		else
			close(fd);
		unlink(output->temporary);
		output_free(output);
		return status;
	}
	return STATUS_OK;
}

enum status output_close(struct output *output, enum status status)
{
	if (!status && (fflush(output->file) || ferror(output->file)))
		status = cannot_write(output);
	if (fclose(output->file) && !status)
		status = cannot_write(output);
	if (output->temporary) {
		if (!status && rename(output->temporary, output->target) < 0)
			status = cannot_write(output);
		if (status)
			unlink(output->temporary);
	}
	output_free(output);
	return status;
}
