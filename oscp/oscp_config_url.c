/*
 * URLs and other plain text in a configuration.
 */

#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include "oscp_config.h"
#include "oscp_config_url.h"

#define HOST_SIZE        256
#define PORT_DIGITS_MAX  5
#define PORT_MAX         65535


int
oscp_config_url_printable(const char *text, char low)
{
    const char  *p;

    for (p = text; *p; p++) {
        if (*p < low || *p > 0x7e) {
            return 0;
        }
    }

    return p > text && p - text <= OSCP_CONFIG_STRING_MAX;
}


static int
oscp_config_url_loopback(const char *host)
{
    struct in_addr   v4;
    struct in6_addr  v6;

    if (strcasecmp(host, "localhost") == 0) {
        return 1;
    }

    if (inet_pton(AF_INET, host, &v4) == 1) {
        return (ntohl(v4.s_addr) >> 24) == 127;
    }

    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}


static int
oscp_config_url_port(const char *port, size_t len)
{
    size_t    i;
    unsigned  value = 0;

    if (len < 1 || len > PORT_DIGITS_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (port[i] < '0' || port[i] > '9') {
            return 0;
        }

        value = value * 10 + (unsigned) (port[i] - '0');
    }

    return value >= 1 && value <= PORT_MAX;
}


static int
oscp_config_url_host(const char *host, int bracketed)
{
    struct in6_addr  v6;

    if (bracketed) {
        return inet_pton(AF_INET6, host, &v6) == 1;
    }

    return host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789.-_")] == '\0';
}


/* Takes HOST, HOST:PORT or [IPv6]:PORT apart; 0 when it is none of them. */
static int
oscp_config_url_authority(const char *text, size_t len, char host[HOST_SIZE])
{
    size_t       n, bracket;
    const char  *end;

    bracket = len > 0 && text[0] == '[';
    end = memchr(text + bracket, bracket ? ']' : ':', len - bracket);
    n = (end ? (size_t) (end - text) : len) - bracket;

    if (n < 1 || n >= HOST_SIZE || (bracket && end == NULL)) {
        return 0;
    }

    memcpy(host, text + bracket, n);
    host[n] = '\0';
    n += 2 * bracket;

    if (n < len && (text[n] != ':'
                    || !oscp_config_url_port(text + n + 1, len - n - 1)))
    {
        return 0;
    }

    return oscp_config_url_host(host, bracket != 0);
}


oscp_err_t
oscp_config_url_check(const char *directive, const char *url, oscp_error_t *err)
{
    int          plain;
    char         host[HOST_SIZE];
    const char  *rest;

    if (url == NULL || !oscp_config_url_printable(url, '!')
        || strchr(url, '#'))
    {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                              "must be a URL");
    }

    plain = strncasecmp(url, "http://", 7) == 0;
    if (!plain && strncasecmp(url, "https://", 8) != 0) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                              "must begin with https://");
    }

    rest = url + (plain ? 7 : 8);

    /* a name and password in it would end in Redis and in logs */
    if (!oscp_config_url_authority(rest, strcspn(rest, "/?"), host)) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                              "must be a URL with HOST or HOST:PORT, without "
                              "name or password");
    }

    if (plain && !oscp_config_url_loopback(host)) {
        return oscp_error_set(err, OSCP_ERR_SEMANTIC, directive,
                              "must be https:// unless the host is loopback");
    }

    return OSCP_OK;
}
