// SPDX-License-Identifier: GPL-2.0
/*
 * write_fuzz INPUTS SEED: write that many inputs to each writable file of the exit statistics,
 * in every way that there is to write, and test that each input is accepted or refused as
 * Documentation/ABI/testing/sysfs-kernel-kvm_exit_stats says: an accepted one must have its
 * documented effect and no other, a refused one must have no effect.
 *
 * Then read all files in small pieces, and try what their modes do not permit.
 */
#define _GNU_SOURCE
#include <fts.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "prng.h"
#include "vm.h"

#define STATS		"/sys/kernel/kvm_exit_stats"
#define PAGE		4096
#define LONGEST		(1 << 16)
#define MAX_TEXT	4096
#define COMPLAINTS	5

/* All that a write can change: values, as files show them, and the number of summaries */
struct state {
	unsigned long enabled, interval, keys, slow_us, exits, cycles, summaries;
};

static const struct {
	const char *name;
	size_t offset;
} shown[] = {
	{ "enabled", offsetof(struct state, enabled) },
	{ "interval", offsetof(struct state, interval) },
	{ "keys", offsetof(struct state, keys) },
	{ "slow_us", offsetof(struct state, slow_us) },
	{ "total_exits", offsetof(struct state, exits) },
	{ "total_cycles", offsetof(struct state, cycles) },
};

static const struct file {
	const char *name;
	/* The range of accepted values */
	unsigned long min, max;
	/* The place of the value in the state, unless it is a trigger */
	bool is_trigger;
	size_t offset;
} files[] = {
	{ "enabled", 0, 1, false, offsetof(struct state, enabled) },
	{ "interval", 0, UINT32_MAX, false, offsetof(struct state, interval) },
	{ "keys", 0, 1, false, offsetof(struct state, keys) },
	{ "slow_us", 0, UINT32_MAX, false, offsetof(struct state, slow_us) },
	{ "reset", 1, 1, true, 0 },
	{ "dump", 1, 1, true, 0 },
};

static struct prng prng;
static struct vm vm;
static struct vcpu vcpu;
static int shown_fds[ARRAY_SIZE(shown)];
static int log_fd;
static unsigned long summaries;
static unsigned int complaints;

__attribute__((format(printf, 1, 2)))
static bool complain(const char *format, ...)
{
	va_list args;

	if (complaints++ < COMPLAINTS) {
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		putchar('\n');
	}
	return false;
}

/* Print the result of what was tested since the last call. */
__attribute__((format(printf, 2, 3)))
static bool report(bool enough, const char *format, ...)
{
	bool passed = enough && !complaints;
	va_list args;

	printf(passed ? "ok " : "not ok ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	complaints = 0;
	return passed;
}

static void path_of(const char *name, char *path)
{
	snprintf(path, PATH_MAX, STATS "/%s", name);
}

static int open_file(const char *name, int flags)
{
	char path[PATH_MAX];

	path_of(name, path);
	/* O_CREAT, which shells use for ">", needs a mode; the file exists already. */
	return open(path, flags | O_CLOEXEC, 0600);
}

static int must_open(const char *name, int flags)
{
	int fd = open_file(name, flags);

	if (fd < 0)
		err(1, "%s", name);
	return fd;
}

static void must_write(const char *name, const char *value)
{
	int fd = must_open(name, O_WRONLY);

	if (write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		err(1, "%s to %s", value, name);
	close(fd);
}

/*
 * The state
 */

static void count_summaries(void)
{
	char record[8192];
	ssize_t length;

	for (;;) {
		length = read(log_fd, record, sizeof(record) - 1);
		/* EPIPE: records were overwritten that are not counted yet. */
		if (length < 0 && errno == EPIPE)
			errx(1, "the kernel log is too small");
		if (length <= 0)
			return;
		record[length] = '\0';
		if (strstr(record, "kvm_exit_stats: summary at "))
			summaries++;
	}
}

static unsigned long *field(struct state *state, size_t offset)
{
	return (void *)state + offset;
}

static void read_state(struct state *state)
{
	char text[32];
	ssize_t length;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shown); i++) {
		length = pread(shown_fds[i], text, sizeof(text) - 1, 0);
		if (length < 2 || text[length - 1] != '\n')
			err(1, "%s", shown[i].name);
		text[length] = '\0';
		*field(state, shown[i].offset) = strtoul(text, NULL, 10);
	}
	count_summaries();
	state->summaries = summaries;
}

