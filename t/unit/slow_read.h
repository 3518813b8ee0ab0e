/*
 * A slow reading of OSCP messages from a cJSON tree, written from the contract
 * and sharing nothing with oscp_read.c but the structure that it fills.
 * The document must have passed slow_json_judge().
 */

#ifndef SLOW_READ_H
#define SLOW_READ_H

#include <cjson/cJSON.h>
#include <time.h>

#include "oscp_read.h"
#include "slow_json.h"

#define SLOW_ITEMS  64

typedef struct {
    oscp_message_t       m;
    oscp_block_t         blocks[SLOW_ITEMS];
    oscp_energy_t        energies[SLOW_ITEMS];
    oscp_asset_t         assets[SLOW_ITEMS];
    const char          *text;          /* decoded message or token */
    const char          *urls[SLOW_ITEMS];
    char                 versions[SLOW_ITEMS][16];
    oscp_read_options_t  options;
} slow_t;


/* A required member of that kind; NULL: it is not there or is another. */
static const cJSON *
slow_get(const cJSON *object, const char *name,
    cJSON_bool (*is)(const cJSON *const))
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return item && is(item) ? item : NULL;
}


static int
slow_has(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name) != NULL;
}


/* The index of a word in a list that ends with NULL, or -1. */
static int
slow_index(const cJSON *item, const char *const *words)
{
    int  i;

    if (!cJSON_IsString(item)) {
        return -1;
    }

    for (i = 0; words[i]; i++) {
        if (strcmp(words[i], item->valuestring) == 0) {
            return i;
        }
    }

    return -1;
}


static int
slow_enum(const cJSON *object, const char *name, const char *const *words,
    void *to)
{
    int  i = slow_index(cJSON_GetObjectItemCaseSensitive(object, name), words);

    memcpy(to, &i, sizeof(i));
    return i >= 0;
}


/* An RFC 3339 time through the C library's calendar. */
static int
slow_time(const cJSON *object, const char *name, oscp_ms_t *to)
{
    int           n = 0, i, sign, hours = 0, minutes = 0, last;
    char          letter, zone, fraction[4] = "000";
    const char   *p;
    struct tm     tm;
    const char   *shape = "dddd-dd-ddTdd:dd:dd";
    const cJSON  *item = slow_get(object, name, cJSON_IsString);

    if (item == NULL) {
        return 0;
    }

    memset(&tm, 0, sizeof(tm));
    p = item->valuestring;

    /* the shape first: sscanf would take signs and blanks */
    for (i = 0; i < 19; i++) {
        if (shape[i] == 'd' ? p[i] < '0' || p[i] > '9'
                            : p[i] != shape[i] && (i != 10 || p[i] != 't'))
        {
            return 0;
        }
    }

    if (sscanf(p, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
               &tm.tm_mday, &letter, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n)
        != 7 || n != 19)
    {
        return 0;
    }

    last = tm.tm_mon == 2
           ? 28 + ((tm.tm_year % 4 == 0 && tm.tm_year % 100 != 0)
                   || tm.tm_year % 400 == 0)
           : tm.tm_mon == 4 || tm.tm_mon == 6 || tm.tm_mon == 9
             || tm.tm_mon == 11 ? 30 : 31;

    if (tm.tm_year < 1 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1
        || tm.tm_mday > last || tm.tm_hour > 23 || tm.tm_min > 59
        || tm.tm_sec > 60)
    {
        return 0;
    }

    p += 19;

    if (*p == '.') {
        n = (int) strspn(++p, "0123456789");
        if (n == 0) {
            return 0;
        }

        memcpy(fraction, p, n < 3 ? (size_t) n : 3);
        p += n;
    }

    sign = *p == '-' ? -1 : 1;

    if (*p == '+' || *p == '-') {
        if (strlen(p) != 6 || strspn(p + 1, "0123456789") != 2 || p[3] != ':'
            || strspn(p + 4, "0123456789") != 2)
        {
            return 0;
        }

        sscanf(p, "%c%2d:%2d", &zone, &hours, &minutes);
        if (hours > 23 || minutes > 59) {
            return 0;
        }

    } else if (strcmp(p, "Z") != 0 && strcmp(p, "z") != 0) {
        return 0;
    }

    if (tm.tm_sec == 60) {
        strcpy(fraction, "000");
    }

    tm.tm_year -= 1900;
    tm.tm_mon--;

    *to = ((oscp_ms_t) timegm(&tm) - sign * (hours * 60 + minutes) * 60) * 1000
          + atoi(fraction);

    return *to >= -62135596800000 && *to <= 253402300799999;
}


static int
slow_number_of(const cJSON *item, double *to)
{
    if (!cJSON_IsNumber(item) || isinf(item->valuedouble)) {
        return 0;
    }

    *to = item->valuedouble;
    return 1;
}


