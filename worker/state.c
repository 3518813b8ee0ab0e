/*
 * A connection's record in its hash.
 */

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"


enum state_field {
    STATE_STATE = 0,
    STATE_SINCE,
    STATE_ENABLED,
    STATE_DISCONNECTED,
    STATE_PROFILE,
    STATE_PEER,
    STATE_OFFLINE_MODE_AT,
    STATE_HEARTBEAT_RECEIVED_AT,
    STATE_HEARTBEAT_SENT_AT,
    STATE_PROMISED_UNTIL,
    STATE_INTERVAL_EXPECTED,
    STATE_INTERVAL_TOLD,
    STATE_INTERVAL_REQUIRED,
    STATE_HANDSHAKE_AT,
    STATE_HANDSHAKE_BY,
    STATE_MEASUREMENT,
    STATE_DIALECT,
    STATE_HANDSHAKE_REQ,
    STATE_HANDSHAKE_SENT,
    STATE_HANDSHAKE_DEADLINE,
    STATE_HANDSHAKE_STARTED_AT,
    STATE_RETRY_AT,
    STATE_RETRY_PAUSE_MS,
    STATE_ACK_REQ,
    STATE_ACK_CORR,
    STATE_ACK_DEADLINE,
    STATE_ACK_DUE,
    STATE_ACK_TRIES,
    STATE_HEARTBEAT_DUE,
    STATE_LAST_ERROR,
    STATE_LAST_ERROR_AT,
    STATE_CONNECTED_ID,
    STATE_COUNT
};

static const char *const  state_names[STATE_COUNT] = {
    [STATE_STATE] = "state",
    [STATE_SINCE] = "since",
    [STATE_ENABLED] = "enabled",
    [STATE_DISCONNECTED] = "disconnected",
    [STATE_PROFILE] = "profile",
    [STATE_PEER] = "peer",
    [STATE_OFFLINE_MODE_AT] = "offline_mode_at",
    [STATE_HEARTBEAT_RECEIVED_AT] = "heartbeat_received_at",
    [STATE_HEARTBEAT_SENT_AT] = "heartbeat_sent_at",
    [STATE_PROMISED_UNTIL] = "promised_until",
    [STATE_INTERVAL_EXPECTED] = "heartbeat_interval_expected",
    [STATE_INTERVAL_TOLD] = "heartbeat_interval_told",
    [STATE_INTERVAL_REQUIRED] = "heartbeat_interval_required",
    [STATE_HANDSHAKE_AT] = "handshake_at",
    [STATE_HANDSHAKE_BY] = "handshake_by",
    [STATE_MEASUREMENT] = "measurement_configuration",
    [STATE_DIALECT] = "dialect",
    [STATE_HANDSHAKE_REQ] = "handshake_req",
    [STATE_HANDSHAKE_SENT] = "handshake_sent",
    [STATE_HANDSHAKE_DEADLINE] = "handshake_deadline",
    [STATE_HANDSHAKE_STARTED_AT] = "handshake_started_at",
    [STATE_RETRY_AT] = "retry_at",
    [STATE_RETRY_PAUSE_MS] = "retry_pause_ms",
    [STATE_ACK_REQ] = "ack_req",
    [STATE_ACK_CORR] = "ack_corr",
    [STATE_ACK_DEADLINE] = "ack_deadline",
    [STATE_ACK_DUE] = "ack_due",
    [STATE_ACK_TRIES] = "ack_tries",
    [STATE_HEARTBEAT_DUE] = "heartbeat_due",
    [STATE_LAST_ERROR] = "last_error",
    [STATE_LAST_ERROR_AT] = "last_error_at",
    [STATE_CONNECTED_ID] = "connected_id",
};


