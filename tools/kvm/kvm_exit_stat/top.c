// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <wchar.h>

#include <curses.h>
#include <linux/kernel.h>

#include "clock.h"
#include "signals.h"
#include "top.h"
#include "vm_column.h"

/* Lines above the reasons: title, keys, heads of the columns */
#define NR_HEAD_LINES	3

#define MAX_WIDTH	1024

#define ESCAPE	27
#define DELETE	127

struct top {
	struct sampler *sampler;
	struct selection *selection;
	struct style style;
	struct snapshot interval;
	bool reset;
	/* What happened in the last interval is shown, and not all since the reset. */
	bool recent;
	/* The keys are shown in place of the table. */
	bool help;
	/* The first visible line, and how many there are */
	size_t scroll;
	size_t nr_lines;
	/* There is something to say in place of the title. */
	bool notice;

	/* VMs are shown in place of reasons: the last reading, and the last interval, if any */
	bool listing;
	struct selection *vm_selection;
	struct vms last;
	struct vms vms;
	/* Their directories in the order on the screen, and which one is selected */
	char (*order)[VM_DIR_LEN];
	size_t cursor;
	char selected[VM_DIR_LEN];
	/* The source to return to after looking into a VM, and the name of that VM */
	struct source home;
	bool inside;
	char name[VM_NAME_LEN];

	bool quit;
	/* The file that signals are read from, and the signal that was read */
	int signals;
	int caught;
};

/* Signals that by default do not end a program, or that curses handles */
static const int others[] = { SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH };

/* On a crash, leave a usable terminal. */
static void restore_terminal(int signal)
{
	endwin();
	raise(signal);
}

static const int crashes[] = { SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV };

/*
 * Return a signalfd from which to read the signals that end the program, or -1.  These
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

/* The selection of what is shown */
static struct selection *selection_of(const struct top *top)
{
	return top->listing ? top->vm_selection : top->selection;
}

/*
 * Turn as much of a text into characters as @room cells of the screen can show, with ? for
 * what is none in this locale.  Return how many cells it takes.
 */
static int to_screen(wchar_t wide[MAX_WIDTH], const char *text, int room)
{
	const char *end = text + strlen(text);
	int cells = 0;
	size_t nr = 0;

	while (text < end && nr < MAX_WIDTH - 1) {
		mbstate_t state = {};
		size_t length = mbrtowc(&wide[nr], text, (size_t)(end - text), &state);
		int width = length <= (size_t)(end - text) ? wcwidth(wide[nr]) : -1;

		if (width < 0) {
			wide[nr] = L'?';
			length = 1;
			width = 1;
		}
		if (cells + width > room)
			break;
		cells += width;
		text += length;
		nr++;
	}
	wide[nr] = L'\0';
	return cells;
}

static size_t width_of(const char *text)
{
	wchar_t wide[MAX_WIDTH];

	return (size_t)to_screen(wide, text, INT_MAX);
}

/* Print as much of a text as the line has room for. */
static void print_text(int y, int x, const char *text)
{
	wchar_t wide[MAX_WIDTH];

	if (x >= COLS)
		return;
	to_screen(wide, text, COLS - x);
	mvaddwstr(y, x, wide);
}

