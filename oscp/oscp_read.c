/*
 * Messages from JSON: the scanner, driven by the tables of oscp_schema.c.
 */

#include "oscp_read.h"
#include "oscp_json.h"
#include "oscp_number.h"
#include "oscp_schema.h"

#include <string.h>

/* A word of an enumeration or a time that is written with escapes. */
#define READ_DECODED_MAX  128

#define READ_BOM          "\xef\xbb\xbf"


typedef struct {
    oscp_json_t                 json;
    const oscp_read_options_t  *options;
} oscp_reader_t;

/*
 * What followed which field in the last object of a kind: [0] is for the
 * first, [i + 1] for the one behind field i.  Peers write all their objects
 * in one order, so that a name is nearly always found by one comparison.
 */
typedef struct {
    unsigned char  after[OSCP_SCHEMA_FIELDS_MAX + 1];
} oscp_read_order_t;


static int oscp_read_object(oscp_reader_t *r, const oscp_schema_t *schema,
    char *base, oscp_read_order_t *order);


static void
oscp_read_order_init(oscp_read_order_t *order)
{
    unsigned char  i;

    for (i = 0; i <= OSCP_SCHEMA_FIELDS_MAX; i++) {
        order->after[i] = i;
    }
}


/* A value of another type than the field's, or none. */
static int
oscp_read_wrong(oscp_reader_t *r, const oscp_field_t *field,
    oscp_json_type_t type)
{
    if (type == OSCP_JSON_NONE) {
        return oscp_json_fail_syntax(&r->json, "a value is missing");
    }

    return oscp_json_fail(&r->json, OSCP_ERR_SCHEMA, "%s", field->must);
}


/* Reads a string; the text of one with escapes is decoded into `buf`. */
static int
oscp_read_string(oscp_reader_t *r, const oscp_field_t *field, oscp_str_t *text,
    char *buf)
{
    oscp_string_t     s;
    oscp_json_type_t  type;

    type = oscp_json_peek(&r->json);
    if (type != OSCP_JSON_STRING) {
        return oscp_read_wrong(r, field, type);
    }

    if (oscp_json_string(&r->json, &s) != 0) {
        return -1;
    }

    text->data = s.data;
    text->len = s.len;

    if (s.escaped) {
        text->data = buf;
        text->len = oscp_string_unescape(&s, buf, READ_DECODED_MAX);

        /* nothing that must be decoded here is that long */
        if (text->len > READ_DECODED_MAX) {
            return oscp_json_fail(&r->json, OSCP_ERR_SCHEMA, "%s",
                                  field->must);
        }
    }

    return 0;
}


/* A JSON number in quotes. */
static int
oscp_read_decimal(oscp_reader_t *r, const oscp_field_t *field, double *value)
{
    char         buf[READ_DECODED_MAX];
    oscp_str_t   text;
    oscp_err_t   rc;
    const char  *p, *end;

    if (oscp_read_string(r, field, &text, buf) != 0) {
        return -1;
    }

    p = text.data;
    end = p + text.len;
    rc = oscp_number_scan(&p, end, value);

    if (rc == OSCP_ERR_SEMANTIC && oscp_number_skip(p, end) == end) {
        return oscp_json_fail(&r->json, rc, "must be finite");
    }

    if (rc != OSCP_OK || p != end) {
        return oscp_json_fail(&r->json, OSCP_ERR_SCHEMA, "%s", field->must);
    }

    return 0;
}


static int
oscp_read_number(oscp_reader_t *r, const oscp_field_t *field, char *target)
{
    int               rc;
    double            value;
    oscp_json_type_t  type;

    type = oscp_json_peek(&r->json);

    if (type == OSCP_JSON_NUMBER) {
        rc = oscp_json_number(&r->json, &value);

    } else if (type == OSCP_JSON_STRING && field->decimal
               && !r->options->strict)
    {
        rc = oscp_read_decimal(r, field, &value);

    } else {
        return oscp_read_wrong(r, field, type);
    }

    if (rc != 0) {
        return -1;
    }

    if (value < field->min) {
        return oscp_json_fail(&r->json, OSCP_ERR_SEMANTIC, "%s", field->must);
    }

    memcpy(target, &value, sizeof(value));

    return 0;
}


/* A word of the field's enumeration, as its number; -1: failed. */
static int
oscp_read_word(oscp_reader_t *r, const oscp_field_t *field)
{
    int         value;
    char        buf[READ_DECODED_MAX];
    oscp_str_t  text;

    if (oscp_read_string(r, field, &text, buf) != 0) {
        return -1;
    }

    value = field->find(text.data, text.len);

    return value >= 0 ? value
                      : oscp_json_fail(&r->json, OSCP_ERR_SCHEMA, "%s",
                                       field->must);
}


