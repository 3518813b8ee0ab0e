/*
 * The lifecycle's entrance: names, a new record, one step, the next deadline.
 */

#include <string.h>

#include "oscp_lifecycle_table.h"


static const char *const  oscp_lifecycle_states[OSCP_STATE_COUNT] = {
    [OSCP_STATE_DISABLED] = "disabled",
    [OSCP_STATE_DISCONNECTED] = "disconnected",
    [OSCP_STATE_OFFLINE] = "offline",
    [OSCP_STATE_HANDSHAKING] = "handshaking",
    [OSCP_STATE_ONLINE] = "online"
};

static const char *const  oscp_lifecycle_sides[] = {
    [OSCP_BY_NONE] = "",
    [OSCP_BY_US] = "us",
    [OSCP_BY_PEER] = "peer"
};

static const char *const  oscp_lifecycle_events[OSCP_EV_COUNT] = {
    [OSCP_EV_START] = "start",
    [OSCP_EV_CONFIGURE] = "configure",
    [OSCP_EV_TIMER] = "timer",
    [OSCP_EV_PEER_HANDSHAKE] = "peer_handshake",
    [OSCP_EV_PEER_ACKNOWLEDGE] = "peer_acknowledge",
    [OSCP_EV_PEER_HEARTBEAT] = "peer_heartbeat",
    [OSCP_EV_HANDSHAKE_SENT] = "handshake_sent",
    [OSCP_EV_HANDSHAKE_FAILED] = "handshake_failed",
    [OSCP_EV_ACKNOWLEDGE_SENT] = "acknowledge_sent",
    [OSCP_EV_ACKNOWLEDGE_FAILED] = "acknowledge_failed",
    [OSCP_EV_HEARTBEAT_SENT] = "heartbeat_sent",
    [OSCP_EV_HEARTBEAT_FAILED] = "heartbeat_failed",
    [OSCP_EV_CONNECT] = "connect",
    [OSCP_EV_DISCONNECT] = "disconnect",
    [OSCP_EV_ENABLE] = "enable",
    [OSCP_EV_DISABLE] = "disable"
};

#define SIDES  (sizeof(oscp_lifecycle_sides) / sizeof(oscp_lifecycle_sides[0]))


static int
oscp_lifecycle_find(const char *const *names, size_t n, const char *text,
    size_t len)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
            return (int) i;
        }
    }

    return -1;
}


const char *
oscp_state_name(oscp_state_t state)
{
    return (unsigned) state < OSCP_STATE_COUNT ? oscp_lifecycle_states[state]
                                               : NULL;
}


int
oscp_state_find(const char *text, size_t len)
{
    return oscp_lifecycle_find(oscp_lifecycle_states, OSCP_STATE_COUNT, text,
                               len);
}


const char *
oscp_by_name(oscp_by_t by)
{
    return (unsigned) by < SIDES ? oscp_lifecycle_sides[by] : NULL;
}


int
oscp_by_find(const char *text, size_t len)
{
    return oscp_lifecycle_find(oscp_lifecycle_sides, SIDES, text, len);
}


const char *
oscp_lifecycle_event_name(oscp_lifecycle_kind_t kind)
{
    return (unsigned) kind < OSCP_EV_COUNT ? oscp_lifecycle_events[kind]
                                           : NULL;
}


void
oscp_lifecycle_init(oscp_lifecycle_t *lc, oscp_ms_t now_ms)
{
    memset(lc, 0, sizeof(*lc));

    lc->state = OSCP_STATE_OFFLINE;
    lc->since_ms = now_ms;
    lc->enabled = 1;
    lc->offline_mode_at_ms = OSCP_TIME_NONE;
    lc->heartbeat_received_ms = OSCP_TIME_NONE;
    lc->heartbeat_sent_ms = OSCP_TIME_NONE;
    lc->promised_ms = OSCP_TIME_NONE;
    lc->handshake_ms = OSCP_TIME_NONE;
    lc->handshake_deadline_ms = OSCP_TIME_NONE;
    lc->handshake_started_ms = OSCP_TIME_NONE;
    lc->retry_ms = OSCP_TIME_NONE;
    lc->ack_deadline_ms = OSCP_TIME_NONE;
    lc->ack_due_ms = OSCP_TIME_NONE;
    lc->heartbeat_due_ms = OSCP_TIME_NONE;
    lc->last_error_ms = OSCP_TIME_NONE;
}


static int
oscp_lifecycle_is_message(oscp_lifecycle_kind_t kind)
{
    return kind == OSCP_EV_PEER_HANDSHAKE || kind == OSCP_EV_PEER_ACKNOWLEDGE
           || kind == OSCP_EV_PEER_HEARTBEAT;
}


void
oscp_lifecycle_step(oscp_lifecycle_t *lc, const oscp_lifecycle_conf_t *conf,
    const oscp_lifecycle_event_t *event, oscp_lifecycle_result_t *result)
{
    oscp_exchange_t   x = { lc, conf, event, result };
    oscp_lifecycle_t  before;

    memcpy(&before, lc, sizeof(before));

    result->actions = 0;
    result->before = lc->state;
    result->outcome = OSCP_OUTCOME_DONE;
    result->why = "";

    /* a message finds what was so when it was received */
    if (oscp_lifecycle_is_message(event->kind)) {
        oscp_exchange_judge(&x);
    }

    oscp_lifecycle_table[lc->state][event->kind].handler(&x);

    result->after = lc->state;

    if (memcmp(&before, lc, sizeof(before)) != 0) {
        result->actions |= OSCP_DO_STORE;
    }
}


int64_t
oscp_lifecycle_told_ms(const oscp_lifecycle_t *lc, int64_t configured_ms)
{
    return lc->interval_told_ms > 0 ? lc->interval_told_ms : configured_ms;
}


int
oscp_lifecycle_awaits(const oscp_lifecycle_t *lc, oscp_ms_t after_ms,
    oscp_ms_t now_ms)
{
    if (lc->state == OSCP_STATE_ONLINE && lc->offline_mode_at_ms > after_ms
        && lc->offline_mode_at_ms <= now_ms)
    {
        return 1;
    }

    return oscp_exchange_ours(lc) && lc->handshake_deadline_ms > after_ms
           && lc->handshake_deadline_ms <= now_ms;
}


static void
oscp_lifecycle_earlier(oscp_ms_t *next, oscp_ms_t candidate)
{
    if (candidate < *next) {
        *next = candidate;
    }
}


oscp_ms_t
oscp_lifecycle_next(const oscp_lifecycle_t *lc)
{
    oscp_ms_t  next = OSCP_TIME_NONE;

    if (lc->state == OSCP_STATE_DISABLED
        || lc->state == OSCP_STATE_DISCONNECTED)
    {
        return OSCP_TIME_NONE;
    }

    if (oscp_exchange_ours(lc)) {
        oscp_lifecycle_earlier(&next, lc->handshake_deadline_ms);
    }

    if (oscp_exchange_theirs(lc)) {
        oscp_lifecycle_earlier(&next, lc->ack_deadline_ms);
        oscp_lifecycle_earlier(&next, lc->ack_due_ms);
    }

    if (lc->state != OSCP_STATE_HANDSHAKING) {
        oscp_lifecycle_earlier(&next, lc->retry_ms);
    }

    if (lc->state == OSCP_STATE_ONLINE) {
        oscp_lifecycle_earlier(&next, lc->offline_mode_at_ms);
        oscp_lifecycle_earlier(&next, lc->heartbeat_due_ms);
    }

    return next;
}
