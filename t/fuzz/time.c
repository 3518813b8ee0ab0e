/*
 * Fuzzes date-times, numbers, addresses, redirections and segment marks: what
 * is read is written and read back the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oscp_address.h"
#include "oscp_segment.h"
#include "oscp_slot.h"
#include "oscp_time.h"
#include "oscp_unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *text, buf[OSCP_TIME_SIZE], number[OSCP_NUMBER_SIZE];
    double                value;
    oscp_ms_t             ms, again;
    oscp_error_t          err;
    oscp_address_t        address;
    oscp_segment_t        segment;
    oscp_slot_redirect_t  to;

    text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);

    if (oscp_time_parse(text, size, &ms) == 0) {
        if (oscp_time_format(ms, buf) == OSCP_TIME_LEN
            && (oscp_time_parse(buf, OSCP_TIME_LEN, &again) != 0
                || again != ms))
        {
            abort();
        }
    }

    if (oscp_number_parse(text, size, &value) == 0) {
        oscp_number_format(value, 3, number);
    }

    (void) oscp_address_parse(text, size, &address, &err);

    if (oscp_slot_find(text, size) >= OSCP_SLOT_COUNT
        || (oscp_slot_redirect(text, size, &to) == 0
            && (to.slot >= OSCP_SLOT_COUNT || to.host.port == 0)))
    {
        abort();
    }

    if (oscp_segment_parse(text, size, &segment) == 0 && segment.count
        && (segment.index == 0 || segment.index > segment.count))
    {
        abort();
    }

    free(text);
    return 0;
}
