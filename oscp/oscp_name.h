/*
 * Names of connections, groups, scopes, circuits and assets, and the ids that
 * travel in headers (design, sections 3 and 10).
 */

#ifndef OSCP_NAME_H
#define OSCP_NAME_H

#include <stddef.h>

#define OSCP_NAME_MAX     64     /* bytes in a name */
#define OSCP_NAME_SIZE    65
#define OSCP_ID_MAX       128    /* bytes in X-Request-ID, X-Correlation-ID */
#define OSCP_ID_SIZE      129

typedef enum {
    OSCP_NAME_PLAIN,        /* 1–64 of A-Z a-z 0-9 . _ - */
    OSCP_NAME_ALNUM,        /* 1–64 of A-Z a-z 0-9: a vector group */
    OSCP_NAME_VISIBLE       /* 1–64 of 0x21–0x7e but : { }: a generic group */
} oscp_name_class_t;

/* 1 when the `len` bytes at `name` are a name of that class, else 0. */
int oscp_name_valid(const char *name, size_t len, oscp_name_class_t class);

/*
 * 1 when the bytes are usable as X-Request-ID or X-Correlation-ID: 1–128
 * visible ASCII characters (0x21–0x7e), else 0.
 */
int oscp_id_valid(const char *id, size_t len);

#endif /* OSCP_NAME_H */
