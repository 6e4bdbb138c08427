// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers of the tests of exit statistics: read the files, check that their numbers are
 * consistent, and run guests that exit.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "apic.h"
#include "exit_stats.h"
#include "processor.h"
#include "test_util.h"

/* 20 ms: KVM's APIC bus ticks each nanosecond, and the timer divides by 2. */
#define HALT_TICKS	10000000

const char * const exit_stats_numbers[EXIT_STATS_NR_NUMBERS] = {
	[EXIT_STATS_COUNT]		= "count",
	[EXIT_STATS_CYCLES_TOTAL]	= "cycles_total",
	[EXIT_STATS_CYCLES_MIN]		= "cycles_min",
	[EXIT_STATS_CYCLES_AVG]		= "cycles_avg",
	[EXIT_STATS_CYCLES_MAX]		= "cycles_max",
	[EXIT_STATS_AWAY_TOTAL]		= "away_total",
	[EXIT_STATS_AWAY_MIN]		= "away_min",
	[EXIT_STATS_AWAY_AVG]		= "away_avg",
	[EXIT_STATS_AWAY_MAX]		= "away_max",
	[EXIT_STATS_AWAY_USER]		= "away_user",
	[EXIT_STATS_AWAY_BLOCKED]	= "away_blocked",
	[EXIT_STATS_AWAY_POLLED]	= "away_polled",
	[EXIT_STATS_AWAY_PREEMPTED]	= "away_preempted",
	[EXIT_STATS_USER_EXITS]		= "user_exits",
	[EXIT_STATS_GUEST_CYCLES]	= "guest_cycles",
};

const struct exit_stats_reason exit_stats_cpuid = { "CPUID", "cpuid" };
const struct exit_stats_reason exit_stats_pio = { "IO_INSTRUCTION", "io" };
const struct exit_stats_reason exit_stats_hlt = { "HLT", "hlt" };
const struct exit_stats_reason exit_stats_rdmsr = { "MSR_READ", "msr" };
const struct exit_stats_reason exit_stats_wrmsr = { "MSR_WRITE", "msr" };
const struct exit_stats_reason exit_stats_mmio = { "EPT_MISCONFIG", "npf" };

void exit_stats_require(void)
{
	__TEST_REQUIRE(!access(EXIT_STATS_ROOT, F_OK),
		       "No " EXIT_STATS_ROOT ": set CONFIG_KVM_EXIT_STATS, load KVM");
	__TEST_REQUIRE(!geteuid(), "Must be root");
}

int exit_stats_write(const char *name, const char *buf, size_t len)
{
	char path[PATH_MAX];
	ssize_t ret;
	int fd, err;

	snprintf(path, sizeof(path), EXIT_STATS_ROOT "/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;

	ret = write(fd, buf, len);
	err = ret < 0 ? -errno : 0;
	close(fd);

	TEST_ASSERT(ret < 0 || ret == len, "Short write to '%s'", name);
	return err;
}

void exit_stats_set(const char *name, const char *val)
{
	int err = exit_stats_write(name, val, strlen(val));

	TEST_ASSERT(!err, "Writing '%s' to '%s': %s", val, name, strerror(-err));
}

void exit_stats_set_number(const char *name, unsigned long val)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%lu", val);
	exit_stats_set(name, buf);
}

/* Read a file of any number of lines, and drop the newline of the last one. */
static void read_lines(const char *name, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), EXIT_STATS_ROOT "/%s", name);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(fd >= 0, "Opening '%s': %s", path, strerror(errno));

	len = read(fd, buf, size - 1);
	TEST_ASSERT(!len || (len > 1 && buf[len - 1] == '\n'),
		    "'%s' does not hold lines", path);
	buf[len ? len - 1 : 0] = '\0';
	close(fd);
}

void exit_stats_read(const char *name, char *buf, size_t size)
{
	read_lines(name, buf, size);
	TEST_ASSERT(*buf && !strchr(buf, '\n'), "'%s' does not hold a line", name);
}

uint64_t exit_stats_number(const char *name)
{
	char buf[64], *end;
	uint64_t val;

	exit_stats_read(name, buf, sizeof(buf));
	errno = 0;
	val = strtoull(buf, &end, 10);
	TEST_ASSERT(!errno && !*end, "'%s' holds '%s', not a number", name, buf);

	return val;
}

/* Read a file of a reason that has one line. */
static void read_reason(const char *reason, const char *file, char *buf, size_t size)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "reasons/%s/%s", reason, file);
	exit_stats_read(name, buf, size);
}

uint64_t exit_stats_reason_number(const char *reason, const char *file)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "reasons/%s/%s", reason, file);
	return exit_stats_number(name);
}