/* Make exits, so that a reset has something to empty. */
static void make_exits(void)
{
	set_exits(&vcpu, &types[0], 5);
	run_until_done(&vcpu);
}

/* The state before a file is fuzzed: with exits, and with settings that show any change */
static void set_up_state(struct state *state)
{
	must_write("enabled", "1");
	must_write("interval", "0");
	make_exits();
	must_write("interval", "12345");
	read_state(state);
	if (!state->exits || !state->cycles)
		errx(1, "no exit was recorded");
}

/*
 * The expected effect of an input
 */

struct verdict {
	/* 0 if the input is accepted */
	int error;
	/* Another error that is as good, or 0 */
	int or_error;
	unsigned long value;
};

/*
 * An input must be a decimal number, which may begin with a "+" and with zeros, and end with a
 * newline.  Only the first page counts, and only up to a NUL.
 */
static struct verdict judge(const struct file *file, const char *input, size_t length)
{
	struct verdict refused = { .error = EINVAL }, verdict = {};
	bool exceeds_64_bits = false;
	const char *end, *digits;

	length = strnlen(input, length < PAGE ? length : PAGE);
	end = input + length;
	if (input < end && *input == '+')
		input++;
	for (digits = input; input < end && *input >= '0' && *input <= '9'; input++) {
		/* Note an overflow: by how much a value exceeds the maximum does not matter. */
		exceeds_64_bits |= __builtin_mul_overflow(verdict.value, 10, &verdict.value);
		exceeds_64_bits |= __builtin_add_overflow(verdict.value, *input - '0',
							  &verdict.value);
	}
	if (input == digits)
		return refused;
	if (input < end && *input == '\n')
		input++;
	if (input < end) {
		/* An input that is no number can be above the maximum as well. */
		refused.or_error = exceeds_64_bits ? ERANGE : 0;
		return refused;
	}

	if (exceeds_64_bits || verdict.value > UINT32_MAX)
		verdict.error = ERANGE;
	else if (verdict.value < file->min || verdict.value > file->max)
		verdict.error = EINVAL;
	return verdict;
}

static void expect(const struct file *file, const struct verdict *verdict, struct state *state)
{
	if (verdict->error)
		return;
	if (!file->is_trigger) {
		*field(state, file->offset) = verdict->value;
	} else if (!strcmp(file->name, "reset")) {
		state->exits = 0;
		state->cycles = 0;
	} else {
		state->summaries++;
	}
}

/*
 * Inputs
 */

static size_t text(char *input, const char *text)
{
	size_t length = strlen(text);

	memcpy(input, text, length);
	return length;
}

static size_t number(char *input, unsigned long value)
{
	return sprintf(input, "%lu", value);
}

static size_t fill(char *input, size_t length)
{
	size_t i;

	switch (below(&prng, 4)) {
	case 0:
		memset(input, '0', length);
		break;
	case 1:
		memset(input, " \n1+"[below(&prng, 4)], length);
		break;
	case 2:
		for (i = 0; i < length; i++)
			input[i] = '0' + below(&prng, 10);
		break;
	default:
		for (i = 0; i < length; i++)
			input[i] = below(&prng, 256);
	}
	return length;
}

