/* Gives messages to what answers natively, for the sanitizers.
 *
 * usage: driver FILE ROUNDS: a file of messages, each behind its length in two bytes (tests/native/corpus.py). Each is
 * asked as it is, and in each round with up to three bits changed. */
#include "world.h"

#include <stdio.h>

enum { LARGEST = 4096 };

static size_t ask(const uint8_t *wire, size_t size, const uint8_t *client, double now)
{
    uint8_t out[ANSWER_MAX];
    struct answer given;
    enum answered answered = answer(&known, wire, size, (struct source){client, 4, false}, now, out, &given);
    assert(answered == ANSWER_GIVEN || answered == ANSWER_HAND_OVER);
    if (answered != ANSWER_GIVEN)
        return 0;
    assert(given.size >= MESSAGE_HEADER + 5 && given.size <= ANSWER_MAX);
    assert(memcmp(out, wire, 2) == 0 && out[2] & MESSAGE_QR && (out[3] & 0x0f) == given.rcode);
    return given.size;
}

/* Ask with memory of the message's own size, so that a read beyond it is noticed. */
static size_t ask_both(const uint8_t *wire, size_t size)
{
    uint8_t *own = malloc(size ? size : 1);
    assert(own != NULL);
    memcpy(own, wire, size);
    size_t answered = (ask(own, size, blocked_client, 1.5) != 0) + (ask(own, size, free_client, 10.25) != 0);
    free(own);
    return answered;
}

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
        fprintf(stderr, "usage: driver FILE ROUNDS\n");
        return 2;
    }
    prepare();
    uint8_t head[2], wire[LARGEST];
    uint64_t state = 88172645463325252u, asked = 0, answered = 0;
    while (fread(head, 1, 2, file) == 2) {
        size_t size = (size_t)head[0] << 8 | head[1];
        if (size > sizeof wire || fread(wire, 1, size, file) != size)
            break;
        answered += ask_both(wire, size);
        for (long round = strtol(argv[2], NULL, 10); round > 0 && size > 0; round--) {
            uint8_t changed[LARGEST];
            memcpy(changed, wire, size);
            for (long bits = round % 3; bits >= 0; bits--)
                changed[next(&state) % size] ^= (uint8_t)(1u << next(&state) % 8);
            answered += ask_both(changed, size);
            asked += 2;
        }
    }
    fclose(file);
    cache_destroy(known.cache);
    policy_destroy((struct policy *)known.policy);
    free((struct clients *)known.clients);
    printf("%llu asked, %llu answered\n", (unsigned long long)asked, (unsigned long long)answered);
    return answered > 0 ? 0 : 1;
}
