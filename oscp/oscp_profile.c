/*
 * The table of profiles.
 */

#include <string.h>

#include "oscp_profile.h"

#define PROFILE_QUARTER_MS  900000


static const oscp_profile_t  profiles[] = {

    /* protocol, section 2 */
    { .name = "vector",
      .group_class = OSCP_NAME_ALNUM,
      .intermittent = 1,
      .initiate_handshake = 1,
      .measurement = OSCP_INTERMITTENT,
      .window_ms = PROFILE_QUARTER_MS,
      .configurations = OSCP_INTERMITTENT,
      .group_measurements = 0,
      .asset_measurements = 1,
      .single_asset = 1,
      .instantaneous = 1,
      .category = OSCP_CHARGING,
      .phase = OSCP_PHASE_ALL,
      .energy_unit = OSCP_UNIT_KWH,
      .power_unit = OSCP_UNIT_KW,
      .direction = OSCP_IMPORT,
      .direction_export = OSCP_NET },

    { .name = "generic",
      .group_class = OSCP_NAME_VISIBLE,
      .intermittent = 0,
      .initiate_handshake = 0,
      .measurement = OSCP_INTERMITTENT,
      .window_ms = 0,
      .configurations = OSCP_CONTINUOUS | OSCP_INTERMITTENT,
      .group_measurements = 1,
      .asset_measurements = 1,
      .single_asset = 0,
      .instantaneous = 1,
      .category = OSCP_CHARGING,
      .phase = OSCP_PHASE_ALL,
      .energy_unit = OSCP_UNIT_KWH,
      .power_unit = OSCP_UNIT_KW,
      .direction = OSCP_IMPORT,
      .direction_export = OSCP_NET }
};


const oscp_profile_t *
oscp_profile_find(const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (strlen(profiles[i].name) == len
            && memcmp(profiles[i].name, name, len) == 0)
        {
            return &profiles[i];
        }
    }

    return NULL;
}
