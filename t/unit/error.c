/* Errors: filled, cut to fit, and unable to forge a line of a log. */

#include "tap.h"

#include "oscp_alloc.h"
#include "oscp_error.h"


static void
test_set(void)
{
    oscp_error_t  err;

    is_int(oscp_error_set(&err, OSCP_ERR_SCHEMA, "$.a", "must be %d", 7),
           OSCP_ERR_SCHEMA, "the code comes back");
    is_int(err.code, OSCP_ERR_SCHEMA, "and is kept");
    is_str(err.path, "$.a", "path");
    is_str(err.text, "must be 7", "text");

    is_int(oscp_error_set(NULL, OSCP_ERR_LIMIT, "$", "x"), OSCP_ERR_LIMIT,
           "without a record only the code comes back");

    oscp_error_set(&err, OSCP_ERR_NOMEM, NULL, "no memory");
    is_str(err.path, "", "no path is an empty one");
}


static void
test_clean(void)
{
    oscp_error_t  err;

    oscp_error_set(&err, OSCP_ERR_SYNTAX, "$.a\nb\x7f\xc3\xa9", "x\r\t%s",
                   "\x1b[31m");
    is_str(err.path, "$.a?b???", "control characters leave the path");
    is_str(err.text, "x???[31m", "and the text");
}


static void
test_cut(void)
{
    char          longer[1000];
    oscp_error_t  err;

    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';

    oscp_error_set(&err, OSCP_ERR_SYNTAX, longer, "%s", longer);
    is_int((int64_t) strlen(err.path), OSCP_ERROR_PATH_LEN - 1,
           "a long path is cut");
    is_int((int64_t) strlen(err.text), OSCP_ERROR_TEXT_LEN - 1,
           "a long text is cut");
}


static void
test_format(void)
{
    char          buf[64];
    oscp_error_t  err;

    oscp_error_set(&err, OSCP_ERR_SYNTAX, "$.a", "is required");
    is_int((int64_t) oscp_error_format(&err, buf, sizeof(buf)), 16, "length");
    is_str(buf, "$.a: is required", "path and text");

    is_int((int64_t) oscp_error_format(&err, buf, 6), 5, "length when cut");
    is_str(buf, "$.a: ", "cut to fit");

    is_int((int64_t) oscp_error_format(&err, buf, 1), 0, "room for a NUL");
    is_str(buf, "", "gives an empty text");

    buf[0] = 'x';
    is_int((int64_t) oscp_error_format(&err, buf, 0), 0, "no room at all");
    is_int(buf[0], 'x', "is not touched");

    oscp_error_set(&err, OSCP_ERR_SYNTAX, "", "is required");
    oscp_error_format(&err, buf, sizeof(buf));
    is_str(buf, "is required", "no path, no colon");
}


static void
test_alloc(void)
{
    char                *p;
    const oscp_alloc_t  *heap = &oscp_alloc_libc;

    p = heap->resize(heap->ctx, NULL, 4);
    ok(p != NULL, "the heap gives memory");
    memcpy(p, "abc", 4);

    p = heap->resize(heap->ctx, p, 4000);
    is_str(p, "abc", "keeps it when it grows");

    ok(heap->resize(heap->ctx, p, 0) == NULL, "and takes it back");
    ok(heap->resize(heap->ctx, NULL, 0) == NULL, "nothing is taken back too");
}


int
main(void)
{
    test_set();
    test_clean();
    test_cut();
    test_format();
    test_alloc();

    return done_testing();
}
