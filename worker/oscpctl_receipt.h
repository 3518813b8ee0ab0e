/*
 * When the messages of a group were received, as the audit tells it.
 */

#ifndef WORKER_OSCPCTL_RECEIPT_H
#define WORKER_OSCPCTL_RECEIPT_H

#include "oscpctl_trail.h"

struct worker_ctl_receipt {
    char       req[OSCP_ID_SIZE];
    oscp_ms_t  at_ms;
};

/* Zeroed: none. */
struct worker_ctl_receipts {
    struct worker_ctl_receipt  *list;
    size_t                      n;
};

/* Notes the receipt that a `forecast` entry tells.  0, or -1 (told). */
int worker_ctl_receipt_take(struct worker_ctl_receipts *receipts,
    const struct worker_ctl_record *record);

/* When the message was last received; NONE: nothing was told of it. */
oscp_ms_t worker_ctl_receipt_find(const struct worker_ctl_receipts *receipts,
    const char *req);

void worker_ctl_receipt_free(struct worker_ctl_receipts *receipts);

#endif /* WORKER_OSCPCTL_RECEIPT_H */
