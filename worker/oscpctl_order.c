/*
 * connect, disconnect, enable, disable: the operator's orders.  An order is an
 * entry in the `cmd` stream; the worker answers it by an event that bears its
 * id.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "oscpctl.h"
#include "oscpctl_out.h"
#include "oscpctl_stream.h"
#include "oscpctl_text.h"


#define ORDER_TEXT_SIZE   512

/* What became of it. */
struct order_outcome {
    char  id[WORKER_CTL_STREAM_ID_SIZE];      /* of the command */
    char  outcome[32];                        /* "" while none is known */
    char  text[ORDER_TEXT_SIZE];
};


/* A name nobody knows is most often mistyped: say what there is. */
static const struct worker_ctl_connection *
order_target(const struct worker_ctl *ctl)
{
    const char                          *conn = ctl->options->argv[0];
    const char                          *group = ctl->options->argc > 1
                                                 ? ctl->options->argv[1] : NULL;
    const struct worker_ctl_connection  *c;

    c = worker_ctl_catalog_connection(ctl->catalog, conn);

    if (c == NULL) {
        worker_ctl_out_error("there is no connection \"%s\"; oscpctl status "
                             "shows all", conn);
        return NULL;
    }

    if (group != NULL
        && oscp_config_group(c->conf, group, strlen(group)) == NULL)
    {
        worker_ctl_out_error("connection %s has no group \"%s\"; oscpctl show "
                             "%s shows all", conn, group, conn);
        return NULL;
    }

    return c;
}


static int
order_send(struct worker_ctl *ctl, unsigned shard, struct order_outcome *result)
{
    int                               argc = 0;
    char                              key[OSCP_KEY_SIZE];
    redisReply                       *reply;
    const char                       *argv[16];
    const struct worker_ctl_options  *o = ctl->options;

    oscp_key(key, sizeof(key), o->access.prefix, shard, "cmd", NULL);

    argv[argc++] = "XADD";
    argv[argc++] = key;
    argv[argc++] = "*";
    argv[argc++] = "op";
    argv[argc++] = o->command->name;
    argv[argc++] = "conn";
    argv[argc++] = o->argv[0];

    if (o->argc > 1) {
        argv[argc++] = "group";
        argv[argc++] = o->argv[1];
    }

    argv[argc++] = "by";
    argv[argc++] = o->by;

    if (*o->reason != '\0') {
        argv[argc++] = "reason";
        argv[argc++] = o->reason;
    }

    reply = worker_ctl_store_command(ctl->store, argc, argv);
    if (reply == NULL) {
        return -1;
    }

    snprintf(result->id, sizeof(result->id), "%s",
             reply->type == REDIS_REPLY_STRING ? reply->str : "");
    freeReplyObject(reply);

    return 0;
}


/* 1 when the event answers the command. */
static int
order_answer(const redisReply *fields, struct order_outcome *result)
{
    cJSON        *data;
    const char   *event = worker_ctl_store_field(fields, "event");
    const char   *cmd = worker_ctl_store_field(fields, "cmd");
    const char   *json = worker_ctl_store_field(fields, "data");
    const cJSON  *item;

    if (event == NULL || cmd == NULL || strcmp(event, "command") != 0
        || strcmp(cmd, result->id) != 0)
    {
        return 0;
    }

    data = cJSON_Parse(json ? json : "{}");

    item = cJSON_GetObjectItemCaseSensitive(data, "outcome");
    snprintf(result->outcome, sizeof(result->outcome), "%s",
             cJSON_IsString(item) ? item->valuestring : "unknown");

    item = cJSON_GetObjectItemCaseSensitive(data, "text");
    snprintf(result->text, sizeof(result->text), "%s",
             cJSON_IsString(item) ? item->valuestring : "");

    cJSON_Delete(data);

    return 1;
}


/* Goes through what XREAD gave; 1 when the answer was there. */
static int
order_look(const redisReply *streams, struct order_outcome *result,
    char last[WORKER_CTL_STREAM_ID_SIZE])
{
    const char        *id;
    const redisReply  *entries, *fields;

    if (streams->type != REDIS_REPLY_ARRAY || streams->elements < 1
        || streams->element[0]->elements < 2)
    {
        return 0;
    }

    entries = streams->element[0]->element[1];

    for (size_t i = 0; i < entries->elements; i++) {
        if (worker_ctl_stream_entry(entries->element[i], &id, &fields) == -1) {
            continue;
        }

        snprintf(last, WORKER_CTL_STREAM_ID_SIZE, "%s", id);
        if (order_answer(fields, result)) {
            return 1;
        }
    }

    return 0;
}


