// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "hist.h"

/* The longest bar */
#define BAR	"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
#define BAR_WIDTH	(sizeof(BAR) - 1)

void format_bucket(char text[BUCKET_LABEL_LEN], size_t bucket, const struct style *style)
{
	uint64_t cycles = bucket ? 1ULL << (bucket - 1) : 0;
	static const char * const units[] = { "ns", "us", "ms", "s" };
	double time;
	size_t unit;

	if (!style->time) {
		unit = bucket > 10 ? (bucket - 1) / 10 : 0;
		snprintf(text, BUCKET_LABEL_LEN, "%llu%.1s",
			 (unsigned long long)(cycles >> 10 * unit), &"\0KMG"[unit]);
		return;
	}

	time = (double)cycles * 1e6 / (double)style->tsc_khz;
	/* Take the next unit if the text would be rounded to 1000. */
	for (unit = 0; unit < 3 && time >= 999.5; unit++)
		time /= 1000;
	snprintf(text, BUCKET_LABEL_LEN, time ? "%.*f%s" : "0", time < 10 ? 2 : time < 100 ? 1 : 0,
		 time, units[unit]);
}

static void print_bucket(const struct times *times, size_t bucket, uint64_t most,
			 const struct style *style)
{
	char from[BUCKET_LABEL_LEN], to[BUCKET_LABEL_LEN], label[2 * BUCKET_LABEL_LEN + 8];
	uint64_t count = times->hist[bucket];

	format_bucket(from, bucket, style);
	if (bucket == NR_BUCKETS - 1) {
		snprintf(label, sizeof(label), "[%s, ...)", from);
	} else if (bucket <= 1) {
		/* Each of these two buckets holds a single number of cycles. */
		snprintf(label, sizeof(label), "[%s]", from);
	} else {
		format_bucket(to, bucket + 1, style);
		snprintf(label, sizeof(label), "[%s, %s)", from, to);
	}
	printf("%-18s %12llu |%-*.*s|\n", label, (unsigned long long)count,
	       (int)BAR_WIDTH, (int)((long double)count / (long double)most * BAR_WIDTH), BAR);
}

static void print_times(const struct times *times, const char *name, const char *what,
			const struct style *style)
{
	uint64_t most = 0;
	size_t first, last;

	printf("%s: %llu exits, %s, %s\n", name, (unsigned long long)times_count(times), what,
	       style->time ? "time" : "TSC cycles");
	if (!times_range(times, &first, &last))
		return;
	for (size_t i = first; i <= last; i++) {
		if (times->hist[i] > most)
			most = times->hist[i];
	}
	for (size_t i = first; i <= last; i++)
		print_bucket(times, i, most, style);
}

void print_hist(const struct snapshot *snapshot, const char *name, const struct style *style)
{
	static const struct reason none;
	/* A table in debugfs has no row for a reason that never occurred. */
	const struct reason *reason = snapshot_find(snapshot, name) ?: &none;

	print_times(&reason->cycles, name, "handling", style);
	putchar('\n');
	print_times(&reason->away, name, "away", style);
}
