// SPDX-License-Identifier: GPL-2.0
/*
 * Plots are made by gnuplot, which gets a script that includes the data on its standard
 * input.  Words of a recording need no quotes in the script: record.c refuses all but
 * harmless characters.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/kernel.h>

#include "hist.h"
#include "output.h"
#include "plot.h"
#include "record.h"

/* Reasons with a color of their own; the rest shares the last one. */
#define MAX_SERIES	9

static const char * const colors[MAX_SERIES + 1] = {
	"#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255",
	"#aa4499", "#bbbbbb",
};

struct plot {
	const char *path;
	const char *reason;
	struct recording recording;
	/* What happened from each line to the next or, if there is one line, since the reset */
	struct snapshot *intervals;
	size_t nr;
	/* The sum of all intervals, and its reasons, the one with the most away time first */
	struct snapshot sum;
	struct row *reasons;
	size_t nr_reasons;
	struct style style;
	FILE *script;
	/* STATUS_RESET if an interval is left out */
	enum status status;
};

static bool is_over_time(const struct plot *plot)
{
	return plot->recording.nr > 1;
}

/* The time of a line in seconds from the first */
static double time_of(const struct plot *plot, size_t line)
{
	return plot->recording.snapshots[line].uptime - plot->recording.snapshots[0].uptime;
}

/* Leave out an interval with a reset in it, as nothing is known of that. */
static enum status make_intervals(struct plot *plot)
{
	const struct snapshot *snapshots = plot->recording.snapshots;
	bool some = false;

	plot->nr = is_over_time(plot) ? plot->recording.nr - 1 : 1;
	plot->intervals = calloc(plot->nr, sizeof(*plot->intervals));
	if (!plot->intervals)
		return fail(STATUS_SYSTEM, "out of memory");
	if (!is_over_time(plot))
		return summarize_recording(plot->intervals, &plot->recording, plot->path);

	for (size_t i = 0; i < plot->nr; i++) {
		enum status status = snapshot_subtract(&plot->intervals[i], &snapshots[i],
						       &snapshots[i + 1]);

		if (!status) {
			some = true;
			continue;
		}
		if (status != STATUS_RESET)
			return status;
		plot->status = fail(status,
				    "%s: counters were reset between lines %zu and %zu, which is left out",
				    plot->path, i + 1, i + 2);
		print_error();
	}
	return some ? STATUS_OK : plot->status;
}

static enum status make_sum(struct plot *plot)
{
	struct selection selection;
	enum status status = select_columns(&selection, &reason_columns, "REASON", "AWAY",
					    false);

	for (size_t i = 0; !status && i < plot->nr; i++) {
		const struct snapshot *interval = &plot->intervals[i];

		for (size_t j = 0; j < interval->nr_reasons; j++) {
			const struct reason *from = &interval->reasons[j];
			struct reason *to = snapshot_find_or_add(&plot->sum, from->name);

			if (!to)
				return fail(STATUS_SYSTEM, "out of memory");
			for (size_t k = 0; k < NR_NUMBERS; k++) {
				for (size_t l = 0; l < numbers[k].length; l++)
					number_of(to, &numbers[k])[l] +=
						number_at(from, numbers[k].offset)[l];
			}
		}
	}
	if (status)
		return status;

	snapshot_derive(&plot->sum);
	plot->reasons = sort_reasons(&selection, &plot->sum, &plot->nr_reasons);
	return plot->reasons ? STATUS_OK : fail(STATUS_SYSTEM, "out of memory");
}

static size_t nr_series(const struct plot *plot)
{
	return plot->nr_reasons > MAX_SERIES ? MAX_SERIES + 1 : plot->nr_reasons;
}

static const char *series_name(const struct plot *plot, size_t series)
{
	return series < MAX_SERIES ? plot->reasons[series].reason->name : "other reasons";
}

