// SPDX-License-Identifier: GPL-2.0
/*
 * kvm_exit_stat - show the VM-Exit statistics of KVM
 *
 * What belongs to the command line: options, operands, and what they ask for.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/kernel.h>

#include "diff.h"
#include "hist.h"
#include "openmetrics.h"
#include "output.h"
#include "plot.h"
#include "record.h"
#include "sampler.h"
#include "table.h"
#include "top.h"

/* What the program is asked to do, one bit each */
enum mode {
	SHOW	= 1 << 0,
	TOP	= 1 << 1,
	HIST	= 1 << 2,
	METRICS	= 1 << 3,
	RECORD	= 1 << 4,
	DIFF	= 1 << 5,
	PLOT	= 1 << 6,
};

#define LIVE	(SHOW | TOP | HIST | METRICS | RECORD)

struct options {
	enum mode mode;
	double period;
	unsigned long long intervals;
	const char *columns;
	const char *sort;
	bool time;
	enum format format;
	bool tax;
	const char *reason;
	const char *metrics_file;
	double fail_above;
	bool help;
	struct source source;
	char **operands;
	size_t nr_operands;
};

/* Options without a short form */
enum {
	OPTION_CSV = 256,
	OPTION_TAX,
	OPTION_TOP,
	OPTION_HIST,
	OPTION_METRICS,
	OPTION_VM,
	OPTION_VCPU,
	OPTION_SYSROOT,
	OPTION_FAIL_ABOVE,
};

static const struct {
	const char *name;
	int argument;
	int key;
	int modes;
} all_options[] = {
	{ "interval", required_argument, 'i', SHOW | TOP | HIST | RECORD },
	{ "intervals", required_argument, 'n', SHOW | HIST | RECORD },
	{ "output", required_argument, 'o', SHOW | TOP },
	{ "sort", required_argument, 's', SHOW | TOP },
	{ "time", no_argument, 't', SHOW | TOP | HIST | DIFF | PLOT },
	{ "json", no_argument, 'J', SHOW | DIFF },
	{ "raw", no_argument, 'r', SHOW | DIFF },
	{ "csv", no_argument, OPTION_CSV, SHOW | DIFF },
	{ "tax", no_argument, OPTION_TAX, SHOW | TOP },
	{ "top", no_argument, OPTION_TOP, TOP },
	{ "hist", required_argument, OPTION_HIST, HIST | PLOT },
	{ "openmetrics", optional_argument, OPTION_METRICS, METRICS },
	{ "vm", required_argument, OPTION_VM, SHOW | TOP | HIST | RECORD },
	{ "vcpu", required_argument, OPTION_VCPU, SHOW | TOP | HIST | RECORD },
	{ "sysroot", required_argument, OPTION_SYSROOT, LIVE },
	{ "fail-above", required_argument, OPTION_FAIL_ABOVE, DIFF },
	{ "help", no_argument, 'h', LIVE | DIFF | PLOT },
};

static const char usage[] =
	"Usage:\n"
	"  kvm_exit_stat [OPTION...]                    show what happened since the reset\n"
	"  kvm_exit_stat -i SECONDS [OPTION...]         show what happens from now on\n"
	"  kvm_exit_stat --top [OPTION...]              show it live\n"
	"  kvm_exit_stat --hist REASON [OPTION...]      show log2 histograms\n"
	"  kvm_exit_stat --openmetrics[=FILE]           give metrics, e.g. for Prometheus\n"
	"  kvm_exit_stat record [OPTION...] FILE        write a snapshot or a recording\n"
	"  kvm_exit_stat diff [OPTION...] A B [REASON...]\n"
	"                                               compare two such files\n"
	"  kvm_exit_stat plot [OPTION...] FILE OUT      plot one, to OUT.svg or OUT.png\n"
	"\n"
	"Options:\n"
	"  -i, --interval SECONDS  read again and again, show intervals\n"
	"  -n, --intervals N       stop after N intervals\n"
	"  -o, --output LIST       columns, separated by commas\n"
	"  -s, --sort COLUMN       sort by this column\n"
	"  -t, --time              microseconds in place of TSC cycles\n"
	"  -J, --json              output in JSON\n"
	"  -r, --raw               output with one blank between columns\n"
	"      --csv               output with a comma between columns\n"
	"      --tax               what share of all vCPU time the reasons took\n"
	"      --vm PID[-FD]       only this VM\n"
	"      --vcpu N            only this vCPU of it\n"
	"      --hist REASON       plot: histograms in place of the exit tax\n"
	"      --fail-above P%     diff: status 1 if a mean or a P99 rose by more\n"
	"      --sysroot DIR       where to find /sys\n"
	"  -h, --help              show this\n"
	"\n";