static int
oscp_read_enum(oscp_reader_t *r, const oscp_field_t *field, char *target)
{
    int  value;

    value = oscp_read_word(r, field);
    if (value < 0) {
        return -1;
    }

    /* an enumeration without negative values has the size of an int */
    memcpy(target, &value, sizeof(value));

    return 0;
}


static int
oscp_read_bits(oscp_reader_t *r, const oscp_field_t *field, char *target)
{
    int               rc, bit;
    unsigned          bits;
    oscp_json_type_t  type;

    type = oscp_json_peek(&r->json);
    if (type != OSCP_JSON_ARRAY) {
        return oscp_read_wrong(r, field, type);
    }

    if (oscp_json_open(&r->json) != 0) {
        return -1;
    }

    bits = 0;

    while ((rc = oscp_json_element(&r->json)) == 1) {
        bit = oscp_read_word(r, field);
        if (bit < 0) {
            return -1;
        }

        if (bits & (unsigned) bit) {
            return oscp_json_fail(&r->json, OSCP_ERR_SCHEMA, "%s",
                                  field->must);
        }

        bits |= (unsigned) bit;
    }

    memcpy(target, &bits, sizeof(bits));

    return rc;
}


static int
oscp_read_time(oscp_reader_t *r, const oscp_field_t *field, char *target)
{
    char        buf[READ_DECODED_MAX];
    oscp_ms_t   ms;
    oscp_str_t  text;

    if (oscp_read_string(r, field, &text, buf) != 0) {
        return -1;
    }

    if (oscp_time_parse(text.data, text.len, &ms) != 0) {
        return oscp_json_fail(&r->json, OSCP_ERR_SYNTAX, "%s", field->must);
    }

    memcpy(target, &ms, sizeof(ms));

    return 0;
}


static int
oscp_read_name(oscp_reader_t *r, const oscp_field_t *field, char *target)
{
    size_t            len;
    oscp_string_t     s;
    oscp_json_type_t  type;

    type = oscp_json_peek(&r->json);
    if (type != OSCP_JSON_STRING) {
        return oscp_read_wrong(r, field, type);
    }

    if (oscp_json_string(&r->json, &s) != 0) {
        return -1;
    }

    len = oscp_string_unescape(&s, target, field->size);

    /* too long for any that we know */
    target[len < field->size ? len : 0] = '\0';

    return 0;
}


static int
oscp_read_text(oscp_reader_t *r, const oscp_field_t *field, char *target)
{
    oscp_str_t        text;
    oscp_string_t     s;
    oscp_json_type_t  type;

    type = oscp_json_peek(&r->json);
    if (type != OSCP_JSON_STRING) {
        return oscp_read_wrong(r, field, type);
    }

    if (oscp_json_string(&r->json, &s) != 0) {
        return -1;
    }

    text.data = s.data;
    text.len = s.len;
    memcpy(target, &text, sizeof(text));

    return 0;
}


static int
oscp_read_member_object(oscp_reader_t *r, const oscp_field_t *field,
    char *target)
{
    oscp_json_type_t   type;
    oscp_read_order_t  order;

    type = oscp_json_peek(&r->json);
    if (type != OSCP_JSON_OBJECT) {
        return oscp_read_wrong(r, field, type);
    }

    oscp_read_order_init(&order);

    return oscp_read_object(r, field->object, target, &order);
}


/* One element, to its place in the caller's list, or nowhere. */
static int
oscp_read_element(oscp_reader_t *r, const oscp_schema_t *schema, char *place,
    oscp_read_order_t *order)
{
    oscp_element_t    nowhere;
    oscp_json_type_t  type;

    type = oscp_json_peek(&r->json);

    if (type == OSCP_JSON_OBJECT) {
        return oscp_read_object(r, schema, place ? place : (char *) &nowhere,
                                order);
    }

    if (type == OSCP_JSON_NONE) {
        return oscp_json_fail_syntax(&r->json, "a value is missing");
    }

    return oscp_json_fail(&r->json, OSCP_ERR_SCHEMA, "must be an object");
}