bool exit_stats_is_vmx(void)
{
	char isa[8];

	exit_stats_read("isa", isa, sizeof(isa));
	TEST_ASSERT(!strcmp(isa, "vmx") || !strcmp(isa, "svm"),
		    "Unknown isa '%s'", isa);
	return !strcmp(isa, "vmx");
}

const char *exit_stats_name(const struct exit_stats_reason *reason)
{
	return exit_stats_is_vmx() ? reason->vmx : reason->svm;
}

uint64_t exit_stats_count(const struct exit_stats_reason *reason)
{
	return exit_stats_reason_number(exit_stats_name(reason), "count");
}

uint64_t exit_stats_level_count(const struct exit_stats_reason *reason, const char *file)
{
	char buf[4096];

	read_reason(exit_stats_name(reason), file, buf, sizeof(buf));

	return strtoull(buf, NULL, 10);
}

uint64_t exit_stats_key(const struct exit_stats_reason *reason, const char *key)
{
	char name[PATH_MAX], buf[4096], *line;
	size_t len = strlen(key);

	snprintf(name, sizeof(name), "reasons/%s/keys", exit_stats_name(reason));
	read_lines(name, buf, sizeof(buf));

	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoull(line + len, NULL, 10);
	}

	return 0;
}

int exit_stats_walk_reasons(void (*fn)(const char *reason, void *data), void *data)
{
	struct dirent *entry;
	DIR *dir;
	int n = 0;

	dir = opendir(EXIT_STATS_ROOT "/reasons");
	TEST_ASSERT(dir, "Opening '" EXIT_STATS_ROOT "/reasons': %s", strerror(errno));

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		fn(entry->d_name, data);
		n++;
	}
	closedir(dir);

	return n;
}

/* Parse "bucket:count,...", which has the buckets that are not empty, or "-". */
static const char *parse_hist(const char *pos, uint64_t *hist)
{
	long bucket, last = -1;
	char *end;

	pos += strspn(pos, " ");
	if (*pos == '-')
		return pos + 1;

	for (;; pos = end + 1) {
		bucket = strtol(pos, &end, 10);
		TEST_ASSERT(end > pos && *end == ':' && bucket > last &&
			    bucket < EXIT_STATS_BUCKETS, "Not a bucket: '%s'", pos);
		pos = end + 1;
		hist[bucket] = strtoull(pos, &end, 10);
		TEST_ASSERT(end > pos && hist[bucket], "Nothing in a bucket: '%s'", pos);
		if (*end != ',')
			return end;
		last = bucket;
	}
}

/* Parse "reason:count:cycles,...", which has what KVM_RUN returned with, or "-". */
static const char *parse_user_reasons(const char *pos, struct exit_stats_row *row)
{
	unsigned long count, cycles;
	int len;

	pos += strspn(pos, " ");
	if (*pos == '-')
		return pos + 1;

	for (;; pos++) {
		TEST_ASSERT(sscanf(pos, "%*[0-9a-z]:%lu:%lu%n", &count, &cycles, &len) == 2,
			    "Not a user reason: '%s'", pos);
		row->user_returns += count;
		row->user_cycles += cycles;
		pos += len;
		if (*pos != ',')
			return pos;
	}
}

static void parse_row(const char *line, struct exit_stats_row *row)
{
	const char *pos = line;
	char *end;
	int i;

	memset(row, 0, sizeof(*row));
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++, pos = end) {
		row->number[i] = strtoull(pos, &end, 10);
		TEST_ASSERT(end > pos && *end == ' ', "Number %d of '%s'", i, line);
	}
	pos = parse_hist(pos, row->cycles_hist);
	pos = parse_hist(pos, row->away_hist);
	pos = parse_user_reasons(pos, row);
	TEST_ASSERT(!*pos || *pos == '\n', "Junk '%s' after '%s'", pos, line);
}

void exit_stats_read_row(const char *reason, struct exit_stats_row *row)
{
	char buf[4096];

	read_reason(reason, "stat", buf, sizeof(buf));
	parse_row(buf, row);
}

uint64_t exit_stats_user_returns(const struct exit_stats_reason *reason, const char *user_reason)
{
	size_t len = strlen(user_reason);
	char buf[4096], *pos;

	read_reason(exit_stats_name(reason), "stat", buf, sizeof(buf));

	for (pos = strrchr(buf, ' '); pos; pos = strchr(pos + 1, ',')) {
		if (!strncmp(pos + 1, user_reason, len) && pos[len + 1] == ':')
			return strtoull(pos + len + 2, NULL, 10);
	}

	return 0;
}

static void read_hist(const char *reason, const char *file, uint64_t *hist)
{
	char buf[EXIT_STATS_BUCKETS * 21 + 1], *pos = buf;
	int i;

	read_reason(reason, file, buf, sizeof(buf));
	for (i = 0; i < EXIT_STATS_BUCKETS; i++)
		hist[i] = strtoull(pos, &pos, 10);
	TEST_ASSERT(!*pos, "%s: junk after %d buckets of %s: '%s'", reason, i, file, pos);
}

