/*
 * What a token endpoint answered (RFC 6749, section 5), read with care: it
 * comes from outside, and the token in it is a secret.
 */

#ifndef WORKER_OAUTH_ANSWER_H
#define WORKER_OAUTH_ANSWER_H

#include "http.h"
#include "oauth.h"

struct worker_oauth_answer {
    char      *token;           /* owned, to be wiped; NULL: there is none */
    int64_t    life_ms;
    unsigned   refused:1;       /* trying again at once would be of no use */
    char       error[WORKER_OAUTH_ERROR_SIZE];      /* why there is none */
};

/* Fills `answer`.  Of an error only what RFC 6749 names is repeated. */
void worker_oauth_answer_read(struct worker_oauth_answer *answer,
    const struct worker_http_result *result);

#endif /* WORKER_OAUTH_ANSWER_H */
