/*
 * Help for the tests of oscp_read(): documents from literals, each in a heap
 * block of exactly its size, so that a sanitizer sees a step beyond it.
 */

#ifndef READING_H
#define READING_H

#include <stdlib.h>

#include "oscp_read.h"
#include "tap.h"

#define READING_ITEMS  8

/* 2026-11-23T00:00:00Z, when all documents here are received */
#define READING_NOW    1795392000000

#define READING_BLOCK                                                        \
    "{\"capacity\":120.5,\"phase\":\"ALL\",\"unit\":\"KW\","                  \
    "\"start_time\":\"2026-11-23T00:00:00Z\","                                \
    "\"end_time\":\"2026-11-23T00:15:00Z\"}"
#define READING_ENERGY                                                       \
    "{\"value\":-3.5,\"phase\":\"ALL\",\"unit\":\"KWH\","                     \
    "\"direction\":\"IMPORT\",\"energy_type\":\"TOTAL\","                     \
    "\"measure_time\":\"2026-11-23T00:15:00Z\","                              \
    "\"initial_measure_time\":\"2026-11-23T00:00:00Z\"}"
#define READING_INSTANT                                                      \
    "{\"value\":7.25,\"phase\":\"ONE\",\"unit\":\"A\","                       \
    "\"measure_time\":\"2026-11-23T00:15:00Z\"}"
#define READING_ASSET                                                        \
    "{\"asset_id\":\"A1\",\"asset_category\":\"CHARGING\","                   \
    "\"energy_measurement\":" READING_ENERGY ","                             \
    "\"instantaneous_measurement\":" READING_INSTANT "}"
#define READING_BEHAVIOUR                                                    \
    "{\"heartbeat_interval\":30,"                                            \
    "\"measurement_configuration\":[\"CONTINUOUS\",\"INTERMITTENT\"]}"


/* A complete document of each kind. */
__attribute__((unused))
static const char *const  reading_samples[OSCP_MESSAGE_COUNT] = {
    [OSCP_REGISTER] = "{\"token\":\"secret\",\"version_url\":["
        "{\"version\":\"2.0\",\"base_url\":\"https://cp.example/oscp\"}]}",
    [OSCP_HANDSHAKE] = "{\"required_behaviour\":" READING_BEHAVIOUR "}",
    [OSCP_HANDSHAKE_ACKNOWLEDGE] =
        "{\"required_behaviour\":" READING_BEHAVIOUR "}",
    [OSCP_HEARTBEAT] = "{\"offline_mode_at\":\"2026-11-23T00:01:30Z\"}",
    [OSCP_UPDATE_GROUP_CAPACITY_FORECAST] = "{\"group_id\":\"DEPOT01\","
        "\"type\":\"CONSUMPTION\",\"forecasted_blocks\":[" READING_BLOCK "]}",
    [OSCP_ADJUST_GROUP_CAPACITY_FORECAST] = "{\"group_id\":\"DEPOT01\","
        "\"type\":\"OPTIMUM\",\"forecasted_blocks\":[" READING_BLOCK "]}",
    [OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR] = "{\"message\":\"cannot\","
        "\"forecasted_blocks\":[" READING_BLOCK "]}",
    [OSCP_UPDATE_GROUP_MEASUREMENTS] = "{\"group_id\":\"DEPOT01\","
        "\"measurements\":[" READING_ENERGY "]}",
    [OSCP_UPDATE_ASSET_MEASUREMENTS] = "{\"group_id\":\"DEPOT01\","
        "\"measurements\":[" READING_ASSET "]}"
};

/* What the last reading left; `text` is what strings in `m` point into. */
typedef struct {
    oscp_message_t       m;
    oscp_error_t         err;
    oscp_block_t         blocks[READING_ITEMS];
    oscp_energy_t        energies[READING_ITEMS];
    oscp_asset_t         assets[READING_ITEMS];
    oscp_version_url_t   urls[READING_ITEMS];
    oscp_read_options_t  options;
    char                *text;
} reading_t;

static reading_t  reading = { .options.now_ms = READING_NOW };


__attribute__((unused))
static oscp_err_t
reading_bytes(oscp_message_kind_t kind, const char *json, size_t len)
{
    reading_t  *r = &reading;

    free(r->text);
    r->text = malloc(len ? len : 1);
    if (r->text == NULL) {
        return OSCP_ERR_NOMEM;
    }

    memcpy(r->text, json, len);

    oscp_message_init(&r->m, kind);
    memset(&r->err, 0, sizeof(r->err));
    r->m.blocks = r->blocks;
    r->m.max_blocks = READING_ITEMS;
    r->m.energies = r->energies;
    r->m.max_energies = READING_ITEMS;
    r->m.assets = r->assets;
    r->m.max_assets = READING_ITEMS;
    r->m.urls = r->urls;
    r->m.max_urls = READING_ITEMS;

    return oscp_read(&r->m, r->text, len, &r->options, &r->err);
}


__attribute__((unused))
static void
accepted(oscp_message_kind_t kind, const char *json, const char *name)
{
    oscp_err_t  rc = reading_bytes(kind, json, strlen(json));

    if (!ok(rc == OSCP_OK, "%s", name)) {
        printf("#   %d %s: %s\n#   %s\n", rc, reading.err.path,
               reading.err.text, json);
    }
}


/* Refused with this code, this path, and a text that contains `text`. */
__attribute__((unused))
static void
refused(oscp_message_kind_t kind, const char *json, oscp_err_t code,
    const char *path, const char *text)
{
    oscp_err_t  rc = reading_bytes(kind, json, strlen(json));

    if (!ok(rc == code && reading.err.code == code
            && strcmp(reading.err.path, path) == 0
            && strstr(reading.err.text, text) != NULL,
            "%s %s", path, text))
    {
        printf("#   got %d %s: %s\n#   %s\n", rc, reading.err.path,
               reading.err.text, json);
    }
}


__attribute__((unused))
static int
reading_done(void)
{
    free(reading.text);
    return done_testing();
}

#endif /* READING_H */
