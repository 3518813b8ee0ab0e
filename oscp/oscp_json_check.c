/*
 * A whole document, through the scanner that reads messages.
 */

#include "oscp_json.h"
#include "oscp_json_check.h"


oscp_err_t
oscp_json_check(const char *json, size_t len, oscp_error_t *err)
{
    oscp_json_t  j;

    if (len > OSCP_READ_SIZE_MAX) {
        return oscp_error_set(err, OSCP_ERR_LIMIT, "$",
                              "must be at most %d bytes", OSCP_READ_SIZE_MAX);
    }

    oscp_json_init(&j, json, len, err);

    if (oscp_json_skip(&j) != 0 || oscp_json_end(&j) != 0) {
        return j.code;
    }

    return OSCP_OK;
}


oscp_err_t
oscp_json_check_refused(const char *json, size_t len, const char *must,
    oscp_error_t *err)
{
    if (oscp_json_check(json, len, NULL) == OSCP_OK) {
        return oscp_error_set(err, OSCP_ERR_NOMEM, "$", "no memory");
    }

    return oscp_error_set(err, OSCP_ERR_SYNTAX, "$", "%s", must);
}
