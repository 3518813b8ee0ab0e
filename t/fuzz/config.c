/*
 * Fuzzes the documents that are read from Redis: a connection's configuration
 * and a timeline's blocks.  What is read is written and read back the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_config.h"
#include "oscp_timeline.h"

#define OUT_SIZE   262144

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_config(const char *json, size_t len, char *out)
{
    size_t                   n;
    oscp_error_t             err;
    oscp_connection_conf_t  *conf, *again;

    if (oscp_config_read(json, len, &oscp_alloc_libc, &conf, &err)
        != OSCP_OK)
    {
        if (conf != NULL || err.text[0] == '\0') {
            abort();
        }
        return;
    }

    n = oscp_config_write(conf, out, OUT_SIZE);
    if (n < OUT_SIZE) {
        if (oscp_config_read(out, n, &oscp_alloc_libc, &again, &err)
            != OSCP_OK)
        {
            abort();
        }
        oscp_alloc_libc.resize(oscp_alloc_libc.ctx, again, 0);
    }

    oscp_alloc_libc.resize(oscp_alloc_libc.ctx, conf, 0);
}


static void
fuzz_timeline(const char *json, size_t len, char *out)
{
    size_t           n;
    oscp_error_t     err;
    oscp_timeline_t  t;

    oscp_timeline_init(&t);

    if (oscp_timeline_read(&t, json, len, &oscp_alloc_libc, &err)
        == OSCP_OK)
    {
        n = oscp_timeline_write(&t, out, OUT_SIZE);
        if (n < OUT_SIZE
            && oscp_timeline_read(&t, out, n, &oscp_alloc_libc, &err)
               != OSCP_OK)
        {
            abort();
        }
    }

    oscp_timeline_clear(&t, &oscp_alloc_libc);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *json, *out;

    if (size == 0) {
        return 0;
    }

    json = malloc(size);
    out = malloc(OUT_SIZE);
    if (json != NULL && out != NULL) {
        memcpy(json, data + 1, size - 1);
        if (data[0] == 'c') {
            fuzz_config(json, size - 1, out);
        } else {
            fuzz_timeline(json, size - 1, out);
        }
    }

    free(out);
    free(json);
    return 0;
}
