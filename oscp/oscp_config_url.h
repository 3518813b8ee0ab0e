/*
 * Checks on the URLs and other texts of a configuration.  Internal to
 * oscp_config*.c.
 */

#ifndef OSCP_CONFIG_URL_H
#define OSCP_CONFIG_URL_H

#include "oscp_error.h"

/*
 * 1 when `text` has 1 to OSCP_CONFIG_STRING_MAX bytes, all of them from `low`
 * (' ' or '!') to '~', else 0.
 */
int oscp_config_url_printable(const char *text, char low);

/*
 * Checks a URL to which we send secrets: https, or http to loopback; a host
 * and perhaps a port; no name and password, no fragment.  Returns OSCP_OK, or
 * OSCP_ERR_SEMANTIC with `directive` as the path.
 */
oscp_err_t oscp_config_url_check(const char *directive, const char *url,
    oscp_error_t *err);

#endif /* OSCP_CONFIG_URL_H */
