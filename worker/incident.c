/*
 * An incident as others read it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "incident.h"
#include "random.h"


#define INCIDENT_COUNT_AT     24      /* where in an id the count begins, */
#define INCIDENT_COUNT_LEN    12      /* in hexadecimal digits, */
#define INCIDENT_COUNT_MASK   0xffffffffffffULL


enum state_field {
    STATE_ID = 0,
    STATE_AT,
    STATE_LAST,
    STATE_COUNT
};

static const char *const  state_names[WORKER_INCIDENT_KINDS][STATE_COUNT] = {
    [WORKER_INCIDENT_FALLBACK] = { "incident", "incident_at",
                                   "incident_last" },
    [WORKER_INCIDENT_UNDELIVERABLE] = { "undeliverable_incident",
                                        "undeliverable_at",
                                        "undeliverable_last" },
    [WORKER_INCIDENT_COMPLIANCE] = { "compliance_incident", "compliance_at",
                                     "compliance_last" },
};

enum hash_field {
    HASH_CONN = 0,
    HASH_GROUP,
    HASH_REASON,
    HASH_SEVERITY,
    HASH_TITLE,
    HASH_DETAIL,
    HASH_LIMIT,
    HASH_OPENED,
    HASH_RESOLVED,
    HASH_COUNT
};

static const char *const  hash_names[HASH_COUNT] = {
    [HASH_CONN] = "conn",
    [HASH_GROUP] = "group",
    [HASH_REASON] = "reason",
    [HASH_SEVERITY] = "severity",
    [HASH_TITLE] = "title",
    [HASH_DETAIL] = "detail",
    [HASH_LIMIT] = "limit_w",
    [HASH_OPENED] = "opened_at",
    [HASH_RESOLVED] = "resolved_at",
};


int
worker_incident_init(struct worker_incident *in,
    enum worker_incident_kind kind)
{
    int  rc = 0;

    rc |= worker_record_init(&in->state, state_names[kind], STATE_COUNT);
    rc |= worker_record_init(&in->hash, hash_names, HASH_COUNT);

    return rc;
}


void
worker_incident_free(struct worker_incident *in)
{
    worker_record_free(&in->state);
    worker_record_free(&in->hash);
}


int
worker_incident_load(struct worker_incident *in, const redisReply *reply)
{
    /* what stands in the incident's own hash is written anew */
    worker_record_unknown(&in->hash);

    return worker_record_load(&in->state, reply);
}


void
worker_incident_unknown(struct worker_incident *in)
{
    worker_record_clear(&in->state);
    worker_record_unknown(&in->state);
    worker_record_clear(&in->hash);
}


const char *
worker_incident_id(const struct worker_incident *in)
{
    return worker_record_get(&in->state, STATE_ID);
}


oscp_ms_t
worker_incident_since(const struct worker_incident *in)
{
    return worker_record_time(&in->state, STATE_AT);
}


/* Adds or removes it among the open ones. */
static void
incident_list(struct worker_context *ctx, const char *command, const char *id)
{
    char  key[OSCP_KEY_SIZE];

    worker_commit_begin(ctx->commit, command,
                        worker_context_key(ctx, key, "incidents", NULL, NULL,
                                           NULL));
    worker_commit_text(ctx->commit, id);
    worker_commit_end(ctx->commit);
}


static void
incident_number(char id[WORKER_RANDOM_UUID_SIZE], unsigned long long n)
{
    snprintf(id + INCIDENT_COUNT_AT, INCIDENT_COUNT_LEN + 1, "%0*llx",
             INCIDENT_COUNT_LEN, n & INCIDENT_COUNT_MASK);
}


/*
 * The next one's id.  That of the one which goes is not looked up: a commit can
 * only delete what it names.  After what is no id of ours a new count begins.
 */
