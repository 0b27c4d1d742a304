#include "routes.h"

#include "siphash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 63, NAME_MAX_SIZE = 255, DS = 43 };

struct route {
    const uint8_t *name;                 /* NULL: an empty slot */
    size_t size;
    int32_t to;
};

struct routes {
    uint64_t seed[2];
    size_t mask;
    int32_t fallback;
    struct route slots[];                /* the names stand behind them */
};

/* Return the size of the name that begins here, 0: none does. */
static size_t name_size(const uint8_t *name, size_t left)
{
    size_t at = 0;
    while (at < left && at < NAME_MAX_SIZE && name[at] != 0 && name[at] <= LABEL_MAX)
        at += name[at] + 1U;
    return at < left && at < NAME_MAX_SIZE && name[at] == 0 ? at + 1 : 0;
}

/* Return the slot of a name, or the empty one where it would stand: at most half of them are taken. */
static size_t slot_of(const struct routes *routes, const uint8_t *name, size_t size)
{
    size_t at = siphash_1_3(routes->seed, name, size) & routes->mask;
    while (routes->slots[at].name != NULL &&
           (routes->slots[at].size != size || memcmp(routes->slots[at].name, name, size) != 0))
        at = (at + 1) & routes->mask;
    return at;
}

static bool add_all(struct routes *routes, const uint8_t *names, size_t size, const int32_t *to, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t one = name_size(names + at, size - at);
        if (one == 0)
            return false;
        routes->slots[slot_of(routes, names + at, one)] = (struct route){names + at, one, to[i]};
        at += one;
    }
    return at == size;
}

struct routes *routes_create(const uint8_t *names, size_t size, const int32_t *to, size_t count, int32_t fallback,
                             const uint64_t seed[2])
{
    if (count > SIZE_MAX / (8 * sizeof(struct route)) || count > size)
        return NULL;
    size_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    struct routes *routes = calloc(1, sizeof *routes + slots * sizeof(struct route) + size);
    if (routes == NULL)
        return NULL;
    routes->seed[0] = seed[0];
    routes->seed[1] = seed[1];
    routes->mask = slots - 1;
    routes->fallback = fallback;
    uint8_t *own = (uint8_t *)(routes->slots + slots);
    if (size)
        memcpy(own, names, size);
    if (add_all(routes, own, size, to, count))
        return routes;
    free(routes);
    return NULL;
}

int32_t routes_find(const struct routes *routes, const uint8_t *name, size_t size, unsigned type)
{
    for (size_t at = 0; at < size; at += name[at] + 1U) { /* the root is the last */
        const struct route *route = &routes->slots[slot_of(routes, name + at, size - at)];
        if (route->name != NULL)
            return at == 0 && type == DS ? ROUTES_PYTHON : route->to;
    }
    return routes->fallback;
}
