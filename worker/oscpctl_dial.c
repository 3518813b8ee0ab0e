/*
 * Connections to Redis, as oscpctl makes them.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "locate.h"
#include "oscpctl_dial.h"
#include "redis.h"
#include "tls.h"


#define DIAL_CONNECT_MS  5000     /* for a connection */
#define DIAL_ASK_MS      2000     /* for one who is asked for the server, who is
                                     one of several */
#define DIAL_ANSWER_MS   20000    /* for an answer, blocking aside */
#define DIAL_GRACE_MS    1000     /* for what is under way when time is up: a
                                     command that blocks until then, and what
                                     is asked about it afterwards */


/* One connection. */
struct dial_line {
    struct dial_line  *next;
    oscp_host_t        host;      /* "": the socket */
    redisContext      *redis;     /* NULL while it is made */
    struct ssl_st     *ssl;
};

struct worker_ctl_dial {
    const struct worker_access  *access;
    char                        *password;  /* NULL: none; wiped */
    struct worker_tls           *tls;       /* NULL: none */
    struct dial_line            *lines;
    redisReply                  *map;       /* what was answered to the question
                                               where; NULL: not asked */
    oscp_host_t                  asked;     /* by whom */
    unsigned                     first;     /* whom to ask first */
    int64_t                      end_ms;    /* since boot; 0: none */
    char                        *why;       /* of the call under way */
    unsigned                     final:1;   /* and time will not change it */
};


static int
dial_wrong(struct worker_ctl_dial *dial, const char *text)
{
    snprintf(dial->why, WORKER_CTL_DIAL_WHY_SIZE, "%s", text);
    dial->final = 0;

    return -1;
}


/* How long to wait where `most` would be fitting, had the user no limit. */
static struct timeval
dial_patience(const struct worker_ctl_dial *dial, int64_t most)
{
    int64_t         left;
    struct timeval  tv;

    if (dial->end_ms != 0) {
        left = dial->end_ms - worker_clock_boot();
        left = (left > 0 ? left : 0) + DIAL_GRACE_MS;
        most = left < most ? left : most;
    }

    tv.tv_sec = (time_t) (most / 1000);
    tv.tv_usec = (suseconds_t) (most % 1000 * 1000);

    return tv;
}


static void
dial_line_free(struct dial_line *line)
{
    if (line->redis != NULL) {
        redisFree(line->redis);
    }

    worker_tls_end(line->ssl);
    free(line);
}


/* One command; NULL on failure and on an error reply. */
static redisReply *
dial_command(struct worker_ctl_dial *dial, redisContext *redis, int argc,
    const char **argv)
{
    redisReply  *reply;

    errno = 0;
    reply = redisCommandArgv(redis, argc, argv, NULL);

    if (reply == NULL) {
        dial_wrong(dial, errno == EAGAIN ? "no answer" : redis->errstr);
        return NULL;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        dial_wrong(dial, reply->str);
        dial->final = !worker_locate_elsewhere(reply->str);
        freeReplyObject(reply);
        return NULL;
    }

    return reply;
}


static int
dial_done(struct worker_ctl_dial *dial, redisContext *redis, int argc,
    const char **argv)
{
    redisReply  *reply = dial_command(dial, redis, argc, argv);

    if (reply == NULL) {
        return -1;
    }

    freeReplyObject(reply);

    return 0;
}


static int
dial_login(struct worker_ctl_dial *dial, redisContext *redis)
{
    char         db[16];
    const char  *user = dial->access->user ? dial->access->user : "default";
    const char  *auth[] = { "AUTH", user, dial->password };
    const char  *select[] = { "SELECT", db };

    snprintf(db, sizeof(db), "%u", dial->access->db);

    if (dial->password != NULL && dial_done(dial, redis, 3, auth) == -1) {
        return -1;
    }

    return dial->access->db > 0 ? dial_done(dial, redis, 2, select) : 0;
}


