/*
 * The log.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"


#define WORKER_LOG_TEXT_SIZE   1024     /* bytes of a message */
#define WORKER_LOG_LINE_SIZE   4096     /* holds it escaped, and what it is
                                           about */


struct log_line {
    char    text[WORKER_LOG_LINE_SIZE];
    size_t  len;
};


static const char *const  log_levels[] = { "error", "warn", "info", "debug" };

static enum worker_log_level  log_level = WORKER_LOG_INFO;
static int                    log_json;


int
worker_log_level_find(const char *name)
{
    for (int i = 0; i < (int) (sizeof(log_levels) / sizeof(*log_levels)); i++) {
        if (strcmp(log_levels[i], name) == 0) {
            return i;
        }
    }

    return -1;
}


void
worker_log_setup(enum worker_log_level level, int json)
{
    log_level = level;
    log_json = json;
}


/*
 * Adds `text`, made printable, and for JSON escaped; room is kept for "\"}\n".
 */
static void
log_add(struct log_line *l, const char *text, int escape)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (l->len + 8 > sizeof(l->text)) {
            return;
        }

        if (escape && (*p == '"' || *p == '\\')) {
            l->text[l->len++] = '\\';
        }

        l->text[l->len++] = (*p >= 0x20 && *p < 0x7f) ? *p : '?';
    }
}


static void
log_field(struct log_line *l, const char *name, const char *value)
{
    if (value == NULL || *value == '\0') {
        return;
    }

    log_add(l, log_json ? ",\"" : " ", 0);
    log_add(l, name, 0);
    log_add(l, log_json ? "\":\"" : "=", 0);
    log_add(l, value, log_json);
    log_add(l, log_json ? "\"" : "", 0);
}


static void
log_about(struct log_line *l, const struct worker_log_about *about)
{
    char  shard[16];

    if (about == NULL) {
        return;
    }

    if (about->shard >= 0) {
        snprintf(shard, sizeof(shard), "%d", about->shard);
        log_field(l, "shard", shard);
    }

    log_field(l, "conn", about->conn);
    log_field(l, "group", about->group);
    log_field(l, "req", about->req);
}


void
worker_log(enum worker_log_level level, const struct worker_log_about *about,
    const char *fmt, ...)
{
    char             text[WORKER_LOG_TEXT_SIZE], at[OSCP_TIME_SIZE];
    va_list          args;
    struct log_line  l;

    if (level > log_level) {
        return;
    }

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    oscp_time_format(worker_clock_wall(), at);
    l.len = 0;

    if (log_json) {
        log_add(&l, "{\"at\":\"", 0);
        log_add(&l, at, 0);
        log_add(&l, "\"", 0);
        log_field(&l, "level", log_levels[level]);
        log_field(&l, "message", text);
        log_about(&l, about);
        log_add(&l, "}", 0);

    } else {
        log_add(&l, at, 0);
        log_add(&l, " ", 0);
        log_add(&l, log_levels[level], 0);
        log_add(&l, ": ", 0);
        log_add(&l, text, 0);
        log_about(&l, about);
    }

    l.text[l.len++] = '\n';

    /* a log that cannot be written has nowhere to say so */
    if (write(STDERR_FILENO, l.text, l.len) < 0) {
        return;
    }
}
