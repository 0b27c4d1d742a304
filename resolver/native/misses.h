/* The miss path: a question that nothing is known of is asked once, over UDP, at the server that Python named as the
 * first of its group; a plain answer is kept and given to all who wait, byte for byte as Python would. Whatever else
 * happens is handed over with all who wait: a time-out, an error, a truncated answer, aliases that have to be judged.
 * What was handed over Python asks on, so its logic is the only one for trouble.
 *
 * All belongs to the thread of one loop. Nothing is allocated but cache entries, sockets and copies of the answers
 * that are handed over. */
#ifndef MISSES_H
#define MISSES_H

#include "counters.h"
#include "flights.h"
#include "records.h"
#include "routes.h"

enum { MISSES_BATCH = 64, MISSES_LARGEST = 4096, MISSES_GROUPS = 256, MISSES_SOCKETS = 64 };
#define MISSES_HANDED_S 10.0       /* how long a key that was handed over is left to Python */

/* What Python says of a group of servers. */
struct misses_group {
    int32_t server;                /* which is asked first now; below 0: Python asks */
    double patience;               /* how long its answer is waited for, in seconds */
    bool trust_ad;
};

/* Why a flight was handed over. */
enum misses_why {
    MISSES_TIMEOUT,
    MISSES_ANSWER,                 /* with the answer, which is one to this question */
    MISSES_REFUSED,                /* an ICMP error, or it could not be sent */
    MISSES_AFRESH,                 /* its answer is of no use any more: asked before a flush */
    MISSES_LATE,                   /* the answer to one that was handed over before for a time-out; nobody waits here */
};

struct handed {
    uint32_t number;               /* of the flight */
    uint64_t serial;               /* tells it from all others that were handed over */
    enum misses_why why;
    unsigned server;
    uint8_t *answer;               /* by malloc; or NULL */
    size_t answer_size;
    double sent;
};

struct misses {
    struct counters *counters;     /* not its own */
    struct routes *routes;         /* NULL: nothing is asked natively */
    struct records_ageing ageing;
    uint8_t cleared_room;          /* of entries that lead nowhere */
    unsigned group_count;
    struct misses_group groups[MISSES_GROUPS];
    int sockets[MISSES_SOCKETS];   /* where queries came from, and answers go; below 0: closed */
    struct flights flights;
    struct upstreams upstreams;
    struct handed *handed;         /* FLIGHTS_MAX of them */
    unsigned handed_count;
    uint64_t serials;
    /* questions of this pass */
    unsigned out_count;
    uint32_t out_flights[MISSES_BATCH];
    struct line *out_lines[MISSES_BATCH];
    struct mmsghdr *messages;      /* MISSES_BATCH of them: out, and then in */
    struct mmsghdr *reply_messages;
    struct iovec pieces[MISSES_BATCH], reply_pieces[MISSES_BATCH];
    uint8_t questions[MISSES_BATCH][FLIGHTS_WIRE];
    /* answers of one line, and replies to those who wait */
    unsigned reply_count;
    uint8_t reply_socket;
    uint8_t wires[MISSES_BATCH][MISSES_LARGEST], replies[MISSES_BATCH][ANSWER_MAX];
    struct records_read read;
};

/* A query on its way in: what the system said of it. */
struct misses_from {
    const struct msghdr *header;
    unsigned socket;               /* a number of misses_open */
};

/* Return what asks for the answers that are counted in `counters`; bounds are of the histogram of upstreams. NULL: no
 * memory, or no descriptor. */
struct misses *misses_create(struct counters *counters, const double *bounds, size_t bound_count);
void misses_destroy(struct misses *misses);

/* Note a socket of clients; returns its number, or -1: too many. Who waits on a socket that was closed gets nothing. */
int misses_open(struct misses *misses, int descriptor);
void misses_close(struct misses *misses, unsigned socket);

/* Ask upstream, or wait for who asks the same: at the end of the pass misses_send is called. False: for Python. */
bool misses_admit(struct misses *misses, const struct known *known, const struct asked *asked,
                  struct misses_from from, double now);
void misses_send(struct misses *misses, double now);

/* Take the answers that are there, up to MISSES_BATCH of each line, and answer all who wait for them. */
void misses_receive(struct misses *misses, const struct known *known, double now);

/* Hand over what has waited too long, and close what is no longer used; `generation` is that of the cache. Returns
 * whether it has to be called again. */
bool misses_expire(struct misses *misses, uint64_t generation, double now);

/* End what was handed over and taken by Python: the first misses->handed_count of misses->handed. */
void misses_taken(struct misses *misses);

/* For misses*.c alone. */
void misses_hand_over(struct misses *misses, uint32_t number, enum misses_why why, const uint8_t *answer, size_t size,
                      double now);
void misses_refused(struct misses *misses, struct line *line, double now);

#endif
