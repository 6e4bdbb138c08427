// SPDX-License-Identifier: GPL-2.0
/*
 * kvm_exit_stat - show the VM-Exit statistics of KVM
 *
 * The command line: options, operands, and the modes that they select.
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

#include "clock.h"
#include "diff.h"
#include "explain.h"
#include "hist.h"
#include "list.h"
#include "log.h"
#include "openmetrics.h"
#include "output.h"
#include "plot.h"
#include "reason.h"
#include "record.h"
#include "sampler.h"
#include "signals.h"
#include "table.h"
#include "top.h"
#include "vm_column.h"

/* The Makefile sets the version. */
#ifndef TOOL_VERSION
#define TOOL_VERSION	"unknown"
#endif

/* What the program is asked to do, one bit each */
enum mode {
	SHOW	= 1 << 0,
	TOP	= 1 << 1,
	HIST	= 1 << 2,
	METRICS	= 1 << 3,
	RECORD	= 1 << 4,
	DIFF	= 1 << 5,
	PLOT	= 1 << 6,
	VMS	= 1 << 7,
	VCPUS	= 1 << 8,
	DEAD	= 1 << 9,
	USER	= 1 << 10,
	PREEMPTORS = 1 << 11,
	KEYS	= 1 << 12,
	WORST	= 1 << 13,
	SLOW	= 1 << 14,
	NESTED	= 1 << 15,
	CHAIN	= 1 << 16,
};

/* Modes that print tables of the running system, and modes that --vm can restrict to a VM */
#define TABLES	(SHOW | VMS | VCPUS | DEAD | USER | PREEMPTORS | KEYS | WORST | SLOW |	\
		 NESTED | CHAIN)
#define OF_VM	(SHOW | TOP | HIST | RECORD | VCPUS | USER | PREEMPTORS | KEYS | WORST |	\
		 NESTED | CHAIN)

/* Modes that take an exit reason as operand, and show that one only */
#define OF_REASON	(KEYS | WORST | SLOW | NESTED)

/* Modes that can be repeated at intervals, a given number of times */
#define INTERVALS	(SHOW | HIST | RECORD | VMS | VCPUS | USER | NESTED)

/* Of these, the modes that print tables, i.e. can be logged */
#define LOGS	(TABLES & INTERVALS)

#define LIVE	(TABLES | TOP | HIST | METRICS | RECORD)

/* Tables that are made of a snapshot, other than the table of exit reasons */
static const struct {
	const char *name;
	const struct list *list;
	enum mode mode;
	/* The optional parts of a snapshot that the table needs */
	int extras;
} lists[] = {
	{ "--user", &user_list, USER },
	{ "--preempted-by", &preemptor_list, PREEMPTORS },
	{ "--keys", &key_list, KEYS, EXTRA_KEYS },
	{ "--worst", &worst_list, WORST, EXTRA_WORST },
	{ "--slow", &slow_list, SLOW, EXTRA_SLOW },
	{ "--nested", &nested_list, NESTED, EXTRA_NESTED },
	{ "--chain", &chain_list, CHAIN, EXTRA_CHAIN },
};

/* Series of VMs by default: enough for 400 VMs that have MAX_VM_SERIES each */
#define MAX_SERIES	10000
#define NO_LIMIT	UINT64_MAX

struct options {
	enum mode mode;
	double period;
	unsigned long long intervals;
	const char *columns;
	const char *sort;
	bool time;
	enum format format;
	const char *log;
	bool tax;
	bool vms;
	const char *reason;
	const char *metrics_file;
	bool per_vm;
	bool explain;
	unsigned long long max_series;
	struct gates gates;
	bool help;
	bool version;
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
	OPTION_MIN_COUNT,
	OPTION_PER_VM,
	OPTION_MAX_SERIES,
	OPTION_VMS,
	OPTION_PER_VCPU,
	OPTION_DEAD,
	OPTION_USER,
	OPTION_PREEMPTED_BY,
	OPTION_LOG,
	OPTION_KEYS,
	OPTION_WORST,
	OPTION_SLOW,
	OPTION_NESTED,
	OPTION_CHAIN,
	OPTION_EXPLAIN,
};

