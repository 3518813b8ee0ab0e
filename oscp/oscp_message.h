/*
 * The messages of OSCP 2.0: their names, their enumerations, and the one
 * structure into which each of them is read and from which it is written
 * (protocol, sections 1.2 and 1.4).
 */

#ifndef OSCP_MESSAGE_H
#define OSCP_MESSAGE_H

#include <stddef.h>

#include "oscp_name.h"
#include "oscp_time.h"

/* Bytes somewhere else, not NUL-terminated; `data` belongs to the buffer. */
typedef struct {
    const char  *data;
    size_t       len;
} oscp_str_t;

typedef enum {
    OSCP_REGISTER = 0,
    OSCP_HANDSHAKE,
    OSCP_HANDSHAKE_ACKNOWLEDGE,
    OSCP_HEARTBEAT,
    OSCP_UPDATE_GROUP_CAPACITY_FORECAST,
    OSCP_ADJUST_GROUP_CAPACITY_FORECAST,
    OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR,
    OSCP_UPDATE_GROUP_MEASUREMENTS,
    OSCP_UPDATE_ASSET_MEASUREMENTS,
    OSCP_MESSAGE_COUNT
} oscp_message_kind_t;

typedef enum {
    OSCP_CONSUMPTION = 0,
    OSCP_GENERATION,
    OSCP_FALLBACK_CONSUMPTION,
    OSCP_FALLBACK_GENERATION,
    OSCP_OPTIMUM,
    OSCP_TYPE_COUNT
} oscp_type_t;

typedef enum {
    OSCP_PHASE_UNKNOWN = 0,
    OSCP_PHASE_ONE,
    OSCP_PHASE_TWO,
    OSCP_PHASE_THREE,
    OSCP_PHASE_ALL,
    OSCP_PHASE_COUNT
} oscp_phase_t;

typedef enum {
    OSCP_UNIT_A = 0,
    OSCP_UNIT_W,
    OSCP_UNIT_KW,
    OSCP_UNIT_WH,
    OSCP_UNIT_KWH,
    OSCP_UNIT_COUNT
} oscp_unit_t;

typedef enum {
    OSCP_CHARGING = 0,
    OSCP_CATEGORY_CONSUMPTION,
    OSCP_CATEGORY_GENERATION,
    OSCP_STORAGE,
    OSCP_CATEGORY_COUNT
} oscp_category_t;

typedef enum {
    OSCP_NET = 0,
    OSCP_IMPORT,
    OSCP_EXPORT,
    OSCP_FLOW_COUNT
} oscp_flow_t;

typedef enum {
    OSCP_ENERGY_TOTAL = 0,     /* also what an absent energy_type means */
    OSCP_ENERGY_FLEXIBLE,
    OSCP_ENERGY_NONFLEXIBLE,
    OSCP_ENERGY_COUNT
} oscp_energy_type_t;

/* Bits of a measurement_configuration list. */
#define OSCP_CONTINUOUS     0x1u
#define OSCP_INTERMITTENT   0x2u

/*
 * How a peer writes required_behaviour: nested (the schema's form), flat (the
 * OpenAPI's).  NONE: the message did not show it.
 */
typedef enum {
    OSCP_DIALECT_NONE = 0,
    OSCP_DIALECT_NESTED,
    OSCP_DIALECT_FLAT
} oscp_dialect_t;

/*
 * The wire spellings.  Each function returns a static string, or NULL for a
 * number that is no value; each `_find` returns the value, or -1 when the
 * `len` bytes at `text` are not exactly one of the spellings.
 * oscp_message_name(OSCP_HANDSHAKE) is "handshake": it is also the path.
 */
const char *oscp_message_name(oscp_message_kind_t kind);
const char *oscp_type_name(oscp_type_t type);
const char *oscp_phase_name(oscp_phase_t phase);
const char *oscp_unit_name(oscp_unit_t unit);
const char *oscp_category_name(oscp_category_t category);
const char *oscp_flow_name(oscp_flow_t flow);
const char *oscp_energy_type_name(oscp_energy_type_t type);
const char *oscp_measurement_name(unsigned bit);