static int
oscp_read_list(oscp_reader_t *r, const oscp_field_t *field, char *base)
{
    int                 rc;
    char               *items;
    size_t              n, max;
    oscp_json_type_t    type;
    oscp_read_order_t   order;
    const oscp_list_t  *list = field->list;

    type = oscp_json_peek(&r->json);
    if (type != OSCP_JSON_ARRAY) {
        return oscp_read_wrong(r, field, type);
    }

    if (oscp_json_open(&r->json) != 0) {
        return -1;
    }

    memcpy(&items, base + list->items, sizeof(items));
    memcpy(&max, base + list->max, sizeof(max));
    oscp_read_order_init(&order);

    for (n = 0; (rc = oscp_json_element(&r->json)) == 1; n++) {

        if (n == list->limit) {
            return oscp_json_fail_container(&r->json, OSCP_ERR_LIMIT,
                                            "must have at most %zu elements",
                                            list->limit);
        }

        if (oscp_read_element(r, list->object,
                              n < max ? items + n * list->object->size : NULL,
                              &order)
            != 0)
        {
            return -1;
        }
    }

    if (rc == 0 && n == 0) {
        return oscp_json_fail(&r->json, OSCP_ERR_SCHEMA, "%s", field->must);
    }

    memcpy(base + list->n, &n, sizeof(n));

    return rc;
}


static int (*const  read_kinds[OSCP_FIELD_COUNT])(oscp_reader_t *r,
    const oscp_field_t *field, char *target) =
{
    [OSCP_FIELD_NUMBER] = oscp_read_number,
    [OSCP_FIELD_ENUM] = oscp_read_enum,
    [OSCP_FIELD_BITS] = oscp_read_bits,
    [OSCP_FIELD_TIME] = oscp_read_time,
    [OSCP_FIELD_NAME] = oscp_read_name,
    [OSCP_FIELD_TEXT] = oscp_read_text,
    [OSCP_FIELD_OBJECT] = oscp_read_member_object,
    [OSCP_FIELD_LIST] = oscp_read_list
};


/* The index of the field called `name`, or nfields. */
static unsigned
oscp_read_lookup(const oscp_schema_t *schema, const oscp_string_t *name)
{
    char        buf[OSCP_SCHEMA_NAME_MAX];
    size_t      len;
    unsigned    i;
    oscp_str_t  known;

    len = name->len;

    if (name->escaped) {
        len = oscp_string_unescape(name, buf, sizeof(buf));
        if (len > sizeof(buf)) {
            return schema->nfields;
        }
    }

    for (i = 0; i < schema->nfields; i++) {
        known = oscp_schema_name(&schema->fields[i]);

        if (known.len == len
            && memcmp(known.data, name->escaped ? buf : name->data, len) == 0)
        {
            break;
        }
    }

    return i;
}


/*
 * Reads a member's name.  Returns the index of its field, nfields for a member
 * that is not known, or -1.
 */
static int
oscp_read_field(oscp_reader_t *r, const oscp_schema_t *schema,
    unsigned char *expected)
{
    unsigned             i;
    oscp_string_t        name;
    const oscp_field_t  *field;

    if (*expected < schema->nfields) {
        field = &schema->fields[*expected];

        if (oscp_json_match(&r->json, field->quoted, field->quoted_len)) {
            return oscp_json_colon(&r->json) == 0 ? *expected : -1;
        }
    }

    if (oscp_json_name(&r->json, &name) != 0) {
        return -1;
    }

    i = oscp_read_lookup(schema, &name);

    if (i < schema->nfields) {
        *expected = (unsigned char) i;

    } else if (oscp_json_remember(&r->json, &name) != 0) {
        return -1;
    }

    return (int) i;
}


/* What can be said of an object only when all of it has been read. */
static int
oscp_read_finish(oscp_reader_t *r, const oscp_schema_t *schema, char *base,
    uint32_t seen)
{
    unsigned             i;
    oscp_field_need_t    need;
    const oscp_field_t  *field;

    need = r->options->strict ? OSCP_FIELD_STRICT : OSCP_FIELD_REQUIRED;

    for (i = 0; i < schema->nfields; i++) {
        field = &schema->fields[i];

        if (!(seen >> i & 1) && field->need >= need) {
            return oscp_json_fail_member(&r->json, oscp_schema_name(field),
                                         OSCP_ERR_SCHEMA, "is required");
        }
    }

    return schema->rule ? schema->rule(&r->json, base, seen, r->options) : 0;
}


static int
oscp_read_object(oscp_reader_t *r, const oscp_schema_t *schema, char *base,
    oscp_read_order_t *order)
{
    int                  rc, i;
    uint32_t             seen;
    unsigned             last;
    const oscp_field_t  *field;

    if (oscp_json_open(&r->json) != 0) {
        return -1;
    }

    if (schema->blank != NULL) {
        memcpy(base, schema->blank, schema->size);
    }

    seen = 0;
    last = 0;

    while ((rc = oscp_json_member(&r->json)) == 1) {
        i = oscp_read_field(r, schema, &order->after[last]);
        if (i < 0) {
            return -1;
        }

        if ((unsigned) i == schema->nfields) {
            if (oscp_json_skip(&r->json) != 0) {
                return -1;
            }

            continue;
        }

        if (seen >> i & 1) {
            return oscp_json_fail(&r->json, OSCP_ERR_SYNTAX,
                                  "must not be given twice");
        }

        seen |= UINT32_C(1) << i;
        last = (unsigned) i + 1;
        field = &schema->fields[i];

        if (read_kinds[field->kind](r, field, base + field->offset) != 0) {
            return -1;
        }
    }

    return rc == 0 ? oscp_read_finish(r, schema, base, seen) : -1;
}


