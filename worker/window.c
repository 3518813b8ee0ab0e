/*
 * The end of a window of a group's meters.
 */

#include <stdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "clock.h"
#include "event.h"
#include "group_link.h"
#include "json.h"
#include "log.h"
#include "oscp_write.h"
#include "post.h"
#include "random.h"
#include "window.h"


#define WINDOW_MWH_PER_WH   1e3
#define WINDOW_TEXT_SIZE    512      /* of what names a window's message */

/* Beside the fields of a group's hash that envelope.c writes. */
enum window_field {
    WINDOW_METERED_UNTIL = 0,
    WINDOW_METERED_ENTRY,
    WINDOW_FROM,                 /* the last window that was closed */
    WINDOW_UNTIL,
    WINDOW_IMPORT,
    WINDOW_EXPORT,
    WINDOW_POWER,
    WINDOW_COUNT
};

static const char *const  window_names[WINDOW_COUNT] = {
    [WINDOW_METERED_UNTIL] = "metered_until",
    [WINDOW_METERED_ENTRY] = "metered_entry",
    [WINDOW_FROM] = "window_from",
    [WINDOW_UNTIL] = "window_until",
    [WINDOW_IMPORT] = "window_import_wh",
    [WINDOW_EXPORT] = "window_export_wh",
    [WINDOW_POWER] = "window_power_w",
};


int
worker_window_init(struct worker_record *r)
{
    return worker_record_init(r, window_names, WINDOW_COUNT);
}


void
worker_window_load(struct worker_metering *m)
{
    m->until_ms = worker_record_time(&m->state, WINDOW_METERED_UNTIL);
    snprintf(m->held, sizeof(m->held), "%s",
             worker_record_get(&m->state, WINDOW_METERED_ENTRY));
}


static void
callback_dropped(void *arg, const char *entry)
{
    char                     key[OSCP_KEY_SIZE];
    struct worker_metering  *m = arg;

    worker_context_key(m->ctx, key, worker_stream_name(WORKER_STREAM_METER),
                       NULL, NULL, NULL);
    worker_commit_settle(m->ctx->commit, key, entry);
}


/* Metered time ends there now; samples that nothing needs any more go. */
static void
window_end(struct worker_metering *m, oscp_ms_t until_ms)
{
    char  key[OSCP_KEY_SIZE];

    m->until_ms = until_ms;
    snprintf(m->held, sizeof(m->held), "%s", m->last);
    worker_record_set_time(&m->state, WINDOW_METERED_UNTIL, until_ms);
    worker_record_set(&m->state, WINDOW_METERED_ENTRY, m->held);

    for (size_t i = 0; i < m->n; i++) {
        oscp_meter_settle(&m->assets[i]->meter, until_ms, m->link->window_ms,
                          callback_dropped, m);
        oscp_meter_firm(&m->assets[i]->meter, until_ms, m->link->window_ms);
    }

    worker_context_key(m->ctx, key, "group", m->link->conn, m->binding->id,
                       NULL);
    if (worker_record_write(&m->state, m->ctx->commit, key) == -1) {
        worker_context_fail(m->ctx, "no memory for a window");
    }
}


static void
window_json_energy(struct worker_buffer *data, int64_t import_mwh,
    int has_export, int64_t export_mwh)
{
    worker_json_number(data, "import_wh",
                       (double) import_mwh / WINDOW_MWH_PER_WH);
    if (has_export) {
        worker_json_number(data, "export_wh",
                           (double) export_mwh / WINDOW_MWH_PER_WH);
    }
}


static void
window_json_assets(struct worker_buffer *data,
    const oscp_report_asset_t *assets, size_t n)
{
    const oscp_reading_t  *r;

    worker_json_open(data, "assets");

    for (size_t i = 0; i < n; i++) {
        r = &assets[i].reading;
        if (r->state != OSCP_READING_COMPLETE) {
            continue;
        }

        worker_json_open(data, assets[i].name);
        window_json_energy(data, r->import_mwh, r->has_export, r->export_mwh);
        if (r->has_power) {
            worker_json_number(data, "power_w", r->power_w);
        }
        worker_json_close(data);
    }

    worker_json_close(data);
}


/*
 * The request id of a window's message, which is the same whoever makes it: a
 * window that was told by a Redis that has lost its last moments since is told
 * again, and the peer can see that it knows it.  A UUID, version 8.
 */
static const char *
window_req(struct worker_metering *m, const oscp_window_t *w,
    oscp_message_kind_t kind, char req[WORKER_RANDOM_UUID_SIZE])
{
    int            len;
    char           text[WINDOW_TEXT_SIZE];
    unsigned char  h[EVP_MAX_MD_SIZE];

    len = snprintf(text, sizeof(text), "%s %s %s %lld %lld", m->link->conn,
                   m->binding->id, oscp_message_name(kind),
                   (long long) w->start_ms, (long long) w->end_ms);

    if (EVP_Digest(text, (size_t) len, h, NULL, EVP_sha256(), NULL) != 1) {
        worker_context_fail(m->ctx, "no memory for a message");
        memset(h, 0, sizeof(h));
    }

    h[6] = (h[6] & 0x0f) | 0x80;
    h[8] = (h[8] & 0x3f) | 0x80;

    len = 0;
    for (int i = 0; i < 16; i++) {
        len += snprintf(req + len, WORKER_RANDOM_UUID_SIZE - (size_t) len,
                        i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x"
                                                              : "%02x", h[i]);
    }

    return req;
}


