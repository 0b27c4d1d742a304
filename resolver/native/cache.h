/* The answers we know: one cache for the whole process, shared by all threads.
 *
 * What it promises:
 * - All memory it takes (entries with their keys and bytes, slots, what malloc adds to each) stays within its limit;
 *   what malloc leaves free between entries is not counted, some percent.
 * - An entry is read and changed only under the lock of its shard, and freed only when nobody can reach it. What
 *   leaves the cache is a copy or a finished reply, so no lock is held while anything else is done.
 * - No operation walks far under a lock: eviction looks at CACHE_SPARED entries at most for each that goes, a flush
 *   takes the entries of a shard off at once and frees them later, a walk goes CACHE_STEP slots at a time.
 * - Nothing is allocated but entries (by cache_put) and the slots (by cache_create and cache_resize).
 * - Names are chosen by whoever asks: the hash is keyed, so nobody can choose names that meet in one slot.
 *
 * Its semantics are those of core/cache.py; eviction is SIEVE in each shard. It knows nothing of Python and reads no
 * clock: times are monotonic seconds. Every function may be called by any thread, but for cache_create and
 * cache_destroy, which are called by one thread while no other uses the cache. */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CACHE_SEED = 16,       /* bytes of the key of the hash: from the system's randomness, once a process */
    CACHE_KEY_MAX = 260,   /* a name of 255 bytes, type and class, the flag byte: Query.key of core/wire.py */
    CACHE_BODY_MAX = 65535,
    CACHE_TTLS_MAX = 1024, /* MAX_RECORDS of core/wire.py */
    CACHE_OPTIONS_MAX = 1024,
    CACHE_ALIASES_MAX = 64 * 255,
    CACHE_CLEARED_MAX = 8, /* profiles remembered under which an entry leads to nothing blocked */
    CACHE_SPARED = 64,     /* most entries spared in a row, as MAX_SPARED of core/cache.py */
    CACHE_STEP = 64,       /* slots that one cache_walk goes through */
    CACHE_POPULAR = 3,     /* POPULAR of core/cache.py: hits from which on an entry is worth renewing early */
    CACHE_STALE_TTL = 30,  /* seconds; RFC 8767, section 4 */
    /* the most bytes that cache_copy writes */
    CACHE_COPY_MAX = CACHE_BODY_MAX + 2 * CACHE_TTLS_MAX + CACHE_OPTIONS_MAX + CACHE_ALIASES_MAX +
                     8 * CACHE_CLEARED_MAX + 64,
};

struct cache;

/* A key and its hash. `bytes` belong to the caller and stay as they are while the key is used. */
struct cache_key {
    uint64_t hash;
    const uint8_t *bytes;
    size_t size;
};

/* One answer, as it is put and as it comes out. The pointers are the caller's; cache_put copies what they lead to. */
struct cache_answer {
    double stored, expires;      /* when it came, when it ends */
    double refresh_at;           /* from when on a popular one is renewed; INFINITY: never, or it is under way */
    double stale_until;          /* until when it may be given although expired; 0: never */
    double retry_at;             /* until when a stale one is given without asking again */
    uint64_t serial;             /* tells it from every other entry of this cache; set by cache_put */
    uint32_t hits;               /* how often it was given in its life; 0 in what is put */
    uint32_t failures;           /* 0 for an answer; for the memory of a failure the how manieth in a row (RFC 9520) */
    uint16_t answers, authorities, additional; /* records in the sections of `body` */
    uint8_t rcode;               /* 0 to 15 */
    bool authentic;              /* the upstream server said AD */
    uint8_t cleared_room;        /* how many profiles can be noted by cache_note_cleared; 0 saves 8 bytes for each */
    uint8_t cleared_count;
    const uint8_t *body;         /* all behind the question, without OPT, TTLs as they were when it came */
    size_t body_size;
    const uint16_t *ttls;        /* where the TTLs stand in `body` */
    size_t ttl_count;
    const uint8_t *options;      /* extended errors, packed as EDNS options */
    size_t options_size;
    const uint8_t *aliases;      /* the canonical names that it leads to, one behind the other */
    size_t aliases_size;
    const uint64_t *cleared;     /* keys of profiles, the latest last */
};

/* What a reply needs to know of the query. */
struct cache_query {
    const uint8_t *wire;         /* as it came: header and question are read */
    size_t end;                  /* where the question ends, 12 + 5 to 12 + 259 */
    size_t limit;                /* largest reply in bytes, 512 to 65535 */
    bool edns, dnssec_ok;        /* whether it had an OPT record, and DO in it */
    const uint8_t *cookie;       /* a packed option that the reply gets in any case */
    size_t cookie_size;          /* 0: none; then it may be NULL */
};

/* For whom cache_reply answers, and when. */
struct cache_asker {
    double now;
    uint64_t profile;            /* Profile.key */
    bool judges_addresses;       /* Profile.judges_addresses */
};

enum cache_found {
    CACHE_ANSWERED,
    CACHE_UNKNOWN,               /* no entry */
    CACHE_HAND_OVER,             /* known, but to be judged for this profile first, or due to be renewed: for Python */
    CACHE_EXPIRED,
};

