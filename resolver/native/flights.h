/* Questions on their way and who waits for them: tables alone, no sockets, no clock.
 *
 * A flight is found by its key (as in the cache), by line and ID, and by its deadline. All memory is taken at the
 * start and touched as it is needed; every table is bounded, and what does not fit is not taken. Numbers stand for
 * flights and waiters; 0 is none. All belongs to one thread, but for the counter. */
#ifndef FLIGHTS_H
#define FLIGHTS_H

#include "cache.h"
#include "message.h"
#include "upstream.h"

#include <netinet/in.h>

enum {
    FLIGHTS_MAX = 20000,           /* questions on their way: as MAX_FLIGHTS of edge/service.py and the next */
    FLIGHTS_WAITERS = 4096,        /* queries that wait for one of them */
    FLIGHTS_EACH = 2,              /* queries that wait for any, for each question on its way */
    FLIGHTS_NOWHERE = UINT16_MAX,  /* the number of a socket that is gone */
    FLIGHTS_HASHES = 32768,
    FLIGHTS_TICKS = 512,           /* of FLIGHTS_TICK_S: deadlines behind them come round again */
    /* the longest query that is kept: of its options the cookie alone, which is no longer than 40 bytes */
    FLIGHTS_WIRE = MESSAGE_HEADER + MESSAGE_NAME_MAX + 4 + MESSAGE_OPT + 4 + COOKIES_LONGEST,
    FLIGHTS_PEER = sizeof(struct sockaddr_in6),
    FLIGHTS_CONTROL = 64,
};
#define FLIGHTS_TICK_S 0.02

/* A query that waits. */
struct waiter {
    uint32_t next;                 /* who waits for the same */
    uint32_t profile;              /* a number of the policy with this serial */
    uint32_t label;                /* struct policy_verdict: what the lists said of the name */
    uint64_t policy;
    double start;                  /* when it came */
    size_t wire_size, end, limit;  /* of the query; where its question ends; its largest reply */
    bool edns, dnssec_ok;
    uint16_t socket;               /* a number of the thread: on which it came */
    uint8_t control_size, peer_size, cookie_size;
    _Alignas(8) uint8_t peer[FLIGHTS_PEER];
    _Alignas(8) uint8_t control[FLIGHTS_CONTROL];
    uint8_t wire[FLIGHTS_WIRE], cookie[COOKIES_OPTION]; /* the option that the reply gets */
};

enum flight_state {
    FLIGHT_FREE,
    FLIGHT_ASKED,
    FLIGHT_HANDED,                 /* Python asks on: until its deadline no second flight begins */
};

struct flight {
    enum flight_state state;
    uint32_t next_key, next_id;    /* in the chain of their hashes; next_key too among the free ones */
    uint32_t next_due, before_due; /* in the bucket of a tick */
    uint32_t next_line, before_line;
    uint32_t first, last, count;   /* of its waiters */
    uint32_t tick;                 /* its bucket */
    uint64_t hash, generation;     /* of the key; of the cache when it was asked */
    uint64_t serial;               /* of handed over ones */
    double sent, deadline;
    struct line *line;             /* handed over ones may be on it too: for a late answer */
    uint16_t id;
    bool trust_ad, queued;         /* queued: not sent yet */
    uint16_t key_size, question_size; /* the question is the first part of the key */
    uint8_t key[CACHE_KEY_MAX];
};

struct flights {
    uint32_t most, most_waiting;
    struct flight *flights;        /* most + 1 of them */
    struct waiter *waiters;        /* most_waiting + 1 */
    uint32_t free_flight, free_waiter, fresh_flight, fresh_waiter; /* those used before, and the first never used */
    uint32_t asked, handed;                                        /* how many */
    counter waiting;               /* which any thread may read */
    uint64_t reached;              /* the tick up to which deadlines were looked at */
    uint32_t by_key[FLIGHTS_HASHES], by_id[FLIGHTS_HASHES], by_tick[FLIGHTS_TICKS];
};

/* Begin with room for so many questions, 1 to FLIGHTS_MAX. All has to be zeros. False: no memory. */
bool flights_init(struct flights *all, uint32_t most);
void flights_end(struct flights *all);

/* Return the flight under a key, or 0. */
uint32_t flights_find(const struct flights *all, const struct cache_key *key);

/* Begin a flight without a waiter, nowhere on its way yet. 0: there are too many. */
uint32_t flights_begin(struct flights *all, const struct cache_key *key, double deadline);

/* Say on which line it went and under which ID, that no other has there. */
void flights_note_sent(struct flights *all, uint32_t number, struct line *line, uint16_t id);

/* Return the flight that waits on a line under an ID, or 0. */
uint32_t flights_on(const struct flights *all, const struct line *line, uint16_t id);

/* Return a place for one who waits for a flight, to be filled in; NULL: too many wait. */
struct waiter *flights_wait(struct flights *all, uint32_t number);

/* Take no answer to it any more; it is on no line from then on. */
void flights_land(struct flights *all, uint32_t number);

/* Forget who waits for it. */
void flights_dismiss(struct flights *all, uint32_t number);

/* Note for all who wait that a socket is gone: its number may be given again. */
void flights_lose(struct flights *all, unsigned socket);

/* Keep its place, so that no other begins under its key until then. */
void flights_note_handed(struct flights *all, uint32_t number, double until);

/* Free it; nobody waits for it and it is on no line. */
void flights_finish(struct flights *all, uint32_t number);

/* Return a flight whose deadline has passed, or 0: there is none left. It is to be ended before the next call. */
uint32_t flights_due(struct flights *all, double now);

#endif
