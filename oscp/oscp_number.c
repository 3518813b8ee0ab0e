/*
 * Decimal text to double and back.
 *
 * Reading: what has few digits and a small exponent is one exact product or
 * quotient of two exact doubles; the rest goes to strtod, which is slow but
 * always right.  Neither side ever shows the C library a decimal point, whose
 * spelling depends on the locale.
 */

#include "oscp_number.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS_SAFE    19         /* 10^19 fits into 64 bits */
#define NUMBER_EXACT_MAX      (UINT64_C(1) << 53)
#define NUMBER_POWER_MAX      22         /* 10^22 is an exact double */
#define NUMBER_EXPONENT_MAX   99999      /* larger ones are all alike */

#define NUMBER_DECIMALS_MAX   9
#define NUMBER_FORMAT_MAX     1e18

/*
 * Below it a scaled value is off by less than a thousandth, so that one whose
 * fraction keeps away from one half by more than that is rounded rightly.
 */
#define NUMBER_SCALED_MAX     8796093022208.0      /* 2^43 */
#define NUMBER_HALF_MARGIN    0.001


/* A number between its text and its value. */
typedef struct {
    uint64_t     mantissa;       /* of the first NUMBER_DIGITS_SAFE digits */
    size_t       ndigits;
    int          exponent;       /* of ten, of the last digit */
    unsigned     negative:1;
    const char  *digits;         /* first digit */
    const char  *digits_end;     /* behind the last one, before "e" */
} number_t;


static const double  number_powers[NUMBER_POWER_MAX + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
    1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};


static const char *
oscp_number_digits(const char *p, const char *end, number_t *n)
{
    unsigned     digit;
    const char  *start = p;

    for ( /* void */ ; p < end; p++) {
        digit = (unsigned char) *p - '0';
        if (digit > 9) {
            break;
        }

        /* wraps when there are too many digits: then it is not looked at */
        n->mantissa = n->mantissa * 10 + digit;
    }

    n->ndigits += (size_t) (p - start);

    return p;
}


static const char *
oscp_number_exponent(const char *p, const char *end, int *exponent)
{
    int          negative, value;
    unsigned     digit;
    const char  *start;

    negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');

    value = 0;

    for (start = p; p < end; p++) {
        digit = (unsigned char) *p - '0';
        if (digit > 9) {
            break;
        }

        if (value < NUMBER_EXPONENT_MAX) {
            value = value * 10 + (int) digit;
        }
    }

    *exponent += negative ? -value : value;

    return p == start ? NULL : p;
}


/* JSON's grammar of a number; NULL where `p` is no number. */
static const char *
oscp_number_split(const char *p, const char *end, number_t *n)
{
    const char  *start;

    n->mantissa = 0;
    n->ndigits = 0;
    n->exponent = 0;
    n->negative = p < end && *p == '-';
    p += n->negative;

    n->digits = p;
    p = oscp_number_digits(p, end, n);
    if (p == n->digits || (*n->digits == '0' && p > n->digits + 1)) {
        return NULL;
    }

    if (p < end && *p == '.') {
        start = ++p;
        p = oscp_number_digits(p, end, n);
        if (p == start) {
            return NULL;
        }

        /* beyond any limit anyway; what counts is that it cannot overflow */
        n->exponent = p - start < NUMBER_EXPONENT_MAX
                      ? -(int) (p - start) : -NUMBER_EXPONENT_MAX;
    }

    n->digits_end = p;

    if (p < end && (*p == 'e' || *p == 'E')) {
        p = oscp_number_exponent(p + 1, end, &n->exponent);
    }

    return p;
}


/* Digits without a point, and the exponent that makes up for it. */
static double
oscp_number_slow(const number_t *n)
{
    char         buf[OSCP_NUMBER_LEN_MAX + 16], *out;
    const char  *p;

    out = buf;

    for (p = n->digits; p < n->digits_end; p++) {
        if (*p != '.') {
            *out++ = *p;
        }
    }

    snprintf(out, (size_t) (buf + sizeof(buf) - out), "e%d", n->exponent);

    return strtod(buf, NULL);
}


