/*
 * Peer profiles as data (protocol, section 2; design, sections 4 and 7): what
 * a profile demands and what it sends.  A further profile is one more row.
 */

#ifndef OSCP_PROFILE_H
#define OSCP_PROFILE_H

#include <stddef.h>

#include "oscp_message.h"

typedef struct {
    const char         *name;                 /* "vector", "generic" */
    oscp_name_class_t   group_class;          /* alphabet of group ids */
    unsigned            intermittent:1;       /* INTERMITTENT must be in the
                                                 negotiated list */
    unsigned            initiate_handshake:1; /* default of the directive */
    unsigned            measurement;          /* default of
                                                 measurement_configuration */
    int64_t             window_ms;            /* the window the peer expects;
                                                 another one warns; 0: any */

    /* measurements: what is sent of a window, and how it looks */
    unsigned            configurations;       /* what of the negotiated list is
                                                 served; INTERMITTENT first */
    unsigned            group_measurements:1; /* UpdateGroupMeasurements */
    unsigned            asset_measurements:1; /* UpdateAssetMeasurements */
    unsigned            single_asset:1;       /* the group's assets as one,
                                                 named by the binding */
    unsigned            instantaneous:1;      /* with each asset measurement
                                                 whose power is known */
    oscp_category_t     category;             /* of every asset */
    oscp_phase_t        phase;
    oscp_unit_t         energy_unit;          /* WH or KWH */
    oscp_unit_t         power_unit;           /* W or KW */
    oscp_flow_t         direction;            /* of energy without an export
                                                 register */
    oscp_flow_t         direction_export;     /* and with one */
} oscp_profile_t;

/* The profile of that name, static; NULL when there is none. */
const oscp_profile_t *oscp_profile_find(const char *name, size_t len);

#endif /* OSCP_PROFILE_H */
