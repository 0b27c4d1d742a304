/* The inside of the answer cache: shards, each with slots, a queue, a hand and one lock. For cache.c and
 * cache_upkeep.c alone.
 *
 * Every function but shard_create and shard_destroy is called with the lock of the shard held. Entries that leave are not freed
 * but given back, linked by `next`, so that they are freed without the lock. */
#ifndef CACHE_SHARD_H
#define CACHE_SHARD_H

#include "cache_entry.h"

#include <pthread.h>
#include <stdatomic.h>

struct cache_shard {
    _Alignas(64) pthread_mutex_t lock;      /* no two shards in one line of the processor's cache */
    struct cache_entry **_Atomic slots;     /* chains; the slot of a hash is in its bits behind those of the shard */
    atomic_uint slot_bits;                  /* these two are read by cache_prefetch without the lock */
    unsigned skip_bits;                     /* those of the shard */
    size_t limit, bytes, entries;           /* bytes: of entries and slots, and the shard itself */
    struct cache_entry *newest, *oldest;    /* a queue by age, in which nothing moves */
    struct cache_entry *hand;               /* where SIEVE goes on; NULL: at the oldest */
    uint64_t hits, misses, evictions;
};

struct cache {
    struct cache_shard *shards;
    unsigned shard_bits;                    /* the first bits of a hash say which shard */
    uint64_t seed[2];
    atomic_size_t limit;
    _Atomic uint64_t generation, serials;
};

static inline size_t shard_count(const struct cache *cache)
{
    return (size_t)1 << cache->shard_bits;
}

static inline struct cache_shard *shard_of(const struct cache *cache, uint64_t hash)
{
    return &cache->shards[cache->shard_bits ? hash >> (64 - cache->shard_bits) : 0];
}

static inline void shard_lock(struct cache_shard *shard)
{
    pthread_mutex_lock(&shard->lock); /* of the plain kind, held in pairs: cannot fail */
}

static inline void shard_unlock(struct cache_shard *shard)
{
    pthread_mutex_unlock(&shard->lock);
}

/* Return the number of the slot of a hash, and where it is. */
static inline size_t shard_slot(const struct cache_shard *shard, uint64_t hash)
{
    return (size_t)(hash << shard->skip_bits >> (64 - atomic_load_explicit(&shard->slot_bits, memory_order_relaxed)));
}

static inline struct cache_entry **shard_place(const struct cache_shard *shard, uint64_t hash)
{
    return atomic_load_explicit(&shard->slots, memory_order_relaxed) + shard_slot(shard, hash);
}

/* Make a shard ready for use; `shard` is 64-byte aligned memory. False: no memory. */
bool shard_create(struct cache_shard *shard, size_t limit, unsigned skip_bits);
/* Free its slots; the entries have been taken off before. */
void shard_destroy(struct cache_shard *shard);

/* Return how many bits of slots suit a limit, at least 4. */
unsigned shard_slot_bits(size_t limit);
/* Return what a shard takes without entries, in bytes. */
size_t shard_base(const struct cache_shard *shard);

/* Return what of a limit of the whole cache each shard gets: never less than one needs. */
size_t shard_share(const struct cache *cache, size_t limit_bytes);
/* Note the limit of the whole cache, raised to the least that it can have. */
void shard_note_limit(struct cache *cache, size_t limit_bytes);

struct cache_entry *shard_find(const struct cache_shard *shard, struct cache_key key);

/* Add an entry as the newest; no other has its key, and there is room for it. */
void shard_add(struct cache_shard *shard, struct cache_entry *entry);
void shard_remove(struct cache_shard *shard, struct cache_entry *entry);

/* Evict by SIEVE until `more` bytes fit, or nothing is left. Returns what went. */
struct cache_entry *shard_make_room(struct cache_shard *shard, size_t more);

/* Take all entries off; returns them, linked by `older`: nobody has time to go through them under the lock. */
struct cache_entry *shard_clear(struct cache_shard *shard);

/* Move all entries to other slots, 1 << slot_bits of them and all empty; returns the old slots. */
struct cache_entry **shard_move(struct cache_shard *shard, struct cache_entry **slots, unsigned slot_bits);

#endif
