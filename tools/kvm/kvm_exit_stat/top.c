// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <curses.h>
#include <linux/kernel.h>

#include "clock.h"
#include "signals.h"
#include "top.h"

/* Lines above the reasons: title, keys, heads of the columns */
#define NR_HEAD_LINES	3

#define MAX_WIDTH	1024

struct top {
	struct sampler *sampler;
	struct selection *selection;
	struct style style;
	struct snapshot interval;
	bool reset;
	/* The first visible reason, and how many there are */
	size_t scroll;
	size_t nr_reasons;
	bool quit;
	/* Where signals are read, and one that was */
	int signals;
	int caught;
};

/* Signals that have another effect than to end a program, or that curses handles */
static const int others[] = { SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH };

/* What the program does wrong ends it, but not with a terminal that is unusable. */
static void restore_terminal(int signal)
{
	endwin();
	raise(signal);
}

static const int crashes[] = { SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV };

/*
 * Signals that end the program are read from the file that is returned, or -1.  They
 * stay blocked, so that curses never handles them.
 */
static int set_signals(sigset_t *before)
{
	struct sigaction crash = {
		.sa_handler = restore_terminal,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	sigset_t signals;

	sigfillset(&signals);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		sigdelset(&signals, others[i]);
	for (int i = 1; i <= SIGRTMAX; i++) {
		if (is_ignored(i))
			sigdelset(&signals, i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		sigdelset(&signals, crashes[i]);
		sigaction(crashes[i], &crash, NULL);
	}
	sigprocmask(SIG_BLOCK, &signals, before);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static void die_of_signal(int number, const sigset_t *before)
{
	signal(number, SIG_DFL);
	raise(number);
	/* cppcheck-suppress unreachableCode ; blocked, i.e. raise() returns */
	sigprocmask(SIG_SETMASK, before, NULL);
}

static size_t nr_visible(void)
{
	int lines = getmaxy(stdscr) - NR_HEAD_LINES;

	return lines > 0 ? (size_t)lines : 0;
}

/* The texts of all cells, and the width of each column */
struct grid {
	size_t nr_lines;
	size_t widths[MAX_SELECTED];
	char (*cells)[MAX_SELECTED][VALUE_LEN];
};

static enum status make_grid(struct grid *grid, const struct top *top)
{
	const struct selection *selection = top->selection;
	const struct reason **reasons = sort_reasons(selection, &top->interval, &grid->nr_lines);

	grid->cells = reasons ? calloc(grid->nr_lines + 1, sizeof(*grid->cells)) : NULL;
	if (!grid->cells) {
		free(reasons);
		return fail(STATUS_SYSTEM, "out of memory");
	}

	for (size_t i = 0; i < selection->nr; i++) {
		const struct column *column = selection->columns[i];

		grid->widths[i] = strlen(column->name);
		for (size_t j = 0; j < grid->nr_lines; j++) {
			struct value value = column->get(column, &top->interval, reasons[j]);
			size_t length;

			format_value(grid->cells[j][i], column->kind, &value, &top->style);
			length = strlen(grid->cells[j][i]);
			if (length > grid->widths[i])
				grid->widths[i] = length;
		}
	}
	free(reasons);
	return STATUS_OK;
}

static void draw_cell(int y, int *x, const char *text, size_t width, enum kind kind)
{
	char cell[VALUE_LEN + 1];

	snprintf(cell, sizeof(cell), kind == KIND_TEXT ? "%-*s" : "%*s", (int)width, text);
	if (*x < COLS)
		mvaddnstr(y, *x, cell, COLS - *x);
	*x += (int)width + 1;
}

/* The last reason is at the bottom, or above. */
static void limit_scroll(struct top *top)
{
	size_t visible = nr_visible();
	size_t last = top->nr_reasons > visible ? top->nr_reasons - visible : 0;

	if (top->scroll > last)
		top->scroll = last;
}

static enum status draw(struct top *top)
{
	static const char keys[] =
		"q quit  < > sort column  r reverse  t time or cycles  Up Down PgUp PgDn Home End";
	const struct selection *selection = top->selection;
	char title[MAX_WIDTH];
	struct grid grid;
	enum status status = make_grid(&grid, top);
	int x = 0;

	if (status)
		return status;
	top->nr_reasons = grid.nr_lines;
	limit_scroll(top);

	erase();
	if (top->reset)
		snprintf(title, sizeof(title), "%s", last_error());
	else if (!top->interval.interval)
		snprintf(title, sizeof(title), "%s, %s: the first interval is under way",
			 top->sampler->last.isa, top->sampler->last.scope);
	else
		format_title(title, sizeof(title), &top->interval, &top->style);
	mvaddnstr(0, 0, title, COLS);
	mvaddnstr(1, 0, keys, COLS);

	for (size_t i = 0; i < selection->nr; i++) {
		const struct column *column = selection->columns[i];

		attrset(column == selection->sort ? A_REVERSE | A_BOLD : A_REVERSE);
		draw_cell(2, &x, column->name, grid.widths[i], column->kind);
		attrset(A_NORMAL);
	}
	for (size_t i = 0; i < nr_visible() && top->scroll + i < grid.nr_lines; i++) {
		x = 0;
		for (size_t j = 0; j < selection->nr; j++)
			draw_cell(NR_HEAD_LINES + (int)i, &x, grid.cells[top->scroll + i][j],
				  grid.widths[j], selection->columns[j]->kind);
	}
	free(grid.cells);
	refresh();
	return STATUS_OK;
}

/* Sort by the column @step to the right of the present one. */
static void move_sort(struct selection *selection, int step)
{
	size_t i;

	for (i = 0; i < selection->nr && selection->columns[i] != selection->sort; i++)
		;
	/* One that is not shown is left of all. */
	if (i == selection->nr)
		i = 0;
	else if (step > 0 && i + 1 < selection->nr)
		i++;
	else if (step < 0 && i > 0)
		i--;
	selection->sort = selection->columns[i];
}

static void scroll_by(struct top *top, size_t lines, bool down)
{
	if (down)
		top->scroll += lines;
	else
		top->scroll -= lines < top->scroll ? lines : top->scroll;
	limit_scroll(top);
}

static void handle_key(struct top *top, int key)
{
	switch (key) {
	case 'q':
		top->quit = true;
		break;
	case '<':
		move_sort(top->selection, -1);
		break;
	case '>':
		move_sort(top->selection, 1);
		break;
	case 'r':
		top->selection->reverse = !top->selection->reverse;
		break;
	case 't':
		top->style.time = !top->style.time && top->style.tsc_khz;
		break;
	case KEY_UP:
		scroll_by(top, 1, false);
		break;
	case KEY_DOWN:
		scroll_by(top, 1, true);
		break;
	case KEY_PPAGE:
		scroll_by(top, nr_visible(), false);
		break;
	case KEY_NPAGE:
		scroll_by(top, nr_visible(), true);
		break;
	case KEY_HOME:
		top->scroll = 0;
		break;
	case KEY_END:
		top->scroll = top->nr_reasons;
		limit_scroll(top);
		break;
	default:
		/* KEY_RESIZE among others: all is drawn anew anyway. */
		break;
	}
}

static enum status next_interval(struct top *top)
{
	struct snapshot interval;
	enum status status = sampler_next(top->sampler, &interval);

	if (status && status != STATUS_RESET)
		return status;
	snapshot_free(&top->interval);
	top->reset = status == STATUS_RESET;
	if (!top->reset)
		top->interval = interval;
	return STATUS_OK;
}

/* The seconds until the next reading */
static double wait_time(const struct top *top)
{
	return fmax(top->sampler->next - now(), 0);
}

/* Wait for a key, a signal, a new size or the end of the interval. */
static enum status step(struct top *top)
{
	struct pollfd files[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = top->signals, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	int key;

	/* A new size interrupts it. */
	if (poll(files, 2, (int)(wait_time(top) * 1000) + 1) < 0 && errno != EINTR)
		return fail(STATUS_SYSTEM, "cannot wait for a key: %s", strerror(errno));

	if (files[1].revents && read(top->signals, &info, sizeof(info)) == sizeof(info)) {
		top->caught = (int)info.ssi_signo;
		return STATUS_OK;
	}
	while ((key = getch()) != ERR)
		handle_key(top, key);
	/* A terminal that is gone gives no keys any more. */
	if (files[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		return fail(STATUS_SYSTEM, "the terminal is gone");
	if (wait_time(top) > 0)
		return STATUS_OK;
	return next_interval(top);
}

static void set_up_screen(void)
{
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	/* Escape must not hold up the readings. */
	set_escdelay(25);
}

enum status run_top(struct sampler *sampler, struct selection *selection,
		    const struct style *style)
{
	struct top top = {
		.sampler = sampler,
		.selection = selection,
		.style = *style,
	};
	enum status status = STATUS_OK;
	sigset_t before;
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail(STATUS_SYSTEM, "--top: standard input and output must be a terminal");
	top.signals = set_signals(&before);
	if (top.signals < 0)
		return fail(STATUS_SYSTEM, "--top: cannot wait for signals: %s", strerror(errno));
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		status = fail(STATUS_SYSTEM, "--top: there is no terminal of type TERM=%s",
			      getenv("TERM") ?: "");
		goto out;
	}
	if (tigetstr("cup"))
		set_up_screen();
	else
		status = fail(STATUS_SYSTEM, "--top: TERM=%s has no way to move the cursor",
			      getenv("TERM") ?: "");

	while (!status && !top.quit && !top.caught) {
		status = draw(&top);
		if (!status)
			status = step(&top);
	}

	endwin();
	delscreen(screen);
	snapshot_free(&top.interval);
out:
	close(top.signals);
	if (top.caught)
		die_of_signal(top.caught, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}
