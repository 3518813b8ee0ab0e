/*
 * A sample from the stream `meter` takes effect.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "json.h"
#include "log.h"
#include "metering.h"
#include "oscp_number.h"
#include "oscp_sample.h"
#include "sample.h"


/* One field of the event, cut to a sane length. */
static void
sample_quote(struct worker_buffer *b, const char *name, const char *text)
{
    char  cut[WORKER_SAMPLE_QUOTE_MAX + 1];

    snprintf(cut, sizeof(cut), "%s", text);
    worker_json_text(b, name, cut);
}


static void
sample_refused(struct worker_context *ctx, const struct worker_connection *conn,
    const struct worker_group *g, const struct worker_entry *e,
    const char *why)
{
    struct worker_buffer     data = { .len = 0 };
    struct worker_log_about  about = { .shard = (int) ctx->shard };
    struct worker_event      event = { .event = "sample_refused",
                                       .by = "worker", .data = &data };

    /* what is no name of ours does not go where names are read */
    event.conn = about.conn = conn ? worker_connection_name(conn) : NULL;
    event.group = about.group = g ? worker_group_id(g) : NULL;
    event.at_ms = strtoll(e->id, NULL, 10);

    worker_log(WORKER_LOG_WARN, &about, "sample %s refused: %s", e->id, why);

    worker_json_open(&data, NULL);
    worker_json_text(&data, "why", why);
    worker_json_text(&data, "entry", e->id);
    worker_json_open(&data, "sample");
    sample_quote(&data, "conn", e->conn);
    sample_quote(&data, "group", e->group);
    sample_quote(&data, "asset", e->asset);
    sample_quote(&data, "at", e->at);
    sample_quote(&data, "power_w", e->power_w);
    sample_quote(&data, "energy_import_wh", e->energy_import_wh);
    sample_quote(&data, "energy_export_wh", e->energy_export_wh);
    worker_json_close(&data);
    worker_json_close(&data);

    worker_event_write(ctx->commit, &event);
    worker_commit_count(ctx->commit, WORKER_COUNT_SAMPLES_REFUSED, 1);
    worker_buffer_free(&data);
}


/* Reads the fields.  Returns NULL, or what is wrong with them. */
static const char *
sample_read(const struct worker_entry *e, struct worker_metering_sample *s)
{
    oscp_sample_t  *r = &s->reading;

    memset(s, 0, sizeof(*s));
    s->asset = e->asset;
    s->stored_ms = strtoll(e->id, NULL, 10);
    snprintf(r->entry, sizeof(r->entry), "%s", e->id);

    if (e->nul != NULL) {
        return "every field must be text without NUL bytes";
    }

    if (!oscp_name_valid(e->asset, strlen(e->asset), OSCP_NAME_PLAIN)) {
        return "asset must be 1 to 64 letters, digits, dots, underscores or "
               "dashes";
    }

    if (oscp_time_parse(e->at, strlen(e->at), &r->at_ms) == -1) {
        return "at must be an RFC 3339 date-time with an offset";
    }

    if (oscp_meter_parse_wh(e->energy_import_wh, strlen(e->energy_import_wh),
                            &r->import_mwh)
        == -1)
    {
        return "energy_import_wh must be a plain decimal from 0 to 1e12";
    }

    r->has_export = *e->energy_export_wh != '\0';
    if (r->has_export
        && oscp_meter_parse_wh(e->energy_export_wh,
                               strlen(e->energy_export_wh), &r->export_mwh)
           == -1)
    {
        return "energy_export_wh must be a plain decimal from 0 to 1e12";
    }

    r->has_power = *e->power_w != '\0';
    if (r->has_power
        && (oscp_number_parse(e->power_w, strlen(e->power_w), &r->power_w) == -1
            || r->power_w > OSCP_SAMPLE_W_MAX
            || r->power_w < -OSCP_SAMPLE_W_MAX))
    {
        return "power_w must be a number from -1e12 to 1e12";
    }

    return NULL;
}


/* NULL: held; "": settled without a word; else why it is refused. */
static const char *
sample_judge(const struct worker_connection *conn, struct worker_group *g,
    const struct worker_entry *e)
{
    const char                     *why;
    struct worker_metering_sample   s;

    if (e->gone) {
        return "the entry was deleted from the stream";
    }

    if (conn == NULL) {
        return "conn must be a configured connection";
    }

    if (g == NULL) {
        return "group must be one of the connection's";
    }

    why = sample_read(e, &s);

    return why != NULL ? why : worker_group_sample(g, &s);
}


void
worker_sample_entry(struct worker_context *ctx,
    struct worker_connection *conn, const struct worker_entry *e)
{
    char                  key[OSCP_KEY_SIZE];
    const char           *why;
    struct worker_group  *g;

    g = conn ? worker_connection_group(conn, e->group) : NULL;

    why = sample_judge(conn, g, e);
    if (why == NULL) {
        return;
    }

    if (*why != '\0') {
        sample_refused(ctx, conn, g, e, why);
    }

    worker_context_key(ctx, key, worker_stream_name(WORKER_STREAM_METER), NULL,
                       NULL, NULL);
    worker_commit_settle(ctx->commit, key, e->id);
}
