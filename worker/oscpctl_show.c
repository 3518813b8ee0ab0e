/*
 * show NAME: all that Redis says of a connection, group, scope or circuit.
 */

#include <stdio.h>
#include <string.h>

#include "oscp_adjust.h"
#include "oscpctl.h"
#include "oscpctl_json.h"
#include "oscpctl_live.h"
#include "oscpctl_out.h"
#include "oscpctl_table.h"
#include "oscpctl_text.h"


#define SHOW_BLOCKS   6      /* of a timeline, from now on; --json has all */
#define SHOW_WIDTH    28


/* A hash, field by field: times and powers once more as people read them. */
static void
show_hash(const struct worker_ctl *ctl, const char *title,
    const redisReply *hash)
{
    char         text[WORKER_CTL_TEXT_SIZE];
    double       watts;
    size_t       len;
    oscp_ms_t    ms;
    const char  *name, *value;

    worker_ctl_out_line(WORKER_CTL_BOLD, 0, "%s%s", title,
                        hash->elements == 0 ? ": nothing is stored" : "");

    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        name = hash->element[i]->str;
        value = hash->element[i + 1]->str;
        ms = worker_ctl_text_stored(value);
        watts = worker_ctl_live_number(hash, name);
        len = strlen(name);

        if (strcmp(name, "blocks") == 0) {
            continue;
        }

        if (ms != OSCP_TIME_NONE) {
            worker_ctl_out_pair(2, SHOW_WIDTH, name, "%s  (%s)", value,
                                worker_ctl_text_time(ms, ctl->now_ms, text));

        } else if (len > 2 && strcmp(name + len - 2, "_w") == 0 && watts >= 0) {
            worker_ctl_out_pair(2, SHOW_WIDTH, name, "%s  (%s)", value,
                                worker_ctl_text_power(watts, text));
        } else {
            worker_ctl_out_pair(2, SHOW_WIDTH, name, "%s", value);
        }
    }
}


/* The blocks of one lane that have not ended, the first of them; how many. */
static size_t
show_blocks(const struct worker_ctl *ctl, const oscp_spans_t *lane)
{
    char                from[WORKER_CTL_TEXT_SIZE];
    char                until[WORKER_CTL_TEXT_SIZE];
    char                power[WORKER_CTL_TEXT_SIZE];
    size_t              shown = 0;
    const oscp_span_t  *s;

    for (size_t i = 0; i < lane->n; i++) {
        s = &lane->spans[i];
        if (s->end_ms <= ctl->now_ms) {
            continue;
        }

        if (shown++ == SHOW_BLOCKS) {
            worker_ctl_out_line(WORKER_CTL_PLAIN, 4, "... %zu more, until %s",
                                lane->n - i,
                                worker_ctl_text_time(
                                    lane->spans[lane->n - 1].end_ms,
                                    ctl->now_ms, until));
            break;
        }

        worker_ctl_out_line(s->start_ms <= ctl->now_ms ? WORKER_CTL_BOLD
                                                       : WORKER_CTL_PLAIN, 4,
                            "%s %s to %s  %s  phase %s  %s",
                            s->start_ms <= ctl->now_ms ? ">" : " ",
                            worker_ctl_text_time(s->start_ms, ctl->now_ms,
                                                 from),
                            worker_ctl_text_time(s->end_ms, ctl->now_ms, until),
                            worker_ctl_text_power(s->watts, power),
                            oscp_phase_name(s->phase), s->req);
    }

    return shown;
}


static void
show_forecasts(const struct worker_ctl *ctl, const struct worker_ctl_live *live)
{
    char                    at[WORKER_CTL_TEXT_SIZE];
    size_t                  shown;
    const oscp_timeline_t  *t;

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        t = &live->forecasts.timelines[i];
        if (t->req[0] == '\0') {
            continue;
        }

        worker_ctl_out_line(WORKER_CTL_BOLD, 0, "forecast %s: newest message "
                            "%s, received %s", oscp_type_name(i), t->req,
                            worker_ctl_text_time(t->received_ms, ctl->now_ms,
                                                 at));
        shown = 0;
        for (unsigned lane = 0; lane < OSCP_LANE_COUNT; lane++) {
            shown += show_blocks(ctl, &t->lanes[lane]);
        }

        if (shown == 0) {
            worker_ctl_out_line(WORKER_CTL_PLAIN, 4, "all its blocks have "
                                "ended");
        }
    }
}


/* The blocks that were asked for. */
static void
show_wish(const struct worker_ctl *ctl, const char *blocks)
{
    char                 from[WORKER_CTL_TEXT_SIZE];
    char                 until[WORKER_CTL_TEXT_SIZE];
    char                 power[WORKER_CTL_TEXT_SIZE];
    oscp_adjust_t        wish;
    const oscp_block_t  *b;

    if (blocks == NULL
        || oscp_adjust_read(&wish, blocks, strlen(blocks), INT64_MIN, NULL)
           != OSCP_OK)
    {
        return;
    }

    for (size_t i = 0; i < wish.n; i++) {
        if (i == SHOW_BLOCKS) {
            worker_ctl_out_line(WORKER_CTL_PLAIN, 4, "... %zu more",
                                wish.n - i);
            return;
        }

        b = &wish.blocks[i];
        worker_ctl_out_line(WORKER_CTL_PLAIN, 4, "%s to %s  %s  phase %s",
                            worker_ctl_text_time(b->start_ms, ctl->now_ms,
                                                 from),
                            worker_ctl_text_time(b->end_ms, ctl->now_ms, until),
                            worker_ctl_text_power(b->capacity, power),
                            oscp_phase_name(b->phase));
    }
}


