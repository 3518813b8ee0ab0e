/*
 * Redis Cluster's slots: which one a key lies in, and where Redis says that a
 * slot is served.
 */

#ifndef OSCP_SLOT_H
#define OSCP_SLOT_H

#include "oscp_address.h"

#define OSCP_SLOT_COUNT   16384

/*
 * The slot of a key: CRC16 of what stands between its first "{" and the next
 * "}", or of the whole key where there is no such thing.
 */
unsigned oscp_slot_find(const char *key, size_t len);

typedef enum {
    OSCP_SLOT_MOVED = 0,       /* from now on; the map has changed */
    OSCP_SLOT_ASK              /* for this command only, behind ASKING */
} oscp_slot_kind_t;

/* A redirection; host.host is "" where the node that answered has the slot's
   host as well, at another port. */
typedef struct {
    oscp_slot_kind_t  kind;
    unsigned          slot;
    oscp_host_t       host;
} oscp_slot_redirect_t;

/*
 * Reads the error reply "MOVED SLOT HOST:PORT" or "ASK SLOT HOST:PORT", with or
 * without the "-" of the protocol.  Returns 0; or -1 when it is neither.
 */
int oscp_slot_redirect(const char *text, size_t len, oscp_slot_redirect_t *r);

#endif /* OSCP_SLOT_H */
