/*
 * The log, on standard error: one line per event, as text or as JSON, with the
 * shard, connection, group and request id it belongs to.  Never a body, never
 * a secret.
 */

#ifndef WORKER_LOG_H
#define WORKER_LOG_H

enum worker_log_level {
    WORKER_LOG_ERROR = 0,
    WORKER_LOG_WARN,
    WORKER_LOG_INFO,
    WORKER_LOG_DEBUG
};

/* What a line is about; NULL and -1: nothing to say. */
struct worker_log_about {
    int          shard;
    const char  *conn;
    const char  *group;
    const char  *req;
};

/* The level named "error", "warn", "info" or "debug"; -1: no such level. */
int worker_log_level_find(const char *name);

/* From now on lines up to `level` are written, as JSON if `json`. */
void worker_log_setup(enum worker_log_level level, int json);

/*
 * Writes one line if `level` is wanted.  `about` may be NULL.  `fmt` is
 * printf's; bytes that are not printable ASCII are written as "?", so that
 * nothing from outside can forge a line.  A message is cut at 1 KB.
 */
void worker_log(enum worker_log_level level,
    const struct worker_log_about *about, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* WORKER_LOG_H */
