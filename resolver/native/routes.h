/* Where names are asked: the longest match over names of routes and of local zones, as Routes of core/routes.py.
 *
 * Keyed: names are chosen by whoever asks. Never changed once it is made. */
#ifndef ROUTES_H
#define ROUTES_H

#include <stddef.h>
#include <stdint.h>

enum { ROUTES_PYTHON = -1 /* what stands for a name that Python answers */ };

struct routes;

/* Make routes of names that stand one behind the other (canonical, wire form), and of where each leads: a number of
 * the caller's, or ROUTES_PYTHON. NULL: not so many names, or broken ones, or no memory. free() ends it. */
struct routes *routes_create(const uint8_t *names, size_t size, const int32_t *to, size_t count, int32_t fallback,
                             const uint64_t seed[2]);

/* Return where a canonical name is asked for a type. DS of a name that stands here is for Python: it is asked above. */
int32_t routes_find(const struct routes *routes, const uint8_t *name, size_t size, unsigned type);

#endif