static size_t pick(char *input)
{
	static const char * const words[] = {
		"0", "1", "01", "+0", "+1", "+01", "0\n", "1\n", "+1\n", "2", "2\n", "", "\n",
		"+", "-", "-1", "-0", "++1", "+-1", "1+", " 1", "1 ", "\t1", "1\t", "1\r\n",
		"1\n\n", "1\n1\n", "\n1", "1 1", "0x1", "0X1", "x1", "1e0", "1.0", "1,0", "0b1",
		"1u", "1UL", "y", "n", "Y", "on", "off", "true", "inf", "nan", "4294967295",
		"4294967296", "4294967297", "9223372036854775807", "9223372036854775808",
		"18446744073709551615", "18446744073709551616", "18446744073709551617",
		"-4294967295", "-18446744073709551615", "18446744069414584321",
		"99999999999999999999x", "\xef\xbc\x91", "\xd9\xa1", "\xef\xbb\xbf" "1",
		"1\xc2\xa0", "\xc2\xb9", "%d", "$1", "1;2",
	};

	return text(input, words[below(&prng, ARRAY_SIZE(words))]);
}

/* An input about as long as a page, of zeros but for the last two bytes */
static size_t page(char *input)
{
	size_t length = PAGE - 3 + below(&prng, 7), i;

	memset(input, '0', length);
	for (i = 1; i <= 2; i++)
		input[length - i] = "01\n\0 +9"[below(&prng, 7)];
	return length;
}

/* Change, insert or remove a byte. */
static size_t mutate(char *input, size_t length)
{
	size_t at = below(&prng, length + 1);
	char byte = below(&prng, 256);

	if (below(&prng, 2))
		byte = "0123456789+- \n\0x"[below(&prng, 16)];

	switch (below(&prng, 3)) {
	case 0:
		if (at < length)
			input[at] = byte;
		return length;
	case 1:
		if (length == LONGEST)
			return length;
		memmove(input + at + 1, input + at, length - at);
		input[at] = byte;
		return length + 1;
	default:
		if (at == length)
			return length;
		memmove(input + at, input + at + 1, length - at - 1);
		return length - 1;
	}
}

static size_t make_input(char *input)
{
	size_t length;

	switch (below(&prng, 16)) {
	case 0 ... 4:
		length = pick(input);
		break;
	case 5 ... 6:
		length = number(input, below(&prng, 2));
		break;
	case 7:
		length = number(input, 2 * (unsigned long)below(&prng, INT_MAX));
		break;
	case 8:
		/* Values around the maximum of 32 bits */
		length = number(input, UINT32_MAX + below(&prng, 8) - 4ul);
		break;
	case 9:
		length = fill(input, below(&prng, 64));
		break;
	case 10:
		length = fill(input, below(&prng, LONGEST + 1));
		break;
	case 11 ... 12:
		length = page(input);
		break;
	case 13:
		/* What follows a NUL must be ignored. */
		length = pick(input);
		input[length++] = '\0';
		length += fill(input + length, below(&prng, 100));
		break;
	default:
		memset(input, '0', 30);
		length = below(&prng, 30);
		length += pick(input + length);
	}

	while (!below(&prng, 4))
		length = mutate(input, length);
	return length;
}

/*
 * Ways to write
 */

static int open_some_way(const struct file *file)
{
	static const int flags[] = { O_APPEND, O_TRUNC, O_CREAT, O_NONBLOCK, O_SYNC };
	int how = file->is_trigger || below(&prng, 2) ? O_WRONLY : O_RDWR;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!below(&prng, 4))
			how |= flags[i];
	}
	return must_open(file->name, how);
}

/* At any offset and in any pieces, one write is one value, from its first byte on. */
static ssize_t write_some_way(int fd, char *input, size_t length)
{
	size_t half = below(&prng, length + 1);
	struct iovec pieces[] = {
		{ .iov_base = input, .iov_len = half },
		{ .iov_base = input + half, .iov_len = length - half },
	};

	switch (below(&prng, 4)) {
	case 0:
		return pwrite(fd, input, length, 1ul << below(&prng, 62));
	case 1:
		return writev(fd, pieces, ARRAY_SIZE(pieces));
	case 2:
		lseek(fd, below(&prng, 2 * PAGE), SEEK_SET);
		/* fallthrough */
	default:
		return write(fd, input, length);
	}
}

