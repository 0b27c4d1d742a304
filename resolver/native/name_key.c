#include "name_key.h"

__extension__ typedef unsigned __int128 wide;

enum { SAFE_CHUNKS = 8 }; /* so many products below 1 << 124 add up to less than 1 << 127 */

/* The first bytes of a text as a little-endian number. */
static uint64_t chunk_of(const uint8_t *text, size_t size) {
    uint64_t chunk = 0;
    if (size >= KEY_CHUNK) {
        for (size_t at = 0; at < KEY_CHUNK; at++)
            chunk |= (uint64_t)text[at] << 8 * at; /* compilers make one load of it */
        return chunk;
    }
    for (size_t at = 0; at < size; at++)
        chunk |= (uint64_t)text[at] << 8 * at;
    return chunk;
}

static uint64_t times(uint64_t one, uint64_t other, uint64_t prime) {
    return (uint64_t)((wide)one * other % prime);
}

bool key_maker_init(struct key_maker *maker, struct build_secret secret) {
    if (secret.prime < 2 || secret.prime >> TABLE_KEY_BITS != 0 || secret.factor >= secret.prime)
        return false;
    maker->prime = secret.prime;
    uint64_t byte = 256 % secret.prime, step = 1 % secret.prime;
    for (size_t place = 0; place < sizeof maker->powers / sizeof *maker->powers; place++) {
        maker->powers[place] = step;
        step = times(step, byte, secret.prime);
    }
    maker->factors[0] = secret.factor;
    for (size_t place = 1; place < KEY_CHUNKS; place++)
        maker->factors[place] = times(maker->factors[place - 1], maker->powers[KEY_CHUNK], secret.prime);
    return true;
}

/* Returns a sum below 1 << 127 that is the key of a text of up to KEY_CHUNKS chunks, modulo the prime. */
static wide sum_of(const struct key_maker *maker, const uint8_t *text, size_t size) {
    wide sum = 0;
    for (size_t place = 0; place * KEY_CHUNK < size; place++) {
        if (place != 0 && place % SAFE_CHUNKS == 0)
            sum %= maker->prime;
        sum += (wide)chunk_of(text + place * KEY_CHUNK, size - place * KEY_CHUNK) * maker->factors[place];
    }
    return sum;
}

/* Returns the key of a text of at most KEY_LABEL bytes in front of another one, whose key is given. */
static uint64_t key_close_before(const struct key_maker *maker, const uint8_t *text, size_t size,
                                 uint64_t behind) {
    wide sum = sum_of(maker, text, size) + (wide)behind * maker->powers[size];
    return (uint64_t)(sum % maker->prime);
}

uint64_t key_before(const struct key_maker *maker, const uint8_t *text, size_t size, uint64_t behind) {
    while (size > KEY_LABEL) {
        size_t length = size % KEY_LABEL != 0 ? size % KEY_LABEL : KEY_LABEL;
        size -= length;
        behind = key_close_before(maker, text + size, length, behind);
    }
    return key_close_before(maker, text, size, behind);
}

uint64_t key_of(const struct key_maker *maker, const uint8_t *text, size_t size) {
    if (size > (size_t)KEY_CHUNK * KEY_CHUNKS)
        return key_before(maker, text, size, 0);
    return (uint64_t)(sum_of(maker, text, size) % maker->prime);
}
