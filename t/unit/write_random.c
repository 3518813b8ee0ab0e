/* Random messages, written and read back. */

#include "reading.h"

#include "oscp_write.h"

#define SEED    42u
#define ROUNDS  20000


static double
random_number(void)
{
    static const double  scales[] = { 1, 10, 1000, 1e6, 1e9 };

    return (double) random() / scales[random() % 5];
}


static oscp_ms_t
random_time(void)
{
    return (oscp_ms_t) (((uint64_t) random() << 31 ^ (uint64_t) random())
                        % UINT64_C(253402300000000));
}


static void
random_name(char *name)
{
    int                       i, n = (int) (random() % 16);
    static const char *const  pieces[] = {
        "a", "Z", "9", "-", "\"", "\\", "/", "\n", "\x01", "\x7f", "\xc3\xa9",
        "\xe2\x82\xac", "\xf0\x9f\x94\x8c", " "
    };

    name[0] = '\0';

    for (i = 0; i < n; i++) {
        strcat(name, pieces[random() % 14]);
    }
}


/* Energies are whole milliwatt-hours. */
static void
random_energy(oscp_energy_t *e)
{
    int64_t  mwh = (int64_t) ((random_number() - random_number()) * 1000);

    e->phase = (oscp_phase_t) (random() % OSCP_PHASE_COUNT);
    e->unit = random() % 2 ? OSCP_UNIT_WH : OSCP_UNIT_KWH;
    e->value = (double) mwh / (e->unit == OSCP_UNIT_WH ? 1e3 : 1e6);
    e->direction = (oscp_flow_t) (random() % OSCP_FLOW_COUNT);
    e->energy_type = (oscp_energy_type_t) (random() % OSCP_ENERGY_COUNT);
    e->measure_time_ms = random_time();
    e->initial_measure_time_ms = random() % 2 ? OSCP_TIME_NONE : random_time();
}


static void
random_asset(oscp_asset_t *a)
{
    oscp_energy_t  e;

    random_name(a->asset_id);
    a->category = (oscp_category_t) (random() % OSCP_CATEGORY_COUNT);
    a->has_energy = random() % 2;
    a->has_instantaneous = random() % 2;

    random_energy(&e);
    a->instantaneous.value = e.value;
    a->instantaneous.phase = e.phase;
    a->instantaneous.unit = (oscp_unit_t) (random() % OSCP_UNIT_COUNT);
    a->instantaneous.measure_time_ms = e.measure_time_ms;

    random_energy(&a->energy);
}


static void
random_block(oscp_block_t *b)
{
    b->capacity = random_number();
    b->phase = (oscp_phase_t) (random() % OSCP_PHASE_COUNT);
    b->unit = (oscp_unit_t) (random() % OSCP_UNIT_COUNT);
    b->start_ms = random_time();
    b->end_ms = b->start_ms + 1 + random() % 100000000;
}


static void
random_message(oscp_message_t *m, reading_t *lists)
{
    size_t  i, n = 1 + (size_t) random() % READING_ITEMS;

    oscp_message_init(m, (oscp_message_kind_t) (random() % OSCP_MESSAGE_COUNT));

    m->dialect = random() % 2 ? OSCP_DIALECT_FLAT : OSCP_DIALECT_NESTED;
    m->has_interval = random() % 2;
    m->heartbeat_interval_s = 1 + random_number();
    m->has_measurement = random() % 2;
    m->measurement = (unsigned) random() % 4;
    m->offline_mode_at_ms = random() % 4 ? READING_NOW + 1 + random()
                                         : OSCP_TIME_NONE;
    m->type = (oscp_type_t) (random() % OSCP_TYPE_COUNT);
    random_name(m->group_id);
    m->text.data = "why \\u00e9";
    m->text.len = 10;
    m->token = m->text;
    m->blocks = lists->blocks;
    m->energies = lists->energies;
    m->assets = lists->assets;
    m->urls = lists->urls;
    m->nblocks = m->nenergies = m->nassets = m->nurls = n;

    if (m->kind == OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR && random() % 2) {
        m->nblocks = 0;
    }

    for (i = 0; i < n; i++) {
        random_block(&m->blocks[i]);
        random_energy(&m->energies[i]);
        random_asset(&m->assets[i]);
        strcpy(m->urls[i].version, "2.0");
        m->urls[i].base_url = m->text;
    }
}


static int
same_str(oscp_str_t a, oscp_str_t b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}


/* Numbers go through nine digits after the point. */
static int
same_number(double a, double b)
{
    return fabs(a - b) <= 1e-9;
}


