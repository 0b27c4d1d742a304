/* The clients that have asked before: what holds for an address, and how much it may still ask.
 *
 * Python decides who may ask and adds an address when it is first met; one that is not here is for Python. Bounded.
 * One thread adds, any may look meanwhile: `size` of a slot is set last and makes the rest of it seen, and what is there
 * is never changed nor taken away before the whole is.
 *
 * What a client has left is shared by all threads: each takes from it what it has answered, none of that is lost, and
 * Python alone grants more. A thread looks before it answers and takes after it, so at the end of each grant a client may
 * get one answer more than it has left for each thread, and never more than that. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLIENTS_MAX = 16384,                 /* MAX_KNOWN of core/clients.py */
    CLIENTS_SLOTS = 2 * CLIENTS_MAX,
};

#define CLIENTS_UNBOUNDED INT64_MAX
/* What is left for a client without a bound; nothing is taken from it. */

struct client {
    uint8_t address[16];                 /* in network order; one of IPv4 in the first four */
    uint32_t profile;                    /* a number of the policy */
    _Atomic uint32_t size;               /* of the address: 4 or 16; 0: an empty slot */
    _Atomic int64_t *left;               /* how many queries it may send before Python looks at the clock */
};

struct clients {
    uint64_t seed[2];
    size_t count;                        /* of the thread that adds */
    struct client slots[CLIENTS_SLOTS];
};

/* Take one query from what a client has left, by whichever thread. */
static inline void client_take(const struct client *client)
{
    if (atomic_load_explicit(client->left, memory_order_relaxed) != CLIENTS_UNBOUNDED)
        atomic_fetch_sub_explicit(client->left, 1, memory_order_relaxed);
}

/* Return an empty one, or NULL: no memory. free() ends it. The seed is secret. */
struct clients *clients_create(const uint64_t seed[2]);

/* Return what is known of an address of 4 or 16 bytes, or NULL. */
const struct client *clients_find(const struct clients *clients, const uint8_t *address, size_t size);

/* Add an address; one that is there stays as it is. `left` has to live as long. False: full, or no address. */
bool clients_add(struct clients *clients, const uint8_t *address, size_t size, uint32_t profile, _Atomic int64_t *left);

#endif
