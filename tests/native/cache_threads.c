/* Everything that the answer cache does, by several threads at once: for the sanitizers, and for any build.
 *
 * Each key has one body, made of the key and a number, so that a torn or mistaken answer is noticed. Usage:
 * cache_threads ROUNDS. Prints what was counted; exit 1 where something was wrong. */
#include "cache.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 4096, LIMIT = 600000, SHARDS = 4, NAME = 17, KEY_SIZE = NAME + 4, QUESTION_END = 12 + KEY_SIZE };

static struct cache *cache;
static unsigned long rounds;
static atomic_bool done;
static atomic_int asking = 2;
static atomic_ulong wrong;

static void claim(bool right, const char *what)
{
    if (!right && atomic_fetch_add(&wrong, 1) < 10)
        fprintf(stderr, "wrong: %s\n", what);
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Some names are asked for much more often than others. */
static unsigned pick(uint64_t *state)
{
    uint64_t chance = next(state);
    return (unsigned)(chance >> 40) % NAMES >> (chance & 7);
}

static void make_key(unsigned number, uint8_t key[KEY_SIZE])
{
    char text[NAME + 1];
    snprintf(text, sizeof text, "%cn%07u%ctest", 8, number, 6); /* its last label is shorter: the cache does not mind */
    memcpy(key, text, NAME - 3);
    memset(key + NAME - 3, 0, 3);
    memcpy(key + NAME, "\0\1\0\1", 4);
}

static size_t body_size(unsigned number)
{
    return 8 + number * 7 % 700;
}

static void make_body(unsigned number, uint8_t *body)
{
    memset(body, (int)(number & 0xff), body_size(number));
    memcpy(body, "\0\0\1\0", 4);
}

static void check_body(unsigned number, const uint8_t *body, size_t size, bool aged)
{
    uint8_t whole[1024];
    make_body(number, whole);
    claim(size == body_size(number), "size of a body");
    claim(size == body_size(number) && memcmp(body + 4, whole + 4, size - 4) == 0, "bytes of a body");
    claim(memcmp(body, aged ? "\0\0\0\xf6" : "\0\0\1\0", 4) == 0, "a TTL");
}

/* Ask so often, and on until something was answered: whoever keeps answers may get no core for long. */
static void *ask(void *with)
{
    uint64_t state = (uintptr_t)with, answered = 0;
    uint8_t wire[512] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, out[1232];
    struct cache_query query = {.wire = wire, .end = QUESTION_END, .limit = sizeof out, .edns = true};
    for (unsigned long i = 0; i < rounds || answered == 0; i++) {
        unsigned number = pick(&state);
        uint8_t *key = wire + 12;
        make_key(number, key);
        struct cache_asker asker = {.now = 10.0, .profile = number & 3};
        struct cache_given given;
        struct cache_key found = cache_key(cache, key, KEY_SIZE);
        cache_prefetch(cache, found);
        cache_prefetch_entry(cache, found);
        if (cache_reply(cache, found, &query, &asker, out, &given) != CACHE_ANSWERED)
            continue;
        answered++;
        claim(memcmp(out + 12, key, KEY_SIZE) == 0, "a question");
        check_body(number, out + QUESTION_END, given.size - QUESTION_END - 11 - (number % 3 ? 0 : 6), true);
    }
    atomic_fetch_sub(&asking, 1);
    return (void *)(uintptr_t)answered;
}

/* What the event loop does while others ask: it puts what is not known, judges aliases, renews, drops. */
static void *keep(void *with)
{
    uint64_t state = (uintptr_t)with;
    uint64_t *room = malloc(CACHE_COPY_MAX);
    for (unsigned long i = 0; (i < rounds || atomic_load(&asking) > 0) && room != NULL; i++) {
        unsigned number = pick(&state);
        uint8_t key_bytes[KEY_SIZE], body[1024];
        uint16_t ttl = 0;
        make_key(number, key_bytes);
        struct cache_key key = cache_key(cache, key_bytes, KEY_SIZE);
        struct cache_answer answer;
        if (cache_copy(cache, key, &answer, room)) {
            check_body(number, answer.body, answer.body_size, false);
            cache_note_cleared(cache, key, answer.serial, number & 3);
            cache_note_refresh(cache, key, answer.serial);
            cache_note_retry(cache, key, answer.serial, 30.0);
            cache_note_hit(cache, key, 0);
            if (next(&state) % 16 == 0)
                cache_drop(cache, key);
            continue;
        }
        make_body(number, body);
        answer = (struct cache_answer){.expires = 60.0, .refresh_at = 5.0, .body = body, .ttls = &ttl, .ttl_count = 1};
        answer.body_size = body_size(number);
        answer.options = (const uint8_t *)"\0\17\0\2\0\26";
        answer.options_size = number % 3 ? 0 : 6;
        answer.aliases = (const uint8_t *)"\3cdn\7example";
        answer.aliases_size = number % 5 ? 0 : 13;
        answer.cleared_room = 8;
        cache_put(cache, key, &answer, cache_generation(cache));
    }
    free(room);
    return NULL;
}

static void visit(void *with, const uint8_t *key, size_t size, const struct cache_answer *answer)
{
    claim(size == KEY_SIZE, "size of a key in a walk");
    check_body((unsigned)strtoul((const char *)key + 2, NULL, 10), answer->body, answer->body_size, false);
    ++*(uint64_t *)with;
}

/* What the administrator does, over and over. */
static void *manage(void *with)
{
    uint64_t state = (uintptr_t)with, shown = 0;
    while (!atomic_load(&done)) {
        for (uint64_t at = cache_walk(cache, 0, visit, &shown); at != 0;)
            at = cache_walk(cache, at, visit, &shown);
        uint64_t chance = next(&state) % 8;
        if (chance == 0)
            cache_flush(cache);
        if (chance == 1)
            claim(cache_resize(cache, LIMIT / 4 + next(&state) % LIMIT), "memory for other slots");
        claim(cache_count(cache).bytes <= LIMIT + LIMIT / 4, "bytes within the limit");
    }
    return (void *)(uintptr_t)shown;
}

int main(int count, char **given)
{
    rounds = count > 1 ? strtoul(given[1], NULL, 10) : 100000;
    cache = cache_create(LIMIT, SHARDS, (const uint8_t *)"sixteen bytes...");
    if (cache == NULL)
        return 1;
    void *(*const jobs[])(void *) = {ask, ask, keep, keep};
    pthread_t threads[4], manager;
    void *result;
    unsigned long answered = 0;
    for (uintptr_t i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, jobs[i], (void *)(i * 77777 + 1)) != 0)
            return 1;
    if (pthread_create(&manager, NULL, manage, (void *)(uintptr_t)99) != 0)
        return 1;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        answered += i < 2 ? (unsigned long)(uintptr_t)result : 0;
    }
    atomic_store(&done, true);
    pthread_join(manager, &result);
    struct cache_counters counters = cache_count(cache);
    claim(counters.hits == answered, "hits counted");
    printf("%lu answered, %lu misses, %lu evictions, %lu entries shown\n", answered, (unsigned long)counters.misses,
           (unsigned long)counters.evictions, (unsigned long)(uintptr_t)result);
    cache_destroy(cache);
    return atomic_load(&wrong) ? 1 : 0;
}
