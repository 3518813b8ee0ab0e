/*
 * Access tokens.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "oauth.h"
#include "oauth_answer.h"
#include "oauth_request.h"
#include "oscp_backoff.h"
#include "random.h"


#define OAUTH_NEVER           INT64_MAX
#define OAUTH_PAUSE_MIN_MS    1000       /* after a fetch that failed */
#define OAUTH_PAUSE_MAX_MS    60000
#define OAUTH_ANEW_MIN_MS     5000       /* after a new token was refused */
#define OAUTH_ANEW_MAX_MS     300000
#define OAUTH_JITTER          0.3
#define OAUTH_MARGIN_MS       30000      /* between renewal and end of life */
#define OAUTH_SLACK_MS        1000       /* a token is used until so long before
                                            its end: the way takes time */
#define OAUTH_RENEW_MIN_MS    500        /* between two renewals */


struct worker_oauth {
    struct worker_http            *http;
    const oscp_connection_conf_t  *conf;
    struct worker_present         *present;
    struct worker_secret           secret;
    struct worker_http_call       *call;       /* NULL: no fetch under way */
    struct event                  *timer;      /* the next thing to do */
    char                          *token;      /* owned; NULL: none */
    unsigned                       serial;     /* of the token, from 1 on */
    int64_t                        sent_ms;    /* since boot, as all below */
    int64_t                        usable_ms;  /* the token may be used until */
    int64_t                        renew_ms;   /* and is renewed after */
    oscp_backoff_t                 pause;      /* between fetches that fail */
    int64_t                        next_ms;    /* no fetch before; 0: at once */
    oscp_backoff_t                 anew;       /* between refused tokens */
    int64_t                        anew_ms;    /* no other token before */
    unsigned                       changes;    /* of the secret, when used */
    unsigned                       used:1;     /* the token was presented */
    unsigned                       refused:1;  /* the last fetch was */
    char                           error[WORKER_OAUTH_ERROR_SIZE];
                                               /* of the last fetch; "": none */
    TAILQ_HEAD(, worker_oauth_wait)  waits;
};


static void oauth_fetched(struct worker_oauth *oauth,
    const struct worker_http_result *result);
static void oauth_turn(struct worker_oauth *oauth);


static void
callback_fetched(void *arg, const struct worker_http_result *result)
{
    struct worker_oauth  *oauth = arg;

    oauth->call = NULL;
    oauth_fetched(oauth, result);
}


static void
callback_timer(evutil_socket_t fd, short what, void *arg)
{
    (void) fd;
    (void) what;

    oauth_turn(arg);
}


static int64_t
oauth_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}


static int64_t
oauth_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}


/* When the timer must ring. */
static int64_t
oauth_due(const struct worker_oauth *oauth)
{
    int64_t                          due = OAUTH_NEVER;
    const struct worker_oauth_wait  *wait;

    TAILQ_FOREACH(wait, &oauth->waits, next) {
        due = oauth_min(due, wait->deadline_ms);
        due = oauth->call == NULL ? oauth_min(due, oauth->next_ms) : due;
    }

    if (oauth->token != NULL && oauth->used && oauth->call == NULL) {
        due = oauth_min(due, oauth_max(oauth->renew_ms, oauth->next_ms));
    }

    return due;
}


static int
oauth_arm(struct worker_oauth *oauth)
{
    int64_t         due = oauth_due(oauth);
    struct timeval  tv;

    if (due == OAUTH_NEVER) {
        return event_del(oauth->timer);
    }

    tv = worker_clock_timeval(due - worker_clock_boot());

    return event_add(oauth->timer, &tv);
}


static void
oauth_tell(struct worker_oauth_wait *wait, const char *error)
{
    worker_oauth_cancel(wait);
    wait->done(wait->arg, error);
}


static void
oauth_tell_all(struct worker_oauth *oauth, const char *error)
{
    struct worker_oauth_wait  *wait;

    while ((wait = TAILQ_FIRST(&oauth->waits)) != NULL) {
        oauth_tell(wait, error);
    }
}


static void
oauth_fail(struct worker_oauth *oauth, const char *error, unsigned refused)
{
    int64_t                  pause;
    struct worker_log_about  about = { .shard = -1,
                                       .conn = oauth->conf->name };

    pause = oscp_backoff_next(&oauth->pause, worker_random_bits());
    oauth->next_ms = worker_clock_boot() + pause;
    oauth->refused = refused;

    snprintf(oauth->error, sizeof(oauth->error), "%s", error);

    worker_log(WORKER_LOG_WARN, &about, "no access token: %s; not again for "
               "%lld ms", oauth->error, (long long) pause);
}


