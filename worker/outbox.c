/*
 * The outbox.
 */

#include "entry.h"
#include "outbox.h"


static void
outbox_field(struct worker_commit *c, const char *name, const char *value)
{
    if (value != NULL && *value != '\0') {
        worker_commit_text(c, name);
        worker_commit_text(c, value);
    }
}


void
worker_outbox_write(struct worker_context *ctx,
    const struct worker_outbox_message *m)
{
    char                   key[OSCP_KEY_SIZE], created[OSCP_TIME_SIZE];
    struct worker_commit  *c = ctx->commit;

    oscp_time_format(m->created_ms, created);

    worker_commit_begin(c, "XADD",
                        worker_context_key(ctx, key,
                                           worker_stream_name(
                                               WORKER_STREAM_OUT),
                                           NULL, NULL, NULL));
    worker_commit_text(c, "*");
    outbox_field(c, "conn", m->conn);
    outbox_field(c, "msg", oscp_message_name(m->kind));
    outbox_field(c, "group", m->group);
    outbox_field(c, "req", m->req);
    outbox_field(c, "corr", m->corr);
    outbox_field(c, "created", created);
    worker_commit_text(c, "body");
    worker_commit_bytes(c, m->body, m->len);
    worker_commit_end(c);
}
