#include "names.h"

#include <string.h>

enum { HEADER = 12, LABEL_END = 64, POINTER = 0xc0 };

size_t names_skip(const uint8_t *wire, size_t size, size_t at)
{
    size_t start = at;
    while (at < size) {
        size_t length = wire[at];
        if (length == 0)
            return at - start > NAMES_MAX - 1 ? 0 : at + 1;
        if (length >= LABEL_END) {
            if (length < POINTER || at + 1 >= size || at - start > NAMES_MAX - 1)
                return 0;
            size_t target = (length & 0x3f) << 8 | wire[at + 1];
            return target >= start || target < HEADER ? 0 : at + 2;
        }
        at += length + 1;
    }
    return 0;
}

/* Add a label with its length to a name; there is room for it. */
static void add_label(struct name *name, const uint8_t *label, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = label[i];
        name->bytes[name->size + i] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
    }
    name->size += size;
}

size_t names_read(const uint8_t *wire, size_t size, size_t at, struct name *name)
{
    size_t after = 0, bound = at;
    unsigned hops = 0;
    name->size = 0;
    for (;;) {
        if (at >= size)
            return 0;
        size_t length = wire[at];
        if (length == 0)
            break;
        if (length < LABEL_END) {
            if (name->size + length + 2 > NAMES_MAX || at + length + 1 > size) /* the root's byte is still to come */
                return 0;
            add_label(name, wire + at, length + 1);
            at += length + 1;
            continue;
        }
        if (length < POINTER || at + 1 >= size)
            return 0;
        size_t target = (length & 0x3f) << 8 | wire[at + 1];
        if (target >= bound || target < HEADER || ++hops > NAMES_POINTERS)
            return 0;
        after = after ? after : at + 2;
        at = bound = target;
    }
    name->bytes[name->size++] = 0;
    return after ? after : at + 1;
}

size_t names_below(const struct name *name, const struct name *owner)
{
    size_t at = 0;
    while (name->bytes[at] != 0) {
        at += name->bytes[at] + 1U;
        if (name->size - at == owner->size && memcmp(name->bytes + at, owner->bytes, owner->size) == 0)
            return at;
    }
    return 0;
}