static const struct {
	const char *name;
	int argument;
	int key;
	int modes;
} all_options[] = {
	{ "interval", required_argument, 'i', INTERVALS | TOP },
	{ "intervals", required_argument, 'n', INTERVALS },
	{ "output", required_argument, 'o', TABLES | TOP },
	{ "sort", required_argument, 's', (TABLES & ~CHAIN) | TOP },
	{ "time", no_argument, 't', (TABLES & ~(VMS | VCPUS | DEAD)) | TOP | HIST | DIFF | PLOT },
	{ "json", no_argument, 'J', TABLES | DIFF },
	{ "raw", no_argument, 'r', TABLES | DIFF },
	{ "csv", no_argument, OPTION_CSV, TABLES | DIFF },
	{ "log", required_argument, OPTION_LOG, LOGS },
	{ "tax", no_argument, OPTION_TAX, SHOW | TOP },
	{ "top", no_argument, OPTION_TOP, TOP },
	{ "hist", required_argument, OPTION_HIST, HIST | PLOT },
	{ "openmetrics", optional_argument, OPTION_METRICS, METRICS },
	{ "per-vm", no_argument, OPTION_PER_VM, METRICS },
	{ "max-series", required_argument, OPTION_MAX_SERIES, METRICS },
	{ "vm", required_argument, OPTION_VM, OF_VM },
	{ "vcpu", required_argument, OPTION_VCPU, OF_VM & ~VCPUS },
	{ "vms", no_argument, OPTION_VMS, VMS | TOP },
	{ "per-vcpu", no_argument, OPTION_PER_VCPU, VCPUS },
	{ "dead", no_argument, OPTION_DEAD, DEAD },
	{ "user", no_argument, OPTION_USER, USER },
	{ "preempted-by", no_argument, OPTION_PREEMPTED_BY, PREEMPTORS },
	{ "keys", no_argument, OPTION_KEYS, KEYS },
	{ "worst", no_argument, OPTION_WORST, WORST },
	{ "slow", no_argument, OPTION_SLOW, SLOW },
	{ "nested", no_argument, OPTION_NESTED, NESTED },
	{ "chain", no_argument, OPTION_CHAIN, CHAIN },
	{ "explain", no_argument, OPTION_EXPLAIN, SHOW | KEYS },
	{ "sysroot", required_argument, OPTION_SYSROOT, LIVE },
	{ "fail-above", required_argument, OPTION_FAIL_ABOVE, DIFF },
	{ "min-count", required_argument, OPTION_MIN_COUNT, DIFF },
	{ "help", no_argument, 'h', LIVE | DIFF | PLOT },
	{ "version", no_argument, 'V', LIVE | DIFF | PLOT },
};

