/*
 * The OSCP 2.0 messages as tables of fields (protocol, section 1.4): what
 * oscp_read.c is driven by.  Internal to oscp/.
 */

#ifndef OSCP_SCHEMA_H
#define OSCP_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "oscp_json.h"
#include "oscp_message.h"
#include "oscp_read.h"
#include "oscp_sample.h"

#define OSCP_SCHEMA_FIELDS_MAX  8      /* fields of one object */
#define OSCP_SCHEMA_NAME_MAX    32     /* bytes in a field's name */

typedef enum {
    OSCP_FIELD_NUMBER = 0,     /* double */
    OSCP_FIELD_ENUM,           /* an enumeration, through `find` */
    OSCP_FIELD_BITS,           /* unsigned: a list of unique words, each a bit
                                  through `find` */
    OSCP_FIELD_TIME,           /* oscp_ms_t */
    OSCP_FIELD_NAME,           /* char[size], decoded; too long: "" */
    OSCP_FIELD_TEXT,           /* oscp_str_t, as it stands */
    OSCP_FIELD_OBJECT,         /* a structure, through `object` */
    OSCP_FIELD_LIST,           /* structures, through `list` */
    OSCP_FIELD_COUNT
} oscp_field_kind_t;

typedef enum {
    OSCP_FIELD_OPTIONAL = 0,
    OSCP_FIELD_STRICT,         /* required under `dialect strict` */
    OSCP_FIELD_REQUIRED
} oscp_field_need_t;

typedef struct oscp_schema_s  oscp_schema_t;

/* Where a list lives: offsets into the structure that has the field. */
typedef struct {
    size_t                items;         /* pointer to the elements */
    size_t                max;           /* size_t: room */
    size_t                n;             /* size_t: how many there are */
    size_t                limit;
    const oscp_schema_t  *object;        /* of an element */
} oscp_list_t;

typedef struct oscp_field_s {
    const char           *quoted;        /* name with its quotes */
    size_t                quoted_len;
    oscp_field_kind_t     kind;
    oscp_field_need_t     need;
    size_t                offset;        /* of the value */
    size_t                size;          /* NAME: bytes there, NUL included */
    const char           *must;          /* "must be …" */
    double                min;           /* NUMBER */
    int                   decimal;       /* NUMBER: a JSON number in quotes
                                            passes too, unless strict */
    int                 (*find)(const char *text, size_t len);
    const oscp_schema_t  *object;
    const oscp_list_t    *list;
} oscp_field_t;

struct oscp_schema_s {
    const oscp_field_t   *fields;        /* in the order peers write them */
    unsigned              nfields;
    size_t                size;          /* of the structure */
    const void           *blank;         /* what absent fields leave; NULL: the
                                            caller has prepared it */

    /*
     * Rules over the whole object, called when it has been read; `seen` has a
     * bit for the index of each field that was there.  Returns 0, or -1 after
     * oscp_json_fail…().
     */
    int                 (*rule)(oscp_json_t *j, void *object, uint32_t seen,
                              const oscp_read_options_t *options);
};

/* What a handshake says in one of its two dialects. */
typedef struct {
    unsigned  has_interval:1;
    unsigned  has_measurement:1;
    double    heartbeat_interval_s;
    unsigned  measurement;
} oscp_behaviour_t;

/* Handshakes are read into this, all other messages into oscp_message_t. */
typedef struct {
    oscp_behaviour_t  flat;
    oscp_behaviour_t  nested;
    oscp_dialect_t    dialect;           /* which of them holds */
} oscp_handshake_t;

/* Room for one element of any list. */
typedef union {
    oscp_block_t        block;
    oscp_energy_t       energy;
    oscp_asset_t        asset;
    oscp_version_url_t  url;
    oscp_sample_site_t  sample;
} oscp_element_t;

/* The fields of a message; NULL for a number that is no message. */
const oscp_schema_t *oscp_schema_message(oscp_message_kind_t kind);

/* The name of a field. */
oscp_str_t oscp_schema_name(const oscp_field_t *field);

#endif /* OSCP_SCHEMA_H */
