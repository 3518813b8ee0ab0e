/*
 * What an operator is told of a command.
 */

#include <stdarg.h>
#include <stdio.h>

#include "outcome.h"


int
worker_outcome_refuse(struct worker_outcome *outcome, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    vsnprintf(outcome->text, sizeof(outcome->text), fmt, args);
    va_end(args);

    return -1;
}
