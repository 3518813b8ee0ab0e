/*
 * Where the server is that has a key, by those who know: what sentinels and
 * nodes of a cluster are asked, and what their answers mean.
 */

#ifndef WORKER_LOCATE_H
#define WORKER_LOCATE_H

#include <hiredis/hiredis.h>

#include "oscp_address.h"

#define WORKER_LOCATE_WORDS      3       /* of a question, at most */
#define WORKER_LOCATE_WHY_SIZE   128

/*
 * 1 when the server has to be asked for: a Sentinel's or a Cluster's address;
 * 0 when the address is that of the server itself.
 */
int worker_locate_needed(const oscp_address_t *address);

/* The question in `argv`; returns its words. */
int worker_locate_question(const oscp_address_t *address,
    const char *argv[WORKER_LOCATE_WORDS]);

/*
 * Reads the answer that `asked`, one of the hosts of `address`, gave: where the
 * master is, or the node that serves `key`.  Returns 0 and fills `host`; or -1
 * and says in `why` what is wrong with the answer.
 */
int worker_locate_answer(const oscp_address_t *address, const char *key,
    const oscp_host_t *asked, const redisReply *reply, oscp_host_t *host,
    char why[WORKER_LOCATE_WHY_SIZE]);

/*
 * What those who were asked have named.  A sentinel that has been cut off from
 * the others names the former master for as long as that lasts, and that one
 * may take writes: so two must agree, or there is only one who answers.
 */
struct worker_locate_votes {
    oscp_host_t  named[OSCP_ADDRESS_HOSTS_MAX];
    unsigned     n;                          /* 0 before the first */
};

/* Counts an answer; 1 when it is settled that it is `host`, else 0. */
int worker_locate_vote(const oscp_address_t *address,
    struct worker_locate_votes *votes, const oscp_host_t *host);

/*
 * All were asked and nothing is settled.  Returns 0 when one alone has
 * answered: it is `host` then; -1 when none has, or they disagree.
 */
int worker_locate_only(const struct worker_locate_votes *votes,
    oscp_host_t *host);

/* What to say of votes that disagree. */
#define WORKER_LOCATE_DISAGREE   "the sentinels name different masters"

/* 1 when both are the same. */
int worker_locate_same(const oscp_host_t *a, const oscp_host_t *b);

/* 1 when the reply to ROLE says that this is a master, else 0. */
int worker_locate_master(const redisReply *role);

/*
 * 1 when an error reply says that the command was not carried out because its
 * key is to be found elsewhere, or will be, and a new question is due; else 0.
 */
int worker_locate_elsewhere(const char *error);

#endif /* WORKER_LOCATE_H */
