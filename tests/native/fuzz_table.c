/* A target of libFuzzer: a table as it is mapped, whatever stands in it, and names that are looked up there. */
#include "cursor.h"
#include "table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX = 255, LOOKS = 4, PAIRS_MAX = 16, BITS_MAX = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t word(struct cursor *cursor)
{
    uint64_t read = 0;
    for (int i = 0; i < 8; i++)
        read = read << 8 | cursor_8(cursor);
    return read;
}

/* Make a name of what is left: labels, and the root at the end. */
static size_t make_name(struct cursor *cursor, uint8_t name[NAME_MAX])
{
    size_t size = 0;
    for (;;) {
        unsigned length = cursor_8(cursor) & 63;
        const uint8_t *label = cursor_take(cursor, length);
        if (length == 0 || label == NULL || size + length + 2 > NAME_MAX)
            break;
        name[size++] = (uint8_t)length;
        memcpy(name + size, label, length);
        size += length;
    }
    name[size++] = 0;
    return size;
}

/* Fill the slots: each byte says how many are left out before the next word, which is of a key that will be looked up or
 * of anything. */
static void fill(struct cursor *cursor, uint64_t *slots, size_t count)
{
    for (size_t at = 0; at < count && !cursor->bad && cursor_left(cursor) > 64; at++) {
        at += cursor_8(cursor) % 8;
        if (at < count)
            slots[at] = word(cursor);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    unsigned form = cursor_8(&cursor);
    struct table table = {
        .slot_count = form & 0x80 ? cursor_16(&cursor) % 1024 : ((size_t)1 << form % (BITS_MAX + 1)) + TABLE_PROBE_MAX,
        .pair_count = cursor_8(&cursor) % PAIRS_MAX,
        .prime = form & 0x40 ? ((uint64_t)1 << TABLE_KEY_BITS) - 93 : word(&cursor),
        .factor = word(&cursor),
        .depths = {word(&cursor), word(&cursor)},
        .depths_above = {word(&cursor), word(&cursor)},
    };
    uint64_t *slots = calloc(table.slot_count ? table.slot_count : 1, sizeof *slots);
    uint32_t *pairs = calloc(table.pair_count ? table.pair_count : 1, 2 * sizeof *pairs);
    assert(slots != NULL && pairs != NULL);
    for (size_t i = 0; i < 2 * table.pair_count; i++)
        pairs[i] = cursor_8(&cursor);
    table.slots = slots;
    table.pairs = pairs;
    if (table_ready(&table)) {
        fill(&cursor, slots, table.slot_count);
        for (int i = 0; i < LOOKS; i++) {
            uint8_t name[NAME_MAX];
            size_t name_size = make_name(&cursor, name);
            struct table_look look;
            table_look(&table, name, name_size, &look);
            assert(look.count <= TABLE_LABELS_MAX);
            for (unsigned key = 0; key < look.count; key++)
                assert(look.keys[key] < table.prime && look.keys[key] >> table.shift < table.slot_count);
            if (look.count > 0) /* as if the name were listed there, with a pair that may not be */
                slots[look.keys[0] >> table.shift] = look.keys[0] << TABLE_PAIR_BITS | cursor_8(&cursor) % 32;
            uint32_t set = table_found(&table, &look);
            assert(set == TABLE_DAMAGED || set < 256);
        }
    }
    free(slots);
    free(pairs);
    return 0;
}
