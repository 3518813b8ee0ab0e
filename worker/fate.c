/*
 * What became of a message of the outbox, told.
 */

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "event.h"
#include "fate.h"
#include "json.h"
#include "log.h"
#include "notice.h"


#define FATE_QUOTE_MAX     200     /* bytes of a strange field that are told */


static const struct {
    const char                *event;
    enum worker_commit_count   counter;
    enum worker_log_level      level;
} fate_kinds[] = {
    [WORKER_FATE_DELIVERED] = { "delivered", WORKER_COUNT_OUT_SENT,
                                WORKER_LOG_DEBUG },
    [WORKER_FATE_DEAD] = { "dead", WORKER_COUNT_OUT_DEAD, WORKER_LOG_WARN },
    [WORKER_FATE_GIVEN_UP] = { "given_up", WORKER_COUNT_OUT_GIVEN_UP,
                               WORKER_LOG_WARN },
    [WORKER_FATE_WITHDRAWN] = { "given_up", WORKER_COUNT_OUT_GIVEN_UP,
                                WORKER_LOG_INFO },
};


static void
fate_settle(struct worker_context *ctx, const char *id)
{
    char  key[OSCP_KEY_SIZE];

    worker_context_key(ctx, key, worker_stream_name(WORKER_STREAM_OUT), NULL,
                       NULL, NULL);
    worker_commit_settle(ctx->commit, key, id);
}


static void
fate_event(struct worker_context *ctx, const struct worker_fate *f,
    oscp_ms_t now_ms)
{
    struct worker_buffer        data = { .len = 0 };
    const struct worker_letter *l = f->letter;
    struct worker_event         event = { .event = fate_kinds[f->kind].event,
                                          .conn = f->conn, .group = l->group,
                                          .at_ms = now_ms, .by = "worker",
                                          .data = &data };

    worker_json_open(&data, NULL);
    worker_json_text(&data, "msg", oscp_message_name(l->kind));
    worker_json_text(&data, "req", l->req);
    worker_json_text(&data, "corr", l->corr);
    worker_json_text(&data, "why", f->why);
    worker_json_text(&data, "answer", f->text);
    if (f->status != 0) {
        worker_json_number(&data, "status", (double) f->status);
    }
    worker_json_number(&data, "tries", l->tries);
    worker_json_time(&data, "created", l->created_ms);
    worker_json_close(&data);

    worker_event_write(ctx->commit, &event);
    worker_buffer_free(&data);
}


static void
fate_log(struct worker_context *ctx, const struct worker_fate *f)
{
    const struct worker_letter *l = f->letter;
    struct worker_log_about     about = { .shard = (int) ctx->shard,
                                          .conn = f->conn, .group = l->group,
                                          .req = l->req };

    worker_log(fate_kinds[f->kind].level, &about, "%s %s%s%s",
               oscp_message_name(l->kind), f->kind == WORKER_FATE_DELIVERED
               ? "delivered" : f->kind == WORKER_FATE_DEAD
               ? "is a dead letter" : "given up", *f->why ? ": " : "", f->why);
}


/* All that the entry of `out` was, and why it stands here. */
static void
fate_bury(struct worker_context *ctx, const struct worker_fate *f)
{
    char                        key[OSCP_KEY_SIZE], created[OSCP_TIME_SIZE];
    char                        status[24], tries[24], reason[512];
    struct worker_commit       *c = ctx->commit;
    const struct worker_letter *l = f->letter;

    oscp_time_format(l->created_ms, created);
    snprintf(status, sizeof(status), "%ld", f->status);
    snprintf(tries, sizeof(tries), "%u", l->tries);
    snprintf(reason, sizeof(reason), "%s%s%s", f->why, *f->text ? ": " : "",
             f->text);

    worker_commit_begin(c, "XADD", worker_context_key(ctx, key, "dead", NULL,
                                                      NULL, NULL));
    worker_commit_text(c, "MAXLEN");
    worker_commit_text(c, "~");
    worker_commit_text(c, WORKER_FATE_DEAD_KEEP);
    worker_commit_text(c, "*");
    worker_commit_field(c, "conn", f->conn);
    worker_commit_field(c, "msg", oscp_message_name(l->kind));
    worker_commit_field(c, "group", l->group);
    worker_commit_field(c, "req", l->req);
    worker_commit_field(c, "corr", l->corr);
    worker_commit_field(c, "created", created);
    worker_commit_text(c, "body");
    worker_commit_bytes(c, l->body, l->len);
    worker_commit_field(c, "reason", reason);
    worker_commit_field(c, "status", status);
    worker_commit_field(c, "tries", tries);
    worker_commit_end(c);
}


/* One incident, whatever the number; it says what happened last. */
static void
fate_incident(struct worker_context *ctx, const struct worker_fate *f,
    struct worker_incident *in, oscp_ms_t now_ms)
{
    int                          opened;
    char                         title[OSCP_EPISODE_TITLE_SIZE];
    char                         detail[2 * OSCP_EPISODE_DETAIL_SIZE];
    const struct worker_letter  *l = f->letter;
    struct worker_incident_text  text = { .conn = f->conn, .group = l->group,
                                          .reason = "undeliverable",
                                          .severity = OSCP_SEVERITY_WARNING,
                                          .title = title, .detail = detail };
    struct worker_notice         notice = { .severity = OSCP_SEVERITY_WARNING,
                                            .conn = f->conn, .group = l->group,
                                            .title = title, .detail = detail };