static const char usage[] =
	"Usage:\n"
	"  kvm_exit_stat [OPTION...]                    show what happened since the reset\n"
	"  kvm_exit_stat -i SECONDS [OPTION...]         show what happens from now on\n"
	"  kvm_exit_stat --top [OPTION...]              show it live\n"
	"  kvm_exit_stat --vms [OPTION...]              list the VMs, and where their time goes\n"
	"  kvm_exit_stat --vm VM --per-vcpu [OPTION...] list the vCPUs of one\n"
	"  kvm_exit_stat --dead [OPTION...]             list the VMs that are gone\n"
	"  kvm_exit_stat --user [OPTION...]             show why KVM_RUN returned to user space\n"
	"  kvm_exit_stat --preempted-by [OPTION...]     show who got the CPUs of vCPUs\n"
	"  kvm_exit_stat --keys [OPTION...] [REASON]    show what exits were for\n"
	"  kvm_exit_stat --worst [OPTION...] [REASON]   show the exits that took longest\n"
	"  kvm_exit_stat --slow [OPTION...] [REASON]    list slow exits\n"
	"  kvm_exit_stat --nested [OPTION...] [REASON]  show what guests of guests had\n"
	"  kvm_exit_stat --vm VM --chain [OPTION...]    show the last exits of its vCPUs\n"
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
	"      --log FILE          append to the file, open it anew on SIGHUP\n"
	"      --tax               what share of all vCPU time the reasons took\n"
	"      --vm VM             only this VM: name, UUID, PID, PID-FD or number\n"
	"      --vcpu N            only this vCPU of it\n"
	"      --vms               list VMs; top: begin with that\n"
	"      --per-vm            openmetrics: of each VM, too\n"
	"      --max-series N      with not more series of VMs, 10000 by default\n"
	"      --hist REASON       plot: histograms in place of the exit tax\n"
	"      --fail-above P%     diff: status 1 if a mean or a P99 rose by more\n"
	"      --fail-above WHAT=P%,...\n"
	"                          the same of count, mean, p99, total or tax\n"
	"      --min-count N       of reasons with at least so many exits\n"
	"      --explain           tell what is known to help, below the table\n"
	"      --sysroot DIR       where to find /sys\n"
	"  -h, --help              show this\n"
	"  -V, --version           show the version, that of the kernel it comes with\n"
	"\n";

/* The list that @mode prints, or NULL if it prints something else */
static const struct list *list_of(enum mode mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i].mode == mode)
			return lists[i].list;
	}
	return NULL;
}

static const char *mode_name(enum mode mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i].mode == mode)
			return lists[i].name;
	}
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
	case VMS:
		return "--vms";
	case VCPUS:
		return "--per-vcpu";
	case DEAD:
		return "--dead";
	default:
		return "the table of exits";
	}
}

/* Parse a decimal number from @min to @max, with or without @suffix after it. */
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

/* WHAT=PERCENT */
static bool set_limit(struct gates *gates, char *text)
{
	char *percent = strchr(text, '=');

	if (!percent)
		return false;
	*percent++ = '\0';
	for (size_t i = 0; i < NR_GATES; i++) {
		if (is_name(gate_names[i], text))
			return parse_decimal(percent, "%", 0, 1e9, &gates->limits[i]);
	}
	return false;
}

/* PERCENT, which limits both mean and P99, or WHAT=PERCENT,... */
static enum status set_limits(struct gates *gates, const char *text)
{
	char *list, *rest, *limit;
	double percent;
	bool ok = true;

