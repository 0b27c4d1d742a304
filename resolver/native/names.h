/* Names in answers: compressed or not (RFC 1035, section 4.1.4). As read_name and _skip_name of core/wire.py. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMES_MAX = 255, NAMES_POINTERS = 16 /* MAX_POINTERS of core/wire.py */ };

/* A canonical name: lowercase wire form, the root's byte included. */
struct name {
    size_t size;
    uint8_t bytes[NAMES_MAX];
};

/* Return where the name at `at` ends, or 0: broken. What a pointer leads to is not read. */
size_t names_skip(const uint8_t *wire, size_t size, size_t at);

/* Read the name at `at`; return where it ends, or 0: broken. A pointer has to go backwards, before the piece of the
 * name that it stands in, so no loop is possible. */
size_t names_read(const uint8_t *wire, size_t size, size_t at, struct name *name);

/* Return how many bytes of `name` stand in front of `owner`, or 0: it is not below it. Both are canonical. */
size_t names_below(const struct name *name, const struct name *owner);

#endif
