/* SipHash: a keyed hash of a few bytes (Aumasson and Bernstein, 2012).
 *
 * SipHash-1-3, one round a block and three at the end, as in Rust's and Ruby's tables and CPython's own str hash, is for
 * tables: whoever chooses names cannot choose where they land. SipHash-2-4, the original, is for what others are to
 * believe. Reads exactly `size` bytes; the result is that of a little-endian machine on all of them. */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t siphash_rotated(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static inline uint64_t siphash_word(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

/* The same of eight bytes, written so that compilers make one load of it. */
static inline uint64_t siphash_block(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

static inline void siphash_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = siphash_rotated(v[1], 13) ^ v[0];
    v[3] = siphash_rotated(v[3], 16) ^ v[2];
    v[0] = siphash_rotated(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = siphash_rotated(v[3], 21) ^ v[0];
    v[1] = siphash_rotated(v[1], 17) ^ v[2];
    v[2] = siphash_rotated(v[2], 32);
}

/* `each` rounds for a block, `final` at the end; both are constants where this is called. */
static inline uint64_t siphash_rounds(const uint64_t seed[2], const uint8_t *bytes, size_t size, int each, int final)
{
    uint64_t v[4] = {
        seed[0] ^ UINT64_C(0x736f6d6570736575),
        seed[1] ^ UINT64_C(0x646f72616e646f6d),
        seed[0] ^ UINT64_C(0x6c7967656e657261),
        seed[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        uint64_t word = siphash_block(bytes + at);
        v[3] ^= word;
        for (int round = 0; round < each; round++)
            siphash_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)size << 56 | siphash_word(bytes + at, size - at);
    v[3] ^= last;
    for (int round = 0; round < each; round++)
        siphash_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int round = 0; round < final; round++)
        siphash_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t siphash_1_3(const uint64_t seed[2], const uint8_t *bytes, size_t size)
{
    return siphash_rounds(seed, bytes, size, 1, 3);
}

static inline uint64_t siphash_2_4(const uint64_t seed[2], const uint8_t *bytes, size_t size)
{
    return siphash_rounds(seed, bytes, size, 2, 4);
}

#endif