struct tally {
	unsigned long accepted, einval, erange, empty;
};

static void show_input(const struct file *file, const char *input, size_t length)
{
	size_t i;

	printf("    %s, %zu bytes: ", file->name, length);
	for (i = 0; i < length && i < 40; i++)
		printf(input[i] > ' ' && input[i] < 127 ? "%c" : "\\x%02x",
		       (unsigned char)input[i]);
	putchar('\n');
}

static bool same_state(const struct state *is, const struct state *was)
{
	unsigned int i;
	bool same = is->summaries == was->summaries;

	if (!same)
		complain("%lu summaries, not %lu", is->summaries, was->summaries);
	for (i = 0; i < ARRAY_SIZE(shown); i++) {
		unsigned long a = *field((struct state *)is, shown[i].offset);
		unsigned long b = *field((struct state *)was, shown[i].offset);

		if (a != b)
			same = complain("%s is %lu, not %lu", shown[i].name, a, b);
	}
	return same;
}

static void try_input(const struct file *file, int fd, char *input, size_t length,
		      struct state *state, struct tally *tally)
{
	struct verdict verdict = judge(file, input, length);
	ssize_t written, expected = length < PAGE ? length : PAGE;
	int error = 0;
	struct state is;
	bool ok;

	written = write_some_way(fd, input, length);
	if (written < 0)
		error = errno;

	if (!length) {
		ok = !written;
		tally->empty++;
	} else if (verdict.error) {
		ok = error && (error == verdict.error || error == verdict.or_error);
		tally->einval += error == EINVAL;
		tally->erange += error == ERANGE;
	} else {
		ok = written == expected;
		tally->accepted++;
		expect(file, &verdict, state);
	}
	if (!ok)
		complain("written %zd, errno %d, must be errno %d", written, error, verdict.error);

	read_state(&is);
	ok &= same_state(&is, state);
	if (!ok && complaints <= COMPLAINTS)
		show_input(file, input, length);
	*state = is;
}

static bool fuzz(const struct file *file, unsigned int inputs)
{
	static char input[LONGEST + 64];
	struct tally tally = {};
	struct state state;
	unsigned int i;

	set_up_state(&state);
	for (i = 0; i < inputs; i++) {
		size_t length = make_input(input), part = length;
		int fd = open_some_way(file);

		/* Write some inputs in two parts, each of which is then a value. */
		if (!below(&prng, 8))
			part = below(&prng, length + 1);
		try_input(file, fd, input, part, &state, &tally);
		if (part < length)
			try_input(file, fd, input + part, length - part, &state, &tally);
		close(fd);

		if (!state.exits)
			set_up_state(&state);
	}
	return report(tally.accepted && tally.einval && tally.erange && tally.empty,
		      "%s: %u inputs, %lu values accepted, %lu EINVAL, %lu ERANGE, %lu empty",
		      file->name, inputs, tally.accepted, tally.einval, tally.erange, tally.empty);
}

/*
 * Reading, and what must be refused
 */

/* Test that a file has the same text if it is read in small pieces, or from any offset on. */
static void read_pieces(const char *path)
{
	char whole[MAX_TEXT + 8], pieces[MAX_TEXT + 8];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length, got = 0, n;
	unsigned int i;

	if (fd < 0)
		err(1, "%s", path);
	length = read(fd, whole, MAX_TEXT);
	/* Only "keys" may be empty, if a reason has no keys. */
	if ((length < 2 || whole[length - 1] != '\n') && (length || !strstr(path, "/keys")))
		complain("%s: read %zd", path, length);

	lseek(fd, 0, SEEK_SET);
	do {
		n = read(fd, pieces + got, 1 + below(&prng, 7));
		got += n > 0 ? n : 0;
	} while (n > 0 && got < length);
	if (got != length || memcmp(whole, pieces, length))
		complain("%s differs when it is read in pieces", path);

	for (i = 0; i < 3 && length > 0; i++) {
		ssize_t at = below(&prng, length + 2), rest = at < length ? length - at : 0;

		n = pread(fd, pieces, MAX_TEXT, at);
		if (n != rest || memcmp(pieces, whole + at, rest))
			complain("%s differs when it is read from byte %zd", path, at);
	}
	close(fd);
}

