/* A target of libFuzzer: answers are put into the cache, and queries for them are answered, while time passes.
 *
 * An input is a row of steps. Of a query what the fuzzer makes up is either all of it, or the header and the OPT record
 * around a name of which something is known. */
#include "world.h"

#include "cursor.h"

enum { KEYS = 8, ASKED_MAX = 600, BODY_MAX = 2000, STEPS_MAX = 64, TTLS = 8 };

static struct { uint8_t bytes[MESSAGE_KEY_MAX]; size_t size; } keys[KEYS];
static unsigned key_count;
static uint8_t cookie_given[COOKIES_CLIENT + COOKIES_SERVER];
static double now;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Return so many bytes, or as many as are left. */
static const uint8_t *take(struct cursor *cursor, size_t *size)
{
    if (*size > cursor_left(cursor))
        *size = cursor_left(cursor);
    const uint8_t *bytes = cursor_take(cursor, *size);
    if (bytes == NULL)
        *size = 0;
    return bytes;
}

/* Draw a key: of a name that the world knows, with some type, or any bytes. */
static void draw_key(struct cursor *cursor, uint8_t *key, size_t *key_size)
{
    static const char *const names[] = {"\5known\7example", "\4long\7example", "\6policy\7example", "\1a\0b"};
    unsigned which = cursor_8(cursor);
    if (which & 0x80) {
        *key_size = 1 + which % 64;
        const uint8_t *bytes = take(cursor, key_size);
        if (*key_size)
            memcpy(key, bytes, *key_size);
        return;
    }
    size_t name_size = strlen(names[which % 4]) + 1;
    memcpy(key, names[which % 4], name_size);
    memcpy(key + name_size, (uint8_t[]){0, (uint8_t)(which >> 2 & 31), 0, 1, (uint8_t)(cursor_8(cursor) & 3)}, 5);
    *key_size = name_size + 4 + (key[name_size + 4] != 0);
}

static void put(struct cursor *cursor)
{
    uint8_t *key = keys[key_count % KEYS].bytes;
    size_t key_size, body_size = cursor_16(cursor) % BODY_MAX, options_size = cursor_8(cursor);
    size_t aliases_size = cursor_8(cursor) & 0x10 ? 9 : 0, pattern_size = 16;
    draw_key(cursor, key, &key_size);
    if (key_size == 0)
        return;
    keys[key_count++ % KEYS].size = key_size;
    uint8_t body[BODY_MAX], options[256];
    uint16_t ttls[TTLS];
    unsigned shape = cursor_8(cursor);
    for (unsigned i = 0; i < shape % TTLS; i++)
        ttls[i] = (uint16_t)cursor_16(cursor); /* some lie beyond the body: such an answer is refused */
    const uint8_t *pattern = take(cursor, &pattern_size);
    for (size_t i = 0; i < body_size; i++)
        body[i] = pattern_size ? pattern[i % pattern_size] : 0;
    memset(options, 'o', sizeof options);
    struct cache_answer kept = {
        .stored = now, .expires = now + cursor_8(cursor), .refresh_at = shape & 0x10 ? now + 1 : INFINITY,
        .stale_until = shape & 0x20 ? now + 1000 : 0, .failures = shape >> 6 & 1,
        .answers = (uint16_t)cursor_8(cursor), .rcode = (uint8_t)(cursor_8(cursor) & 31), .authentic = shape >> 7,
        .cleared_room = aliases_size ? 8 : 0, .body = body, .body_size = body_size, .ttls = ttls,
        .ttl_count = shape % TTLS, .options = options, .options_size = options_size,
        .aliases = (const uint8_t *)"\3abc\3def", .aliases_size = aliases_size,
    };
    struct cache_key made = cache_key(known.cache, key, key_size);
    uint64_t serial = cache_put(known.cache, made, &kept, cache_generation(known.cache));
    if (serial && aliases_size)
        cache_note_cleared(known.cache, made, serial, cursor_8(cursor) & 1);
}