/* A number, at @offset in struct reason, of all reasons of a series, in percent of vCPU time */
static double series_tax(const struct plot *plot, const struct snapshot *snapshot, size_t series,
			 size_t offset)
{
	size_t end = series < MAX_SERIES ? series + 1 : plot->nr_reasons;
	double cycles = 0, life = snapshot_life(snapshot);

	for (size_t i = series; i < end; i++) {
		const struct reason *reason = snapshot_find(snapshot,
							    plot->reasons[i].reason->name);

		if (reason)
			cycles += (double)*number_at(reason, offset);
	}
	return life > 0 ? 100 * cycles / life : 0;
}

/* Stack areas on top of each other.  Draw steps, since a share is that of a whole interval. */
static void plot_tax_over_time(const struct plot *plot)
{
	FILE *script = plot->script;

	fputs("$tax << EOD\n", script);
	for (size_t i = 0; i < plot->nr; i++) {
		for (size_t edge = i; edge <= i + 1; edge++) {
			double top = 0;

			fprintf(script, "%.9f 0", time_of(plot, edge));
			for (size_t j = 0; j < nr_series(plot); j++) {
				top += series_tax(plot, &plot->intervals[i], j,
						  offsetof(struct reason, away.total));
				fprintf(script, " %.4f", top);
			}
			fputc('\n', script);
		}
	}
	fprintf(script, "EOD\nset xlabel 'seconds'\nset xrange [0:%.9f]\nset yrange [0:100]\n",
		time_of(plot, plot->nr));
	fputs("set key outside reverse Left invert noenhanced\nplot \\\n", script);
	for (size_t i = 0; i < nr_series(plot); i++)
		fprintf(script,
			"$tax using 1:%zu:%zu with filledcurves lc rgb '%s' title '%s'%s\n",
			i + 2, i + 3, colors[i], series_name(plot, i),
			i + 1 < nr_series(plot) ? ", \\" : "");
}

/* A bar for each reason, with the parts on top of each other */
static void plot_tax_by_part(const struct plot *plot)
{
	static const struct {
		const char *name;
		size_t offset;
	} parts[] = {
		{ "kvm", offsetof(struct reason, kvm) },
		{ "user", offsetof(struct reason, user) },
		{ "blocked", offsetof(struct reason, blocked) },
		{ "preempted", offsetof(struct reason, preempted) },
	};
	FILE *script = plot->script;

	fputs("$tax << EOD\n", script);
	for (size_t i = 0; i < nr_series(plot); i++) {
		fprintf(script, "\"%s\"", series_name(plot, i));
		for (size_t j = 0; j < ARRAY_SIZE(parts); j++)
			fprintf(script, " %.4f", series_tax(plot, plot->intervals, i,
							    parts[j].offset));
		fputc('\n', script);
	}
	fputs("EOD\nset style data histograms\nset style histogram rowstacked\n", script);
	fputs("set style fill solid\nset boxwidth 0.8\nset yrange [0:1<*]\n", script);
	fputs("set bmargin 8\nset xtics rotate by -30 noenhanced\nplot \\\n", script);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		fprintf(script, "$tax using %zu:xtic(1) lc rgb '%s' title '%s'%s\n", i + 2,
			colors[i], parts[i].name, i + 1 < ARRAY_SIZE(parts) ? ", \\" : "");
}

static enum status plot_tax(const struct plot *plot)
{
	if (!plot->sum.total.away.total)
		return fail(STATUS_UNAVAILABLE, "%s: no away time was recorded", plot->path);

	fprintf(plot->script, "set title 'Exit tax, %s, %s'\nset ylabel '%% of vCPU time'\n",
		plot->recording.snapshots->isa, plot->recording.snapshots->scope);
	if (is_over_time(plot))
		plot_tax_over_time(plot);
	else
		plot_tax_by_part(plot);
	return STATUS_OK;
}

