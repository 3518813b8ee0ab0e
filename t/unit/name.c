/* Names and ids: their alphabets and lengths. */

#include "tap.h"

#include "oscp_name.h"


typedef struct {
    const char  *name;
    int          plain;
    int          alnum;
    int          visible;
} name_case_t;


static const name_case_t  cases[] = {
    { "DEPOT01", 1, 1, 1 },
    { "a", 1, 1, 1 },
    { "0", 1, 1, 1 },
    { "depot-1", 1, 0, 1 },
    { "depot.1", 1, 0, 1 },
    { "depot_1", 1, 0, 1 },
    { ".", 1, 0, 1 },
    { "a/b", 0, 0, 1 },
    { "a@b!#$%&'()*+,;<=>?[\\]^`|~\"", 0, 0, 1 },
    { "", 0, 0, 0 },
    { "a b", 0, 0, 0 },
    { "a:b", 0, 0, 0 },
    { "{a", 0, 0, 0 },
    { "a}", 0, 0, 0 },
    { "a\n", 0, 0, 0 },
    { "a\x7f", 0, 0, 0 },
    { "d\xc3\xa9p\xc3\xb4t", 0, 0, 0 }
};


static int
is_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}


/* Every byte by itself, against the words of the design. */
static void
test_bytes(void)
{
    int   c, plain, visible, wrong;
    char  byte;

    wrong = 0;

    for (c = 0; c < 256; c++) {
        byte = (char) c;
        plain = is_alnum(c) || c == '.' || c == '_' || c == '-';
        visible = c >= 0x21 && c <= 0x7e && c != ':' && c != '{' && c != '}';

        wrong += oscp_name_valid(&byte, 1, OSCP_NAME_ALNUM) != is_alnum(c);
        wrong += oscp_name_valid(&byte, 1, OSCP_NAME_PLAIN) != plain;
        wrong += oscp_name_valid(&byte, 1, OSCP_NAME_VISIBLE) != visible;
        wrong += oscp_id_valid(&byte, 1) != (c >= 0x21 && c <= 0x7e);
    }

    is_int(wrong, 0, "each of the 256 bytes is judged right");
}


static void
test_lengths(void)
{
    char  longest[OSCP_ID_MAX + 1];

    memset(longest, 'a', sizeof(longest));

    is_int(oscp_name_valid(longest, OSCP_NAME_MAX, OSCP_NAME_PLAIN), 1,
           "64 bytes are a name");
    is_int(oscp_name_valid(longest, OSCP_NAME_MAX + 1, OSCP_NAME_PLAIN), 0,
           "65 are not");
    is_int(oscp_id_valid(longest, OSCP_ID_MAX), 1, "128 bytes are an id");
    is_int(oscp_id_valid(longest, OSCP_ID_MAX + 1), 0, "129 are not");
    is_int(oscp_id_valid("", 0), 0, "nothing is no id");
    is_int(oscp_id_valid("a\0b", 3), 0, "nor is what has a NUL");
    is_int(oscp_name_valid("a\0b", 3, OSCP_NAME_PLAIN), 0, "nor a name");
}


int
main(void)
{
    size_t              i;
    const name_case_t  *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];

        ok(oscp_name_valid(c->name, strlen(c->name), OSCP_NAME_PLAIN)
           == c->plain
           && oscp_name_valid(c->name, strlen(c->name), OSCP_NAME_ALNUM)
              == c->alnum
           && oscp_name_valid(c->name, strlen(c->name), OSCP_NAME_VISIBLE)
              == c->visible,
           "name of case %zu", i);
    }

    test_bytes();
    test_lengths();

    return done_testing();
}
