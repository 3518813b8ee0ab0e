/*
 * A slow and simple judge of JSON, independent of oscp/: our contract's rules
 * that cJSON does not have (invalid UTF-8, control characters, \u0000, lone
 * surrogates, duplicate names, depth, what follows the document).
 */

#ifndef SLOW_JSON_H
#define SLOW_JSON_H

#include <stdlib.h>
#include <string.h>

#define SLOW_DEPTH_MAX    16
#define SLOW_MEMBERS_MAX  256
#define SLOW_STRING_MAX   4096
#define SLOW_NUMBER_MAX   60      /* cJSON reads no longer ones */

typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
    int                   depth;
    int                   long_number;     /* one that cJSON cannot read */
} slow_json_t;

/* A decoded string. */
typedef struct {
    unsigned char  bytes[SLOW_STRING_MAX];
    size_t         len;
} slow_string_t;

static int slow_value(slow_json_t *j);


static int
slow_peek(const slow_json_t *j)
{
    return j->p < j->end ? *j->p : -1;
}


static int
slow_take(slow_json_t *j, int c)
{
    if (slow_peek(j) != c) {
        return 0;
    }

    j->p++;
    return 1;
}


static void
slow_space(slow_json_t *j)
{
    while (slow_take(j, ' ') || slow_take(j, '\t') || slow_take(j, '\n')
           || slow_take(j, '\r'))
    {
        /* void */
    }
}


/* Appends a code point as UTF-8; 0: it is none that a text may have. */
static int
slow_append(slow_string_t *s, unsigned long code)
{
    int            i, n;
    unsigned char  lead;

    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
        || s->len + 4 > SLOW_STRING_MAX)
    {
        return 0;
    }

    n = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    lead = (unsigned char) (n == 0 ? 0 : n == 1 ? 0xc0 : n == 2 ? 0xe0 : 0xf0);

    s->bytes[s->len++] = (unsigned char) (lead | (code >> (6 * n)));

    for (i = n - 1; i >= 0; i--) {
        s->bytes[s->len++] = (unsigned char) (0x80 | (code >> (6 * i) & 0x3f));
    }

    return 1;
}


static long
slow_hex(slow_json_t *j)
{
    char   digits[5] = "";
    int    i;
    char  *stop;
    long   value;

    for (i = 0; i < 4 && j->p < j->end; i++) {
        digits[i] = (char) *j->p++;
    }

    if (strspn(digits, "0123456789abcdefABCDEF") != 4) {
        return -1;
    }

    value = strtol(digits, &stop, 16);

    return *stop == '\0' ? value : -1;
}


static int
slow_escape(slow_json_t *j, slow_string_t *s)
{
    int   c = slow_peek(j);
    long  high, low;

    if (c < 0) {
        return 0;
    }

    j->p++;

    switch (c) {
    case '"':
    case '\\':
    case '/':
        return slow_append(s, (unsigned long) c);
    case 'b':
        return slow_append(s, 8);
    case 'f':
        return slow_append(s, 12);
    case 'n':
        return slow_append(s, 10);
    case 'r':
        return slow_append(s, 13);
    case 't':
        return slow_append(s, 9);
    case 'u':
        break;
    default:
        return 0;
    }

    high = slow_hex(j);
    if (high < 0xd800 || high > 0xdbff) {
        return high > 0 && slow_append(s, (unsigned long) high);
    }

    if (!slow_take(j, '\\') || !slow_take(j, 'u')) {
        return 0;
    }

    low = slow_hex(j);
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }

    return slow_append(s, (unsigned long) (0x10000 + (high - 0xd800) * 1024
                                           + low - 0xdc00));
}


/* A character beyond ASCII: decoded, and only its shortest form is one. */
static int
slow_wide(slow_json_t *j, slow_string_t *s)
{
    int            i, n, c = *j->p;
    unsigned long  code;
    static const unsigned long  least[] = { 0, 0x80, 0x800, 0x10000 };

    n = c >= 0xf8 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    if (n == 0) {
        return 0;
    }

    code = (unsigned long) c & (0x3fu >> n);
    j->p++;

    for (i = 0; i < n; i++) {
        c = slow_peek(j);
        if (c < 0x80 || c > 0xbf) {
            return 0;
        }

        code = code << 6 | ((unsigned long) c & 0x3f);
        j->p++;
    }

    return code >= least[n] && slow_append(s, code);
}


