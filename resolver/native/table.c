#include "table.h"

__extension__ typedef unsigned __int128 wide;

enum { GAP_BITS = 54 };

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
    uint64_t gap = KEY_MASK + 1 - table->prime;
    table->gap = gap >> GAP_BITS ? 0 : gap;
    unsigned deepest = highest_bit(table->depths), above = highest_bit(table->depths_above);
    table->deepest = deepest > above ? deepest : above;
    return true;
}

/* Return (256 * number + byte) modulo the prime, without a division where the prime is close below 1 << KEY_BITS:
 * there, 1 << KEY_BITS is worth as much as the gap. */
static inline uint64_t followed(const struct table *table, uint64_t number, uint8_t byte)
{
    if (table->gap == 0)
        return (uint64_t)(((wide)number << 8 | byte) % table->prime);
    uint64_t sum = ((number << 8 & KEY_MASK) | byte) + (number >> (TABLE_KEY_BITS - 8)) * table->gap; /* below 1 << 63 */
    sum = (sum & KEY_MASK) + (sum >> TABLE_KEY_BITS) * table->gap;             /* below twice the prime */
    return sum >= table->prime ? sum - table->prime : sum;
}

/* A dot within a label, or a byte 0, would let the text of a name pass for that of another one. */
static inline uint8_t unlisted(uint8_t byte)
{
    return byte == 0 || byte == '.' ? '/' : byte;
}

/* Return the set of one name or parent, whose text is `number`; false: it is not there. */
static bool probe(const struct table *table, uint64_t number, bool below, uint32_t *set)
{
    uint64_t key = (uint64_t)((wide)number * table->factor % table->prime), tag = key & TAG_MASK;
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

uint32_t table_find(const struct table *table, const uint8_t *name, size_t size)
{
    uint8_t starts[TABLE_LABELS_MAX];          /* where each label's text begins, the first label first */
    uint64_t numbers[TABLE_LABELS_MAX];        /* the text from the nth last label on, as a number modulo the prime */
    unsigned labels = 0;
    for (size_t at = 0; at < size && name[at] != 0 && labels < TABLE_LABELS_MAX; at += (size_t)name[at] + 1)
        starts[labels++] = (uint8_t)(at + 1);
    unsigned met = labels < table->deepest ? labels : table->deepest;
    uint64_t number = 0;
    for (unsigned depth = 1; depth <= met; depth++) {
        unsigned start = starts[labels - depth], end = start + name[start - 1];
        if (depth > 1)
            number = followed(table, number, '.');
        while (end > start)
            number = followed(table, number, unlisted(name[--end]));
        numbers[depth - 1] = number;
    }
    for (unsigned depth = met; depth > 0; depth--) {
        const uint64_t *depths = depth == labels ? table->depths : table->depths_above;
        uint32_t set;
        if (depths[depth / 64] >> depth % 64 & 1 && probe(table, numbers[depth - 1], depth != labels, &set))
            return set;
    }
    return 0;
}
