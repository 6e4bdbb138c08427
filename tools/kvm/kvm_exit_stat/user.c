// SPDX-License-Identifier: GPL-2.0
/*
 * Why KVM_RUN returned to user space, and for how long.
 *
 * The numbers of kvm_run->exit_reason are ABI.  Their names are listed here, since the
 * <linux/kvm.h> that the tool is built with can be older than the kernel that it runs on.
 * A test compares the names with the header.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>

#include "list.h"

static const char * const names[] = {
	[0] = "UNKNOWN",
	[1] = "EXCEPTION",
	[2] = "IO",
	[3] = "HYPERCALL",
	[4] = "DEBUG",
	[5] = "HLT",
	[6] = "MMIO",
	[7] = "IRQ_WINDOW_OPEN",
	[8] = "SHUTDOWN",
	[9] = "FAIL_ENTRY",
	[10] = "INTR",
	[11] = "SET_TPR",
	[12] = "TPR_ACCESS",
	[13] = "S390_SIEIC",
	[14] = "S390_RESET",
	[15] = "DCR",
	[16] = "NMI",
	[17] = "INTERNAL_ERROR",
	[18] = "OSI",
	[19] = "PAPR_HCALL",
	[20] = "S390_UCONTROL",
	[21] = "WATCHDOG",
	[22] = "S390_TSCH",
	[23] = "EPR",
	[24] = "SYSTEM_EVENT",
	[25] = "S390_STSI",
	[26] = "IOAPIC_EOI",
	[27] = "HYPERV",
	[28] = "ARM_NISV",
	[29] = "X86_RDMSR",
	[30] = "X86_WRMSR",
	[31] = "DIRTY_RING_FULL",
	[32] = "AP_RESET_HOLD",
	[33] = "X86_BUS_LOCK",
	[34] = "XEN",
	[35] = "RISCV_SBI",
	[36] = "RISCV_CSR",
	[37] = "NOTIFY",
	[38] = "LOONGARCH_IOCSR",
	[39] = "MEMORY_FAULT",
	[40] = "TDX",
	[41] = "ARM_SEA",
	[42] = "ARM_LDST64B",
	[43] = "SNP_REQ_CERTS",
};

/* A line: a user reason, with its count and time summed up over all exit reasons */
struct user {
	struct reason reason;
	int number;
	/* The exit reasons that add up to the line, with their counts */
	char *from;
};

struct users {
	/* Has only what columns need: the length of the interval, the time, and the totals. */
	struct snapshot snapshot;
	struct user *users;
	size_t nr;
};

static void set_name(char name[REASON_NAME_LEN], int number)
{
	if (number == USER_ERROR)
		snprintf(name, REASON_NAME_LEN, "error");
	else if (number == USER_OTHER)
		snprintf(name, REASON_NAME_LEN, "other");
	else if ((size_t)number < ARRAY_SIZE(names))
		snprintf(name, REASON_NAME_LEN, "%s", names[number]);
	else
		snprintf(name, REASON_NAME_LEN, "%d", number);
}

static struct user *find_or_add(struct users *users, int number)
{
	struct user *longer, *user;

	for (size_t i = 0; i < users->nr; i++) {
		if (users->users[i].number == number)
			return &users->users[i];
	}
	longer = reallocarray(users->users, users->nr + 1, sizeof(*longer));
	if (!longer)
		return NULL;
	users->users = longer;
	user = &longer[users->nr++];
	memset(user, 0, sizeof(*user));
	user->number = number;
	set_name(user->reason.name, number);
	return user;
}

/* The one with the most returns first */
static int compare_returns(const void *first, const void *second, void *data)
{
	const struct user_return *a = *(const struct user_return **)first;
	const struct user_return *b = *(const struct user_return **)second;
	const struct snapshot *snapshot = data;

	return ((b->count > a->count) - (b->count < a->count)) ?:
	       strcmp(snapshot->reasons[a->reason].name, snapshot->reasons[b->reason].name);
}

/* NAME:count,... */
static void append_from(struct user *user, const char *name, uint64_t count, bool *failed)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s:%llu", user->from ?: "", user->from ? "," : "", name,
		     (unsigned long long)count) < 0) {
		*failed = true;
		return;
	}
	free(user->from);
	user->from = longer;
}

static void free_users(struct users *users)
{
	for (size_t i = 0; i < users->nr; i++)
		free(users->users[i].from);
	free(users->users);
}

