/*
 * Goal: the transition table has an answer for every pair of state and event,
 * and each answer is the one that is written down here.
 */

#include "machine.h"
#include "oscp_lifecycle_table.h"

#define HS     OSCP_DO_SEND_HANDSHAKE
#define ACK    OSCP_DO_SEND_ACKNOWLEDGE
#define BEAT   OSCP_DO_SEND_HEARTBEAT
#define CLEAR  OSCP_DO_CLEAR
#define STORE  OSCP_DO_STORE
#define CANCEL OSCP_DO_CANCEL

#define DIS    OSCP_STATE_DISABLED
#define CUT    OSCP_STATE_DISCONNECTED
#define OFF    OSCP_STATE_OFFLINE
#define SHAKE  OSCP_STATE_HANDSHAKING
#define ON     OSCP_STATE_ONLINE

#define DONE   OSCP_OUTCOME_DONE
#define SAME   OSCP_OUTCOME_UNCHANGED
#define NOT    OSCP_OUTCOME_IGNORED


typedef struct {
    oscp_state_t    after;
    unsigned        actions;
    oscp_outcome_t  outcome;
} answer_t;

/*
 * initiate_handshake is on.  Each state as prepare() makes it: offline with a
 * retry due later, handshaking by us and by the peer, online with our
 * handshake and our acknowledge open as well.  Nothing has run out.
 */
