#include "pair_map.h"

#include <stdlib.h>

enum { FIRST_ROOM = 256, MAX_ROOM = 1 << 30 };

/* A place for two numbers among so many, a power of two. */
static size_t place_of(uint32_t first, uint32_t second, size_t places) {
    uint64_t hash = ((uint64_t)first << 32 | second) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(hash >> 20 ^ hash >> 41) & (places - 1);
}

struct pair_entry *pair_map_find(const struct pair_map *map, uint32_t first, uint32_t second) {
    if (map->count == 0)
        return NULL;
    size_t places = 2 * map->room;
    for (size_t at = place_of(first, second, places); map->places[at] != 0; at = (at + 1) & (places - 1)) {
        struct pair_entry *entry = map->entries + map->places[at] - 1;
        if (entry->first == first && entry->second == second)
            return entry;
    }
    return NULL;
}

/* Puts an entry's number in its place. There is always a free one: half of the places are. */
static void put(struct pair_map *map, size_t number) {
    size_t places = 2 * map->room;
    size_t at = place_of(map->entries[number].first, map->entries[number].second, places);
    while (map->places[at] != 0)
        at = (at + 1) & (places - 1);
    map->places[at] = (uint32_t)number + 1;
}

static bool grow(struct pair_map *map) {
    size_t room = map->room == 0 ? FIRST_ROOM : 2 * map->room;
    if (room > MAX_ROOM)
        return false;
    struct pair_entry *entries = realloc(map->entries, room * sizeof *entries);
    if (entries == NULL)
        return false;
    map->entries = entries;
    uint32_t *places = calloc(2 * room, sizeof *places);
    if (places == NULL)
        return false;
    free(map->places);
    map->places = places;
    map->room = room;
    for (size_t number = 0; number < map->count; number++)
        put(map, number);
    return true;
}

bool pair_map_add(struct pair_map *map, uint32_t first, uint32_t second, uint64_t value) {
    if (map->count == map->room && !grow(map))
        return false;
    map->entries[map->count] = (struct pair_entry){first, second, value};
    put(map, map->count++);
    return true;
}

void pair_map_clear(struct pair_map *map) {
    free(map->entries);
    free(map->places);
    *map = (struct pair_map){0};
}
