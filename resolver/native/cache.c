#include "cache.h"

#include "cache_shard.h"
#include "siphash.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SHARD_BITS = 8, OWN_SHARD_BITS = 6, SHARD_BYTES = 1 << 20 };

static unsigned bits_for(size_t limit_bytes, unsigned shards)
{
    unsigned bits = 0;
    if (shards)
        while (bits < MOST_SHARD_BITS && 1U << bits < shards)
            bits++;
    else /* the largest answer fits well into a shard of this size */
        while (bits < OWN_SHARD_BITS && limit_bytes >> (bits + 1) >= SHARD_BYTES)
            bits++;
    return bits;
}

struct cache *cache_create(size_t limit_bytes, unsigned shards, const uint8_t seed[CACHE_SEED])
{
    struct cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->shard_bits = bits_for(limit_bytes, shards);
    cache->seed[0] = siphash_word(seed, 8);
    cache->seed[1] = siphash_word(seed + 8, 8);
    shard_note_limit(cache, limit_bytes);
    cache->shards = aligned_alloc(64, shard_count(cache) * sizeof *cache->shards);
    size_t made = 0;
    while (cache->shards != NULL && made < shard_count(cache) &&
           shard_create(&cache->shards[made], shard_share(cache, limit_bytes), cache->shard_bits))
        made++;
    if (made == shard_count(cache))
        return cache;
    while (made > 0)
        shard_destroy(&cache->shards[--made]);
    free(cache->shards);
    free(cache);
    return NULL;
}

void cache_destroy(struct cache *cache)
{
    for (size_t i = 0; i < shard_count(cache); i++) {
        cache_entry_free_older(shard_clear(&cache->shards[i]));
        shard_destroy(&cache->shards[i]);
    }
    free(cache->shards);
    free(cache);
}

struct cache_key cache_key(const struct cache *cache, const uint8_t *bytes, size_t size)
{
    return (struct cache_key){siphash_1_3(cache->seed, bytes, size), bytes, size};
}

void cache_prefetch(const struct cache *cache, struct cache_key key)
{
    const struct cache_shard *shard = shard_of(cache, key.hash);
    __builtin_prefetch(shard_place(shard, key.hash)); /* only its address is made, so it may be one of old slots */
}

void cache_prefetch_entry(const struct cache *cache, struct cache_key key)
{
    struct cache_shard *shard = shard_of(cache, key.hash);
    shard_lock(shard);
    const char *entry = (const char *)*shard_place(shard, key.hash);
    if (entry != NULL) /* a usual one has four lines of 64 bytes */
        for (unsigned line = 0; line < 4; line++)
            __builtin_prefetch(entry + (size_t)64 * line);
    shard_unlock(shard);
}

enum cache_found cache_reply(struct cache *cache, struct cache_key key, const struct cache_query *query,
                             const struct cache_asker *asker, uint8_t *out, struct cache_given *given)
{
    struct cache_shard *shard = shard_of(cache, key.hash);
    shard_lock(shard);
    struct cache_entry *entry = shard_find(shard, key);
    enum cache_found found = CACHE_ANSWERED;
    if (entry == NULL || !(asker->now < entry->expires)) {
        shard->misses++;
        found = entry == NULL ? CACHE_UNKNOWN : CACHE_EXPIRED;
    } else if (((entry->aliases_size || asker->judges_addresses) && !cache_entry_is_cleared(entry, asker->profile)) ||
               (asker->now >= entry->refresh_at && entry->hits + 1 >= CACHE_POPULAR)) {
        found = CACHE_HAND_OVER;
    } else {
        struct cache_answer answer = cache_entry_view(entry);
        given->size = cache_write_reply(&answer, query, asker->now, out);
        given->failed = answer.failures > 0;
        cache_entry_hit(entry);
        shard->hits++;
    }
    shard_unlock(shard);
    return found;
}

static void copy(const void *from, size_t size, uint8_t **to)
{
    if (size)
        memcpy(*to, from, size);
    *to += size;
}

bool cache_copy(struct cache *cache, struct cache_key key, struct cache_answer *answer, void *room)
{
    struct cache_shard *shard = shard_of(cache, key.hash);
    uint8_t *at = room;
    shard_lock(shard);
    struct cache_entry *entry = shard_find(shard, key);
    if (entry != NULL) {
        *answer = cache_entry_view(entry);
        copy(answer->cleared, 8 * (size_t)answer->cleared_count, &at);
        copy(answer->ttls, 2 * answer->ttl_count, &at);
        copy(answer->body, answer->body_size, &at);
        copy(answer->options, answer->options_size, &at);
        copy(answer->aliases, answer->aliases_size, &at);
    }
    shard_unlock(shard);
    if (entry == NULL)
        return false;
    answer->cleared = room;
    answer->ttls = (const uint16_t *)(const void *)(answer->cleared + answer->cleared_count);
    answer->body = (const uint8_t *)(answer->ttls + answer->ttl_count);
    answer->options = answer->body + answer->body_size;
    answer->aliases = answer->options + answer->options_size;
    return true;
}

uint64_t cache_put(struct cache *cache, struct cache_key key, const struct cache_answer *answer, uint64_t generation)
{
    if (key.size == 0 || key.size > CACHE_KEY_MAX || !cache_answer_is_sound(answer))
        return 0;
    struct cache_shard *shard = shard_of(cache, key.hash);
    struct cache_entry *entry = cache_entry_create(key, answer), *gone = NULL, *old = NULL;
    size_t charge = entry == NULL ? 0 : cache_entry_charge(entry);
    uint64_t serial = 0;
    shard_lock(shard);
    if (generation == atomic_load(&cache->generation)) {
        old = shard_find(shard, key);
        if (old != NULL)
            shard_remove(shard, old);
        if (entry != NULL && shard_base(shard) + charge <= shard->limit) {
            entry->serial = serial = atomic_fetch_add(&cache->serials, 1) + 1;
            entry->visited = old != NULL; /* asked for again, or it would not have been put again */
            gone = shard_make_room(shard, charge);
            shard_add(shard, entry);
        }
    }
    shard_unlock(shard);
    if (serial == 0)
        free(entry);
    free(old);
    cache_entry_free_next(gone);
    return serial;
}

bool cache_drop(struct cache *cache, struct cache_key key)
{
    struct cache_shard *shard = shard_of(cache, key.hash);
    shard_lock(shard);
    struct cache_entry *entry = shard_find(shard, key);
    if (entry != NULL)
        shard_remove(shard, entry);
    shard_unlock(shard);
    free(entry);
    return entry != NULL;
}
