#include "table_build.h"

#include <string.h>

#include "name_key.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

enum build_status build_keys(const uint8_t *names, size_t size, struct build_secret secret, uint64_t *keys,
                             size_t count, uint8_t dots[BUILD_DOTS_MAX + 1]) {
    struct key_maker maker;
    if (!key_maker_init(&maker, secret))
        return BUILD_BAD_INPUT;
    const uint8_t *at = names, *end = names + size;
    size_t made = 0;
    for (; at < end; made++) {
        const uint8_t *feed = memchr(at, '\n', (size_t)(end - at));
        if (feed == NULL)
            feed = end;
        size_t seen = 0;
        for (const uint8_t *byte = at; byte < feed; byte++)
            seen += *byte == '.';
        if (made == count || seen > BUILD_DOTS_MAX)
            return BUILD_BAD_INPUT;
        dots[seen] = 1;
        keys[made] = key_of(&maker, at, (size_t)(feed - at));
        at = feed + (feed < end);
    }
    return made == count ? BUILD_DONE : BUILD_BAD_INPUT;
}

/* Sorts by so many bits from `shift` on, from one array into the other. */
static void sort_digit(const uint64_t *from, uint64_t *to, size_t count, unsigned shift) {
    size_t starts[DIGITS] = {0}, sum = 0;
    for (size_t place = 0; place < count; place++)
        starts[from[place] >> shift & (DIGITS - 1)]++;
    for (size_t digit = 0; digit < DIGITS; digit++) {
        size_t many = starts[digit];
        starts[digit] = sum;
        sum += many;
    }
    for (size_t place = 0; place < count; place++)
        to[starts[from[place] >> shift & (DIGITS - 1)]++] = from[place];
}

/* Insertion sort, for what radix sort has too much ado about. */
static void sort_few(uint64_t *words, size_t count) {
    for (size_t place = 1; place < count; place++) {
        uint64_t word = words[place];
        size_t at = place;
        for (; at > 0 && words[at - 1] > word; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
}

static void sort(uint64_t *words, uint64_t *spare, size_t count) {
    if (count < 64) {
        sort_few(words, count);
        return;
    }
    uint64_t *from = words, *to = spare;
    for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) { /* six times: they end up where they were */
        sort_digit(from, to, count, shift);
        uint64_t *swapped = from;
        from = to;
        to = swapped;
    }
}

enum build_status build_words(const uint64_t *keys, const uint16_t *kinds, size_t count, uint32_t first,
                              uint64_t *words, uint64_t *spare, size_t *made) {
    size_t found = 0;
    for (size_t place = 0; place < count; place++) {
        uint32_t code = kinds[place] - first; /* below `first`: a very large number */
        if (code >> BUILD_CODE_BITS == 0)
            words[found++] = keys[place] << BUILD_CODE_BITS | code;
    }
    sort(words, spare, found);
    *made = found;
    return BUILD_DONE;
}