/* A number, or a JSON number in quotes. */
static int
slow_capacity(const slow_t *s, const cJSON *object, double *to)
{
    slow_json_t   j;
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(object, "capacity");

    if (cJSON_IsString(item) && !s->options.strict) {
        memset(&j, 0, sizeof(j));
        j.p = (const unsigned char *) item->valuestring;
        j.end = j.p + strlen(item->valuestring);

        if (!slow_number(&j) || j.p != j.end) {
            return 0;
        }

        *to = strtod(item->valuestring, NULL);
        return isfinite(*to) && *to >= 0;
    }

    return slow_number_of(item, to) && *to >= 0;
}


static void
slow_name(const cJSON *item, char *to, size_t size)
{
    if (strlen(item->valuestring) < size) {
        strcpy(to, item->valuestring);

    } else {
        to[0] = '\0';
    }
}


static const char *const  slow_types[] = {
    "CONSUMPTION", "GENERATION", "FALLBACK_CONSUMPTION", "FALLBACK_GENERATION",
    "OPTIMUM", NULL
};
static const char *const  slow_phases[] = {
    "UNKNOWN", "ONE", "TWO", "THREE", "ALL", NULL
};
static const char *const  slow_units[] = { "A", "W", "KW", "WH", "KWH", NULL };
static const char *const  slow_flows[] = { "NET", "IMPORT", "EXPORT", NULL };
static const char *const  slow_energies[] = {
    "TOTAL", "FLEXIBLE", "NONFLEXIBLE", NULL
};
static const char *const  slow_categories[] = {
    "CHARGING", "CONSUMPTION", "GENERATION", "STORAGE", NULL
};
static const char *const  slow_words[] = { "CONTINUOUS", "INTERMITTENT", NULL };


static int
slow_blocks(slow_t *s, const cJSON *root)
{
    oscp_block_t  *b;
    const cJSON   *item, *list;

    list = slow_get(root, "forecasted_blocks", cJSON_IsArray);
    if (list == NULL) {
        return 0;
    }

    cJSON_ArrayForEach(item, list) {
        b = &s->blocks[s->m.nblocks++];

        if (!cJSON_IsObject(item) || !slow_capacity(s, item, &b->capacity)
            || !slow_enum(item, "phase", slow_phases, &b->phase)
            || !slow_enum(item, "unit", slow_units, &b->unit)
            || !slow_time(item, "start_time", &b->start_ms)
            || !slow_time(item, "end_time", &b->end_ms)
            || b->end_ms <= b->start_ms)
        {
            return 0;
        }
    }

    return s->m.nblocks > 0;
}


static int
slow_energy(const cJSON *item, oscp_energy_t *e)
{
    e->energy_type = OSCP_ENERGY_TOTAL;
    e->initial_measure_time_ms = OSCP_TIME_NONE;

    return cJSON_IsObject(item)
           && slow_number_of(cJSON_GetObjectItemCaseSensitive(item, "value"),
                             &e->value)
           && slow_enum(item, "phase", slow_phases, &e->phase)
           && slow_enum(item, "unit", slow_units, &e->unit)
           && e->unit >= OSCP_UNIT_WH
           && slow_enum(item, "direction", slow_flows, &e->direction)
           && (!slow_has(item, "energy_type")
               || slow_enum(item, "energy_type", slow_energies,
                            &e->energy_type))
           && slow_time(item, "measure_time", &e->measure_time_ms)
           && (!slow_has(item, "initial_measure_time")
               || slow_time(item, "initial_measure_time",
                            &e->initial_measure_time_ms));
}


static int
slow_instant(const cJSON *item, oscp_instantaneous_t *i)
{
    return cJSON_IsObject(item)
           && slow_number_of(cJSON_GetObjectItemCaseSensitive(item, "value"),
                             &i->value)
           && slow_enum(item, "phase", slow_phases, &i->phase)
           && slow_enum(item, "unit", slow_units, &i->unit)
           && slow_time(item, "measure_time", &i->measure_time_ms);
}


static int
slow_asset(const cJSON *item, oscp_asset_t *a)
{
    const cJSON  *id = slow_get(item, "asset_id", cJSON_IsString);
    const cJSON  *energy, *instant;

    if (!cJSON_IsObject(item) || id == NULL
        || !slow_enum(item, "asset_category", slow_categories, &a->category))
    {
        return 0;
    }

    slow_name(id, a->asset_id, sizeof(a->asset_id));

    energy = cJSON_GetObjectItemCaseSensitive(item, "energy_measurement");
    instant = cJSON_GetObjectItemCaseSensitive(item,
                                               "instantaneous_measurement");
    a->has_energy = energy != NULL;
    a->has_instantaneous = instant != NULL;

    return (!energy || slow_energy(energy, &a->energy))
           && (!instant || slow_instant(instant, &a->instantaneous));
}


