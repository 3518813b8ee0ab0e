/*
 * The key sets of outside issuers: JWKS files that are read with the
 * configuration, and again whenever they change, without a reload.
 */

#ifndef NGX_OSCP_KEYSET_H
#define NGX_OSCP_KEYSET_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_oscp_cache.h"
#include "ngx_oscp_jwk.h"

#define NGX_OSCP_KEYSET_CHECK_MS  1000      /* between two looks at a file */

/* One file; each nginx process has its own state of it. */
typedef struct {
    ngx_str_t             path;             /* whole, with its NUL */
    ngx_oscp_jwks_t      *set;              /* what holds now; never NULL */
    ngx_oscp_cache_key_t  content;          /* digest of what `set` is from */

    ngx_oscp_cache_key_t  seen;             /* digest of what was read last */
    ngx_file_info_t       info;             /* the file, when it was */
    ngx_uint_t            settled;          /* it had not just been written */
    ngx_uint_t            failed;           /* reading it failed (logged) */
} ngx_oscp_keyset_t;

/*
 * The key set of the file `path`, relative to the configuration's directory,
 * from `keysets` (of ngx_oscp_keyset_t *), added to it when it is not there.
 * Returns NULL after naming the file and the mistake in the log.
 */
ngx_oscp_keyset_t *ngx_oscp_keyset_get(ngx_conf_t *cf, ngx_array_t *keysets,
    const ngx_str_t *path);

/*
 * Begins to look at the files of `keysets`, from a timer, in a worker process.
 * A file that can no longer be read or is no key set leaves the old keys in
 * force, and an error in the log.  Returns NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ngx_oscp_keyset_watch(ngx_array_t *keysets, ngx_cycle_t *cycle);

#endif /* NGX_OSCP_KEYSET_H */
