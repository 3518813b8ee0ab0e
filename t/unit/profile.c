/*
 * Goal: the profiles say what the protocol facts (section 2) and the design
 * (sections 4, 7 and 10) say, and only exact names find them.
 */

#include "oscp_profile.h"
#include "tap.h"


static void
vector(void)
{
    const oscp_profile_t  *p = oscp_profile_find("vector", 6);

    if (!ok(p != NULL, "vector is there")) {
        return;
    }

    is_str(p->name, "vector", "its name");
    is_int(p->group_class, OSCP_NAME_ALNUM, "group ids are alphanumeric");
    is_int(p->intermittent, 1, "INTERMITTENT must be negotiated");
    is_int(p->initiate_handshake, 1, "we start handshakes");
    is_int(p->group_measurements, 0, "group measurements are not sent");
    is_int(p->asset_measurements, 1, "asset measurements are");
    is_int(p->single_asset, 1, "as one asset per group");
    is_int(p->energy_unit, OSCP_UNIT_KWH, "energy in KWH");
    is_int(p->measurement, OSCP_INTERMITTENT, "our list is INTERMITTENT");
    is_int(p->configurations, OSCP_INTERMITTENT, "and nothing else is served");
    is_int(p->category, OSCP_CHARGING, "the asset charges");
    is_int(p->phase, OSCP_PHASE_ALL, "all phases");
    is_int(p->power_unit, OSCP_UNIT_KW, "power in KW");
    is_int(p->instantaneous, 1, "which is sent");
    is_int(p->direction, OSCP_IMPORT, "energy is imported");
    is_int(p->direction_export, OSCP_NET, "or net, with an export register");
    is_int(p->window_ms, 15 * 60 * 1000, "the window is a quarter hour");
}


static void
generic(void)
{
    const oscp_profile_t  *p = oscp_profile_find("generic", 7);

    if (!ok(p != NULL, "generic is there")) {
        return;
    }

    is_int(p->group_class, OSCP_NAME_VISIBLE, "group ids are visible bytes");
    is_int(p->intermittent, 0, "any list will do");
    is_int(p->initiate_handshake, 0, "the peer starts handshakes");
    is_int(p->group_measurements, 1, "group measurements are sent");
    is_int(p->asset_measurements, 1, "asset measurements too");
    is_int(p->single_asset, 0, "each asset by itself");
    is_int(p->window_ms, 0, "any window will do");
    is_int(p->configurations, OSCP_CONTINUOUS | OSCP_INTERMITTENT,
           "both configurations are served");
}


int
main(void)
{
    vector();
    generic();

    ok(oscp_profile_find("vecto", 5) == NULL, "a shorter name is none");
    ok(oscp_profile_find("vectors", 7) == NULL, "nor is a longer one");
    ok(oscp_profile_find("Vector", 6) == NULL, "nor another case");
    ok(oscp_profile_find("", 0) == NULL, "nor nothing");
    ok(oscp_profile_find("vectorx", 6) != NULL, "the length counts");

    return done_testing();
}
