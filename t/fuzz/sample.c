/*
 * Fuzzes the reader of measurement samples: any bytes as a document.  What it
 * accepts must have a text that metering can read, and that reads back the
 * same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_meter.h"
#include "oscp_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int holds)
{
    if (!holds) {
        abort();
    }
}


static void
check(const oscp_sample_site_t *s)
{
    double              value;
    int64_t             mwh;
    oscp_ms_t           ms;
    oscp_sample_text_t  t;

    oscp_sample_format(s, &t);

    require(oscp_time_parse(t.at, strlen(t.at), &ms) == 0 && ms == s->at_ms);
    require(oscp_meter_parse_wh(t.energy_import_wh,
                                strlen(t.energy_import_wh), &mwh) == 0);
    require(!s->has_export == (t.energy_export_wh[0] == '\0'));
    require(!s->has_export
            || oscp_meter_parse_wh(t.energy_export_wh,
                                   strlen(t.energy_export_wh), &mwh) == 0);
    require(!s->has_power == (t.power_w[0] == '\0'));
    require(!s->has_power
            || oscp_number_parse(t.power_w, strlen(t.power_w), &value) == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                *json;
    size_t               i;
    oscp_err_t           rc;
    oscp_error_t         err;
    oscp_sample_list_t   list;

    /* Exactly as long as it is, so that one byte too many is seen. */
    json = malloc(size ? size : 1);
    list.max = size / OSCP_SAMPLE_BYTES_MIN + 1;
    list.items = malloc(list.max * sizeof(*list.items));
    require(json != NULL && list.items != NULL);
    if (size) {
        memcpy(json, data, size);
    }

    memset(&err, 0, sizeof(err));
    rc = oscp_sample_read(&list, json, size, &err);

    if (rc != OSCP_OK) {
        require(err.code == rc && err.text[0] != '\0');

    } else {
        require(list.n >= 1 && list.n <= list.max);

        for (i = 0; i < list.n; i++) {
            check(&list.items[i]);
        }
    }

    free(list.items);
    free(json);
    return 0;
}
