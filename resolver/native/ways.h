/* What Python says of asking upstream: where names are asked, by which servers, and how long answers live.
 *
 * Made by Python, and never changed from when it is in use, but for the aims: which server of a group is asked first now
 * is seen by all threads from their next question on. */
#ifndef WAYS_H
#define WAYS_H

#include "records.h"
#include "routes.h"

#include <stdatomic.h>
#include <sys/socket.h>

enum {
    WAYS_GROUPS = 256,             /* most groups */
    WAYS_SERVERS = 256,            /* most servers at a time */
    WAYS_AIMS = 20,                /* most aims of a group, of which any is taken with the same chance */
    WAYS_PYTHON = 0xffff,          /* in place of a server: Python asks */
    WAYS_BOUNDS = 16,              /* most bounds of the histogram */
};
#define WAYS_LONGEST_S 3600.0      /* the most patience */

struct ways_server {
    uint64_t serial;               /* tells it from every other of this process; 0: none has this number */
    struct sockaddr_storage address;
    socklen_t address_size;
};

struct ways_group {
    bool trust_ad;
    _Atomic uint32_t aim_count;    /* 0: Python asks */
    _Atomic uint64_t aims[WAYS_AIMS]; /* a server and the patience with it, as one number */
};

struct ways {
    struct routes *routes;         /* to numbers of groups */
    struct records_ageing ageing;
    uint8_t cleared_room;          /* of entries that lead nowhere */
    unsigned bound_count;          /* of the histogram of upstream servers */
    double bounds[WAYS_BOUNDS];
    unsigned group_count;
    struct ways_group groups[WAYS_GROUPS];
    struct ways_server servers[WAYS_SERVERS];
};

/* Return ways that lead to no server yet; the routes are theirs from then on. NULL: no memory. */
struct ways *ways_create(struct routes *routes);
void ways_destroy(struct ways *ways);

/* Say which server has a number. False: there is no such number, or no such address. */
bool ways_set_server(struct ways *ways, unsigned number, uint64_t serial, const struct sockaddr *address,
                     socklen_t size);

/* An aim. False: no such server, or no patience of a positive number of seconds. */
bool ways_make_aim(const struct ways *ways, unsigned server, double patience, uint64_t *aim);
/* Take these aims of a group from now on, WAYS_AIMS at most. */
void ways_aim(struct ways_group *group, const uint64_t *aims, unsigned count);

static inline unsigned ways_server_of(uint64_t aim)
{
    return (unsigned)(aim >> 48);
}

/* Return how long an answer is waited for, in seconds. */
static inline double ways_patience_of(uint64_t aim)
{
    return (double)(aim & 0xffffffffffffu) * 1e-6;
}

#endif