/* The life began when the token was asked for, at the latest. */
static void
oauth_keep(struct worker_oauth *oauth, char *token, int64_t life_ms)
{
    int64_t                  end_ms = oauth->sent_ms + life_ms, margin;
    struct worker_log_about  about = { .shard = -1,
                                       .conn = oauth->conf->name };

    worker_secret_wipe(oauth->token);
    oauth->token = token;
    oauth->serial++;
    oauth->used = 0;

    margin = oauth_max(life_ms / 5, oauth_min(OAUTH_MARGIN_MS, life_ms / 3));
    oauth->renew_ms = oauth_max(end_ms - margin,
                                worker_clock_boot() + OAUTH_RENEW_MIN_MS);
    oauth->usable_ms = end_ms - oauth_min(OAUTH_SLACK_MS, life_ms / 10);

    oauth->next_ms = 0;
    oauth->refused = 0;
    oauth->error[0] = '\0';
    oscp_backoff_reset(&oauth->pause);

    worker_log(WORKER_LOG_DEBUG, &about, "a new access token, for %lld ms",
               (long long) life_ms);
}


static void
oauth_fetched(struct worker_oauth *oauth,
    const struct worker_http_result *result)
{
    struct worker_oauth_answer  answer;

    worker_oauth_answer_read(&answer, result);

    if (answer.token != NULL) {
        oauth_keep(oauth, answer.token, answer.life_ms);

        /* it is new, however short its life is: who waited has it */
        oauth_tell_all(oauth, "");

    } else {
        oauth_fail(oauth, answer.error, answer.refused);
    }

    oauth_turn(oauth);
}


static void
oauth_fetch(struct worker_oauth *oauth)
{
    char                         error[WORKER_PRESENT_ERROR_SIZE] = "no memory";
    struct worker_buffer         body = { .len = 0 };
    struct worker_http_request   request = { .url = oauth->conf->token_url };
    struct worker_present_lines  lines = { .n = 0 };

    oauth->changes = oauth->secret.changes;
    oauth->sent_ms = worker_clock_boot();

    request.timeout_ms = WORKER_HTTP_TIMEOUT_MS;
    request.answer_max = WORKER_OAUTH_ANSWER_MAX;
    request.whole = 1;
    request.ca = oauth->conf->tls_ca;
    request.cert = oauth->conf->tls_cert;
    request.key = oauth->conf->tls_key;

    if (worker_secret_refresh(&oauth->secret, error) == 0
        && worker_present_add(oauth->present, &lines, error) == 0)
    {
        snprintf(error, sizeof(error), "no memory");
        oauth->changes = oauth->secret.changes;

        if (worker_oauth_request_make(oauth->conf, oauth->secret.value, &body,
                                      &lines) == 0)
        {
            request.headers = (const char *const *) lines.lines;
            request.nheaders = lines.n;
            request.body = body.data;
            request.len = body.len;
            oauth->call = worker_http_post(oauth->http, &request,
                                           callback_fetched, oauth);
        }
    }

    worker_present_lines_free(&lines);
    worker_buffer_wipe(&body);

    if (oauth->call == NULL) {
        oauth_fail(oauth, error, 1);
    }
}


/* A secret that was mended is worth a try at once. */
static void
oauth_look(struct worker_oauth *oauth)
{
    char  error[WORKER_SECRET_ERROR_SIZE];

    if (oauth->next_ms != 0
        && worker_secret_refresh(&oauth->secret, error) == 0
        && oauth->secret.changes != oauth->changes)
    {
        oauth->next_ms = 0;
        oscp_backoff_reset(&oauth->pause);
    }
}


/* Whether a fetch is to begin now. */
static int
oauth_wants(const struct worker_oauth *oauth, int64_t now)
{
    if (oauth->call != NULL || now < oauth->next_ms) {
        return 0;
    }

    return !TAILQ_EMPTY(&oauth->waits)
           || (oauth->token != NULL && oauth->used && now >= oauth->renew_ms);
}


/* Somebody for whom no token can come in time, with the reason; or NULL. */
static struct worker_oauth_wait *
oauth_hopeless(struct worker_oauth *oauth, int64_t now,
    char error[WORKER_OAUTH_ERROR_SIZE])
{
    struct worker_oauth_wait  *wait;

    TAILQ_FOREACH(wait, &oauth->waits, next) {
        if (oauth->call == NULL
            && (oauth->refused || wait->deadline_ms <= oauth->next_ms))
        {
            snprintf(error, WORKER_OAUTH_ERROR_SIZE, "%s", oauth->error);
            return wait;
        }

        if (wait->deadline_ms <= now) {
            snprintf(error, WORKER_OAUTH_ERROR_SIZE,
                     "no access token in time%s%.200s",
                     oauth->error[0] != '\0' ? ": " : "", oauth->error);
            return wait;
        }
    }

    return NULL;
}