static uint64_t sum_hist(const uint64_t *hist)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < EXIT_STATS_BUCKETS; i++)
		sum += hist[i];

	return sum;
}

/* Check total, min, avg and max against the histogram, return how many times there are. */
static uint64_t check_times(const char *reason, const uint64_t *times, const uint64_t *hist)
{
	uint64_t total = times[0], min = times[1], avg = times[2], max = times[3];
	uint64_t n = sum_hist(hist);
	int i;

	TEST_ASSERT(n ? avg == total / n && min <= avg && avg <= max :
			!total && !min && !max && !avg,
		    "%s: min %lu avg %lu max %lu, total %lu of %lu", reason, min, avg, max,
		    total, n);

	for (i = 0; i < EXIT_STATS_BUCKETS; i++) {
		if (!hist[i])
			continue;
		/* Bucket 0 is 0 cycles, bucket i starts at 2^(i - 1). */
		TEST_ASSERT(max >= (i ? 1ull << (i - 1) : 0),
			    "%s: max %lu, bucket %d is not empty", reason, max, i);
		TEST_ASSERT(i == EXIT_STATS_BUCKETS - 1 || min < 1ull << i,
			    "%s: min %lu, bucket %d is not empty", reason, min, i);
	}

	return n;
}

void exit_stats_check_row(const char *reason, const struct exit_stats_row *row)
{
	const uint64_t *number = row->number;
	uint64_t count = number[EXIT_STATS_COUNT], away = number[EXIT_STATS_AWAY_TOTAL];
	uint64_t parts = number[EXIT_STATS_AWAY_USER] + number[EXIT_STATS_AWAY_BLOCKED] +
			 number[EXIT_STATS_AWAY_PREEMPTED];
	uint64_t nr_away, open_cycles;

	TEST_ASSERT_EQ(check_times(reason, &number[EXIT_STATS_CYCLES_TOTAL], row->cycles_hist),
		       count);
	nr_away = check_times(reason, &number[EXIT_STATS_AWAY_TOTAL], row->away_hist);
	TEST_ASSERT(nr_away <= count, "%s: %lu exits, but %lu away times", reason, count, nr_away);

	/* The last exit of a vCPU has no away time yet. */
	open_cycles = (count - nr_away) * number[EXIT_STATS_CYCLES_MAX];
	TEST_ASSERT(number[EXIT_STATS_CYCLES_TOTAL] <= away + open_cycles,
		    "%s: %lu cycles of %lu away, and at most %lu of those that are not back",
		    reason, number[EXIT_STATS_CYCLES_TOTAL], away, open_cycles);

	TEST_ASSERT(parts <= away, "%s: parts %lu of %lu away", reason, parts, away);
	TEST_ASSERT(number[EXIT_STATS_AWAY_POLLED] <= number[EXIT_STATS_AWAY_BLOCKED],
		    "%s: polled %lu of %lu blocked", reason, number[EXIT_STATS_AWAY_POLLED],
		    number[EXIT_STATS_AWAY_BLOCKED]);
	TEST_ASSERT(number[EXIT_STATS_USER_EXITS] <= nr_away &&
		    number[EXIT_STATS_USER_EXITS] <= row->user_returns,
		    "%s: to user space %lu of %lu, in %lu returns", reason,
		    number[EXIT_STATS_USER_EXITS], nr_away, row->user_returns);
	TEST_ASSERT(number[EXIT_STATS_AWAY_USER] <= row->user_cycles,
		    "%s: %lu cycles in user space, by user reasons %lu", reason,
		    number[EXIT_STATS_AWAY_USER], row->user_cycles);
}

static void add_times(uint64_t *sum, uint64_t *sum_of_hist, const uint64_t *times,
		      const uint64_t *hist)
{
	uint64_t n = sum_hist(hist), sum_n = sum_hist(sum_of_hist);
	int i;

	if (!n)
		return;

	sum[0] += times[0];
	sum[1] = sum_n && sum[1] < times[1] ? sum[1] : times[1];
	sum[2] = sum[0] / (sum_n + n);
	sum[3] = sum[3] > times[3] ? sum[3] : times[3];
	for (i = 0; i < EXIT_STATS_BUCKETS; i++)
		sum_of_hist[i] += hist[i];
}