	if (parse_decimal(text, "%", 0, 1e9, &percent)) {
		gates->limits[GATE_MEAN] = percent;
		gates->limits[GATE_P99] = percent;
		return STATUS_OK;
	}
	list = strdup(text);
	if (!list)
		return fail(STATUS_SYSTEM, "out of memory");
	rest = list;
	while (ok && (limit = strsep(&rest, ",")))
		ok = set_limit(gates, limit);
	free(list);
	return ok ? STATUS_OK :
		    fail(STATUS_USAGE,
			 "--fail-above %s: neither a percentage from 0 on nor WHAT=PERCENT,..., with WHAT one of count, mean, p99, total, tax",
			 text);
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
	case OPTION_LOG:
		if (!*argument)
			return fail(STATUS_USAGE, "--log: the name of the file is empty");
		options->log = argument;
		break;
	case OPTION_TAX:
		options->tax = true;
		break;
	case OPTION_TOP:
		return set_mode(options, TOP);
	case OPTION_HIST:
		if (!is_reason_name(argument))
			return fail(STATUS_USAGE,
				    "--hist %s: neither a name nor a code of an exit reason",
				    argument);
		options->reason = argument;
		break;
	case OPTION_METRICS:
		if (argument && !*argument)
			return fail(STATUS_USAGE, "--openmetrics=: the name of the file is empty");
		options->metrics_file = argument;
		return set_mode(options, METRICS);
	case OPTION_VM:
		if (!*argument)
			return fail(STATUS_USAGE, "--vm: the name of the VM is empty");
		options->source.vm = argument;
		break;
	case OPTION_VCPU:
		if (!parse_integer(argument, 0, INT32_MAX, &number))
			return fail(STATUS_USAGE, "--vcpu %s: not a number from 0 to %d", argument,
				    INT32_MAX);
		options->source.vcpu = (int)number;
		break;
	case OPTION_VMS:
		options->vms = true;
		break;
	case OPTION_PER_VCPU:
		return set_mode(options, VCPUS);
	case OPTION_DEAD:
		return set_mode(options, DEAD);
	case OPTION_USER:
		return set_mode(options, USER);
	case OPTION_PREEMPTED_BY:
		options->source.debugfs = true;
		return set_mode(options, PREEMPTORS);
	case OPTION_KEYS:
		return set_mode(options, KEYS);
	case OPTION_WORST:
		return set_mode(options, WORST);
	case OPTION_SLOW:
		return set_mode(options, SLOW);
	case OPTION_NESTED:
		return set_mode(options, NESTED);
	case OPTION_CHAIN:
		return set_mode(options, CHAIN);
	case OPTION_EXPLAIN:
		options->explain = true;
		break;
	case OPTION_SYSROOT:
		options->source.sysroot = argument;
		break;
	case OPTION_FAIL_ABOVE:
		return set_limits(&options->gates, argument);
	case OPTION_PER_VM:
		options->per_vm = true;
		break;
	case OPTION_MAX_SERIES:
		if (!parse_integer(argument, 0, UINT32_MAX, &options->max_series))
			return fail(STATUS_USAGE, "--max-series %s: not a number from 0 to %u",
				    argument, UINT32_MAX);
		break;
	case OPTION_MIN_COUNT:
		if (!parse_integer(argument, 1, UINT64_MAX, &options->gates.min_count))
			return fail(STATUS_USAGE, "--min-count %s: not a number from 1 on",
				    argument);
		break;
	case 'h':
		options->help = true;
		break;
	case 'V':
		options->version = true;
		break;
	}
	return STATUS_OK;
}

/* Say why getopt_long() has refused an option: @key is optopt, @text the word that has it. */
static enum status refuse_option(int result, int key, const char *text)
{
	char letter[] = { '-', (char)key, '\0' };
	bool known = !key || key >= 256, is_long;

	/* If others follow a short option, @text is still the word before. */
	for (size_t i = 0; i < ARRAY_SIZE(all_options); i++)
		known |= all_options[i].key == key;
	is_long = known && !strncmp(text, "--", 2);

	/* Name a short option by its letter.  A byte above 127 is negative in optopt. */
	if (key && key < 256 && !is_long)
		text = letter;
	if (result == ':')
		return fail(STATUS_USAGE, "%s needs an argument, see --help", text);
	if (is_long && key)
		return fail(STATUS_USAGE, "%s: the option takes no argument", text);
	return fail(STATUS_USAGE, "%s is no option, or short for several, see --help", text);
}

static enum status parse_options(struct options *options, int argc, char *argv[],
				 uint64_t *given)
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
				*given |= 1ULL << i;
		}
	}
	return STATUS_OK;
}

