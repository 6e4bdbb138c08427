// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz target for libFuzzer: any file is either read as a recording, or refused.  If it
 * is read, write it, read that, and write it once more: both texts must be the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

int fuzz_record(const uint8_t *data, size_t size) __asm__("LLVMFuzzerTestOneInput");

static char *write_recording(const struct recording *recording, size_t *size)
{
	char *text;
	FILE *file = open_memstream(&text, size);

	for (size_t i = 0; i < recording->nr; i++) {
		if (write_snapshot(file, &recording->snapshots[i]))
			abort();
	}
	fclose(file);
	return text;
}

static int read_text(struct recording *recording, const void *text, size_t size)
{
	FILE *file = fmemopen((void *)text, size, "r");
	enum status status = read_recording(recording, file, "input");

	fclose(file);
	return status == STATUS_OK;
}

int fuzz_record(const uint8_t *data, size_t size)
{
	struct recording first, second;
	struct snapshot summary;
	size_t length, length2;
	char *text;

	if (!size || !read_text(&first, data, size))
		return 0;
	if (!summarize_recording(&summary, &first, "input"))
		snapshot_free(&summary);

	text = write_recording(&first, &length);
	/* Lines closer in time than the written digits now have equal times, which are refused. */
	if (read_text(&second, text, length)) {
		char *text2 = write_recording(&second, &length2);

		if (length != length2 || memcmp(text, text2, length))
			abort();
		free(text2);
		free_recording(&second);
	} else if (first.nr == 1) {
		abort();
	}
	free(text);
	free_recording(&first);
	return 0;
}