void exit_stats_add_row(struct exit_stats_row *sum, const struct exit_stats_row *row)
{
	int i;

	add_times(&sum->number[EXIT_STATS_CYCLES_TOTAL], sum->cycles_hist,
		  &row->number[EXIT_STATS_CYCLES_TOTAL], row->cycles_hist);
	add_times(&sum->number[EXIT_STATS_AWAY_TOTAL], sum->away_hist,
		  &row->number[EXIT_STATS_AWAY_TOTAL], row->away_hist);
	sum->number[EXIT_STATS_COUNT] += row->number[EXIT_STATS_COUNT];
	for (i = EXIT_STATS_AWAY_USER; i < EXIT_STATS_NR_NUMBERS; i++)
		sum->number[i] += row->number[i];
	sum->user_returns += row->user_returns;
	sum->user_cycles += row->user_cycles;
}

void exit_stats_check_same(const char *reason, const char *what_a, const struct exit_stats_row *a,
			   const char *what_b, const struct exit_stats_row *b)
{
	int i;

	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++)
		TEST_ASSERT(a->number[i] == b->number[i], "%s: %s of %s %lu, of %s %lu", reason,
			    exit_stats_numbers[i], what_a, a->number[i], what_b, b->number[i]);
	TEST_ASSERT(a->user_returns == b->user_returns && a->user_cycles == b->user_cycles,
		    "%s: in user space %lu times, %lu cycles of %s, %lu, %lu of %s", reason,
		    a->user_returns, a->user_cycles, what_a, b->user_returns, b->user_cycles,
		    what_b);

	for (i = 0; i < EXIT_STATS_BUCKETS; i++) {
		TEST_ASSERT(a->cycles_hist[i] == b->cycles_hist[i],
			    "%s: bucket %d of cycles_hist of %s %lu, of %s %lu", reason, i,
			    what_a, a->cycles_hist[i], what_b, b->cycles_hist[i]);
		TEST_ASSERT(a->away_hist[i] == b->away_hist[i],
			    "%s: bucket %d of away_hist of %s %lu, of %s %lu", reason, i,
			    what_a, a->away_hist[i], what_b, b->away_hist[i]);
	}
}

bool exit_stats_has_tables(void)
{
	return !access(EXIT_STATS_DEBUGFS "/kvm_exit_stats", F_OK);
}

char *exit_stats_read_table(const char *file)
{
	size_t size = 1 << 18, len = 0;
	char path[PATH_MAX], *table;
	ssize_t ret;
	int fd;

	snprintf(path, sizeof(path), EXIT_STATS_DEBUGFS "/%s", file);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(fd >= 0, "Opening '%s': %s", path, strerror(errno));

	table = malloc(size);
	TEST_ASSERT(table, "-ENOMEM for a table");
	while ((ret = read(fd, table + len, size - 1 - len)) > 0)
		len += ret;
	TEST_ASSERT(!ret && len, "Reading '%s': %s", path, strerror(errno));
	table[len] = '\0';
	close(fd);

	return table;
}

char *exit_stats_read_vm_table(struct kvm_vm *vm)
{
	char file[64];

	snprintf(file, sizeof(file), "kvm/%d-%d/exit_stats", getpid(), vm->fd);
	return exit_stats_read_table(file);
}

char *exit_stats_read_vcpu_table(struct kvm_vcpu *vcpu)
{
	char file[64];

	snprintf(file, sizeof(file), "kvm/%d-%d/vcpu%u/exit_stats", getpid(), vcpu->vm->fd,
		 vcpu->id);
	return exit_stats_read_table(file);
}

/* The rest of the line of a table that begins with @word, NULL without such a line */
static const char *table_line(const char *table, const char *word)
{
	size_t len = strlen(word);
	const char *line = table;

	while (line && (strncmp(line, word, len) || line[len] != ' ')) {
		line = strchr(line, '\n');
		if (line)
			line++;
	}

	return line ? line + len : NULL;
}

/* The first number of a line, a percentage, in hundredths */
static uint64_t table_tax(const char *line, const char **rest)
{
	uint64_t tax, hundredths;
	char *end;

	tax = strtoull(line, &end, 10);
	TEST_ASSERT(*end == '.', "No tax in '%s'", line);
	hundredths = strtoull(end + 1, &end, 10);
	*rest = end;

	return tax * 100 + hundredths;
}

void exit_stats_table_row(const char *table, const char *reason, struct exit_stats_row *row)
{
	const char *line = table_line(table, reason);

	if (!line) {
		memset(row, 0, sizeof(*row));
		return;
	}
	table_tax(line, &line);
	parse_row(line, row);
}

uint64_t exit_stats_table_dropped(const char *table)
{
	const char *line = table_line(table, "dropped");

	TEST_ASSERT(line, "A table without 'dropped'");
	return strtoull(line, NULL, 10);
}

