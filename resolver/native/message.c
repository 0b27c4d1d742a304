#include "message.h"

#include "cursor.h"

#include <string.h>

enum { OPCODE = 0x78, LABEL_MAX = 63, OPT_TYPE = 41, OPTIONS_MAX = 64 /* MAX_OPTIONS of core/edns.py */ };

/* Options that a query may have here: all but the cookie mean nothing to Python either. */
enum { NSID = 3, CLIENT_SUBNET = 8, COOKIE = 10, KEEPALIVE = 11, PADDING = 12 };

/* bytes.lower() of Python: ASCII letters alone. */
static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* Read the name of a question, uncompressed, into the key; false: not one that may stand there. */
static bool read_name(struct cursor *cursor, struct query *query)
{
    size_t size = 0;
    for (;;) {
        unsigned length = cursor_8(cursor);
        const uint8_t *label = cursor_take(cursor, length);
        if (label == NULL || length > LABEL_MAX || size + length + 1 > MESSAGE_NAME_MAX)
            return false;
        query->key[size++] = (uint8_t)length;
        if (length == 0)
            break;
        for (unsigned i = 0; i < length; i++)
            query->key[size + i] = lower(label[i]);
        size += length;
    }
    query->name_size = size;
    return true;
}

static bool is_plain(unsigned option)
{
    return option == COOKIE || option == CLIENT_SUBNET || option == NSID || option == KEEPALIVE || option == PADDING;
}

/* Read the options up to the end of the message; false: one that is for Python, or cut short, or too many. */
static bool read_options(struct cursor *cursor, struct query *query)
{
    for (unsigned count = 0; cursor_left(cursor) != 0; count++) {
        unsigned code = cursor_16(cursor), size = cursor_16(cursor);
        const uint8_t *data = cursor_take(cursor, size);
        if (data == NULL || count == OPTIONS_MAX || !is_plain(code))
            return false;
        if (code == COOKIE && query->cookie_sent == NULL) { /* of several the first counts (RFC 7873, section 5.2) */
            query->cookie_sent = data;
            query->cookie_sent_size = size;
        }
    }
    return true;
}

/* Read the one record behind the question: an OPT record of version 0. */
static bool read_opt(struct cursor *cursor, struct query *query)
{
    unsigned owner = cursor_8(cursor), type = cursor_16(cursor), payload = cursor_16(cursor);
    unsigned version = cursor_16(cursor) & 0xff; /* in front of it bits of the RCODE, which mean nothing here */
    unsigned flags = cursor_16(cursor), length = cursor_16(cursor);
    if (cursor->bad || owner != 0 || type != OPT_TYPE || version != 0 || length != cursor_left(cursor))
        return false;
    query->edns = true;
    query->dnssec_ok = flags & 0x8000;
    query->limit = payload < MESSAGE_LEAST ? MESSAGE_LEAST : payload > MESSAGE_LARGEST ? MESSAGE_LARGEST : payload;
    return read_options(cursor, query);
}

enum message message_parse(const uint8_t *wire, size_t size, bool stream, struct query *query)
{
    struct cursor cursor = cursor_over(wire, size);
    const uint8_t *head = cursor_take(&cursor, MESSAGE_HEADER);
    if (head == NULL || head[2] & (MESSAGE_QR | OPCODE) || memcmp(head + 4, "\0\1\0\0\0\0\0", 7) != 0 || head[11] > 1)
        return MESSAGE_OTHER;
    if (!read_name(&cursor, query))
        return MESSAGE_OTHER;
    const uint8_t *kind = cursor_take(&cursor, 4);
    if (kind == NULL)
        return MESSAGE_OTHER;
    query->wire = wire;
    query->end = (size_t)(cursor.at - wire);
    query->limit = MESSAGE_LEAST;
    query->edns = query->dnssec_ok = false;
    query->cookie_sent = NULL;
    query->cookie_size = 0;
    if ((head[11] == 1 && !read_opt(&cursor, query)) || cursor_left(&cursor) != 0)
        return MESSAGE_OTHER;
    if (stream)
        query->limit = MESSAGE_STREAM;
    memcpy(query->key + query->name_size, kind, 4);
    query->key_size = query->name_size + 4;
    unsigned flags = (query->dnssec_ok ? 2U : 0) | (head[3] & MESSAGE_CD ? 1U : 0);
    if (flags)
        query->key[query->key_size++] = (uint8_t)flags;
    return MESSAGE_QUERY;
}
