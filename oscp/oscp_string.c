/*
 * Strings in JSON.
 *
 * Nearly every byte that we read is plain ASCII inside a string: those are
 * passed eight at a time; everything else takes the careful way.
 */

#include "oscp_string.h"

#include <endian.h>
#include <string.h>

#define ONES      UINT64_C(0x0101010101010101)
#define HIGHS     UINT64_C(0x8080808080808080)

#define SURROGATE_HIGH   0xd800      /* 0xd800 … 0xdbff, then */
#define SURROGATE_LOW    0xdc00      /* 0xdc00 … 0xdfff */
#define SURROGATE_END    0xe000

#define FNV_OFFSET  2166136261u
#define FNV_PRIME   16777619u


/* Reads the decoded bytes of a string one after the other. */
typedef struct {
    const char     *p;
    const char     *end;             /* behind the closing quote at least */
    unsigned char   rest[4];         /* of the escape passed last */
    unsigned        nrest;
    unsigned        next;
} string_cursor_t;


/*
 * The first byte from `p` on that is not plain: a quote, a backslash, a control
 * character, not ASCII; or `end`.
 */
static const char *
oscp_string_plain(const char *p, const char *end)
{
    uint64_t       word, quote, slash, special;
    unsigned char  c;

    while (end - p >= 8) {
        memcpy(&word, p, 8);
        word = le64toh(word);

        /*
         * Each term has the high bit set in the bytes that it looks for; a
         * borrow can set it in bytes above such a one, never below.
         */
        quote = word ^ (ONES * '"');
        slash = word ^ (ONES * '\\');
        special = (word | (word - ONES * 0x20) | (quote - ONES)
                   | (slash - ONES)) & HIGHS;

        if (special) {
            return p + __builtin_ctzll(special) / 8;
        }

        p += 8;
    }

    for ( /* void */ ; p < end; p++) {
        c = (unsigned char) *p;
        if (c < 0x20 || c > 0x7f || c == '"' || c == '\\') {
            break;
        }
    }

    return p;
}


