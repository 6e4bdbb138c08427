// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "column.h"
#include "openmetrics.h"
#include "vm_metrics.h"

struct writer {
	FILE *file;
	const struct snapshot *snapshot;
};

void write_head(FILE *file, const char *name, const char *type, const char *help)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Prometheus keeps a double, which 17 digits represent exactly. */
void write_seconds(FILE *file, uint64_t cycles, uint64_t tsc_khz)
{
	fprintf(file, "%.17Lg", (long double)cycles / 1000 / (long double)tsc_khz);
}

/*
 * The upper bounds of buckets, in nanoseconds.  They are the same on every host, so that
 * buckets can be added up over hosts.  The bounds of the kernel are numbers of cycles, i.e.
 * different times on different hosts.
 *
 * Between each bound and half of it, the kernel has a bound, too, as long as the TSC runs
 * at less than 16 GHz: the kernel's last bound is 2^30 cycles.
 */
static const uint64_t handling_bounds[] = {
	250, 1000, 4000, 16000, 64000, 256000, 1024000, 4096000
};

static const uint64_t away_bounds[] = { 1000, 16000, 256000, 4096000, 65536000 };

/* A family of histograms, of times at an offset in struct reason */
struct family {
	const char *name;
	const char *help;
	size_t offset;
	const uint64_t *bounds;
	size_t nr_bounds;
};

static const struct family families[] = {
	{ "kvm_exit_handling_seconds", "Time that KVM took to handle a VM-Exit.",
	  offsetof(struct reason, cycles), handling_bounds, ARRAY_SIZE(handling_bounds) },
	{ "kvm_exit_away_seconds", "Time from a VM-Exit until the next VM-Entry of the vCPU.",
	  offsetof(struct reason, away), away_bounds, ARRAY_SIZE(away_bounds) },
};

/* Whether no time in the bucket of the kernel is longer than @bound */
static bool fits(const struct writer *to, size_t bucket, uint64_t bound)
{
	return (long double)((1ULL << bucket) - 1) * 1000000 <=
	       (long double)bound * (long double)to->snapshot->tsc_khz;
}

/*
 * Count each bucket of the kernel as a whole, at the first bound that none of its times can
 * exceed.  So a count never includes a time above its bound, but can lack some below.
 */
static void write_histogram(const struct writer *to, const struct family *family,
			    const struct reason *reason, const struct times *times)
{
	const char *isa = to->snapshot->isa;
	uint64_t count = 0;
	size_t bucket = 0;

	for (size_t i = 0; i < family->nr_bounds; i++) {
		while (bucket < NR_BUCKETS - 1 && fits(to, bucket, family->bounds[i]))
			add_to(&count, times->hist[bucket++]);
		fprintf(to->file, "%s_bucket{isa=\"%s\",reason=\"%s\",le=\"%.10g\"} %llu\n",
			family->name, isa, reason->name, (double)family->bounds[i] / 1e9,
			(unsigned long long)count);
	}
	count = times_count(times);
	fprintf(to->file, "%s_bucket{isa=\"%s\",reason=\"%s\",le=\"+Inf\"} %llu\n",
		family->name, isa, reason->name, (unsigned long long)count);
	fprintf(to->file, "%s_sum{isa=\"%s\",reason=\"%s\"} ", family->name, isa, reason->name);
	write_seconds(to->file, times->total, to->snapshot->tsc_khz);
	fprintf(to->file, "\n%s_count{isa=\"%s\",reason=\"%s\"} %llu\n", family->name, isa,
		reason->name, (unsigned long long)count);
}

static void write_family(const struct writer *to, const struct family *family)
{
	const struct snapshot *snapshot = to->snapshot;

	write_head(to->file, family->name, "histogram", family->help);
	for (size_t i = 0; i < snapshot->nr_reasons; i++) {
		const struct reason *reason = &snapshot->reasons[i];
		const struct times *times = times_at(reason, family->offset);

		if (times_count(times))
			write_histogram(to, family, reason, times);
	}
}

static void write_part(const struct writer *to, const struct reason *reason,
		       const char *part, uint64_t cycles)
{
	fprintf(to->file,
		"kvm_exit_away_part_seconds_total{isa=\"%s\",reason=\"%s\",part=\"%s\"} ",
		to->snapshot->isa, reason->name, part);
	write_seconds(to->file, cycles, to->snapshot->tsc_khz);
	fputc('\n', to->file);
}

static void write_reasons(const struct writer *to)
{
	const struct snapshot *snapshot = to->snapshot;

	/* Write reasons that never occurred, too: a rise shows only in a series that had a 0. */
	write_head(to->file, "kvm_exits_total", "counter", "VM-Exits.");
	for (size_t i = 0; i < snapshot->nr_reasons; i++)
		fprintf(to->file, "kvm_exits_total{isa=\"%s\",reason=\"%s\"} %llu\n",
			snapshot->isa, snapshot->reasons[i].name,
			(unsigned long long)snapshot->reasons[i].count);

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		write_family(to, &families[i]);

	write_head(to->file, "kvm_exit_away_part_seconds_total", "counter",
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
	write_head(to->file, name, type, help);
	fprintf(to->file, "%s{isa=\"%s\"} %llu\n", name, to->snapshot->isa,
		(unsigned long long)number);
}

enum status read_metrics(struct metrics *metrics, const struct source *source, bool per_vm)
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
	metrics->per_vm = per_vm;
	if (!status && per_vm)
		status = read_vms(&metrics->vms, source, NULL);
	if (status)
		free_metrics(metrics);
	return status;
}

void free_metrics(struct metrics *metrics)
{
	snapshot_free(&metrics->snapshot);
	free_vms(&metrics->vms);
}

enum status write_metrics(FILE *file, const struct metrics *metrics,
			  unsigned long long max_series)
{
	enum status status = STATUS_OK;
	const struct writer to = { .file = file, .snapshot = &metrics->snapshot };

	write_reasons(&to);
	write_head(file, "kvm_exit_guest_seconds_total", "counter", "Time of vCPUs in the guest.");
	fprintf(file, "kvm_exit_guest_seconds_total{isa=\"%s\"} ", metrics->snapshot.isa);
	write_seconds(file, metrics->snapshot.total.guest, metrics->snapshot.tsc_khz);
	fputc('\n', file);
	write_number(&to, "kvm_exit_clock_warps_total", "counter",
		     "Times that ended at a lower TSC value than they began with.",
		     metrics->clock_warps);
	write_number(&to, "kvm_exit_dropped_total", "counter",
		     "VM-Exits that are in no other number, for want of memory.",
		     metrics->snapshot.dropped);
	write_number(&to, "kvm_exit_stats_enabled", "gauge", "Whether VM-Exits are recorded.",
		     metrics->enabled);
	if (metrics->per_vm)
		status = write_vm_metrics(file, &metrics->vms, max_series);
	fputs("# EOF\n", file);
	return status;
}
