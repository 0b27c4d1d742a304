/* A service that knows a little, for programs that ask it: two listed names, one client for whom they are blocked and one
 * for whom they are not, and two answers. */
#ifndef WORLD_H
#define WORLD_H

#include "answer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { SLOTS = 64 + TABLE_PROBE_MAX, SETS = 3 };

static const uint64_t PRIME = ((uint64_t)1 << TABLE_KEY_BITS) - 93, FACTOR = 0x0123456789abcdefu;
static uint64_t slots[SLOTS];
static const uint32_t pairs[] = {1, 1, 2, 0};
static struct known known;
static const struct cookies cookies = {{3, 4}, 1e9};
static _Atomic int64_t left = CLIENTS_UNBOUNDED;
static const uint8_t blocked_client[] = {192, 0, 2, 1}, free_client[] = {192, 0, 2, 2};

/* Put a name into the table: a second way to its key, by the definition. */
static void list_name(struct table *table, const char *text, unsigned labels, uint64_t pair)
{
    uint64_t number = 0;
    for (size_t at = strlen(text); at > 0; at--)
        number = (uint64_t)(((wide)number << 8 | (uint8_t)text[at - 1]) % PRIME);
    uint64_t key = (uint64_t)((wide)number * FACTOR % PRIME), slot = key >> (TABLE_KEY_BITS - 6);
    while (slots[slot] != 0)
        slot++;
    slots[slot] = key << TABLE_PAIR_BITS | pair;
    table->depths[0] |= (uint64_t)1 << labels;
    table->depths_above[0] |= (uint64_t)1 << labels;
}

static struct policy_tail_bytes tail_of(size_t size)
{
    struct policy_tail_bytes tail = {malloc(size), size};
    assert(tail.bytes != NULL);
    memset(tail.bytes, 'x', size);
    return tail;
}

static uint32_t add_verdict(struct policy *policy, bool blocks)
{
    struct policy_verdict *verdict = calloc(1, sizeof *verdict);
    assert(verdict != NULL);
    verdict->blocks = blocks;
    verdict->blocked = blocks ? 7 : -1;
    verdict->shadow = -1;
    for (int of = 0; of < POLICY_CLASSES; of++)
        verdict->shapes[of].counts[1] = verdict->shapes[of].counts_edns[1] = verdict->shapes[of].counts_edns[7] = 1;
    for (int of = 0; of < POLICY_CLASSES; of++)
        for (int tail = 0; tail < POLICY_TAILS; tail++) /* from short ones to such as do not fit */
            verdict->shapes[of].tails[tail] = tail_of(of * 500U + tail * 100U + 1);
    return policy_add_verdict(policy, verdict);
}

static inline void keep(const char *name, size_t size, uint8_t type, size_t body_size, const uint16_t *ttls, size_t ttl_count)
{
    uint8_t key[MESSAGE_KEY_MAX], *body = calloc(1, body_size);
    assert(body != NULL);
    memcpy(key, name, size);
    memcpy(key + size, (uint8_t[]){0, type, 0, 1}, 4);
    struct cache_answer kept = {.expires = 1000, .refresh_at = INFINITY, .answers = 1, .body = body,
                                .body_size = body_size, .ttls = ttls, .ttl_count = ttl_count,
                                .options = (const uint8_t *)"\0\17\0\2\0\26", .options_size = 6};
    assert(cache_put(known.cache, cache_key(known.cache, key, size + 4), &kept, cache_generation(known.cache)) != 0);
    free(body);
}

static inline void prepare(void)
{
    struct table table = {.slots = slots, .slot_count = SLOTS, .pairs = pairs, .pair_count = 2, .prime = PRIME,
                          .factor = FACTOR};
    list_name(&table, "policy.example", 2, 1);
    list_name(&table, "only.example", 2, 2);
    assert(table_ready(&table));
    struct policy *policy = policy_create(&table, SETS);
    struct clients *clients = clients_create((uint64_t[]){1, 2});
    assert(policy != NULL && clients != NULL);
    uint32_t pass = add_verdict(policy, false), block = add_verdict(policy, true);
    for (uint32_t profile = 0; profile < 2; profile++) {
        assert(policy_add_profile(policy, profile, false) == (int32_t)profile);
        for (size_t set = 0; set < SETS; set++)
            assert(policy_note(policy, profile, set, set && profile == 0 ? block : pass));
    }
    assert(clients_add(clients, blocked_client, 4, 0, &left) && clients_add(clients, free_client, 4, 1, &left));
    known = (struct known){policy, clients, cache_create(1 << 22, 0, (const uint8_t *)"0123456789abcdef"), &cookies, NULL};
    assert(known.cache != NULL);
    static const uint16_t ttls[] = {6, 22};
    keep("\5known\7example", 15, 1, 32, ttls, 2);
    keep("\4long\7example", 14, 16, 1100, ttls, 1);
}

#endif