static const char *mode_name(int mode)
{
	switch (mode) {
	case TOP:
		return "--top";
	case HIST:
		return "--hist";
	case METRICS:
		return "--openmetrics";
	case RECORD:
		return "record";
	case DIFF:
		return "diff";
	case PLOT:
		return "plot";
	default:
		return "the table of exits";
	}
}

/* A decimal number from @min to @max, with nothing after it but @suffix or less */
static bool parse_decimal(const char *text, const char *suffix, double min, double max,
			  double *number)
{
	size_t length = strspn(text, "0123456789.");
	char *end;

	*number = strtod(text, &end);
	return length && end == text + length && (!*end || !strcmp(end, suffix)) &&
	       *number >= min && *number <= max;
}

static bool parse_integer(const char *text, unsigned long long min, unsigned long long max,
			  unsigned long long *number)
{
	size_t length = strspn(text, "0123456789");

	errno = 0;
	*number = strtoull(text, NULL, 10);
	return length && !text[length] && !errno && *number >= min && *number <= max;
}

/* PID or PID-FD */
static bool is_vm_name(const char *text)
{
	static const char digits[] = "0123456789";
	size_t pid = strspn(text, digits), fd;

	if (!pid || pid > 10 || (text[pid] && text[pid] != '-'))
		return false;
	if (!text[pid])
		return true;
	fd = strspn(text + pid + 1, digits);
	return fd && fd <= 10 && !text[pid + 1 + fd];
}

static enum status set_mode(struct options *options, enum mode mode)
{
	if (options->mode != SHOW && options->mode != mode)
		return fail(STATUS_USAGE, "%s does not go together with %s", mode_name(mode),
			    mode_name(options->mode));
	options->mode = mode;
	return STATUS_OK;
}

static enum status set_format(struct options *options, enum format format)
{
	if (options->format != FORMAT_HUMAN && options->format != format)
		return fail(STATUS_USAGE, "only one of --json, --raw and --csv can be given");
	options->format = format;
	return STATUS_OK;
}

static enum status set_option(struct options *options, int key, const char *argument)
{
	unsigned long long number;

	switch (key) {
	case 'i':
		if (!parse_decimal(argument, "", 0.01, 86400, &options->period))
			return fail(STATUS_USAGE, "--interval %s: not a number from 0.01 to 86400",
				    argument);
		break;
	case 'n':
		if (!parse_integer(argument, 1, UINT32_MAX, &options->intervals))
			return fail(STATUS_USAGE, "--intervals %s: not a number from 1 to %u",
				    argument, UINT32_MAX);
		break;
	case 'o':
		options->columns = argument;
		break;
	case 's':
		options->sort = argument;
		break;
	case 't':
		options->time = true;
		break;
	case 'J':
		return set_format(options, FORMAT_JSON);
	case 'r':
		return set_format(options, FORMAT_RAW);
	case OPTION_CSV:
		return set_format(options, FORMAT_CSV);
	case OPTION_TAX:
		options->tax = true;
		break;
	case OPTION_TOP:
		return set_mode(options, TOP);
	case OPTION_HIST:
		if (!is_reason_name(argument))
			return fail(STATUS_USAGE, "--hist %s: not a name of an exit reason",
				    argument);
		options->reason = argument;
		break;
	case OPTION_METRICS:
		if (argument && !*argument)
			return fail(STATUS_USAGE, "--openmetrics=: the name of the file is empty");
		options->metrics_file = argument;
		return set_mode(options, METRICS);
	case OPTION_VM:
		if (!is_vm_name(argument))
			return fail(STATUS_USAGE, "--vm %s: neither PID nor PID-FD", argument);
		options->source.vm = argument;
		break;
	case OPTION_VCPU:
		if (!parse_integer(argument, 0, INT32_MAX, &number))
			return fail(STATUS_USAGE, "--vcpu %s: not a number from 0 to %d", argument,
				    INT32_MAX);
		options->source.vcpu = (int)number;
		break;
	case OPTION_SYSROOT:
		options->source.sysroot = argument;
		break;
	case OPTION_FAIL_ABOVE:
		if (!parse_decimal(argument, "%", 0, 1e9, &options->fail_above))
			return fail(STATUS_USAGE, "--fail-above %s: not a percentage from 0 on",
				    argument);
		break;
	case 'h':
		options->help = true;
		break;
	}
	return STATUS_OK;
}

/* The option that getopt_long() has just refused: @key of optopt, in the word @text */
static enum status refuse_option(int result, int key, const char *text)
{
	char letter[] = { '-', (char)key, '\0' };
	bool is_long = !strncmp(text, "--", 2);

