/*
 * The members of a configuration document that are plain values, as one table
 * for its writer and its reader.  Internal to oscp_config*.c.
 */

#ifndef OSCP_CONFIG_TABLE_H
#define OSCP_CONFIG_TABLE_H

#include <stddef.h>

typedef enum {
    OSCP_CONFIG_STRING = 0,      /* const char *; NULL: not written */
    OSCP_CONFIG_MS,              /* int64_t, milliseconds */
    OSCP_CONFIG_NUMBER           /* double */
} oscp_config_kind_t;

typedef struct {
    const char          *name;
    oscp_config_kind_t   kind;
    size_t               offset;     /* in the structure */
    int                  decimals;   /* of a number */
} oscp_config_field_t;

/* Each ends with a name of NULL. */
extern const oscp_config_field_t  oscp_config_connection_fields[];
extern const oscp_config_field_t  oscp_config_header_fields[];
extern const oscp_config_field_t  oscp_config_group_fields[];

/* Words for oscp_present_t, in its order. */
#define OSCP_CONFIG_PRESENT_COUNT  3

extern const char *const  oscp_config_present[OSCP_CONFIG_PRESENT_COUNT];

#define OSCP_CONFIG_WATT_DECIMALS  3

#endif /* OSCP_CONFIG_TABLE_H */