/* What the grid operator was asked for, and what it said. */
static void
show_adjustments(const struct worker_ctl *ctl,
    const struct worker_ctl_live *live)
{
    char               at[WORKER_CTL_TEXT_SIZE], ended[WORKER_CTL_TEXT_SIZE];
    const char        *state, *answer, *by;
    const redisReply  *hash;

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        hash = live->adjustments[i];
        state = worker_ctl_store_field(hash, "state");
        if (state == NULL) {
            continue;
        }

        answer = worker_ctl_store_field(hash, "answer");
        by = worker_ctl_store_field(hash, "by");
        worker_ctl_text_time(worker_ctl_text_stored(
                                 worker_ctl_store_field(hash, "requested_at")),
                             ctl->now_ms, at);
        worker_ctl_text_time(worker_ctl_text_stored(
                                 worker_ctl_store_field(hash, "ended_at")),
                             ctl->now_ms, ended);

        worker_ctl_out_line(WORKER_CTL_BOLD, 0, "adjustment %s: %s%s%s%s%s, "
                            "asked for %s by %s",
                            oscp_type_name(i), state,
                            answer != NULL ? " " : "",
                            answer != NULL ? ended : "",
                            answer != NULL ? ": " : "",
                            answer != NULL ? answer : "", at,
                            by != NULL ? by : "nobody known");
        show_wish(ctl, worker_ctl_store_field(hash, "blocks"));
    }
}


static void
show_lease(const struct worker_ctl_live *live)
{
    if (live->lease.owner[0] == '\0') {
        worker_ctl_out_line(WORKER_CTL_RED, 0, "Nobody owns shard %u: no "
                            "worker is alive.", live->context.shard);
    } else {
        worker_ctl_out_line(WORKER_CTL_PLAIN, 0, "Shard %u is owned by %s.",
                            live->context.shard, live->lease.owner);
    }
}


static void
show_group(const struct worker_ctl *ctl, const struct worker_ctl_live *live)
{
    char                      title[256];
    const oscp_group_conf_t  *g = live->place.group;

    snprintf(title, sizeof(title), "group %s of connection %s", g->id,
             live->place.connection->name);
    show_hash(ctl, title, live->group);

    snprintf(title, sizeof(title), "envelope of scope %s", g->scope);
    show_hash(ctl, title, live->envelope);

    if (g->circuit != NULL) {
        snprintf(title, sizeof(title), "circuit %s", g->circuit);
        show_hash(ctl, title, live->circuit);
    }

    show_forecasts(ctl, live);
    show_adjustments(ctl, live);
    show_lease(live);
}


/* Those of the five hashes that there are. */
static cJSON *
show_types_json(redisReply *const *hashes)
{
    cJSON  *object = cJSON_CreateObject();

    for (unsigned i = 0; i < OSCP_TYPE_COUNT; i++) {
        if (hashes[i]->elements > 0) {
            cJSON_AddItemToObject(object, oscp_type_name(i),
                                  worker_ctl_json_fields(hashes[i]));
        }
    }

    return object;
}


static cJSON *
show_group_json(const struct worker_ctl_live *live)
{
    cJSON                    *doc = cJSON_CreateObject();
    const oscp_group_conf_t  *g = live->place.group;

    cJSON_AddStringToObject(doc, "connection", live->place.connection->name);
    cJSON_AddStringToObject(doc, "id", g->id);
    cJSON_AddStringToObject(doc, "scope", g->scope);
    worker_ctl_json_text(doc, "circuit_name", g->circuit);
    cJSON_AddItemToObject(doc, "group", worker_ctl_json_fields(live->group));
    cJSON_AddItemToObject(doc, "envelope",
                          worker_ctl_json_fields(live->envelope));
    cJSON_AddItemToObject(doc, "circuit",
                          worker_ctl_json_fields(live->circuit));

    cJSON_AddItemToObject(doc, "forecasts", show_types_json(live->timelines));
    cJSON_AddItemToObject(doc, "adjustments",
                          show_types_json(live->adjustments));
    cJSON_AddItemToObject(doc, "worker",
                          worker_ctl_live_lease_json(live->context.shard,
                                                     &live->lease));

    return doc;
}