	/* A byte above 127 is negative. */
	if (key && key < 256 && !is_long)
		text = letter;
	if (result == ':')
		return fail(STATUS_USAGE, "%s needs an argument, see --help", text);
	if (is_long && key)
		return fail(STATUS_USAGE, "%s: the option takes no argument", text);
	return fail(STATUS_USAGE, "%s is no option, or short for several, see --help", text);
}

static enum status parse_options(struct options *options, int argc, char *argv[], int *given)
{
	struct option long_options[ARRAY_SIZE(all_options) + 1] = {};
	char short_options[2 * ARRAY_SIZE(all_options) + 2] = ":", *letter = short_options + 1;
	int key, index;

	for (size_t i = 0; i < ARRAY_SIZE(all_options); i++) {
		long_options[i] = (struct option){
			.name = all_options[i].name,
			.has_arg = all_options[i].argument,
			.val = all_options[i].key,
		};
		if (all_options[i].key >= OPTION_CSV)
			continue;
		*letter++ = (char)all_options[i].key;
		if (all_options[i].argument == required_argument)
			*letter++ = ':';
	}

	opterr = 0;
	while ((key = getopt_long(argc, argv, short_options, long_options, &index)) >= 0) {
		enum status status;

		if (key == '?' || key == ':')
			return refuse_option(key, optopt, argv[optind - 1]);
		status = set_option(options, key, optarg);
		if (status)
			return status;
		for (size_t i = 0; i < ARRAY_SIZE(all_options); i++) {
			if (all_options[i].key == key)
				*given |= 1 << i;
		}
	}
	return STATUS_OK;
}

static enum status parse_operands(struct options *options, char *operands[], size_t nr)
{
	static const struct {
		enum mode mode;
		size_t min;
		size_t max;
		const char *operands;
	} commands[] = {
		{ RECORD, 1, 1, "FILE" },
		{ DIFF, 2, SIZE_MAX, "A B [REASON...]" },
		{ PLOT, 2, 2, "FILE OUT" },
	};

	for (size_t i = 0; nr && i < ARRAY_SIZE(commands); i++) {
		enum status status;

		if (strcmp(operands[0], mode_name(commands[i].mode)))
			continue;
		status = set_mode(options, commands[i].mode);
		if (status)
			return status;
		options->operands = operands + 1;
		options->nr_operands = nr - 1;
		if (nr - 1 < commands[i].min || nr - 1 > commands[i].max)
			return fail(STATUS_USAGE, "%s takes the operands %s", operands[0],
				    commands[i].operands);
		for (size_t j = 1; j < nr; j++) {
			if (!*operands[j])
				return fail(STATUS_USAGE, "%s: an operand is empty", operands[0]);
		}
		return STATUS_OK;
	}
	if (nr)
		return fail(STATUS_USAGE, "'%s' is no command, see --help", operands[0]);

	if (options->reason)
		return set_mode(options, HIST);
	return STATUS_OK;
}

static enum status check_options(const struct options *options, int given)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_options); i++) {
		if ((given & 1 << i) && !(all_options[i].modes & options->mode))
			return fail(STATUS_USAGE, "--%s does not go together with %s",
				    all_options[i].name, mode_name(options->mode));
	}
	if (options->intervals && !options->period)
		return fail(STATUS_USAGE, "--intervals needs --interval");
	if (options->tax && options->columns)
		return fail(STATUS_USAGE, "--tax does not go together with --output");
	if (options->mode == PLOT && options->time && !options->reason)
		return fail(STATUS_USAGE, "--time needs --hist: the exit tax is no time");
	if (options->source.vcpu >= 0 && !options->source.vm)
		return fail(STATUS_USAGE, "--vcpu needs --vm");
	return STATUS_OK;
}

static enum status make_selection(struct selection *selection, const struct options *options)
{
	bool interval = options->mode == TOP || options->period;
	const char *columns = "REASON,COUNT,SHARE,TOTAL,MIN,AVG,P50,P99,P99.9,MAX";

	if (options->columns)
		columns = options->columns;
	else if (options->tax)
		columns = "REASON,COUNT,TAX,KVM%,USER%,BLOCKED%,PREEMPTED%";
	else if (interval)
		columns = "REASON,COUNT,RATE,SHARE,TOTAL,AVG,P50,P99,P99.9";
	return select_columns(selection, columns,
			      options->sort ?: options->tax ? "TAX" : "TOTAL", interval);
}

static enum status flush_output(void)
{
	if (fflush(stdout) || ferror(stdout))
		return fail(STATUS_SYSTEM, "cannot write to standard output: %s", strerror(errno));
	return STATUS_OK;
}

/* What all tables of a run have in common */
struct view {
	const struct options *options;
	struct selection selection;
	struct style style;
	bool printed;
};

static enum status print(struct view *view, const struct snapshot *snapshot)
{
	const struct options *options = view->options;
	enum status status = STATUS_OK;