static void must_refuse(const char *path, int flags, int error)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0 || errno != error)
		complain("%s with flags %#x: errno %d", path, flags, fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
}

/* Test that a file without a read (write) function cannot be read (written) even with mode 0600. */
static void change_mode(const char *path, mode_t mode)
{
	char byte = '1';
	bool is_read = mode & 0400;
	ssize_t n;
	int fd;

	if (chmod(path, 0600))
		err(1, "%s", path);
	fd = open(path, (is_read ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	n = is_read ? write(fd, &byte, 1) : read(fd, &byte, 1);
	if (n >= 0 || errno != EIO)
		complain("%s, mode 0600: %zd, errno %d", path, n, errno);
	close(fd);
	if (chmod(path, mode))
		err(1, "%s", path);
}

static void try_dir(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/new", dir);
	must_refuse(path, O_WRONLY | O_CREAT, EACCES);
	if (!mkdir(path, 0700) || errno != EPERM)
		complain("mkdir %s: errno %d", path, errno);
	if (!symlink("/", path) || errno != EPERM)
		complain("symlink %s: errno %d", path, errno);
	if (!rmdir(dir) || errno != EPERM)
		complain("rmdir %s: errno %d", dir, errno);
}

static void try_file(const char *path, mode_t mode)
{
	if (mode & 0400)
		read_pieces(path);
	if (!(mode & 0200)) {
		must_refuse(path, O_WRONLY, EACCES);
		must_refuse(path, O_RDWR | O_TRUNC, EACCES);
	}
	if (!(mode & 0400)) {
		must_refuse(path, O_RDONLY, EACCES);
		must_refuse(path, O_RDWR, EACCES);
	}
	if ((mode & 0600) != 0600)
		change_mode(path, mode);
	if (!unlink(path) || errno != EPERM)
		complain("unlink %s: errno %d", path, errno);
}

static bool try_tree(void)
{
	char *paths[] = { STATS, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL, NULL);
	unsigned int nr_files = 0, nr_dirs = 0;
	struct state before, after;
	FTSENT *entry;

	if (!fts)
		err(1, STATS);
	read_state(&before);
	while ((entry = fts_read(fts))) {
		if (entry->fts_info == FTS_D) {
			try_dir(entry->fts_path);
			nr_dirs++;
		} else if (entry->fts_info == FTS_F) {
			try_file(entry->fts_path, entry->fts_statp->st_mode & 07777);
			nr_files++;
		}
	}
	fts_close(fts);
	read_state(&after);
	same_state(&after, &before);
	return report(nr_files > 100 && nr_dirs > 10,
		      "%u files and %u directories offer what their modes say, and nothing else",
		      nr_files, nr_dirs);
}

int main(int argc, char *argv[])
{
	unsigned int inputs, i;
	bool passed = true;

	if (argc != 3)
		errx(2, "usage: write_fuzz INPUTS SEED");
	inputs = parse_number("INPUTS", argv[1], 1, 1000000);
	prng = make_prng(parse_number("SEED", argv[2], 0, UINT_MAX), 0);
	setvbuf(stdout, NULL, _IOLBF, 0);

	for (i = 0; i < ARRAY_SIZE(shown); i++)
		shown_fds[i] = must_open(shown[i].name, O_RDONLY);
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd < 0 || lseek(log_fd, 0, SEEK_END) < 0)
		err(1, "/dev/kmsg");
	create_vm(&vm);
	create_vcpu(&vm, &vcpu, 0);

	for (i = 0; i < ARRAY_SIZE(files); i++)
		passed &= fuzz(&files[i], inputs);
	passed &= try_tree();
	return !passed;
}
