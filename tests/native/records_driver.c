/* Gives answers of upstream servers to what reads them natively, for the sanitizers and for libFuzzer.
 *
 * usage: records_driver FILE ROUNDS: a file of answers to www.example A, each behind its length in two bytes
 * (tests/native/answering.py). Each is read as it is, and in each round with up to three bits changed. With -DFUZZER it
 * is a target of libFuzzer instead. */
#include "records.h"

#include <assert.h>
#include <stdio.h>
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
        struct cache_query query = {asked, sizeof asked, sizeof out, true, false};
        assert(cache_write_reply(entry, &query, 150, out) <= sizeof out);
    }
    free(own);
    return records == RECORDS_PLAIN;
}

#ifdef FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* most inputs would not answer the question: it is put in front of what follows the header */
    uint8_t wire[4096] = {0};
    if (size < 12 || size + sizeof question > sizeof wire)
        return 0;
    memcpy(wire, data, 12);
    memcpy(wire + 12, question, sizeof question - 1);
    memcpy(wire + 12 + sizeof question - 1, data + 12, size - 12);
    wire[2] = (uint8_t)(0x80 | (wire[2] & 7));
    wire[4] = 0;
    wire[5] = 1;
    read_one(wire, size + sizeof question - 1);
    read_one(data, size);
    return 0;
}
#else
static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: records_driver FILE ROUNDS\n");
        return 2;
    }
    uint8_t head[2], wire[8192];
    uint64_t state = 88172645463325252u, count = 0;
    int plain = 0;
    while (fread(head, 1, 2, file) == 2) {
        size_t size = (size_t)head[0] << 8 | head[1];
        if (size > sizeof wire || fread(wire, 1, size, file) != size)
            break;
        plain += read_one(wire, size);
        for (long round = strtol(argv[2], NULL, 10); round > 0 && size > 0; round--, count++) {
            uint8_t changed[sizeof wire];
            memcpy(changed, wire, size);
            for (long bits = round % 3; bits >= 0; bits--)
                changed[next(&state) % size] ^= (uint8_t)(1u << next(&state) % 8);
            plain += read_one(changed, size);
        }
    }
    fclose(file);
    printf("%llu read, %d plain\n", (unsigned long long)count, plain);
    return plain > 0 ? 0 : 1;
}
#endif