/* What holds of a handshake's two forms. */
static void
oscp_read_handshake(oscp_message_t *m, const oscp_handshake_t *handshake)
{
    const oscp_behaviour_t  *b;

    b = handshake->dialect == OSCP_DIALECT_NESTED ? &handshake->nested
                                                  : &handshake->flat;

    m->dialect = handshake->dialect;
    m->has_interval = b->has_interval;
    m->has_measurement = b->has_measurement;
    m->heartbeat_interval_s = b->heartbeat_interval_s;
    m->measurement = b->measurement;
}


/* What must hold before anything is read: a decent size, and a value. */
static int
oscp_read_begin(oscp_json_t *j, oscp_json_type_t *type)
{
    if (j->end - j->p > OSCP_READ_SIZE_MAX) {
        return oscp_json_fail(j, OSCP_ERR_LIMIT, "must have at most %d bytes",
                              OSCP_READ_SIZE_MAX);
    }

    *type = oscp_json_peek(j);
    if (*type != OSCP_JSON_NONE) {
        return 0;
    }

    if (j->end - j->p >= 3 && memcmp(j->p, READ_BOM, 3) == 0) {
        return oscp_json_fail(j, OSCP_ERR_SYNTAX, "must not begin with a "
                              "byte order mark");
    }

    return oscp_json_fail_syntax(j, "a value is missing");
}


static int
oscp_read_root(oscp_reader_t *r, oscp_message_t *m)
{
    int                   is_handshake;
    char                 *base;
    oscp_json_t          *j = &r->json;
    oscp_handshake_t      handshake;
    oscp_json_type_t      type;
    oscp_read_order_t     order;
    const oscp_schema_t  *schema;

    schema = oscp_schema_message(m->kind);
    if (schema == NULL) {
        return oscp_json_fail(j, OSCP_ERR_SEMANTIC, "must be a message");
    }

    if (oscp_read_begin(j, &type) != 0) {
        return -1;
    }

    if (type != OSCP_JSON_OBJECT) {
        return oscp_json_fail(j, OSCP_ERR_SCHEMA, "must be an object");
    }

    is_handshake = m->kind == OSCP_HANDSHAKE
                   || m->kind == OSCP_HANDSHAKE_ACKNOWLEDGE;
    base = is_handshake ? (char *) &handshake : (char *) m;

    oscp_read_order_init(&order);

    if (oscp_read_object(r, schema, base, &order) != 0) {
        return -1;
    }

    if (is_handshake) {
        oscp_read_handshake(m, &handshake);
    }

    return oscp_json_end(j);
}


oscp_err_t
oscp_read(oscp_message_t *m, const char *json, size_t len,
    const oscp_read_options_t *options, oscp_error_t *err)
{
    oscp_reader_t  reader;

    reader.options = options;
    oscp_json_init(&reader.json, json, len, err);

    return oscp_read_root(&reader, m) == 0 ? OSCP_OK : reader.json.code;
}


/* One object stands for a list of one. */
static int
oscp_read_one_or_many(oscp_reader_t *r, const oscp_field_t *field, char *base)
{
    int                 rc;
    char               *items;
    size_t              n, max;
    oscp_json_type_t    type;
    oscp_read_order_t   order;
    const oscp_list_t  *list = field->list;

    if (oscp_read_begin(&r->json, &type) != 0) {
        return -1;
    }

    if (type != OSCP_JSON_OBJECT) {
        rc = oscp_read_list(r, field, base);

    } else {
        memcpy(&items, base + list->items, sizeof(items));
        memcpy(&max, base + list->max, sizeof(max));
        oscp_read_order_init(&order);

        rc = oscp_read_element(r, list->object, max > 0 ? items : NULL, &order);

        n = 1;
        memcpy(base + list->n, &n, sizeof(n));
    }

    return rc == 0 ? oscp_json_end(&r->json) : -1;
}


oscp_err_t
oscp_read_elements(const oscp_field_t *field, void *base, const char *json,
    size_t len, oscp_error_t *err)
{
    oscp_reader_t                     reader;
    static const oscp_read_options_t  none;

    reader.options = &none;
    oscp_json_init(&reader.json, json, len, err);

    return oscp_read_one_or_many(&reader, field, base) == 0 ? OSCP_OK
                                                            : reader.json.code;
}
