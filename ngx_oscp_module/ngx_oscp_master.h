/*
 * Which of two nginx masters speaks for this machine while its binary is
 * upgraded: the one whose pid file it is.
 *
 * After USR2 two masters run, each with shared memory and generations of its
 * own; the pid file is what they have in common.  nginx moves the old master's
 * aside ("nginx.pid.oldbin") before it starts the new one, and back when the
 * new one has ended: so the file tells also of an upgrade that failed or was
 * taken back, where the old master's workers get no sign of either.
 */

#ifndef NGX_OSCP_MASTER_H
#define NGX_OSCP_MASTER_H

#include <ngx_config.h>
#include <ngx_core.h>

/*
 * 1 when this process belongs to the master that speaks, 0 when another one's
 * pid file stands in its place and that one lives, or is about to.  Where the
 * files tell nothing (none there, not to be read): 1.  Reads a small file; to
 * be called now and then, never for a request.
 */
ngx_uint_t ngx_oscp_master_speaks(void);

#endif /* NGX_OSCP_MASTER_H */
