/* A growing map from two numbers to one, that remembers the order in which they came. */
#ifndef NXWHY_PAIR_MAP_H
#define NXWHY_PAIR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pair_entry {
    uint32_t first, second;
    uint64_t value;
};

/* All zero: empty. */
struct pair_map {
    struct pair_entry *entries;
    uint32_t *places; /* by hash: the number of an entry, from 1; 0: none */
    size_t count, room;
};

/* Returns the entry of two numbers, or NULL. It is valid until the next pair_map_add. */
struct pair_entry *pair_map_find(const struct pair_map *map, uint32_t first, uint32_t second);

/* Adds two numbers that are not there. False: no memory, or more than 1 << 30 of them. */
bool pair_map_add(struct pair_map *map, uint32_t first, uint32_t second, uint64_t value);

void pair_map_clear(struct pair_map *map);

#endif
