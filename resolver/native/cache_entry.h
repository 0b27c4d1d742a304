/* One entry of the answer cache: one piece of memory with the answer, its key and its places in chain and queue.
 * For cache.c alone; who uses the cache sees struct cache_answer. */
#ifndef CACHE_ENTRY_H
#define CACHE_ENTRY_H

#include "cache.h"

struct cache_entry {
    struct cache_entry *next;           /* in the chain of its slot */
    uint64_t hash;
    double stored, expires, refresh_at; /* what every hit reads stands together */
    uint32_t hits;
    uint16_t key_size, body_size, ttl_count, options_size;
    uint16_t answers, authorities, additional;
    uint8_t rcode;
    bool authentic, visited;            /* visited: asked for since the hand was last here */
    uint8_t cleared_room, cleared_count;
    uint16_t aliases_size;
    uint32_t failures;
    double stale_until, retry_at;
    uint64_t serial;
    struct cache_entry *newer, *older;  /* in the queue of its shard */
    uint64_t data[];                    /* cleared, ttls, key, body, options, aliases: from the widest to the bytes */
};

/* Say whether an answer may be kept: its sizes within the bounds, its TTLs within its body. */
bool cache_answer_is_sound(const struct cache_answer *answer);

/* Return an entry with copies of key and answer, in no shard yet; NULL: no memory. free() ends it. */
struct cache_entry *cache_entry_create(struct cache_key key, const struct cache_answer *answer);

/* Free an entry that nobody can reach any more, and those that follow it. NULL: none. */
void cache_entry_free_next(struct cache_entry *entry);
void cache_entry_free_older(struct cache_entry *entry);

/* Return what malloc takes for the entry, in bytes. */
size_t cache_entry_charge(const struct cache_entry *entry);

/* Return what malloc takes for so many bytes: its header, rounded up (glibc; others are near). */
size_t cache_charge(size_t bytes);

const uint8_t *cache_entry_key(const struct cache_entry *entry);

/* Return the answer with pointers into the entry: good as long as the entry is. */
struct cache_answer cache_entry_view(struct cache_entry *entry);

/* Note that it was given to somebody. */
static inline void cache_entry_hit(struct cache_entry *entry)
{
    entry->hits += entry->hits < UINT32_MAX;
    entry->visited = true;
}

/* Say whether a profile is among those under which the entry leads to nothing blocked. */
bool cache_entry_is_cleared(struct cache_entry *entry, uint64_t profile);

/* Add a profile to them; where there is no room the one noted first goes. */
void cache_entry_clear(struct cache_entry *entry, uint64_t profile);

#endif