/* Label @axis with the buckets of @times, of which bucket n goes from n to n + 1. */
static void label_buckets(const struct plot *plot, const char *axis, const struct times *times)
{
	size_t first, last;

	if (!times_range(times, &first, &last))
		return;
	fprintf(plot->script, "set %srange [%zu:%zu]\nset %stics (", axis, first, last + 1, axis);
	for (size_t i = first; i <= last + 1 && i < NR_BUCKETS; i++) {
		char label[BUCKET_LABEL_LEN];

		format_bucket(label, i, &plot->style);
		fprintf(plot->script, "%s'%s' %zu", i > first ? ", " : "", label, i);
	}
	fputs(")\n", plot->script);
}

/* Plot the times at @offset by interval; @sum has them of all intervals, for the range. */
static void plot_heat_map(const struct plot *plot, size_t offset, const struct times *sum,
			  const char *what)
{
	static const struct reason none;
	FILE *script = plot->script;
	/* The scale of colors begins at 1, and must end at more than that. */
	uint64_t most = 2;

	fprintf(script, "$%s << EOD\n", what);
	for (size_t i = 0; i < plot->nr; i++) {
		/* A reason that has not occurred yet is missing in that line of the recording. */
		const struct reason *reason = snapshot_find(&plot->intervals[i],
							    plot->reason) ?: &none;
		const struct times *times = times_at(reason, offset);

		for (size_t j = 0; j < NR_BUCKETS; j++) {
			if (times->hist[j] > most)
				most = times->hist[j];
			if (times->hist[j])
				fprintf(script, "%.9f %zu.5 %.9f %.9f %zu %zu %llu\n",
					time_of(plot, i), j, time_of(plot, i), time_of(plot, i + 1),
					j, j + 1, (unsigned long long)times->hist[j]);
		}
	}
	fputs("EOD\nset xlabel 'seconds'\nset logscale cb\nset cblabel 'exits'\n", script);
	fputs("set palette defined (0 '#ffffcc', 1 '#fd8d3c', 2 '#800026')\n", script);
	fputs("set palette maxcolors 30\n", script);
	fprintf(script, "set cbrange [1:%llu]\nset xrange [0:%.9f]\nset ylabel '%s'\n",
		(unsigned long long)most, time_of(plot, plot->nr),
		plot->style.time ? "time" : "TSC cycles");
	label_buckets(plot, "y", sum);
	fprintf(script,
		"plot $%s using 1:2:3:4:5:6:7 with boxxyerror lc palette fs solid noborder notitle\n",
		what);
}

static void plot_bars(const struct plot *plot, const struct times *times, const char *what)
{
	fprintf(plot->script, "$%s << EOD\n", what);
	for (size_t i = 0; i < NR_BUCKETS; i++)
		fprintf(plot->script, "%zu.5 %llu\n", i, (unsigned long long)times->hist[i]);
	fprintf(plot->script, "EOD\nset xlabel '%s'\nset ylabel 'exits'\n",
		plot->style.time ? "time" : "TSC cycles");
	label_buckets(plot, "x", times);
	fprintf(plot->script, "set boxwidth 1\nset yrange [0:1<*]\n"
		"plot $%s using 1:2 with boxes fs solid 0.7 notitle\n", what);
}

/* The name of the reason in the file that is @name, ignoring case; @name if there is none */
static const char *find_name(const struct plot *plot, const char *name)
{
	for (size_t i = 0; i < plot->sum.nr_reasons && !snapshot_find(&plot->sum, name); i++) {
		if (is_name(plot->sum.reasons[i].name, name))
			return plot->sum.reasons[i].name;
	}
	return name;
}

static enum status plot_hist(const struct plot *plot)
{
	static const struct {
		const char *name;
		size_t offset;
	} kinds[] = {
		{ "handling", offsetof(struct reason, cycles) },
		{ "away", offsetof(struct reason, away) },
	};
	const struct reason *reason = snapshot_find(&plot->sum, plot->reason);
	const struct snapshot *first = plot->recording.snapshots;
	size_t nr;

	if (!reason || !times_count(&reason->cycles))
		return fail(STATUS_USAGE, "--hist %s: %s has no exit of that reason", plot->reason,
			    plot->path);

