/*
 * Fuzzes the message reader: any bytes as any of the nine messages.  What it
 * accepts must be writable and must then read back the same.  The first byte
 * chooses message and options.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_read.h"
#include "oscp_write.h"

#define NOW_MS    INT64_C(1795000000000)
#define ITEMS     64
#define OUT_SIZE  65536

typedef struct {
    oscp_message_t      m;
    oscp_block_t        blocks[ITEMS];
    oscp_energy_t       energies[ITEMS];
    oscp_asset_t        assets[ITEMS];
    oscp_version_url_t  urls[ITEMS];
} room_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
prepare(room_t *room, oscp_message_kind_t kind)
{
    oscp_message_init(&room->m, kind);
    room->m.blocks = room->blocks;
    room->m.energies = room->energies;
    room->m.assets = room->assets;
    room->m.urls = room->urls;
    room->m.max_blocks = room->m.max_energies = ITEMS;
    room->m.max_assets = room->m.max_urls = ITEMS;
}


static void
require(int holds)
{
    if (!holds) {
        abort();
    }
}


static void
read_back(const oscp_message_t *m, oscp_read_options_t options)
{
    char           *out;
    size_t          n;
    room_t         *again;
    oscp_error_t    err;

    out = malloc(OUT_SIZE);
    again = malloc(sizeof(*again));
    require(out != NULL && again != NULL);

    n = oscp_write(m, out, OUT_SIZE);
    if (n < OUT_SIZE) {
        prepare(again, m->kind);
        /* what we write is the schema's form but for a flat handshake */
        options.strict = 0;
        require(oscp_read(&again->m, out, n, &options, &err) == OSCP_OK);
        require(again->m.nblocks == m->nblocks);
        require(strcmp(again->m.group_id, m->group_id) == 0);
    }

    free(again);
    free(out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *json;
    room_t               *room;
    oscp_err_t            rc;
    oscp_error_t          err;
    oscp_read_options_t   options = { .now_ms = NOW_MS };

    if (size == 0) {
        return 0;
    }

    options.strict = data[0] >> 4 & 1;
    options.intermittent = data[0] >> 5 & 1;

    /* Exactly as long as it is, so that one byte too many is seen. */
    json = malloc(size);
    room = malloc(sizeof(*room));
    require(json != NULL && room != NULL);
    memcpy(json, data + 1, size - 1);
    prepare(room, (oscp_message_kind_t) ((data[0] & 15) % OSCP_MESSAGE_COUNT));

    memset(&err, 0, sizeof(err));
    rc = oscp_read(&room->m, json, size - 1, &options, &err);

    if (rc != OSCP_OK) {
        require(err.code == rc && err.text[0] != '\0');

    } else if (room->m.nblocks && room->m.nblocks <= ITEMS
               && room->m.group_id[0] != '\0')
    {
        read_back(&room->m, options);
    }

    free(room);
    free(json);
    return 0;
}
