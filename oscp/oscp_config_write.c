/*
 * A configuration as JSON.  What equals its default is written all the same:
 * a worker of another version must not guess.
 */

#include "oscp_config.h"
#include "oscp_config_table.h"
#include "oscp_out.h"


/* Separates members: each calls it before its name. */
static void
oscp_config_name(oscp_out_t *o, int *first, const char *name)
{
    oscp_out_bytes(o, *first ? "{" : ",", 1);
    oscp_out_string(o, name);
    oscp_out_bytes(o, ":", 1);

    *first = 0;
}


static void
oscp_config_bool(oscp_out_t *o, int *first, const char *name, int value)
{
    oscp_config_name(o, first, name);
    oscp_out_text(o, value ? "true" : "false");
}


static void
oscp_config_fields(oscp_out_t *o, int *first,
    const oscp_config_field_t *field, const void *record)
{
    const char         *member;
    const char *const  *text;

    for ( /* void */ ; field->name; field++) {
        member = (const char *) record + field->offset;

        switch (field->kind) {

        case OSCP_CONFIG_STRING:
            text = (const void *) member;
            if (*text) {
                oscp_config_name(o, first, field->name);
                oscp_out_string(o, *text);
            }
            break;

        case OSCP_CONFIG_MS:
            oscp_config_name(o, first, field->name);
            oscp_out_number(o, (double) *(const int64_t *) (const void *)
                                   member, 0);
            break;

        case OSCP_CONFIG_NUMBER:
            oscp_config_name(o, first, field->name);
            oscp_out_number(o, *(const double *) (const void *) member,
                            field->decimals);
            break;
        }
    }
}


static void
oscp_config_measurement(oscp_out_t *o, int *first, unsigned list)
{
    unsigned     bit;
    const char  *separator = "";

    oscp_config_name(o, first, "measurement_configuration");
    oscp_out_bytes(o, "[", 1);

    for (bit = OSCP_CONTINUOUS; bit <= OSCP_INTERMITTENT; bit <<= 1) {
        if (list & bit) {
            oscp_out_text(o, separator);
            oscp_out_string(o, oscp_measurement_name(bit));
            separator = ",";
        }
    }

    oscp_out_bytes(o, "]", 1);
}


static void
oscp_config_paths(oscp_out_t *o, int *first, const oscp_connection_conf_t *c)
{
    int  kind, none = 1;

    oscp_config_name(o, first, "peer_path");

    for (kind = 0; kind < OSCP_MESSAGE_COUNT; kind++) {
        if (c->peer_path[kind]) {
            oscp_config_name(o, &none, oscp_message_name(kind));
            oscp_out_string(o, c->peer_path[kind]);
        }
    }

    oscp_out_text(o, none ? "{}" : "}");
}


static void
oscp_config_headers(oscp_out_t *o, int *first, const oscp_connection_conf_t *c)
{
    int     none;
    size_t  i;

    oscp_config_name(o, first, "headers");
    oscp_out_bytes(o, "[", 1);

    for (i = 0; i < c->nheaders; i++) {
        none = 1;
        oscp_out_text(o, i ? "," : "");
        oscp_config_fields(o, &none, oscp_config_header_fields,
                           &c->headers[i]);
        oscp_out_text(o, none ? "{}" : "}");
    }

    oscp_out_bytes(o, "]", 1);
}


static void
oscp_config_groups(oscp_out_t *o, int *first, const oscp_connection_conf_t *c)
{
    int                       none;
    size_t                    i;
    const oscp_group_conf_t  *g;

    oscp_config_name(o, first, "groups");
    oscp_out_bytes(o, "[", 1);

    for (i = 0; i < c->ngroups; i++) {
        g = &c->groups[i];
        none = 1;
        oscp_out_text(o, i ? "," : "");
        oscp_config_fields(o, &none, oscp_config_group_fields, g);

        if (g->has_rated) {
            oscp_config_name(o, &none, "rated_w");
            oscp_out_number(o, g->rated_w, OSCP_CONFIG_WATT_DECIMALS);
        }

        if (g->has_safe_default) {
            oscp_config_name(o, &none, "safe_default_w");
            oscp_out_number(o, g->safe_default_w, OSCP_CONFIG_WATT_DECIMALS);
        }

        oscp_out_bytes(o, "}", 1);
    }

    oscp_out_bytes(o, "]", 1);
}


size_t
oscp_config_write(const oscp_connection_conf_t *c, char *buf, size_t size)
{
    int         first = 1;
    oscp_out_t  o;

    oscp_out_init(&o, buf, size);

    oscp_config_fields(&o, &first, oscp_config_connection_fields, c);

    oscp_config_name(&o, &first, "profile");
    oscp_out_string(&o, c->profile->name);
    oscp_config_name(&o, &first, "gap_policy");
    oscp_out_string(&o, oscp_gap_policy_name(c->gap_policy));
    oscp_config_name(&o, &first, "present");
    oscp_out_string(&o, oscp_config_present[c->present]);

    oscp_config_bool(&o, &first, "strict", c->strict);
    oscp_config_bool(&o, &first, "initiate_handshake", c->initiate_handshake);
    oscp_config_bool(&o, &first, "auth_body", c->auth_body);

    oscp_config_measurement(&o, &first, c->measurement);
    oscp_config_paths(&o, &first, c);
    oscp_config_headers(&o, &first, c);
    oscp_config_groups(&o, &first, c);
    oscp_out_bytes(&o, "}", 1);

    return oscp_out_end(&o);
}
