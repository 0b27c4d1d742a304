#include "cache_shard.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOT_BYTES = 256, /* of the limit for one slot: entries take 250 to 350, so chains have about one */
    LEAST_SLOT_BITS = 4,
    LEAST_BYTES = 4096,
};

unsigned shard_slot_bits(size_t limit)
{
    unsigned bits = LEAST_SLOT_BITS;
    while (bits < 32 && ((size_t)1 << bits) < limit / SLOT_BYTES)
        bits++;
    return bits;
}

static size_t slots_charge(unsigned slot_bits)
{
    return cache_charge(sizeof(struct cache_entry *) << slot_bits);
}

size_t shard_base(const struct cache_shard *shard)
{
    return sizeof *shard + slots_charge(shard->slot_bits);
}

size_t shard_share(const struct cache *cache, size_t limit_bytes)
{
    size_t own = cache_charge(sizeof *cache);
    size_t share = limit_bytes > own ? (limit_bytes - own) >> cache->shard_bits : 0;
    return share > LEAST_BYTES ? share : LEAST_BYTES;
}

void shard_note_limit(struct cache *cache, size_t limit_bytes)
{
    size_t least = cache_charge(sizeof *cache) + ((size_t)LEAST_BYTES << cache->shard_bits);
    atomic_store(&cache->limit, limit_bytes > least ? limit_bytes : least);
}

bool shard_create(struct cache_shard *shard, size_t limit, unsigned skip_bits)
{
    unsigned bits = shard_slot_bits(limit);
    struct cache_entry **slots = calloc((size_t)1 << bits, sizeof *slots);
    *shard = (struct cache_shard){.limit = limit, .slots = slots, .slot_bits = bits, .skip_bits = skip_bits};
    shard->bytes = shard_base(shard);
    if (slots != NULL && pthread_mutex_init(&shard->lock, NULL) == 0)
        return true;
    free(slots);
    return false;
}

void shard_destroy(struct cache_shard *shard)
{
    pthread_mutex_destroy(&shard->lock);
    free(shard->slots);
}

struct cache_entry *shard_find(const struct cache_shard *shard, struct cache_key key)
{
    struct cache_entry *entry = *shard_place(shard, key.hash);
    while (entry != NULL && !(entry->hash == key.hash && entry->key_size == key.size &&
                              memcmp(cache_entry_key(entry), key.bytes, key.size) == 0))
        entry = entry->next;
    return entry;
}

static void shard_chain(struct cache_shard *shard, struct cache_entry *entry)
{
    struct cache_entry **slot = shard_place(shard, entry->hash);
    entry->next = *slot;
    *slot = entry;
}

void shard_add(struct cache_shard *shard, struct cache_entry *entry)
{
    shard_chain(shard, entry);
    entry->newer = NULL;
    entry->older = shard->newest;
    if (shard->newest != NULL)
        shard->newest->newer = entry;
    else
        shard->oldest = entry;
    shard->newest = entry;
    shard->bytes += cache_entry_charge(entry);
    shard->entries++;
}

void shard_remove(struct cache_shard *shard, struct cache_entry *entry)
{
    struct cache_entry **at = shard_place(shard, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    if (shard->hand == entry)
        shard->hand = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &shard->oldest) = entry->newer;
    shard->bytes -= cache_entry_charge(entry);
    shard->entries--;
}

/* SIEVE: from the hand on, towards the newer ones and round, the first that was not asked for since it was last looked
 * at. Nothing moves, so what is new meets the hand sooner than what has shown its worth. The queue is not empty. */
static struct cache_entry *shard_choose(struct cache_shard *shard)
{
    struct cache_entry *entry = shard->hand != NULL ? shard->hand : shard->oldest;
    for (unsigned spared = 0; entry->visited && spared < CACHE_SPARED; spared++) {
        entry->visited = false;
        entry = entry->newer != NULL ? entry->newer : shard->oldest;
    }
    shard->hand = entry->newer;
    return entry;
}

struct cache_entry *shard_make_room(struct cache_shard *shard, size_t more)
{
    struct cache_entry *gone = NULL;
    while (shard->entries > 0 && shard->bytes + more > shard->limit) {
        struct cache_entry *entry = shard_choose(shard);
        shard_remove(shard, entry);
        shard->evictions++;
        entry->next = gone;
        gone = entry;
    }
    return gone;
}

struct cache_entry *shard_clear(struct cache_shard *shard)
{
    struct cache_entry *all = shard->newest;
    memset(shard->slots, 0, sizeof(struct cache_entry *) << shard->slot_bits);
    shard->newest = shard->oldest = shard->hand = NULL;
    shard->entries = 0;
    shard->bytes = shard_base(shard);
    return all;
}

struct cache_entry **shard_move(struct cache_shard *shard, struct cache_entry **slots, unsigned slot_bits)
{
    struct cache_entry **old = shard->slots;
    shard->bytes = shard->bytes - slots_charge(shard->slot_bits) + slots_charge(slot_bits);
    shard->slots = slots;
    shard->slot_bits = slot_bits;
    for (struct cache_entry *entry = shard->oldest; entry != NULL; entry = entry->newer)
        shard_chain(shard, entry);
    return old;
}
