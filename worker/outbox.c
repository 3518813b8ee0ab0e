/*
 * The outbox.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "oscp_delivery.h"
#include "outbox.h"
#include "random.h"
#include "remains.h"


#define OUTBOX_EXPIRE_BATCH   256        /* given up for age in one turn */
#define OUTBOX_EXPIRE_MS      100        /* until the next such turn */


/* Where what became of the last message is on its way to Redis. */
enum outbox_settling {
    OUTBOX_SETTLED = 0,
    OUTBOX_OPEN,                         /* in the open commit */
    OUTBOX_SEALED                        /* in the commit under way */
};

/* What waits of one kind. */
struct outbox_kind {
    struct worker_letters    letters;
    size_t                   bytes;
    worker_outbox_heard     *heard;      /* NULL: nobody listens */
    worker_outbox_unwanted  *unwanted;   /* NULL: all are wanted */
    void                    *arg;
};

struct worker_outbox {
    struct worker_context           *ctx;
    const struct worker_group_link  *link;
    const struct worker_groups      *groups;
    struct worker_letters            letters;    /* all; the first one is the
                                                    one under way */
    struct outbox_kind               kinds[OSCP_MESSAGE_COUNT];
    struct worker_peer_send          send;
    oscp_backoff_t                   backoff;    /* of the first one */
    oscp_ms_t                        retry_ms;   /* not before; 0: at once */
    struct worker_timer              timer;      /* next try, or next end */
    struct worker_incident           incident;   /* for messages of no group */
    enum outbox_settling             settling;
    unsigned                         flows:1;    /* messages may be sent */
    TAILQ_ENTRY(worker_outbox)       next;       /* in ctx->settling */
};


static void
outbox_remove(struct worker_outbox *o, struct worker_letter *l)
{
    struct outbox_kind  *kind = &o->kinds[l->kind];

    TAILQ_REMOVE(&o->letters, l, next);
    TAILQ_REMOVE(&kind->letters, l, same);
    kind->bytes -= l->size;
    worker_letter_free(l);
}


/*
 * The incident that a message belongs to, and the hash that keeps it.  NULL for
 * a group that is gone: nothing would ever resolve it.
 */
static struct worker_incident *
outbox_incident(struct worker_outbox *o, const struct worker_letter *l,
    char key[OSCP_KEY_SIZE])
{
    struct worker_group  *g = worker_groups_get(o->groups, l->group);

    if (g != NULL) {
        worker_group_key(g, 0, key);
        return worker_group_undeliverable(g);
    }

    worker_context_key(o->ctx, key, "conn", o->link->conn, NULL, NULL);

    return *l->group == '\0' ? &o->incident : NULL;
}


/*
 * The connection's own incident ends, with it or by whatever reaches the peer.
 */
static void
outbox_resolve(struct worker_outbox *o)
{
    char  key[OSCP_KEY_SIZE];

    worker_context_key(o->ctx, key, "conn", o->link->conn, NULL, NULL);
    worker_fate_end(o->ctx, &o->incident, key, worker_clock_wall());
}


/* It is over with this message, one way or the other. */
static void
outbox_settle(struct worker_outbox *o, struct worker_letter *l,
    const struct worker_fate *fate)
{
    char                     key[OSCP_KEY_SIZE];
    struct outbox_kind      *kind = &o->kinds[l->kind];
    struct worker_incident  *incident;

    incident = outbox_incident(o, l, key);

    if (kind->heard != NULL) {
        kind->heard(kind->arg, fate);
    }

    worker_fate_write(o->ctx, fate, incident, key, worker_clock_wall());
    if (fate->kind == WORKER_FATE_DELIVERED) {
        outbox_resolve(o);
    }

    outbox_remove(o, l);
    worker_context_wake(o->ctx);
}


static void
outbox_give_up(struct worker_outbox *o, struct worker_letter *l,
    enum worker_fate_kind kind, const char *why)
{
    struct worker_fate  fate = { .kind = kind, .letter = l,
                                 .conn = o->link->conn, .why = why,
                                 .text = "" };

    outbox_settle(o, l, &fate);
}


