/*
 * Times, durations and powers as an operator reads and types them.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "oscp_unit.h"
#include "oscpctl_text.h"


#define TEXT_DAY_MS    86400000
#define TEXT_HOUR_MS   3600000
#define TEXT_MINUTE_MS 60000


static void
text_local(oscp_ms_t ms, struct tm *tm)
{
    time_t  s = (time_t) (ms >= 0 ? ms / 1000 : (ms - 999) / 1000);

    memset(tm, 0, sizeof(*tm));
    localtime_r(&s, tm);
}


char *
worker_ctl_text_time(oscp_ms_t ms, oscp_ms_t today_ms,
    char buf[WORKER_CTL_TEXT_SIZE])
{
    struct tm  tm, today;

    if (ms == OSCP_TIME_NONE) {
        snprintf(buf, WORKER_CTL_TEXT_SIZE, "never");
        return buf;
    }

    text_local(ms, &tm);
    text_local(today_ms, &today);

    strftime(buf, WORKER_CTL_TEXT_SIZE,
             tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday
             ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);

    return buf;
}


char *
worker_ctl_text_precise(oscp_ms_t ms, oscp_ms_t today_ms,
    char buf[WORKER_CTL_TEXT_SIZE])
{
    size_t  len;

    worker_ctl_text_time(ms, today_ms, buf);

    if (ms != OSCP_TIME_NONE) {
        len = strlen(buf);
        snprintf(buf + len, WORKER_CTL_TEXT_SIZE - len, ".%03d",
                 (int) ((ms % 1000 + 1000) % 1000));
    }

    return buf;
}


char *
worker_ctl_text_moment(oscp_ms_t ms, char buf[WORKER_CTL_TEXT_SIZE])
{
    struct tm  tm;

    if (ms == OSCP_TIME_NONE) {
        snprintf(buf, WORKER_CTL_TEXT_SIZE, "never");
        return buf;
    }

    text_local(ms, &tm);
    if (strftime(buf, WORKER_CTL_TEXT_SIZE, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0) {
        strftime(buf, WORKER_CTL_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
    }

    return buf;
}


char *
worker_ctl_text_span(int64_t ms, char buf[WORKER_CTL_TEXT_SIZE])
{
    long long  n = ms < 0 ? -(ms + 1) : ms;

    if (n < 10000) {
        snprintf(buf, WORKER_CTL_TEXT_SIZE, "%.1f s", (double) n / 1000);

    } else if (n < TEXT_MINUTE_MS) {
        snprintf(buf, WORKER_CTL_TEXT_SIZE, "%lld s", n / 1000);

    } else if (n < TEXT_HOUR_MS) {
        snprintf(buf, WORKER_CTL_TEXT_SIZE, "%lld min %lld s",
                 n / TEXT_MINUTE_MS, n % TEXT_MINUTE_MS / 1000);

    } else if (n < TEXT_DAY_MS) {
        snprintf(buf, WORKER_CTL_TEXT_SIZE, "%lld h %lld min",
                 n / TEXT_HOUR_MS, n % TEXT_HOUR_MS / TEXT_MINUTE_MS);

    } else {
        snprintf(buf, WORKER_CTL_TEXT_SIZE, "%lld d %lld h",
                 n / TEXT_DAY_MS, n % TEXT_DAY_MS / TEXT_HOUR_MS);
    }

    return buf;
}


char *
worker_ctl_text_power(double watts, char buf[WORKER_CTL_TEXT_SIZE])
{
    return oscp_unit_text(watts, buf);
}


oscp_ms_t
worker_ctl_text_stored(const char *text)
{
    oscp_ms_t  ms = OSCP_TIME_NONE;

    if (text == NULL || oscp_time_parse(text, strlen(text), &ms) == -1) {
        return OSCP_TIME_NONE;
    }

    return ms;
}


/* "DD" at `*p`, at most `most`; moves behind it. */
static int
text_two(const char **p, int most, int *value)
{
    const char  *s = *p;

    if (!isdigit((unsigned char) s[0]) || !isdigit((unsigned char) s[1])) {
        return -1;
    }

    *value = (s[0] - '0') * 10 + (s[1] - '0');
    *p += 2;

    return *value <= most ? 0 : -1;
}


static int
text_character(const char **p, const char *set)
{
    if (**p == '\0' || strchr(set, **p) == NULL) {
        return -1;
    }

    (*p)++;

    return 0;
}


static int
text_date(const char **p, struct tm *tm)
{
    int  century, year, month, day;

    if (text_two(p, 99, &century) == -1 || text_two(p, 99, &year) == -1
        || text_character(p, "-") == -1 || text_two(p, 12, &month) == -1
        || text_character(p, "-") == -1 || text_two(p, 31, &day) == -1
        || text_character(p, " T") == -1 || month < 1 || day < 1)
    {
        return -1;
    }

    tm->tm_year = century * 100 + year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;

    return 0;
}


static int
text_clock(const char **p, struct tm *tm)
{
    tm->tm_sec = 0;

    if (text_two(p, 23, &tm->tm_hour) == -1 || text_character(p, ":") == -1
        || text_two(p, 59, &tm->tm_min) == -1)
    {
        return -1;
    }

    if (text_character(p, ":") == 0 && text_two(p, 59, &tm->tm_sec) == -1) {
        return -1;
    }

    return **p == '\0' ? 0 : -1;
}


int
worker_ctl_text_read_time(const char *text, oscp_ms_t now_ms, oscp_ms_t *ms)
{
    int          day;
    time_t       s;
    struct tm    tm;
    const char  *p = text;

    if (oscp_time_parse(text, strlen(text), ms) == 0) {
        return 0;
    }

    text_local(now_ms, &tm);

    if (strlen(text) > 8 && text_date(&p, &tm) == -1) {
        return -1;
    }

    if (text_clock(&p, &tm) == -1) {
        return -1;
    }

    /* a moment that a change of the clocks leaves out moves; a day must not */
    day = tm.tm_mday;
    tm.tm_isdst = -1;
    s = mktime(&tm);

    if (s == (time_t) -1 || tm.tm_mday != day) {
        return -1;
    }

    *ms = (oscp_ms_t) s * 1000;

    return 0;
}


int
worker_ctl_text_read_power(const char *text, double *watts)
{
    size_t  len = strcspn(text, " kKmMwW"), blank = strspn(text + len, " ");

    static const struct {
        const char  *name;
        double       watts;
    } units[] = {
        { "W", 1 }, { "w", 1 }, { "kW", 1e3 }, { "KW", 1e3 }, { "kw", 1e3 },
        { "MW", 1e6 },
    };

    if (oscp_number_parse(text, len, watts) == -1 || *watts < 0) {
        return -1;
    }

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (strcmp(text + len + blank, units[i].name) == 0) {
            *watts *= units[i].watts;
            return 0;
        }
    }

    return -1;
}


int
worker_ctl_text_read_span(const char *text, int64_t *ms)
{
    char      *end;
    long       n;
    int64_t    unit = 0;

    static const struct {
        const char  *name;
        int64_t      ms;
    } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "", 1000 }, { "m", TEXT_MINUTE_MS },
        { "h", TEXT_HOUR_MS },
    };

    if (!isdigit((unsigned char) *text)) {
        return -1;
    }

    n = strtol(text, &end, 10);

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (strcmp(end, units[i].name) == 0) {
            unit = units[i].ms;
        }
    }

    if (unit == 0 || n < 1 || n > TEXT_DAY_MS / unit) {
        return -1;
    }

    *ms = n * unit;

    return 0;
}