size_t
oscp_string_utf8(const char *p, const char *end)
{
    size_t         i, len;
    unsigned char  lead, second, low, high;

    lead = (unsigned char) *p;

    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }

    len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if ((size_t) (end - p) < len) {
        return 0;
    }

    /* shorter spellings, surrogates and what is beyond U+10FFFF are none */
    low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

    second = (unsigned char) p[1];
    if (second < low || second > high) {
        return 0;
    }

    for (i = 2; i < len; i++) {
        if (((unsigned char) p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return len;
}


/* Four hexadecimal digits at `p`, or -1. */
static int
oscp_string_hex(const char *p, const char *end)
{
    int            i, value;
    unsigned char  c;

    if (end - p < 4) {
        return -1;
    }

    value = 0;

    for (i = 0; i < 4; i++) {
        c = (unsigned char) p[i];

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else {
            c |= 0x20;
            if (c < 'a' || c > 'f') {
                return -1;
            }

            c -= 'a' - 10;
        }

        value = value * 16 + c;
    }

    return value;
}


/*
 * Reads the escape whose backslash is at `p`.  Returns its end and the code
 * point, or NULL when it is none that we take.
 */
static const char *
oscp_string_escape(const char *p, const char *end, uint32_t *code)
{
    int                high, low;
    const char        *which;
    static const char  letters[] = "\"\\/bfnrt";
    static const char  meanings[] = "\"\\/\b\f\n\r\t";

    if (end - p < 2 || p[1] == '\0') {
        return NULL;
    }

    if (p[1] != 'u') {
        which = strchr(letters, p[1]);
        if (which == NULL) {
            return NULL;
        }

        *code = (uint32_t) meanings[which - letters];
        return p + 2;
    }

    high = oscp_string_hex(p + 2, end);
    if (high <= 0 || (high >= SURROGATE_LOW && high < SURROGATE_END)) {
        return NULL;
    }

    p += 6;
    *code = (uint32_t) high;

    if (high < SURROGATE_HIGH || high >= SURROGATE_END) {
        return p;
    }

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return NULL;
    }

    low = oscp_string_hex(p + 2, end);
    if (low < SURROGATE_LOW || low >= SURROGATE_END) {
        return NULL;
    }

    *code = 0x10000 + (uint32_t) ((high - SURROGATE_HIGH) * 0x400
                                  + (low - SURROGATE_LOW));

    return p + 6;
}


int
oscp_string_scan(const char **p, const char *end, oscp_string_t *s)
{
    uint32_t     code;
    const char  *at, *next;

    s->data = at = *p + 1;
    s->escaped = 0;

    for ( ;; ) {
        at = oscp_string_plain(at, end);

        if (at == end) {
            break;
        }

        if (*at == '"') {
            s->len = (size_t) (at - s->data);
            *p = at + 1;
            return 0;
        }

        if (*at == '\\') {
            s->escaped = 1;
            next = oscp_string_escape(at, end, &code);

        } else {
            next = at + oscp_string_utf8(at, end);
        }

        if (next == NULL || next == at) {
            break;
        }

        at = next;
    }

    *p = at;
    return -1;
}


/* Writes a code point as UTF-8; returns its length. */
static unsigned
oscp_string_encode(uint32_t code, unsigned char *out)
{
    if (code < 0x80) {
        out[0] = (unsigned char) code;
        return 1;
    }

    if (code < 0x800) {
        out[0] = (unsigned char) (0xc0 | code >> 6);
        out[1] = (unsigned char) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0x10000) {
        out[0] = (unsigned char) (0xe0 | code >> 12);
        out[1] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        out[2] = (unsigned char) (0x80 | (code & 0x3f));
        return 3;
    }

    out[0] = (unsigned char) (0xf0 | code >> 18);
    out[1] = (unsigned char) (0x80 | (code >> 12 & 0x3f));
    out[2] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
    out[3] = (unsigned char) (0x80 | (code & 0x3f));
    return 4;
}


static void
oscp_string_start(string_cursor_t *c, const char *data, const char *end)
{
    c->p = data;
    c->end = end;
    c->nrest = 0;
    c->next = 0;
}


/* The next decoded byte, or -1 at the closing quote. */
static int
oscp_string_next(string_cursor_t *c)
{
    uint32_t  code = 0;

    if (c->next < c->nrest) {
        return c->rest[c->next++];
    }

    if (*c->p == '"') {
        return -1;
    }

    if (*c->p != '\\') {
        return (unsigned char) *c->p++;
    }

    c->p = oscp_string_escape(c->p, c->end, &code);
    c->nrest = oscp_string_encode(code, c->rest);
    c->next = 1;

    return c->rest[0];
}


size_t
oscp_string_unescape(const oscp_string_t *s, char *buf, size_t size)
{
    int              byte;
    size_t           len;
    string_cursor_t  c;

    if (!s->escaped) {
        memcpy(buf, s->data, s->len < size ? s->len : size);
        return s->len;
    }

    oscp_string_start(&c, s->data, s->data + s->len + 1);

    for (len = 0; (byte = oscp_string_next(&c)) >= 0; len++) {
        if (len < size) {
            buf[len] = (char) byte;
        }
    }

    return len;
}


uint32_t
oscp_string_hash(const oscp_string_t *s)
{
    int              byte;
    uint32_t         hash = FNV_OFFSET;
    string_cursor_t  c;

    oscp_string_start(&c, s->data, s->data + s->len + 1);

    while ((byte = oscp_string_next(&c)) >= 0) {
        hash = (hash ^ (uint32_t) byte) * FNV_PRIME;
    }

    return hash;
}


int
oscp_string_equal(const oscp_string_t *s, const char *data, const char *end)
{
    int              a, b;
    string_cursor_t  ca, cb;

    oscp_string_start(&ca, s->data, s->data + s->len + 1);
    oscp_string_start(&cb, data, end);

    do {
        a = oscp_string_next(&ca);
        b = oscp_string_next(&cb);
    } while (a == b && a >= 0);

    return a == b;
}
