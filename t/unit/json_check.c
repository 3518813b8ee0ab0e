/* Whole documents: what is one JSON value to the letter, and what is not. */

#include <stdlib.h>

#include "oscp_json_check.h"
#include "oscp_read.h"
#include "tap.h"

typedef struct {
    const char  *json;
    oscp_err_t   want;
} row_t;

static const row_t  rows[] = {
    { "{}", OSCP_OK },
    { " [ ] \n", OSCP_OK },
    { "1e999", OSCP_OK },
    { "\"text\"", OSCP_OK },
    { "null", OSCP_OK },
    { "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}", OSCP_OK },
    { "\"\\ud83d\\ude00\\u0001\xc3\xa9\"", OSCP_OK },
    { "", OSCP_ERR_SYNTAX },
    { " ", OSCP_ERR_SYNTAX },
    { "{} {}", OSCP_ERR_SYNTAX },
    { "{}x", OSCP_ERR_SYNTAX },
    { "{", OSCP_ERR_SYNTAX },
    { "{\"a\":1,}", OSCP_ERR_SYNTAX },
    { "[1,]", OSCP_ERR_SYNTAX },
    { "{a:1}", OSCP_ERR_SYNTAX },
    { "01", OSCP_ERR_SYNTAX },
    { "nul", OSCP_ERR_SYNTAX },
    { "\"\\u0000\"", OSCP_ERR_SYNTAX },
    { "\"\\ud800\"", OSCP_ERR_SYNTAX },
    { "\"\xff\"", OSCP_ERR_SYNTAX },
    { "\"\xc0\x80\"", OSCP_ERR_SYNTAX },
    { "\xef\xbb\xbf{}", OSCP_ERR_SYNTAX },
    { "{\"a\":1,\"a\":1}", OSCP_ERR_SYNTAX },
    { "{\"a\":1,\"\\u0061\":1}", OSCP_ERR_SYNTAX },
    { "[{\"b\":{\"a\":1,\"c\":2,\"a\":3}}]", OSCP_ERR_SYNTAX },
    { "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", OSCP_OK },
    { "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", OSCP_ERR_LIMIT }
};


static void
test_rows(void)
{
    size_t        i;
    oscp_error_t  err;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(&err, 0, sizeof(err));
        is_int(oscp_json_check(rows[i].json, strlen(rows[i].json), &err),
               rows[i].want, rows[i].json);
        ok((err.text[0] != '\0') == (rows[i].want != OSCP_OK),
           "an error says something, success nothing: %s", err.text);
        is_int(oscp_json_check(rows[i].json, strlen(rows[i].json), NULL),
               rows[i].want, "without an error record");
    }
}


/* The bytes end where they end: nothing behind them is looked at. */
static void
test_exact(void)
{
    char          *bytes;
    size_t         len;
    const char    *whole = "{\"a\":[1,\"\\u00e9\",true]}";
    oscp_error_t   err;

    for (len = 0; len < strlen(whole); len++) {
        bytes = malloc(len + 1);
        if (bytes == NULL) {
            break;
        }

        memcpy(bytes + 1, whole, len);
        ok(oscp_json_check(bytes + 1, len, &err) == OSCP_ERR_SYNTAX,
           "cut after %zu bytes", len);
        free(bytes);
    }

    ok(oscp_json_check("{\0}", 3, &err) == OSCP_ERR_SYNTAX, "a NUL");
    ok(oscp_json_check("{}\0", 3, &err) == OSCP_ERR_SYNTAX, "a NUL behind");
    ok(oscp_json_check("", OSCP_READ_SIZE_MAX + 1, &err) == OSCP_ERR_LIMIT,
       "too long, unread");
}


int
main(void)
{
    test_rows();
    test_exact();

    return done_testing();
}
