#include "table.h"

__extension__ typedef unsigned __int128 wide;

enum { BYTES_A_DIVISION = 8 }; /* behind a number of 60 bits: 124 */

static const uint64_t KEY_MASK = ((uint64_t)1 << TABLE_KEY_BITS) - 1;
static const uint64_t TAG_MASK = ((uint64_t)1 << (64 - TABLE_PAIR_BITS)) - 1;
static const uint64_t PAIR_MASK = ((uint64_t)1 << TABLE_PAIR_BITS) - 1;

static unsigned highest_bit(const uint64_t depths[2])
{
    for (unsigned bit = 127; bit > 0; bit--)
        if (depths[bit / 64] >> bit % 64 & 1)
            return bit;
    return 0;
}

bool table_ready(struct table *table)
{
    if (table->slots == NULL || table->slot_count <= TABLE_PROBE_MAX || table->prime < 2 ||
        table->prime > KEY_MASK || table->factor > KEY_MASK)
        return false;
    uint64_t places = table->slot_count - TABLE_PROBE_MAX;
    unsigned bits = 0;
    while (bits < TABLE_KEY_BITS && (uint64_t)1 << bits < places)
        bits++;
    if ((uint64_t)1 << bits != places)
        return false;
    table->shift = TABLE_KEY_BITS - bits;
    unsigned deepest = highest_bit(table->depths), above = highest_bit(table->depths_above);
    table->deepest = deepest > above ? deepest : above;
    return true;
}

/* A dot within a label, or a byte 0, would let the text of a name pass for that of another one. */
static inline uint8_t unlisted(uint8_t byte)
{
    return byte == 0 || byte == '.' ? '/' : byte;
}

/* Return the number of a text, which is `number` behind a label and, unless it is the last one, a dot: it is read as
 * one little-endian number modulo the prime, as many bytes at a time as fit before a division. */
static uint64_t behind(const struct table *table, uint64_t number, const uint8_t *label, unsigned size, bool last)
{
    uint64_t taken = last ? 0 : '.';
    unsigned count = !last;
    while (size > 0) {
        if (count == BYTES_A_DIVISION) {
            number = (uint64_t)(((wide)number << 8 * BYTES_A_DIVISION | taken) % table->prime);
            taken = count = 0;
        }
        taken = taken << 8 | unlisted(label[--size]);
        count++;
    }
    return (uint64_t)(((wide)number << 8 * count | taken) % table->prime);
}

/* Return the set of one name or parent; false: it is not there. */
static bool probe(const struct table *table, uint64_t key, bool below, uint32_t *set)
{
    uint64_t tag = key & TAG_MASK;
    for (uint64_t slot = key >> table->shift; slot < table->slot_count; slot++) {
        uint64_t word = table->slots[slot];
        if (word == 0)
            return false;
        if (word >> TABLE_PAIR_BITS == tag) {
            uint64_t pair = word & PAIR_MASK;
            *set = pair == 0 || pair > table->pair_count ? TABLE_DAMAGED : table->pairs[2 * (pair - 1) + below];
            return true;
        }
    }
    *set = TABLE_DAMAGED;
    return true;
}

/* Add the key of one text, which is `number`. */
static void add_key(const struct table *table, uint64_t number, struct table_look *look)
{
    uint64_t key = (uint64_t)((wide)number * table->factor % table->prime);
    __builtin_prefetch(table->slots + (key >> table->shift));
    look->keys[look->count++] = key;
}

void table_look(const struct table *table, const uint8_t *name, size_t size, struct table_look *look)
{
    uint8_t starts[TABLE_LABELS_MAX];          /* where each label's text begins, the first label first */
    uint64_t numbers[TABLE_LABELS_MAX];        /* the text from the nth last label on, as a number modulo the prime */
    unsigned labels = 0;
    for (size_t at = 0; at < size && name[at] != 0 && labels < TABLE_LABELS_MAX; at += (size_t)name[at] + 1)
        starts[labels++] = (uint8_t)(at + 1);
    unsigned met = labels < table->deepest ? labels : table->deepest;
    uint64_t number = 0;
    for (unsigned depth = 1; depth <= met; depth++) {
        unsigned start = starts[labels - depth];
        number = behind(table, number, name + start, name[start - 1], depth == 1);
        numbers[depth - 1] = number;
    }
    look->count = 0;
    look->itself = labels > 0 && met == labels && table->depths[met / 64] >> met % 64 & 1;
    for (unsigned depth = met; depth > 0; depth--) {
        const uint64_t *depths = depth == labels ? table->depths : table->depths_above;
        if (depths[depth / 64] >> depth % 64 & 1)
            add_key(table, numbers[depth - 1], look);
    }
}

uint32_t table_found(const struct table *table, const struct table_look *look)
{
    uint32_t set;
    for (unsigned i = 0; i < look->count; i++)
        if (probe(table, look->keys[i], i > 0 || !look->itself, &set))
            return set;
    return 0;
}

uint32_t table_find(const struct table *table, const uint8_t *name, size_t size)
{
    struct table_look look;
    table_look(table, name, size, &look);
    return table_found(table, &look);
}