static bool is_pid(const char *text)
{
	unsigned long long pid;

	return parse_integer(text, 1, UINT32_MAX, &pid);
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
	if (nr && (options->mode & OF_REASON)) {
		if (nr > 1)
			return fail(STATUS_USAGE, "%s takes one exit reason, not '%s', too",
				    mode_name(options->mode), operands[1]);
		if (!is_reason_name(operands[0]))
			return fail(STATUS_USAGE,
				    "%s %s: neither a name nor a code of an exit reason",
				    mode_name(options->mode), operands[0]);
		options->reason = operands[0];
		return STATUS_OK;
	}
	/* With several VMs, "--vm $(pidof qemu-system-x86_64)" leads to this: say what is wrong. */
	if (nr && options->source.vm && is_pid(options->source.vm) && is_pid(operands[0]))
		return fail(STATUS_USAGE,
			    "--vm takes one VM, but after %s there is %s: if these are processes, choose one, --vms lists them by name",
			    options->source.vm, operands[0]);
	if (nr)
		return fail(STATUS_USAGE, "'%s' is no command, see --help", operands[0]);

	/* With --top, --vms is no mode of its own: it says where to begin. */
	if (options->vms && options->mode != TOP)
		return set_mode(options, VMS);
	if (options->reason)
		return set_mode(options, HIST);
	return STATUS_OK;
}

static enum status check_options(const struct options *options, uint64_t given)
{
	for (size_t i = 0; i < ARRAY_SIZE(all_options); i++) {
		if ((given & 1ULL << i) && !(all_options[i].modes & options->mode))
			return fail(STATUS_USAGE, "--%s does not go together with %s",
				    all_options[i].name, mode_name(options->mode));
	}
	if (options->intervals && !options->period)
		return fail(STATUS_USAGE, "--intervals needs --interval");
	if (options->log && !options->period)
		return fail(STATUS_USAGE, "--log needs --interval");
	if (options->log && options->format == FORMAT_HUMAN)
		return fail(STATUS_USAGE, "--log needs --csv, --json or --raw");
	if (options->explain && options->format != FORMAT_HUMAN)
		return fail(STATUS_USAGE,
			    "--explain is for people: it does not go together with --json, --raw and --csv");
	if (options->max_series != NO_LIMIT && !options->per_vm)
		return fail(STATUS_USAGE, "--max-series needs --per-vm");
	if (options->tax && options->columns)
		return fail(STATUS_USAGE, "--tax does not go together with --output");
	if (options->mode == PLOT && options->time && !options->reason)
		return fail(STATUS_USAGE, "--time needs --hist: the exit tax is no time");
	if (options->source.vcpu >= 0 && !options->source.vm)
		return fail(STATUS_USAGE, "--vcpu needs --vm");
	if (options->vms && options->source.vm)
		return fail(STATUS_USAGE, "--vms does not go together with --vm");
	if ((options->mode & (VCPUS | CHAIN)) && !options->source.vm)
		return fail(STATUS_USAGE, "%s needs --vm", mode_name(options->mode));
	return STATUS_OK;
}

/* Whether to print lines for programs, with one header for all intervals */
static bool is_log(const struct options *options)
{
	return options->period && (options->format == FORMAT_CSV || options->format == FORMAT_RAW);
}

static enum status make_selection(struct selection *selection, const struct options *options)
{
	bool interval = options->mode == TOP || options->period;
	const struct list *list = list_of(options->mode);
	const struct columns *of = &reason_columns;
	const char *sort = options->tax ? "TAX" : "TOTAL";
	const char *columns = "REASON,COUNT,SHARE,TOTAL,MIN,AVG,P50,P99,P99.9,MAX";
	enum status status;

	if (list) {
		of = list->columns;
		columns = list->shown;
		if (list->shown_raw && options->format != FORMAT_HUMAN)
			columns = list->shown_raw;
		sort = list->sort;
	} else if (options->tax) {
		columns = "REASON,COUNT,TAX,KVM%,USER%,BLOCKED%,PREEMPTED%";
	} else if (interval) {
		columns = "REASON,COUNT,RATE,SHARE,TOTAL,AVG,P50,P99,P99.9";
	}
	/* With both --top and --vms, -o and -s are for the list of VMs, not for the reasons. */
	if (options->vms)
		return select_columns(selection, of, columns, sort, interval);
	status = select_columns(selection, of, options->columns ?: columns, options->sort ?: sort,
				interval);
	if (!status && is_log(options))
		select_time(selection);
	return status;
}

