/* The clients that have asked before: what holds for an address, and how much it may still ask.
 *
 * Python decides who may ask and adds an address when it is first met; one that is not here is for Python. Bounded.
 * The thread that answers is the one that changes it. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLIENTS_MAX = 16384,                 /* MAX_KNOWN of core/clients.py */
    CLIENTS_SLOTS = 2 * CLIENTS_MAX,
};

struct client {
    uint8_t address[16];                 /* in network order; one of IPv4 in the first four */
    uint32_t profile;                    /* a number of the policy */
    uint32_t size;                       /* of the address: 4 or 16; 0: an empty slot */
    double *left;                        /* how many queries it may send before Python looks at the clock */
};

struct clients {
    uint64_t seed[2];
    size_t count;
    struct client slots[CLIENTS_SLOTS];
};

/* Return an empty one, or NULL: no memory. free() ends it. The seed is secret. */
struct clients *clients_create(const uint64_t seed[2]);

/* Return what is known of an address of 4 or 16 bytes, or NULL. */
const struct client *clients_find(const struct clients *clients, const uint8_t *address, size_t size);

/* Add an address, or replace what is known of it. `left` has to live as long. False: full, or no address. */
bool clients_add(struct clients *clients, const uint8_t *address, size_t size, uint32_t profile, double *left);

void clients_clear(struct clients *clients);

#endif
