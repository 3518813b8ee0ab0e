/* JSON itself: what is none, strings in all their forms, duplicate names, and
   the place that an error names. */

#include "reading.h"

#define KIND          OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR
#define TEXT(string)  "{\"message\":\"" string "\"}"
#define EXTRA(value)  "{\"message\":\"m\",\"x\":" value "}"


static void
test_syntax(void)
{
    size_t  i;
    static const char *const  bad[] = {
        "", " ", "{", "}", "{\"message\":\"m\"", "{\"message\":\"m\",}",
        "{\"message\":\"m\"]", "{\"message\" \"m\"}", "{\"message\":}",
        "{\"message\"}", "{,\"message\":\"m\"}", "{message:\"m\"}",
        "{'message':'m'}", "{\"message\":\"m\"}}", "{\"message\":\"m\"} x",
        "{\"message\":\"m\"}{}", "{\"message\":\"m\" \"x\":1}",
        "{\"message\":\"m\",,\"x\":1}", "{\"message\":\"m\",\"x\":1,}",
        "{\"message\":\"m\",\"x\"}", "{\"message\":\"m\",1:1}",
        "{\"message\":\"m}", "\xef\xbb\xbf{\"message\":\"m\"}",
        "{\"message\":\"m\"}\xef\xbb\xbf", "/**/{\"message\":\"m\"}",
        "{\"message\":\"m\"//\n}", "\v{\"message\":\"m\"}",
        "\xc2\xa0{\"message\":\"m\"}",
        EXTRA(""), EXTRA("tru"), EXTRA("True"), EXTRA("nul"), EXTRA("falsey"),
        EXTRA("nan"), EXTRA("Infinity"), EXTRA("01"), EXTRA("1."),
        EXTRA(".5"), EXTRA("+1"), EXTRA("-"), EXTRA("1e"), EXTRA("1e+"),
        EXTRA("0x1"), EXTRA("[1,]"), EXTRA("[,1]"), EXTRA("[1 2]"),
        EXTRA("[1}"), EXTRA("{1}"), EXTRA("{\"a\"}"), EXTRA("{\"a\":1,}"),
        EXTRA("[[]"), EXTRA("\"\\x\""), EXTRA("\"a"), EXTRA("'a'"),
        EXTRA("undefined"), EXTRA("1 1"), EXTRA("]"), EXTRA(":"),

        /* documents that end within a character */
        "{\"message\":\"\\", "{\"message\":\"\\u", "{\"message\":\"\\u004",
        "{\"message\":\"\\ud800", "{\"message\":\"\\ud800\\",
        "{\"message\":\"\\ud800\\u", "{\"message\":\"\\ud800\\udc0",
        "{\"message\":\"\xc3", "{\"message\":\"\xe2\x82",
        "{\"message\":\"\xf0\x9f\x94", "{\"message\":\"m\",\"\\u006"
    };
    static const char *const  good[] = {
        EXTRA("true"), EXTRA("false"), EXTRA("null"), EXTRA("0"),
        EXTRA("-0.0e-0"), EXTRA("1e999"), EXTRA("[]"), EXTRA("[ ]"),
        EXTRA("{}"), EXTRA("{ }"), EXTRA("[1,2,[3,{\"a\":[]}]]"),
        EXTRA("\"\""), EXTRA("{\"a\":{\"a\":{\"a\":1}}}"),
        " \t\r\n{ \"message\" : \"m\" } \n", EXTRA("\"\x7f\"")
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(reading_bytes(KIND, bad[i], strlen(bad[i])) == OSCP_ERR_SYNTAX
           && strncmp(reading.err.text, "must ", 5) == 0, "bad %zu: %s", i,
           reading.err.text);
    }

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        accepted(KIND, good[i], "good JSON");
    }
}


/* In a known member, in an unknown one, and as a name. */
static void
test_string(const char *content, size_t len, int valid)
{
    int         n;
    char        json[300];
    size_t      i;
    oscp_err_t  rc, want = valid ? OSCP_OK : OSCP_ERR_SYNTAX;
    static const char *const  forms[][2] = {
        { "{\"message\":\"", "\"}" },
        { "{\"message\":\"m\",\"x\":[\"", "\"]}" },
        { "{\"message\":\"m\",\"", "\":1}" },
        { "{\"message\":\"m\",\"x\":{\"", "\":1}}" },
        { "{\"message\":\"m\",\"x\":\"12345\xc3\xa9", "-----\"}" }
    };

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        n = snprintf(json, sizeof(json), "%s", forms[i][0]);
        memcpy(json + n, content, len);
        n += (int) len;
        n += snprintf(json + n, sizeof(json) - (size_t) n, "%s", forms[i][1]);

        rc = reading_bytes(KIND, json, (size_t) n);
        if (rc != want) {
            break;
        }
    }

    if (!ok(i == sizeof(forms) / sizeof(forms[0]), "string of %zu bytes is %s",
            len, valid ? "valid" : "refused"))
    {
        printf("#   form %zu, first byte %02x: %s\n", i,
               (unsigned char) content[0], reading.err.text);
    }
}