/* One message into the outbox; its request id goes into the event. */
static void
window_send(struct worker_metering *m, const oscp_window_t *w,
    const oscp_message_t *message, oscp_ms_t now, struct worker_buffer *data)
{
    char                req[WORKER_RANDOM_UUID_SIZE], *body;
    size_t              len;
    struct worker_post  out = { .kind = message->kind, .conn = m->link->conn,
                                .group = m->binding->id, .created_ms = now };

    len = oscp_write(message, NULL, 0);
    body = malloc(len + 1);
    if (body == NULL) {
        worker_context_fail(m->ctx, "no memory for a message");
        return;
    }

    oscp_write(message, body, len + 1);
    out.req = window_req(m, w, message->kind, req);
    out.body = body;
    out.len = len;
    worker_post_write(m->ctx, &out);
    worker_json_text(data, oscp_message_name(message->kind), req);
    free(body);
}


static void
window_report(struct worker_metering *m, const oscp_window_t *w,
    const oscp_report_asset_t *assets, oscp_ms_t now,
    struct worker_buffer *data)
{
    oscp_report_t         report;
    oscp_report_window_t  of = { .profile = m->link->profile,
                                 .measurement = m->link->measurement,
                                 .group_id = m->binding->id,
                                 .asset_id = m->binding->asset,
                                 .start_ms = w->start_ms,
                                 .end_ms = w->end_ms,
                                 .assets = assets, .nassets = m->n };

    if (oscp_report_make(&report, &of, &oscp_alloc_libc) == -1) {
        worker_context_fail(m->ctx, "no memory for a report");
    }

    worker_json_open(data, "messages");
    for (size_t i = 0; i < report.n; i++) {
        window_send(m, w, &report.messages[i], now, data);
    }
    worker_json_close(data);

    if (report.n == 0) {
        worker_json_text(data, "why", "the peer wants no measurements that "
                         "are served");
    }

    oscp_report_clear(&report, &oscp_alloc_libc);
}


/* What people see of it in the group's hash. */
static void
window_show(struct worker_metering *m, const oscp_window_t *w,
    const oscp_report_sum_t *sum)
{
    struct worker_record  *r = &m->state;

    worker_record_set_time(r, WINDOW_FROM, w->start_ms);
    worker_record_set_time(r, WINDOW_UNTIL, w->end_ms);
    worker_record_set_number(r, WINDOW_IMPORT,
                             (double) sum->import_mwh / WINDOW_MWH_PER_WH);

    if (sum->has_export) {
        worker_record_set_number(r, WINDOW_EXPORT,
                                 (double) sum->export_mwh / WINDOW_MWH_PER_WH);
    } else {
        worker_record_set(r, WINDOW_EXPORT, NULL);
    }

    if (sum->has_power) {
        worker_record_set_number(r, WINDOW_POWER, sum->power_w);

    } else {
        worker_record_set(r, WINDOW_POWER, NULL);
    }
}


void
worker_window_close(struct worker_metering *m, const oscp_window_t *w,
    const oscp_report_asset_t *assets, const oscp_report_sum_t *sum)
{
    oscp_ms_t             now = worker_clock_wall();
    struct worker_buffer  data = { .len = 0 };
    struct worker_event   event = { .event = "window", .conn = m->link->conn,
                                    .group = m->binding->id, .at_ms = now,
                                    .by = "worker", .data = &data };

    worker_json_open(&data, NULL);
    worker_json_time(&data, "from", w->start_ms);
    worker_json_time(&data, "until", w->end_ms);
    window_json_energy(&data, sum->import_mwh, sum->has_export,
                       sum->export_mwh);
    if (sum->has_power) {
        worker_json_number(&data, "power_w", sum->power_w);
    }
    window_json_assets(&data, assets, m->n);
    window_report(m, w, assets, now, &data);
    worker_json_close(&data);

    worker_event_write(m->ctx->commit, &event);
    worker_commit_count(m->ctx->commit, WORKER_COUNT_WINDOWS_CLOSED, 1);
    worker_buffer_free(&data);

    window_show(m, w, sum);
    window_end(m, w->end_ms);
}


void
worker_window_skip(struct worker_metering *m, oscp_ms_t from_ms,
    oscp_ms_t until_ms, const char *why, const char *asset)
{
    char                     from[OSCP_TIME_SIZE], until[OSCP_TIME_SIZE];
    int64_t                  n, length = m->link->window_ms;
    struct worker_log_about  about = { .shard = (int) m->ctx->shard,
                                       .conn = m->link->conn,
                                       .group = m->binding->id };
    struct worker_buffer     data = { .len = 0 };
    struct worker_event      event = { .event = "window_skipped",
                                       .conn = m->link->conn,
                                       .group = m->binding->id,
                                       .at_ms = worker_clock_wall(),
                                       .by = "worker", .data = &data };

    n = (until_ms - from_ms + length - 1) / length;

    worker_json_open(&data, NULL);
    worker_json_time(&data, "from", from_ms);
    worker_json_time(&data, "until", until_ms);
    worker_json_number(&data, "windows", (double) n);
    worker_json_text(&data, "why", why);
    worker_json_text(&data, "asset", asset);
    worker_json_close(&data);

    oscp_time_format(from_ms, from);
    oscp_time_format(until_ms, until);
    worker_log(WORKER_LOG_WARN, &about, "no measurements from %s to %s: %s%s%s",
               from, until, why, asset ? ": " : "", asset ? asset : "");

    worker_event_write(m->ctx->commit, &event);
    worker_commit_count(m->ctx->commit, WORKER_COUNT_WINDOWS_SKIPPED,
                        (unsigned) n);
    worker_buffer_free(&data);

    window_end(m, until_ms);
}
