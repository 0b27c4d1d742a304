/* Reading a message from left to right, never beyond its end.
 *
 * A read that does not fit gives zeros and marks the cursor as bad for good; whoever reads asks once, at the end. */
#ifndef CURSOR_H
#define CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static inline struct cursor cursor_over(const uint8_t *bytes, size_t size)
{
    return (struct cursor){bytes, bytes + size, false};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* Go `count` bytes on; return where they begin, or NULL if there are not so many. */
static inline const uint8_t *cursor_take(struct cursor *cursor, size_t count)
{
    const uint8_t *at = cursor->at;
    if (cursor->bad || count > cursor_left(cursor)) {
        cursor->bad = true;
        return NULL;
    }
    cursor->at += count;
    return at;
}

static inline unsigned cursor_8(struct cursor *cursor)
{
    const uint8_t *at = cursor_take(cursor, 1);
    return at == NULL ? 0 : at[0];
}

static inline unsigned cursor_16(struct cursor *cursor)
{
    const uint8_t *at = cursor_take(cursor, 2);
    return at == NULL ? 0 : (unsigned)at[0] << 8 | at[1];
}

#endif
