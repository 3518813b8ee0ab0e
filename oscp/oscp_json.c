/*
 * The pull scanner.
 */

#include "oscp_json.h"
#include "oscp_number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define JSON_KEY_SHOWN    64      /* bytes of an unknown name in a path */


void
oscp_json_init(oscp_json_t *j, const char *text, size_t len, oscp_error_t *err)
{
    j->start = text;
    j->p = text;
    j->end = text + len;
    j->code = OSCP_OK;
    j->err = err;
    j->depth = 0;
    j->nnames = 0;
    j->collisions = 0;
}


/*
 * Appends what the peer called a member.  It is not ours: only what can be
 * part of a name is shown.
 */
static size_t
oscp_json_path_key(const oscp_json_level_t *level, char *path, size_t size)
{
    char    c;
    size_t  i, len;

    if (size < 2) {
        return 0;
    }

    len = 0;
    path[len++] = '.';

    for (i = 0; i < level->key_len && i < JSON_KEY_SHOWN; i++) {
        if (len == size) {
            break;
        }

        c = level->key[i];
        path[len++] = oscp_name_valid(&c, 1, OSCP_NAME_PLAIN) ? c : '?';
    }

    return len;
}


static void
oscp_json_path(const oscp_json_t *j, char *path, size_t size)
{
    int                       n;
    size_t                    len;
    unsigned                  i;
    const oscp_json_level_t  *level;

    size--;
    path[0] = '$';
    len = 1;

    for (i = 1; i <= j->depth; i++) {
        level = &j->levels[i];

        if (!level->array && level->key != NULL) {
            len += oscp_json_path_key(level, path + len, size - len);

        } else if (level->array && level->count > 0) {
            n = snprintf(path + len, size - len + 1, "[%zu]",
                         level->count - 1);
            len += (size_t) n < size - len ? (size_t) n : size - len;
        }
    }

    path[len] = '\0';
}


static void
oscp_json_report(oscp_json_t *j, oscp_err_t code, const char *fmt, va_list args)
{
    char  path[OSCP_ERROR_PATH_LEN], text[OSCP_ERROR_TEXT_LEN];

    j->code = code;

    if (j->err != NULL) {
        oscp_json_path(j, path, sizeof(path));
        vsnprintf(text, sizeof(text), fmt, args);
        oscp_error_set(j->err, code, path, "%s", text);
    }
}


int
oscp_json_fail(oscp_json_t *j, oscp_err_t code, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    oscp_json_report(j, code, fmt, args);
    va_end(args);

    return -1;
}


int
oscp_json_fail_container(oscp_json_t *j, oscp_err_t code, const char *fmt, ...)
{
    va_list  args;

    j->levels[j->depth].key = NULL;
    j->levels[j->depth].count = 0;

    va_start(args, fmt);
    oscp_json_report(j, code, fmt, args);
    va_end(args);

    return -1;
}


int
oscp_json_fail_member(oscp_json_t *j, oscp_str_t name, oscp_err_t code,
    const char *must)
{
    /* the closed object's level is still as it was */
    j->depth++;
    j->levels[j->depth].key = name.data;
    j->levels[j->depth].key_len = name.len;

    return oscp_json_fail(j, code, "%s", must);
}


int
oscp_json_fail_syntax(oscp_json_t *j, const char *what)
{
    return oscp_json_fail(j, OSCP_ERR_SYNTAX, "must be JSON: %s at byte %zu",
                          what, (size_t) (j->p - j->start));
}


