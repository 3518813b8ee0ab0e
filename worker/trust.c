/*
 * Files of CAs, read.
 */

#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "trust.h"


struct trust_file {
    LIST_ENTRY(trust_file)   next;
    struct stat              seen;         /* as it was read */
    X509_STORE              *store;
    char                     path[];
};

struct worker_trust {
    LIST_HEAD(, trust_file)  files;
};


static void
trust_forget(struct trust_file *file)
{
    LIST_REMOVE(file, next);
    X509_STORE_free(file->store);
    free(file);
}


static int
trust_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino
           && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}


static struct trust_file *
trust_find(struct worker_trust *trust, const char *path)
{
    struct trust_file  *file;

    LIST_FOREACH(file, &trust->files, next) {
        if (strcmp(file->path, path) == 0) {
            return file;
        }
    }

    return NULL;
}


/* As libcurl sets up its own: a CA that is named is enough, whoever issued
   it. */
static X509_STORE *
trust_read(const char *path, const char *directory,
    char why[WORKER_TRUST_WHY_SIZE])
{
    char         text[WORKER_TRUST_WHY_SIZE / 2] = "no memory";
    X509_STORE  *store;

    ERR_clear_error();

    store = X509_STORE_new();
    if (store != NULL && X509_STORE_load_locations(store, path, directory) == 1
        && X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST
                                       | X509_V_FLAG_PARTIAL_CHAIN)
           == 1)
    {
        return store;
    }

    if (ERR_peek_last_error() != 0) {
        ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    }

    snprintf(why, WORKER_TRUST_WHY_SIZE, "no certificates of CAs can be read "
             "from %.80s: %.100s", path, text);
    ERR_clear_error();
    X509_STORE_free(store);

    return NULL;
}


X509_STORE *
worker_trust_store(struct worker_trust *trust, const char *path,
    const char *directory, char why[WORKER_TRUST_WHY_SIZE])
{
    struct stat         st;
    struct trust_file  *file = trust_find(trust, path);

    if (stat(path, &st) == -1) {
        snprintf(why, WORKER_TRUST_WHY_SIZE, "certificates of CAs, %.100s: %s",
                 path, strerror(errno));
        if (file != NULL) {
            trust_forget(file);
        }
        return NULL;
    }

    if (file != NULL && trust_same(&file->seen, &st)) {
        return file->store;
    }

    if (file != NULL) {
        trust_forget(file);
    }

    file = calloc(1, sizeof(*file) + strlen(path) + 1);
    if (file == NULL) {
        snprintf(why, WORKER_TRUST_WHY_SIZE, "no memory");
        return NULL;
    }

    strcpy(file->path, path);
    file->seen = st;
    file->store = trust_read(path, directory, why);
    if (file->store == NULL) {
        free(file);
        return NULL;
    }

    LIST_INSERT_HEAD(&trust->files, file, next);

    return file->store;
}


struct worker_trust *
worker_trust_create(void)
{
    struct worker_trust  *trust = calloc(1, sizeof(*trust));

    if (trust != NULL) {
        LIST_INIT(&trust->files);
    }

    return trust;
}


void
worker_trust_free(struct worker_trust *trust)
{
    if (trust == NULL) {
        return;
    }

    while (!LIST_EMPTY(&trust->files)) {
        trust_forget(LIST_FIRST(&trust->files));
    }

    free(trust);
}
