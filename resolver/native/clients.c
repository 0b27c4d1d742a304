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
    while (clients->slots[at].size != 0 &&
           (clients->slots[at].size != size || memcmp(clients->slots[at].address, address, size) != 0))
        at = (at + 1) % CLIENTS_SLOTS;
    return at;
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
    return client->size != 0 ? client : NULL;
}

bool clients_add(struct clients *clients, const uint8_t *address, size_t size, uint32_t profile, double *left)
{
    if (size != 4 && size != 16)
        return false;
    struct client *client = &clients->slots[slot_of(clients, address, size)];
    if (client->size == 0 && clients->count == CLIENTS_MAX)
        return false;
    clients->count += client->size == 0;
    memcpy(client->address, address, size);
    client->size = (uint32_t)size;
    client->profile = profile;
    client->left = left;
    return true;
}

void clients_clear(struct clients *clients)
{
    memset(clients->slots, 0, sizeof clients->slots);
    clients->count = 0;
}
