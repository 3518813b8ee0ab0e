/*
 * Names and enumerations of the messages: each a table of spellings whose
 * index is the value.
 */

#include "oscp_message.h"

#include <string.h>

#define SPELLING(text)  { text, sizeof(text) - 1 }
#define COUNT(table)    (sizeof(table) / sizeof(table[0]))


static const oscp_str_t  message_names[] = {
    [OSCP_REGISTER] = SPELLING("register"),
    [OSCP_HANDSHAKE] = SPELLING("handshake"),
    [OSCP_HANDSHAKE_ACKNOWLEDGE] = SPELLING("handshake_acknowledge"),
    [OSCP_HEARTBEAT] = SPELLING("heartbeat"),
    [OSCP_UPDATE_GROUP_CAPACITY_FORECAST] =
        SPELLING("update_group_capacity_forecast"),
    [OSCP_ADJUST_GROUP_CAPACITY_FORECAST] =
        SPELLING("adjust_group_capacity_forecast"),
    [OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR] =
        SPELLING("group_capacity_compliance_error"),
    [OSCP_UPDATE_GROUP_MEASUREMENTS] = SPELLING("update_group_measurements"),
    [OSCP_UPDATE_ASSET_MEASUREMENTS] = SPELLING("update_asset_measurements")
};

static const oscp_str_t  message_types[] = {
    [OSCP_CONSUMPTION] = SPELLING("CONSUMPTION"),
    [OSCP_GENERATION] = SPELLING("GENERATION"),
    [OSCP_FALLBACK_CONSUMPTION] = SPELLING("FALLBACK_CONSUMPTION"),
    [OSCP_FALLBACK_GENERATION] = SPELLING("FALLBACK_GENERATION"),
    [OSCP_OPTIMUM] = SPELLING("OPTIMUM")
};

static const oscp_str_t  message_phases[] = {
    [OSCP_PHASE_UNKNOWN] = SPELLING("UNKNOWN"),
    [OSCP_PHASE_ONE] = SPELLING("ONE"),
    [OSCP_PHASE_TWO] = SPELLING("TWO"),
    [OSCP_PHASE_THREE] = SPELLING("THREE"),
    [OSCP_PHASE_ALL] = SPELLING("ALL")
};

static const oscp_str_t  message_units[] = {
    [OSCP_UNIT_A] = SPELLING("A"),
    [OSCP_UNIT_W] = SPELLING("W"),
    [OSCP_UNIT_KW] = SPELLING("KW"),
    [OSCP_UNIT_WH] = SPELLING("WH"),
    [OSCP_UNIT_KWH] = SPELLING("KWH")
};

static const oscp_str_t  message_categories[] = {
    [OSCP_CHARGING] = SPELLING("CHARGING"),
    [OSCP_CATEGORY_CONSUMPTION] = SPELLING("CONSUMPTION"),
    [OSCP_CATEGORY_GENERATION] = SPELLING("GENERATION"),
    [OSCP_STORAGE] = SPELLING("STORAGE")
};

static const oscp_str_t  message_flows[] = {
    [OSCP_NET] = SPELLING("NET"),
    [OSCP_IMPORT] = SPELLING("IMPORT"),
    [OSCP_EXPORT] = SPELLING("EXPORT")
};

static const oscp_str_t  message_energy_types[] = {
    [OSCP_ENERGY_TOTAL] = SPELLING("TOTAL"),
    [OSCP_ENERGY_FLEXIBLE] = SPELLING("FLEXIBLE"),
    [OSCP_ENERGY_NONFLEXIBLE] = SPELLING("NONFLEXIBLE")
};

/* index + 1 is the bit: there are two of them */
static const oscp_str_t  message_measurements[] = {
    [OSCP_CONTINUOUS - 1] = SPELLING("CONTINUOUS"),
    [OSCP_INTERMITTENT - 1] = SPELLING("INTERMITTENT")
};


static const char *
oscp_message_spelling(const oscp_str_t *table, size_t n, size_t value)
{
    return value < n ? table[value].data : NULL;
}