/*
 * The first one is done with.  The next one waits until that is in Redis, so
 * that a successor sends at most one message a second time.
 */
static void
outbox_end_first(struct worker_outbox *o, const struct worker_fate *fate)
{
    outbox_settle(o, TAILQ_FIRST(&o->letters), fate);

    if (o->settling == OUTBOX_SETTLED) {
        TAILQ_INSERT_TAIL(&o->ctx->settling, o, next);
    }

    o->settling = OUTBOX_OPEN;
}


static void
outbox_retry(struct worker_outbox *o, const struct worker_peer_result *result)
{
    const struct worker_letter  *l = TAILQ_FIRST(&o->letters);
    struct worker_log_about      about = { .shard = (int) o->ctx->shard,
                                           .conn = o->link->conn,
                                           .group = l->group, .req = l->req };

    worker_commit_count(o->ctx->commit, WORKER_COUNT_OUT_RETRIES, 1);
    worker_context_wake(o->ctx);
    worker_log(WORKER_LOG_WARN, &about, "%s failed, try %u: %s",
               oscp_message_name(l->kind), l->tries, result->error);
}


/*
 * A 401 that got no second try, because tokens are refused anyway or nothing
 * more may leave now, says nothing of the message.
 */
static oscp_verdict_t
outbox_judge(struct worker_outbox *o, const struct worker_letter *l,
    const struct worker_peer_result *result, oscp_ms_t now)
{
    oscp_answer_t   answer = { .status = (int) result->status,
                               .retry_after_ms = result->retry_after_ms,
                               .can_refresh = result->oauth,
                               .refreshed = result->renewed };
    oscp_verdict_t  verdict;

    answer.random = worker_random_bits();
    verdict = oscp_delivery_judge(l->kind, l->created_ms, &answer, now,
                                  &o->backoff, &o->retry_ms);

    if (verdict == OSCP_DELIVERY_REFRESH) {
        answer.status = 0;
        verdict = oscp_delivery_judge(l->kind, l->created_ms, &answer, now,
                                      &o->backoff, &o->retry_ms);
    }

    return verdict;
}


static void
callback_done(void *arg, const struct worker_peer_result *result)
{
    char                   why[WORKER_HTTP_ERROR_SIZE + 64];
    oscp_ms_t              now = worker_clock_wall();
    oscp_verdict_t         verdict;
    struct worker_outbox  *o = arg;
    struct worker_letter  *l = TAILQ_FIRST(&o->letters);
    struct worker_fate     fate = { .conn = o->link->conn, .letter = l,
                                    .status = result->status, .why = why,
                                    .text = result->text };

    if (result->changed) {
        worker_outbox_turn(o);
        return;
    }

    l->tries++;
    verdict = outbox_judge(o, l, result, now);

    if (verdict == OSCP_DELIVERY_RETRY) {
        outbox_retry(o, result);
        worker_outbox_turn(o);
        return;
    }

    snprintf(why, sizeof(why), "%s%s", verdict == OSCP_DELIVERY_EXPIRED
             ? "too old for another try: " : "", result->error);
    fate.kind = verdict == OSCP_DELIVERY_DONE ? WORKER_FATE_DELIVERED
                : verdict == OSCP_DELIVERY_DEAD ? WORKER_FATE_DEAD
                : WORKER_FATE_GIVEN_UP;

    /* else the peer is not there, and the next one is not to hammer on it */
    if (verdict != OSCP_DELIVERY_EXPIRED) {
        oscp_backoff_reset(&o->backoff);
        o->retry_ms = 0;
    }

    outbox_end_first(o, &fate);
    worker_outbox_turn(o);
}


static void
outbox_send(struct worker_outbox *o)
{
    const struct worker_letter  *l = TAILQ_FIRST(&o->letters);

    o->send.kind = l->kind;
    o->send.req = l->req;
    o->send.corr = l->corr;
    o->send.body = l->body;
    o->send.len = l->len;
    o->send.deadline_ms = worker_clock_boot() + WORKER_HTTP_TIMEOUT_MS;
    worker_peer_start(&o->send);
}


static int
outbox_under_way(const struct worker_outbox *o, const struct worker_letter *l)
{
    return l == TAILQ_FIRST(&o->letters) && worker_peer_busy(&o->send);
}


