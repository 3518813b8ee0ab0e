/* Units to watts (design, section 6). */

#include "tap.h"

#include "oscp_unit.h"

#define QUARTER_MS  900000
#define HOUR_MS     3600000


int
main(void)
{
    char  text[OSCP_UNIT_TEXT_SIZE];

    is_num(oscp_unit_watts(120, OSCP_UNIT_W, OSCP_PHASE_ALL, 230, HOUR_MS),
           120, "W");
    is_num(oscp_unit_watts(7.36, OSCP_UNIT_KW, OSCP_PHASE_ONE, 230, HOUR_MS),
           7360, "KW");
    is_num(oscp_unit_watts(0, OSCP_UNIT_KW, OSCP_PHASE_ALL, 230, HOUR_MS),
           0, "nothing");

    is_num(oscp_unit_watts(16, OSCP_UNIT_A, OSCP_PHASE_ALL, 230, HOUR_MS),
           11040, "A on all phases");
    is_num(oscp_unit_watts(16, OSCP_UNIT_A, OSCP_PHASE_UNKNOWN, 230, HOUR_MS),
           11040, "A on an unknown phase");
    is_num(oscp_unit_watts(16, OSCP_UNIT_A, OSCP_PHASE_ONE, 230, HOUR_MS),
           3680, "A on one phase");
    is_num(oscp_unit_watts(16, OSCP_UNIT_A, OSCP_PHASE_TWO, 240, HOUR_MS),
           3840, "A on two, another voltage");
    is_num(oscp_unit_watts(16, OSCP_UNIT_A, OSCP_PHASE_THREE, 230, HOUR_MS),
           3680, "A on three");

    is_num(oscp_unit_watts(500, OSCP_UNIT_WH, OSCP_PHASE_ALL, 230, QUARTER_MS),
           2000, "WH over a quarter hour");
    is_num(oscp_unit_watts(500, OSCP_UNIT_WH, OSCP_PHASE_ALL, 230,
                           4 * HOUR_MS), 125, "WH over four hours");
    is_num(oscp_unit_watts(1.5, OSCP_UNIT_KWH, OSCP_PHASE_ONE, 230,
                           QUARTER_MS), 6000, "KWH over a quarter hour");

    is_num(oscp_unit_watts(1.5, OSCP_UNIT_KWH, OSCP_PHASE_ONE, 230, 0), 0,
           "energy over no time");
    is_num(oscp_unit_watts(1.5, OSCP_UNIT_COUNT, OSCP_PHASE_ONE, 230, 1), 0,
           "no unit");

    is_str(oscp_unit_text(120000, text), "120 kW", "watts as people read them");
    is_str(oscp_unit_text(7360.5, text), "7.361 kW", "to the watt");
    is_str(oscp_unit_text(999.9994, text), "999.999 W", "below a kilowatt");
    is_str(oscp_unit_text(0, text), "0 W", "nothing");
    is_int((int64_t) strlen(oscp_unit_text(1e300, text)), 22,
           "what is too much is cut, and fits");

    return done_testing();
}