/* Check the names of the columns. */
static void check_header(const char *table)
{
	const char *pos = table_line(table, "reason");
	static const char * const lists[] = { "cycles_hist", "away_hist", "user_reasons" };
	const char *name;
	int i;

	TEST_ASSERT(pos == table + strlen("reason"), "A table without a header");
	for (i = -1; i < EXIT_STATS_NR_NUMBERS + (int)ARRAY_SIZE(lists); i++) {
		name = i < 0 ? "tax_percent" :
		       i < EXIT_STATS_NR_NUMBERS ? exit_stats_numbers[i] :
		       lists[i - EXIT_STATS_NR_NUMBERS];
		pos += strspn(pos, " ");
		TEST_ASSERT(!strncmp(pos, name, strlen(name)), "No column '%s' in '%s'", name, pos);
		pos += strlen(name);
	}
	TEST_ASSERT(*pos == '\n', "One column too many: '%s'", pos);
}

struct laws {
	char *table;
	uint64_t life;
	struct exit_stats_row sum;
};

/* The worst exit is that of the maximum. */
static void check_worst(const char *reason, const char *file, uint64_t max)
{
	uint64_t cycles;
	char buf[4096];

	read_reason(reason, file, buf, sizeof(buf));
	TEST_ASSERT(sscanf(buf, "cycles=%lu", &cycles) == 1 && cycles == max,
		    "%s: %s is '%s', the maximum is %lu", reason, file, buf, max);
}

/* Keys, including "other", add up to all exits of the reason, and to their handling time. */
static void check_keys(const char *reason, const struct exit_stats_row *row)
{
	uint64_t count, cycles, all_count = 0, all_cycles = 0;
	char name[PATH_MAX], buf[4096], *line;

	snprintf(name, sizeof(name), "reasons/%s/keys", reason);
	read_lines(name, buf, sizeof(buf));
	if (!*buf)
		return;

	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		TEST_ASSERT(sscanf(line, "%*s %lu %*u %lu %*u", &count, &cycles) == 2,
			    "%s: '%s' is no key", reason, line);
		all_count += count;
		all_cycles += cycles;
	}
	TEST_ASSERT(all_count == row->number[EXIT_STATS_COUNT] &&
		    all_cycles == row->number[EXIT_STATS_CYCLES_TOTAL],
		    "%s: keys are %lu exits and %lu cycles", reason, all_count, all_cycles);
}

/* Check one reason: its files, and its line in the table, have the same numbers as "stat". */
static void check_reason(const char *reason, void *data)
{
	struct exit_stats_row row, other;
	struct laws *laws = data;
	const char *line;
	uint64_t tax;
	int i;

	exit_stats_read_row(reason, &row);
	exit_stats_check_row(reason, &row);
	exit_stats_add_row(&laws->sum, &row);

	/* Copy all first, as user_returns and user_cycles are in no other file. */
	other = row;
	for (i = 0; i < EXIT_STATS_NR_NUMBERS; i++)
		other.number[i] = exit_stats_reason_number(reason, exit_stats_numbers[i]);
	read_hist(reason, "cycles_hist", other.cycles_hist);
	read_hist(reason, "away_hist", other.away_hist);
	exit_stats_check_same(reason, "stat", &row, "the files", &other);
	check_worst(reason, "cycles_worst", row.number[EXIT_STATS_CYCLES_MAX]);
	check_worst(reason, "away_worst", row.number[EXIT_STATS_AWAY_MAX]);
	check_keys(reason, &row);

	if (!laws->table)
		return;

	exit_stats_table_row(laws->table, reason, &other);
	exit_stats_check_same(reason, "stat", &row, "the table", &other);

	line = table_line(laws->table, reason);
	TEST_ASSERT(!line == !row.number[EXIT_STATS_COUNT], "%s: a line without an exit", reason);
	if (line && laws->life) {
		tax = row.number[EXIT_STATS_AWAY_TOTAL] * 10000. / laws->life;
		TEST_ASSERT(table_tax(line, &line) - tax + 1 <= 2,
			    "%s: the tax is not %lu hundredths of a percent", reason, tax);
	}
}

void exit_stats_check_laws(void)
{
	struct laws laws = { .life = exit_stats_known_time() };
	struct exit_stats_row total;

	if (exit_stats_has_tables()) {
		laws.table = exit_stats_read_table("kvm_exit_stats");
		check_header(laws.table);
	}
	exit_stats_walk_reasons(check_reason, &laws);

	TEST_ASSERT_EQ(laws.sum.number[EXIT_STATS_COUNT], exit_stats_number("total_exits"));
	TEST_ASSERT_EQ(laws.sum.number[EXIT_STATS_CYCLES_TOTAL],
		       exit_stats_number("total_cycles"));
	TEST_ASSERT_EQ(laws.sum.number[EXIT_STATS_GUEST_CYCLES],
		       exit_stats_number("guest_cycles"));
	TEST_ASSERT_EQ(exit_stats_number("dropped"), 0);

	if (laws.table) {
		exit_stats_table_row(laws.table, "TOTAL", &total);
		exit_stats_check_same("TOTAL", "the reasons", &laws.sum, "the table", &total);
		TEST_ASSERT_EQ(exit_stats_table_dropped(laws.table), 0);
		free(laws.table);
	}
}

