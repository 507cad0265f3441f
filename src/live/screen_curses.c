/* SPDX-License-Identifier: MIT */
/*
 * The terminal by way of ncursesw, which knows what each terminal understands and sends only what has
 * changed. It gets its own descriptors of the terminal: what else is written to standard output is none of
 * it.
 *
 * ncurses is not safe in a signal handler. So what puts the terminal back is made when it is taken: a text
 * and the settings of the line, which write(2) and tcsetattr(3) may bring back at any time.
 */
#include "config.h"

#include "live/screen.h"
#include "pyrope/live.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>
#undef columns /* what term.h calls the columns of a description, by a macro */

#define ESCAPE_DELAY_MS 25 /* after which an Esc is a key of its own */

struct screen {
	int fd; /* borrowed */
	FILE *in, *out;
	SCREEN *curses;
	bool is_suspended, is_unicode, has_colours;
	attr_t attributes[STYLES];
	short pairs[STYLES];
	size_t columns, rows;
	bool is_new; /* whatever stands on it is to be drawn over */
};

/* What brings the terminal back from a signal handler. */
static struct {
	volatile sig_atomic_t is_taken;
	int fd;
	struct termios settings;
	char text[256];
	size_t length;
} restoration;

/* Without the times to wait that descriptions of old terminals have in them: $<5>. */
static void add_code(const char *name)
{
	const char *code = tigetstr(name);

	if (!code || code == (char *)-1)
		return;
	for (; *code && restoration.length < sizeof(restoration.text); code++) {
		if (code[0] == '$' && code[1] == '<' && strchr(code, '>'))
			code = strchr(code, '>');
		else
			restoration.text[restoration.length++] = *code;
	}
}

void screen_restore(void)
{
	size_t written = 0;

	if (!restoration.is_taken)
		return;
	restoration.is_taken = false;
	while (written < restoration.length) {
		const ssize_t count =
			write(restoration.fd, restoration.text + written, restoration.length - written);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		written += (size_t)count;
	}
	tcsetattr(restoration.fd, TCSADRAIN, &restoration.settings);
}

int screen_check(int terminal_fd, struct error *err)
{
	const char *name = getenv("TERM");
	const char *move;
	int status = 0;

	if (setupterm(NULL, terminal_fd, &status) != OK)
		return error_set(err, ERROR_SYSTEM,
			"cannot draw on this terminal: its type '%.64s' is not known: set TERM to one that "
			"is, as TERM=xterm, or use 'pyrope record'",
			name ? name : "");
	move = tigetstr("cup");
	del_curterm(cur_term);
	if (!move || move == (char *)-1)
		return error_set(err, ERROR_SYSTEM,
			"cannot draw on this terminal: its type '%.64s' cannot move the cursor: set TERM to "
			"what it is, as TERM=xterm, or use 'pyrope record'",
			name ? name : "");
	return 0;
}

static FILE *open_stream(int fd, const char *mode)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *stream = copy >= 0 ? fdopen(copy, mode) : NULL;

	if (!stream && copy >= 0)
		close(copy);
	return stream;
}

/* NO_COLOR: https://no-color.org. */
static bool wants_colours(void)
{
	const char *no_colour = getenv("NO_COLOR");

	return has_colors() && !(no_colour && *no_colour);
}

static void choose_styles(struct screen *screen)
{
	static const attr_t plain[STYLES] = {
		[STYLE_STRONG] = A_BOLD,
		[STYLE_FAINT] = A_DIM,
		[STYLE_TITLE] = A_BOLD | A_UNDERLINE,
		[STYLE_CURSOR] = A_REVERSE,
		[STYLE_MATCH] = A_BOLD,
		[STYLE_HOT] = A_BOLD,
		[STYLE_WARNING] = A_BOLD,
	};
	static const struct {
		short text, ground;
		attr_t attributes;
	} coloured[STYLES] = {
		[STYLE_PLAIN] = { -1, -1, A_NORMAL },
		[STYLE_STRONG] = { -1, -1, A_BOLD },
		[STYLE_FAINT] = { COLOR_CYAN, -1, A_NORMAL },
		[STYLE_TITLE] = { COLOR_BLACK, COLOR_CYAN, A_NORMAL },
		[STYLE_CURSOR] = { COLOR_BLACK, COLOR_WHITE, A_NORMAL },
		[STYLE_MATCH] = { COLOR_YELLOW, -1, A_BOLD },
		[STYLE_HOT] = { COLOR_RED, -1, A_BOLD },
		[STYLE_WARNING] = { COLOR_YELLOW, -1, A_BOLD },
	};

	memcpy(screen->attributes, plain, sizeof(plain));
	screen->has_colours = wants_colours() && start_color() == OK && use_default_colors() == OK;
	if (!screen->has_colours)
		return;
	for (int i = 0; i < STYLES; i++) {
		if (init_pair((short)(i + 1), coloured[i].text, coloured[i].ground) != OK)
			continue;
		screen->pairs[i] = (short)(i + 1);
		screen->attributes[i] = coloured[i].attributes;
	}
}

static void begin_keys(void)
{
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_DELAY_MS);
	leaveok(stdscr, FALSE);
	curs_set(0);
}

struct screen *screen_open(int terminal_fd, struct error *err)
{
	struct screen *screen = xcalloc(1, sizeof(*screen));