static void
oscp_json_space(oscp_json_t *j)
{
    const char  *p = j->p;

    while (p < j->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    {
        p++;
    }

    j->p = p;
}


oscp_json_type_t
oscp_json_peek(oscp_json_t *j)
{
    oscp_json_space(j);

    if (j->p == j->end) {
        return OSCP_JSON_NONE;
    }

    switch (*j->p) {

    case '"':
        return OSCP_JSON_STRING;

    case '{':
        return OSCP_JSON_OBJECT;

    case '[':
        return OSCP_JSON_ARRAY;

    case 't':
    case 'f':
    case 'n':
        return OSCP_JSON_LITERAL;

    case '-':
        return OSCP_JSON_NUMBER;

    default:
        return *j->p >= '0' && *j->p <= '9' ? OSCP_JSON_NUMBER
                                            : OSCP_JSON_NONE;
    }
}


int
oscp_json_open(oscp_json_t *j)
{
    oscp_json_level_t  *level;

    if (j->depth == OSCP_READ_DEPTH_MAX) {
        return oscp_json_fail(j, OSCP_ERR_LIMIT,
                              "must not be nested more than %d deep",
                              OSCP_READ_DEPTH_MAX);
    }

    level = &j->levels[++j->depth];

    level->array = *j->p == '[';
    level->count = 0;
    level->key = NULL;
    level->first = j->nnames;

    j->p++;

    return 0;
}


static void
oscp_json_close(oscp_json_t *j)
{
    j->nnames = j->levels[j->depth].first;
    j->depth--;
    j->p++;
}


/*
 * Passes what stands between the members or elements of the innermost
 * container.  1: another one may follow, 0: it ended and is closed.
 */
static int
oscp_json_separate(oscp_json_t *j, char close, const char *must)
{
    oscp_json_space(j);

    if (j->p < j->end && *j->p == close) {
        oscp_json_close(j);
        return 0;
    }

    if (j->levels[j->depth].count > 0) {
        if (j->p == j->end || *j->p != ',') {
            return oscp_json_fail_syntax(j, must);
        }

        j->p++;
        oscp_json_space(j);
    }

    return 1;
}


int
oscp_json_member(oscp_json_t *j)
{
    int                 rc;
    oscp_json_level_t  *level = &j->levels[j->depth];

    level->key = NULL;

    rc = oscp_json_separate(j, '}', "a comma or } is missing");
    if (rc != 1) {
        return rc;
    }

    if (j->p == j->end || *j->p != '"') {
        return oscp_json_fail_syntax(j, "a member's name is missing");
    }

    if (level->count == OSCP_READ_MEMBERS_MAX) {
        return oscp_json_fail_container(j, OSCP_ERR_LIMIT,
                                        "must have at most %d members",
                                        OSCP_READ_MEMBERS_MAX);
    }

    level->count++;

    return 1;
}


int
oscp_json_element(oscp_json_t *j)
{
    int  rc;

    rc = oscp_json_separate(j, ']', "a comma or ] is missing");
    if (rc == 1) {
        j->levels[j->depth].count++;
    }

    return rc;
}


int
oscp_json_match(oscp_json_t *j, const char *quoted, size_t len)
{
    oscp_json_level_t  *level;

    if ((size_t) (j->end - j->p) < len || memcmp(j->p, quoted, len) != 0) {
        return 0;
    }

    level = &j->levels[j->depth];
    level->key = j->p + 1;
    level->key_len = len - 2;

    j->p += len;

    return 1;
}


int
oscp_json_colon(oscp_json_t *j)
{
    oscp_json_space(j);

    if (j->p == j->end || *j->p != ':') {
        return oscp_json_fail_syntax(j, "a colon is missing");
    }

    j->p++;

    return 0;
}


int
oscp_json_name(oscp_json_t *j, oscp_string_t *name)
{
    oscp_json_level_t  *level = &j->levels[j->depth];

    if (oscp_json_string(j, name) != 0) {
        return -1;
    }

    level->key = name->data;
    level->key_len = name->len;

    return oscp_json_colon(j);
}


int
oscp_json_remember(oscp_json_t *j, const oscp_string_t *name)
{
    uint32_t           hash;
    unsigned           i;
    oscp_json_name_t  *known;

    hash = oscp_string_hash(name);

    for (i = j->levels[j->depth].first; i < j->nnames; i++) {
        known = &j->names[i];
        if (known->hash != hash) {
            continue;
        }

        if (oscp_string_equal(name, j->start + known->offset, j->end)) {
            return oscp_json_fail(j, OSCP_ERR_SYNTAX,
                                  "must not be given twice");
        }

        /* names made to collide: comparing them is what would cost */
        if (++j->collisions > OSCP_READ_COLLISIONS_MAX) {
            return oscp_json_fail_container(j, OSCP_ERR_LIMIT,
                                            "must not have that many members "
                                            "of the same hash");
        }
    }

    if (j->nnames == OSCP_READ_UNKNOWN_MAX) {
        return oscp_json_fail_container(j, OSCP_ERR_LIMIT,
                                        "must have at most %d unknown members "
                                        "together with what is around it",
                                        OSCP_READ_UNKNOWN_MAX);
    }

    known = &j->names[j->nnames++];
    known->hash = hash;
    known->offset = (uint32_t) (name->data - j->start);

    return 0;
}


int
oscp_json_string(oscp_json_t *j, oscp_string_t *s)
{
    if (oscp_string_scan(&j->p, j->end, s) == 0) {
        return 0;
    }

    if (j->p == j->end) {
        return oscp_json_fail_syntax(j, "a closing quote is missing");
    }

    if (*j->p == '\\') {
        return oscp_json_fail_syntax(j, "a wrong escape, \\u0000 or a lone "
                                        "surrogate");
    }

    return oscp_json_fail_syntax(j, "a control character or invalid UTF-8");
}


int
oscp_json_number(oscp_json_t *j, double *value)
{
    switch (oscp_number_scan(&j->p, j->end, value)) {

    case OSCP_OK:
        return 0;

    case OSCP_ERR_LIMIT:
        return oscp_json_fail(j, OSCP_ERR_LIMIT,
                              "must be a number of at most %d characters",
                              OSCP_NUMBER_LEN_MAX);

    case OSCP_ERR_SEMANTIC:
        return oscp_json_fail(j, OSCP_ERR_SEMANTIC, "must be finite");

    default:
        return oscp_json_fail_syntax(j, "not a number");
    }
}


static int
oscp_json_literal(oscp_json_t *j)
{
    size_t                   i, left;
    static const oscp_str_t  literals[] = {
        { "true", 4 }, { "false", 5 }, { "null", 4 }
    };

    left = (size_t) (j->end - j->p);

    for (i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
        if (left >= literals[i].len
            && memcmp(j->p, literals[i].data, literals[i].len) == 0)
        {
            j->p += literals[i].len;
            return 0;
        }
    }

    return oscp_json_fail_syntax(j, "not true, false or null");
}


/* Passes a value, or enters it where it is a container. */
static int
oscp_json_begin(oscp_json_t *j)
{
    const char     *p;
    oscp_string_t   s;

    switch (oscp_json_peek(j)) {

    case OSCP_JSON_OBJECT:
    case OSCP_JSON_ARRAY:
        return oscp_json_open(j);

    case OSCP_JSON_STRING:
        return oscp_json_string(j, &s);

    case OSCP_JSON_NUMBER:
        p = oscp_number_skip(j->p, j->end);
        if (p == NULL) {
            return oscp_json_fail_syntax(j, "not a number");
        }

        j->p = p;
        return 0;

    case OSCP_JSON_LITERAL:
        return oscp_json_literal(j);

    case OSCP_JSON_NONE:
        break;
    }

    return oscp_json_fail_syntax(j, "a value is missing");
}


/* Goes on in the innermost container, up to a value: 1, 0: it is closed. */
static int
oscp_json_next(oscp_json_t *j)
{
    int            rc;
    oscp_string_t  name;

    if (j->levels[j->depth].array) {
        return oscp_json_element(j);
    }

    rc = oscp_json_member(j);
    if (rc != 1) {
        return rc;
    }

    if (oscp_json_name(j, &name) != 0 || oscp_json_remember(j, &name) != 0) {
        return -1;
    }

    return 1;
}


int
oscp_json_skip(oscp_json_t *j)
{
    int       rc;
    unsigned  depth = j->depth;

    do {
        if (oscp_json_begin(j) != 0) {
            return -1;
        }

        while (j->depth > depth) {
            rc = oscp_json_next(j);
            if (rc < 0) {
                return -1;
            }

            if (rc == 1) {
                break;
            }
        }

    } while (j->depth > depth);

    return 0;
}


int
oscp_json_end(oscp_json_t *j)
{
    oscp_json_space(j);

    return j->p == j->end ? 0 : oscp_json_fail_syntax(j, "more follows");
}