struct sum {
	enum exit_stats_number number;
	uint64_t sum;
	uint64_t max;
	uint64_t in_away_hist;
};

static void add_number(const char *reason, void *data)
{
	struct exit_stats_row row;
	struct sum *sum = data;

	exit_stats_read_row(reason, &row);
	sum->sum += row.number[sum->number];
	if (row.number[sum->number] > sum->max)
		sum->max = row.number[sum->number];
	sum->in_away_hist += sum_hist(row.away_hist);
}

uint64_t exit_stats_sum(enum exit_stats_number number)
{
	struct sum sum = { number };

	exit_stats_walk_reasons(add_number, &sum);
	return sum.sum;
}

uint64_t exit_stats_max(enum exit_stats_number number)
{
	struct sum sum = { number };

	exit_stats_walk_reasons(add_number, &sum);
	return sum.max;
}

uint64_t exit_stats_nr_away(void)
{
	struct sum sum = {};

	exit_stats_walk_reasons(add_number, &sum);
	return sum.in_away_hist;
}

uint64_t exit_stats_known_time(void)
{
	return exit_stats_number("guest_cycles") + exit_stats_sum(EXIT_STATS_AWAY_TOTAL);
}

void exit_stats_vcpu_stat(struct kvm_vcpu *vcpu, const char *name, uint64_t *data, size_t n)
{
	struct kvm_stats_desc *descs, *desc;
	struct kvm_stats_header header;
	bool found = false;
	int fd, i;

	fd = vcpu_get_stats_fd(vcpu);
	read_stats_header(fd, &header);
	descs = read_stats_descriptors(fd, &header);

	for (i = 0; i < header.num_desc; i++) {
		desc = get_stats_descriptor(descs, i, &header);
		if (strcmp(desc->name, name))
			continue;
		read_stat_data(fd, &header, desc, data, n);
		found = true;
	}
	TEST_ASSERT(found, "KVM has no stat '%s'", name);

	free(descs);
	close(fd);
}

uint64_t exit_stats_vcpu_exits(struct kvm_vcpu *vcpu)
{
	uint64_t exits;

	exit_stats_vcpu_stat(vcpu, "exits", &exits, 1);
	return exits;
}

uint64_t exit_stats_nr_ipis;

static void guest_ipi_handler(struct ex_regs *regs)
{
	WRITE_ONCE(exit_stats_nr_ipis, exit_stats_nr_ipis + 1);
	x2apic_write_reg(APIC_EOI, 0);
}

void exit_stats_send_ipi(uint64_t apic_id)
{
	x2apic_write_reg(APIC_ICR, APIC_DEST_PHYSICAL | APIC_DM_FIXED |
			 EXIT_STATS_IPI_VECTOR | apic_id << 32);
}

void exit_stats_halt(int n)
{
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_PERIODIC | EXIT_STATS_IPI_VECTOR);
	x2apic_write_reg(APIC_TMICT, HALT_TICKS);

	while (n--) {
		exit_stats_send_ipi(0);
		asm volatile("sti; hlt; cli");
	}
	x2apic_write_reg(APIC_TMICT, 0);
}

void exit_stats_guest(void)
{
	int i;

	x2apic_enable();
	READ_ONCE(*(uint8_t *)EXIT_STATS_MMIO_GPA);
	GUEST_SYNC(0);

	for (i = 0; i < EXIT_STATS_NR_CPUID; i++)
		this_cpu_fms();
	GUEST_SYNC(1);

	for (i = 0; i < EXIT_STATS_NR_PIO; i++)
		asm volatile("outb %%al, %0" : : "i" (EXIT_STATS_PIO_PORT), "a" (0));
	GUEST_SYNC(2);

	for (i = 0; i < EXIT_STATS_NR_RDMSR; i++)
		rdmsr(MSR_IA32_APICBASE);
	GUEST_SYNC(3);

	for (i = 0; i < EXIT_STATS_NR_WRMSR; i++)
		wrmsr(MSR_IA32_UCODE_REV, 0);
	GUEST_SYNC(4);

	exit_stats_halt(EXIT_STATS_NR_HLT);
	GUEST_SYNC(5);

	for (i = 0; i < EXIT_STATS_NR_MMIO; i++)
		READ_ONCE(*(uint8_t *)EXIT_STATS_MMIO_GPA);
	GUEST_SYNC(6);

	GUEST_DONE();
}

