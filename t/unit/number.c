/* Numbers as text: read exactly, written plainly, whatever the locale. */

#include "tap.h"

#include <locale.h>
#include <stdlib.h>

#include "oscp_number.h"

#define SEED    7u
#define ROUNDS  300000


typedef struct {
    double       value;
    int          decimals;
    const char  *text;
} format_case_t;


static const format_case_t  formats[] = {
    { 0, 3, "0" }, { -0.0, 3, "0" }, { 120000, 3, "120000" },
    { 7360.5, 3, "7360.5" }, { -7360.5, 3, "-7360.5" },
    { 0.1, 3, "0.1" }, { 0.1, 9, "0.1" }, { 1.0 / 3, 3, "0.333" },
    { 2.0 / 3, 3, "0.667" }, { 2.0 / 3, 0, "1" }, { 0.4, 0, "0" },
    { -0.0004, 3, "0" }, { -0.0006, 3, "-0.001" }, { 0.0005, 3, "0.001" },
    { 0.5, 0, "0" }, { 1.5, 0, "2" }, { 2.5, 0, "2" }, { 0.125, 2, "0.12" },
    { 0.375, 2, "0.38" }, { 999.9996, 3, "1000" }, { 100, 0, "100" },
    { 1000000, 9, "1000000" }, { 1e-9, 9, "0.000000001" },
    { 4e-10, 9, "0" }, { 123456789.123456789, 9, "123456789.123456791" },
    { 1e15, 3, "1000000000000000" }, { 1e18, 9, "1000000000000000000" },
    { 1e18 - 128, 3, "999999999999999872" },
    { 2e18, 3, "1000000000000000000" }, { -1e300, 3, "-1000000000000000000" },
    { 5, -1, "5" }, { 0.1234567891234, 20, "0.123456789" }
};

static const char *const  numbers[] = {
    "0", "-0", "1", "-1", "12.5", "0.1", "0.3", "1e3", "1E+3", "1e-3", "0e0",
    "0.0000001", "123456789012345678", "9007199254740993",
    "9007199254740992.5",
    "0.1000000000000000055511151231257827021181583404541015625",
    "1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "1e-400",
    "179769313486231570000000000000000000000000000000000000000e252",
    "8.41e21", "8.41e22", "8.41e23", "9007199254740993e22", "1e22", "1e23",
    "100000000000000000000000000000000000000000000000000e-49",
    "0.00000000000000000000000000000000000000000000000000001e53",
    "4503599627370497.5", "1e00000000000000000000000000000005"
};

static const char *const  not_numbers[] = {
    "", "-", "+1", ".5", "5.", "01", "-01", "00", "1e", "1e+", "1E-", "e1",
    "0x10", "1.e1", "1.5.2", "--1", "1 ", " 1", "1,5", "NaN", "Infinity",
    "-inf", "1e5.5", "1_000", "1e999", "-1e999", "1e99999999999999999999"
};


static void
test_format(void)
{
    char                  buf[OSCP_NUMBER_SIZE];
    size_t                i, len;
    const format_case_t  *c;

    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        c = &formats[i];
        len = oscp_number_format(c->value, c->decimals, buf);
        is_str(buf, c->text, c->text);
        is_int((int64_t) len, (int64_t) strlen(buf), "its length");
    }

    oscp_number_format(NAN, 3, buf);
    is_str(buf, "0", "what is no number");
}


/* What strtod, always right in the C locale, says of the same text. */
static void
test_parse(void)
{
    size_t  i;
    double  value;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        value = NAN;
        ok(oscp_number_parse(numbers[i], strlen(numbers[i]), &value) == 0
           && value == strtod(numbers[i], NULL), "%s", numbers[i]);
    }

    for (i = 0; i < sizeof(not_numbers) / sizeof(not_numbers[0]); i++) {
        value = 42;
        ok(oscp_number_parse(not_numbers[i], strlen(not_numbers[i]), &value)
           == -1 && value == 42, "refused: '%s'", not_numbers[i]);
    }

    oscp_number_parse("-0.0", 4, &value);
    ok(value == 0 && !signbit(value), "minus nothing is nothing");
}


static void
test_limits(void)
{
    char         text[OSCP_NUMBER_LEN_MAX + 2];
    double       value;
    const char  *p;

    memset(text, '7', sizeof(text));

    p = text;
    is_int(oscp_number_scan(&p, text + OSCP_NUMBER_LEN_MAX, &value), OSCP_OK,
           "a number of the greatest length");
    is_int(p - text, OSCP_NUMBER_LEN_MAX, "is passed");

    p = text;
    is_int(oscp_number_scan(&p, text + OSCP_NUMBER_LEN_MAX + 1, &value),
           OSCP_ERR_LIMIT, "one byte more is refused");
    ok(p == text, "and not passed");

    p = "1e309";
    is_int(oscp_number_scan(&p, p + 5, &value), OSCP_ERR_SEMANTIC,
           "what is not finite is refused");

    p = "1.5,";
    is_int(oscp_number_scan(&p, p + 4, &value), OSCP_OK, "a number and more");
    is_str(p, ",", "the scan ends behind the number");

    ok(oscp_number_skip(text, text + sizeof(text)) == text + sizeof(text),
       "skipping has no limit");
    p = "-";
    ok(oscp_number_skip(p, p + 1) == NULL, "but wants a number");
}


/* Random texts against strtod, and random values against printf. */
static void
test_random(void)
{
    int          i, read, written, n;
    char         text[64], buf[OSCP_NUMBER_SIZE], want[64];
    double       value, scale;
    static const double  scales[] = { 1, 1e3, 1e6, 1e9, 1e12, 1e15 };

    printf("# seed %u\n", SEED);
    srandom(SEED);

    read = 0;
    written = 0;

    for (i = 0; i < ROUNDS; i++) {
        n = snprintf(text, sizeof(text), "%s%ld.%0*ld",
                     random() % 2 ? "-" : "", random() >> (random() % 31),
                     1 + (int) (random() % 20), random() >> (random() % 31));
        if (random() % 2) {
            n += snprintf(text + n, sizeof(text) - (size_t) n, "e%ld",
                          random() % 60 - 30);
        }

        read += oscp_number_parse(text, (size_t) n, &value) != 0
                || value != strtod(text, NULL);

        scale = scales[random() % 6];
        value = ((double) random() - 0x40000000) / 0x40000000 * scale;
        if (random() % 4 == 0) {
            value = (double) (random() % 2000001 - 1000000) / 2000;
        }

        oscp_number_format(value, 3, buf);
        snprintf(want, sizeof(want), "%.3f", value);
        written += strtod(buf, NULL) != strtod(want, NULL)
                   || strchr(buf, 'e') != NULL;
    }

    is_int(read, 0, "random texts are read as strtod reads them");
    is_int(written, 0, "random values are written as printf rounds them");
}


static void
test_locale(void)
{
    char         buf[OSCP_NUMBER_SIZE];
    double       value;
    const char  *text = "0.100000000000000005551115123125";

    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL
        && setlocale(LC_ALL, "fr_FR.UTF-8") == NULL)
    {
        printf("# no locale with a decimal comma here\n");
    }

    oscp_number_format(0.125, 2, buf);
    is_str(buf, "0.12", "written with a point");
    is_int(oscp_number_parse(text, strlen(text), &value), 0, "read with one");
    is_num(value, 0.1, "and rightly");

    setlocale(LC_ALL, "C");
}


int
main(void)
{
    test_format();
    test_parse();
    test_limits();
    test_random();
    test_locale();

    return done_testing();
}