struct cache_counters {
    uint64_t entries, bytes;
    uint64_t hits, misses;       /* CACHE_ANSWERED, and what is unknown or expired, of cache_reply; what Python finds it counts itself */
    uint64_t evictions;
};

/* What cache_reply gave. */
struct cache_given {
    size_t size;                 /* of the reply in bytes; its RCODE is in its fourth byte */
    bool failed;                 /* whether it is the memory of a failure: counted as an error, not as from the cache */
};

/* Make an empty cache, or return NULL: no memory. `shards` is a power of two up to 256, or 0: as many as the limit is
 * good for. A limit that has no room for the slots is raised to the least that has. */
struct cache *cache_create(size_t limit_bytes, unsigned shards, const uint8_t seed[CACHE_SEED]);
void cache_destroy(struct cache *cache);

/* Return the key for some bytes, 1 to CACHE_KEY_MAX of them. No lock is taken. */
struct cache_key cache_key(const struct cache *cache, const uint8_t *bytes, size_t size);

/* Ask the processor to fetch what a lookup of the key will read: first its slot, then its entry. For a batch: the one
 * for all keys, then the other for all, then the lookups; in a large cache these take two fifths less so. The second
 * takes the lock of the shard for a moment. */
void cache_prefetch(const struct cache *cache, struct cache_key key);
void cache_prefetch_entry(const struct cache *cache, struct cache_key key);

/* Answer a query from its entry: engine.deliver for what needs no judging. On CACHE_ANSWERED the reply is in `out`,
 * which has room for query->limit bytes; the hit is noted. Otherwise nothing changes but a counter, and *given and
 * `out` are as they were. */
enum cache_found cache_reply(struct cache *cache, struct cache_key key, const struct cache_query *query,
                             const struct cache_asker *asker, uint8_t *out, struct cache_given *given);

/* Copy the entry out: its fields to *answer, its bytes to `room` (CACHE_COPY_MAX bytes, aligned for uint64_t), where
 * the pointers then lead. False: there is none. Expired entries are found too, and no hit is noted. */
bool cache_copy(struct cache *cache, struct cache_key key, struct cache_answer *answer, void *room);

/* Keep an answer, in place of the one under the same key; others go until there is room. Returns its serial number.
 * 0: not kept, and what was known under the key is gone, since the answer is too large for a shard or there is no
 * memory; or nothing changed, since `generation` is not the present one or the answer is not well formed (sizes over
 * the bounds above, a TTL beyond the body, an RCODE over 15). */
uint64_t cache_put(struct cache *cache, struct cache_key key, const struct cache_answer *answer, uint64_t generation);

/* Forget one entry. False: there was none. */
bool cache_drop(struct cache *cache, struct cache_key key);

/* Note something of an entry, unless another is in its place by now (`serial` says which is meant; 0: any).
 * False: it is gone. */
bool cache_note_hit(struct cache *cache, struct cache_key key, uint64_t serial);
bool cache_note_cleared(struct cache *cache, struct cache_key key, uint64_t serial, uint64_t profile);
bool cache_note_refresh(struct cache *cache, struct cache_key key, uint64_t serial);
bool cache_note_retry(struct cache *cache, struct cache_key key, uint64_t serial, double retry_at);

/* Set another limit in bytes; entries go until it is kept. False: no memory for other slots; then the old ones stay,
 * and the limit holds all the same. Locks one shard at a time, for as long as it takes to move its entries. */
bool cache_resize(struct cache *cache, size_t limit_bytes);
size_t cache_limit(const struct cache *cache);

/* Forget everything, and refuse from now on what was asked for before. Returns the new generation. When it returns
 * nothing of an older generation is left. */
uint64_t cache_flush(struct cache *cache);
uint64_t cache_generation(const struct cache *cache);

/* Called under the lock of a shard: it may copy what it is shown, and must not call the cache nor wait. */
typedef void cache_visit(void *with, const uint8_t *key, size_t key_size, const struct cache_answer *answer);

/* Show the entries of the next CACHE_STEP slots. Begin with 0 and go on with what is returned until that is 0: an entry
 * that is there all the time is shown once, unless the cache is resized meanwhile (then it may be shown twice). */
uint64_t cache_walk(struct cache *cache, uint64_t from, cache_visit *visit, void *with);

/* Add up the counters of the shards. */
struct cache_counters cache_count(struct cache *cache);

/* Write the reply to a query: head, question as asked, body with its TTLs aged to `now`, OPT if the query had it.
 * Byte for byte Entry.reply of core/cache.py: options go first where all does not fit, then it is truncated. Pure;
 * `out` has room for query->limit bytes. Returns the length. */
size_t cache_write_reply(const struct cache_answer *answer, const struct cache_query *query, double now,
                         uint8_t *out);

/* The same for an expired answer: Entry.stale_reply, with the TTL of stale records and the extended error. */
size_t cache_write_stale_reply(const struct cache_answer *answer, const struct cache_query *query, uint8_t *out);

#endif
