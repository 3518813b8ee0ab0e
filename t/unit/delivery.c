/*
 * Goal: every kind of answer has its consequence, retries back off and respect
 * Retry-After, and nothing is tried beyond its worth.
 */

#include "oscp_delivery.h"
#include "tap.h"

#define KIND   OSCP_UPDATE_ASSET_MEASUREMENTS
#define DAY    INT64_C(86400000)


static oscp_verdict_t
judge(oscp_answer_t answer, oscp_ms_t now_ms, oscp_ms_t *retry_ms)
{
    oscp_backoff_t  b;

    oscp_delivery_backoff(&b);
    return oscp_delivery_judge(KIND, 0, &answer, now_ms, &b, retry_ms);
}


static void
answers(void)
{
    size_t     i;
    oscp_ms_t  retry_ms;

    static const struct {
        int             status;
        oscp_verdict_t  verdict;
    } cases[] = {
        { 0, OSCP_DELIVERY_RETRY }, { 200, OSCP_DELIVERY_DONE },
        { 204, OSCP_DELIVERY_DONE }, { 299, OSCP_DELIVERY_DONE },
        { 199, OSCP_DELIVERY_DEAD }, { 300, OSCP_DELIVERY_DEAD },
        { 302, OSCP_DELIVERY_DEAD }, { 400, OSCP_DELIVERY_DEAD },
        { 401, OSCP_DELIVERY_REFRESH }, { 403, OSCP_DELIVERY_DEAD },
        { 404, OSCP_DELIVERY_DEAD }, { 408, OSCP_DELIVERY_RETRY },
        { 409, OSCP_DELIVERY_DEAD }, { 425, OSCP_DELIVERY_RETRY },
        { 429, OSCP_DELIVERY_RETRY }, { 500, OSCP_DELIVERY_RETRY },
        { 501, OSCP_DELIVERY_RETRY }, { 503, OSCP_DELIVERY_RETRY },
        { 599, OSCP_DELIVERY_RETRY }, { 600, OSCP_DELIVERY_DEAD }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ok(judge((oscp_answer_t) { .status = cases[i].status,
                                   .retry_after_ms = -1, .can_refresh = 1 },
                 0, &retry_ms)
           == cases[i].verdict, "answer %d: %s", cases[i].status,
           oscp_delivery_name(cases[i].verdict));
    }

    ok(judge((oscp_answer_t) { .status = 401, .retry_after_ms = -1 }, 0,
             &retry_ms)
       == OSCP_DELIVERY_DEAD, "401 without OAuth is final");
    ok(judge((oscp_answer_t) { .status = 401, .retry_after_ms = -1,
                               .can_refresh = 1, .refreshed = 1 }, 0,
             &retry_ms)
       == OSCP_DELIVERY_DEAD, "401 with a fresh token is final");
}


static void
pauses(void)
{
    int             i;
    int64_t         pause, most = 1000;
    oscp_ms_t       retry_ms = 0;
    oscp_answer_t   none = { .retry_after_ms = -1 };
    oscp_backoff_t  b;

    oscp_delivery_backoff(&b);
    for (i = 0; i < 9; i++) {
        none.random = (uint32_t) i * 0x1fffffff;
        oscp_delivery_judge(KIND, 0, &none, 0, &b, &retry_ms);
        pause = retry_ms;
        ok(pause <= most && pause >= most * 3 / 4, "try %d: about %lld ms", i,
           (long long) most);
        most = most * 2 > 60000 ? 60000 : most * 2;
    }

    ok(judge((oscp_answer_t) { .status = 503, .retry_after_ms = 30000 }, 5,
             &retry_ms) == OSCP_DELIVERY_RETRY && retry_ms == 30005,
       "Retry-After is honoured");
    judge((oscp_answer_t) { .status = 503, .retry_after_ms = DAY }, 0,
          &retry_ms);
    is_int(retry_ms, OSCP_DELIVERY_AFTER_MAX_MS, "up to an hour");
    judge((oscp_answer_t) { .status = 503, .retry_after_ms = 0 }, 0,
          &retry_ms);
    ok(retry_ms >= 750, "and never sooner than the back-off");
}


static void
ages(void)
{
    oscp_ms_t  retry_ms;

    ok(judge((oscp_answer_t) { .retry_after_ms = -1 }, 7 * DAY - 1001,
             &retry_ms) == OSCP_DELIVERY_RETRY, "a last try before 7 days");
    ok(judge((oscp_answer_t) { .retry_after_ms = -1 }, 7 * DAY - 1,
             &retry_ms) == OSCP_DELIVERY_EXPIRED, "none after");
    ok(retry_ms >= 7 * DAY - 1 + 750, "and the next message keeps the pause");
    is_int(oscp_delivery_age_ms(OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR), 3600000,
           "a compliance error is worth an hour");
    is_int(oscp_delivery_age_ms(OSCP_ADJUST_GROUP_CAPACITY_FORECAST), 600000,
           "an adjustment ten minutes");
    is_int(oscp_delivery_age_ms(OSCP_HEARTBEAT), 0,
           "a heartbeat has no place in the outbox");
}


int
main(void)
{
    answers();
    pauses();
    ages();
    return done_testing();
}
