/* SPDX-License-Identifier: MIT */
/* The terminal of a pyrope that was built without ncursesw: it can say so, and no more. */
#include "config.h"

#include "live/screen.h"
#include "pyrope/live.h"

const char *live_library_version(void)
{
	return NULL;
}

int screen_check(int terminal_fd, struct error *err)
{
	(void)terminal_fd;
	return error_set(err, ERROR_UNSUPPORTED,
		"this pyrope was built without the view for terminals: build it where ncursesw is "
		"installed, or use 'pyrope record'");
}

struct screen *screen_open(int terminal_fd, struct error *err)
{
	screen_check(terminal_fd, err);
	return NULL;
}

void screen_close(struct screen *screen)
{
	(void)screen;
}

void screen_restore(void)
{
}

void screen_suspend(struct screen *screen)
{
	(void)screen;
}

void screen_continue(struct screen *screen)
{
	(void)screen;
}

void screen_size(struct screen *screen, size_t *columns, size_t *rows)
{
	(void)screen;
	*columns = *rows = 0;
}

bool screen_is_unicode(const struct screen *screen)
{
	(void)screen;
	return false;
}

bool screen_is_ours(const struct screen *screen)
{
	(void)screen;
	return false;
}

void screen_show(struct screen *screen, const struct canvas *canvas)
{
	(void)screen;
	(void)canvas;
}

uint32_t screen_key(struct screen *screen)
{
	(void)screen;
	return LIVE_KEY_NONE;
}

bool screen_is_gone(struct screen *screen)
{
	(void)screen;
	return false;
}
