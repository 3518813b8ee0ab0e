/*
 * A sample from the stream `meter` takes effect: it is read, judged, and held
 * by its group's meters; one that is wrong is refused with an event that quotes
 * it, and stops nothing (design, sections 5 and 7).
 */

#ifndef WORKER_SAMPLE_H
#define WORKER_SAMPLE_H

#include "connection.h"
#include "entry.h"

#define WORKER_SAMPLE_QUOTE_MAX   128    /* bytes of a field in the event */

/* Takes `e`; `conn` is NULL when its connection is not configured. */
void worker_sample_entry(struct worker_context *ctx,
    struct worker_connection *conn, const struct worker_entry *e);

#endif /* WORKER_SAMPLE_H */
