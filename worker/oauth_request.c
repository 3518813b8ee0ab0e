/*
 * Requests for access tokens.
 */

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "oauth_request.h"


#define REQUEST_ROOM    128      /* bytes of a form beside its values */
#define REQUEST_GROWTH  3        /* bytes of a byte that is encoded */


/* As application/x-www-form-urlencoded. */
static void
request_encode(struct worker_buffer *b, const char *text)
{
    static const char  plain[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789*-._";

    for (const char *p = text; *p != '\0'; p++) {
        if (*p == ' ') {
            worker_buffer_add(b, "+", 1);

        } else if (strchr(plain, *p) != NULL) {
            worker_buffer_add(b, p, 1);

        } else {
            worker_buffer_format(b, "%%%02X", (unsigned char) *p);
        }
    }
}


static void
request_field(struct worker_buffer *b, const char *name, const char *value)
{
    if (value != NULL) {
        worker_buffer_format(b, "&%s=", name);
        request_encode(b, value);
    }
}


/* Both buffers have their whole size at once: growing leaves copies behind. */
static int
request_basic(const oscp_connection_conf_t *conf, const char *secret,
    struct worker_present_lines *lines)
{
    int                   rc = -1;
    char                 *encoded;
    struct worker_buffer  pair = { .len = 0 };

    worker_buffer_reserve(&pair, REQUEST_GROWTH * (strlen(conf->client_id)
                                                   + strlen(secret)) + 1);
    request_encode(&pair, conf->client_id);
    worker_buffer_text(&pair, ":");
    request_encode(&pair, secret);

    encoded = malloc((pair.len + 2) / 3 * 4 + 1);

    if (encoded != NULL && !pair.failed) {
        EVP_EncodeBlock((unsigned char *) encoded,
                        (const unsigned char *) pair.data, (int) pair.len);
        rc = worker_present_scheme(lines, "Authorization", "Basic", encoded);
        worker_secret_wipe(encoded);

    } else {
        free(encoded);
    }

    worker_buffer_wipe(&pair);

    return rc;
}


int
worker_oauth_request_make(const oscp_connection_conf_t *conf,
    const char *secret, struct worker_buffer *body,
    struct worker_present_lines *lines)
{
    size_t  len = strlen(conf->client_id) + strlen(secret);

    len += conf->scope ? strlen(conf->scope) : 0;
    worker_buffer_reserve(body, REQUEST_GROWTH * len + REQUEST_ROOM);
    worker_buffer_text(body, "grant_type=client_credentials");
    request_field(body, "scope", conf->scope);

    if (conf->auth_body) {
        request_field(body, "client_id", conf->client_id);
        request_field(body, "client_secret", secret);

    } else if (request_basic(conf, secret, lines) == -1) {
        return -1;
    }

    return body->failed
           || worker_present_line(lines, "Content-Type",
                                  "application/x-www-form-urlencoded") == -1
           ? -1 : 0;
}
