/* What is done with the answer cache besides answering: notes, limits, flushes, walks, counts. */
#include "cache.h"

#include "cache_shard.h"

#include <math.h>
#include <stdlib.h>

/* Take the lock of the key's shard and return its entry, if it is the one meant; NULL: the lock is not held. */
static struct cache_entry *hold(struct cache *cache, struct cache_key key, uint64_t serial)
{
    struct cache_shard *shard = shard_of(cache, key.hash);
    shard_lock(shard);
    struct cache_entry *entry = shard_find(shard, key);
    if (entry != NULL && (serial == 0 || entry->serial == serial))
        return entry;
    shard_unlock(shard);
    return NULL;
}

static bool let_go(struct cache *cache, struct cache_key key)
{
    shard_unlock(shard_of(cache, key.hash));
    return true;
}

bool cache_note_hit(struct cache *cache, struct cache_key key, uint64_t serial)
{
    struct cache_entry *entry = hold(cache, key, serial);
    if (entry == NULL)
        return false;
    cache_entry_hit(entry);
    return let_go(cache, key);
}

bool cache_note_cleared(struct cache *cache, struct cache_key key, uint64_t serial, uint64_t profile)
{
    struct cache_entry *entry = hold(cache, key, serial);
    if (entry == NULL)
        return false;
    cache_entry_clear(entry, profile);
    return let_go(cache, key);
}

bool cache_note_refresh(struct cache *cache, struct cache_key key, uint64_t serial)
{
    struct cache_entry *entry = hold(cache, key, serial);
    if (entry == NULL)
        return false;
    entry->refresh_at = INFINITY;
    return let_go(cache, key);
}

bool cache_note_retry(struct cache *cache, struct cache_key key, uint64_t serial, double retry_at)
{
    struct cache_entry *entry = hold(cache, key, serial);
    if (entry == NULL)
        return false;
    entry->retry_at = retry_at;
    return let_go(cache, key);
}

/* Give one shard its share of a limit, and as many slots as suit it. False: the slots stay as they were. */
static bool resize_shard(struct cache_shard *shard, size_t limit)
{
    unsigned bits = shard_slot_bits(limit);
    struct cache_entry **slots = calloc((size_t)1 << bits, sizeof *slots), **old = NULL;
    shard_lock(shard);
    if (slots != NULL)
        old = shard_move(shard, slots, bits);
    shard->limit = limit;
    struct cache_entry *gone = shard_make_room(shard, 0);
    shard_unlock(shard);
    free(old);
    cache_entry_free_next(gone);
    return slots != NULL;
}

bool cache_resize(struct cache *cache, size_t limit_bytes)
{
    bool done = true;
    shard_note_limit(cache, limit_bytes);
    for (size_t i = 0; i < shard_count(cache); i++)
        done &= resize_shard(&cache->shards[i], shard_share(cache, limit_bytes));
    return done;
}

size_t cache_limit(const struct cache *cache)
{
    return atomic_load(&cache->limit);
}

uint64_t cache_generation(const struct cache *cache)
{
    return atomic_load(&cache->generation);
}

uint64_t cache_flush(struct cache *cache)
{
    /* first, so that whoever puts later than we clear its shard sees it under the lock of that shard */
    uint64_t generation = atomic_fetch_add(&cache->generation, 1) + 1;
    for (size_t i = 0; i < shard_count(cache); i++) {
        struct cache_shard *shard = &cache->shards[i];
        shard_lock(shard);
        struct cache_entry *all = shard_clear(shard);
        shard_unlock(shard);
        cache_entry_free_older(all);
    }
    return generation;
}

/* Positions of a walk are hashes: shards and slots are in the order of the hashes in them, whatever their number. */
uint64_t cache_walk(struct cache *cache, uint64_t from, cache_visit *visit, void *with)
{
    struct cache_shard *shard = shard_of(cache, from);
    size_t number = (size_t)(shard - cache->shards);
    shard_lock(shard);
    unsigned slot_bits = shard->slot_bits, rest_bits = 64 - cache->shard_bits - slot_bits;
    size_t slots = (size_t)1 << slot_bits, slot = shard_slot(shard, from);
    struct cache_entry **all = shard->slots;
    for (size_t end = slots - slot > CACHE_STEP ? slot + CACHE_STEP : slots; slot < end; slot++)
        for (struct cache_entry *entry = all[slot]; entry != NULL; entry = entry->next) {
            struct cache_answer answer = cache_entry_view(entry);
            visit(with, cache_entry_key(entry), entry->key_size, &answer);
        }
    shard_unlock(shard);
    return ((uint64_t)number * slots + slot) << rest_bits; /* behind the last slot of the last shard: 0 */
}

struct cache_counters cache_count(struct cache *cache)
{
    struct cache_counters sum = {.bytes = cache_charge(sizeof *cache)};
    for (size_t i = 0; i < shard_count(cache); i++) {
        struct cache_shard *shard = &cache->shards[i];
        shard_lock(shard);
        sum.entries += shard->entries;
        sum.bytes += shard->bytes;
        sum.hits += shard->hits;
        sum.misses += shard->misses;
        sum.evictions += shard->evictions;
        shard_unlock(shard);
    }
    return sum;
}
