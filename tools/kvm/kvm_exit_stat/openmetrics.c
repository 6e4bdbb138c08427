// SPDX-License-Identifier: GPL-2.0
#include "column.h"
#include "openmetrics.h"

struct writer {
	FILE *file;
	const struct snapshot *snapshot;
};

/*
 * A type with the suffix "_total" is what the textfile collector of node_exporter
 * wants, which knows the older text format only.
 */
static void write_head(const struct writer *to, const char *name, const char *type,
		       const char *help)
{
	fprintf(to->file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A double of Prometheus has no more digits. */
static void write_seconds(const struct writer *to, uint64_t cycles, int digits)
{
	fprintf(to->file, "%.*Lg", digits,
		(long double)cycles / 1000 / (long double)to->snapshot->tsc_khz);
}

static void write_histogram(const struct writer *to, const char *name,
			    const struct reason *reason, const struct times *times)
{
	const char *isa = to->snapshot->isa;
	uint64_t count = 0;

	for (size_t i = 0; i < NR_BUCKETS - 1; i++) {
		count += times->hist[i];
		fprintf(to->file, "%s_bucket{isa=\"%s\",reason=\"%s\",le=\"", name, isa,
			reason->name);
		/* The longest time that is in the bucket: 2^30 - 1 has 10 digits. */
		write_seconds(to, (1ULL << i) - 1, 12);
		fprintf(to->file, "\"} %llu\n", (unsigned long long)count);
	}
	count = times_count(times);
	fprintf(to->file, "%s_bucket{isa=\"%s\",reason=\"%s\",le=\"+Inf\"} %llu\n", name, isa,
		reason->name, (unsigned long long)count);
	fprintf(to->file, "%s_sum{isa=\"%s\",reason=\"%s\"} ", name, isa, reason->name);
	write_seconds(to, times->total, 17);
	fprintf(to->file, "\n%s_count{isa=\"%s\",reason=\"%s\"} %llu\n", name, isa,
		reason->name, (unsigned long long)count);
}

static void write_part(const struct writer *to, const struct reason *reason,
		       const char *part, uint64_t cycles)
{
	fprintf(to->file,
		"kvm_exit_away_part_seconds_total{isa=\"%s\",reason=\"%s\",part=\"%s\"} ",
		to->snapshot->isa, reason->name, part);
	write_seconds(to, cycles, 17);
	fputc('\n', to->file);
}

static void write_reasons(const struct writer *to)
{
	const struct snapshot *snapshot = to->snapshot;

	write_head(to, "kvm_exit_handling_seconds", "histogram",
		   "Time that KVM took to handle a VM-Exit.");
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (reason->count)
			write_histogram(to, "kvm_exit_handling_seconds", reason,
					&reason->cycles);
	}

	write_head(to, "kvm_exit_away_seconds", "histogram",
		   "Time from a VM-Exit until the next VM-Entry of the vCPU.");
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (times_count(&reason->away))
			write_histogram(to, "kvm_exit_away_seconds", reason, &reason->away);
	}

	write_head(to, "kvm_exit_away_part_seconds_total", "counter",
		   "Parts of kvm_exit_away_seconds; the rest is KVM.");
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];

		if (!times_count(&reason->away))
			continue;
		write_part(to, reason, "user", reason->user);
		write_part(to, reason, "blocked", reason->blocked);
		write_part(to, reason, "preempted", reason->preempted);
	}
}

static void write_number(const struct writer *to, const char *name, const char *type,
			 const char *help, uint64_t number)
{
	write_head(to, name, type, help);
	fprintf(to->file, "%s{isa=\"%s\"} %llu\n", name, to->snapshot->isa,
		(unsigned long long)number);
}

enum status read_metrics(struct metrics *metrics, const struct source *source)
{
	enum status status = source_read(source, &metrics->snapshot);
	struct style style;

	if (status)
		return status;
	status = make_style(&style, false, true, &metrics->snapshot, source->sysfs);
	if (!status)
		status = source_number(source, "/clock_warps", &metrics->clock_warps);
	if (!status)
		status = source_number(source, "/enabled", &metrics->enabled);
	if (status)
		free_metrics(metrics);
	return status;
}

void free_metrics(struct metrics *metrics)
{
	snapshot_free(&metrics->snapshot);
}

void write_metrics(FILE *file, const struct metrics *metrics)
{
	const struct writer to = { .file = file, .snapshot = &metrics->snapshot };

	write_reasons(&to);
	write_head(&to, "kvm_exit_guest_seconds_total", "counter", "Time of vCPUs in the guest.");
	fprintf(file, "kvm_exit_guest_seconds_total{isa=\"%s\"} ", metrics->snapshot.isa);
	write_seconds(&to, metrics->snapshot.total.guest, 17);
	fputc('\n', file);
	write_number(&to, "kvm_exit_clock_warps_total", "counter",
		     "Times that ended at a lower TSC value than they began with.",
		     metrics->clock_warps);
	write_number(&to, "kvm_exit_dropped_total", "counter",
		     "VM-Exits that are in no other number, for want of memory.",
		     metrics->snapshot.dropped);
	write_number(&to, "kvm_exit_stats_enabled", "gauge", "Whether VM-Exits are recorded.",
		     metrics->enabled);
	fputs("# EOF\n", file);
}
