/*
 * One pipelined connection to Redis: connecting, its set-up commands, deadlines
 * of replies, reconnecting with back-off.  Nothing here blocks.
 */

#ifndef NGX_OSCP_REDIS_H
#define NGX_OSCP_REDIS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "oscp_address.h"
#include "oscp_backoff.h"

#include "ngx_oscp_redis_event.h"
#include "ngx_oscp_resp.h"

#define NGX_OSCP_REDIS_STEPS_MAX    8
#define NGX_OSCP_REDIS_REASON_SIZE  256

/* One address to connect to. */
typedef struct {
    oscp_host_t  at;                    /* numeric; port 0: a socket's path */
    char         name[OSCP_ADDRESS_HOST_SIZE];  /* what it was resolved from */
} ngx_oscp_redis_peer_t;

#define NGX_OSCP_REDIS_TEXT_SIZE  (OSCP_ADDRESS_HOST_SIZE + 16)

/* Where Redis is, from `oscp_redis`; read-only. */
typedef struct {
    ngx_str_t               url;        /* as configured, for logs */
    oscp_address_kind_t     kind;
    ngx_oscp_redis_peer_t  *peers;      /* Redis; or its sentinels; or some
                                           nodes of its cluster */
    ngx_uint_t              npeers;
    ngx_str_t               master;     /* SENTINEL: its name */
    ngx_str_t               user;       /* empty: the default user */
    ngx_str_t               password;   /* empty: no AUTH */
    ngx_uint_t              db;
    ngx_uint_t              secure;     /* TLS, … */
    const char             *tls_ca;     /* … by this file; NULL: by the
                                           system's */
    struct ssl_ctx_st      *tls;        /* NULL: without */
    ngx_msec_t              timeout;    /* of connecting, and of a reply */
} ngx_oscp_redis_conf_t;

typedef enum {
    NGX_OSCP_REDIS_WAITING = 0,         /* pause before the next attempt */
    NGX_OSCP_REDIS_CONNECTING,          /* connecting, or setting up */
    NGX_OSCP_REDIS_READY
} ngx_oscp_redis_state_e;

typedef struct ngx_oscp_redis_s          ngx_oscp_redis_t;
typedef struct ngx_oscp_redis_command_s  ngx_oscp_redis_command_t;

/*
 * A command under way, embedded in what its owner waits with; it must live
 * until its handler is called, which happens exactly once for every command
 * that was sent.  The reply is NULL when the connection ended before it came,
 * and is freed when the handler returns.
 */
struct ngx_oscp_redis_command_s {
    ngx_queue_t        queue;           /* ours, in the order of sending */
    ngx_msec_t         expires;         /* ours */
    ngx_oscp_redis_t  *redis;           /* ours */
    ngx_uint_t         holds;           /* set by the owner: 1 when a request
                                           waits for it, so that a worker on
                                           its way out stays for the reply */
    void             (*handler)(ngx_oscp_redis_command_t *command,
                                redisReply *reply);
    void              *data;
};

/* The arguments of a command, bytes that belong to the caller. */
typedef struct {
    int            n;
    const char   **values;
    const size_t  *lens;
} ngx_oscp_redis_args_t;

/*
 * A command of every new connection's set-up; all are sent at once, before
 * anything else.  When `check` finds a reply wrong the connection is closed
 * and tried again later.
 */
typedef struct {
    const char  *name;                  /* for logs */

    /*
     * Sends its command by ngx_oscp_redis_send_step() and returns what that
     * gave, or NGX_DECLINED when nothing is to be sent this time.
     */
    ngx_int_t  (*send)(ngx_oscp_redis_t *redis,
                       ngx_oscp_redis_command_t *command, void *data);

    /*
     * NGX_OK or NGX_ERROR; NULL: anything but an error reply will do.  It may
     * say in redis->reason what is wrong.
     */
    ngx_int_t  (*check)(ngx_oscp_redis_t *redis, const redisReply *reply,
                        void *data);

    void        *data;
} ngx_oscp_redis_step_t;

