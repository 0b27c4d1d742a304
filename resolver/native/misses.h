/* The miss path: a question that nothing is known of is asked once, over UDP, at a server that Python named for its group;
 * a plain answer is kept and given to all who wait, byte for byte as Python would. Whatever else happens is left to Python
 * in the ring, with all who wait: a time-out, an error, a truncated answer, aliases that have to be judged, a policy that
 * was replaced meanwhile. What was handed over Python asks on, so its logic is the only one for trouble.
 *
 * All belongs to one thread, but for `begun` and `ended` and what is said to be in the headers below. Nothing is allocated
 * but cache entries and sockets. */
#ifndef MISSES_H
#define MISSES_H

#include "flights.h"
#include "ring.h"

enum { MISSES_BATCH = 64, MISSES_LARGEST = 4096, MISSES_TICK_MS = 20, MISSES_IDLE_MS = 1000 };
#define MISSES_HANDED_S 10.0       /* how long a key that was handed over is left to Python */

/* What stands in the ring as `why`, beside what is in enum answered.
 *
 * First comes the question, for which all but those two stand: `socket` is the number of its server, `arrived` says when
 * it was sent; `profile` and `set` are the two halves, the lower first, of a serial number that tells it from all others
 * of this thread; in place of an address stands the generation of the cache that it was asked in. The message, where there
 * is one, is the answer. Then come those who waited for it. */
enum misses_why {
    MISSES_WAITED = 8,             /* a query of one who waited for the question before */
    MISSES_TIMEOUT,
    MISSES_ANSWER,                 /* with the answer, which is one to this question */
    MISSES_REFUSED,                /* an ICMP error, or it could not be sent */
    MISSES_AFRESH,                 /* its answer can come no more: the thread ends */
    MISSES_LATE,                   /* the answer to one that was handed over before for a time-out; nobody waits here */
};

struct outbox;

struct misses {
    struct counters *counters;     /* not its own, as is the ring */
    struct ring *ring;
    unsigned put;                  /* messages in the ring that were not published yet */
    struct flights flights;
    struct upstreams upstreams;
    uint64_t serials;
    counter begun, ended;          /* questions; ended: but for those that Python finds in the ring */
    double due;                    /* when deadlines are to be looked at again */
    /* questions of this pass */
    unsigned out_count;
    uint32_t out_flights[MISSES_BATCH];
    struct line *out_lines[MISSES_BATCH];
    struct mmsghdr *messages;      /* MISSES_BATCH of them: out, and then in */
    struct iovec pieces[MISSES_BATCH];
    uint8_t questions[MISSES_BATCH][FLIGHTS_WIRE];
    /* answers of one line, and replies to those who wait */
    struct outbox *outbox;
    unsigned reply_socket;         /* where all that is in it leaves */
    uint8_t wires[MISSES_BATCH][MISSES_LARGEST], replies[MISSES_BATCH][ANSWER_MAX];
    struct records_read read;
};

/* A query on its way in: what the system said of it, the number of the socket, and the generation of the cache. */
struct misses_from {
    const struct msghdr *header;
    unsigned socket;
    uint64_t generation;           /* as it was before what is known was looked at: what is new then goes by new ways */
    uint32_t label;                /* struct policy_verdict: what the lists said of the name */
};

/* The sockets of a thread by number; those that are gone are below 0. */
struct misses_sockets {
    const int *descriptors;
    unsigned count;
};

/* Return what asks up to so many questions at a time, and has its sockets looked after by epoll `poll`. NULL: no memory. */
struct misses *misses_create(struct counters *counters, struct ring *ring, int poll, uint32_t most);
void misses_destroy(struct misses *misses);

/* Ask upstream, or wait for who asks the same: at the end of the pass misses_send is called. False: for Python. */
bool misses_admit(struct misses *misses, const struct known *known, const struct asked *asked,
                  struct misses_from from, double now);
void misses_send(struct misses *misses, double now);

/* Take the answers that are there on a line, up to MISSES_BATCH, and answer all who wait for them. */
void misses_receive(struct misses *misses, const struct known *known, struct line *line, struct misses_sockets sockets,
                    double now);

/* Hand over what has waited too long, and close what is no longer used. Returns in how many milliseconds it has to be
 * called again; below 0: when something was asked. Not while a line that can be read is still to be looked at. */
int misses_tick(struct misses *misses, double now);

/* Whether there is nothing to be called for again, until something is asked. */
static inline bool misses_rest(const struct misses *misses)
{
    return misses->flights.asked == 0 && misses->flights.handed == 0 && misses->upstreams.lines == 0;
}

/* Leave all questions to Python. */
void misses_abandon(struct misses *misses, double now);

/* For misses*.c alone. */
void misses_hand_over(struct misses *misses, uint32_t number, enum misses_why why, const uint8_t *answer, size_t size,
                      double now);
void misses_refused(struct misses *misses, struct line *line, double now);

#endif