static int
same_energy(const oscp_energy_t *a, const oscp_energy_t *b)
{
    return same_number(a->value, b->value) && a->phase == b->phase
           && a->unit == b->unit && a->direction == b->direction
           && a->energy_type == b->energy_type
           && a->measure_time_ms == b->measure_time_ms
           && a->initial_measure_time_ms == b->initial_measure_time_ms;
}


static int
same_asset(const oscp_asset_t *a, const oscp_asset_t *b)
{
    const oscp_instantaneous_t  *ia = &a->instantaneous;
    const oscp_instantaneous_t  *ib = &b->instantaneous;

    return strcmp(a->asset_id, b->asset_id) == 0 && a->category == b->category
           && a->has_energy == b->has_energy
           && a->has_instantaneous == b->has_instantaneous
           && (!a->has_energy || same_energy(&a->energy, &b->energy))
           && (!a->has_instantaneous
               || (same_number(ia->value, ib->value) && ia->phase == ib->phase
                   && ia->unit == ib->unit
                   && ia->measure_time_ms == ib->measure_time_ms));
}


static int
same_block(const oscp_block_t *a, const oscp_block_t *b)
{
    return same_number(a->capacity, b->capacity) && a->phase == b->phase
           && a->unit == b->unit && a->start_ms == b->start_ms
           && a->end_ms == b->end_ms;
}


static int
same_handshake(const oscp_message_t *a, const oscp_message_t *b)
{
    if (a->has_interval != b->has_interval
        || a->has_measurement != b->has_measurement
        || b->dialect != (a->has_interval || a->has_measurement
                          ? a->dialect : OSCP_DIALECT_NONE))
    {
        return 0;
    }

    return (!a->has_interval || same_number(a->heartbeat_interval_s,
                                            b->heartbeat_interval_s))
           && (!a->has_measurement || a->measurement == b->measurement);
}


static int
same_message(const oscp_message_t *a, const oscp_message_t *b)
{
    size_t  i;

    switch (a->kind) {

    case OSCP_HANDSHAKE:
    case OSCP_HANDSHAKE_ACKNOWLEDGE:
        return same_handshake(a, b);

    case OSCP_HEARTBEAT:
        return a->offline_mode_at_ms == b->offline_mode_at_ms;

    case OSCP_REGISTER:
        for (i = 0; i < a->nurls; i++) {
            if (strcmp(a->urls[i].version, b->urls[i].version) != 0
                || !same_str(a->urls[i].base_url, b->urls[i].base_url))
            {
                return 0;
            }
        }

        return a->nurls == b->nurls && same_str(a->token, b->token);

    case OSCP_UPDATE_GROUP_MEASUREMENTS:
        for (i = 0; i < a->nenergies; i++) {
            if (!same_energy(&a->energies[i], &b->energies[i])) {
                return 0;
            }
        }

        return a->nenergies == b->nenergies
               && strcmp(a->group_id, b->group_id) == 0;

    case OSCP_UPDATE_ASSET_MEASUREMENTS:
        for (i = 0; i < a->nassets; i++) {
            if (!same_asset(&a->assets[i], &b->assets[i])) {
                return 0;
            }
        }

        return a->nassets == b->nassets
               && strcmp(a->group_id, b->group_id) == 0;

    default:
        break;
    }

    for (i = 0; i < a->nblocks; i++) {
        if (!same_block(&a->blocks[i], &b->blocks[i])) {
            return 0;
        }
    }

    if (a->kind == OSCP_GROUP_CAPACITY_COMPLIANCE_ERROR) {
        return a->nblocks == b->nblocks && same_str(a->text, b->text);
    }

    return a->nblocks == b->nblocks && a->type == b->type
           && strcmp(a->group_id, b->group_id) == 0;
}


static void
test_random(void)
{
    int               i, wrong = 0, kinds = 0;
    char              buf[16384];
    size_t            len;
    oscp_message_t    m;
    static reading_t  lists;

    printf("# seed %u\n", SEED);
    srandom(SEED);

    for (i = 0; i < ROUNDS; i++) {
        random_message(&m, &lists);
        kinds |= 1 << m.kind;

        len = oscp_write(&m, buf, sizeof(buf));

        if (len >= sizeof(buf) || reading_bytes(m.kind, buf, len) != OSCP_OK
            || !same_message(&m, &reading.m))
        {
            wrong++;
            printf("# %s: %s\n# %s\n", reading.err.path, reading.err.text, buf);
        }
    }

    is_int(wrong, 0, "random messages come back");
    is_int(kinds, (1 << OSCP_MESSAGE_COUNT) - 1, "of all kinds");
}


int
main(void)
{
    test_random();

    return reading_done();
}
