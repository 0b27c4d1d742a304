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
/* What table_find returns where a slot leads nowhere. */

struct table {
    const uint64_t *slots;
    size_t slot_count;             /* a power of two, and TABLE_PROBE_MAX more */
    const uint32_t *pairs;         /* set for the name itself, set for what is below it; of each pair */
    size_t pair_count;
    uint64_t prime, factor;        /* the secret of the keys */
    uint64_t depths[2];            /* bit n: there are names of n labels */
    uint64_t depths_above[2];      /* bit n: there are names of n labels that names below them are met with */
    /* set by table_ready */
    uint64_t gap;                  /* from the prime to 1 << TABLE_KEY_BITS; 0 where it is too wide to be of use */
    unsigned shift, deepest;
};

/* Check the fields above and set those below. False: no such table can be. */
bool table_ready(struct table *table);

/* Return the number of the set that holds for a canonical name in wire form of `size` bytes, 0 if no list has a say. */
uint32_t table_find(const struct table *table, const uint8_t *name, size_t size);

#endif