struct kvm_vm *exit_stats_create_vm(struct kvm_vcpu **vcpu, void *guest_code)
{
	struct kvm_vm *vm = vm_create_with_one_vcpu(vcpu, guest_code);

	vcpu_set_cpuid_feature(*vcpu, X86_FEATURE_TSC_DEADLINE_TIMER);
	vm_install_exception_handler(vm, EXIT_STATS_IPI_VECTOR, guest_ipi_handler);
	virt_pg_map(vm, EXIT_STATS_MMIO_GPA, EXIT_STATS_MMIO_GPA);

	return vm;
}

bool exit_stats_run_to_sync(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	for (;;) {
		vcpu_run(vcpu);

		if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
			continue;
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		if (vcpu->run->io.port == EXIT_STATS_PIO_PORT)
			continue;

		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			return true;
		case UCALL_DONE:
			return false;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_FAIL("Unknown ucall %lu", uc.cmd);
		}
	}
}

void exit_stats_check_rise(struct kvm_vcpu *vcpu,
			   const struct exit_stats_reason *reason, uint64_t rise)
{
	uint64_t before = exit_stats_count(reason);

	exit_stats_run_to_sync(vcpu);
	TEST_ASSERT(exit_stats_count(reason) - before == rise, "%s: %lu exits, not %lu",
		    reason->vmx, exit_stats_count(reason) - before, rise);
}

/* Exits of the slow path, of the fastpath, and of a reason, WRMSR, that takes both */
static void guest_load(void)
{
	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | EXIT_STATS_IPI_VECTOR);

	for (;;) {
		this_cpu_fms();
		wrmsr(MSR_IA32_TSC_DEADLINE, ~0ull >> 1);
		wrmsr(MSR_IA32_UCODE_REV, 0);
		GUEST_SYNC(0);
	}
}

static bool stop_load;

static void *load_thread(void *arg)
{
	struct exit_stats_load *load = arg;

	load->life.before_first = rdtsc();
	exit_stats_run_to_sync(load->vcpu);
	load->life.after_first = rdtsc();
	do {
		load->life.before_last = rdtsc();
		exit_stats_run_to_sync(load->vcpu);
	} while (!READ_ONCE(stop_load));
	load->life.after_last = rdtsc();

	return NULL;
}

void exit_stats_start_load(struct exit_stats_load *load)
{
	WRITE_ONCE(stop_load, false);
	load->vm = exit_stats_create_vm(&load->vcpu, guest_load);
	pthread_create(&load->thread, NULL, load_thread, load);
}

uint64_t exit_stats_stop_load(struct exit_stats_load *load, int n)
{
	uint64_t exits = 0;
	int i;

	WRITE_ONCE(stop_load, true);
	for (i = 0; i < n; i++) {
		pthread_join(load[i].thread, NULL);
		exits += exit_stats_vcpu_exits(load[i].vcpu);
		kvm_vm_free(load[i].vm);
	}

	return exits;
}

void exit_stats_pin_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus),
		    "Pinning to CPU %d: %s", cpu, strerror(errno));
}

void exit_stats_check_times(const struct exit_stats_reason *reason, uint64_t passed)
{
	const char *name = exit_stats_name(reason);

	TEST_ASSERT(exit_stats_reason_number(name, "cycles_min") > 0, "%s took no time", name);
	TEST_ASSERT(exit_stats_number("total_cycles") < passed,
		    "%lu cycles in handling, of %lu that passed",
		    exit_stats_number("total_cycles"), passed);
}

/*
 * Trace the kvm_exit events and, by a probe, the calls of handle_exit().  If the probe does
 * not hit between a kvm_exit event and the next one, a fastpath handler re-entered the guest
 * after the first of the two.
 */
#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/exit_stats"
#define PROBES		TRACING "/dynamic_events"
#define HANDLE_EXIT	"exit_stats/handle_exit"
/* A probe on kvm_exit that prints the number of the reason, which the event itself may not */
#define KVM_EXIT	"exit_stats/kvm_exit"

static struct traced_reason {
	uint32_t code;
	uint64_t exits;
	uint64_t reentries;
	bool has_name;
} traced[256];

static int nr_traced;

bool exit_stats_can_trace(void)
{
	return !access(PROBES, W_OK) &&
	       !access(TRACING "/kprobe_events", F_OK) &&
	       !access(TRACING "/events/kvm/kvm_exit", F_OK);
}

static int __trace_set(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY | O_APPEND), ret = -1;

	if (fd >= 0) {
		ret = write(fd, val, strlen(val));
		close(fd);
	}

	return ret < 0 ? -errno : 0;
}

static void trace_set(const char *path, const char *val)
{
	int err = __trace_set(path, val);

	TEST_ASSERT(!err, "Writing '%s' to '%s': %s", val, path, strerror(-err));
}

