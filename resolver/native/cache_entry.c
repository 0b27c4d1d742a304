#include "cache_entry.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct cache_entry) == 112, "what every hit reads is in its first 64 bytes, no hole in them");

bool cache_answer_is_sound(const struct cache_answer *answer)
{
    if (answer->body_size > CACHE_BODY_MAX || answer->ttl_count > CACHE_TTLS_MAX ||
        answer->options_size > CACHE_OPTIONS_MAX || answer->aliases_size > CACHE_ALIASES_MAX ||
        answer->cleared_room > CACHE_CLEARED_MAX || answer->cleared_count > answer->cleared_room ||
        answer->rcode > 15)
        return false;
    for (size_t i = 0; i < answer->ttl_count; i++)
        if ((size_t)answer->ttls[i] + 4 > answer->body_size)
            return false;
    return true;
}

size_t cache_charge(size_t bytes)
{
    return bytes <= 24 ? 32 : (bytes + 8 + 15) / 16 * 16;
}

static size_t entry_size(const struct cache_entry *entry)
{
    return sizeof *entry + 8 * (size_t)entry->cleared_room + 2 * (size_t)entry->ttl_count + entry->key_size +
           entry->body_size + entry->options_size + entry->aliases_size;
}

size_t cache_entry_charge(const struct cache_entry *entry)
{
    return cache_charge(entry_size(entry));
}

static const uint16_t *entry_ttls(const struct cache_entry *entry)
{
    return (const uint16_t *)(const void *)(entry->data + entry->cleared_room);
}

const uint8_t *cache_entry_key(const struct cache_entry *entry)
{
    return (const uint8_t *)(entry_ttls(entry) + entry->ttl_count);
}

struct cache_answer cache_entry_view(struct cache_entry *entry)
{
    const uint8_t *body = cache_entry_key(entry) + entry->key_size;
    const uint8_t *options = body + entry->body_size;
    return (struct cache_answer){
        .stored = entry->stored,
        .expires = entry->expires,
        .refresh_at = entry->refresh_at,
        .stale_until = entry->stale_until,
        .retry_at = entry->retry_at,
        .serial = entry->serial,
        .hits = entry->hits,
        .failures = entry->failures,
        .answers = entry->answers,
        .authorities = entry->authorities,
        .additional = entry->additional,
        .rcode = entry->rcode,
        .authentic = entry->authentic,
        .cleared_room = entry->cleared_room,
        .cleared_count = entry->cleared_count,
        .body = body,
        .body_size = entry->body_size,
        .ttls = entry_ttls(entry),
        .ttl_count = entry->ttl_count,
        .options = options,
        .options_size = entry->options_size,
        .aliases = options + entry->options_size,
        .aliases_size = entry->aliases_size,
        .cleared = entry->data,
    };
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t size)
{
    if (size)
        memcpy(at, bytes, size);
    return at + size;
}

struct cache_entry *cache_entry_create(struct cache_key key, const struct cache_answer *answer)
{
    struct cache_entry head = {
        .hash = key.hash,
        .stored = answer->stored,
        .expires = answer->expires,
        .refresh_at = answer->refresh_at,
        .hits = answer->hits,
        .key_size = (uint16_t)key.size,
        .body_size = (uint16_t)answer->body_size,
        .ttl_count = (uint16_t)answer->ttl_count,
        .options_size = (uint16_t)answer->options_size,
        .answers = answer->answers,
        .authorities = answer->authorities,
        .additional = answer->additional,
        .rcode = answer->rcode,
        .authentic = answer->authentic,
        .cleared_room = answer->cleared_room,
        .cleared_count = answer->cleared_count,
        .aliases_size = (uint16_t)answer->aliases_size,
        .failures = answer->failures,
        .stale_until = answer->stale_until,
        .retry_at = answer->retry_at,
    };
    struct cache_entry *entry = malloc(entry_size(&head));
    if (entry == NULL)
        return NULL;
    *entry = head;
    memset(entry->data, 0, 8 * (size_t)entry->cleared_room);
    append((uint8_t *)entry->data, answer->cleared, 8 * (size_t)entry->cleared_count);
    uint8_t *at = (uint8_t *)(entry->data + entry->cleared_room);
    at = append(at, answer->ttls, 2 * answer->ttl_count);
    at = append(at, key.bytes, key.size);
    at = append(at, answer->body, answer->body_size);
    at = append(at, answer->options, answer->options_size);
    append(at, answer->aliases, answer->aliases_size);
    return entry;
}

void cache_entry_free_next(struct cache_entry *entry)
{
    while (entry != NULL) {
        struct cache_entry *next = entry->next;
        free(entry);
        entry = next;
    }
}

void cache_entry_free_older(struct cache_entry *entry)
{
    while (entry != NULL) {
        struct cache_entry *older = entry->older;
        free(entry);
        entry = older;
    }
}

bool cache_entry_is_cleared(struct cache_entry *entry, uint64_t profile)
{
    for (unsigned i = 0; i < entry->cleared_count; i++)
        if (entry->data[i] == profile)
            return true;
    return false;
}

void cache_entry_clear(struct cache_entry *entry, uint64_t profile)
{
    if (entry->cleared_room == 0 || cache_entry_is_cleared(entry, profile))
        return;
    if (entry->cleared_count == entry->cleared_room)
        memmove(entry->data, entry->data + 1, 8 * (size_t)--entry->cleared_count);
    entry->data[entry->cleared_count++] = profile;
}