	if (view->printed && options->format == FORMAT_HUMAN)
		putchar('\n');
	view->printed = true;
	if (options->mode == HIST)
		print_hist(snapshot, options->reason, &view->style);
	else
		status = print_snapshot(snapshot, &view->selection, options->format, &view->style);
	return status ?: flush_output();
}

static enum status print_interval(struct sampler *sampler, void *view)
{
	struct snapshot interval;
	enum status status = sampler_next(sampler, &interval);

	if (status)
		return status;
	status = print(view, &interval);
	snapshot_free(&interval);
	return status;
}

static enum status show(struct options *options)
{
	struct view view = { .options = options };
	enum status status = STATUS_OK;
	struct sampler sampler;

	if (options->mode != HIST)
		status = make_selection(&view.selection, options);
	if (!status)
		status = source_open(&options->source);
	if (status)
		return status;
	if (options->mode == HIST && !source_has_reason(&options->source, options->reason))
		return fail(STATUS_USAGE, "--hist %s: %s/reasons has no such exit reason",
			    options->reason, options->source.sysfs);

	status = sampler_start(&sampler, &options->source, options->period ?: 1);
	/* Before an interval, which may be long */
	if (!status)
		status = make_style(&view.style, options->format == FORMAT_HUMAN, options->time,
				    &sampler.last, options->source.sysfs);
	if (!status && options->mode == TOP)
		status = run_top(&sampler, &view.selection, &view.style);
	else if (!status && options->period)
		status = sampler_repeat(&sampler, options->intervals, print_interval, &view);
	else if (!status)
		status = print(&view, &sampler.last);
	sampler_stop(&sampler);
	return status;
}

static enum status show_metrics(struct options *options)
{
	enum status status = source_open(&options->source);
	struct metrics metrics = {};
	struct output output;

	if (!status)
		status = read_metrics(&metrics, &options->source);
	if (status)
		return status;

	if (options->metrics_file) {
		status = output_open(&output, options->metrics_file);
		if (!status) {
			write_metrics(output.file, &metrics);
			status = output_close(&output, STATUS_OK);
		}
	} else {
		write_metrics(stdout, &metrics);
		status = flush_output();
	}
	free_metrics(&metrics);
	return status;
}

/* A reset is no matter, since who reads the recording sees it, too. */
static enum status record_snapshot(struct sampler *sampler, void *data)
{
	struct output *output = data;
	struct snapshot snapshot;
	enum status status = sampler_read(sampler, &snapshot);

	if (status)
		return status;
	status = write_snapshot(output->file, &snapshot) ?: output_keep(output);
	snapshot_free(&snapshot);
	return status;
}

/* Whatever ends a recording, what was recorded before is kept. */
static enum status record(struct options *options)
{
	struct sampler sampler;
	struct output output;
	enum status status;

	status = source_open(&options->source);
	if (!status)
		status = sampler_start(&sampler, &options->source, options->period);
	if (status)
		return status;
	status = output_open(&output, options->operands[0]);
	if (status)
		goto out;

	status = write_snapshot(output.file, &sampler.last);
	if (!status && options->period)
		status = output_keep(&output) ?:
			 sampler_repeat(&sampler, options->intervals, record_snapshot, &output);
	status = output_close(&output, status);
out:
	sampler_stop(&sampler);
	return status;
}

static enum status run(struct options *options)
{
	enum status status;

	switch (options->mode) {
	case METRICS:
		return show_metrics(options);
	case RECORD:
		return record(options);
	case DIFF:
		status = print_diff(options->operands[0], options->operands[1],
				    options->operands + 2, options->nr_operands - 2,
				    options->fail_above, options->format, options->time);
		/* A change above the limit is no reason not to tell that. */
		return flush_output() ?: status;
	case PLOT:
		return plot(options->operands[0], options->operands[1], options->reason,
			    options->time);
	default:
		return show(options);
	}
}

/* Or a file that is opened would become standard error, and get the messages. */
static void open_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char *argv[])
{
	struct options options = {
		.mode = SHOW,
		.fail_above = -1,
		.source = { .sysroot = "", .vcpu = -1 },
	};
	enum status status;
	int given = 0;

	open_standard_files();
	/* Not LC_NUMERIC: JSON has points, whatever the user's language. */
	setlocale(LC_CTYPE, "");

	status = parse_options(&options, argc, argv, &given);
	if (!status && options.help) {
		fputs(usage, stdout);
		print_columns();
		status = flush_output();
	} else if (!status) {
		status = parse_operands(&options, argv + optind, (size_t)(argc - optind));
		if (!status)
			status = check_options(&options, given);
		if (!status)
			status = run(&options);
	}
	if (status)
		print_error();
	return (int)status;
}
