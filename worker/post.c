/*
 * A message goes into the outbox.
 */

#include "entry.h"
#include "post.h"


void
worker_post_write(struct worker_context *ctx, const struct worker_post *post)
{
    char                   key[OSCP_KEY_SIZE], created[OSCP_TIME_SIZE];
    const char            *out = worker_stream_name(WORKER_STREAM_OUT);
    struct worker_commit  *c = ctx->commit;

    oscp_time_format(post->created_ms, created);

    worker_commit_begin(c, "XADD",
                        worker_context_key(ctx, key, out, NULL, NULL, NULL));
    worker_commit_text(c, "*");
    worker_commit_field(c, "conn", post->conn);
    worker_commit_field(c, "msg", oscp_message_name(post->kind));
    worker_commit_field(c, "group", post->group);
    worker_commit_field(c, "req", post->req);
    worker_commit_field(c, "corr", post->corr);
    worker_commit_field(c, "created", created);
    worker_commit_text(c, "body");
    worker_commit_bytes(c, post->body, post->len);
    worker_commit_end(c);
}