static bool make_users(struct users *users, const struct snapshot *snapshot)
{
	const struct user_return **returns = calloc(snapshot->nr_user_returns + 1,
						    sizeof(*returns));
	bool failed = !returns;
	size_t nr = 0;

	users->snapshot.seconds = snapshot->seconds;
	users->snapshot.time = snapshot->time;
	for (size_t i = 0; !failed && i < snapshot->nr_user_returns; i++) {
		if (snapshot->user_returns[i].count || snapshot->user_returns[i].cycles)
			returns[nr++] = &snapshot->user_returns[i];
	}
	if (returns)
		qsort_r(returns, nr, sizeof(*returns), compare_returns, (void *)snapshot);
	for (size_t i = 0; !failed && i < nr; i++) {
		struct user *user = find_or_add(users, returns[i]->number);

		failed = !user;
		if (failed)
			break;
		add_to(&user->reason.count, returns[i]->count);
		add_to(&user->reason.user, returns[i]->cycles);
		add_to(&users->snapshot.total.count, returns[i]->count);
		add_to(&users->snapshot.total.user, returns[i]->cycles);
		append_from(user, snapshot->reasons[returns[i]->reason].name, returns[i]->count,
			    &failed);
	}
	free(returns);
	return !failed;
}

static struct value get_name(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){ .known = true, .text = reason->name };
}

static struct value get_user_number(const struct column *column, const struct snapshot *snapshot,
				    const struct reason *reason)
{
	int number = container_of(reason, struct user, reason)->number;

	return (struct value){ .known = number >= 0, .n = (uint64_t)number };
}

static struct value get_average(const struct column *column, const struct snapshot *snapshot,
				const struct reason *reason)
{
	return (struct value){
		.known = reason->count,
		.n = reason->count ? reason->user / reason->count : 0,
	};
}

static struct value get_share(const struct column *column, const struct snapshot *snapshot,
			      const struct reason *reason)
{
	double all = (double)snapshot->total.user;

	return (struct value){
		.known = all > 0,
		.d = all > 0 ? 100 * (double)reason->user / all : 0,
	};
}

static struct value get_from(const struct column *column, const struct snapshot *snapshot,
			     const struct reason *reason)
{
	return (struct value){
		.known = true,
		.text = container_of(reason, struct user, reason)->from,
	};
}

static const struct column all_columns[] = {
	{ "REASON", "kvm_run->exit_reason, KVM_EXIT_...", KIND_TEXT, ALWAYS, get_name },
	{ "NUMBER", "its number", KIND_ID, ALWAYS, get_user_number },
	{ "COUNT", "returns of KVM_RUN", KIND_COUNT, ALWAYS, get_number,
	  offsetof(struct reason, count) },
	{ "RATE", "returns per second", KIND_RATE, INTERVAL, get_rate },
	{ "TIME", "time until the next KVM_RUN", KIND_CYCLES, ALWAYS, get_number,
	  offsetof(struct reason, user) },
	{ "AVG", "average of it", KIND_CYCLES, ALWAYS, get_average },
	{ "SHARE", "percent of the time of all", KIND_PERCENT, ALWAYS, get_share },
	{ "FROM", "the hardware exit reasons and their counts, the largest first", KIND_TEXT,
	  ALWAYS, get_from },
};

static const struct columns user_columns = { all_columns, ARRAY_SIZE(all_columns), "user_reasons" };

static void print_title(const struct users *users, const struct snapshot *snapshot,
			const struct style *style)
{
	struct value time = { .known = true, .n = users->snapshot.total.user };
	char text[VALUE_LEN], seconds[VALUE_LEN] = "";

	format_value(text, KIND_CYCLES, &time, style);
	if (snapshot->interval)
		snprintf(seconds, sizeof(seconds), ", %.2f s", snapshot->seconds);
	printf("%s, %s%s: %llu returns to user space, %s %s there\n\n", snapshot->isa,
	       snapshot->scope, seconds, (unsigned long long)users->snapshot.total.count, text,
	       style->time ? "us" : "cycles");
}

static enum status print_users(const struct snapshot *snapshot, const struct view *view)
{
	struct users users = {};
	enum status status = STATUS_OK;
	struct row *rows = NULL;

	if (make_users(&users, snapshot))
		rows = calloc(users.nr + 1, sizeof(*rows));
	if (!rows) {
		status = fail(STATUS_SYSTEM, "out of memory");
	} else {
		for (size_t i = 0; i < users.nr; i++)
			rows[i] = (struct row){ &users.snapshot, &users.users[i].reason };
		sort_rows(&view->selection, rows, users.nr);
		if (view->format == FORMAT_HUMAN)
			print_title(&users, snapshot, &view->style);
		status = print_rows(rows, users.nr, view, snapshot);
	}
	free(rows);
	free_users(&users);
	return status;
}

const struct list user_list = {
	.columns = &user_columns,
	.shown = "REASON,COUNT,TIME,AVG,SHARE,FROM",
	.sort = "COUNT",
	.print = print_users,
};
