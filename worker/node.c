/*
 * Finds the server that has a key.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"


#define NODE_PATIENCE_MS   1000     /* for one who is asked */


struct worker_node {
    const struct worker_redis_conf  *conf;
    const char                      *key;
    const struct worker_node_use    *use;
    void                            *arg;

    struct worker_link              *link;     /* to the one who is asked */
    unsigned                         next;     /* whom to ask next */
    unsigned                         left;     /* to be asked, this one too */
    struct worker_locate_votes       votes;    /* of this search */
    oscp_host_t                      hint;     /* port 0: none */
    char                             why[WORKER_LINK_WHY_SIZE];
};


static const oscp_host_t *
node_asked(const struct worker_node *node)
{
    const oscp_address_t  *a = &node->conf->address;

    return &a->hosts[node->next % a->nhosts];
}


/* All were asked. */
static void
node_end(struct worker_node *node)
{
    oscp_host_t  host;

    if (worker_locate_only(&node->votes, &host) == 0) {
        node->use->found(node->arg, &host);

    } else {
        node->use->missed(node->arg, node->votes.n > 0 ? WORKER_LOCATE_DISAGREE
                                                       : node->why);
    }
}


static void
node_ask(struct worker_node *node)
{
    if (node->left == 0) {
        node_end(node);
        return;
    }

    worker_link_open(node->link, node_asked(node));
}


/* This one has been asked. */
static void
node_next(struct worker_node *node)
{
    node->next++;
    node->left--;
    node_ask(node);
}


/* And does not know. */
static void
node_pass(struct worker_node *node, const char *why)
{
    const oscp_host_t  *asked = node_asked(node);

    snprintf(node->why, sizeof(node->why), "%s %.100s:%u: %.100s",
             node->conf->address.kind == OSCP_ADDRESS_SENTINEL ? "sentinel"
                                                               : "node",
             asked->host, asked->port, why);
    node_next(node);
}


static void
callback_answer(void *arg, redisReply *reply)
{
    int                    rc;
    char                   why[WORKER_LOCATE_WHY_SIZE];
    oscp_host_t            host;
    struct worker_node    *node = arg;
    const oscp_address_t  *a = &node->conf->address;

    rc = worker_locate_answer(a, node->key, node_asked(node), reply, &host,
                              why);
    worker_link_close(node->link);

    if (rc == -1) {
        node_pass(node, why);

    } else if (worker_locate_vote(a, &node->votes, &host)) {
        node->next++;
        node->use->found(node->arg, &host);

    } else {
        node_next(node);
    }
}


static void
callback_opened(void *arg)
{
    int                  argc;
    const char          *argv[WORKER_LOCATE_WORDS];
    struct worker_node  *node = arg;

    argc = worker_locate_question(&node->conf->address, argv);

    if (worker_link_command(node->link, argc, argv, callback_answer, node)
        == -1)
    {
        worker_link_fail(node->link, "no memory");
    }
}


static void
callback_closed(void *arg, const char *why)
{
    node_pass(arg, why);
}


void
worker_node_find(struct worker_node *node)
{
    oscp_host_t            host = node->hint;
    const oscp_address_t  *a = &node->conf->address;

    if (!worker_locate_needed(a)) {
        node->use->found(node->arg, a->kind == OSCP_ADDRESS_UNIX
                                    ? NULL : &a->hosts[0]);
        return;
    }

    if (host.port != 0) {
        node->hint.port = 0;
        node->use->found(node->arg, &host);
        return;
    }

    node->votes.n = 0;
    node->left = a->nhosts;
    node_ask(node);
}


void
worker_node_stop(struct worker_node *node)
{
    worker_link_close(node->link);
}


void
worker_node_hint(struct worker_node *node, const oscp_host_t *host)
{
    node->hint = *host;
}


struct worker_node *
worker_node_create(struct event_base *base,
    const struct worker_redis_conf *conf, const char *key,
    const struct worker_node_use *use, void *arg)
{
    struct worker_node  *node;

    static const struct worker_link_use  member_use = {
        .opened = callback_opened,
        .closed = callback_closed,
        .patience_ms = NODE_PATIENCE_MS,
        .login = 1,
    };
    static const struct worker_link_use  sentinel_use = {
        .opened = callback_opened,
        .closed = callback_closed,
        .patience_ms = NODE_PATIENCE_MS,
    };

    node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }

    node->conf = conf;
    node->key = key;
    node->use = use;
    node->arg = arg;
    node->link = worker_link_create(base, conf,
                                    conf->address.kind == OSCP_ADDRESS_SENTINEL
                                    ? &sentinel_use : &member_use, node);
    if (node->link == NULL) {
        free(node);
        return NULL;
    }

    return node;
}


void
worker_node_free(struct worker_node *node)
{
    if (node != NULL) {
        worker_link_free(node->link);
        free(node);
    }
}