/* Remove the last character of a full text, as format_value() may have cut within it. */
static void repair_end(char text[VALUE_LEN])
{
	size_t length = strlen(text);

	if (length < VALUE_LEN - 1)
		return;
	while (length && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
		length--;
	if (length && (unsigned char)text[length - 1] >= 0xc0)
		length--;
	text[length] = '\0';
}

static const struct vms *shown_vms(const struct top *top)
{
	return top->recent && top->vms.uptime > 0 ? &top->vms : &top->last;
}

static const struct snapshot *shown_snapshot(const struct top *top)
{
	return top->recent ? &top->interval : &top->sampler->last;
}

/* The selected VM stays selected, wherever it is sorted to. */
static enum status note_order(struct top *top, const struct row *rows)
{
	size_t nr = shown_vms(top)->nr;
	bool found = false;

	free(top->order);
	top->order = calloc(nr + 1, sizeof(*top->order));
	if (!top->order)
		return fail(STATUS_SYSTEM, "out of memory");
	for (size_t i = 0; i < nr; i++) {
		memcpy(top->order[i], vm_of(rows[i].snapshot)->dir, VM_DIR_LEN);
		if (!found && !strcmp(top->order[i], top->selected)) {
			top->cursor = i;
			found = true;
		}
	}
	if (top->cursor >= nr)
		top->cursor = nr ? nr - 1 : 0;
	memcpy(top->selected, top->order[top->cursor], VM_DIR_LEN);
	return STATUS_OK;
}

static enum status make_grid(struct grid *grid, struct top *top)
{
	const struct selection *selection = selection_of(top);
	enum status status = STATUS_OK;
	struct row *rows;

	if (top->listing) {
		rows = sort_vms(selection, shown_vms(top));
		grid->nr_lines = shown_vms(top)->nr;
	} else {
		rows = sort_reasons(selection, shown_snapshot(top), &grid->nr_lines);
	}
	grid->cells = rows ? calloc(grid->nr_lines + 1, sizeof(*grid->cells)) : NULL;
	if (!grid->cells) {
		free(rows);
		return fail(STATUS_SYSTEM, "out of memory");
	}
	if (top->listing)
		status = note_order(top, rows);

	for (size_t i = 0; i < selection->nr; i++) {
		const struct column *column = selection->columns[i];

		grid->widths[i] = strlen(column->name);
		for (size_t j = 0; j < grid->nr_lines; j++) {
			struct value value = column->get(column, rows[j].snapshot,
							 rows[j].reason);
			size_t width;

			format_value(grid->cells[j][i], column->kind, &value, &top->style);
			repair_end(grid->cells[j][i]);
			width = width_of(grid->cells[j][i]);
			if (width > grid->widths[i])
				grid->widths[i] = width;
		}
	}
	free(rows);
	if (status)
		free(grid->cells);
	return status;
}

static void draw_cell(int y, int *x, const char *text, size_t width, enum kind kind)
{
	size_t blanks = width - width_of(text);
	char cell[2 * VALUE_LEN];

	if (kind == KIND_TEXT)
		snprintf(cell, sizeof(cell), "%s%*s", text, (int)blanks, "");
	else
		snprintf(cell, sizeof(cell), "%*s%s", (int)blanks, "", text);
	print_text(y, *x, cell);
	*x += (int)width + 1;
}

/* Do not scroll beyond the last line, and keep the selected one visible. */
static void limit_scroll(struct top *top)
{
	size_t visible = nr_visible();
	size_t last = top->nr_lines > visible ? top->nr_lines - visible : 0;

	if (top->listing && top->scroll > top->cursor)
		top->scroll = top->cursor;
	if (top->listing && visible && top->scroll + visible <= top->cursor)
		top->scroll = top->cursor - visible + 1;
	if (top->scroll > last)
		top->scroll = last;
}

static void format_keys(char *text, size_t size, const struct top *top)
{
	snprintf(text, size, "h keys  q quit  %s  %s%s  < > sort column  r reverse%s",
		 top->recent ? "i since the reset" : "i interval",
		 top->listing ? "Enter look into the VM  " : "",
		 top->listing || top->inside ? "v back" : "v VMs",
		 top->listing ? "" : "  t time or cycles");
}

static const char * const help[] = {
	"i           what happened in the last interval, or all since the reset",
	"v           list of VMs, and back",
	"Enter       look into the VM that is selected",
	"Escape      back",
	"< >         sort by the column to the left, to the right",
	"r           reverse the order",
	"t           microseconds, or TSC cycles",
	"Up Down     scroll by a line, or select another VM",
	"PgUp PgDn   the same by a page",
	"Home End    the same to the beginning, to the end",
	"h ?         show this; any key goes on",
	"q           quit",
};

static void draw_help(void)
{
	erase();
	for (size_t i = 0; i < ARRAY_SIZE(help); i++)
		print_text((int)i, 0, help[i]);
	refresh();
}

static enum status draw(struct top *top)
{
	const struct selection *selection = selection_of(top);
	char title[MAX_WIDTH];
	struct grid grid;
	enum status status = make_grid(&grid, top);
	char keys[MAX_WIDTH];
	int x = 0, used = 0;

	if (status)
		return status;
	top->nr_lines = grid.nr_lines;
	limit_scroll(top);
	if (top->help) {
		free(grid.cells);
		draw_help();
		return STATUS_OK;
	}

	erase();
	if (top->inside)
		used = snprintf(title, sizeof(title), "%s: ", top->name);
	if ((top->reset && top->recent) || top->notice)
		snprintf(title, sizeof(title), "%s", last_error());
	else if (top->listing)
		format_vms_title(title, sizeof(title), LIST_VMS, shown_vms(top));
	else if (top->recent && !top->interval.interval)
		snprintf(title + used, sizeof(title) - (size_t)used,
			 "%s, %s: the first interval is under way", top->sampler->last.isa,
			 top->sampler->last.scope);
	else
		format_title(title + used, sizeof(title) - (size_t)used,
			     shown_snapshot(top), &top->style);
	print_text(0, 0, title);
	format_keys(keys, sizeof(keys), top);
	print_text(1, 0, keys);

	for (size_t i = 0; i < selection->nr; i++) {
		const struct column *column = selection->columns[i];

		attrset(column == selection->sort ? A_REVERSE | A_BOLD : A_REVERSE);
		draw_cell(2, &x, column->name, grid.widths[i], column->kind);
		attrset(A_NORMAL);
	}
	for (size_t i = 0; i < nr_visible() && top->scroll + i < grid.nr_lines; i++) {
		x = 0;
		if (top->listing && top->scroll + i == top->cursor) {
			attrset(A_REVERSE);
			mvhline(NR_HEAD_LINES + (int)i, 0, ' ', COLS);
		}
		for (size_t j = 0; j < selection->nr; j++)
			draw_cell(NR_HEAD_LINES + (int)i, &x, grid.cells[top->scroll + i][j],
				  grid.widths[j], selection->columns[j]->kind);
		attrset(A_NORMAL);
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
	/* If the present column is not shown, begin with the first one that is. */
	if (i == selection->nr)
		i = 0;
	else if (step > 0 && i + 1 < selection->nr)
		i++;
	else if (step < 0 && i > 0)
		i--;
	selection->sort = selection->columns[i];
}

/* Scroll, or select another VM. */
static void scroll_by(struct top *top, size_t lines, bool down)
{
	size_t *line = top->listing ? &top->cursor : &top->scroll;

	if (down)
		*line += lines;
	else
		*line -= lines < *line ? lines : *line;
	if (top->listing) {
		if (top->cursor >= top->nr_lines)
			top->cursor = top->nr_lines ? top->nr_lines - 1 : 0;
		memcpy(top->selected, top->order[top->cursor], VM_DIR_LEN);
	}
	limit_scroll(top);
}

static void free_list(struct top *top)
{
	free_vms(&top->last);
	free_vms(&top->vms);
	free(top->order);
	top->order = NULL;
}

/* Reset what belongs to the old page.  draw() sets nr_lines anew before the next key. */
static void begin_page(struct top *top)
{
	top->sampler->next = now() + top->sampler->period;
	top->reset = false;
	top->scroll = 0;
	top->nr_lines = 0;
}

/*
 * Show the VMs.  Until there is an interval, the list is of what happened since they were
 * created.
 */
static enum status begin_list(struct top *top)
{
	char (*order)[VM_DIR_LEN] = calloc(1, sizeof(*order));
	enum status status;
	struct vms vms;

	if (!order)
		return fail(STATUS_SYSTEM, "out of memory");
	status = read_vms(&vms, top->sampler->source, NULL);
	if (status) {
		free(order);
		return status;
	}
	free_list(top);
	top->last = vms;
	top->order = order;
	top->listing = true;
	top->inside = false;
	begin_page(top);
	return STATUS_OK;
}

/* Show the reasons of a VM or, with NULL, of what the command line asks for. */
static enum status begin_reasons(struct top *top, const char *dir)
{
	struct source *source = top->sampler->source, before = *source;
	struct snapshot snapshot;
	enum status status;

	status = source_turn(source, &top->home, dir) ?: source_read(source, &snapshot);
	if (status) {
		source_turn(source, &before, NULL);
		return status;
	}
	snapshot_free(&top->sampler->last);
	top->sampler->last = snapshot;
	snapshot_free(&top->interval);
	top->inside = dir;
	top->listing = false;
	begin_page(top);
	return STATUS_OK;
}

/* If a page cannot be shown, do not end: stay on the old one, with a message. */
static void say_if(struct top *top, enum status status)
{
	top->notice = status;
}

/* Between the reasons and the list of VMs */
static void change_page(struct top *top)
{
	say_if(top, top->listing ? begin_reasons(top, NULL) : begin_list(top));
}

static void enter_vm(struct top *top)
{
	const struct vms *vms = shown_vms(top);
	const struct vm *selected = NULL;

	for (size_t i = 0; i < vms->nr; i++) {
		if (!strcmp(vms->vms[i].dir, top->selected))
			selected = &vms->vms[i];
	}
	if (!selected)
		return;
	snprintf(top->name, sizeof(top->name), "%s", selected->name.name);
	say_if(top, begin_reasons(top, selected->dir));
}

static void handle_key(struct top *top, int key)
{
	/* Any key ends the help, but KEY_RESIZE is none: it stands for a new size of the screen. */
	if (top->help && key != 'q') {
		top->help = key == KEY_RESIZE;
		return;
	}
	switch (key) {
	case 'q':
		top->quit = true;
		break;
	case 'h':
	case '?':
		top->help = true;
		break;
	case 'i':
		top->recent = !top->recent;
		break;
	case 'v':
		change_page(top);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		if (top->listing)
			enter_vm(top);
		break;
	case ESCAPE:
	case KEY_BACKSPACE:
	/* What the key sends where terminfo says otherwise */
	case '\b':
	case DELETE:
		if (top->listing || top->inside)
			change_page(top);
		break;
	case '<':
		move_sort(selection_of(top), -1);
		break;
	case '>':
		move_sort(selection_of(top), 1);
		break;
	case 'r':
		selection_of(top)->reverse = !selection_of(top)->reverse;
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
		scroll_by(top, top->nr_lines, false);
		break;
	case KEY_END:
		scroll_by(top, top->nr_lines, true);
		break;
	default:
		/* KEY_RESIZE is among these: draw() follows anyway. */
		break;
	}
}

static enum status next_list(struct top *top)
{
	struct vms vms, interval;
	enum status status;

	sampler_advance(top->sampler);
	status = read_vms(&vms, top->sampler->source, &top->last);
	if (status)
		return status;
	status = subtract_vms(&interval, &top->last, &vms);
	free_vms(&top->last);
	top->last = vms;
	if (status && status != STATUS_RESET)
		return status;
	free_vms(&top->vms);
	top->reset = status == STATUS_RESET;
	/* After a reset, there is no interval to show, i.e. no VMs. */
	if (top->reset)
		top->vms.uptime = top->last.uptime;
	else
		top->vms = interval;
	return STATUS_OK;
}

static enum status next_interval(struct top *top)
{
	struct snapshot interval;
	enum status status;

	top->notice = false;
	if (top->listing)
		return next_list(top);
	status = sampler_next(top->sampler, &interval);
	/* The VM is gone: show the list of the others, which fails if KVM is unloaded, too. */
	if (status == STATUS_VANISHED && top->inside) {
		char why[MAX_WIDTH];

		snprintf(why, sizeof(why), "%s", last_error());
		status = begin_list(top);
		if (!status)
			say_if(top, fail(STATUS_VANISHED, "%s", why));
		return status;
	}
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

	/* SIGWINCH, for a new size of the terminal, interrupts poll(). */
	if (poll(files, 2, (int)(wait_time(top) * 1000) + 1) < 0 && errno != EINTR)
		return fail(STATUS_SYSTEM, "cannot wait for a key: %s", strerror(errno));

	if (files[1].revents && read(top->signals, &info, sizeof(info)) == sizeof(info)) {
		top->caught = (int)info.ssi_signo;
		return STATUS_OK;
	}
	while ((key = getch()) != ERR)
		handle_key(top, key);
	/* Without a terminal, there are no keys by which to quit. */
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
	/* After Escape, getch() waits for more bytes: not for so long that readings are late. */
	set_escdelay(25);
}

enum status run_top(struct sampler *sampler, struct selection *selection,
		    struct selection *vm_selection, bool vms, const struct style *style)
{
	struct top top = {
		.sampler = sampler,
		.selection = selection,
		.vm_selection = vm_selection,
		.home = *sampler->source,
		.style = *style,
	};
	enum status status = STATUS_OK;
	sigset_t before;
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail(STATUS_SYSTEM, "--top: standard input and output must be a terminal");
	if (vms)
		status = begin_list(&top);
	if (status)
		return status;
	top.signals = set_signals(&before);
	if (top.signals < 0) {
		free_list(&top);
		return fail(STATUS_SYSTEM, "--top: cannot wait for signals: %s", strerror(errno));
	}
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
	free_list(&top);
	close(top.signals);
	if (top.caught)
		die_of_signal(top.caught, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}