static void
incident_next(struct worker_context *ctx, struct worker_incident *in,
    char id[WORKER_RANDOM_UUID_SIZE])
{
    char                 key[OSCP_KEY_SIZE];
    const char          *last = worker_record_get(&in->state, STATE_LAST);
    unsigned long long   n = 1;

    worker_random_uuid(id);

    if (strlen(last) == strlen(id)
        && strspn(last, "0123456789abcdef-") == strlen(id))
    {
        memcpy(id, last, INCIDENT_COUNT_AT);
        n = strtoull(last + INCIDENT_COUNT_AT, NULL, 16) + 1;
    }

    if (n > WORKER_INCIDENT_KEEP) {
        incident_number(id, n - WORKER_INCIDENT_KEEP);
        worker_commit_delete(ctx->commit,
                             worker_context_key(ctx, key, "incident", id, NULL,
                                                NULL));
    }

    incident_number(id, n);
}


int
worker_incident_open(struct worker_context *ctx, struct worker_incident *in,
    oscp_ms_t now_ms)
{
    char  id[WORKER_RANDOM_UUID_SIZE];

    if (*worker_incident_id(in) != '\0') {
        return 0;
    }

    incident_next(ctx, in, id);
    worker_record_clear(&in->hash);
    worker_record_set(&in->state, STATE_ID, id);
    worker_record_set(&in->state, STATE_LAST, id);
    worker_record_set_time(&in->state, STATE_AT, now_ms);
    worker_commit_count(ctx->commit, WORKER_COUNT_INCIDENTS, 1);
    incident_list(ctx, "SADD", id);

    return 1;
}


void
worker_incident_say(struct worker_context *ctx, struct worker_incident *in,
    const struct worker_incident_text *text)
{
    char                   key[OSCP_KEY_SIZE];
    struct worker_record  *r = &in->hash;

    worker_record_set(r, HASH_CONN, text->conn);
    worker_record_set(r, HASH_GROUP, text->group);
    worker_record_set(r, HASH_REASON, text->reason);
    worker_record_set(r, HASH_SEVERITY, oscp_severity_name(text->severity));
    worker_record_set(r, HASH_TITLE, text->title);
    worker_record_set(r, HASH_DETAIL, text->detail);
    worker_record_set(r, HASH_OPENED, worker_record_get(&in->state, STATE_AT));

    if (text->has_limit) {
        worker_record_set_number(r, HASH_LIMIT, text->limit_w);

    } else {
        worker_record_set(r, HASH_LIMIT, NULL);
    }

    worker_context_key(ctx, key, "incident", worker_incident_id(in), NULL,
                       NULL);
    if (worker_record_write(r, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for an incident");
    }
}


/*
 * Only the end is written: what the incident said last is worth keeping, and
 * stands there already.
 */
int
worker_incident_resolve(struct worker_context *ctx,
    struct worker_incident *in, oscp_ms_t now_ms)
{
    char         key[OSCP_KEY_SIZE], at[OSCP_TIME_SIZE];
    const char  *id = worker_incident_id(in);

    if (*id == '\0') {
        return 0;
    }

    worker_context_key(ctx, key, "incident", id, NULL, NULL);
    oscp_time_format(now_ms, at);

    worker_commit_begin(ctx->commit, "HSET", key);
    worker_commit_text(ctx->commit, hash_names[HASH_RESOLVED]);
    worker_commit_text(ctx->commit, at);
    worker_commit_end(ctx->commit);

    worker_commit_begin(ctx->commit, "EXPIRE", key);
    worker_commit_text(ctx->commit, WORKER_INCIDENT_KEEP_S);
    worker_commit_end(ctx->commit);

    incident_list(ctx, "SREM", id);

    worker_record_clear(&in->hash);
    worker_record_set(&in->state, STATE_ID, NULL);
    worker_record_set(&in->state, STATE_AT, NULL);

    return 1;
}


void
worker_incident_store(struct worker_context *ctx, struct worker_incident *in,
    const char *key)
{
    if (worker_record_write(&in->state, ctx->commit, key) == -1) {
        worker_context_fail(ctx, "no memory for an incident");
    }
}
