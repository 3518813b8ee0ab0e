/*
 * Where the server is that has a key, by those who know.
 */

#include <stdio.h>
#include <string.h>

#include "locate.h"
#include "oscp_slot.h"


static const char *const  locate_errors[] = {
    "MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN ", "READONLY ", "MASTERDOWN ",
    "LOADING "
};


int
worker_locate_needed(const oscp_address_t *address)
{
    return address->kind == OSCP_ADDRESS_SENTINEL
           || address->kind == OSCP_ADDRESS_CLUSTER;
}


/* CLUSTER SLOTS and not CLUSTER SHARDS: Redis 6 does not know the latter. */
int
worker_locate_question(const oscp_address_t *address,
    const char *argv[WORKER_LOCATE_WORDS])
{
    if (address->kind == OSCP_ADDRESS_CLUSTER) {
        argv[0] = "CLUSTER";
        argv[1] = "SLOTS";
        return 2;
    }

    argv[0] = "SENTINEL";
    argv[1] = "GET-MASTER-ADDR-BY-NAME";
    argv[2] = address->master;

    return 3;
}


static int
locate_wrong(char why[WORKER_LOCATE_WHY_SIZE], const char *text)
{
    snprintf(why, WORKER_LOCATE_WHY_SIZE, "%s", text);

    return -1;
}


/* A name or address as Redis gives it; `port` behind it.  0, or -1. */
static int
locate_host(const redisReply *name, long long port, const oscp_host_t *asked,
    oscp_host_t *host)
{
    size_t       len = 0;
    const char  *text = "";

    if (name->type == REDIS_REPLY_STRING) {
        text = name->str;
        len = name->len;

    } else if (name->type != REDIS_REPLY_NIL) {
        return -1;
    }

    if (oscp_address_host_set(host, text, len, port) == -1) {
        return -1;
    }

    /* a node that does not know its own name is where it was asked */
    if (host->host[0] == '\0') {
        memcpy(host->host, asked->host, sizeof(host->host));
    }

    return 0;
}


/* [host, port], both strings; NIL: the name is not known here. */
static int
locate_sentinel(const redisReply *reply, const oscp_host_t *asked,
    oscp_host_t *host, char why[WORKER_LOCATE_WHY_SIZE])
{
    long long  port = 0;

    if (reply->type == REDIS_REPLY_NIL) {
        return locate_wrong(why, "it knows no master of that name");
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
        && reply->element[0]->type == REDIS_REPLY_STRING
        && reply->element[1]->type == REDIS_REPLY_STRING)
    {
        sscanf(reply->element[1]->str, "%5lld", &port);
        if (locate_host(reply->element[0], port, asked, host) == 0) {
            return 0;
        }
    }

    return locate_wrong(why, "it names no master");
}


/* One range of CLUSTER SLOTS: [first, last, [host, port, …] of the master…] */
static const redisReply *
locate_range(const redisReply *range, long long slot)
{
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3
        || range->element[0]->type != REDIS_REPLY_INTEGER
        || range->element[1]->type != REDIS_REPLY_INTEGER
        || range->element[0]->integer > slot
        || range->element[1]->integer < slot)
    {
        return NULL;
    }

    return range->element[2];
}


static int
locate_cluster(const redisReply *reply, unsigned slot,
    const oscp_host_t *asked, oscp_host_t *host,
    char why[WORKER_LOCATE_WHY_SIZE])
{
    const redisReply  *node = NULL;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return locate_wrong(why, "it tells no slots");
    }

    for (size_t i = 0; i < reply->elements && node == NULL; i++) {
        node = locate_range(reply->element[i], slot);
    }

    if (node == NULL) {
        snprintf(why, WORKER_LOCATE_WHY_SIZE, "slot %u is not served", slot);
        return -1;
    }

    if (node->type == REDIS_REPLY_ARRAY && node->elements >= 2
        && node->element[1]->type == REDIS_REPLY_INTEGER
        && locate_host(node->element[0], node->element[1]->integer, asked,
                       host) == 0)
    {
        return 0;
    }

    return locate_wrong(why, "it does not say where the node is");
}


int
worker_locate_answer(const oscp_address_t *address, const char *key,
    const oscp_host_t *asked, const redisReply *reply, oscp_host_t *host,
    char why[WORKER_LOCATE_WHY_SIZE])
{
    if (reply->type == REDIS_REPLY_ERROR) {
        return locate_wrong(why, reply->str);
    }

    if (address->kind == OSCP_ADDRESS_CLUSTER) {
        return locate_cluster(reply, oscp_slot_find(key, strlen(key)), asked,
                              host, why);
    }

    return locate_sentinel(reply, asked, host, why);
}


int
worker_locate_same(const oscp_host_t *a, const oscp_host_t *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}


/* Nodes of a cluster correct each other by redirections: one is enough. */
int
worker_locate_vote(const oscp_address_t *address,
    struct worker_locate_votes *votes, const oscp_host_t *host)
{
    int  again = address->kind == OSCP_ADDRESS_CLUSTER;

    for (unsigned i = 0; i < votes->n; i++) {
        again |= worker_locate_same(&votes->named[i], host);
    }

    if (votes->n < OSCP_ADDRESS_HOSTS_MAX) {
        votes->named[votes->n++] = *host;
    }

    return again;
}


int
worker_locate_only(const struct worker_locate_votes *votes, oscp_host_t *host)
{
    if (votes->n != 1) {
        return -1;
    }

    *host = votes->named[0];

    return 0;
}


int
worker_locate_master(const redisReply *role)
{
    return role->type == REDIS_REPLY_ARRAY && role->elements > 0
           && role->element[0]->type == REDIS_REPLY_STRING
           && strcmp(role->element[0]->str, "master") == 0;
}


int
worker_locate_elsewhere(const char *error)
{
    size_t  n = sizeof(locate_errors) / sizeof(*locate_errors);

    for (size_t i = 0; i < n; i++) {
        if (strncmp(error, locate_errors[i], strlen(locate_errors[i])) == 0) {
            return 1;
        }
    }

    return 0;
}