static int
oscp_message_value(const oscp_str_t *table, size_t n, const char *text,
    size_t len)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (table[i].len == len && memcmp(table[i].data, text, len) == 0) {
            return (int) i;
        }
    }

    return -1;
}


const char *
oscp_message_name(oscp_message_kind_t kind)
{
    return oscp_message_spelling(message_names, COUNT(message_names), kind);
}


const char *
oscp_type_name(oscp_type_t type)
{
    return oscp_message_spelling(message_types, COUNT(message_types), type);
}


const char *
oscp_phase_name(oscp_phase_t phase)
{
    return oscp_message_spelling(message_phases, COUNT(message_phases), phase);
}


const char *
oscp_unit_name(oscp_unit_t unit)
{
    return oscp_message_spelling(message_units, COUNT(message_units), unit);
}


const char *
oscp_category_name(oscp_category_t category)
{
    return oscp_message_spelling(message_categories,
                                 COUNT(message_categories), category);
}


const char *
oscp_flow_name(oscp_flow_t flow)
{
    return oscp_message_spelling(message_flows, COUNT(message_flows), flow);
}


const char *
oscp_energy_type_name(oscp_energy_type_t type)
{
    return oscp_message_spelling(message_energy_types,
                                 COUNT(message_energy_types), type);
}


const char *
oscp_measurement_name(unsigned bit)
{
    /* 0 wraps around and is no value */
    return oscp_message_spelling(message_measurements,
                                 COUNT(message_measurements), bit - 1);
}


int
oscp_message_find(const char *text, size_t len)
{
    return oscp_message_value(message_names, COUNT(message_names), text, len);
}


int
oscp_type_find(const char *text, size_t len)
{
    return oscp_message_value(message_types, COUNT(message_types), text, len);
}


int
oscp_phase_find(const char *text, size_t len)
{
    return oscp_message_value(message_phases, COUNT(message_phases), text, len);
}


int
oscp_unit_find(const char *text, size_t len)
{
    return oscp_message_value(message_units, COUNT(message_units), text, len);
}


int
oscp_category_find(const char *text, size_t len)
{
    return oscp_message_value(message_categories, COUNT(message_categories),
                              text, len);
}


int
oscp_flow_find(const char *text, size_t len)
{
    return oscp_message_value(message_flows, COUNT(message_flows), text, len);
}


int
oscp_energy_type_find(const char *text, size_t len)
{
    return oscp_message_value(message_energy_types,
                              COUNT(message_energy_types), text, len);
}


int
oscp_measurement_find(const char *text, size_t len)
{
    int  i;

    i = oscp_message_value(message_measurements, COUNT(message_measurements),
                           text, len);

    return i < 0 ? -1 : i + 1;
}


size_t
oscp_measurement_list(unsigned bits, char *buf)
{
    size_t      len, i;
    oscp_str_t  name;

    len = 0;

    for (i = 0; i < COUNT(message_measurements); i++) {
        if (!(bits & (i + 1))) {
            continue;
        }

        if (len > 0) {
            buf[len++] = ',';
        }

        name = message_measurements[i];
        memcpy(buf + len, name.data, name.len);
        len += name.len;
    }

    buf[len] = '\0';

    return len;
}


int
oscp_measurement_list_parse(const char *text, size_t len)
{
    int          bit;
    unsigned     bits;
    const char  *p, *end, *comma;

    if (len == 0) {
        return 0;
    }

    bits = 0;
    end = text + len;

    for (p = text; /* void */ ; p = comma + 1) {
        comma = memchr(p, ',', (size_t) (end - p));
        bit = oscp_measurement_find(p, (size_t) ((comma ? comma : end) - p));

        if (bit < 0 || (bits & (unsigned) bit)) {
            return -1;
        }

        bits |= (unsigned) bit;

        if (comma == NULL) {
            return (int) bits;
        }
    }
}


void
oscp_message_init(oscp_message_t *m, oscp_message_kind_t kind)
{
    memset(m, 0, sizeof(*m));

    m->kind = kind;
    m->offline_mode_at_ms = OSCP_TIME_NONE;
}