/* The oldest of a kind that may be given up: not the one under way. */
static struct worker_letter *
outbox_oldest(const struct worker_outbox *o, const struct outbox_kind *kind)
{
    struct worker_letter  *l = TAILQ_FIRST(&kind->letters);

    if (l != NULL && outbox_under_way(o, l)) {
        l = TAILQ_NEXT(l, same);
    }

    return l;
}


/* When it is of no use any more. */
static oscp_ms_t
outbox_end(const struct worker_letter *l)
{
    return l->created_ms + oscp_delivery_age_ms(l->kind);
}


/* What is too old did not reach the peer in time, wanted or not. */
static void
outbox_withdraw(struct worker_outbox *o, const struct outbox_kind *kind,
    oscp_ms_t now)
{
    const char            *why;
    struct worker_letter  *l, *next;

    if (kind->unwanted == NULL) {
        return;
    }

    for (l = TAILQ_FIRST(&kind->letters); l != NULL; l = next) {
        next = TAILQ_NEXT(l, same);
        why = outbox_under_way(o, l) || outbox_end(l) <= now
              ? NULL : kind->unwanted(kind->arg, l);

        if (why != NULL) {
            outbox_give_up(o, l, WORKER_FATE_WITHDRAWN, why);
        }
    }
}


/*
 * Gives up what is not wanted or too old, in any state of the connection, and
 * returns when the next one will be.
 */
static oscp_ms_t
outbox_expire(struct worker_outbox *o, oscp_ms_t now)
{
    unsigned               n = 0;
    oscp_ms_t              end, next = OSCP_TIME_NONE;
    struct worker_letter  *l;

    for (unsigned i = 0; i < OSCP_MESSAGE_COUNT; i++) {
        outbox_withdraw(o, &o->kinds[i], now);

        while ((l = outbox_oldest(o, &o->kinds[i])) != NULL) {
            end = outbox_end(l);

            if (end > now || n == OUTBOX_EXPIRE_BATCH) {
                end = end > now ? end : now + OUTBOX_EXPIRE_MS;
                next = end < next ? end : next;
                break;
            }

            outbox_give_up(o, l, WORKER_FATE_GIVEN_UP, "too old");
            n++;
        }
    }

    return next;
}


void
worker_outbox_turn(struct worker_outbox *o)
{
    int                    flows, ready;
    oscp_ms_t              now = worker_clock_wall(), next;
    struct worker_letter  *l;

    if (!o->ctx->live || o->ctx->failed) {
        return;
    }

    flows = o->link->online && o->link->enabled && !o->link->disconnected
            && !o->link->judging && !o->ctx->closing;

    if (flows && !o->flows) {
        oscp_backoff_reset(&o->backoff);
        o->retry_ms = 0;

    } else if (!flows) {
        worker_peer_finish(&o->send);
    }

    o->flows = flows != 0;
    next = outbox_expire(o, now);
    l = TAILQ_FIRST(&o->letters);
    ready = flows && l != NULL && !worker_peer_busy(&o->send)
            && o->settling == OUTBOX_SETTLED && outbox_end(l) > now;

    if (ready && o->retry_ms > now) {
        next = o->retry_ms < next ? o->retry_ms : next;
    }

    if (worker_timer_set(o->ctx->timers, &o->timer, next) == -1) {
        worker_context_fail(o->ctx, "no memory for a timer");
    }

    /* last, for it may end at once, which is another turn */
    if (ready && o->retry_ms <= now) {
        outbox_send(o);
    }
}


static void
callback_timer(void *arg)
{
    worker_outbox_turn(arg);
}