static void
oauth_turn(struct worker_oauth *oauth)
{
    char                       error[WORKER_OAUTH_ERROR_SIZE];
    int64_t                    now = worker_clock_boot();
    struct worker_oauth_wait  *wait;

    if (worker_oauth_ready(oauth)) {
        oauth_tell_all(oauth, "");
    }

    if (!TAILQ_EMPTY(&oauth->waits)) {
        oauth_look(oauth);
    }

    if (oauth_wants(oauth, now)) {
        oauth_fetch(oauth);
    }

    while ((wait = oauth_hopeless(oauth, now, error)) != NULL) {
        oauth_tell(wait, error);
    }

    if (oauth_arm(oauth) == -1) {
        oauth_tell_all(oauth, "no memory");
    }
}


int
worker_oauth_ready(const struct worker_oauth *oauth)
{
    return oauth->token != NULL && worker_clock_boot() < oauth->usable_ms;
}


int
worker_oauth_wait(struct worker_oauth *oauth, struct worker_oauth_wait *wait)
{
    struct timeval  now = { .tv_sec = 0 };

    if (event_add(oauth->timer, &now) == -1) {
        return -1;
    }

    wait->oauth = oauth;
    TAILQ_INSERT_TAIL(&oauth->waits, wait, next);

    return 0;
}


void
worker_oauth_cancel(struct worker_oauth_wait *wait)
{
    if (wait->oauth != NULL) {
        TAILQ_REMOVE(&wait->oauth->waits, wait, next);
        wait->oauth = NULL;
    }
}


int
worker_oauth_add(struct worker_oauth *oauth,
    struct worker_present_lines *lines, unsigned *serial,
    char error[WORKER_PRESENT_ERROR_SIZE])
{
    if (oauth->token == NULL) {
        snprintf(error, WORKER_PRESENT_ERROR_SIZE, "no access token");
        return -1;
    }

    if (worker_present_scheme(lines, "Authorization", "Bearer", oauth->token)
        == -1)
    {
        snprintf(error, WORKER_PRESENT_ERROR_SIZE, "no memory");
        return -1;
    }

    *serial = oauth->serial;

    if (!oauth->used) {
        oauth->used = 1;
        oauth_arm(oauth);
    }

    return 0;
}


int
worker_oauth_quoted(const struct worker_oauth *oauth, const char *text)
{
    return oauth->token != NULL && strstr(text, oauth->token) != NULL;
}


void
worker_oauth_accepted(struct worker_oauth *oauth)
{
    oscp_backoff_reset(&oauth->anew);
    oauth->anew_ms = 0;
}


int
worker_oauth_refused(struct worker_oauth *oauth, unsigned serial)
{
    int64_t  now = worker_clock_boot();

    if (oauth->token == NULL || oauth->serial != serial) {
        return 1;
    }

    if (now < oauth->anew_ms) {
        return 0;
    }

    oauth->anew_ms = now + oscp_backoff_next(&oauth->anew,
                                             worker_random_bits());
    worker_secret_wipe(oauth->token);
    oauth->token = NULL;

    return 1;
}


void
worker_oauth_forget(struct worker_oauth *oauth)
{
    worker_secret_forget(&oauth->secret);
    oauth->next_ms = 0;
    oauth->refused = 0;
    oscp_backoff_reset(&oauth->pause);
    worker_oauth_accepted(oauth);
}


struct worker_oauth *
worker_oauth_create(struct event_base *base, struct worker_http *http,
    const oscp_connection_conf_t *conf, struct worker_present *present)
{
    struct worker_oauth  *oauth;

    oauth = calloc(1, sizeof(*oauth));
    if (oauth == NULL) {
        return NULL;
    }

    oauth->http = http;
    oauth->conf = conf;
    oauth->present = present;
    oauth->secret.name = conf->client_secret_file;
    oauth->pause = (oscp_backoff_t) { .min_ms = OAUTH_PAUSE_MIN_MS,
                                      .max_ms = OAUTH_PAUSE_MAX_MS,
                                      .multiplier = 2,
                                      .jitter = OAUTH_JITTER };
    oauth->anew = (oscp_backoff_t) { .min_ms = OAUTH_ANEW_MIN_MS,
                                     .max_ms = OAUTH_ANEW_MAX_MS,
                                     .multiplier = 2,
                                     .jitter = OAUTH_JITTER };
    TAILQ_INIT(&oauth->waits);

    oauth->timer = evtimer_new(base, callback_timer, oauth);
    if (oauth->timer == NULL) {
        free(oauth);
        return NULL;
    }

    return oauth;
}


void
worker_oauth_free(struct worker_oauth *oauth)
{
    if (oauth == NULL) {
        return;
    }

    worker_http_cancel(oauth->call);
    event_free(oauth->timer);
    worker_secret_clear(&oauth->secret);
    worker_secret_wipe(oauth->token);
    free(oauth);
}