static int
order_wait(struct worker_ctl *ctl, const char *events,
    char last[WORKER_CTL_STREAM_ID_SIZE], struct order_outcome *result)
{
    int          found = 0;
    char         keys[1][OSCP_KEY_SIZE], ids[1][WORKER_CTL_STREAM_ID_SIZE];
    int64_t      left, end = worker_clock_boot() + ctl->options->timeout_ms;
    redisReply  *reply;

    snprintf(keys[0], sizeof(keys[0]), "%s", events);

    while (!found && (left = end - worker_clock_boot()) > 0) {
        memcpy(ids[0], last, sizeof(ids[0]));

        reply = worker_ctl_stream_wait(ctl->store, keys, ids, 1, left);
        if (reply == NULL) {
            return -1;
        }

        found = order_look(reply, result, last);
        freeReplyObject(reply);
    }

    return 0;
}


/*
 * No answer in time.  The order stays: taking back control must not depend on
 * whether a worker runs at this very moment.
 */
static void
order_pending(struct worker_ctl *ctl, unsigned shard,
    struct order_outcome *result)
{
    char         key[OSCP_KEY_SIZE], span[WORKER_CTL_TEXT_SIZE];
    redisReply  *reply;
    const char  *argv[] = { "GET", key }, *why;

    oscp_key(key, sizeof(key), ctl->prefix, shard, "lease", NULL);
    reply = worker_ctl_store_command(ctl->store, 2, argv);
    why = reply == NULL ? "" : reply->type == REDIS_REPLY_STRING
          ? "; the worker is slow" : "; no worker is alive for this connection";

    snprintf(result->outcome, sizeof(result->outcome), "pending");
    snprintf(result->text, sizeof(result->text),
             "no outcome within %s%s.  The order %s stays and is carried out "
             "as soon as a worker can: look with oscpctl events",
             worker_ctl_text_span(ctl->options->timeout_ms, span), why,
             result->id);

    freeReplyObject(reply);
}


static int
order_print(const struct worker_ctl *ctl, const struct order_outcome *result)
{
    int                               good;
    cJSON                            *doc;
    const struct worker_ctl_options  *o = ctl->options;

    good = strcmp(result->outcome, "done") == 0
           || strcmp(result->outcome, "unchanged") == 0;

    if (o->json) {
        doc = cJSON_CreateObject();
        cJSON_AddStringToObject(doc, "cmd", result->id);
        cJSON_AddStringToObject(doc, "op", o->command->name);
        cJSON_AddStringToObject(doc, "conn", o->argv[0]);
        if (o->argc > 1) {
            cJSON_AddStringToObject(doc, "group", o->argv[1]);
        }
        cJSON_AddStringToObject(doc, "by", o->by);
        cJSON_AddStringToObject(doc, "outcome", result->outcome);
        cJSON_AddStringToObject(doc, "text", result->text);
        if (worker_ctl_out_json(doc) == -1) {
            return WORKER_CTL_EXIT_FAILED;
        }

    } else if (good) {
        worker_ctl_out_line(WORKER_CTL_PLAIN, 0, "%s: %s%s%s", o->argv[0],
                            result->outcome, *result->text ? ": " : "",
                            result->text);

    } else {
        worker_ctl_out_error("%s %s: %s%s%s", o->command->name, o->argv[0],
                             result->outcome, *result->text ? ": " : "",
                             result->text);
    }

    return good ? WORKER_CTL_EXIT_DONE : WORKER_CTL_EXIT_FAILED;
}


int
worker_ctl_order_run(struct worker_ctl *ctl)
{
    char                                 events[OSCP_KEY_SIZE];
    char                                 last[WORKER_CTL_STREAM_ID_SIZE];
    struct order_outcome                 result = { .outcome = "" };
    const struct worker_ctl_connection  *c = order_target(ctl);

    if (c == NULL) {
        return WORKER_CTL_EXIT_FAILED;
    }

    oscp_key(events, sizeof(events), ctl->prefix, c->shard, "events",
             NULL);

    if (worker_ctl_stream_last(ctl->store, events, last) == -1
        || order_send(ctl, c->shard, &result) == -1)
    {
        return WORKER_CTL_EXIT_FAILED;
    }

    if (order_wait(ctl, events, last, &result) == -1) {
        worker_ctl_out_error("the order %s was sent; what became of it is not "
                             "known: look with oscpctl events", result.id);
        return WORKER_CTL_EXIT_FAILED;
    }

    if (result.outcome[0] == '\0') {
        order_pending(ctl, c->shard, &result);
    }

    return order_print(ctl, &result);
}