static const answer_t  answers[OSCP_STATE_COUNT][OSCP_EV_COUNT] = {
    [DIS] = {
        [OSCP_EV_START] = { DIS, 0, DONE },
        [OSCP_EV_CONFIGURE] = { DIS, 0, DONE },
        [OSCP_EV_TIMER] = { DIS, 0, DONE },
        [OSCP_EV_PEER_HANDSHAKE] = { DIS, 0, NOT },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { DIS, 0, NOT },
        [OSCP_EV_PEER_HEARTBEAT] = { DIS, 0, NOT },
        [OSCP_EV_HANDSHAKE_SENT] = { DIS, 0, SAME },
        [OSCP_EV_HANDSHAKE_FAILED] = { DIS, 0, SAME },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { DIS, 0, SAME },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { DIS, 0, SAME },
        [OSCP_EV_HEARTBEAT_SENT] = { DIS, 0, SAME },
        [OSCP_EV_HEARTBEAT_FAILED] = { DIS, 0, SAME },
        [OSCP_EV_CONNECT] = { DIS, 0, SAME },
        [OSCP_EV_DISCONNECT] = { DIS, STORE|CLEAR|CANCEL, DONE },
        [OSCP_EV_ENABLE] = { SHAKE, STORE|HS, DONE },
        [OSCP_EV_DISABLE] = { DIS, 0, SAME }
    },

    [CUT] = {
        [OSCP_EV_START] = { CUT, 0, DONE },
        [OSCP_EV_CONFIGURE] = { CUT, 0, DONE },
        [OSCP_EV_TIMER] = { CUT, 0, DONE },
        [OSCP_EV_PEER_HANDSHAKE] = { CUT, 0, NOT },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { CUT, 0, NOT },
        [OSCP_EV_PEER_HEARTBEAT] = { CUT, 0, NOT },
        [OSCP_EV_HANDSHAKE_SENT] = { CUT, 0, SAME },
        [OSCP_EV_HANDSHAKE_FAILED] = { CUT, 0, SAME },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { CUT, 0, SAME },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { CUT, 0, SAME },
        [OSCP_EV_HEARTBEAT_SENT] = { CUT, 0, SAME },
        [OSCP_EV_HEARTBEAT_FAILED] = { CUT, 0, SAME },
        [OSCP_EV_CONNECT] = { SHAKE, STORE|HS, DONE },
        [OSCP_EV_DISCONNECT] = { CUT, 0, SAME },
        [OSCP_EV_ENABLE] = { CUT, 0, SAME },
        [OSCP_EV_DISABLE] = { DIS, STORE|CANCEL, DONE }
    },

    [OFF] = {
        [OSCP_EV_START] = { SHAKE, STORE|HS, DONE },
        [OSCP_EV_CONFIGURE] = { SHAKE, STORE|HS, DONE },
        [OSCP_EV_TIMER] = { OFF, 0, DONE },
        [OSCP_EV_PEER_HANDSHAKE] = { SHAKE, STORE|ACK, DONE },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { OFF, 0, NOT },
        [OSCP_EV_PEER_HEARTBEAT] = { SHAKE, STORE|HS, DONE },
        [OSCP_EV_HANDSHAKE_SENT] = { OFF, 0, SAME },
        [OSCP_EV_HANDSHAKE_FAILED] = { OFF, 0, SAME },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { OFF, 0, SAME },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { OFF, 0, SAME },
        [OSCP_EV_HEARTBEAT_SENT] = { OFF, 0, SAME },
        [OSCP_EV_HEARTBEAT_FAILED] = { OFF, 0, SAME },
        [OSCP_EV_CONNECT] = { SHAKE, STORE|HS, DONE },
        [OSCP_EV_DISCONNECT] = { CUT, STORE|CLEAR|CANCEL, DONE },
        [OSCP_EV_ENABLE] = { OFF, 0, SAME },
        [OSCP_EV_DISABLE] = { DIS, STORE|CANCEL, DONE }
    },

    [SHAKE] = {
        [OSCP_EV_START] = { SHAKE, STORE|ACK, DONE },
        [OSCP_EV_CONFIGURE] = { SHAKE, 0, DONE },
        [OSCP_EV_TIMER] = { SHAKE, 0, DONE },
        [OSCP_EV_PEER_HANDSHAKE] = { SHAKE, STORE|ACK, DONE },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { ON, STORE|BEAT, DONE },
        [OSCP_EV_PEER_HEARTBEAT] = { SHAKE, STORE, DONE },
        [OSCP_EV_HANDSHAKE_SENT] = { SHAKE, STORE, DONE },
        [OSCP_EV_HANDSHAKE_FAILED] = { SHAKE, STORE, DONE },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { ON, STORE|BEAT, DONE },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { SHAKE, STORE, DONE },
        [OSCP_EV_HEARTBEAT_SENT] = { SHAKE, 0, SAME },
        [OSCP_EV_HEARTBEAT_FAILED] = { SHAKE, 0, SAME },
        [OSCP_EV_CONNECT] = { SHAKE, 0, SAME },
        [OSCP_EV_DISCONNECT] = { CUT, STORE|CLEAR|CANCEL, DONE },
        [OSCP_EV_ENABLE] = { SHAKE, 0, SAME },
        [OSCP_EV_DISABLE] = { DIS, STORE|CANCEL, DONE }
    },

    [ON] = {
        [OSCP_EV_START] = { ON, STORE|ACK|BEAT, DONE },
        [OSCP_EV_CONFIGURE] = { ON, 0, DONE },
        [OSCP_EV_TIMER] = { ON, 0, DONE },
        [OSCP_EV_PEER_HANDSHAKE] = { ON, STORE|ACK, DONE },
        [OSCP_EV_PEER_ACKNOWLEDGE] = { ON, STORE, DONE },
        [OSCP_EV_PEER_HEARTBEAT] = { ON, STORE, DONE },
        [OSCP_EV_HANDSHAKE_SENT] = { ON, STORE, DONE },
        [OSCP_EV_HANDSHAKE_FAILED] = { ON, STORE, DONE },
        [OSCP_EV_ACKNOWLEDGE_SENT] = { ON, STORE, DONE },
        [OSCP_EV_ACKNOWLEDGE_FAILED] = { ON, STORE, DONE },
        [OSCP_EV_HEARTBEAT_SENT] = { ON, STORE, DONE },
        [OSCP_EV_HEARTBEAT_FAILED] = { ON, STORE, DONE },
        [OSCP_EV_CONNECT] = { ON, 0, SAME },
        [OSCP_EV_DISCONNECT] = { CUT, STORE|CLEAR|CANCEL, DONE },
        [OSCP_EV_ENABLE] = { ON, 0, SAME },
        [OSCP_EV_DISABLE] = { DIS, STORE|CANCEL, DONE }
    }
};


static void
prepare(oscp_state_t state)
{
    fresh(1);

    switch (state) {

    case OSCP_STATE_DISABLED:
        step(OSCP_EV_DISABLE, 0);
        break;

    case OSCP_STATE_DISCONNECTED:
        step(OSCP_EV_DISCONNECT, 0);
        break;

    case OSCP_STATE_OFFLINE:
        lc.retry_ms = T0 + 60 * SEC;
        break;

    case OSCP_STATE_ONLINE:
        online(1);
        /* fall through */

    default:
        step(OSCP_EV_START, 0);
        if (state == OSCP_STATE_ONLINE) {
            conf.heartbeat_interval_ms = 20 * SEC;
            step(OSCP_EV_CONFIGURE, 0);
            conf.heartbeat_interval_ms = 30 * SEC;
        }
        peer_handshake(0, "hs", 10 * SEC);
        break;
    }
}