static int
slow_measurements(slow_t *s, const cJSON *root)
{
    const cJSON  *item, *list;

    list = slow_get(root, "measurements", cJSON_IsArray);
    if (list == NULL) {
        return 0;
    }

    cJSON_ArrayForEach(item, list) {
        if (s->m.kind == OSCP_UPDATE_GROUP_MEASUREMENTS
            ? !slow_energy(item, &s->energies[s->m.nenergies++])
            : !slow_asset(item, &s->assets[s->m.nassets++]))
        {
            return 0;
        }
    }

    return s->m.nenergies + s->m.nassets > 0;
}


/* One of a handshake's forms: `object` has the two members. */
static int
slow_behaviour(slow_t *s, const cJSON *object)
{
    int           bit;
    const cJSON  *interval, *list, *item;

    interval = cJSON_GetObjectItemCaseSensitive(object, "heartbeat_interval");
    list = cJSON_GetObjectItemCaseSensitive(object,
                                            "measurement_configuration");

    s->m.has_interval = interval != NULL;
    s->m.has_measurement = list != NULL;
    s->m.heartbeat_interval_s = 0;
    s->m.measurement = 0;

    if (interval && (!slow_number_of(interval, &s->m.heartbeat_interval_s)
                     || s->m.heartbeat_interval_s < 1))
    {
        return 0;
    }

    if (list && !cJSON_IsArray(list)) {
        return 0;
    }

    cJSON_ArrayForEach(item, list) {
        bit = slow_index(item, slow_words) + 1;

        if (bit == 0 || (s->m.measurement & (unsigned) bit)) {
            return 0;
        }

        s->m.measurement |= (unsigned) bit;
    }

    return 1;
}


static int
slow_handshake(slow_t *s, const cJSON *root)
{
    const cJSON  *nested;

    if (!slow_behaviour(s, root)) {
        return 0;
    }

    if (s->m.has_interval || s->m.has_measurement) {
        s->m.dialect = OSCP_DIALECT_FLAT;

        if (s->options.strict) {
            return 0;
        }
    }

    nested = cJSON_GetObjectItemCaseSensitive(root, "required_behaviour");
    if (nested) {
        s->m.dialect = OSCP_DIALECT_NESTED;

        if (!cJSON_IsObject(nested) || !slow_behaviour(s, nested)
            || (s->options.strict && !s->m.has_measurement))
        {
            return 0;
        }
    }

    return !s->options.intermittent || !s->m.has_measurement
           || (s->m.measurement & OSCP_INTERMITTENT);
}


static int
slow_register(slow_t *s, const cJSON *root)
{
    const cJSON  *token, *list, *item, *version, *url;

    token = slow_get(root, "token", cJSON_IsString);
    list = slow_get(root, "version_url", cJSON_IsArray);
    if (token == NULL || list == NULL) {
        return 0;
    }

    s->text = token->valuestring;

    cJSON_ArrayForEach(item, list) {
        version = slow_get(item, "version", cJSON_IsString);
        url = slow_get(item, "base_url", cJSON_IsString);

        if (!cJSON_IsObject(item) || version == NULL || url == NULL) {
            return 0;
        }

        slow_name(version, s->versions[s->m.nurls], sizeof(s->versions[0]));
        s->urls[s->m.nurls++] = url->valuestring;
    }

    return s->m.nurls > 0;
}


/* 1: the contract accepts the tree, and `s` has its values; else 0. */
static int
slow_read(slow_t *s, oscp_message_kind_t kind, const cJSON *root)
{
    const cJSON  *item;

    oscp_message_init(&s->m, kind);
    s->text = "";

    if (!cJSON_IsObject(root)) {
        return 0;
    }

    switch (kind) {

    case OSCP_REGISTER:
        return slow_register(s, root);

    case OSCP_HANDSHAKE:
    case OSCP_HANDSHAKE_ACKNOWLEDGE:
        return slow_handshake(s, root);

    case OSCP_HEARTBEAT:
        if (!slow_has(root, "offline_mode_at")) {
            return !s->options.strict;
        }

        return slow_time(root, "offline_mode_at", &s->m.offline_mode_at_ms)
               && s->m.offline_mode_at_ms > s->options.now_ms;

    case OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR:
        item = slow_get(root, "message", cJSON_IsString);
        if (item == NULL) {
            return 0;
        }

        s->text = item->valuestring;
        return !slow_has(root, "forecasted_blocks") || slow_blocks(s, root);

    default:
        break;
    }

    item = slow_get(root, "group_id", cJSON_IsString);
    if (item == NULL) {
        return 0;
    }

    slow_name(item, s->m.group_id, sizeof(s->m.group_id));

    if (kind == OSCP_UPDATE_GROUP_CAPACITY_FORECAST
        || kind == OSCP_ADJUST_GROUP_CAPACITY_FORECAST)
    {
        return slow_enum(root, "type", slow_types, &s->m.type)
               && slow_blocks(s, root);
    }

    return slow_measurements(s, root);
}

#endif /* SLOW_READ_H */
