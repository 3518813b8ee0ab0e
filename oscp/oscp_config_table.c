/*
 * Which members a configuration document has.
 */

#include "oscp_config.h"
#include "oscp_config_table.h"

#define SHARE_DECIMALS    9
#define VOLT_DECIMALS     3

#define CONNECTION(name, kind, decimals)                                      \
    { #name, kind, offsetof(oscp_connection_conf_t, name), decimals }

#define HEADER(name)                                                          \
    { #name, OSCP_CONFIG_STRING, offsetof(oscp_header_conf_t, name), 0 }

#define GROUP(name, kind, decimals)                                           \
    { #name, kind, offsetof(oscp_group_conf_t, name), decimals }


const oscp_config_field_t  oscp_config_connection_fields[] = {
    CONNECTION(name, OSCP_CONFIG_STRING, 0),
    CONNECTION(peer, OSCP_CONFIG_STRING, 0),
    CONNECTION(heartbeat_interval_ms, OSCP_CONFIG_MS, 0),
    CONNECTION(handshake_timeout_ms, OSCP_CONFIG_MS, 0),
    CONNECTION(measurement_window_ms, OSCP_CONFIG_MS, 0),
    CONNECTION(measurement_grace_ms, OSCP_CONFIG_MS, 0),
    CONNECTION(compliance_tolerance, OSCP_CONFIG_NUMBER, SHARE_DECIMALS),
    CONNECTION(compliance_grace_ms, OSCP_CONFIG_MS, 0),
    CONNECTION(token_file, OSCP_CONFIG_STRING, 0),
    CONNECTION(token_url, OSCP_CONFIG_STRING, 0),
    CONNECTION(client_id, OSCP_CONFIG_STRING, 0),
    CONNECTION(client_secret_file, OSCP_CONFIG_STRING, 0),
    CONNECTION(scope, OSCP_CONFIG_STRING, 0),
    CONNECTION(tls_ca, OSCP_CONFIG_STRING, 0),
    CONNECTION(tls_cert, OSCP_CONFIG_STRING, 0),
    CONNECTION(tls_key, OSCP_CONFIG_STRING, 0),
    { NULL, OSCP_CONFIG_STRING, 0, 0 }
};

const oscp_config_field_t  oscp_config_header_fields[] = {
    HEADER(name),
    HEADER(value),
    HEADER(file),
    { NULL, OSCP_CONFIG_STRING, 0, 0 }
};

const oscp_config_field_t  oscp_config_group_fields[] = {
    GROUP(id, OSCP_CONFIG_STRING, 0),
    GROUP(scope, OSCP_CONFIG_STRING, 0),
    GROUP(circuit, OSCP_CONFIG_STRING, 0),
    GROUP(asset, OSCP_CONFIG_STRING, 0),
    GROUP(voltage_v, OSCP_CONFIG_NUMBER, VOLT_DECIMALS),
    { NULL, OSCP_CONFIG_STRING, 0, 0 }
};

const char *const  oscp_config_present[OSCP_CONFIG_PRESENT_COUNT] = {
    "none", "token", "oauth"
};
