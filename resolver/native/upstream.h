/* Upstream servers as the native part asks them: connected UDP sockets, so that the kernel drops what does not come
 * from the server, each with a random port and replaced often. As Server and _UdpSocket of edge/server.py.
 *
 * It sends and receives and keeps the sockets; who waits for what is for flights.h. All belongs to one thread. */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    UPSTREAM_SERVERS = 256,        /* most servers at a time */
    UPSTREAM_POOL = 8,             /* sockets that share the questions to one server */
    UPSTREAM_SENDS = 2000,         /* questions after which a socket is replaced */
    UPSTREAM_BOUNDS = 16,          /* most bounds of the histogram */
    UPSTREAM_SAMPLES = 8,          /* round trips kept for the estimate of the time-out, the first of a round */
    UPSTREAM_IN_LINE = 32768,      /* most questions that wait on one socket, so that free IDs are found at once */
};
#define UPSTREAM_AGE_S 30.0        /* after so long too */
#define UPSTREAM_LINGER_S 10.0     /* a replaced one still listens for so long, and while a question waits on it */

/* What happened with one server since it was last taken. */
struct upstream_counts {
    uint64_t requests, timeouts, refused, unsent, stray, wrong;
    uint64_t durations[UPSTREAM_BOUNDS + 1];       /* of answers, by bound; the last for those above all */
    double seconds;
    double samples[UPSTREAM_SAMPLES];
    unsigned sample_count;
    bool edns;                                     /* it answered with EDNS */
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
    bool used, leaving;
    struct sockaddr_storage address;
    socklen_t address_size;
    struct line *pool[UPSTREAM_POOL];
    struct line *old;
    struct upstream_counts counts;
};

struct upstreams {
    int epoll;                     /* readable when a line is */
    unsigned bound_count;
    double bounds[UPSTREAM_BOUNDS];
    unsigned random_left;
    uint16_t random[2048];         /* from the system's source, read in blocks */
    struct upstream servers[UPSTREAM_SERVERS];
};

/* Begin without a server. False: the system has no descriptor left. */
bool upstreams_init(struct upstreams *all, const double *bounds, size_t bound_count);
void upstreams_end(struct upstreams *all);

/* Add a server; returns its number, or -1: too many. */
int upstreams_add(struct upstreams *all, const struct sockaddr *address, socklen_t size);

/* Ask a server nothing more; its sockets go when nobody waits on them. Its number is free then. */
void upstreams_leave(struct upstreams *all, unsigned server, double now);

/* Close the sockets whose time is over. Returns whether some are left that were replaced. */
bool upstreams_tidy(struct upstreams *all, double now);

/* Return an unpredictable number. False in *sound: the system gives none, then nothing may be asked. */
uint16_t upstreams_random(struct upstreams *all, bool *sound);

/* Return one of the lines of a server, any with the same chance, or NULL: none can be had. */
struct line *upstreams_draw(struct upstreams *all, unsigned server, double now);

/* Note an answer that took so long. */
void upstreams_answered(struct upstreams *all, unsigned server, double seconds, bool edns);

#endif
