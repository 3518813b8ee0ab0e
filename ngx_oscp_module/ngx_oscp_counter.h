/*
 * What all nginx processes share: how often each connection's messages ended
 * in each result, and which generation of the configuration is the newest.
 */

#ifndef NGX_OSCP_COUNTER_H
#define NGX_OSCP_COUNTER_H

#include <ngx_config.h>
#include <ngx_core.h>

/* How a message ended: $oscp_result, and the counters (design, section 10). */
typedef enum {
    NGX_OSCP_STORED = 0,
    NGX_OSCP_DUPLICATE,
    NGX_OSCP_INVALID,                   /* 400, 415 */
    NGX_OSCP_UNAUTHENTICATED,           /* 401 */
    NGX_OSCP_REFUSED,                   /* 403, 404, 405 */
    NGX_OSCP_UNAVAILABLE,               /* 503 */
    NGX_OSCP_RESULTS
} ngx_oscp_result_e;

/* The words of the contract, by result. */
extern const ngx_str_t  ngx_oscp_counter_results[NGX_OSCP_RESULTS];

/* One connection's counters; lives in shared memory. */
typedef struct {
    ngx_str_node_t  node;
    ngx_atomic_t    results[NGX_OSCP_RESULTS];
} ngx_oscp_counter_t;

/*
 * Adds the shared zone to the configuration, large enough for `n` connections.
 * `init` is called with the zone when its memory is there: it may then use
 * ngx_oscp_counter_find().  Returns the zone, its data being `data`, or NULL
 * (logged).
 */
ngx_shm_zone_t *ngx_oscp_counter_add_zone(ngx_conf_t *cf, ngx_uint_t n,
    ngx_shm_zone_init_pt init, void *data);

/* To be called first by that `init`: NGX_OK or NGX_ERROR (no memory). */
ngx_int_t ngx_oscp_counter_init_zone(ngx_shm_zone_t *zone);

/*
 * The counters of the connection `name`, made when there are none: they
 * outlive reloads.  NULL when the zone is full: nothing is counted then.
 */
ngx_oscp_counter_t *ngx_oscp_counter_find(ngx_shm_zone_t *zone,
    const ngx_str_t *name);

/* One more; `counter` NULL is harmless. */
void ngx_oscp_counter_count(ngx_oscp_counter_t *counter,
    ngx_oscp_result_e result);

/*
 * Generations: each cycle that comes into force takes the next number; a
 * process whose number is not the current one is on its way out.
 */
ngx_atomic_uint_t ngx_oscp_counter_next_generation(ngx_shm_zone_t *zone);
ngx_atomic_uint_t ngx_oscp_counter_generation(ngx_shm_zone_t *zone);

#endif /* NGX_OSCP_COUNTER_H */
