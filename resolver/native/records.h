/* Reading answers from upstream, and what is kept of them: parse_answer of core/wire.py, judge of core/retries.py and
 * from_answer of core/cache.py in one go.
 *
 * An answer is plain if Python would take it: NOERROR, NXDOMAIN or YXDOMAIN, not truncated, no referral. All others
 * are handed over. Time and memory are linear in the length of the message; nothing is allocated. */
#ifndef RECORDS_H
#define RECORDS_H

#include "cache.h"

enum {
    RECORDS_MAX = CACHE_TTLS_MAX,
    RECORDS_ALIASES = 64,          /* MAX_ALIASES of core/wire.py */
    RECORDS_OPTIONS = 64,          /* MAX_OPTIONS of core/wire.py: EDNS options in a message */
    RECORDS_KEPT_OPTIONS = 512,    /* MAX_KEPT_OPTIONS of core/cache.py, in bytes */
};

/* How long answers live, in seconds: Ageing of core/cache.py. */
struct records_ageing {
    uint32_t max_ttl, negative_ttl;
    double stale;
    bool prefetch;
};

enum records {
    RECORDS_PLAIN,
    RECORDS_WRONG,                 /* broken, or it answers something else: it is ignored, and the wait goes on */
    RECORDS_OTHER,                 /* an answer, but not a plain one */
};

/* What was read, with the room that its pointers lead to. `entry.cleared` is the caller's. */
struct records_read {
    struct cache_answer entry;
    bool keep;                     /* whether it may be kept at all; if not it expires at once */
    bool edns;                     /* whether the server answered with EDNS */
    uint16_t ttls[RECORDS_MAX];
    uint8_t options[RECORDS_KEPT_OPTIONS];
    uint8_t aliases[CACHE_ALIASES_MAX];
};

/* Read an answer to a question (canonical name, type and class: 5 to 259 bytes) that came at `now`. Of the message the
 * TTLs are changed where they are over their bound. Unless RECORDS_PLAIN is returned nothing is to be read in *read. */
enum records records_read(uint8_t *wire, size_t size, const uint8_t *question, size_t question_size,
                          const struct records_ageing *ageing, bool trust_ad, double now, struct records_read *read);

#endif
