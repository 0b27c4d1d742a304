/* The usual lines of large lists: names by themselves, and what surrounds them in the commonest formats.
 *
 * The twin of scan() in core/lists/bulk.py, which says the same with a regular expression. What it does not
 * know, comments and mistakes included, it leaves to Python.
 */
#ifndef NXWHY_LIST_LINES_H
#define NXWHY_LIST_LINES_H

#include <stddef.h>
#include <stdint.h>

/* How a usual line looks. */
enum lines_shape {
    LINES_BARE,     /* name */
    LINES_HOSTS,    /* 0.0.0.0 name, and the other addresses that mean nobody */
    LINES_WILDCARD, /* *.name */
    LINES_ADBLOCK,  /* ||name^ */
    LINES_SHAPES
};

/* A line for Python: its number, where it begins and ends (without the line feed) in the data, and how many
 * names, and bytes of names, come before it. */
struct lines_odd {
    uint32_t number, start, end, names, bytes;
};

/* Where to put what was found. Room for as many bytes as the data has, and for as many lines and odd lines as
 * it has line feeds. `names` gets each name with a line feed behind it, `lines` their numbers. */
struct lines_found {
    uint8_t *names;
    uint32_t *lines;
    struct lines_odd *odd;
    size_t bytes, count, odd_count;
};

/* Reads lines, of which the first has the number `first`. The data ends in a line feed and has less than
 * 4 GiB; what stands behind its last line feed is left out. */
void lines_scan(enum lines_shape shape, const uint8_t *data, size_t size, uint32_t first,
                struct lines_found *found);

#endif
