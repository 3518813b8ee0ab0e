/*
 * Values of directives: text of the configuration becomes numbers, names and
 * paths.  Each function returns NULL, or a static text that says what the
 * value must be.
 */

#ifndef NGX_OSCP_VALUE_H
#define NGX_OSCP_VALUE_H

#include <ngx_config.h>
#include <ngx_core.h>

/* "30s", "15m", "1h 30m"; a bare number is seconds. */
char *ngx_oscp_value_duration(const ngx_str_t *text, int64_t *ms);

#define NGX_OSCP_VALUE_POWER                                                  \
    "must be a power with its unit, such as 400kW or 60000W"

/* "400kW", "60000W", "1.5MW": a number ≥ 0 with its unit. */
char *ngx_oscp_value_power(const ngx_str_t *text, double *watts);

/* "230", "230V": a number above 0. */
char *ngx_oscp_value_voltage(const ngx_str_t *text, double *volts);

/* "2%": from 0% to 100%, stored as 0.02. */
char *ngx_oscp_value_percent(const ngx_str_t *text, double *share);

/* "on", "off". */
char *ngx_oscp_value_flag(const ngx_str_t *text, ngx_uint_t *flag);

/*
 * 1 when `text` begins with `key`, which ends in "="; the rest is stored in
 * `value`, which may be empty.
 */
ngx_uint_t ngx_oscp_value_named(const ngx_str_t *text, const char *key,
    ngx_str_t *value);

/*
 * 1 when the parameter args[i], "KEY=VALUE" or a word, stands among the `i`
 * before it as well, whatever its value; args[0] and args[1] are none.
 */
ngx_uint_t ngx_oscp_value_repeated(const ngx_str_t *args, ngx_uint_t i);

/* What can stand in one header line: no control characters, not empty. */
char *ngx_oscp_value_header(const ngx_str_t *text);

/*
 * The file `path`, relative to the configuration's directory, as a whole path
 * with its NUL; it is not opened.
 */
char *ngx_oscp_value_path(ngx_conf_t *cf, const ngx_str_t *path,
    const char **whole);

#endif /* NGX_OSCP_VALUE_H */
