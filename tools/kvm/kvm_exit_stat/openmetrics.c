// SPDX-License-Identifier: GPL-2.0
#include "openmetrics.h"

struct metrics {
	FILE *file;
	struct snapshot snapshot;
};

/*
 * A type with the suffix "_total" is what the textfile collector of node_exporter
 * wants, which knows the older text format only.
 */
static void write_head(const struct metrics *metrics, const char *name, const char *type,
		       const char *help)
{
	fprintf(metrics->file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A double of Prometheus has no more digits. */
static void write_seconds(const struct metrics *metrics, uint64_t cycles, int digits)
{
	fprintf(metrics->file, "%.*Lg", digits,
		(long double)cycles / 1000 / (long double)metrics->snapshot.tsc_khz);
}

static void write_histogram(const struct metrics *metrics, const char *name,
			    const struct reason *reason, const struct times *times)
{
	const char *isa = metrics->snapshot.isa;
	uint64_t count = 0;

	for (size_t i = 0; i < NR_BUCKETS - 1; i++) {
		count += times->hist[i];
		fprintf(metrics->file, "%s_bucket{isa=\"%s\",reason=\"%s\",le=\"", name, isa,
			reason->name);
		/* The longest time that is in the bucket: 2^30 - 1 has 10 digits. */
		write_seconds(metrics, (1ULL << i) - 1, 12);
		fprintf(metrics->file, "\"} %llu\n", (unsigned long long)count);
	}
	count = times_count(times);
	fprintf(metrics->file, "%s_bucket{isa=\"%s\",reason=\"%s\",le=\"+Inf\"} %llu\n", name, isa,
		reason->name, (unsigned long long)count);
	fprintf(metrics->file, "%s_sum{isa=\"%s\",reason=\"%s\"} ", name, isa, reason->name);
	write_seconds(metrics, times->total, 17);
	fprintf(metrics->file, "\n%s_count{isa=\"%s\",reason=\"%s\"} %llu\n", name, isa,
		reason->name, (unsigned long long)count);
}

static void write_part(const struct metrics *metrics, const struct reason *reason,
		       const char *part, uint64_t cycles)
{
	fprintf(metrics->file,
		"kvm_exit_away_part_seconds_total{isa=\"%s\",reason=\"%s\",part=\"%s\"} ",
		metrics->snapshot.isa, reason->name, part);
	write_seconds(metrics, cycles, 17);
	fputc('\n', metrics->file);
}

static void write_reasons(const struct metrics *metrics)
{
	const struct snapshot *snapshot = &metrics->snapshot;

	write_head(metrics, "kvm_exit_handling_seconds", "histogram",
		   "Time that KVM took to handle a VM-Exit.");
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (reason->count)
			write_histogram(metrics, "kvm_exit_handling_seconds", reason,
					&reason->cycles);
	}

	write_head(metrics, "kvm_exit_away_seconds", "histogram",
		   "Time from a VM-Exit until the next VM-Entry of the vCPU.");
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (times_count(&reason->away))
			write_histogram(metrics, "kvm_exit_away_seconds", reason, &reason->away);
	}

	write_head(metrics, "kvm_exit_away_part_seconds_total", "counter",
		   "Parts of kvm_exit_away_seconds; the rest is KVM.");
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (!times_count(&reason->away))
			continue;
		write_part(metrics, reason, "user", reason->user);
		write_part(metrics, reason, "blocked", reason->blocked);
		write_part(metrics, reason, "preempted", reason->preempted);
	}
}

static void write_number(const struct metrics *metrics, const char *name, const char *type,
			 const char *help, uint64_t number)
{
	write_head(metrics, name, type, help);
	fprintf(metrics->file, "%s{isa=\"%s\"} %llu\n", name, metrics->snapshot.isa,
		(unsigned long long)number);
}

enum status write_metrics(FILE *file, struct source *source)
{
	struct metrics metrics = { .file = file };
	uint64_t clock_warps, enabled, away;
	enum status status;

	status = source_read(source, &metrics.snapshot);
	if (!status)
		status = source_number(source, "clock_warps", &clock_warps);
	if (!status)
		status = source_number(source, "enabled", &enabled);
	if (!status)
		status = source_number(source, "away", &away);
	if (!status && !metrics.snapshot.tsc_khz)
		status = fail(STATUS_UNAVAILABLE,
			      "%s/tsc_khz is 0, cycles cannot be turned into time", source->sysfs);
	if (status)
		goto out;

	write_reasons(&metrics);
	write_head(&metrics, "kvm_exit_guest_seconds_total", "counter",
		   "Time of vCPUs in the guest.");
	fprintf(file, "kvm_exit_guest_seconds_total{isa=\"%s\"} ", metrics.snapshot.isa);
	write_seconds(&metrics, metrics.snapshot.guest_cycles, 17);
	fputc('\n', file);
	write_number(&metrics, "kvm_exit_clock_warps_total", "counter",
		     "Times that ended at a lower TSC value than they began with.", clock_warps);
	write_number(&metrics, "kvm_exit_stats_enabled", "gauge",
		     "Whether VM-Exits are recorded.", enabled);
	write_number(&metrics, "kvm_exit_stats_away", "gauge",
		     "Whether the time until the next VM-Entry is measured.", away);
	fputs("# EOF\n", file);
out:
	snapshot_free(&metrics.snapshot);
	return status;
}
