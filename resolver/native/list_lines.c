#include "list_lines.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_TEXT = 253, MAX_LABEL = 63 };

/* What a byte may be in a name, as bits. */
enum { LETTER = 1, DIGIT = 2, DOT = 4 };

static const uint8_t kinds[256] = {
    ['-'] = LETTER, ['_'] = LETTER, ['.'] = DOT,    ['0'] = DIGIT,  ['1'] = DIGIT,  ['2'] = DIGIT,
    ['3'] = DIGIT,  ['4'] = DIGIT,  ['5'] = DIGIT,  ['6'] = DIGIT,  ['7'] = DIGIT,  ['8'] = DIGIT,
    ['9'] = DIGIT,  ['a'] = LETTER, ['b'] = LETTER, ['c'] = LETTER, ['d'] = LETTER, ['e'] = LETTER,
    ['f'] = LETTER, ['g'] = LETTER, ['h'] = LETTER, ['i'] = LETTER, ['j'] = LETTER, ['k'] = LETTER,
    ['l'] = LETTER, ['m'] = LETTER, ['n'] = LETTER, ['o'] = LETTER, ['p'] = LETTER, ['q'] = LETTER,
    ['r'] = LETTER, ['s'] = LETTER, ['t'] = LETTER, ['u'] = LETTER, ['v'] = LETTER, ['w'] = LETTER,
    ['x'] = LETTER, ['y'] = LETTER, ['z'] = LETTER,
};

static bool begins(const uint8_t *at, const uint8_t *end, const char *text, size_t length) {
    return (size_t)(end - at) >= length && memcmp(at, text, length) == 0;
}

#define BEGINS(at, end, text) begins(at, end, text, sizeof(text) - 1)

/* Returns how long the name is that a text consists of; 0: it is none that every format takes. */
static size_t name_length(const uint8_t *at, const uint8_t *end) {
    const size_t length = (size_t)(end - at);
    if (length > MAX_TEXT || BEGINS(at, end, "localhost."))
        return 0;
    for (const uint8_t *label = at; label < end; label++) {
        unsigned seen = 0, kind = 0;
        const uint8_t *byte = label;
        for (; byte < end && (kind = kinds[*byte]) <= DIGIT && kind != 0; byte++)
            seen |= kind;
        if (byte == label || byte - label > MAX_LABEL)
            return 0;
        if (byte == end) /* the last label: not the only one, and no number */
            return label > at && (seen & LETTER) != 0 ? length : 0;
        if (kind != DOT)
            return 0;
        label = byte;
    }
    return 0; /* empty, or with a dot at its end */
}

/* Returns where the name begins behind the address of a line in a hosts file, NULL if none is there. */
static const uint8_t *behind_address(const uint8_t *at, const uint8_t *end) {
    static const char *const addresses[] = {"0.0.0.0", "127.0.0.1", "::1", "::"};
    for (size_t place = 0; place < sizeof addresses / sizeof *addresses; place++) {
        size_t length = strlen(addresses[place]);
        if (!begins(at, end, addresses[place], length))
            continue;
        const uint8_t *name = at + length;
        while (name < end && (*name == ' ' || *name == '\t'))
            name++;
        if (name > at + length)
            return name;
    }
    return NULL;
}

/* Finds the name in a line; 0: none. */
static size_t find_name(enum lines_shape shape, const uint8_t *at, const uint8_t *end, const uint8_t **name) {
    switch (shape) {
    case LINES_HOSTS:
        at = behind_address(at, end);
        break;
    case LINES_WILDCARD:
        at = BEGINS(at, end, "*.") ? at + 2 : NULL;
        break;
    case LINES_ADBLOCK:
        at = BEGINS(at, end, "||") && end[-1] == '^' ? at + 2 : NULL;
        end--;
        break;
    default:
        break;
    }
    *name = at;
    return at == NULL || at > end ? 0 : name_length(at, end);
}

void lines_scan(enum lines_shape shape, const uint8_t *data, size_t size, uint32_t first,
                struct lines_found *found) {
    const uint8_t *at = data, *stop = data + size;
    uint32_t number = first;
    found->bytes = found->count = found->odd_count = 0;
    while (at < stop) {
        const uint8_t *feed = memchr(at, '\n', (size_t)(stop - at)), *name = NULL;
        if (feed == NULL)
            return;
        const uint8_t *end = feed > at && feed[-1] == '\r' ? feed - 1 : feed;
        size_t length = find_name(shape, at, end, &name);
        if (length > 0) {
            memcpy(found->names + found->bytes, name, length);
            found->bytes += length;
            found->names[found->bytes++] = '\n';
            found->lines[found->count++] = number;
        } else {
            struct lines_odd odd = {number, (uint32_t)(at - data), (uint32_t)(feed - data),
                                    (uint32_t)found->count, (uint32_t)found->bytes};
            found->odd[found->odd_count++] = odd;
        }
        number++;
        at = feed + 1;
    }
}
