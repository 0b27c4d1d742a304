/* Answering from what is known: Service.handle and Engine.handle of the Python path for the plain and frequent
 * queries. What is answered here is what Python would answer, byte for byte; everything else is handed over, and
 * nothing was noted of it then. No sockets, no clock. */
#ifndef ANSWER_H
#define ANSWER_H

#include "cache.h"
#include "clients.h"
#include "policy.h"

enum { ANSWER_MAX = MESSAGE_LARGEST, ANSWER_STREAM_MAX = MESSAGE_STREAM };

/* What is known. The cache may be NULL, and the cookies: then queries that send one are for Python. */
struct known {
    const struct policy *policy;
    const struct clients *clients;
    struct cache *cache;
    const struct cookies *cookies;
};

struct source {
    const uint8_t *address;        /* in network order */
    size_t size;                   /* 4 or 16 */
    bool stream;                   /* whether the message came over TCP, and not over UDP */
};

enum answered {
    ANSWER_GIVEN,
    ANSWER_HAND_OVER,
    ANSWER_CLIENT,                 /* handed over, since this client is not known yet */
    ANSWER_UNMET,                  /* handed over, since no query of its profile led to this set yet */
};

/* Where an answer comes from, for the counters: of core/source.py those that are met here. */
enum answer_source { ANSWER_BLOCKED, ANSWER_CACHE, ANSWER_ERROR, ANSWER_SOURCES };

struct answer {
    size_t size;                           /* of the reply */
    uint32_t kind;                         /* type and class as asked */
    enum answer_source source;
    uint8_t rcode;
    const struct policy_verdict *verdict;  /* of the name asked */
    uint32_t profile, set;                 /* of ANSWER_UNMET */
};

/* A message that may be answered here. */
struct asked {
    const struct client *client;
    const struct policy_profile *profile;
    struct source source;
    struct query query;
    struct table_look look;
};

/* Read a message and begin to look its name up. Unless ANSWER_GIVEN is returned it is handed over. */
enum answered answer_look(const struct known *known, const uint8_t *wire, size_t size, struct source source,
                          struct asked *asked);

/* Answer what was read, at `now`, monotonic seconds. `out` has room for ANSWER_MAX bytes, ANSWER_STREAM_MAX for a stream.
 * The query gets the cookie that belongs into its reply. Of *answer that is set which belongs to what is returned. */
enum answered answer_give(const struct known *known, struct asked *asked, double now, uint8_t *out,
                          struct answer *answer);

/* Both at once. */
enum answered answer(const struct known *known, const uint8_t *wire, size_t size, struct source source, double now,
                     uint8_t *out, struct answer *answer);

#endif
