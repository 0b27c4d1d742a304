/* What an answer from the cache costs, in nanoseconds of CPU: for people to read.
 *
 * cache_speed SHARDS THREADS NAMES LOOKUPS BATCHED, with THREADS up to 8 that each ask for names by Zipf's law (skew 1)
 * in batches of 32. BATCHED 0: each lookup by itself; 1: after cache_prefetch and cache_prefetch_entry of the batch. */
#define _DEFAULT_SOURCE
#include "cache.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 8, BATCH = 32, KEY = 34, HEADER = 12 };

static struct cache *cache;
static uint8_t (*wires)[HEADER + KEY];
static unsigned *order;
static size_t names, lookups;
static bool batched;
static atomic_size_t missed;

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fill(void)
{
    uint8_t body[64] = {0};
    const uint16_t ttls[] = {6, 22, 38, 54};
    struct cache_answer answer = {.expires = 1e9, .refresh_at = INFINITY, .answers = 4, .body = body};
    answer.body_size = sizeof body;
    answer.ttls = ttls;
    answer.ttl_count = 4;
    for (size_t i = 0; i < names; i++) {
        char text[KEY];
        int size = snprintf(text, sizeof text, "%cname%012zu%cexample", 16, i, 7);
        memcpy(wires[i] + HEADER, text, (size_t)size);
        memcpy(wires[i] + HEADER + KEY - 4, "\0\1\0\1", 4);
        cache_put(cache, cache_key(cache, wires[i] + HEADER, KEY), &answer, 0);
    }
}

static void draw(void)
{
    double *up_to = malloc(names * sizeof *up_to), sum = 0;
    for (size_t i = 0; up_to != NULL && i < names; i++)
        up_to[i] = sum += 1 / (double)(i + 1);
    for (size_t i = 0; up_to != NULL && i < lookups; i++) {
        double chance = drand48() * sum;
        size_t low = 0, high = names - 1;
        while (low < high) {
            size_t middle = (low + high) / 2;
            *(up_to[middle] < chance ? &low : &high) = middle + (up_to[middle] < chance);
        }
        order[i] = (unsigned)(low * 2654435761u % names); /* popular ones do not lie side by side */
    }
    free(up_to);
}

static void *look_up(void *with)
{
    size_t start = *(size_t *)with * 777777;
    uint8_t out[1232];
    struct cache_asker asker = {.now = 10.0};
    struct cache_given given;
    struct cache_key keys[BATCH];
    double before = cpu_s();
    for (size_t i = 0; i + BATCH <= lookups; i += BATCH) {
        for (size_t j = 0; j < BATCH; j++) {
            keys[j] = cache_key(cache, wires[order[(start + i + j) % lookups]] + HEADER, KEY);
            if (batched)
                cache_prefetch(cache, keys[j]);
        }
        for (size_t j = 0; batched && j < BATCH; j++)
            cache_prefetch_entry(cache, keys[j]);
        for (size_t j = 0; j < BATCH; j++) {
            struct cache_query query = {keys[j].bytes - HEADER, HEADER + KEY, sizeof out, true, false, NULL, 0};
            if (cache_reply(cache, keys[j], &query, &asker, out, &given) != CACHE_ANSWERED)
                atomic_fetch_add(&missed, 1);
        }
    }
    printf("%.0f ns an answer\n", (cpu_s() - before) / (double)lookups * 1e9);
    return NULL;
}

int main(int count, char **given)
{
    pthread_t threads[THREADS];
    size_t numbers[THREADS], wanted = count == 6 ? strtoul(given[2], NULL, 10) : 0;
    if (wanted == 0 || wanted > THREADS)
        return 2;
    names = strtoul(given[3], NULL, 10);
    lookups = strtoul(given[4], NULL, 10);
    batched = given[5][0] == '1';
    wires = calloc(names, sizeof *wires);
    order = calloc(lookups, sizeof *order);
    cache = cache_create(names * 512 + (1 << 20), (unsigned)strtoul(given[1], NULL, 10), (const uint8_t *)"sixteen bytes...");
    if (wires == NULL || order == NULL || cache == NULL)
        return 1;
    fill();
    draw();
    for (size_t i = 0; i < wanted; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, look_up, &numbers[i]) != 0)
            return 1;
    }
    for (size_t i = 0; i < wanted; i++)
        pthread_join(threads[i], NULL);
    cache_destroy(cache);
    free(order);
    free(wires);
    return missed ? 1 : 0;
}