void
worker_outbox_take(struct worker_outbox *o, const struct worker_entry *e)
{
    const char            *why;
    struct outbox_kind    *kind;
    struct worker_letter  *l, *old;

    l = worker_letter_create(e, worker_clock_wall(), &why);
    if (l == NULL && why == NULL) {
        worker_context_fail(o->ctx, "no memory for the outbox");
        return;
    }

    if (l == NULL) {
        worker_fate_refuse(o->ctx, e, why);
        return;
    }

    kind = &o->kinds[l->kind];
    TAILQ_INSERT_TAIL(&o->letters, l, next);
    TAILQ_INSERT_TAIL(&kind->letters, l, same);
    kind->bytes += l->size;

    while (kind->bytes > WORKER_OUTBOX_BYTES_MAX) {
        old = outbox_oldest(o, kind);
        if (old == NULL) {
            break;
        }
        outbox_give_up(o, old, WORKER_FATE_GIVEN_UP, "too many wait");
    }

    worker_outbox_turn(o);
}


void
worker_outbox_changed(struct worker_outbox *o)
{
    oscp_backoff_reset(&o->backoff);
    o->retry_ms = 0;
    worker_outbox_turn(o);
}


void
worker_outbox_end(struct worker_outbox *o)
{
    worker_peer_stop(&o->send);
    worker_remains_take(o->ctx, o->link->conn, &o->letters);

    for (unsigned i = 0; i < OSCP_MESSAGE_COUNT; i++) {
        TAILQ_INIT(&o->kinds[i].letters);
        o->kinds[i].bytes = 0;
    }

    outbox_resolve(o);
}


void
worker_outbox_listen(struct worker_outbox *o, oscp_message_kind_t kind,
    worker_outbox_heard *heard, worker_outbox_unwanted *unwanted, void *arg)
{
    o->kinds[kind].heard = heard;
    o->kinds[kind].unwanted = unwanted;
    o->kinds[kind].arg = arg;
}


int
worker_outbox_load(struct worker_outbox *o, const redisReply *reply)
{
    return worker_incident_load(&o->incident, reply);
}


void
worker_outbox_begin(struct worker_outbox *o)
{
    worker_incident_unknown(&o->incident);
}


void
worker_outbox_sealed(struct worker_context *ctx)
{
    struct worker_outbox  *o;

    TAILQ_FOREACH(o, &ctx->settling, next) {
        o->settling = OUTBOX_SEALED;
    }
}


void
worker_outbox_committed(struct worker_context *ctx)
{
    struct worker_outbox        *o, *next;
    struct worker_outbox_list    list;

    TAILQ_INIT(&list);
    TAILQ_CONCAT(&list, &ctx->settling, next);

    for (o = TAILQ_FIRST(&list); o != NULL; o = next) {
        next = TAILQ_NEXT(o, next);
        TAILQ_REMOVE(&list, o, next);

        if (o->settling == OUTBOX_OPEN) {
            TAILQ_INSERT_TAIL(&ctx->settling, o, next);
            continue;
        }

        o->settling = OUTBOX_SETTLED;
        worker_outbox_turn(o);
    }
}


struct worker_outbox *
worker_outbox_create(struct worker_context *ctx,
    const struct worker_group_link *link, const struct worker_groups *groups,
    struct worker_peer *peer)
{
    struct worker_outbox  *o;

    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return NULL;
    }

    o->ctx = ctx;
    o->link = link;
    o->groups = groups;
    o->timer.ring = callback_timer;
    o->timer.arg = o;
    oscp_delivery_backoff(&o->backoff);
    worker_peer_prepare(&o->send, peer, callback_done, o);

    TAILQ_INIT(&o->letters);
    for (unsigned i = 0; i < OSCP_MESSAGE_COUNT; i++) {
        TAILQ_INIT(&o->kinds[i].letters);
    }

    if (worker_incident_init(&o->incident, WORKER_INCIDENT_UNDELIVERABLE)
        == -1)
    {
        worker_outbox_free(o);
        return NULL;
    }

    return o;
}


void
worker_outbox_free(struct worker_outbox *o)
{
    struct worker_letter  *l;

    if (o == NULL) {
        return;
    }

    worker_peer_stop(&o->send);
    worker_timer_cancel(o->ctx->timers, &o->timer);

    if (o->settling != OUTBOX_SETTLED) {
        TAILQ_REMOVE(&o->ctx->settling, o, next);
    }

    while ((l = TAILQ_FIRST(&o->letters)) != NULL) {
        outbox_remove(o, l);
    }

    worker_incident_free(&o->incident);
    free(o);
}
