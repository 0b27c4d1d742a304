#include <stdlib.h>
#include <string.h>

#include "name_key.h"
#include "pair_map.h"
#include "table_build.h"

enum { MOST_LABELS = 256 };

struct build_inheritance {
    struct key_maker maker;
    uint64_t *slots;
    size_t slot_count;
    unsigned shift;
    size_t at, place;       /* where we are in the list at hand: in its bytes, and its names */
    uint32_t *combinations; /* by pair: what it came from */
    size_t pairs, room;
    struct pair_map known;   /* (inherited, combination) -> pair, and the set below, 32 bits up */
    struct pair_map covered; /* (inherited, rule) -> times */
    struct build_question asked;
};

struct build_inheritance *build_inheritance_new(struct build_secret secret, uint64_t *slots, unsigned bits,
                                                size_t combinations) {
    if (bits < 1 || bits > BUILD_BITS_MAX || combinations > BUILD_PAIRS_MAX)
        return NULL;
    struct build_inheritance *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->slots = slots;
    made->slot_count = ((size_t)1 << bits) + TABLE_PROBE_MAX;
    made->shift = TABLE_KEY_BITS - bits;
    made->room = combinations + 64;
    made->combinations = malloc(made->room * sizeof *made->combinations);
    if (made->combinations == NULL || !key_maker_init(&made->maker, secret)) {
        build_inheritance_free(made);
        return NULL;
    }
    for (; made->pairs < combinations; made->pairs++)
        made->combinations[made->pairs] = (uint32_t)made->pairs;
    return made;
}

void build_inheritance_free(struct build_inheritance *made) {
    if (made == NULL)
        return;
    free(made->combinations);
    pair_map_clear(&made->known);
    pair_map_clear(&made->covered);
    free(made);
}

/* Returns the slot of a key, NULL if there is none. */
static uint64_t *slot_of(const struct build_inheritance *made, uint64_t key) {
    const uint64_t tag = key & (UINT64_MAX >> TABLE_PAIR_BITS);
    for (size_t at = key >> made->shift; at < made->slot_count && made->slots[at] != 0; at++)
        if (made->slots[at] >> TABLE_PAIR_BITS == tag)
            return made->slots + at;
    return NULL;
}

/* Finds what the pair in a slot came from. False: it came from nowhere. */
static bool combination_at(const struct build_inheritance *made, uint64_t slot, uint32_t *combination) {
    const uint64_t pair = (slot & BUILD_PAIRS_MAX) - 1;
    if (pair >= made->pairs)
        return false;
    *combination = made->combinations[pair];
    return true;
}

/* Finds the pair that a combination has below a set, and the set that then holds below its name. */
static enum build_status pair_below(struct build_inheritance *made, uint32_t inherited, uint32_t combination,
                                    uint64_t *found) {
    const struct pair_entry *entry = pair_map_find(&made->known, inherited, combination);
    if (entry == NULL) {
        made->asked = (struct build_question){inherited, combination};
        return BUILD_ASK;
    }
    *found = entry->value;
    return BUILD_DONE;
}

enum build_status build_answer(struct build_inheritance *made, uint32_t origin, uint32_t below) {
    const struct build_question asked = made->asked;
    if (origin > made->pairs || origin >= BUILD_PAIRS_MAX ||
        pair_map_find(&made->known, asked.inherited, asked.combination) != NULL ||
        (origin < made->pairs && made->combinations[origin] != asked.combination))
        return BUILD_BAD_INPUT;
    if (origin == made->pairs) {
        if (made->pairs == made->room) {
            uint32_t *grown = realloc(made->combinations, 2 * made->room * sizeof *grown);
            if (grown == NULL)
                return BUILD_NO_MEMORY;
            made->combinations = grown;
            made->room *= 2;
        }
        made->combinations[made->pairs++] = asked.combination;
    }
    return pair_map_add(&made->known, asked.inherited, asked.combination, (uint64_t)below << 32 | origin)
               ? BUILD_DONE
               : BUILD_NO_MEMORY;
}

/* Works out one name, and notes that its rule stands there. */
static enum build_status inherit_name(struct build_inheritance *made, const uint8_t *text, size_t size,
                                      uint32_t rule) {
    size_t dots[MOST_LABELS], count = 0;
    for (size_t at = 0; at < size; at++)
        if (text[at] == '.') {
            if (count == MOST_LABELS)
                return BUILD_BAD_INPUT;
            dots[count++] = at;
        }
    uint64_t key = 0, found;
    uint32_t inherited = 0, combination;
    size_t end = size; /* from the shortest parent to the longest, the name itself left out */
    while (count > 0) {
        const size_t begin = dots[--count] + 1;
        key = key_before(&made->maker, text + begin, end - begin, key);
        end = begin;
        /* a text that ends in a dot has an empty parent at last, which is the root: nothing holds there */
        const uint64_t *slot = begin < size ? slot_of(made, key) : NULL;
        if (slot == NULL)
            continue;
        if (!combination_at(made, *slot, &combination))
            return BUILD_BAD_INPUT;
        enum build_status status = pair_below(made, inherited, combination, &found);
        if (status != BUILD_DONE)
            return status;
        inherited = (uint32_t)(found >> 32);
    }
    if (inherited == 0)
        return BUILD_DONE;
    key = key_before(&made->maker, text, end, key);
    uint64_t *slot = slot_of(made, key);
    if (slot == NULL || !combination_at(made, *slot, &combination))
        return BUILD_BAD_INPUT;
    enum build_status status = pair_below(made, inherited, combination, &found);
    if (status != BUILD_DONE)
        return status;
    *slot = (*slot & ~(uint64_t)BUILD_PAIRS_MAX) | ((uint32_t)found + 1);
    struct pair_entry *covered = pair_map_find(&made->covered, inherited, rule);
    if (covered != NULL)
        covered->value++;
    else if (!pair_map_add(&made->covered, inherited, rule, 1))
        return BUILD_NO_MEMORY;
    return BUILD_DONE;
}

enum build_status build_inherit(struct build_inheritance *made, const uint8_t *names, size_t size,
                                const uint16_t *kinds, size_t count, uint32_t first,
                                struct build_question *question) {
    while (made->at < size) {
        const uint8_t *text = names + made->at;
        const uint8_t *feed = memchr(text, '\n', size - made->at);
        const size_t length = feed == NULL ? size - made->at : (size_t)(feed - text);
        if (made->place >= count)
            return BUILD_BAD_INPUT;
        enum build_status status = inherit_name(made, text, length, first + kinds[made->place]);
        if (status == BUILD_ASK)
            *question = made->asked;
        if (status != BUILD_DONE)
            return status;
        made->at += length + (feed != NULL);
        made->place++;
    }
    made->at = made->place = 0;
    return BUILD_DONE;
}

size_t build_covered_count(const struct build_inheritance *made) {
    return made->covered.count;
}

struct build_covered build_covered_at(const struct build_inheritance *made, size_t place) {
    const struct pair_entry *entry = made->covered.entries + place;
    return (struct build_covered){entry->first, entry->second, entry->value};
}
