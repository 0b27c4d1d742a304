/* Reading queries (RFC 1035, section 4; RFC 6891).
 *
 * What is read here is the plain and frequent kind: a standard query with one question and nothing else, or one OPT
 * record of version 0, whose options are a cookie or such as nobody here asks for. It is read exactly as parse_query of
 * core/wire.py reads it. All else is for Python, which knows what is wrong with it or does more with it. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "cookies.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_HEADER = 12,
    MESSAGE_NAME_MAX = 255,
    MESSAGE_KEY_MAX = MESSAGE_NAME_MAX + 5,
    MESSAGE_LEAST = 512,      /* bytes of a reply that every client takes */
    MESSAGE_LARGEST = 1232,   /* MAX_UDP_REPLY of core/wire.py: largest reply over UDP, and the payload we offer */
    MESSAGE_STREAM = 65535,   /* largest reply over TCP */
    MESSAGE_OPT = 11,         /* bytes of an OPT record without options */
};

/* Bits of the third and fourth byte of a header. */
enum { MESSAGE_QR = 0x80, MESSAGE_TC = 0x02, MESSAGE_RD = 0x01, MESSAGE_RA = 0x80, MESSAGE_AD = 0x20, MESSAGE_CD = 0x10 };

struct query {
    const uint8_t *wire;
    size_t end;                     /* where the question ends in `wire` */
    size_t limit;                   /* largest reply, in bytes */
    size_t name_size, key_size;
    bool edns, dnssec_ok;
    const uint8_t *cookie_sent;     /* what the first COOKIE option in `wire` has; NULL: there is none */
    size_t cookie_sent_size;
    size_t cookie_size;             /* of the option that the reply gets; 0: none */
    uint8_t cookie[COOKIES_OPTION];
    uint8_t key[MESSAGE_KEY_MAX];   /* canonical name, type and class, flags: Query.key of core/wire.py */
};

enum message { MESSAGE_QUERY, MESSAGE_OTHER };

/* Read a message that came over UDP, or over a stream, where a reply may be long. Of MESSAGE_OTHER nothing is to be read
 * in *query; otherwise its reply gets no cookie yet. */
enum message message_parse(const uint8_t *wire, size_t size, bool stream, struct query *query);

/* Return type and class as one number, the type in the high bits. */
static inline uint32_t query_kind(const struct query *query)
{
    const uint8_t *at = query->wire + query->end - 4;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

#endif