oscp_err_t
oscp_number_scan(const char **p, const char *end, double *value)
{
    double       result;
    number_t     n;
    const char  *behind;

    behind = oscp_number_split(*p, end, &n);
    if (behind == NULL) {
        return OSCP_ERR_SYNTAX;
    }

    if (behind - *p > OSCP_NUMBER_LEN_MAX) {
        return OSCP_ERR_LIMIT;
    }

    if (n.ndigits <= NUMBER_DIGITS_SAFE && n.mantissa <= NUMBER_EXACT_MAX
        && n.exponent >= -NUMBER_POWER_MAX && n.exponent <= NUMBER_POWER_MAX)
    {
        result = (double) n.mantissa;
        result = n.exponent < 0 ? result / number_powers[-n.exponent]
                                : result * number_powers[n.exponent];

    } else {
        result = oscp_number_slow(&n);
    }

    /* false for infinity */
    if (!(result - result == 0)) {
        return OSCP_ERR_SEMANTIC;
    }

    *value = n.negative && result != 0 ? -result : result;
    *p = behind;

    return OSCP_OK;
}


const char *
oscp_number_skip(const char *p, const char *end)
{
    number_t  n;

    return oscp_number_split(p, end, &n);
}


int
oscp_number_parse(const char *text, size_t len, double *value)
{
    double       result;
    const char  *p = text;

    if (oscp_number_scan(&p, text + len, &result) != OSCP_OK
        || p != text + len)
    {
        return -1;
    }

    *value = result;
    return 0;
}


/*
 * |value| times 10^decimals, rounded to nearest, or -1 where a double is too
 * coarse to tell.
 */
static int64_t
oscp_number_scaled(double value, int decimals)
{
    double   scaled, rest;
    int64_t  whole;

    scaled = value * number_powers[decimals];
    if (scaled >= NUMBER_SCALED_MAX) {
        return -1;
    }

    whole = (int64_t) scaled;
    rest = scaled - (double) whole;

    if (rest > 0.5 - NUMBER_HALF_MARGIN && rest < 0.5 + NUMBER_HALF_MARGIN) {
        return -1;
    }

    return whole + (rest > 0.5);
}


/* As snprintf("%.*f") has it, in C's own spelling. */
static size_t
oscp_number_printf(double value, int decimals, char *buf)
{
    char         text[64];
    size_t       len;
    const char  *p;

    snprintf(text, sizeof(text), "%.*f", decimals, value);

    len = 0;

    for (p = text; *p; p++) {
        if (*p >= '0' && *p <= '9') {
            buf[len++] = *p;

        } else if (len > 0 && buf[len - 1] != '.') {
            /* the locale's point, which may be several bytes */
            buf[len++] = '.';
        }
    }

    return len;
}


/* Writes `scaled` / 10^decimals. */
static size_t
oscp_number_digits_put(uint64_t scaled, int decimals, char *buf)
{
    int     i, n;
    char    text[24];
    size_t  len;

    n = 0;

    do {
        text[n++] = (char) ('0' + scaled % 10);
        scaled /= 10;
    } while (scaled > 0 || n <= decimals);

    len = 0;

    for (i = n - 1; i >= 0; i--) {
        buf[len++] = text[i];

        if (i == decimals && i > 0) {
            buf[len++] = '.';
        }
    }

    return len;
}


size_t
oscp_number_format(double value, int decimals, char *buf)
{
    int      negative;
    char    *out;
    size_t   len;
    int64_t  scaled;

    if (decimals < 0 || decimals > NUMBER_DECIMALS_MAX) {
        decimals = decimals < 0 ? 0 : NUMBER_DECIMALS_MAX;
    }

    if (value != value) {
        value = 0;
    }

    negative = value < 0;
    value = negative ? -value : value;
    if (value > NUMBER_FORMAT_MAX) {
        value = NUMBER_FORMAT_MAX;
    }

    out = buf + negative;
    scaled = oscp_number_scaled(value, decimals);
    len = scaled < 0 ? oscp_number_printf(value, decimals, out)
                     : oscp_number_digits_put((uint64_t) scaled, decimals, out);

    if (decimals > 0) {
        while (out[len - 1] == '0') {
            len--;
        }

        len -= out[len - 1] == '.';
    }

    out[len] = '\0';

    if (negative && len == 1 && *out == '0') {
        memcpy(buf, "0", 2);
        return 1;
    }

    if (negative) {
        *buf = '-';
    }

    return len + (size_t) negative;
}
