/*
 * Units to watts, watts to text.
 */

#include <stdio.h>

#include "oscp_unit.h"

#define W_PER_KW        1000.0
#define MS_PER_HOUR     3600000.0
#define PHASES          3.0
#define TEXT_DECIMALS   3


double
oscp_unit_watts(double value, oscp_unit_t unit, oscp_phase_t phase,
    double voltage_v, int64_t duration_ms)
{
    switch (unit) {

    case OSCP_UNIT_W:
        return value;

    case OSCP_UNIT_KW:
        return value * W_PER_KW;

    case OSCP_UNIT_A:
        value *= voltage_v;
        return phase == OSCP_PHASE_ALL || phase == OSCP_PHASE_UNKNOWN
               ? value * PHASES : value;

    case OSCP_UNIT_WH:
    case OSCP_UNIT_KWH:

        /* a block without duration allows no energy */
        if (duration_ms <= 0) {
            return 0;
        }

        value = value * MS_PER_HOUR / (double) duration_ms;
        return unit == OSCP_UNIT_KWH ? value * W_PER_KW : value;

    case OSCP_UNIT_COUNT:
        break;
    }

    /* no unit at all: the safe reading of a limit */
    return 0;
}


char *
oscp_unit_text(double watts, char *buf)
{
    int   kilo = watts >= W_PER_KW;
    char  number[OSCP_NUMBER_SIZE];

    oscp_number_format(kilo ? watts / W_PER_KW : watts, TEXT_DECIMALS, number);
    snprintf(buf, OSCP_UNIT_TEXT_SIZE, "%s %s", number, kilo ? "kW" : "W");

    return buf;
}
