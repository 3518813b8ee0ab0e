/*
 * Measurement samples as a site's system delivers them: read from JSON, and
 * written as the fields of the stream `meter` (design, sections 5 and 7).
 */

#ifndef OSCP_SAMPLE_H
#define OSCP_SAMPLE_H

#include "oscp_error.h"
#include "oscp_name.h"
#include "oscp_number.h"
#include "oscp_time.h"

#define OSCP_SAMPLE_LIST_MAX   1000    /* samples in one document */
#define OSCP_SAMPLE_BYTES_MIN  64      /* of JSON: no sample is shorter */
#define OSCP_SAMPLE_WH_MAX     1e12    /* a register, as oscp_meter.h's */
#define OSCP_SAMPLE_W_MAX      1e12    /* a power, in either direction */

/* One reading of one asset's meter. */
typedef struct {
    char       group[OSCP_NAME_SIZE];  /* "": too long for any that we know */
    char       asset[OSCP_NAME_SIZE];
    oscp_ms_t  at_ms;
    double     power_w;                /* with has_power; export < 0 */
    double     energy_import_wh;       /* cumulative registers */
    double     energy_export_wh;       /* with has_export */
    unsigned   has_power:1;
    unsigned   has_export:1;
} oscp_sample_site_t;

/* The samples of a document. */
typedef struct {
    oscp_sample_site_t  *items;        /* the caller's */
    size_t               max;          /* room there */
    size_t               n;            /* samples in the document: what is
                                          beyond `max` was checked only */
} oscp_sample_list_t;

/* A sample as text; a member that the sample does not have is "". */
typedef struct {
    char  at[OSCP_TIME_SIZE];
    char  power_w[OSCP_NUMBER_SIZE];
    char  energy_import_wh[OSCP_NUMBER_SIZE];
    char  energy_export_wh[OSCP_NUMBER_SIZE];
} oscp_sample_text_t;

/*
 * Reads the `len` bytes at `json`: one sample, or a list of 1 to
 * OSCP_SAMPLE_LIST_MAX of them, into `list`, whose `items` and `max` are set.
 * `max` of len / OSCP_SAMPLE_BYTES_MIN + 1 is always enough.
 *
 *     {"group": "DEPOT01", "asset": "charger-3",
 *      "at": "2026-11-23T00:55:59Z", "power_w": 11000.5,
 *      "energy_import_wh": "1234567.125", "energy_export_wh": 0}
 *
 * power_w and energy_export_wh may be left out.  Numbers may be decimal
 * strings (a JSON number in quotes).  An asset is a plain name (oscp_name.h);
 * whether the group is known is the caller's to say.  Registers from 0 to
 * OSCP_SAMPLE_WH_MAX, powers up to OSCP_SAMPLE_W_MAX either way.  All else as
 * for messages (oscp_read.h): unknown members are skipped, null is no value,
 * a duplicate key is refused.
 *
 * Returns OSCP_OK, or the error's code with `err` filled; its path is "$.at"
 * for the only sample and "$[3].at" for the fourth of a list.
 */
oscp_err_t oscp_sample_read(oscp_sample_list_t *list, const char *json,
    size_t len, oscp_error_t *err);

/*
 * Writes what oscp_sample_read() has read: times as RFC 3339 UTC, numbers as
 * plain decimals with up to three digits behind the point.
 */
void oscp_sample_format(const oscp_sample_site_t *sample,
    oscp_sample_text_t *text);

#endif /* OSCP_SAMPLE_H */