/* Make a query for a key: its name as the fuzzer wants it written, and an OPT record with what is left. */
static size_t make_query(struct cursor *cursor, uint8_t *wire)
{
    unsigned which = cursor_8(cursor) % (key_count < KEYS ? key_count : KEYS), shape = cursor_8(cursor);
    size_t size = keys[which].size - (keys[which].size > 4 && keys[which].bytes[keys[which].size - 5] != 0);
    memcpy(wire, (uint8_t[]){1, 2, shape & 1, (uint8_t)cursor_8(cursor), 0, 1, 0, 0, 0, 0, 0, shape >> 1 & 1}, 12);
    memcpy(wire + 12, keys[which].bytes, size);
    for (size_t i = 0; i < size; i++)
        if (shape & 4 && wire[12 + i] >= 'a' && wire[12 + i] <= 'z')
            wire[12 + i] ^= 0x20;
    size += 12;
    if (!(shape & 2))
        return size;
    size_t options_size = cursor_8(cursor);
    unsigned payload = cursor_16(cursor), more = cursor_8(cursor);
    const uint8_t *options = take(cursor, &options_size);
    bool cookie = shape & 8;
    if (cookie && shape & 16) { /* the one that was given before, as clients do */
        options = cookie_given;
        options_size = sizeof cookie_given;
    }
    uint8_t opt[] = {0, 0, 41, (uint8_t)(payload >> 8), (uint8_t)payload, 0, 0, more & 0x80, 0, 0,
                     (uint8_t)(options_size + (cookie ? 4 : 0))};
    memcpy(wire + size, opt, sizeof opt);
    size += sizeof opt;
    if (cookie) {
        memcpy(wire + size, (uint8_t[]){0, 10, 0, (uint8_t)options_size}, 4);
        size += 4;
    }
    if (options_size)
        memcpy(wire + size, options, options_size);
    return size + options_size;
}

static void check(const uint8_t *wire, const uint8_t *out, const struct answer *given, bool stream)
{
    assert(given->size >= MESSAGE_HEADER + 5 && given->size <= (stream ? MESSAGE_STREAM : MESSAGE_LARGEST));
    assert(memcmp(out, wire, 2) == 0 && out[2] & MESSAGE_QR && (out[2] & MESSAGE_RD) == (wire[2] & MESSAGE_RD));
    assert((out[3] & 0x0f) == given->rcode && out[3] & MESSAGE_RA && out[4] == 0 && out[5] == 1);
}

static void ask(struct cursor *cursor)
{
    static uint8_t out[ANSWER_STREAM_MAX], made[ASKED_MAX];
    unsigned shape = cursor_8(cursor);
    bool stream = shape & 1;
    size_t size = cursor_16(cursor) % ASKED_MAX;
    const uint8_t *bytes = made;
    if (shape & 4 || key_count == 0)
        bytes = take(cursor, &size);
    else
        size = make_query(cursor, made);
    uint8_t *wire = malloc(size ? size : 1);
    assert(wire != NULL);
    if (size)
        memcpy(wire, bytes, size);
    struct answer given;
    struct source source = {shape & 2 ? blocked_client : free_client, 4, stream};
    enum answered answered = answer(&known, wire, size, source, now, out, &given);
    assert(answered == ANSWER_GIVEN || answered == ANSWER_HAND_OVER);
    if (answered == ANSWER_GIVEN) {
        struct query query;
        assert(message_parse(wire, size, stream, &query) == MESSAGE_QUERY && given.size <= query.limit);
        assert(memcmp(out + MESSAGE_HEADER, wire + MESSAGE_HEADER, query.end - MESSAGE_HEADER) == 0);
        check(wire, out, &given, stream);
        if (query.cookie_sent != NULL)
            memcpy(cookie_given, out + given.size - sizeof cookie_given, sizeof cookie_given);
    }
    free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (known.policy == NULL)
        prepare();
    cache_destroy(known.cache);
    known.cache = cache_create(1 << 14, 1, (const uint8_t *)"0123456789abcdef");
    assert(known.cache != NULL);
    key_count = 0;
    memset(cookie_given, 0, sizeof cookie_given);
    now = 1000;
    struct cursor cursor = cursor_over(data, size);
    for (int step = 0; step < STEPS_MAX && cursor_left(&cursor) > 0; step++) {
        unsigned what = cursor_8(&cursor);
        if (what % 8 < 3)
            put(&cursor);
        else if (what % 8 < 6)
            ask(&cursor);
        else if (what % 8 == 6)
            now += (double)cursor_16(&cursor) / 64;
        else
            what & 8 ? (void)cache_flush(known.cache) : (void)cache_resize(known.cache, (size_t)cursor_16(&cursor) << 4);
    }
    return 0;
}
