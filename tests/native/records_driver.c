/* Gives answers of upstream servers to what reads them natively, for the sanitizers.
 *
 * usage: records_driver FILE ROUNDS: a file of answers to www.example A, each behind its length in two bytes
 * (tests/native/answering.py). Each is read as it is, and in each round with up to three bits changed. */
#include "reading.h"

#include <stdio.h>

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