static int
dial_secure(struct worker_ctl_dial *dial, struct dial_line *line)
{
    const char  *refused;

    if (dial->tls == NULL
        || worker_tls_start(dial->tls, line->redis, line->host.host, &line->ssl)
           == 0)
    {
        return 0;
    }

    refused = worker_tls_refused(line->ssl);
    if (refused == NULL) {
        return dial_wrong(dial, line->redis->err ? line->redis->errstr
                                                 : "TLS cannot begin");
    }

    dial->final = 1;
    snprintf(dial->why, WORKER_CTL_DIAL_WHY_SIZE,
             "its certificate is refused: %s", refused);

    return -1;
}


/*
 * A connection to `host`, NULL: the socket, that waits up to `answer` ms for an
 * answer.  NULL on failure.
 */
static struct dial_line *
dial_open(struct worker_ctl_dial *dial, const oscp_host_t *host, int64_t answer)
{
    struct timeval         patience;
    struct dial_line      *line;
    const oscp_address_t  *a = &dial->access->address;

    patience = dial_patience(dial, answer < DIAL_CONNECT_MS ? answer
                                                            : DIAL_CONNECT_MS);

    line = calloc(1, sizeof(*line));
    if (line == NULL) {
        dial_wrong(dial, "no memory");
        return NULL;
    }

    if (host != NULL) {
        line->host = *host;
        line->redis = redisConnectWithTimeout(host->host, (int) host->port,
                                              patience);
    } else {
        line->redis = redisConnectUnixWithTimeout(a->path, patience);
    }

    if (line->redis == NULL) {
        dial_wrong(dial, "no memory");
        goto err;
    }

    if (line->redis->err
        || redisSetTimeout(line->redis, patience) != REDIS_OK)
    {
        dial_wrong(dial, line->redis->errstr);
        goto err;
    }

    if (dial_secure(dial, line) == -1) {
        goto err;
    }

    patience = dial_patience(dial, answer);

    if (redisSetTimeout(line->redis, patience) == REDIS_OK) {
        return line;
    }

    dial_wrong(dial, line->redis->errstr);

err:
    dial_line_free(line);
    return NULL;
}


/* What one of those who know answers. */
static redisReply *
dial_ask(struct worker_ctl_dial *dial, const oscp_host_t *host)
{
    int                argc;
    redisReply        *reply = NULL;
    const char        *argv[WORKER_LOCATE_WORDS];
    struct dial_line  *line;

    line = dial_open(dial, host, DIAL_ASK_MS);
    if (line == NULL) {
        return NULL;
    }

    argc = worker_locate_question(&dial->access->address, argv);

    if (dial->access->address.kind == OSCP_ADDRESS_SENTINEL
        || dial_login(dial, line->redis) == 0)
    {
        reply = dial_command(dial, line->redis, argc, argv);
    }

    dial_line_free(line);

    return reply;
}


/* Where the server is that has `key`; 0, or -1. */
static int
dial_locate(struct worker_ctl_dial *dial, const char *key, oscp_host_t *host)
{
    char                        why[WORKER_LOCATE_WHY_SIZE];
    redisReply                 *reply;
    const oscp_host_t          *asked;
    const oscp_address_t       *a = &dial->access->address;
    struct worker_locate_votes  votes = { .n = 0 };

    if (dial->map != NULL
        && worker_locate_answer(a, key, &dial->asked, dial->map, host, why)
           == 0)
    {
        return 0;
    }

    for (unsigned i = 0; i < a->nhosts; i++) {
        asked = &a->hosts[(dial->first + i) % a->nhosts];
        reply = dial_ask(dial, asked);
        if (reply == NULL) {
            continue;
        }

        if (worker_locate_answer(a, key, asked, reply, host, why) == 0) {
            freeReplyObject(dial->map);
            dial->map = reply;
            dial->asked = *asked;
            if (worker_locate_vote(a, &votes, host)) {
                return 0;
            }
            continue;
        }

        dial_wrong(dial, why);
        freeReplyObject(reply);
    }

    if (votes.n > 1) {
        return dial_wrong(dial, WORKER_LOCATE_DISAGREE);
    }

    return worker_locate_only(&votes, host);
}


