/*
 * When the messages of a group were received.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oscpctl_out.h"
#include "oscpctl_receipt.h"


#define RECEIPT_FIRST   64       /* room at first; doubled when it is full */


int
worker_ctl_receipt_take(struct worker_ctl_receipts *r,
    const struct worker_ctl_record *record)
{
    int                         full;
    void                       *list;
    cJSON                      *data;
    const cJSON                *req;
    struct worker_ctl_receipt  *receipt;

    full = r->n == 0 || (r->n >= RECEIPT_FIRST && (r->n & (r->n - 1)) == 0);

    if (full) {
        list = realloc(r->list, (r->n ? r->n * 2 : RECEIPT_FIRST)
                                * sizeof(*r->list));
        if (list == NULL) {
            worker_ctl_out_error("no memory");
            return -1;
        }
        r->list = list;
    }

    data = cJSON_Parse(record->entry.data ? record->entry.data : "");
    req = cJSON_GetObjectItemCaseSensitive(data, "req");

    if (cJSON_IsString(req)) {
        receipt = &r->list[r->n++];
        receipt->at_ms = record->entry.at_ms;
        snprintf(receipt->req, sizeof(receipt->req), "%s", req->valuestring);
    }

    cJSON_Delete(data);

    return 0;
}


oscp_ms_t
worker_ctl_receipt_find(const struct worker_ctl_receipts *r, const char *req)
{
    for (size_t i = r->n; i-- > 0; ) {
        if (strcmp(r->list[i].req, req) == 0) {
            return r->list[i].at_ms;
        }
    }

    return OSCP_TIME_NONE;
}


void
worker_ctl_receipt_free(struct worker_ctl_receipts *r)
{
    free(r->list);
    r->list = NULL;
    r->n = 0;
}
