/*
 * What we present to a peer: the Authorization line and the configured header
 * lines, secrets read from files (design, sections 4 and 8).  Files are read
 * again when they change, and when asked to (secret.h).  What an access token
 * makes of the Authorization line is oauth.h's.
 */

#ifndef WORKER_PRESENT_H
#define WORKER_PRESENT_H

#include "oscp_config.h"
#include "secret.h"

#define WORKER_PRESENT_ERROR_SIZE  WORKER_SECRET_ERROR_SIZE

struct worker_present;                       /* one connection's */

/* Header lines, ready to be sent.  Zeroed: none. */
struct worker_present_lines {
    char    **lines;
    size_t    n;
};

/*
 * For the connection that `conf` describes; `conf` must outlive it.  Nothing is
 * read yet.  NULL without memory.
 */
struct worker_present *worker_present_create(
    const oscp_connection_conf_t *conf);

/* Wipes the secrets.  NULL is harmless. */
void worker_present_free(struct worker_present *p);

/* The files are read again at the next use, changed or not. */
void worker_present_forget(struct worker_present *p);

/*
 * Adds the lines that the peer wants to see, but for an access token's.
 * Returns 0, or -1 with the reason in `error`: a file that was never read and
 * cannot be, or holds what no header line can.  Then nothing may be sent: half
 * a credential is none.
 */
int worker_present_add(struct worker_present *p,
    struct worker_present_lines *lines, char error[WORKER_PRESENT_ERROR_SIZE]);

/*
 * Adds the line "NAME: VALUE", or "NAME: SCHEME VALUE".  Returns 0, or -1
 * without memory.
 */
int worker_present_line(struct worker_present_lines *lines, const char *name,
    const char *value);
int worker_present_scheme(struct worker_present_lines *lines, const char *name,
    const char *scheme, const char *value);

/*
 * 1 when `text` contains one of the secrets that were read: it came from the
 * peer, and must not be told any further.
 */
int worker_present_quoted(const struct worker_present *p, const char *text);

/* Wipes and frees them. */
void worker_present_lines_free(struct worker_present_lines *lines);

#endif /* WORKER_PRESENT_H */