static enum status make_vm_selection(struct selection *selection, const struct options *options,
				     enum vm_list list)
{
	const char *columns = options->columns, *sort = options->sort;
	enum status status;

	/* With --top, but without --vms, -o and -s are for the reasons, not for the list of VMs. */
	if (options->mode == TOP && !options->vms) {
		columns = NULL;
		sort = NULL;
	}
	status = select_columns(selection, vm_columns(list), columns ?: vm_default_columns(list),
				sort ?: vm_default_sort(list),
				options->mode == TOP || options->period);
	if (!status && is_log(options))
		select_time(selection);
	return status;
}

/* How to print snapshots, as tables or as histograms */
struct shown_snapshot {
	const struct options *options;
	struct view view;
};

static enum status print(struct shown_snapshot *shown, const struct snapshot *snapshot)
{
	const struct options *options = shown->options;
	const struct list *list = list_of(options->mode);
	struct view *view = &shown->view;
	bool fresh;
	enum status status = log_begin(&fresh);

	if (status)
		return status;
	view->headless = is_log(options) && !fresh;
	if (!fresh && options->format == FORMAT_HUMAN)
		putchar('\n');
	if (options->mode == HIST)
		print_hist(snapshot, options->reason, &view->style);
	else if (list)
		status = list->print(snapshot, view);
	else
		status = print_snapshot(snapshot, view);
	if (!status && options->explain)
		print_advice(snapshot, &view->style);
	return status ?: log_flush();
}

/* Say how to switch on what is off.  No error: what was kept before is still shown. */
static enum status tell_what_is_off(const struct options *options)
{
	static const struct {
		int extra;
		const char *file;
		const char *what;
		const char *value;
	} switches[] = {
		{ EXTRA_KEYS, "/keys", "keep what exits are for", "1" },
		{ EXTRA_SLOW, "/slow_us", "keep slow exits", "MICROSECONDS" },
	};
	const struct source *source = &options->source;

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		enum status status;
		uint64_t number;

		if (!(source->extras & switches[i].extra))
			continue;
		status = source_number(source, switches[i].file, &number);
		if (status)
			return status;
		if (number)
			continue;
		fail(STATUS_OK, "%s%s is 0, the kernel does not %s: echo %s > %s%s", source->sysfs,
		     switches[i].file, switches[i].what, switches[i].value, source->sysfs,
		     switches[i].file);
		print_error();
	}
	return STATUS_OK;
}

static enum status print_interval(struct sampler *sampler, void *shown)
{
	struct snapshot interval;
	enum status status = sampler_next(sampler, &interval);

	if (status)
		return status;
	status = print(shown, &interval);
	snapshot_free(&interval);
	return status;
}

static enum status show(struct options *options)
{
	struct shown_snapshot shown = { .options = options, .view.format = options->format };
	struct view *view = &shown.view;
	enum status status = STATUS_OK;
	static char name[REASON_NAME_LEN];
	struct selection vm_selection;
	struct sampler sampler;

	if (options->mode != HIST)
		status = make_selection(&view->selection, options);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i].mode == options->mode)
			options->source.extras = lists[i].extras;
	}
	/* Some rules need no keys: give their advice on a kernel without keys, too. */
	if (options->explain && options->mode == SHOW) {
		options->source.extras = EXTRA_KEYS;
		options->source.lenient = true;
	}
	if (!status && options->mode == TOP)
		status = make_vm_selection(&vm_selection, options, LIST_VMS);
	if (!status)
		status = source_open(&options->source);
	if (status)
		return status;
	if (options->reason) {
		status = find_reason(&options->source, mode_name(options->mode), options->reason,
				     name);
		options->reason = name;
		snprintf(options->source.only, sizeof(options->source.only), "%s", name);
	}
	if (options->mode != HIST)
		options->source.codes = selects(&view->selection, "CODE");
	if (options->mode & (WORST | SLOW))
		options->source.names = selects(&view->selection, "NAME");
	if (!status)
		status = tell_what_is_off(options);
	if (status)
		return status;

	status = sampler_start(&sampler, &options->source, options->period ?: 1);
	if (!status && options->log)
		status = log_open(options->log);
	/* If times cannot be shown, fail before the first interval, which may be long. */
	if (!status)
		status = make_style(&view->style, options->format == FORMAT_HUMAN, options->time,
				    &sampler.last, options->source.sysfs);
	if (!status && options->mode == TOP)
		status = run_top(&sampler, &view->selection, &vm_selection, options->vms,
				 &view->style);
	else if (!status && options->period)
		status = sampler_repeat(&sampler, options->intervals, print_interval, &shown);
	else if (!status)
		status = print(&shown, &sampler.last);
	sampler_stop(&sampler);
	return status;
}

