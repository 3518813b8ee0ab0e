/*
 * Answers of token endpoints.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "oauth_answer.h"
#include "oscp_json_check.h"
#include "oscp_number.h"


#define HTTP_OK                 200
#define HTTP_REQUEST_TIMEOUT    408
#define HTTP_TOO_MANY_REQUESTS  429


/*
 * Error codes of RFC 6749 and its relatives.  Others are not repeated: an
 * endpoint that echoes what it was sent would put a secret into the log.
 */
static const char *const  answer_errors[] = {
    "invalid_request", "invalid_client", "invalid_grant", "invalid_scope",
    "invalid_target", "unauthorized_client", "unsupported_grant_type",
    "access_denied", "server_error", "temporarily_unavailable", "slow_down",
};


/* Every text in the answer is overwritten; it is 16 levels deep at most. */
static void
answer_wipe(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        if (item->valuestring != NULL) {
            explicit_bzero(item->valuestring, strlen(item->valuestring));
        }
        answer_wipe(item->child);
    }
}


static const char *
answer_text(const cJSON *json, const char *name)
{
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}


static void
answer_refuse(struct worker_oauth_answer *answer, const char *why)
{
    answer->refused = 1;
    snprintf(answer->error, sizeof(answer->error), "token endpoint: %s", why);
}


static int
answer_sendable(const char *token)
{
    size_t  len = strlen(token);

    for (size_t i = 0; i < len; i++) {
        if (token[i] < 0x21 || token[i] > 0x7e) {
            return 0;
        }
    }

    return len > 0 && len <= WORKER_OAUTH_TOKEN_MAX;
}


/* Seconds, as a number or, from some endpoints, as its text. */
static int
answer_life(const cJSON *json, int64_t *life_ms)
{
    double        seconds;
    const char   *text = answer_text(json, "expires_in");
    const cJSON  *item = cJSON_GetObjectItemCaseSensitive(json, "expires_in");

    *life_ms = WORKER_OAUTH_LIFE_MS;

    if (item == NULL || cJSON_IsNull(item)) {
        return 0;
    }

    if (text != NULL) {
        if (oscp_number_parse(text, strlen(text), &seconds) != 0) {
            return -1;
        }

    } else if (cJSON_IsNumber(item)) {
        seconds = item->valuedouble;

    } else {
        return -1;
    }

    if (!(seconds > 0)) {
        return -1;
    }

    *life_ms = seconds < (double) WORKER_OAUTH_LIFE_MAX_MS / 1000
               ? (int64_t) (seconds * 1000) : WORKER_OAUTH_LIFE_MAX_MS;
    if (*life_ms < WORKER_OAUTH_LIFE_MIN_MS) {
        *life_ms = WORKER_OAUTH_LIFE_MIN_MS;
    }

    return 0;
}


static void
answer_token(struct worker_oauth_answer *answer, const cJSON *json)
{
    const char  *token = answer_text(json, "access_token");
    const char  *type = answer_text(json, "token_type");

    if (token == NULL) {
        answer_refuse(answer, "an answer without access_token");

    } else if (type == NULL || strcasecmp(type, "Bearer") != 0) {
        answer_refuse(answer, "token_type is not Bearer");

    } else if (!answer_sendable(token)) {
        answer_refuse(answer, "an access_token that no header line can carry");

    } else if (answer_life(json, &answer->life_ms) == -1) {
        answer_refuse(answer, "expires_in is not a number above 0");

    } else {
        answer->token = strdup(token);
        if (answer->token == NULL) {
            snprintf(answer->error, sizeof(answer->error), "no memory");
        }
    }
}


static void
answer_error(struct worker_oauth_answer *answer, long status,
    const cJSON *json)
{
    const char  *code = answer_text(json, "error");
    const char  *known = "";

    for (size_t i = 0; code != NULL
                       && i < sizeof(answer_errors) / sizeof(*answer_errors);
         i++)
    {
        if (strcmp(code, answer_errors[i]) == 0) {
            known = answer_errors[i];
        }
    }

    /* what asks for patience, and what is broken, may be mended soon */
    answer->refused = status < 500 && status != HTTP_REQUEST_TIMEOUT
                      && status != HTTP_TOO_MANY_REQUESTS;

    snprintf(answer->error, sizeof(answer->error), "token endpoint: HTTP %ld%s"
             "%s", status, *known ? " " : "", known);
}


void
worker_oauth_answer_read(struct worker_oauth_answer *answer,
    const struct worker_http_result *result)
{
    cJSON  *json = NULL;

    memset(answer, 0, sizeof(*answer));

    if (result->status == 0) {
        snprintf(answer->error, sizeof(answer->error), "token endpoint: %s",
                 result->error);
        return;
    }

    if (result->body != NULL
        && oscp_json_check(result->body, result->len, NULL) == OSCP_OK)
    {
        json = cJSON_ParseWithLength(result->body, result->len);
    }

    if (result->status != HTTP_OK) {
        answer_error(answer, result->status, json);

    } else if (!cJSON_IsObject(json)) {
        answer_refuse(answer, "an answer that is no JSON object, or too long");

    } else {
        answer_token(answer, json);
    }

    answer_wipe(json);
    cJSON_Delete(json);
}
