/* Every message cut off at every byte, and with every byte replaced by one
   that means something: never more than the whole is accepted. */

#include "reading.h"


/* What of a sample may change without making it another document. */
static void
test_truncated(oscp_message_kind_t kind)
{
    int          accepted_parts = 0, silent = 0;
    size_t       cut, len;
    oscp_err_t   rc;
    const char  *json = reading_samples[kind];

    len = strlen(json);

    for (cut = 0; cut < len; cut++) {
        rc = reading_bytes(kind, json, cut);
        accepted_parts += rc == OSCP_OK;
        silent += reading.err.code != rc || reading.err.path[0] != '$'
                  || reading.err.text[0] == '\0';
    }

    is_int(accepted_parts, 0, oscp_message_name(kind));
    is_int(silent, 0, "each error says what and where");
    is_int(reading_bytes(kind, json, len), OSCP_OK, "the whole is accepted");
}


static void
test_bytes(oscp_message_kind_t kind)
{
    int          broken = 0, silent = 0;
    char         copy[1024], kept;
    size_t       i, k, len;
    oscp_err_t   rc;
    const char   bytes[] = "\"\\{}[]:,\x01\x80\xff";

    len = strlen(reading_samples[kind]);
    memcpy(copy, reading_samples[kind], len);

    for (i = 0; i < len; i++) {
        kept = copy[i];

        for (k = 0; k < sizeof(bytes); k++) {
            copy[i] = bytes[k];
            rc = reading_bytes(kind, copy, len);

            /* control characters and invalid UTF-8 are nowhere allowed */
            if (k >= 8) {
                broken += rc == OSCP_OK;
            }

            silent += rc != OSCP_OK
                      && (reading.err.code != rc || !reading.err.text[0]);
        }

        copy[i] = kept;
    }

    is_int(broken, 0, "no byte that is not allowed passes");
    is_int(silent, 0, "and every error says what is wrong");
}


int
main(void)
{
    int  kind;

    for (kind = 0; kind < OSCP_MESSAGE_COUNT; kind++) {
        test_truncated((oscp_message_kind_t) kind);
        test_bytes((oscp_message_kind_t) kind);
    }

    return reading_done();
}
