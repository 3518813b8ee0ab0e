/*
 * A pull scanner over JSON bytes, for oscp_read.c: one pass, no tree, no
 * allocation.  Internal to oscp/.
 *
 * It accepts RFC 8259's grammar less what our contract refuses: invalid UTF-8,
 * \u0000, lone surrogates, a nesting deeper than OSCP_READ_DEPTH_MAX, objects
 * with more than OSCP_READ_MEMBERS_MAX members, and (where the caller asks for
 * it by oscp_json_remember()) names that are equal after unescaping.
 *
 * Functions that can fail return -1; then `code` is set, the error record is
 * filled with the path of the place in hand, and the scanner is of no more use.
 */

#ifndef OSCP_JSON_H
#define OSCP_JSON_H

#include <stdint.h>

#include "oscp_error.h"
#include "oscp_message.h"
#include "oscp_read.h"
#include "oscp_string.h"

typedef enum {
    OSCP_JSON_NONE = 0,          /* no value begins here */
    OSCP_JSON_OBJECT,
    OSCP_JSON_ARRAY,
    OSCP_JSON_STRING,
    OSCP_JSON_NUMBER,
    OSCP_JSON_LITERAL            /* true, false, null */
} oscp_json_type_t;

/* An open container. */
typedef struct {
    int          array;
    size_t       count;          /* members or elements begun */
    const char  *key;            /* raw name of the member in hand, or NULL */
    size_t       key_len;
    unsigned     first;          /* where its names begin in `names` */
} oscp_json_level_t;

/* A name that was seen: where it stands, and a hash of it unescaped. */
typedef struct {
    uint32_t  hash;
    uint32_t  offset;
} oscp_json_name_t;

/* About 9 KB: meant for the stack. */
typedef struct {
    const char         *start;
    const char         *p;       /* next byte to read */
    const char         *end;
    oscp_err_t          code;    /* OSCP_OK until something failed */
    oscp_error_t       *err;     /* may be NULL */
    unsigned            depth;   /* open containers */
    unsigned            nnames;
    unsigned            collisions;
    oscp_json_level_t   levels[OSCP_READ_DEPTH_MAX + 1];   /* 0: none open */
    oscp_json_name_t    names[OSCP_READ_UNKNOWN_MAX];
} oscp_json_t;

/* Prepares for `len` bytes (at most OSCP_READ_SIZE_MAX) at `text`. */
void oscp_json_init(oscp_json_t *j, const char *text, size_t len,
    oscp_error_t *err);

/* Skips white space and says what value begins. */
oscp_json_type_t oscp_json_peek(oscp_json_t *j);

/* Enters the object or array that oscp_json_peek() has announced. */
int oscp_json_open(oscp_json_t *j);

/*
 * Goes on to the next member of the innermost open object: 1, and the scanner
 * stands at the name's quote, or 0 when the object ended and is closed.
 * After 1 follows oscp_json_match() or oscp_json_name(), then the value.
 */
int oscp_json_member(oscp_json_t *j);

/*
 * 1 when the name that begins here is written exactly as `quoted` (`len` bytes,
 * quotes included): then it is passed, up to the colon, which is left to
 * oscp_json_colon().  Else 0, and nothing has moved.
 */
int oscp_json_match(oscp_json_t *j, const char *quoted, size_t len);
int oscp_json_colon(oscp_json_t *j);

/* Reads the name and the colon behind it. */
int oscp_json_name(oscp_json_t *j, oscp_string_t *name);

/* Notes the name in the innermost object; fails when it was noted before. */
int oscp_json_remember(oscp_json_t *j, const oscp_string_t *name);

/*
 * Goes on to the next element of the innermost open array: 1, and the scanner
 * stands before the value, or 0 when the array ended and is closed.
 */
int oscp_json_element(oscp_json_t *j);

/* Reads the string or number that oscp_json_peek() has announced. */
int oscp_json_string(oscp_json_t *j, oscp_string_t *s);
int oscp_json_number(oscp_json_t *j, double *value);

/* Checks and passes any value, duplicate names in it included. */
int oscp_json_skip(oscp_json_t *j);

/* Checks that nothing but white space is left. */
int oscp_json_end(oscp_json_t *j);

/*
 * Fail: with the path of the value in hand; of the innermost container itself;
 * of the member `name` of the object that was closed last.  The text (printf's)
 * says what it must be; for oscp_json_fail_syntax() it is what is wrong with
 * the JSON, to which the place is added.  All return -1.
 */
int oscp_json_fail(oscp_json_t *j, oscp_err_t code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int oscp_json_fail_container(oscp_json_t *j, oscp_err_t code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int oscp_json_fail_member(oscp_json_t *j, oscp_str_t name, oscp_err_t code,
    const char *must);
int oscp_json_fail_syntax(oscp_json_t *j, const char *what);

#endif /* OSCP_JSON_H */