struct ngx_oscp_redis_s {
    const ngx_oscp_redis_conf_t  *conf;
    const ngx_oscp_redis_peer_t  *peers;    /* of these one answers */
    ngx_uint_t                    npeers;
    ngx_uint_t                    peer;     /* which is next, or in use */
    ngx_log_t                    *log;
    ngx_oscp_redis_state_e        state;
    ngx_oscp_redis_event_t        event;    /* event.ac: NULL while WAITING */
    struct ssl_st                *ssl;      /* hiredis's; NULL: none */
    oscp_backoff_t                backoff;
    ngx_event_t                   retry;    /* timer: the next attempt */
    ngx_event_t                   deadline; /* timer: the oldest reply's */
    ngx_queue_t                   commands; /* under way, oldest first */
    ngx_oscp_resp_t               resp;     /* the command being written */
    ngx_uint_t                    holding;  /* of them, those that hold */
    ngx_uint_t                    stopped;
    ngx_uint_t                    managed;  /* the owner tries again */
    ngx_uint_t                    failed;   /* attempts since it was READY */
    time_t                        complained;   /* of a refused command */
    char                          reason[NGX_OSCP_REDIS_REASON_SIZE];

    ngx_oscp_redis_step_t         steps[NGX_OSCP_REDIS_STEPS_MAX];
    ngx_oscp_redis_command_t      setup[NGX_OSCP_REDIS_STEPS_MAX];
    ngx_uint_t                    nsteps;
    ngx_uint_t                    pending;  /* set-up replies to come */

    /* Called after every change of state. */
    void                        (*changed)(void *data);

    /*
     * Called with every error that a part of a transaction is answered; may be
     * NULL.  Not NGX_OK: there is nothing to complain about.
     */
    ngx_int_t                   (*refused)(void *data,
                                           const redisReply *error);
    void                         *data;
};

/* Steps that every connection may need; PING is always sent. */
extern const ngx_oscp_redis_step_t  ngx_oscp_redis_auth_step;
extern const ngx_oscp_redis_step_t  ngx_oscp_redis_select_step;
extern const ngx_oscp_redis_step_t  ngx_oscp_redis_ping_step;

/*
 * Prepares `redis`, zeroed by the caller, which has set `changed` and `data`:
 * for the addresses of `conf`, without a step.
 */
void ngx_oscp_redis_init(ngx_oscp_redis_t *redis,
    const ngx_oscp_redis_conf_t *conf, ngx_log_t *log);

/*
 * From now on the addresses are these `npeers`, the caller's; and a connection
 * that has ended stays WAITING, with its reason, until it is started again.
 */
void ngx_oscp_redis_manage(ngx_oscp_redis_t *redis,
    const ngx_oscp_redis_peer_t *peers, ngx_uint_t npeers);

/*
 * Writes "HOST:PORT" or "unix:PATH" to `buf` of NGX_OSCP_REDIS_TEXT_SIZE bytes,
 * with a NUL; returns `buf`.
 */
char *ngx_oscp_redis_peer_text(const ngx_oscp_redis_peer_t *peer, char *buf);

/* A further step, to be added before ngx_oscp_redis_start(). */
void ngx_oscp_redis_add_step(ngx_oscp_redis_t *redis,
    const ngx_oscp_redis_step_t *step);

/* Begins to connect, and to reconnect whenever it must; WAITING only. */
void ngx_oscp_redis_start(ngx_oscp_redis_t *redis);

/* Begins in `ms`; WAITING only. */
void ngx_oscp_redis_start_in(ngx_oscp_redis_t *redis, ngx_msec_t ms);

/* Closes for good; replies that are still due come as NULL. */
void ngx_oscp_redis_stop(ngx_oscp_redis_t *redis);

/*
 * Sends a command; `command` has its handler, data and holds set.  Returns
 * NGX_OK, or NGX_ERROR when it was not sent and its handler will not be
 * called: the connection is not READY or just about to end.
 */
ngx_int_t ngx_oscp_redis_send(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, const ngx_oscp_redis_args_t *args);

/*
 * A command inside a transaction: nobody waits for its own reply, which EXEC's
 * repeats; an error is logged.  Returns as ngx_oscp_redis_send().
 */
ngx_int_t ngx_oscp_redis_send_part(ngx_oscp_redis_t *redis,
    const ngx_oscp_redis_args_t *args);

/*
 * Closes the connection for a fault of ours; it is tried again as after any
 * other end.  `reason` is for the log.
 */
void ngx_oscp_redis_abort(ngx_oscp_redis_t *redis, const char *reason);

/* The same as ngx_oscp_redis_send(), for the steps of the set-up. */
ngx_int_t ngx_oscp_redis_send_step(ngx_oscp_redis_t *redis,
    ngx_oscp_redis_command_t *command, const ngx_oscp_redis_args_t *args);

#endif /* NGX_OSCP_REDIS_H */
