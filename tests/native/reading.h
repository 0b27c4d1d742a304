/* An answer to www.example A being read, and what of it is kept: for what gives it messages. */
#ifndef READING_H
#define READING_H

#include "records.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t question[] = "\3www\7example\0\0\1\0\1";
static const struct records_ageing ageing = {3600, 600, 86400, true};
static struct records_read found;

/* Read a message in memory of its own size, so that a read beyond it is noticed, and write a reply of what is kept. */
static int read_one(const uint8_t *wire, size_t size)
{
    uint8_t *own = malloc(size ? size : 1), out[1232], asked[12 + sizeof question - 1] = {0, 1, 1, 0, 0, 1};
    assert(own != NULL);
    memcpy(own, wire, size);
    memcpy(asked + 12, question, sizeof question - 1);
    enum records records = records_read(own, size, question, sizeof question - 1, &ageing, true, 100, &found);
    if (records == RECORDS_PLAIN) {
        const struct cache_answer *entry = &found.entry;
        assert(entry->body_size <= size && entry->ttl_count <= RECORDS_MAX && entry->rcode <= 6);
        assert(entry->options_size <= RECORDS_KEPT_OPTIONS && entry->aliases_size <= CACHE_ALIASES_MAX);
        for (size_t i = 0; i < entry->ttl_count; i++)
            assert(entry->ttls[i] + 4U <= entry->body_size);
        struct cache_query query = {.wire = asked, .end = sizeof asked, .limit = sizeof out, .edns = true};
        assert(cache_write_reply(entry, &query, 150, out) <= sizeof out);
    }
    free(own);
    return records == RECORDS_PLAIN;
}

#endif
