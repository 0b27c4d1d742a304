#include "clients.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* Keyed: whoever may ask may come from any address of a network, and should not be able to fill one place. */
static size_t place_of(const struct clients *clients, const uint8_t *address, size_t size)
{
    uint64_t words[2] = {0, 0};
    memcpy(words, address, size);
    wide mixed = (wide)(words[0] ^ clients->seed[0]) * (words[1] ^ clients->seed[1] ^ size);
    uint64_t folded = (uint64_t)mixed ^ (uint64_t)(mixed >> 64);
    return (size_t)((folded ^ folded >> 32) % CLIENTS_SLOTS);
}

/* Return the slot of an address, or the empty one where it would stand: at most half of them are taken. */
static size_t slot_of(const struct clients *clients, const uint8_t *address, size_t size)
{
    size_t at = place_of(clients, address, size);
    for (;; at = (at + 1) % CLIENTS_SLOTS) {
        uint32_t taken = atomic_load_explicit(&clients->slots[at].size, memory_order_acquire);
        if (taken == 0 || (taken == size && memcmp(clients->slots[at].address, address, size) == 0))
            return at;
    }
}

struct clients *clients_create(const uint64_t seed[2])
{
    struct clients *clients = calloc(1, sizeof *clients); /* pages that are never touched cost nothing */
    if (clients != NULL) {
        clients->seed[0] = seed[0];
        clients->seed[1] = seed[1] | (uint64_t)1 << 63; /* never 0, or all would share a place */
    }
    return clients;
}

const struct client *clients_find(const struct clients *clients, const uint8_t *address, size_t size)
{
    if (size != 4 && size != 16)
        return NULL;
    const struct client *client = &clients->slots[slot_of(clients, address, size)];
    return atomic_load_explicit(&client->size, memory_order_acquire) != 0 ? client : NULL;
}

bool clients_add(struct clients *clients, const uint8_t *address, size_t size, uint32_t profile, _Atomic int64_t *left)
{
    if (size != 4 && size != 16)
        return false;
    struct client *client = &clients->slots[slot_of(clients, address, size)];
    if (atomic_load_explicit(&client->size, memory_order_relaxed) != 0)
        return true;
    if (clients->count == CLIENTS_MAX)
        return false;
    clients->count++;
    memcpy(client->address, address, size);
    client->profile = profile;
    client->left = left;
    atomic_store_explicit(&client->size, (uint32_t)size, memory_order_release);
    return true;
}
