/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVM_EXIT_STAT_SOURCE_H
#define KVM_EXIT_STAT_SOURCE_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#include "snapshot.h"

/* "<pid>-<fd>", two numbers of at most 10 digits */
#define VM_DIR_LEN	24

/* What the head of a table says of the VM.  All 0 with a kernel that has no heads. */
struct identity {
	/* From 1 on; never given to another VM */
	uint64_t number;
	uint64_t pid;
	char command[COMMAND_LEN];
	/* Empty if it is not known */
	char cgroup[PATH_MAX];
	/* CLOCK_BOOTTIME */
	uint64_t created_ns;
	uint64_t nr_vcpus;
};

/* What a snapshot can have in addition to the numbers of exit reasons, one bit each */
enum extra {
	EXTRA_KEYS = 1 << 0,
	/* Exits that took longest */
	EXTRA_WORST = 1 << 1,
	/* Exits in the log of slow exits, and nothing else */
	EXTRA_SLOW = 1 << 2,
	/* Exits of L2 */
	EXTRA_NESTED = 1 << 3,
	/* The last exits of vCPUs, and nothing else */
	EXTRA_CHAIN = 1 << 4,
};

/* Where the kernel's numbers are read: of the system, a VM or a vCPU */
struct source {
	const char *sysroot;
	/* Name, UUID, PID, PID-FD or number of a VM; NULL is the system */
	const char *vm;
	/* Negative is the whole VM */
	int vcpu;
	/* Snapshots shall have the codes of reasons. */
	bool codes;
	int extras;
	/* Do without the extras that the kernel does not have. */
	bool lenient;
	/* Exits shall have the names of their VMs. */
	bool names;
	/* Read extras of this reason only, unless the name is empty. */
	char only[REASON_NAME_LEN];
	/* Read the system's table in debugfs, which has more than sysfs, e.g. preemptors. */
	bool debugfs;

	/* Set by source_open() */
	char sysfs[PATH_MAX];
	int sysfs_fd;
	char table[PATH_MAX];
	/* The directory of the VM, "<pid>-<fd>" */
	char dir[VM_DIR_LEN];
	char scope[64];
};

/* Find what the fields above ask for. */
enum status source_open(struct source *source);

/* Make @source that of the VM in @dir or, with NULL, a copy of @home, which is open. */
enum status source_turn(struct source *source, const struct source *home, const char *dir);

/* Whether the kernel knows an exit reason of that name, be there exits of it or not */
bool source_has_reason(const struct source *source, const char *name);

/* Begin a snapshot: set the time, the scope, and what tables do not have, e.g. tsc_khz. */
enum status source_begin(const struct source *source, struct snapshot *snapshot);

enum status source_read(const struct source *source, struct snapshot *snapshot);

/*
 * Read a snapshot from another table in debugfs, @path, of a VM, a vCPU or the system.
 * STATUS_VANISHED if the table is not there.
 */
enum status source_read_table(const struct source *source, const char *path,
			      struct snapshot *snapshot, struct identity *identity);

/*
 * Compare the numbers of the VM in two readings: a new VM can get the directory of one that is
 * gone, but not its number.  STATUS_VANISHED if it is another.
 */
enum status source_check_vm(const struct source *source, uint64_t before, uint64_t now);

/* Only what the head of a table says */
enum status source_read_head(const char *path, struct identity *identity);

#define MAX_COLUMNS	64

/* A file of debugfs, line by line: the fields of the line, and NULL after the last */
struct lines {
	const char *fields[MAX_COLUMNS + 1];
	const char *path;
	const char *vanished;
	FILE *file;
	char *line;
	size_t size;
};

/*
 * For messages, @missing explains why there is no such file, and @vanished why the file can
 * be read no more.  If @missing is NULL, a file that is not there has vanished.
 */
enum status lines_open(struct lines *lines, const char *path, const char *missing,
		       const char *vanished);

/* False after the last line */
bool lines_next(struct lines *lines);

/* Close the file.  Return @status or, if that is no error, whether the file could be read. */
enum status lines_close(struct lines *lines, enum status status);

/* Which field of a header has that name.  False if none has. */
bool find_field(const char *fields[], const char *name, size_t *column);

/*
 * Copy the text of a field in which the kernel escapes blanks etc. as in /proc/mounts.
 * Control characters, which a terminal would obey, become question marks.
 */
void set_text(char *to, size_t size, const char *field);

/* Parse a number of 64 bits.  Return the text after it, or NULL if there is no number. */
const char *parse_number(const char *text, uint64_t *number);
bool parse_whole_number(const char *text, uint64_t *number);

/* Make a path; it is an error if it is too long. */
enum status make_path(char path[PATH_MAX], const char *format, ...) __printf(2, 3);

/* Say from errno why a file that was there cannot be read, see source.c */
enum status cannot_read(const char *dir, const char *file, const char *vanished);

/*
 * NULL after the last entry.  @status becomes an error if the directory, which is @file below
 * @path, cannot be read.
 */
struct dirent *next_entry(DIR *dir, const char *path, const char *file, const char *vanished,
			  enum status *status);

/* The directory in sysfs that has one directory for each reason.  NULL after an error */
DIR *open_reasons(const struct source *source, enum status *status);

/* The name of the next reason, or NULL after the last one and, with @status, after an error */
const char *next_reason(const struct source *source, DIR *dir, enum status *status);

/* Whether the extras of this reason are to be read */
bool source_wants(const struct source *source, const char *reason);

/* One number that is no part of a snapshot, e.g. "enabled" */
enum status source_number(const struct source *source, const char *file, uint64_t *number);

#endif /* KVM_EXIT_STAT_SOURCE_H */
