/*
 * adjust, compliance: what the grid operator is asked for, and told.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "oscp_adjust.h"
#include "oscpctl_order.h"
#include "oscpctl_out.h"


/* The one block that --capacity, --from and --until make. */
static int
wish_blocks(const struct worker_ctl *ctl, struct worker_buffer *text)
{
    char                             *p;
    size_t                            size;
    oscp_adjust_t                     wish = { .n = 1 };
    const struct worker_ctl_options  *o = ctl->options;

    wish.blocks[0].capacity = o->capacity_w;
    wish.blocks[0].phase = OSCP_PHASE_ALL;
    wish.blocks[0].unit = OSCP_UNIT_W;
    wish.blocks[0].start_ms = o->from_ms == OSCP_TIME_NONE ? ctl->now_ms
                                                           : o->from_ms;
    wish.blocks[0].end_ms = o->until_ms;

    if (wish.blocks[0].end_ms <= wish.blocks[0].start_ms
        || wish.blocks[0].end_ms <= ctl->now_ms)
    {
        worker_ctl_out_error("--until must be after %s, and in the future; "
                             "HH:MM is of today, of another day YYYY-MM-DD "
                             "HH:MM", o->from_ms == OSCP_TIME_NONE
                             ? "now" : "--from");
        return -1;
    }

    size = oscp_adjust_write(&wish, NULL, 0) + 1;
    p = worker_buffer_reserve(text, size);
    if (p == NULL) {
        worker_ctl_out_error("no memory");
        return -1;
    }

    text->len += oscp_adjust_write(&wish, p, size);

    return 0;
}


/* What else is wrong with it the worker says, by the name of the field. */
int
worker_ctl_wish_run(struct worker_ctl *ctl)
{
    int                                  rc = WORKER_CTL_EXIT_FAILED;
    struct worker_buffer                 blocks = { .len = 0 };
    const struct worker_ctl_options     *o = ctl->options;
    struct worker_ctl_order_field        fields[3];
    const struct worker_ctl_connection  *c;
    struct worker_ctl_order              order = { .op = o->command->name,
                                                   .conn = o->argv[0],
                                                   .group = o->argv[1],
                                                   .fields = fields };

    c = worker_ctl_order_target(ctl, order.conn, order.group);
    if (c == NULL) {
        return rc;
    }

    order.shard = c->shard;

    if (o->command->takes & WORKER_CTL_TAKES_MESSAGE) {
        fields[order.nfields].name = "message";
        fields[order.nfields++].value = o->message;
        return worker_ctl_order_carry(ctl, &order);
    }

    if (wish_blocks(ctl, &blocks) == 0) {
        fields[order.nfields].name = "type";
        fields[order.nfields++].value = o->type;
        fields[order.nfields].name = "blocks";
        fields[order.nfields++].value = blocks.data;

        if (o->replace) {
            fields[order.nfields].name = "replace";
            fields[order.nfields++].value = "1";
        }

        rc = worker_ctl_order_carry(ctl, &order);
    }

    worker_buffer_free(&blocks);

    return rc;
}
