/* Keys of names as core/keys.py has them: the canonical text, read as one little-endian number, times a factor,
 * modulo a prime. */
#ifndef NXWHY_NAME_KEY_H
#define NXWHY_NAME_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table_build.h"

enum { KEY_CHUNK = 8, KEY_CHUNKS = 32, KEY_LABEL = 64 };

/* A secret, and the factor times the powers of 256 by eights. */
struct key_maker {
    uint64_t prime;
    uint64_t factors[KEY_CHUNKS];
    uint64_t powers[KEY_LABEL + 1]; /* of 256, modulo the prime, up to a whole label and its dot */
};

/* False: no secret that the keys of a table can have. */
bool key_maker_init(struct key_maker *maker, struct build_secret secret);

/* Returns the key of a text. */
uint64_t key_of(const struct key_maker *maker, const uint8_t *text, size_t size);

/* Returns the key of a text in front of another one, whose key is given. */
uint64_t key_before(const struct key_maker *maker, const uint8_t *text, size_t size, uint64_t behind);

#endif
