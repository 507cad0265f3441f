/* SPDX-License-Identifier: MIT */
/* The terminal: shows a canvas, says which keys were pressed. All that knows of ncurses is behind this. */
#ifndef PYROPE_LIVE_SCREEN_H
#define PYROPE_LIVE_SCREEN_H

#include "live/canvas.h"
#include "live/state.h"

struct screen;

int screen_check(int terminal_fd, struct error *err);
struct screen *screen_open(int terminal_fd, struct error *err);
/* Accepts NULL. */
void screen_close(struct screen *screen);
/* From a signal handler: the terminal as it was. Nothing else may be called afterwards. */
void screen_restore(void);
void screen_suspend(struct screen *screen);
void screen_continue(struct screen *screen);
/* Its size now; and whether it takes more than ASCII. */
void screen_size(struct screen *screen, size_t *columns, size_t *rows);
bool screen_is_unicode(const struct screen *screen);
/* Is the terminal ours just now? In the background it is somebody else's. */
bool screen_is_ours(const struct screen *screen);
void screen_show(struct screen *screen, const struct canvas *canvas);
/* The next key (enum live_key, or a character), LIVE_KEY_NONE: there is none now. */
uint32_t screen_key(struct screen *screen);
/* Has the terminal been closed? */
bool screen_is_gone(struct screen *screen);

#endif