/* A table of VMs or vCPUs, and the last reading of them */
struct shown_vms {
	const struct options *options;
	enum vm_list list;
	struct view view;
	struct vms last;
	/* Without reasons: what JSON says about the table as a whole, e.g. the time */
	struct snapshot about;
};

/* Read the time and so on for JSON.  With @interval, the table is about the time since the last. */
static enum status read_about(struct shown_vms *shown, bool interval)
{
	struct snapshot *about = &shown->about, last = *about;
	enum status status = source_begin(&shown->options->source, about);

	about->interval = interval;
	about->from = last.time;
	about->seconds = about->uptime - last.uptime;
	return status;
}

static enum status read_list(struct vms *vms, const struct shown_vms *shown,
			     const struct vms *before)
{
	switch (shown->list) {
	case LIST_VCPUS:
		return read_vcpus(vms, &shown->options->source, before);
	case LIST_GONE:
		return read_gone_vms(vms, &shown->options->source);
	default:
		return read_vms(vms, &shown->options->source, before);
	}
}

static enum status print_vms(struct shown_vms *shown, const struct vms *vms)
{
	struct view *view = &shown->view;
	struct row *rows = sort_vms(&view->selection, vms);
	enum status status;
	bool fresh;

	if (!rows)
		return fail(STATUS_SYSTEM, "out of memory");
	shown->about.dropped = 0;
	for (size_t i = 0; i < vms->nr; i++)
		add_to(&shown->about.dropped, vms->vms[i].snapshot.dropped);
	status = log_begin(&fresh);
	view->headless = is_log(shown->options) && !fresh;
	if (!status && view->format == FORMAT_HUMAN) {
		char title[128];

		format_vms_title(title, sizeof(title), shown->list, vms);
		printf("%s%s\n\n", fresh ? "" : "\n", title);
	}
	if (!status)
		status = print_rows(rows, vms->nr, view, &shown->about);
	free(rows);
	return status ?: log_flush();
}

static enum status print_vms_interval(struct sampler *sampler, void *data)
{
	struct shown_vms *shown = data;
	struct vms vms, interval;
	enum status status;

	sampler_advance(sampler);
	status = read_about(shown, true) ?: read_list(&vms, shown, &shown->last);
	if (status)
		return status;
	status = subtract_vms(&interval, &shown->last, &vms);
	free_vms(&shown->last);
	shown->last = vms;
	if (status)
		return status;
	status = print_vms(shown, &interval);
	free_vms(&interval);
	return status;
}

static enum status show_vms(struct options *options, enum vm_list list)
{
	struct shown_vms shown = {
		.options = options,
		.list = list,
		.view = {
			.style = { .human = options->format == FORMAT_HUMAN },
			.format = options->format,
		},
	};
	struct sampler sampler = { .source = &options->source, .period = options->period };
	enum status status;

	status = make_vm_selection(&shown.view.selection, options, list);
	if (!status)
		status = source_open(&options->source);
	sampler.next = now() + options->period;
	if (!status)
		status = read_about(&shown, false) ?: read_list(&shown.last, &shown, NULL);
	if (!status && options->log)
		status = log_open(options->log);
	if (!status && options->period)
		status = sampler_repeat(&sampler, options->intervals, print_vms_interval, &shown);
	else if (!status)
		status = print_vms(&shown, &shown.last);
	free_vms(&shown.last);
	return status;
}

