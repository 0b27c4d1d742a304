/* Looking names up in a compiled table of names: Table._find of core/table.py, over the same slots.
 *
 * The slots belong to whoever opened the table; they are read only. Whatever stands in them, nothing outside of them
 * and of the pairs is read. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_KEY_BITS = 60, TABLE_PAIR_BITS = 20, TABLE_PROBE_MAX = 256, TABLE_LABELS_MAX = 127 };

#define TABLE_DAMAGED UINT32_MAX
/* What table_found returns where a slot leads nowhere. */

struct table {
    const uint64_t *slots;
    size_t slot_count;             /* a power of two, and TABLE_PROBE_MAX more */
    const uint32_t *pairs;         /* set for the name itself, set for what is below it; of each pair */
    size_t pair_count;
    uint64_t prime, factor;        /* the secret of the keys */
    uint64_t depths[2];            /* bit n: there are names of n labels */
    uint64_t depths_above[2];      /* bit n: there are names of n labels that names below them are met with */
    /* set by table_ready */
    unsigned shift, deepest;
};

/* Check the fields above and set those below. False: no such table can be. */
bool table_ready(struct table *table);

/* Where to look for a name: keys of it and of its parents, the longest first, of those that may be there. */
struct table_look {
    unsigned count;
    bool itself;                   /* whether the first key is of the name itself */
    uint64_t keys[TABLE_LABELS_MAX];
};

/* Work out where to look for a canonical name in wire form of `size` bytes, and have the processor fetch it meanwhile:
 * a slot that is not at hand takes longer than all else about a query. */
void table_look(const struct table *table, const uint8_t *name, size_t size, struct table_look *look);

/* Return the number of the set that holds for the name, 0 if no list has a say. */
uint32_t table_found(const struct table *table, const struct table_look *look);

/* Both at once. */
uint32_t table_find(const struct table *table, const uint8_t *name, size_t size);

#endif