	/* Without away times, leave out their plot, whose axes would have no range. */
	nr = times_count(&reason->away) ? ARRAY_SIZE(kinds) : 1;
	fprintf(plot->script, "set multiplot layout %zu,1\n", nr);
	for (size_t i = 0; i < nr; i++) {
		const struct times *times = times_at(reason, kinds[i].offset);

		fprintf(plot->script, "set title '%s, %s, %s, %s' noenhanced\n", plot->reason,
			kinds[i].name, first->isa, first->scope);
		if (is_over_time(plot))
			plot_heat_map(plot, kinds[i].offset, times, kinds[i].name);
		else
			plot_bars(plot, times, kinds[i].name);
	}
	fputs("unset multiplot\n", plot->script);
	return STATUS_OK;
}

static enum status run_gnuplot(FILE *script, FILE *out)
{
	static char * const argv[] = { "gnuplot", "-d", NULL };
	posix_spawn_file_actions_t actions;
	int error, wait_status;
	pid_t pid;

	if (fflush(script) || ferror(script) || lseek(fileno(script), 0, SEEK_SET) < 0)
		return fail(STATUS_SYSTEM, "cannot write the script for gnuplot: %s",
			    strerror(errno));

	error = posix_spawn_file_actions_init(&actions);
	if (error)
		return fail(STATUS_SYSTEM, "out of memory");
	error = posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO) ?:
		posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO) ?:
		posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return fail(STATUS_SYSTEM, "cannot run gnuplot, which makes the plots: %s",
			    strerror(error));

	while (waitpid(pid, &wait_status, 0) < 0) {
		if (errno != EINTR)
			return fail(STATUS_SYSTEM, "gnuplot: %s", strerror(errno));
	}
	if (WIFSIGNALED(wait_status))
		return fail(STATUS_SYSTEM, "gnuplot was ended by signal %d", WTERMSIG(wait_status));
	if (WEXITSTATUS(wait_status))
		return fail(STATUS_SYSTEM, "gnuplot failed with status %d",
			    WEXITSTATUS(wait_status));
	return STATUS_OK;
}

static enum status write_plot(struct plot *plot, const char *out, const char *terminal)
{
	struct output output;
	enum status status;

	plot->script = tmpfile();
	if (!plot->script)
		return fail(STATUS_SYSTEM, "cannot make a temporary file: %s", strerror(errno));
	fprintf(plot->script, "set terminal %s\nset grid\n", terminal);

	status = plot->reason ? plot_hist(plot) : plot_tax(plot);
	if (!status) {
		status = output_open(&output, out);
		if (!status)
			status = output_close(&output, run_gnuplot(plot->script, output.file));
	}
	fclose(plot->script);
	return status;
}

enum status plot(const char *file, const char *out, const char *reason, bool time)
{
	struct plot plot = { .path = file, .reason = reason };
	const char *extension = strrchr(out, '.') ?: "";
	const char *terminal;
	enum status status;

	if (!strcmp(extension, ".svg"))
		terminal = "svg size 900,500 dynamic background '#ffffff'";
	else if (!strcmp(extension, ".png"))
		terminal = "pngcairo size 900,500";
	else
		return fail(STATUS_USAGE, "%s: the name must end in .svg or .png", out);

	status = load_recording(&plot.recording, file);
	if (status)
		return status;
	status = make_style(&plot.style, true, time, plot.recording.snapshots, file);
	if (!status)
		status = make_intervals(&plot);
	if (!status)
		status = make_sum(&plot);
	if (!status && plot.reason)
		plot.reason = find_name(&plot, plot.reason);
	if (!status)
		status = write_plot(&plot, out, terminal);

	for (size_t i = 0; i < plot.nr && plot.intervals; i++)
		snapshot_free(&plot.intervals[i]);
	free(plot.intervals);
	free(plot.reasons);
	snapshot_free(&plot.sum);
	free_recording(&plot.recording);
	return status ?: plot.status;
}
