/*
 * Which bytes names and ids may hold.
 */

#include "oscp_name.h"

#define NAME_PLAIN    0x1
#define NAME_ALNUM    0x2
#define NAME_VISIBLE  0x4

#define A  (NAME_PLAIN|NAME_ALNUM|NAME_VISIBLE)     /* letters, digits */
#define P  (NAME_PLAIN|NAME_VISIBLE)                /* . _ - */
#define V  NAME_VISIBLE                             /* others, less : { } */


static const unsigned char  name_bytes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,
    0, V, V, V, V, V, V, V,  V, V, V, V, V, P, P, V,     /*  !"#$%&' … /  */
    A, A, A, A, A, A, A, A,  A, A, 0, V, V, V, V, V,     /* 01234567 … ?  */
    V, A, A, A, A, A, A, A,  A, A, A, A, A, A, A, A,     /* @ABCDEFG … O  */
    A, A, A, A, A, A, A, A,  A, A, A, V, V, V, V, P,     /* PQRSTUVW … _  */
    V, A, A, A, A, A, A, A,  A, A, A, A, A, A, A, A,     /* `abcdefg … o  */
    A, A, A, A, A, A, A, A,  A, A, A, 0, V, 0, V, 0      /* pqrstuvw … DEL */
};

static const unsigned char  name_classes[] = {
    [OSCP_NAME_PLAIN] = NAME_PLAIN,
    [OSCP_NAME_ALNUM] = NAME_ALNUM,
    [OSCP_NAME_VISIBLE] = NAME_VISIBLE
};


int
oscp_name_valid(const char *name, size_t len, oscp_name_class_t class)
{
    size_t         i;
    unsigned char  bit;

    if (len < 1 || len > OSCP_NAME_MAX) {
        return 0;
    }

    bit = name_classes[class];

    for (i = 0; i < len; i++) {
        if (!(name_bytes[(unsigned char) name[i]] & bit)) {
            return 0;
        }
    }

    return 1;
}


int
oscp_id_valid(const char *id, size_t len)
{
    size_t  i;

    if (len < 1 || len > OSCP_ID_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (id[i] < 0x21 || id[i] > 0x7e) {
            return 0;
        }
    }

    return 1;
}
