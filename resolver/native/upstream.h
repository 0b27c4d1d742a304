/* Upstream servers as a thread asks them: connected UDP sockets, so that the kernel drops what does not come from the
 * server, each with a random port and replaced often. As Server and _UdpSocket of edge/server.py.
 *
 * It sends and receives and keeps the sockets; who waits for what is for flights.h. All belongs to one thread, but for
 * what was counted, which any may read meanwhile. */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include "counters.h"
#include "ways.h"

enum {
    UPSTREAM_POOL = 8,             /* sockets that share the questions to one server */
    UPSTREAM_SENDS = 2000,         /* questions after which a socket is replaced */
    UPSTREAM_SAMPLES = 8,          /* the latest round trips, for the estimate of the time-out */
    UPSTREAM_IN_LINE = 32768,      /* most questions that wait on one socket, so that free IDs are found at once */
};
#define UPSTREAM_AGE_S 30.0        /* after so long too */
#define UPSTREAM_LINGER_S 10.0     /* a replaced one still listens for so long, and while a question waits on it */

/* What is counted; EDNS are the answers taken that had it. */
enum upstream_kind {
    UPSTREAM_REQUESTS, UPSTREAM_TIMEOUTS, UPSTREAM_REFUSED, UPSTREAM_UNSENT, UPSTREAM_STRAY, UPSTREAM_WRONG,
    UPSTREAM_ANSWERED, UPSTREAM_EDNS, UPSTREAM_KINDS
};

/* What happened with the servers that had one number. */
struct upstream_counts {
    counter kinds[UPSTREAM_KINDS];
    counter durations[WAYS_BOUNDS + 1];            /* of these, by bound; the last for those above all */
    _Atomic double seconds;
    _Atomic double samples[UPSTREAM_SAMPLES];      /* what the answer of number n took is at n % UPSTREAM_SAMPLES */
};

/* One connected socket. */
struct line {
    int descriptor;
    unsigned server;               /* its number */
    unsigned left;                 /* how many more questions it may send */
    uint32_t waiting, first;       /* how many flights wait on it, and the first of them: see flights.h */
    double until;                  /* when it is too old; once it is replaced: how long it listens */
    struct line *next;             /* among those that were replaced */
};

struct upstream {
    uint64_t serial;               /* of the server to which the sockets of the pool are connected */
    struct line *pool[UPSTREAM_POOL];
    struct line *old;
    struct upstream_counts counts;
};

struct upstreams {
    int poll;                      /* tells which line can be read: the line itself is what it says of it */
    unsigned lines;                /* how many sockets there are */
    unsigned random_left;
    uint16_t random[2048];         /* from the system's source, read in blocks */
    struct upstream servers[WAYS_SERVERS];
};

/* Begin; `poll` is of epoll, and the caller's. All has to be zeros. */
void upstreams_init(struct upstreams *all, int poll);
void upstreams_end(struct upstreams *all);

/* Close the sockets whose time is over, also those that nobody has used for as long. Not while one that can be read is
 * still to be looked at. */
void upstreams_tidy(struct upstreams *all, double now);

/* Return an unpredictable number. False in *sound: the system gives none, then nothing may be asked. */
uint16_t upstreams_random(struct upstreams *all, bool *sound);

/* Return one of the lines of a server, any with the same chance, or NULL: none can be had. */
struct line *upstreams_draw(struct upstreams *all, const struct ways *ways, unsigned server, double now);

/* Count something of a server once more. */
void upstreams_count(struct upstreams *all, unsigned server, enum upstream_kind kind);

/* Note an answer that took so long. */
void upstreams_answered(struct upstreams *all, const struct ways *ways, unsigned server, double seconds, bool edns);

#endif
