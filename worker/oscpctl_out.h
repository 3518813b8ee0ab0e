/*
 * What oscpctl prints: lines of text that fit a screen, and JSON.
 *
 * Everything that comes from Redis may have come from anybody.  All output goes
 * through here, and nothing from outside can move a cursor, forge a line or
 * break a JSON document.
 */

#ifndef WORKER_OSCPCTL_OUT_H
#define WORKER_OSCPCTL_OUT_H

#include <stddef.h>

#include <cjson/cJSON.h>

#define WORKER_CTL_OUT_COLUMNS    98      /* text is wrapped behind this */

enum worker_ctl_style {
    WORKER_CTL_PLAIN = 0,
    WORKER_CTL_BOLD,
    WORKER_CTL_GREEN,
    WORKER_CTL_YELLOW,
    WORKER_CTL_RED,
    WORKER_CTL_GREY
};

/*
 * Colours, or not: on a terminal only, and not with NO_COLOR or a dumb one.
 * Called once, before anything is printed.
 */
void worker_ctl_out_setup(void);

/*
 * Writes `len` bytes at `text` to `buf` of `size` bytes, NUL-terminated and cut
 * to fit: control characters (C0, DEL, C1), characters that turn the writing
 * direction, and bytes that are no UTF-8 become "?".  Returns the length.
 */
size_t worker_ctl_out_clean(const char *text, size_t len, char *buf,
    size_t size);

/*
 * Prints one line, cleaned, wrapped at words; all but the first line are
 * indented by `indent` and two more.
 */
void worker_ctl_out_line(enum worker_ctl_style style, int indent,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prints "NAME  VALUE" with the values of one block in one column. */
void worker_ctl_out_pair(int indent, int width, const char *name,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Prints a part of a line, cleaned; an empty line. */
void worker_ctl_out_cell(enum worker_ctl_style style, const char *text);
void worker_ctl_out_gap(void);

/* "oscpctl: …" on standard error, cleaned. */
void worker_ctl_out_error(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * Prints the document in one line and frees it.  Returns 0, or -1 when memory
 * has given out (told): `doc` may be NULL, which means just that.
 */
int worker_ctl_out_json(cJSON *doc);

/* 1 when standard output has failed, or its reader has gone, else 0. */
int worker_ctl_out_broken(void);

/*
 * Flushes standard output.  Returns 0, or -1 when something could not be
 * written (told, unless the reader of a pipe has gone).
 */
int worker_ctl_out_end(void);

#endif /* WORKER_OSCPCTL_OUT_H */