void exit_stats_trace_stop(void)
{
	/* Remove what is there, also if a failed test has left it, and ignore errors. */
	__trace_set(INSTANCE "/events/enable", "0");
	rmdir(INSTANCE);
	__trace_set(PROBES, "-:" HANDLE_EXIT);
	__trace_set(PROBES, "-:" KVM_EXIT);
}

void exit_stats_trace_start(void)
{
	exit_stats_trace_stop();

	trace_set(PROBES, exit_stats_is_vmx() ? "p:" HANDLE_EXIT " vmx_handle_exit" :
						"p:" HANDLE_EXIT " svm_handle_exit");
	trace_set(PROBES, "e:" KVM_EXIT " kvm.kvm_exit exit_reason=$exit_reason:u32");
	TEST_ASSERT(!mkdir(INSTANCE, 0700), "'" INSTANCE "': %s", strerror(errno));
	trace_set(INSTANCE "/buffer_size_kb", "8192");
	/* A clock that keeps the order of events across CPUs */
	trace_set(INSTANCE "/trace_clock", "counter");
	trace_set(INSTANCE "/events/" HANDLE_EXIT "/enable", "1");
	trace_set(INSTANCE "/events/" KVM_EXIT "/enable", "1");
}

static void check_nothing_lost(void)
{
	char path[PATH_MAX], line[128];
	unsigned long lost;
	FILE *stats;
	int cpu;

	for (cpu = 0; cpu < get_nprocs_conf(); cpu++) {
		snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%d/stats", cpu);
		stats = fopen(path, "r");
		TEST_ASSERT(stats, "'%s': %s", path, strerror(errno));

		while (fgets(line, sizeof(line), stats)) {
			if (sscanf(line, "overrun: %lu", &lost) == 1 ||
			    sscanf(line, "commit overrun: %lu", &lost) == 1 ||
			    sscanf(line, "dropped events: %lu", &lost) == 1)
				TEST_ASSERT(!lost, "The trace lacks events: %s", line);
		}
		fclose(stats);
	}
}

static struct traced_reason *traced_reason(uint32_t code)
{
	int i;

	for (i = 0; i < nr_traced; i++) {
		if (traced[i].code == code)
			return &traced[i];
	}

	TEST_ASSERT(nr_traced < ARRAY_SIZE(traced), "Too many reasons in the trace");
	traced[nr_traced].code = code;
	return &traced[nr_traced++];
}

void exit_stats_trace_read(void)
{
	struct traced_reason *last = NULL;
	char line[1024], *field;
	FILE *trace;

	nr_traced = 0;
	memset(traced, 0, sizeof(traced));

	trace_set(INSTANCE "/tracing_on", "0");
	check_nothing_lost();

	trace = fopen(INSTANCE "/trace", "r");
	TEST_ASSERT(trace, "'" INSTANCE "/trace': %s", strerror(errno));

	while (fgets(line, sizeof(line), trace)) {
		if (line[0] == '#')
			continue;

		if (strstr(line, " handle_exit: ")) {
			/* There is no event before this if the VM-Entry was not tried. */
			if (last)
				last->reentries--;
			last = NULL;
			continue;
		}

		field = strstr(line, " exit_reason=");
		TEST_ASSERT(field, "No exit_reason in '%s'", line);
		last = traced_reason(strtoul(field + strlen(" exit_reason="), NULL, 0) &
				     (exit_stats_is_vmx() ? 0xffff : UINT32_MAX));
		last->exits++;
		last->reentries++;
	}
	fclose(trace);
}

uint64_t exit_stats_reentries(const struct exit_stats_reason *reason)
{
	const char *name = exit_stats_name(reason);

	return traced_reason(exit_stats_reason_number(name, "reason"))->reentries;
}

static void check_events(const char *reason, void *data)
{
	const char *untraced = data;
	struct traced_reason *events;
	uint64_t count;

	if (!strcmp(reason, "UNKNOWN"))
		return;

	count = exit_stats_reason_number(reason, "count");
	events = traced_reason(exit_stats_reason_number(reason, "reason"));
	events->has_name = true;

	if (untraced && !strcmp(reason, untraced))
		TEST_ASSERT(count && !events->exits,
			    "%s: %lu exits and %lu events, not some and none",
			    reason, count, events->exits);
	else
		TEST_ASSERT(count == events->exits, "%s: %lu exits, but %lu events",
			    reason, count, events->exits);
}

void exit_stats_trace_check(const char *untraced)
{
	uint64_t unknown = 0;
	int i;

	exit_stats_walk_reasons(check_events, (void *)untraced);
	for (i = 0; i < nr_traced; i++) {
		if (!traced[i].has_name)
			unknown += traced[i].exits;
	}
	TEST_ASSERT_EQ(exit_stats_reason_number("UNKNOWN", "count"), unknown);
}
