/*
 * Outbound messages: one table of ages, one of answers.
 */

#include "oscp_delivery.h"

#define MINUTE_MS   INT64_C(60000)
#define DAY_MS      INT64_C(86400000)

static const int64_t  ages_ms[OSCP_MESSAGE_COUNT] = {
    [OSCP_UPDATE_GROUP_MEASUREMENTS] = 7 * DAY_MS,
    [OSCP_UPDATE_ASSET_MEASUREMENTS] = 7 * DAY_MS,
    [OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR] = 60 * MINUTE_MS,
    [OSCP_ADJUST_GROUP_CAPACITY_FORECAST] = 10 * MINUTE_MS
};

static const char *const  verdict_names[] = {
    [OSCP_DELIVERY_DONE] = "delivered",
    [OSCP_DELIVERY_RETRY] = "retry",
    [OSCP_DELIVERY_REFRESH] = "refresh",
    [OSCP_DELIVERY_DEAD] = "dead",
    [OSCP_DELIVERY_EXPIRED] = "expired"
};

/* The first row that fits says what an answer means. */
static const struct {
    int             from;
    int             to;
    oscp_verdict_t  verdict;
} answers[] = {
    { 0, 0, OSCP_DELIVERY_RETRY },
    { 200, 299, OSCP_DELIVERY_DONE },
    { 401, 401, OSCP_DELIVERY_REFRESH },
    { 408, 408, OSCP_DELIVERY_RETRY },
    { 425, 425, OSCP_DELIVERY_RETRY },
    { 429, 429, OSCP_DELIVERY_RETRY },
    { 500, 599, OSCP_DELIVERY_RETRY }
};


const char *
oscp_delivery_name(oscp_verdict_t verdict)
{
    return (unsigned) verdict <= OSCP_DELIVERY_EXPIRED ? verdict_names[verdict]
                                                       : NULL;
}


int64_t
oscp_delivery_age_ms(oscp_message_kind_t kind)
{
    return (unsigned) kind < OSCP_MESSAGE_COUNT ? ages_ms[kind] : 0;
}


void
oscp_delivery_backoff(oscp_backoff_t *b)
{
    b->min_ms = OSCP_DELIVERY_RETRY_MIN_MS;
    b->max_ms = OSCP_DELIVERY_RETRY_MAX_MS;
    b->multiplier = 2;
    b->jitter = 0.25;
    b->current_ms = 0;
}


static oscp_verdict_t
meaning(const oscp_answer_t *answer)
{
    size_t  i;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (answer->status >= answers[i].from
            && answer->status <= answers[i].to)
        {
            return answers[i].verdict;
        }
    }

    return OSCP_DELIVERY_DEAD;
}


oscp_verdict_t
oscp_delivery_judge(oscp_message_kind_t kind, oscp_ms_t created_ms,
    const oscp_answer_t *answer, oscp_ms_t now_ms, oscp_backoff_t *b,
    oscp_ms_t *retry_ms)
{
    int64_t         pause_ms, after_ms = answer->retry_after_ms;
    oscp_verdict_t  verdict = meaning(answer);

    if (verdict == OSCP_DELIVERY_REFRESH
        && (!answer->can_refresh || answer->refreshed))
    {
        return OSCP_DELIVERY_DEAD;
    }

    if (verdict != OSCP_DELIVERY_RETRY) {
        return verdict;
    }

    pause_ms = oscp_backoff_next(b, answer->random);
    if (after_ms > OSCP_DELIVERY_AFTER_MAX_MS) {
        after_ms = OSCP_DELIVERY_AFTER_MAX_MS;
    }
    if (after_ms > pause_ms) {
        pause_ms = after_ms;
    }

    *retry_ms = now_ms + pause_ms;

    return *retry_ms >= created_ms + oscp_delivery_age_ms(kind)
           ? OSCP_DELIVERY_EXPIRED : OSCP_DELIVERY_RETRY;
}