static void
pairs(void)
{
    int              kind;
    oscp_state_t     state;
    const answer_t  *want;

    for (state = 0; state < OSCP_STATE_COUNT; state++) {
        for (kind = 0; kind < OSCP_EV_COUNT; kind++) {
            prepare(state);
            want = &answers[state][kind];
            step(kind, 1);

            if (!ok(result.before == state && result.after == want->after
                    && lc.state == want->after
                    && result.actions == want->actions
                    && result.outcome == want->outcome
                    && (result.outcome == DONE || result.why[0]),
                    "%s while %s", oscp_lifecycle_event_name(kind),
                    oscp_state_name(state)))
            {
                printf("#   got %s actions %#x outcome %d '%s'\n",
                       oscp_state_name(lc.state), result.actions,
                       result.outcome, result.why);
            }
        }
    }
}


/* Nothing is left out, and nothing allows what must not be. */
static void
table(void)
{
    int                           kind, complete = 1, reachable = 1;
    int                           held = 1, served = 1;
    oscp_state_t                  state;
    const unsigned                all = (1u << OSCP_STATE_COUNT) - 1;
    const oscp_lifecycle_cell_t  *cell;

    for (state = 0; state < OSCP_STATE_COUNT; state++) {
        for (kind = 0; kind < OSCP_EV_COUNT; kind++) {
            cell = &oscp_lifecycle_table[state][kind];
            complete &= cell->handler != NULL && cell->allowed != 0
                        && (cell->allowed & ~all) == 0;
            reachable &= (cell->allowed >> answers[state][kind].after) & 1;

            if (state == CUT && kind != OSCP_EV_CONNECT
                && kind != OSCP_EV_DISABLE)
            {
                held &= cell->allowed == 1u << CUT;
            }

            if (state == DIS && kind != OSCP_EV_ENABLE) {
                served &= cell->allowed == 1u << DIS;
            }
        }
    }

    ok(complete, "every pair has a handler and its states");
    ok(reachable, "the states allow the answers above");
    ok(held, "disconnected is left by connect and disable only");
    ok(served, "disabled is left by enable only");
}


static void
names(void)
{
    int  i, distinct = 1;

    for (i = 0; i < OSCP_STATE_COUNT; i++) {
        distinct &= oscp_state_find(oscp_state_name(i),
                                    strlen(oscp_state_name(i))) == i;
    }

    for (i = 0; i < OSCP_EV_COUNT; i++) {
        distinct &= oscp_lifecycle_event_name(i) != NULL;
    }

    ok(distinct, "states and events have names");
    is_str(oscp_state_name(OSCP_STATE_HANDSHAKING), "handshaking", "a state");
    is_str(oscp_state_name(OSCP_STATE_DISCONNECTED), "disconnected",
           "another");
    is_int(oscp_state_find("onlin", 5), -1, "a part of one is none");
    is_str(oscp_by_name(OSCP_BY_US), "us", "handshake_by");
    is_str(oscp_by_name(OSCP_BY_PEER), "peer", "or the peer");
    is_int(oscp_by_find("peer", 4), OSCP_BY_PEER, "found");
    is_int(oscp_by_find("", 0), OSCP_BY_NONE, "none");
    is_int(oscp_by_find("them", 4), -1, "unknown");
    ok(oscp_state_name(OSCP_STATE_COUNT) == NULL
       && oscp_by_name(3) == NULL
       && oscp_lifecycle_event_name(OSCP_EV_COUNT) == NULL,
       "what is none has no name");
}


static void
beginning(void)
{
    memset(&lc, 0xa5, sizeof(lc));
    oscp_lifecycle_init(&lc, T0);
    ok(lc.state == OFF && lc.since_ms == T0 && lc.enabled
       && !lc.disconnected, "a new record is enabled and offline");
    ok(lc.offline_mode_at_ms == NONE && lc.heartbeat_received_ms == NONE
       && lc.heartbeat_sent_ms == NONE && lc.promised_ms == NONE
       && lc.handshake_ms == NONE && lc.handshake_deadline_ms == NONE
       && lc.handshake_started_ms == NONE && lc.retry_ms == NONE
       && lc.ack_deadline_ms == NONE && lc.ack_due_ms == NONE
       && lc.heartbeat_due_ms == NONE && lc.last_error_ms == NONE,
       "nothing has happened");
    is_int(next(), -1, "and nothing is due before START");
}


int
main(void)
{
    names();
    beginning();
    table();
    pairs();

    return done_testing();
}
