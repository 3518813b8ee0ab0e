/*
 * RFC 3339 date-times to milliseconds and back.
 */

#include "oscp_time.h"

#include <string.h>

#define MS_PER_SECOND   1000
#define MS_PER_MINUTE   60000
#define MS_PER_DAY      86400000
#define DAYS_PER_ERA    146097             /* 400 Gregorian years */
#define DAYS_TO_EPOCH   719468             /* 0000-03-01 to 1970-01-01 */

/* 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z */
#define TIME_MIN_MS     (-62135596800000)
#define TIME_MAX_MS     253402300799999

/* "2026-11-23T00:55:59", the part whose length is always the same */
#define TIME_FIXED_LEN  19


static const unsigned char  time_month_days[] = {
    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
};


/* Two digits at `p` as a number, or 100 and more when they are not digits. */
static unsigned
oscp_time_pair(const char *p)
{
    unsigned  tens = (unsigned char) p[0] - '0';
    unsigned  ones = (unsigned char) p[1] - '0';

    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}


static int
oscp_time_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}


/*
 * Days since 1970-01-01.  Years are counted from March, so that the leap day
 * is the last one of a year and the months before it need no table.
 */
static int64_t
oscp_time_days(unsigned year, unsigned month, unsigned day)
{
    unsigned  shifted, era, year_of_era, day_of_year;

    shifted = year - (month <= 2);
    era = shifted / 400;
    year_of_era = shifted - era * 400;
    day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return (int64_t) era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4
           - year_of_era / 100 + day_of_year - DAYS_TO_EPOCH;
}


/* Reads ".123456" at `*p`, if it is there; leaves `*p` behind it. */
static int
oscp_time_fraction(const char **p, const char *end, unsigned *ms)
{
    unsigned     digit, scale;
    const char  *s = *p;

    *ms = 0;

    if (s == end || *s != '.') {
        return 0;
    }

    scale = 100;

    for (s++; s < end; s++) {
        digit = (unsigned char) *s - '0';
        if (digit > 9) {
            break;
        }

        *ms += digit * scale;
        scale /= 10;
    }

    if (s == *p + 1) {
        return -1;
    }

    *p = s;
    return 0;
}


/* Reads the zone, all of the `len` bytes at `p`, as minutes east of UTC. */
static int
oscp_time_zone(const char *p, size_t len, int *minutes)
{
    unsigned  hour, minute;

    if (len == 1 && (*p == 'Z' || *p == 'z')) {
        *minutes = 0;
        return 0;
    }

    if (len != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':') {
        return -1;
    }

    hour = oscp_time_pair(p + 1);
    minute = oscp_time_pair(p + 4);
    if (hour > 23 || minute > 59) {
        return -1;
    }

    *minutes = (int) (hour * 60 + minute);
    if (p[0] == '-') {
        *minutes = -*minutes;
    }

    return 0;
}


/* Reads "2026-11-23" at `p` as days since 1970-01-01. */
static int
oscp_time_date(const char *p, int64_t *days)
{
    unsigned  century, year, month, day, last;

    century = oscp_time_pair(p);
    year = oscp_time_pair(p + 2);
    month = oscp_time_pair(p + 5);
    day = oscp_time_pair(p + 8);

    if (century > 99 || year > 99 || p[4] != '-' || p[7] != '-'
        || month < 1 || month > 12)
    {
        return -1;
    }

    year += century * 100;
    last = time_month_days[month - 1] + (month == 2 && oscp_time_leap(year));

    if (year == 0 || day < 1 || day > last) {
        return -1;
    }

    *days = oscp_time_days(year, month, day);
    return 0;
}


int
oscp_time_parse(const char *text, size_t len, oscp_ms_t *ms)
{
    int          zone;
    int64_t      days, moment;
    unsigned     hour, minute, second, fraction;
    const char  *p, *end;

    if (len <= TIME_FIXED_LEN || (text[10] != 'T' && text[10] != 't')
        || text[13] != ':' || text[16] != ':'
        || oscp_time_date(text, &days) != 0)
    {
        return -1;
    }

    hour = oscp_time_pair(text + 11);
    minute = oscp_time_pair(text + 14);
    second = oscp_time_pair(text + 17);
    if (hour > 23 || minute > 59 || second > 60) {
        return -1;
    }

    p = text + TIME_FIXED_LEN;
    end = text + len;

    if (oscp_time_fraction(&p, end, &fraction) != 0
        || oscp_time_zone(p, (size_t) (end - p), &zone) != 0)
    {
        return -1;
    }

    /* a leap second has no moment of its own here, nor have its fractions */
    if (second == 60) {
        fraction = 0;
    }

    moment = days * MS_PER_DAY
             + (int64_t) (hour * 60 + minute) * MS_PER_MINUTE
             - (int64_t) zone * MS_PER_MINUTE
             + (int64_t) second * MS_PER_SECOND + fraction;

    /* what an offset moves out of the years that we can write */
    if (moment < TIME_MIN_MS || moment > TIME_MAX_MS) {
        return -1;
    }

    *ms = moment;
    return 0;
}


/* Writes the `n` last decimal digits of `value` to `p`. */
static void
oscp_time_digits(char *p, unsigned n, unsigned value)
{
    while (n--) {
        p[n] = (char) ('0' + value % 10);
        value /= 10;
    }
}


size_t
oscp_time_format(oscp_ms_t ms, char *buf)
{
    unsigned  days, in_day, era, day_of_era, year_of_era, day_of_year, shifted;
    unsigned  year, month, day;
    uint64_t  shift_ms;

    if (ms < TIME_MIN_MS || ms > TIME_MAX_MS) {
        buf[0] = '\0';
        return 0;
    }

    /* counted from 0000-03-01, so that nothing is negative: see above */
    shift_ms = (uint64_t) (ms + (int64_t) DAYS_TO_EPOCH * MS_PER_DAY);
    days = (unsigned) (shift_ms / MS_PER_DAY);
    in_day = (unsigned) (shift_ms % MS_PER_DAY);

    era = days / DAYS_PER_ERA;
    day_of_era = days % DAYS_PER_ERA;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524
                   - day_of_era / (DAYS_PER_ERA - 1)) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4
                                - year_of_era / 100);
    shifted = (5 * day_of_year + 2) / 153;

    day = day_of_year - (153 * shifted + 2) / 5 + 1;
    month = shifted < 10 ? shifted + 3 : shifted - 9;
    year = year_of_era + era * 400 + (month <= 2);

    memcpy(buf, "0000-00-00T00:00:00.000Z", OSCP_TIME_SIZE);
    oscp_time_digits(buf, 4, year);
    oscp_time_digits(buf + 5, 2, month);
    oscp_time_digits(buf + 8, 2, day);
    oscp_time_digits(buf + 11, 2, in_day / (60 * MS_PER_MINUTE));
    oscp_time_digits(buf + 14, 2, in_day / MS_PER_MINUTE % 60);
    oscp_time_digits(buf + 17, 2, in_day / MS_PER_SECOND % 60);
    oscp_time_digits(buf + 20, 3, in_day % MS_PER_SECOND);

    return OSCP_TIME_LEN;
}
