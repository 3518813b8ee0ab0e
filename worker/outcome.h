/*
 * What an operator is told of a command: a sentence, and the message that it
 * made.
 */

#ifndef WORKER_OUTCOME_H
#define WORKER_OUTCOME_H

#include "oscp_name.h"

#define WORKER_OUTCOME_TEXT_SIZE   512

struct worker_outcome {
    char  text[WORKER_OUTCOME_TEXT_SIZE];
    char  req[OSCP_ID_SIZE];                /* of a message; "": none */
};

/* Says why not.  Returns -1. */
int worker_outcome_refuse(struct worker_outcome *outcome, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* WORKER_OUTCOME_H */
