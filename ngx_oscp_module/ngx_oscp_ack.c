/*
 * The directive, and the command.
 */

#include "ngx_oscp_ack.h"
#include "ngx_oscp_conf.h"
#include "ngx_oscp_value.h"

#define NGX_OSCP_ACK_TIMEOUT_MIN_MS  1
#define NGX_OSCP_ACK_TIMEOUT_MAX_MS  30000


static const char *ngx_oscp_ack_parameter(ngx_oscp_ack_conf_t *ack,
    const ngx_str_t *text);


char *
ngx_oscp_ack_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t            *args = cf->args->elts;
    ngx_uint_t            i;
    const char           *mistake;
    ngx_oscp_ack_conf_t  *ack;

    ack = (ngx_oscp_ack_conf_t *) ((char *) conf + cmd->offset);

    if (ack->replicas) {
        return ngx_oscp_conf_wrong(cf, &args[1], "is there twice");
    }

    for (i = 1; i < cf->args->nelts; i++) {
        mistake = ngx_oscp_ack_parameter(ack, &args[i]);
        if (mistake) {
            return ngx_oscp_conf_wrong(cf, &args[i], mistake);
        }
    }

    if (ack->replicas == 0) {
        return ngx_oscp_conf_wrong(cf, &args[1], "needs replicas=");
    }

    return NGX_CONF_OK;
}


static const char *
ngx_oscp_ack_parameter(ngx_oscp_ack_conf_t *ack, const ngx_str_t *text)
{
    int64_t    ms;
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_oscp_value_named(text, "replicas=", &value)) {
        n = ngx_atoi(value.data, value.len);

        if (n < 1 || n > NGX_OSCP_ACK_REPLICAS_MAX) {
            return "must be a number from 1 to 16";
        }

        if (ack->replicas) {
            return "is there twice";
        }

        ack->replicas = n;
        return NULL;
    }

    if (ngx_oscp_value_named(text, "timeout=", &value)) {
        if (ngx_oscp_value_duration(&value, &ms)
            || ms < NGX_OSCP_ACK_TIMEOUT_MIN_MS
            || ms > NGX_OSCP_ACK_TIMEOUT_MAX_MS)
        {
            return "must be a time from 1ms to 30s";
        }

        if (ack->timeout) {
            return "is there twice";
        }

        ack->timeout = ms;
        return NULL;
    }

    return "must be replicas= or timeout=";
}


ngx_int_t
ngx_oscp_ack_finish(ngx_conf_t *cf, ngx_oscp_ack_conf_t *ack,
    ngx_msec_t redis_timeout)
{
    if (ack->replicas == 0) {
        return NGX_OK;
    }

    if (ack->timeout == 0) {
        ack->timeout = redis_timeout / 2;
    }

    if (2 * ack->timeout > redis_timeout) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"oscp_ack timeout=%Mms\" must be at most half of "
                      "\"oscp_redis_timeout %Mms\"", ack->timeout,
                      redis_timeout);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_oscp_ack_send(ngx_oscp_ack_t *ack, const ngx_oscp_ack_conf_t *conf)
{
    u_char                 replicas[NGX_INT_T_LEN], timeout[NGX_INT_T_LEN];
    size_t                 lens[3];
    const char            *values[3];
    ngx_oscp_redis_args_t  args = { 3, values, lens };

    values[0] = "WAIT";
    lens[0] = sizeof("WAIT") - 1;
    values[1] = (char *) replicas;
    lens[1] = ngx_sprintf(replicas, "%ui", conf->replicas) - replicas;
    values[2] = (char *) timeout;
    lens[2] = ngx_sprintf(timeout, "%M", conf->timeout) - timeout;

    return ngx_oscp_redis_send(ack->redis, &ack->command, &args);
}