/* The record's moments, strings: which member each field is. */
static const struct {
    enum state_field  field;
    size_t            offset;
} state_times[] = {
    { STATE_SINCE, offsetof(oscp_lifecycle_t, since_ms) },
    { STATE_OFFLINE_MODE_AT, offsetof(oscp_lifecycle_t, offline_mode_at_ms) },
    { STATE_HEARTBEAT_RECEIVED_AT,
      offsetof(oscp_lifecycle_t, heartbeat_received_ms) },
    { STATE_HEARTBEAT_SENT_AT, offsetof(oscp_lifecycle_t, heartbeat_sent_ms) },
    { STATE_PROMISED_UNTIL, offsetof(oscp_lifecycle_t, promised_ms) },
    { STATE_HANDSHAKE_AT, offsetof(oscp_lifecycle_t, handshake_ms) },
    { STATE_HANDSHAKE_DEADLINE,
      offsetof(oscp_lifecycle_t, handshake_deadline_ms) },
    { STATE_HANDSHAKE_STARTED_AT,
      offsetof(oscp_lifecycle_t, handshake_started_ms) },
    { STATE_RETRY_AT, offsetof(oscp_lifecycle_t, retry_ms) },
    { STATE_ACK_DEADLINE, offsetof(oscp_lifecycle_t, ack_deadline_ms) },
    { STATE_ACK_DUE, offsetof(oscp_lifecycle_t, ack_due_ms) },
    { STATE_HEARTBEAT_DUE, offsetof(oscp_lifecycle_t, heartbeat_due_ms) },
    { STATE_LAST_ERROR_AT, offsetof(oscp_lifecycle_t, last_error_ms) },
};

static const struct {
    enum state_field  field;
    size_t            offset;
    size_t            size;
} state_strings[] = {
    { STATE_HANDSHAKE_REQ, offsetof(oscp_lifecycle_t, handshake_req),
      OSCP_ID_SIZE },
    { STATE_ACK_REQ, offsetof(oscp_lifecycle_t, ack_req), OSCP_ID_SIZE },
    { STATE_ACK_CORR, offsetof(oscp_lifecycle_t, ack_corr), OSCP_ID_SIZE },
    { STATE_LAST_ERROR, offsetof(oscp_lifecycle_t, last_error),
      OSCP_LIFECYCLE_ERROR_SIZE },
};

#define STATE_TIMES    (sizeof(state_times) / sizeof(*state_times))
#define STATE_STRINGS  (sizeof(state_strings) / sizeof(*state_strings))


int
worker_state_init(struct worker_record *r)
{
    return worker_record_init(r, state_names, STATE_COUNT);
}


const char *
worker_state_connected(const struct worker_record *r)
{
    return worker_record_get(r, STATE_CONNECTED_ID);
}


void
worker_state_set_connected(struct worker_record *r, const char *id)
{
    worker_record_set(r, STATE_CONNECTED_ID, id);
}


static int64_t
state_seconds(const struct worker_record *r, enum state_field field)
{
    double  s = worker_record_number(r, field, 0);

    return s > 0 && s < 1e12 ? llround(s * 1000) : 0;
}


/* A person may have written anything there. */
static int
state_count(const struct worker_record *r, enum state_field field)
{
    double  n = worker_record_number(r, field, 0);

    return n > 0 && n < INT_MAX ? (int) n : 0;
}


static oscp_dialect_t
state_dialect(const char *text)
{
    if (strcmp(text, "nested") == 0) {
        return OSCP_DIALECT_NESTED;
    }

    return strcmp(text, "flat") == 0 ? OSCP_DIALECT_FLAT : OSCP_DIALECT_NONE;
}