static int
show_connection(struct worker_ctl *ctl, const struct worker_ctl_connection *c,
    cJSON *list)
{
    char                      key[1][OSCP_KEY_SIZE], title[256];
    cJSON                    *doc;
    redisReply               *reply;
    const oscp_group_conf_t  *g;

    oscp_key(key[0], sizeof(key[0]), ctl->prefix, c->shard, "conn",
             c->name, NULL);
    reply = worker_ctl_store_hashes(ctl->store, key, 1);
    if (reply == NULL) {
        return -1;
    }

    if (list != NULL) {
        doc = cJSON_CreateObject();
        cJSON_AddStringToObject(doc, "name", c->name);
        cJSON_AddItemToObject(doc, "connection",
                              worker_ctl_json_fields(reply->element[0]));
        cJSON_AddItemToObject(doc, "configuration", cJSON_Parse(c->doc));
        cJSON_AddItemToArray(list, doc);

    } else {
        snprintf(title, sizeof(title), "connection %s (shard %u, profile %s)",
                 c->name, c->shard, c->conf->profile->name);
        show_hash(ctl, title, reply->element[0]);

        for (size_t i = 0; i < c->conf->ngroups; i++) {
            g = &c->conf->groups[i];
            worker_ctl_out_pair(2, SHOW_WIDTH, "group", "%s  scope %s%s%s",
                                g->id, g->scope, g->circuit ? "  circuit " : "",
                                g->circuit ? g->circuit : "");
        }
    }

    freeReplyObject(reply);

    return 0;
}


static int
show_place(struct worker_ctl *ctl, const struct worker_ctl_place *place,
    cJSON *list)
{
    int                      rc;
    struct worker_ctl_live   live;

    if (place->group == NULL) {
        return show_connection(ctl, place->connection, list);
    }

    rc = worker_ctl_live_read(ctl, place, &live);

    if (rc == 0 && list != NULL) {
        cJSON_AddItemToArray(list, show_group_json(&live));

    } else if (rc == 0) {
        show_group(ctl, &live);
    }

    worker_ctl_live_free(&live);

    return rc;
}


/* 1 when the place was found under another kind of name already. */
static int
show_again(const struct worker_ctl *ctl, const struct worker_ctl_place *place,
    enum worker_ctl_kind kind)
{
    struct worker_ctl_place  other;

    for (int k = 0; k < (int) kind; k++) {
        for (size_t i = 0; worker_ctl_catalog_find(ctl->catalog, k,
                                                   ctl->options->argv[0], i,
                                                   &other) == 0; i++)
        {
            if (other.group == place->group && place->group != NULL) {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * What is no longer configured may still stand in Redis: a removed group's
 * circuit is at its rating.
 */
static int
show_left_over(struct worker_ctl *ctl, cJSON *list, size_t *found)
{
    char         keys[2][OSCP_KEY_SIZE], title[256];
    cJSON       *doc;
    redisReply  *reply;
    const char  *name = ctl->options->argv[0];
    const char  *words[] = { "circuit", "envelope" };

    for (unsigned s = 0; s < ctl->catalog->shards; s++) {
        for (int i = 0; i < 2; i++) {
            oscp_key(keys[i], sizeof(keys[i]), ctl->prefix, s,
                     words[i], name, NULL);
        }

        reply = worker_ctl_store_hashes(ctl->store, keys, 2);
        if (reply == NULL) {
            return -1;
        }

        for (int i = 0; i < 2; i++) {
            if (reply->element[i]->elements == 0) {
                continue;
            }

            (*found)++;
            if (list != NULL) {
                doc = cJSON_CreateObject();
                cJSON_AddItemToObject(doc, words[i],
                                      worker_ctl_json_fields(
                                          reply->element[i]));
                cJSON_AddItemToArray(list, doc);

            } else {
                snprintf(title, sizeof(title), "%s %.64s, no longer configured",
                         words[i], name);
                show_hash(ctl, title, reply->element[i]);
            }
        }

        freeReplyObject(reply);
    }

    return 0;
}


int
worker_ctl_show_run(struct worker_ctl *ctl)
{
    int                       rc = 0;
    cJSON                    *list;
    size_t                    found = 0;
    const char               *name = ctl->options->argv[0];
    struct worker_ctl_place   place;

    list = ctl->options->json ? cJSON_CreateArray() : NULL;

    for (int k = 0; k < WORKER_CTL_KINDS && rc == 0; k++) {
        for (size_t i = 0; rc == 0
                           && worker_ctl_catalog_find(ctl->catalog, k, name, i,
                                                      &place) == 0; i++)
        {
            if (!show_again(ctl, &place, k)) {
                if (list == NULL && found > 0) {
                    worker_ctl_out_gap();
                }
                found++;
                rc = show_place(ctl, &place, list);
            }
        }
    }

    if (rc == 0 && found == 0) {
        rc = show_left_over(ctl, list, &found);
    }

    if (rc == 0 && found == 0) {
        worker_ctl_out_error("there is no connection, group, scope or circuit "
                             "\"%s\"; oscpctl status shows all", name);
        rc = -1;
    }

    if (rc == 0 && list != NULL) {
        rc = worker_ctl_out_json(list);

    } else {
        cJSON_Delete(list);
    }

    return rc == 0 ? WORKER_CTL_EXIT_DONE : WORKER_CTL_EXIT_FAILED;
}
