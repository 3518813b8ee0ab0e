/*
 * Messages to JSON.
 */

#include "oscp_write.h"
#include "oscp_out.h"
#include "oscp_string.h"

#include <stdio.h>
#include <string.h>

#define WRITE_DECIMALS    9
#define WRITE_DECIMALS_KWH  6        /* milliwatt-hours: more digits would */
#define WRITE_DECIMALS_WH   3        /* show only what a double cannot hold */


static void
oscp_write_str(oscp_out_t *o, const char *name, oscp_str_t raw)
{
    oscp_out_text(o, name);
    oscp_out_bytes(o, "\"", 1);

    if (raw.len > 0) {
        oscp_out_bytes(o, raw.data, raw.len);
    }

    oscp_out_bytes(o, "\"", 1);
}


static void
oscp_write_word(oscp_out_t *o, const char *name, const char *word)
{
    oscp_out_text(o, name);
    oscp_out_bytes(o, "\"", 1);
    oscp_out_text(o, word ? word : "");
    oscp_out_bytes(o, "\"", 1);
}


static void
oscp_write_time(oscp_out_t *o, const char *name, oscp_ms_t ms)
{
    char  text[OSCP_TIME_SIZE];

    oscp_time_format(ms, text);
    oscp_write_word(o, name, text);
}


static void
oscp_write_number(oscp_out_t *o, const char *name, double value)
{
    oscp_out_text(o, name);
    oscp_out_number(o, value, WRITE_DECIMALS);
}


static void
oscp_write_list_begin(oscp_out_t *o, const char *name)
{
    oscp_out_text(o, name);
    oscp_out_bytes(o, "[", 1);
}


/* Before each element of a list, the first one's `i` being 0. */
static void
oscp_write_separate(oscp_out_t *o, size_t i)
{
    if (i > 0) {
        oscp_out_bytes(o, ",", 1);
    }
}


static void
oscp_write_blocks(oscp_out_t *o, const oscp_message_t *m)
{
    size_t               i;
    const oscp_block_t  *b;

    oscp_write_list_begin(o, ",\"forecasted_blocks\":");

    for (i = 0; i < m->nblocks; i++) {
        b = &m->blocks[i];

        oscp_write_separate(o, i);
        oscp_write_number(o, "{\"capacity\":", b->capacity);
        oscp_write_word(o, ",\"phase\":", oscp_phase_name(b->phase));
        oscp_write_word(o, ",\"unit\":", oscp_unit_name(b->unit));
        oscp_write_time(o, ",\"start_time\":", b->start_ms);
        oscp_write_time(o, ",\"end_time\":", b->end_ms);
        oscp_out_text(o, "}");
    }

    oscp_out_text(o, "]");
}


static void
oscp_write_energy(oscp_out_t *o, const oscp_energy_t *e)
{
    oscp_out_text(o, "{\"value\":");
    oscp_out_number(o, e->value, e->unit == OSCP_UNIT_WH ? WRITE_DECIMALS_WH
                                                         : WRITE_DECIMALS_KWH);
    oscp_write_word(o, ",\"phase\":", oscp_phase_name(e->phase));
    oscp_write_word(o, ",\"unit\":", oscp_unit_name(e->unit));
    oscp_write_word(o, ",\"direction\":", oscp_flow_name(e->direction));

    if (e->energy_type != OSCP_ENERGY_TOTAL) {
        oscp_write_word(o, ",\"energy_type\":",
                        oscp_energy_type_name(e->energy_type));
    }

    oscp_write_time(o, ",\"measure_time\":", e->measure_time_ms);

    if (e->initial_measure_time_ms != OSCP_TIME_NONE) {
        oscp_write_time(o, ",\"initial_measure_time\":",
                        e->initial_measure_time_ms);
    }

    oscp_out_text(o, "}");
}


static void
oscp_write_instantaneous(oscp_out_t *o, const oscp_instantaneous_t *i)
{
    oscp_write_number(o, "{\"value\":", i->value);
    oscp_write_word(o, ",\"phase\":", oscp_phase_name(i->phase));
    oscp_write_word(o, ",\"unit\":", oscp_unit_name(i->unit));
    oscp_write_time(o, ",\"measure_time\":", i->measure_time_ms);
    oscp_out_text(o, "}");
}


static void
oscp_write_asset(oscp_out_t *o, const oscp_asset_t *a)
{
    oscp_out_text(o, "{\"asset_id\":");
    oscp_out_string(o, a->asset_id);
    oscp_write_word(o, ",\"asset_category\":",
                    oscp_category_name(a->category));

    if (a->has_energy) {
        oscp_out_text(o, ",\"energy_measurement\":");
        oscp_write_energy(o, &a->energy);
    }

    if (a->has_instantaneous) {
        oscp_out_text(o, ",\"instantaneous_measurement\":");
        oscp_write_instantaneous(o, &a->instantaneous);
    }

    oscp_out_text(o, "}");
}


static void
oscp_write_measurements(oscp_out_t *o, const oscp_message_t *m)
{
    size_t  i;

    oscp_out_text(o, "{\"group_id\":");
    oscp_out_string(o, m->group_id);
    oscp_write_list_begin(o, ",\"measurements\":");

    if (m->kind == OSCP_UPDATE_GROUP_MEASUREMENTS) {
        for (i = 0; i < m->nenergies; i++) {
            oscp_write_separate(o, i);
            oscp_write_energy(o, &m->energies[i]);
        }

    } else {
        for (i = 0; i < m->nassets; i++) {
            oscp_write_separate(o, i);
            oscp_write_asset(o, &m->assets[i]);
        }
    }

    oscp_out_text(o, "]}");
}