	setlocale(LC_CTYPE, "");
	screen->fd = terminal_fd;
	screen->in = open_stream(terminal_fd, "r");
	screen->out = open_stream(terminal_fd, "w");
	restoration.length = 0;
	restoration.fd = terminal_fd;
	if (screen->in && screen->out && tcgetattr(terminal_fd, &restoration.settings) == 0)
		screen->curses = newterm(NULL, screen->out, screen->in);
	if (!screen->curses) {
		screen_close(screen);
		error_set(err, ERROR_SYSTEM, "cannot draw on this terminal: use 'pyrope record'");
		return NULL;
	}
	add_code("sgr0");
	add_code("rmkx");
	add_code("cnorm");
	add_code("rmcup");
	restoration.is_taken = true;
	begin_keys();
	choose_styles(screen);
	screen->is_unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen->is_new = true;
	return screen;
}

void screen_close(struct screen *screen)
{
	if (!screen)
		return;
	if (screen->curses) {
		if (!screen->is_suspended)
			endwin();
		restoration.is_taken = false;
		delscreen(screen->curses);
	}
	if (screen->in)
		fclose(screen->in);
	if (screen->out)
		fclose(screen->out);
	free(screen);
}

void screen_suspend(struct screen *screen)
{
	if (screen->is_suspended)
		return;
	screen->is_suspended = true;
	endwin();
	restoration.is_taken = false;
}

/* The shell may have changed all of it meanwhile. */
void screen_continue(struct screen *screen)
{
	if (!screen->is_suspended)
		endwin();
	restoration.is_taken = true;
	screen->is_suspended = false;
	screen->is_new = true;
	reset_prog_mode();
	keypad(stdscr, TRUE);
}

void screen_size(struct screen *screen, size_t *columns, size_t *rows)
{
	struct winsize size = { 0 };

	/* one that says it has no columns (a serial line) has not been told */
	if (ioctl(screen->fd, TIOCGWINSZ, &size) != 0 || !size.ws_col || !size.ws_row)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	*columns = size.ws_col;
	*rows = size.ws_row;
}

bool screen_is_unicode(const struct screen *screen)
{
	return screen->is_unicode;
}

bool screen_is_ours(const struct screen *screen)
{
	return !screen->is_suspended && tcgetpgrp(screen->fd) == getpgrp();
}

static void show_row(const struct screen *screen, const struct canvas *canvas, size_t row)
{
	for (size_t i = 0; i < canvas->columns; i++) {
		const struct canvas_cell *cell = &canvas->cells[row * canvas->columns + i];
		cchar_t character;

		if (!cell->text[0])
			continue;
		/* text ends with a 0, or is as long as it can be */
		const wchar_t text[CELL_MARKS + 2] = { cell->text[0], cell->text[1], cell->text[2], 0 };

		setcchar(&character, text, screen->attributes[cell->style], screen->pairs[cell->style], NULL);
		mvadd_wch((int)row, (int)i, &character);
	}
}

void screen_show(struct screen *screen, const struct canvas *canvas)
{
	if (canvas->columns != screen->columns || canvas->rows != screen->rows) {
		screen->columns = canvas->columns;
		screen->rows = canvas->rows;
		resize_term((int)canvas->rows, (int)canvas->columns);
		screen->is_new = true;
	}
	if (screen->is_new)
		clearok(curscr, TRUE);
	screen->is_new = false;
	erase();
	for (size_t row = 0; row < canvas->rows; row++)
		show_row(screen, canvas, row);
	curs_set(canvas->has_cursor);
	if (canvas->has_cursor)
		move((int)canvas->cursor_row, (int)canvas->cursor_column);
	refresh();
}

static uint32_t key_of(wint_t code)
{
	switch (code) {
	case KEY_UP:
		return LIVE_KEY_UP;
	case KEY_DOWN:
		return LIVE_KEY_DOWN;
	case KEY_LEFT:
		return LIVE_KEY_LEFT;
	case KEY_RIGHT:
		return LIVE_KEY_RIGHT;
	case KEY_PPAGE:
		return LIVE_KEY_PAGE_UP;
	case KEY_NPAGE:
		return LIVE_KEY_PAGE_DOWN;
	case KEY_HOME:
		return LIVE_KEY_HOME;
	case KEY_END:
		return LIVE_KEY_END;
	case KEY_BTAB:
		return LIVE_KEY_BACK_TAB;
	case KEY_BACKSPACE:
		return LIVE_KEY_ERASE;
	case KEY_ENTER:
		return LIVE_KEY_ENTER;
	case KEY_RESIZE:
		return LIVE_KEY_RESIZE;
	default:
		return LIVE_KEY_OTHER;
	}
}

uint32_t screen_key(struct screen *screen)
{
	wint_t code = 0;
	int kind;

	if (!screen_is_ours(screen))
		return LIVE_KEY_NONE;
	kind = get_wch(&code);
	if (kind == ERR)
		return LIVE_KEY_NONE;
	if (kind == KEY_CODE_YES)
		return key_of(code);
	return code && code < LIVE_KEY_UP ? (uint32_t)code : LIVE_KEY_OTHER;
}

bool screen_is_gone(struct screen *screen)
{
	struct pollfd terminal = { .fd = screen->fd, .events = POLLIN };

	return poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* curses_version() begins with the name of the library. */
const char *live_library_version(void)
{
	const char *text = curses_version(), *number = strrchr(text, ' ');

	return number ? number + 1 : text;
}
