/*
 * The access token that we present to a peer (design, sections 4 and 8): got
 * from the peer's token URL with client credentials (RFC 6749, section 4.4),
 * kept in memory only, one fetch for all that wait for it.
 *
 * It is renewed in the background while it still holds: a fifth of its life
 * before its end, or 30 s where that is a third of its life at most.  A token
 * that nothing has used since is not renewed.
 *
 * After a fetch that failed the next one waits, longer from time to time (1 s
 * doubling to a minute, jittered), unless the secret file has changed since.
 */

#ifndef WORKER_OAUTH_H
#define WORKER_OAUTH_H

#include <sys/queue.h>

#include "http.h"
#include "oscp_config.h"
#include "present.h"

#define WORKER_OAUTH_ANSWER_MAX    16384     /* bytes of an answer */
#define WORKER_OAUTH_TOKEN_MAX     8192      /* bytes of a token */
#define WORKER_OAUTH_LIFE_MS       300000    /* of a token without expires_in */
#define WORKER_OAUTH_LIFE_MIN_MS   1000      /* less, or more, is taken as */
#define WORKER_OAUTH_LIFE_MAX_MS   86400000  /* this */
#define WORKER_OAUTH_ERROR_SIZE    320

struct worker_oauth;                         /* one connection's */

/*
 * Somebody who waits; embedded, zeroed at first.  `done` is called once, from
 * the loop: with "" when there is a token, else with the reason why not.
 */
struct worker_oauth_wait {
    void                           (*done)(void *arg, const char *error);
    void                            *arg;
    int64_t                          deadline_ms;    /* since boot */
    struct worker_oauth             *oauth;          /* NULL: does not wait */
    TAILQ_ENTRY(worker_oauth_wait)   next;
};

/*
 * For the connection that `conf` describes; its static header lines are taken
 * from `present`.  Everything given must outlive it.  NULL without memory.
 */
struct worker_oauth *worker_oauth_create(struct event_base *base,
    struct worker_http *http, const oscp_connection_conf_t *conf,
    struct worker_present *present);

/* Wipes the token and the secret; nobody may wait.  NULL is harmless. */
void worker_oauth_free(struct worker_oauth *oauth);

/* The secret file is read again before the next fetch, and no pause counts. */
void worker_oauth_forget(struct worker_oauth *oauth);

/* 1 when there is a token that can be used now. */
int worker_oauth_ready(const struct worker_oauth *oauth);

/*
 * Waits for a token, with what `wait` says.  Its deadline is kept; where the
 * next fetch would come after it, it fails at once, which is in the loop's next
 * turn.  Returns 0, or -1 without memory: nothing waits.
 */
int worker_oauth_wait(struct worker_oauth *oauth,
    struct worker_oauth_wait *wait);

/* `done` is not called any more.  Harmless when it does not wait. */
void worker_oauth_cancel(struct worker_oauth_wait *wait);

/*
 * Adds the Authorization line, and says in `serial` which token that is.
 * Returns 0, or -1 with the reason in `error`: no token, or no memory.
 */
int worker_oauth_add(struct worker_oauth *oauth,
    struct worker_present_lines *lines, unsigned *serial,
    char error[WORKER_PRESENT_ERROR_SIZE]);

/* 1 when `text`, which came from the peer, contains the token. */
int worker_oauth_quoted(const struct worker_oauth *oauth, const char *text);

/* The peer took the token. */
void worker_oauth_accepted(struct worker_oauth *oauth);

/*
 * The peer answered 401 to the token numbered `serial`: it is dropped.  Returns
 * 1 when it is worth waiting for another one; 0 when new tokens were refused as
 * well, lately, so that a peer that refuses all gets no storm of fetches.
 */
int worker_oauth_refused(struct worker_oauth *oauth, unsigned serial);

#endif /* WORKER_OAUTH_H */