    if (*l->group != '\0') {
        snprintf(title, sizeof(title), "Messages of group %s do not reach %s",
                 l->group, f->conn);

    } else {
        snprintf(title, sizeof(title), "Messages do not reach %s", f->conn);
    }

    snprintf(detail, sizeof(detail), "%s %s, tried %u time%s, %s: %s%s%s%s",
             oscp_message_name(l->kind), l->req, l->tries,
             l->tries == 1 ? "" : "s", f->kind == WORKER_FATE_DEAD
             ? "is kept as a dead letter (oscpctl dead)"
             : "was given up and is lost", f->why, *f->text ? " (" : "",
             f->text, *f->text ? ")" : "");

    opened = worker_incident_open(ctx, in, now_ms);
    worker_incident_say(ctx, in, &text);

    if (opened) {
        notice.incident = worker_incident_id(in);
        worker_notice_write(ctx, &notice);
    }
}


static void
fate_resolve(struct worker_context *ctx, const struct worker_fate *f,
    struct worker_incident *in, oscp_ms_t now_ms)
{
    char                   title[OSCP_EPISODE_TITLE_SIZE];
    char                   id[OSCP_ID_SIZE];
    const char            *group = f->letter->group;
    struct worker_notice   notice = { .severity = OSCP_SEVERITY_INFO,
                                      .conn = f->conn, .group = group,
                                      .title = title, .incident = id };

    snprintf(id, sizeof(id), "%s", worker_incident_id(in));

    if (!worker_incident_resolve(ctx, in, now_ms)) {
        return;
    }

    if (*group != '\0') {
        snprintf(title, sizeof(title), "Messages of group %s reach %s again",
                 group, f->conn);

    } else {
        snprintf(title, sizeof(title), "Messages reach %s again", f->conn);
    }

    worker_notice_write(ctx, &notice);
}


void
worker_fate_write(struct worker_context *ctx, const struct worker_fate *fate,
    struct worker_incident *incident, const char *key, oscp_ms_t now_ms)
{
    fate_log(ctx, fate);
    fate_event(ctx, fate, now_ms);

    if (fate->kind == WORKER_FATE_DEAD) {
        fate_bury(ctx, fate);
    }

    if (incident != NULL && fate->kind != WORKER_FATE_WITHDRAWN) {
        if (fate->kind == WORKER_FATE_DELIVERED) {
            fate_resolve(ctx, fate, incident, now_ms);

        } else {
            fate_incident(ctx, fate, incident, now_ms);
        }

        worker_incident_store(ctx, incident, key);
    }

    worker_commit_count(ctx->commit, fate_kinds[fate->kind].counter, 1);
    fate_settle(ctx, fate->letter->id);
}


/* Whatever somebody wrote there must not break what is read by others. */
static void
fate_quote(struct worker_buffer *data, const char *name, const char *value)
{
    char    text[FATE_QUOTE_MAX + 1];
    size_t  len = 0;

    for (; value[len] != '\0' && len < FATE_QUOTE_MAX; len++) {
        text[len] = value[len] >= 0x20 && value[len] < 0x7f ? value[len] : '?';
    }
    text[len] = '\0';

    worker_json_text(data, name, text);
}


void
worker_fate_refuse(struct worker_context *ctx, const struct worker_entry *e,
    const char *why)
{
    struct worker_log_about  about = { .shard = (int) ctx->shard };
    struct worker_buffer     data = { .len = 0 };
    struct worker_event      event = { .event = "given_up", .by = "worker",
                                       .at_ms = worker_clock_wall(),
                                       .data = &data };

    worker_log(WORKER_LOG_WARN, &about, "entry %s of the outbox is given up: "
               "%s", e->id, why);

    /* what is no name does not go where names are read */
    if (oscp_name_valid(e->conn, strlen(e->conn), OSCP_NAME_PLAIN)) {
        event.conn = e->conn;
    }

    worker_json_open(&data, NULL);
    worker_json_text(&data, "entry", e->id);
    worker_json_text(&data, "why", why);
    fate_quote(&data, "conn", e->conn);
    fate_quote(&data, "group", e->group);
    fate_quote(&data, "msg", e->msg);
    fate_quote(&data, "req", e->req);
    fate_quote(&data, "created", e->created);
    worker_json_close(&data);

    worker_event_write(ctx->commit, &event);
    worker_commit_count(ctx->commit, WORKER_COUNT_OUT_GIVEN_UP, 1);
    fate_settle(ctx, e->id);
    worker_buffer_free(&data);
}


void
worker_fate_end(struct worker_context *ctx, struct worker_incident *incident,
    const char *key, oscp_ms_t now_ms)
{
    if (worker_incident_resolve(ctx, incident, now_ms)) {
        worker_incident_store(ctx, incident, key);
    }
}
