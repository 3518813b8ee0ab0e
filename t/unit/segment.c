/*
 * Goal: the two segment headers and their form in the stream are read as the
 * design's section 10 says: both or none, whole numbers, index within count,
 * at most 100.
 */

#include "oscp_segment.h"
#include "tap.h"

#define INDEX  "X-Segment-Index"
#define COUNT  "X-Segment-Count"


static void
headers(void)
{
    static const struct {
        const char  *index;
        const char  *count;
        int          want_index;             /* -1: refused */
        int          want_count;
        const char  *path;
    } list[] = {
        { "", "", 0, 0, "" },
        { "1", "1", 1, 1, "" },
        { "1", "7", 1, 7, "" },
        { "7", "7", 7, 7, "" },
        { "100", "100", 100, 100, "" },
        { "03", "07", 3, 7, "" },
        { "1", "101", -1, 0, COUNT },
        { "8", "7", -1, 0, INDEX },
        { "101", "100", -1, 0, INDEX },
        { "0", "7", -1, 0, INDEX },
        { "1", "0", -1, 0, COUNT },
        { "0", "0", -1, 0, COUNT },
        { "1", "", -1, 0, COUNT },
        { "", "7", -1, 0, INDEX },
        { "-1", "7", -1, 0, INDEX },
        { "+1", "7", -1, 0, INDEX },
        { "1.0", "7", -1, 0, INDEX },
        { "1 ", "7", -1, 0, INDEX },
        { " 1", "7", -1, 0, INDEX },
        { "x", "7", -1, 0, INDEX },
        { "1", "7x", -1, 0, COUNT },
        { "1", "4294967297", -1, 0, COUNT },
        { "99999999999999999999", "7", -1, 0, INDEX }
    };

    size_t          i;
    oscp_err_t      rc;
    oscp_error_t    err;
    oscp_segment_t  s;

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        oscp_str_t  index = { list[i].index, strlen(list[i].index) };
        oscp_str_t  count = { list[i].count, strlen(list[i].count) };

        memset(&err, 0, sizeof(err));
        rc = oscp_segment_headers(index, count, &s, &err);

        if (list[i].want_index < 0) {
            ok(rc == OSCP_ERR_SEMANTIC && err.text[0]
               && strcmp(err.path, list[i].path) == 0
               && s.index == 0 && s.count == 0, "'%s' of '%s' is refused",
               list[i].index, list[i].count);
        } else {
            ok(rc == OSCP_OK && (int) s.index == list[i].want_index
               && (int) s.count == list[i].want_count, "'%s' of '%s'",
               list[i].index, list[i].count);
        }
    }
}


static void
parse(void)
{
    static const char *const  bad[] = {
        "/", "3", "3/", "/7", "8/7", "0/7", "3/7/", "3/101", "a/b", " 3/7"
    };

    size_t          i;
    oscp_segment_t  s;

    ok(oscp_segment_parse("3/7", 3, &s) == 0 && s.index == 3 && s.count == 7,
       "3/7");
    ok(oscp_segment_parse("100/100", 7, &s) == 0 && s.index == 100
       && s.count == 100, "100/100");
    ok(oscp_segment_parse("", 0, &s) == 0 && s.index == 0 && s.count == 0,
       "nothing: not segmented");
    ok(oscp_segment_parse("3/75", 3, &s) == 0 && s.count == 7,
       "the length counts");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(oscp_segment_parse(bad[i], strlen(bad[i]), &s) == -1,
           "'%s' is none", bad[i]);
    }
}


int
main(void)
{
    headers();
    parse();

    return done_testing();
}