/* A sentinel may not know yet that a master is none any more. */
static int
dial_check(struct worker_ctl_dial *dial, redisContext *redis)
{
    int          master;
    redisReply  *reply;
    const char  *argv[] = { "ROLE" };

    if (dial->access->address.kind != OSCP_ADDRESS_SENTINEL) {
        return 0;
    }

    reply = dial_command(dial, redis, 1, argv);
    if (reply == NULL) {
        return -1;
    }

    master = worker_locate_master(reply);
    freeReplyObject(reply);

    return master ? 0 : dial_wrong(dial, "the sentinels name a server that is "
                                   "not a master");
}


static struct dial_line *
dial_find(const struct worker_ctl_dial *dial, const oscp_host_t *host)
{
    struct dial_line  *line = dial->lines;

    while (line != NULL && host != NULL
           && (line->host.port != host->port
               || strcmp(line->host.host, host->host) != 0))
    {
        line = line->next;
    }

    return line;
}


redisContext *
worker_ctl_dial_key(struct worker_ctl_dial *dial, const char *key,
    char why[WORKER_CTL_DIAL_WHY_SIZE])
{
    oscp_host_t            host;
    struct dial_line      *line;
    const oscp_address_t  *a = &dial->access->address;

    dial->why = why;
    dial->final = 0;
    host = a->hosts[0];

    if (worker_locate_needed(a) && dial_locate(dial, key, &host) == -1) {
        return NULL;
    }

    line = dial_find(dial, a->kind == OSCP_ADDRESS_UNIX ? NULL : &host);
    if (line != NULL) {
        if (redisSetTimeout(line->redis, dial_patience(dial, DIAL_ANSWER_MS))
            == REDIS_OK)
        {
            return line->redis;
        }

        dial_wrong(dial, line->redis->errstr);
        return NULL;
    }

    line = dial_open(dial, a->kind == OSCP_ADDRESS_UNIX ? NULL : &host,
                     DIAL_ANSWER_MS);
    if (line == NULL) {
        return NULL;
    }

    if (dial_login(dial, line->redis) == -1
        || dial_check(dial, line->redis) == -1)
    {
        dial_line_free(line);
        return NULL;
    }

    line->next = dial->lines;
    dial->lines = line;

    return line->redis;
}


int
worker_ctl_dial_final(const struct worker_ctl_dial *dial)
{
    return dial->final;
}


void
worker_ctl_dial_end(struct worker_ctl_dial *dial, int64_t end_ms)
{
    dial->end_ms = end_ms;
}


void
worker_ctl_dial_reset(struct worker_ctl_dial *dial)
{
    struct dial_line  *line;

    while ((line = dial->lines) != NULL) {
        dial->lines = line->next;
        dial_line_free(line);
    }

    /* the one who was asked may be mistaken */
    freeReplyObject(dial->map);
    dial->map = NULL;
    dial->first++;
}


struct worker_ctl_dial *
worker_ctl_dial_create(const struct worker_access *access,
    char why[WORKER_CTL_DIAL_WHY_SIZE])
{
    const char              *wrong;
    struct worker_ctl_dial  *dial;

    dial = calloc(1, sizeof(*dial));
    if (dial == NULL) {
        snprintf(why, WORKER_CTL_DIAL_WHY_SIZE, "no memory");
        return NULL;
    }

    dial->access = access;

    if (access->password_file != NULL) {
        dial->password = worker_redis_password(access->password_file, &wrong);
        if (dial->password == NULL) {
            snprintf(why, WORKER_CTL_DIAL_WHY_SIZE, "password file %.100s: %s",
                     access->password_file, wrong);
            worker_ctl_dial_free(dial);
            return NULL;
        }
    }

    if (access->tls_ca != NULL) {
        dial->tls = worker_tls_create(access->tls_ca, why,
                                      WORKER_CTL_DIAL_WHY_SIZE);
        if (dial->tls == NULL) {
            worker_ctl_dial_free(dial);
            return NULL;
        }
    }

    return dial;
}


void
worker_ctl_dial_free(struct worker_ctl_dial *dial)
{
    if (dial == NULL) {
        return;
    }

    worker_ctl_dial_reset(dial);
    worker_tls_free(dial->tls);

    if (dial->password != NULL) {
        explicit_bzero(dial->password, strlen(dial->password));
        free(dial->password);
    }

    free(dial);
}
