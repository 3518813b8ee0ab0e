/*
 * A connection's configuration: its defaults, and what looks things up in it.
 */

#include <stdio.h>
#include <string.h>

#include "oscp_config.h"


void
oscp_config_defaults(oscp_connection_conf_t *c, const oscp_profile_t *profile)
{
    memset(c, 0, sizeof(*c));

    c->profile = profile;
    c->initiate_handshake = profile->initiate_handshake;
    c->heartbeat_interval_ms = 30000;
    c->handshake_timeout_ms = 30000;
    c->measurement = profile->measurement;
    c->measurement_window_ms = 900000;
    c->measurement_grace_ms = 10000;
    c->compliance_tolerance = 0.02;
    c->compliance_grace_ms = 60000;
    c->gap_policy = OSCP_GAP_SAFE_DEFAULT;
    c->present = OSCP_PRESENT_NONE;
}


int
oscp_config_warning(const oscp_connection_conf_t *c, oscp_error_t *err)
{
    char    directive[OSCP_ERROR_PATH_LEN];
    size_t  i;

    if (c->profile->window_ms
        && c->measurement_window_ms != c->profile->window_ms)
    {
        oscp_error_set(err, OSCP_OK, "measurement_window",
                       "should be %dm under profile %s",
                       (int) (c->profile->window_ms / 60000),
                       c->profile->name);
        return 1;
    }

    if (c->peer[strlen(c->peer) - 1] == '/') {
        oscp_error_set(err, OSCP_OK, "peer", "should not end with a slash: "
                       "paths that begin with one are appended");
        return 1;
    }

    if (c->ngroups == 0) {
        oscp_error_set(err, OSCP_OK, "group", "should be there: without one "
                       "every forecast is refused");
        return 1;
    }

    for (i = 0; i < c->ngroups; i++) {
        if (c->groups[i].has_rated && c->groups[i].circuit == NULL) {
            snprintf(directive, sizeof(directive), "group %s",
                     c->groups[i].id);
            oscp_error_set(err, OSCP_OK, directive,
                           "rated= means nothing without circuit=");
            return 1;
        }
    }

    return 0;
}


const oscp_group_conf_t *
oscp_config_group(const oscp_connection_conf_t *c, const char *id, size_t len)
{
    size_t  i;

    for (i = 0; i < c->ngroups; i++) {
        if (strlen(c->groups[i].id) == len
            && memcmp(c->groups[i].id, id, len) == 0)
        {
            return &c->groups[i];
        }
    }

    return NULL;
}