int oscp_message_find(const char *text, size_t len);
int oscp_type_find(const char *text, size_t len);
int oscp_phase_find(const char *text, size_t len);
int oscp_unit_find(const char *text, size_t len);
int oscp_category_find(const char *text, size_t len);
int oscp_flow_find(const char *text, size_t len);
int oscp_energy_type_find(const char *text, size_t len);
int oscp_measurement_find(const char *text, size_t len);  /* gives the bit */

/*
 * Writes a measurement_configuration as the Redis hash shows it
 * ("INTERMITTENT", "CONTINUOUS,INTERMITTENT", "") to `buf` of at least 32
 * bytes, and reads it back (-1: not such a list).
 */
size_t oscp_measurement_list(unsigned bits, char *buf);
int oscp_measurement_list_parse(const char *text, size_t len);

/* A ForecastedBlock, as sent: capacity in `unit`, half-open [start, end). */
typedef struct {
    double        capacity;
    oscp_phase_t  phase;
    oscp_unit_t   unit;
    oscp_ms_t     start_ms;
    oscp_ms_t     end_ms;
} oscp_block_t;

typedef struct {
    double              value;
    oscp_phase_t        phase;
    oscp_unit_t         unit;               /* WH or KWH */
    oscp_flow_t         direction;
    oscp_energy_type_t  energy_type;
    oscp_ms_t           measure_time_ms;
    oscp_ms_t           initial_measure_time_ms;   /* OSCP_TIME_NONE: absent */
} oscp_energy_t;

typedef struct {
    double        value;
    oscp_phase_t  phase;
    oscp_unit_t   unit;
    oscp_ms_t     measure_time_ms;
} oscp_instantaneous_t;

typedef struct {
    char                  asset_id[OSCP_NAME_SIZE];
    oscp_category_t       category;
    unsigned              has_energy:1;
    unsigned              has_instantaneous:1;
    oscp_energy_t         energy;
    oscp_instantaneous_t  instantaneous;
} oscp_asset_t;

typedef struct {
    char        version[16];    /* "" when it is longer */
    oscp_str_t  base_url;       /* as it stands in the JSON, escapes and all */
} oscp_version_url_t;

/*
 * A message.  `kind` says which members mean anything.  Lists belong to the
 * caller: before reading, point `x` at room for `max_x` elements (NULL and 0:
 * elements are validated and counted, not kept); after it `nx` tells how many
 * the message has, which may be more than were kept.
 */
typedef struct {
    oscp_message_kind_t  kind;

    /* handshake, handshake_acknowledge */
    oscp_dialect_t       dialect;
    unsigned             has_interval:1;
    unsigned             has_measurement:1;  /* the list was given */
    double               heartbeat_interval_s;
    unsigned             measurement;        /* OSCP_CONTINUOUS | … */

    /* heartbeat; OSCP_TIME_NONE: absent */
    oscp_ms_t            offline_mode_at_ms;

    /*
     * Forecast, adjustment, measurements.  An id longer than OSCP_NAME_MAX
     * is kept as "": it is valid OSCP, and no group of ours.
     */
    char                 group_id[OSCP_NAME_SIZE];
    oscp_type_t          type;
    oscp_block_t        *blocks;
    size_t               max_blocks;
    size_t               nblocks;

    /* compliance error: the raw JSON string between its quotes */
    oscp_str_t           text;

    /* update_group_measurements, update_asset_measurements */
    oscp_energy_t       *energies;
    size_t               max_energies;
    size_t               nenergies;
    oscp_asset_t        *assets;
    size_t               max_assets;
    size_t               nassets;

    /* register */
    oscp_str_t           token;
    oscp_version_url_t  *urls;
    size_t               max_urls;
    size_t               nurls;
} oscp_message_t;

/* Empties `m` for `kind`: no lists, times OSCP_TIME_NONE, everything else 0. */
void oscp_message_init(oscp_message_t *m, oscp_message_kind_t kind);

#endif /* OSCP_MESSAGE_H */