static void
oscp_write_register(oscp_out_t *o, const oscp_message_t *m)
{
    size_t  i;

    oscp_write_str(o, "{\"token\":", m->token);
    oscp_write_list_begin(o, ",\"version_url\":");

    for (i = 0; i < m->nurls; i++) {
        oscp_write_separate(o, i);
        oscp_out_text(o, "{\"version\":");
        oscp_out_string(o, m->urls[i].version);
        oscp_write_str(o, ",\"base_url\":", m->urls[i].base_url);
        oscp_out_text(o, "}");
    }

    oscp_out_text(o, "]}");
}


static void
oscp_write_handshake(oscp_out_t *o, const oscp_message_t *m)
{
    int       nested;
    size_t    n;
    unsigned  bit;

    nested = m->dialect != OSCP_DIALECT_FLAT
             && (m->has_interval || m->has_measurement);

    oscp_out_text(o, nested ? "{\"required_behaviour\":{" : "{");

    if (m->has_interval) {
        oscp_write_number(o, "\"heartbeat_interval\":",
                          m->heartbeat_interval_s);
    }

    if (m->has_measurement) {
        oscp_write_separate(o, m->has_interval);
        oscp_write_list_begin(o, "\"measurement_configuration\":");

        n = 0;

        for (bit = OSCP_CONTINUOUS; bit <= OSCP_INTERMITTENT; bit <<= 1) {
            if (m->measurement & bit) {
                oscp_write_separate(o, n++);
                oscp_write_word(o, "", oscp_measurement_name(bit));
            }
        }

        oscp_out_text(o, "]");
    }

    oscp_out_text(o, nested ? "}}" : "}");
}


size_t
oscp_write(const oscp_message_t *m, char *buf, size_t size)
{
    oscp_out_t  o;

    oscp_out_init(&o, buf, size);

    switch (m->kind) {

    case OSCP_REGISTER:
        oscp_write_register(&o, m);
        break;

    case OSCP_HANDSHAKE:
    case OSCP_HANDSHAKE_ACKNOWLEDGE:
        oscp_write_handshake(&o, m);
        break;

    case OSCP_HEARTBEAT:
        oscp_out_text(&o, "{");

        if (m->offline_mode_at_ms != OSCP_TIME_NONE) {
            oscp_write_time(&o, "\"offline_mode_at\":", m->offline_mode_at_ms);
        }

        oscp_out_text(&o, "}");
        break;

    case OSCP_UPDATE_GROUP_CAPACITY_FORECAST:
    case OSCP_ADJUST_GROUP_CAPACITY_FORECAST:
        oscp_out_text(&o, "{\"group_id\":");
        oscp_out_string(&o, m->group_id);
        oscp_write_word(&o, ",\"type\":", oscp_type_name(m->type));
        oscp_write_blocks(&o, m);
        oscp_out_text(&o, "}");
        break;

    case OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR:
        oscp_write_str(&o, "{\"message\":", m->text);

        if (m->nblocks > 0) {
            oscp_write_blocks(&o, m);
        }

        oscp_out_text(&o, "}");
        break;

    case OSCP_UPDATE_GROUP_MEASUREMENTS:
    case OSCP_UPDATE_ASSET_MEASUREMENTS:
        oscp_write_measurements(&o, m);
        break;

    case OSCP_MESSAGE_COUNT:
        break;
    }

    return oscp_out_end(&o);
}


/* The escape of one ASCII character, in `buf` of 8 bytes. */
static size_t
oscp_write_character(char c, char *buf)
{
    const char         *which;
    static const char   specials[] = "\"\\\b\f\n\r\t";
    static const char   letters[] = "\"\\bfnrt";

    which = c ? strchr(specials, c) : NULL;

    if (which != NULL) {
        buf[0] = '\\';
        buf[1] = letters[which - specials];
        return 2;
    }

    if (c < 0x20) {
        return (size_t) snprintf(buf, 8, "\\u%04x", (unsigned) c);
    }

    buf[0] = c;
    return 1;
}


size_t
oscp_write_escape(const char *text, size_t len, char *buf, size_t size)
{
    char         escaped[8];
    size_t       n;
    oscp_out_t   o;
    const char  *p, *end;

    oscp_out_init(&o, buf, size);

    for (p = text, end = text + len; p < end; p += n) {
        n = 1;

        if ((unsigned char) *p < 0x80) {
            oscp_out_bytes(&o, escaped, oscp_write_character(*p, escaped));
            continue;
        }

        n = oscp_string_utf8(p, end);
        if (n > 0) {
            oscp_out_bytes(&o, p, n);

        } else {
            oscp_out_text(&o, "\xef\xbf\xbd");
            n = 1;
        }
    }

    return oscp_out_end(&o);
}


size_t
oscp_write_error(const char *text, char *buf, size_t size)
{
    char        escaped[8], c;
    oscp_out_t  o;

    oscp_out_init(&o, buf, size);
    oscp_out_text(&o, "{\"message\":\"");

    for ( /* void */ ; *text; text++) {
        c = *text >= 0x20 && *text <= 0x7e ? *text : '?';
        oscp_out_bytes(&o, escaped, oscp_write_character(c, escaped));
    }

    oscp_out_text(&o, "\"}");

    return oscp_out_end(&o);
}