int
worker_state_read(const struct worker_record *r, oscp_lifecycle_t *lc)
{
    int          n;
    oscp_ms_t    at;
    const char  *text;

    text = worker_record_get(r, STATE_STATE);
    n = oscp_state_find(text, strlen(text));
    if (n < 0) {
        return -1;
    }

    memset(lc, 0, sizeof(*lc));
    lc->state = (oscp_state_t) n;
    lc->enabled = strcmp(worker_record_get(r, STATE_ENABLED), "0") != 0;
    lc->disconnected = strcmp(worker_record_get(r, STATE_DISCONNECTED), "1")
                       == 0;
    lc->handshake_sent = strcmp(worker_record_get(r, STATE_HANDSHAKE_SENT), "1")
                         == 0;
    lc->interval_expected_ms = state_seconds(r, STATE_INTERVAL_EXPECTED);
    lc->interval_told_ms = state_seconds(r, STATE_INTERVAL_TOLD);
    lc->interval_required_ms = state_seconds(r, STATE_INTERVAL_REQUIRED);
    lc->retry_pause_ms = state_count(r, STATE_RETRY_PAUSE_MS);
    lc->ack_tries = (unsigned) state_count(r, STATE_ACK_TRIES);
    lc->dialect = state_dialect(worker_record_get(r, STATE_DIALECT));

    text = worker_record_get(r, STATE_HANDSHAKE_BY);
    n = oscp_by_find(text, strlen(text));
    lc->handshake_by = n < 0 ? OSCP_BY_NONE : (oscp_by_t) n;

    text = worker_record_get(r, STATE_MEASUREMENT);
    n = oscp_measurement_list_parse(text, strlen(text));
    lc->measurement = n < 0 ? 0 : (unsigned) n;

    for (size_t i = 0; i < STATE_TIMES; i++) {
        at = worker_record_time(r, state_times[i].field);
        memcpy((char *) lc + state_times[i].offset, &at, sizeof(at));
    }

    for (size_t i = 0; i < STATE_STRINGS; i++) {
        snprintf((char *) lc + state_strings[i].offset, state_strings[i].size,
                 "%s", worker_record_get(r, state_strings[i].field));
    }

    return 0;
}


static void
state_set_seconds(struct worker_record *r, enum state_field field, int64_t ms)
{
    if (ms > 0) {
        worker_record_set_number(r, field, (double) ms / 1000);

    } else {
        worker_record_set(r, field, NULL);
    }
}


static void
state_set_count(struct worker_record *r, enum state_field field, int64_t n)
{
    if (n > 0) {
        worker_record_set_integer(r, field, n);

    } else {
        worker_record_set(r, field, NULL);
    }
}


void
worker_state_set(struct worker_record *r, const oscp_lifecycle_t *lc,
    const oscp_connection_conf_t *conf)
{
    char         list[32];
    oscp_ms_t    at;
    const char  *dialects[] = { NULL, "nested", "flat" };

    worker_record_set(r, STATE_STATE, oscp_state_name(lc->state));
    worker_record_set(r, STATE_ENABLED, lc->enabled ? "1" : "0");
    worker_record_set(r, STATE_DISCONNECTED, lc->disconnected ? "1" : "0");
    worker_record_set(r, STATE_HANDSHAKE_SENT, lc->handshake_sent ? "1" : NULL);
    worker_record_set(r, STATE_PROFILE, conf->profile->name);
    worker_record_set(r, STATE_PEER, conf->peer);
    worker_record_set(r, STATE_HANDSHAKE_BY, oscp_by_name(lc->handshake_by));
    worker_record_set(r, STATE_DIALECT, dialects[lc->dialect % 3]);

    oscp_measurement_list(lc->measurement, list);
    worker_record_set(r, STATE_MEASUREMENT, list);

    state_set_seconds(r, STATE_INTERVAL_EXPECTED, lc->interval_expected_ms);
    state_set_seconds(r, STATE_INTERVAL_TOLD, lc->interval_told_ms);
    state_set_seconds(r, STATE_INTERVAL_REQUIRED, lc->interval_required_ms);
    state_set_count(r, STATE_RETRY_PAUSE_MS, lc->retry_pause_ms);
    state_set_count(r, STATE_ACK_TRIES, lc->ack_tries);

    for (size_t i = 0; i < STATE_TIMES; i++) {
        memcpy(&at, (const char *) lc + state_times[i].offset, sizeof(at));
        worker_record_set_time(r, state_times[i].field, at);
    }

    for (size_t i = 0; i < STATE_STRINGS; i++) {
        worker_record_set(r, state_strings[i].field,
                          (const char *) lc + state_strings[i].offset);
    }
}