static enum status show_metrics(struct options *options)
{
	unsigned long long max = options->max_series == NO_LIMIT ? MAX_SERIES :
								   options->max_series;
	enum status status = source_open(&options->source);
	struct metrics metrics = {};
	struct output output;

	if (!status)
		status = read_metrics(&metrics, &options->source, options->per_vm);
	if (status)
		return status;

	if (options->metrics_file) {
		status = output_open(&output, options->metrics_file);
		if (!status) {
			status = write_metrics(output.file, &metrics, max);
			status = output_close(&output, status);
		}
	} else {
		status = write_metrics(stdout, &metrics, max) ?: log_flush();
	}
	free_metrics(&metrics);
	return status;
}

/* Do not check for a reset: the reader of the recording finds it by the same numbers. */
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

	options->source.extras = EXTRA_KEYS;
	options->source.lenient = true;
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
	/* Readings that resets have cut were left out, with messages: all others are there. */
	if (status == STATUS_RESET)
		status = STATUS_OK;
	status = output_close(&output, status);
out:
	sampler_stop(&sampler);
	return status;
}

static enum status run(struct options *options)
{
	enum status status;

	/* Before the first reading, as it would end a logger that has not opened its file. */
	if (options->log)
		catch_hangup();

	switch (options->mode) {
	case METRICS:
		return show_metrics(options);
	case RECORD:
		return record(options);
	case VMS:
		return show_vms(options, LIST_VMS);
	case VCPUS:
		return show_vms(options, LIST_VCPUS);
	case DEAD:
		return show_vms(options, LIST_GONE);
	case DIFF:
		status = print_diff(options->operands[0], options->operands[1],
				    options->operands + 2, options->nr_operands - 2,
				    &options->gates, options->format, options->time);
		/* Output that cannot be written is worse than a change above the limit. */
		return log_flush() ?: status;
	case PLOT:
		return plot(options->operands[0], options->operands[1], options->reason,
			    options->time);
	default:
		return show(options);
	}
}

/*
 * If standard error is closed, a file opened later would get its number, and the messages.
 * Do not open for writing: that output is lost is an error.
 */
static void open_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char *argv[])
{
	struct options options = {
		.mode = SHOW,
		.max_series = NO_LIMIT,
		.gates = { .limits = { -1, -1, -1, -1, -1 }, .min_count = 1 },
		.source = { .sysroot = "", .vcpu = -1 },
	};
	enum status status;
	uint64_t given = 0;

	open_standard_files();
	status = parse_options(&options, argc, argv, &given);
	if (!status && options.help) {
		fputs(usage, stdout);
		print_columns(&reason_columns, "Columns");
		print_columns(vm_columns(LIST_VMS), "Columns of --vms");
		print_columns(vm_columns(LIST_VCPUS), "Columns of --per-vcpu");
		print_columns(vm_columns(LIST_GONE), "Columns of --dead");
		for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
			char title[64];

			snprintf(title, sizeof(title), "Columns of %s", lists[i].name);
			print_columns(lists[i].list->columns, title);
		}
		status = log_flush();
	} else if (!status && options.version) {
		puts("kvm_exit_stat " TOOL_VERSION);
		status = log_flush();
	} else if (!status) {
		status = parse_operands(&options, argv + optind, (size_t)(argc - optind));
		if (!status)
			status = check_options(&options, given);
		/*
		 * Only for people: with -r, libsmartcols would escape other bytes.  And not
		 * LC_NUMERIC: JSON needs decimal points, whatever the user's language.
		 */
		if (!status && options.format == FORMAT_HUMAN)
			setlocale(LC_CTYPE, "");
		if (!status)
			status = run(&options);
	}
	if (status)
		print_error();
	return (int)status;
}