static void
test_strings(void)
{
    int     c;
    char    byte;
    size_t  i;
    static const char *const  good[] = {
        "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "\xef\xbb\xbf", "\\\"\\\\\\/\\b\\f\\n\\r\\t",
        "\\u0001", "\\u00e9", "\\uD834\\udd1E", "\\uffff", "\\uE000",
        "\\ud7ff", "12345678\\n12345678\xe2\x82\xac", "'",
        "abcdefghijklmnopqrstuvwxyz"
    };
    static const char *const  bad[] = {
        "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
        "\xc2\xc0", "\xe0\x9f\xbf", "\xe0\xa0", "\xe2\x82", "\xe2\x82\x41",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe",
        "\xff", "1234567\xff", "12345678\xff", "\\u0000", "\\u", "\\u12",
        "\\u123g", "\\U0041", "\\ud800", "\\ud800x", "\\ud800\\n",
        "\\ud800\\u0041", "\\ud800\\ud800", "\\udc00", "\\udfff\\ud800",
        "\\ud83", "\\x41", "\\a", "\\'", "\\ ", "\\0", "\n", "\t",
        "12345678\x1f"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        test_string(good[i], strlen(good[i]), 1);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        test_string(bad[i], strlen(bad[i]), 0);
    }

    for (c = 0; c < 0x20; c++) {
        byte = (char) c;
        test_string(&byte, 1, 0);
    }

    test_string("\\\0", 2, 0);
}


static void
test_duplicates(void)
{
    refused(KIND, "{\"message\":\"a\",\"message\":\"a\"}", OSCP_ERR_SYNTAX,
            "$.message", "must not be given twice");
    refused(KIND, "{\"message\":\"a\",\"x\":1,\"mess\\u0061ge\":\"a\"}",
            OSCP_ERR_SYNTAX, "$.mess?u0061ge", "must not be given twice");
    refused(KIND, "{\"a\":1,\"b\":1,\"message\":\"m\",\"\\u0061\":2}",
            OSCP_ERR_SYNTAX, "$.?u0061", "must not be given twice");
    refused(KIND, "{\"\\u00e9\":1,\"message\":\"m\",\"\xc3\xa9\":2}",
            OSCP_ERR_SYNTAX, "$.??", "must not be given twice");
    refused(KIND, "{\"\\ud834\\udd1e\":1,\"\xf0\x9d\x84\x9e\":2}",
            OSCP_ERR_SYNTAX, "$.????", "must not be given twice");
    refused(KIND, "{\"\\/\":1,\"/\":2}", OSCP_ERR_SYNTAX, "$.?",
            "must not be given twice");
    refused(KIND, "{\"\":1,\"\":2}", OSCP_ERR_SYNTAX, "$.",
            "must not be given twice");
    refused(KIND, EXTRA("[{\"b\":1},{\"a\":1,\"b\":[],\"a\":2}]"),
            OSCP_ERR_SYNTAX, "$.x[1].a", "must not be given twice");
    refused(OSCP_HANDSHAKE, "{\"required_behaviour\":{},"
            "\"required_behaviour\":{}}", OSCP_ERR_SYNTAX,
            "$.required_behaviour", "must not be given twice");
    refused(OSCP_UPDATE_GROUP_CAPACITY_FORECAST, "{\"forecasted_blocks\":["
            READING_BLOCK ",{\"x\":1,\"capacity\":1,\"x\":2}]}",
            OSCP_ERR_SYNTAX, "$.forecasted_blocks[1].x",
            "must not be given twice");

    accepted(KIND, "{\"a\":1,\"A\":2,\"\":3,\" \":4,\"message\":\"m\"}",
             "names that only look alike");
    accepted(KIND, EXTRA("{\"message\":1,\"x\":{\"x\":[{\"a\":1},{\"a\":1}]}}"),
             "the same names at other places");
    accepted(KIND, EXTRA("{\"\\\\u0061\":1,\"a\":2}"), "an escaped backslash");
}


static void
test_known(void)
{
    accepted(KIND, "{\"m\\u0065ss\\u0061ge\":\"m\"}",
             "a known name with escapes");
    is_int((int64_t) reading.m.text.len, 1, "is known");
    refused(KIND, "{\"m\\u0065ssagee\":\"m\"}", OSCP_ERR_SCHEMA, "$.message",
            "is required");
    refused(KIND, "{\"Message\":\"m\"}", OSCP_ERR_SCHEMA, "$.message",
            "is required");
    refused(KIND, "{\"\\u006dessage, a name much longer than any of ours\":1}",
            OSCP_ERR_SCHEMA, "$.message", "is required");
}


/* Paths lead to the place, and show nothing that a peer could forge. */
static void
test_paths(void)
{
    refused(KIND, "{\"message\":\"m\",\"x\":[1,{\"y\":[[],[tru]]}]}",
            OSCP_ERR_SYNTAX, "$.x[1].y[1][0]", "at byte 32");
    refused(KIND, "{\"message\":\"m\",\"a \\n\\\"<b\":[}", OSCP_ERR_SYNTAX,
            "$.a??n???b[0]", "a value is missing");
    refused(KIND, "{\"message\":\"m\",\"x\":{\"y\" 1}}", OSCP_ERR_SYNTAX,
            "$.x.y", "a colon is missing");
    refused(KIND, "{\"message\":\"m\",\"x\":{\"y\":1 2}}", OSCP_ERR_SYNTAX,
            "$.x", "a comma or } is missing");
    refused(KIND, "[1]", OSCP_ERR_SCHEMA, "$", "must be an object");
    refused(KIND, "\xef\xbb\xbf{\"message\":\"m\"}", OSCP_ERR_SYNTAX, "$",
            "byte order mark");
    refused(KIND, "{\"message\":\"m\"} ,", OSCP_ERR_SYNTAX, "$",
            "more follows");
    refused(KIND, "{\"message\":\"\x01 secret\"}", OSCP_ERR_SYNTAX,
            "$.message", "a control character");
    ok(strstr(reading.err.text, "secret") == NULL, "without its value");
}


int
main(void)
{
    test_syntax();
    test_strings();
    test_duplicates();
    test_known();
    test_paths();

    return reading_done();
}