static int
slow_string(slow_json_t *j, slow_string_t *s)
{
    int  c;

    s->len = 0;

    if (!slow_take(j, '"')) {
        return 0;
    }

    for ( ;; ) {
        c = slow_peek(j);

        if (c < 0x20) {
            return 0;
        }

        if (slow_take(j, '"')) {
            return 1;
        }

        if (slow_take(j, '\\')) {
            if (!slow_escape(j, s)) {
                return 0;
            }

        } else if (c >= 0x80) {
            if (!slow_wide(j, s)) {
                return 0;
            }

        } else {
            j->p++;
            if (!slow_append(s, (unsigned long) c)) {
                return 0;
            }
        }
    }
}


static int
slow_digits(slow_json_t *j)
{
    int  n;

    for (n = 0; slow_peek(j) >= '0' && slow_peek(j) <= '9'; n++) {
        j->p++;
    }

    return n;
}


static int
slow_number(slow_json_t *j)
{
    const unsigned char  *start = j->p;

    slow_take(j, '-');

    if (!slow_take(j, '0') && slow_digits(j) == 0) {
        return 0;
    }

    if (slow_take(j, '.') && slow_digits(j) == 0) {
        return 0;
    }

    if (slow_take(j, 'e') || slow_take(j, 'E')) {
        if (!slow_take(j, '+')) {
            slow_take(j, '-');
        }

        if (slow_digits(j) == 0) {
            return 0;
        }
    }

    j->long_number |= j->p - start > SLOW_NUMBER_MAX;

    return 1;
}


static int
slow_array(slow_json_t *j)
{
    slow_space(j);

    if (slow_take(j, ']')) {
        return 1;
    }

    do {
        if (!slow_value(j)) {
            return 0;
        }

        slow_space(j);
    } while (slow_take(j, ','));

    return slow_take(j, ']');
}


/* 1 when the names are all different. */
static int
slow_unique(slow_string_t **names, int n)
{
    int  i, k;

    for (i = 0; i < n; i++) {
        for (k = 0; k < i; k++) {
            if (names[i]->len == names[k]->len
                && memcmp(names[i]->bytes, names[k]->bytes, names[i]->len)
                   == 0)
            {
                return 0;
            }
        }
    }

    return 1;
}


/* A member and the space behind it; the name is the caller's to free. */
static int
slow_member(slow_json_t *j, slow_string_t **name)
{
    *name = malloc(sizeof(slow_string_t));

    slow_space(j);
    if (!slow_string(j, *name)) {
        return 0;
    }

    slow_space(j);
    if (!slow_take(j, ':') || !slow_value(j)) {
        return 0;
    }

    slow_space(j);

    return 1;
}


static int
slow_object(slow_json_t *j)
{
    int             n = 0, valid;
    slow_string_t  *names[SLOW_MEMBERS_MAX];

    slow_space(j);

    if (slow_take(j, '}')) {
        return 1;
    }

    do {
        valid = n < SLOW_MEMBERS_MAX && slow_member(j, &names[n++]);
    } while (valid && slow_take(j, ','));

    valid = valid && slow_take(j, '}') && slow_unique(names, n);

    while (n > 0) {
        free(names[--n]);
    }

    return valid;
}


static int
slow_word(slow_json_t *j, const char *word)
{
    for ( /* void */ ; *word; word++) {
        if (!slow_take(j, *word)) {
            return 0;
        }
    }

    return 1;
}


static int
slow_value(slow_json_t *j)
{
    int            valid;
    slow_string_t  s;

    slow_space(j);

    switch (slow_peek(j)) {
    case '"':
        return slow_string(j, &s);
    case 't':
        return slow_word(j, "true");
    case 'f':
        return slow_word(j, "false");
    case 'n':
        return slow_word(j, "null");
    case '{':
    case '[':
        break;
    default:
        return slow_number(j);
    }

    if (j->depth == SLOW_DEPTH_MAX) {
        return 0;
    }

    j->depth++;
    valid = *j->p++ == '{' ? slow_object(j) : slow_array(j);
    j->depth--;

    return valid;
}


/* 1 valid, 0 not, -1 valid but with a number that cJSON cannot read. */
static int
slow_json_judge(const char *text, size_t len)
{
    slow_json_t  j = { (const unsigned char *) text,
                       (const unsigned char *) text + len, 0, 0 };

    if (!slow_value(&j)) {
        return 0;
    }

    slow_space(&j);

    return j.p < j.end ? 0 : j.long_number ? -1 : 1;
}

#endif /* SLOW_JSON_H */
