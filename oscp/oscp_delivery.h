/*
 * What becomes of an outbound message after a try: delivered, tried again and
 * when, or given up (design, section 8; section 10, "Kept in the outbox", "Any
 * 2xx delivers", "Redirects are not followed").
 */

#ifndef OSCP_DELIVERY_H
#define OSCP_DELIVERY_H

#include "oscp_backoff.h"
#include "oscp_message.h"

#define OSCP_DELIVERY_RETRY_MIN_MS   1000
#define OSCP_DELIVERY_RETRY_MAX_MS   60000
#define OSCP_DELIVERY_AFTER_MAX_MS   3600000   /* the longest Retry-After that
                                                  is honoured */

/* What came back. */
typedef struct {
    int       status;              /* HTTP; 0: no answer at all */
    int64_t   retry_after_ms;      /* -1: no Retry-After */
    unsigned  can_refresh:1;       /* the peer's token is fetched by OAuth */
    unsigned  refreshed:1;         /* and was fetched anew for this message */
    uint32_t  random;              /* any 32 random bits, for the jitter */
} oscp_answer_t;

typedef enum {
    OSCP_DELIVERY_DONE = 0,
    OSCP_DELIVERY_RETRY,           /* at `*retry_ms` */
    OSCP_DELIVERY_REFRESH,         /* fetch a token, then try at once */
    OSCP_DELIVERY_DEAD,            /* the peer will never take it */
    OSCP_DELIVERY_EXPIRED          /* too old to be worth another try */
} oscp_verdict_t;

/* "delivered", "retry", …: for events. */
const char *oscp_delivery_name(oscp_verdict_t verdict);

/*
 * How long a message of that kind is worth delivering, from its creation:
 * measurements 7 days, compliance errors 1 hour, adjustments 10 minutes; 0 for
 * kinds that the outbox never holds.
 */
int64_t oscp_delivery_age_ms(oscp_message_kind_t kind);

/* A back-off of 1 s doubling to 60 s, jittered, none taken. */
void oscp_delivery_backoff(oscp_backoff_t *b);

/*
 * Judges a try.  `b` is the message's back-off, moved on by a retry.  A retry
 * that would come after the message's end is EXPIRED now; `*retry_ms` is then
 * when the peer may be tried with another message.
 */
oscp_verdict_t oscp_delivery_judge(oscp_message_kind_t kind,
    oscp_ms_t created_ms, const oscp_answer_t *answer, oscp_ms_t now_ms,
    oscp_backoff_t *b, oscp_ms_t *retry_ms);

#endif /* OSCP_DELIVERY_H */
