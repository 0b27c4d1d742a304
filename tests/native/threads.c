/* The threads that answer, over real sockets on loopback, while everything else happens: for the sanitizers.
 *
 * Two threads serve two sockets each; clients ask for names that are blocked or cached; meanwhile the cache is filled and
 * flushed, policies grow and are swapped and freed, the clients' rate runs out and is granted anew, sockets are taken
 * away and come back, the journal is switched off and on, and in the end all is stopped. Each answer has to be the one
 * to its question, there are no more than were granted, what was left comes out of the rings as it was sent, and what was
 * noted is an answer that was given.
 * Usage: threads ROUNDS. Prints what was counted; exit 1 where something was wrong. */
#define _GNU_SOURCE
#include "events.h"
#include "thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__extension__ typedef unsigned __int128 wide;

enum { THREADS = 2, SOCKETS = 2, NAMES = 64, SETS = 2, SLOTS = 64 + TABLE_PROBE_MAX, IN_FLIGHT = 16, LAST = 4,
       SWAPS = 40, GRANT = 48 };

static const uint64_t PRIME = ((uint64_t)1 << TABLE_KEY_BITS) - 93, FACTOR = 0x0123456789abcdefu;
static const uint8_t LOOPBACK[] = {127, 0, 0, 1};
static const uint32_t pairs[] = {1, 1};
static uint64_t slots[SLOTS];
static struct table table = {.slots = slots, .slot_count = SLOTS, .pairs = pairs, .pair_count = 1, .prime = PRIME,
                             .factor = FACTOR};
static _Atomic int64_t left; /* of the one client that they all are */
static unsigned long grants;
static struct cache *cache;
static struct loop *loops[THREADS];
static struct counters *counters[THREADS];
static struct thread *threads[THREADS];
static int sockets[THREADS][SOCKETS], numbers[THREADS][SOCKETS];
static unsigned long rounds;
static atomic_bool done;
static atomic_ulong wrong, answered, blocked, missed, swaps, taken, noted;

static void claim(bool right, const char *what)
{
    if (!right && atomic_fetch_add(&wrong, 1) < 10)
        fprintf(stderr, "wrong: %s\n", what);
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* One policy, as Python makes it: empty, and taught while it is in use. */
struct told {
    struct known known;
    struct policy *policy;
    struct clients *clients;
    struct told *before;
};

static struct told *in_use, *retired;

static void free_told(struct told *told)
{
    policy_destroy(told->policy);
    free(told->clients);
    free(told);
}

static struct told *make_told(void)
{
    struct told *told = calloc(1, sizeof *told);
    if (told == NULL)
        abort();
    told->policy = policy_create(&table, SETS);
    told->clients = clients_create((uint64_t[]){1, 2});
    told->known = (struct known){told->policy, told->clients, cache, NULL};
    return told;
}

static void learn(struct told *told, const struct ring_message *message)
{
    if (message->why == ANSWER_CLIENT) {
        int32_t profile = policy_add_profile(told->policy, 7, false);
        claim(clients_add(told->clients, LOOPBACK, 4, profile < 0 ? 0 : (uint32_t)profile, &left), "a client added");
    } else if (message->why == ANSWER_UNMET && message->profile < told->policy->profile_count) {
        struct policy_verdict *verdict = calloc(1, sizeof *verdict);
        if (verdict == NULL)
            abort();
        verdict->blocks = message->set == 1;
        verdict->rcode = 3;
        verdict->blocked = verdict->shadow = -1;
        verdict->label = message->set;
        uint32_t action = policy_add_verdict(told->policy, verdict);
        if (action == POLICY_HAND_OVER)
            policy_verdict_destroy(verdict);
        else
            policy_note(told->policy, message->profile, message->set, action);
    }
}

/* Names are nNN.test: those below 8 blocked, the others in the cache, if it was not just flushed. */
static size_t make_query(unsigned number, uint16_t id, uint8_t *wire)
{
    memset(wire, 0, 12);
    wire[0] = (uint8_t)(id >> 8);
    wire[1] = (uint8_t)id;
    wire[2] = 1;
    wire[5] = 1;
    char text[16];
    int size = snprintf(text, sizeof text, "%cn%02u%ctest", 3, number, 4);
    memcpy(wire + 12, text, (size_t)size + 1);
    memcpy(wire + 12 + size + 1, "\0\1\0\1", 4);
    return 12 + (size_t)size + 5;
}

static void keep(unsigned number)
{
    uint8_t wire[64], body[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0x7f, 0xff, 0, 4, 192, 0, 2, (uint8_t)number};
    size_t size = make_query(number, 0, wire);
    uint8_t key[MESSAGE_KEY_MAX];
    memcpy(key, wire + 12, size - 12);
    key[size - 12] = 0; /* flags */
    const uint16_t ttl = 6;
    struct cache_answer answer = {.expires = INFINITY, .refresh_at = INFINITY, .answers = 1, .body = body,
                                  .body_size = sizeof body, .ttls = &ttl, .ttl_count = 1};
    struct query query;
    if (message_parse(wire, size, false, &query) != MESSAGE_QUERY)
        abort();
    cache_put(cache, cache_key(cache, query.key, query.key_size), &answer, cache_generation(cache));
}

/* Free what no thread reads any more. */
static void free_retired(void)
{
    for (struct told **at = &retired; *at != NULL;) {
        struct told *told = *at;
        bool read = false;
        for (int i = 0; i < THREADS; i++)
            read |= thread_reads(threads[i], &told->known);
        if (read) {
            at = &told->before;
        } else {
            *at = told->before;
            free_told(told);
        }
    }
}

/* Put another policy in the place of the one in use; so many one after the other that some meet a thread that reads. */
static void swap(void)
{
    struct told *told = make_told();
    in_use->before = retired;
    retired = in_use;
    in_use = told;
    for (int i = 0; i < THREADS; i++)
        thread_use(threads[i], &told->known);
    free_retired();
    atomic_fetch_add(&swaps, 1);
}

/* Take what was noted: names nNN.test, blocked below 8. */
static void take_events(struct events *events)
{
    for (const struct event *event; (event = events_next(events)) != NULL; atomic_fetch_add(&noted, 1)) {
        unsigned number = (unsigned)(event->name[2] - '0') * 10 + (unsigned)(event->name[3] - '0');
        claim(event->name_size == 10 && memcmp(event->name + 4, "\4test", 6) == 0 && number < NAMES, "a name noted");
        claim(event->address_size == 4 && memcmp(event->address, LOOPBACK, 4) == 0, "a client noted");
        claim(event->rcode == (number < 8 ? 3 : 0) && event->label == (number < 8), "what was decided");
        claim(event->type == 1 && event->took >= 0 && event->took < 60, "a type and a time");
    }
    events_free_read(events);
}

/* Return how many answers the threads have counted. */
static uint64_t given(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < THREADS; i++)
        sum += counter_read(&counters[i]->rcodes[ANSWER_CACHE][0]) +
               counter_read(&counters[i]->rcodes[ANSWER_BLOCKED][3]);
    return sum;
}

/* What the event loop does. */
static void *serve(void *with)
{
    uint64_t state = 4711;
    (void)with;
    for (unsigned long turn = 0; !atomic_load(&done); turn++) {
        struct pollfd wakes[THREADS];
        for (int i = 0; i < THREADS; i++)
            wakes[i] = (struct pollfd){.fd = thread_wake(threads[i]), .events = POLLIN};
        poll(wakes, THREADS, 1);
        for (int i = 0; i < THREADS; i++) {
            struct ring *ring = thread_left(threads[i]);
            for (const struct ring_message *message; (message = ring_next(ring)) != NULL; atomic_fetch_add(&taken, 1)) {
                claim(message->wire_size >= 17 && message->peer_size == sizeof(struct sockaddr_in), "what was left");
                claim(memcmp(ring_wire(message) + message->wire_size - 4, "\0\1\0\1", 4) == 0, "its question");
                learn(in_use, message);
            }
            ring_free_read(ring);
            take_events(counters[i]->events);
        }
        if (atomic_load(&left) < 1) {
            atomic_store(&left, GRANT);
            grants++;
        }
        unsigned chance = (unsigned)(next(&state) % 64);
        if (chance == 0)
            cache_flush(cache);
        for (unsigned i = 8; chance < 16 && i < NAMES; i++)
            keep(i);
        for (int i = 0; i < SWAPS && chance == 16; i++)
            swap();
        free_retired();
        for (int i = 0; i < THREADS && chance == 18; i++)
            events_switch(counters[i]->events, turn % 4 != 0);
        if (chance == 17) { /* a socket goes and comes back */
            int i = (int)(turn % THREADS);
            thread_forget(threads[i], numbers[i][1]);
            numbers[i][1] = thread_watch(threads[i], sockets[i][1]);
            claim(numbers[i][1] >= 0, "a socket taken back");
        }
        claim(given() <= (GRANT + THREADS) * grants, "no more answers than were granted, and one for each thread");
    }
    return NULL;
}

static void check(const uint8_t *wire, ssize_t size, uint16_t first, unsigned sent, const unsigned *asked)
{
    uint16_t place = (uint16_t)((wire[0] << 8 | wire[1]) - first);
    if (size < 12 || place >= sent)
        return; /* of an earlier round */
    uint8_t query[64];
    size_t end = make_query(asked[place], 0, query);
    claim((size_t)size >= end && memcmp(wire + 12, query + 12, end - 12) == 0, "the question of an answer");
    claim((wire[3] & 15) == (asked[place] < 8 ? 3 : 0), "the RCODE of an answer");
    if (asked[place] >= 8)
        claim((size_t)size == end + 16 && wire[size - 1] == asked[place], "the address in an answer");
    atomic_fetch_add(asked[place] < 8 ? &blocked : &answered, 1);
}

static void *ask(void *with)
{
    uint64_t state = (uintptr_t)with * 7919 + 1;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {0, 5000};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    uint16_t id = 0;
    for (unsigned long round = 0; round < rounds; round++) {
        unsigned asked[IN_FLIGHT];
        uint16_t first = id;
        int to = (int)(next(&state) % (THREADS * SOCKETS));
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        getsockname(sockets[to / SOCKETS][to % SOCKETS], (struct sockaddr *)&peer, &size);
        for (int i = 0; i < IN_FLIGHT; i++, id++) {
            uint8_t wire[64];
            asked[i] = (unsigned)(next(&state) % NAMES);
            size_t length = make_query(asked[i], id, wire);
            sendto(descriptor, wire, length, 0, (struct sockaddr *)&peer, sizeof peer);
        }
        for (int i = 0; i < IN_FLIGHT; i++) {
            uint8_t wire[512];
            ssize_t length = recv(descriptor, wire, sizeof wire, 0);
            if (length < 0) {
                atomic_fetch_add(&missed, (unsigned long)(IN_FLIGHT - i)); /* not known, or the socket was away */
                break;
            }
            check(wire, length, first, IN_FLIGHT, asked);
        }
    }
    close(descriptor);
    return NULL;
}

static void list_name(const char *text, unsigned labels, uint64_t pair)
{
    uint64_t number = 0;
    for (size_t at = strlen(text); at > 0; at--)
        number = (uint64_t)(((wide)number << 8 | (uint8_t)text[at - 1]) % PRIME);
    uint64_t key = (uint64_t)((wide)number * FACTOR % PRIME), slot = key >> (TABLE_KEY_BITS - 6);
    while (slots[slot] != 0)
        slot++;
    slots[slot] = key << TABLE_PAIR_BITS | pair;
    table.depths[0] |= (uint64_t)1 << labels;
    table.depths_above[0] |= (uint64_t)1 << labels;
}

static int bound(void)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    claim(bind(descriptor, (struct sockaddr *)&any, sizeof any) == 0, "a socket bound");
    return descriptor;
}

int main(int count, char **words)
{
    rounds = count > 1 ? strtoul(words[1], NULL, 10) : 200;
    for (unsigned i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%02u.test", i);
        list_name(name, 2, 1);
    }
    cache = cache_create(1 << 20, 4, (const uint8_t *)"sixteen bytes...");
    if (!table_ready(&table) || cache == NULL)
        return 1;
    in_use = make_told();
    for (int i = 0; i < THREADS; i++) {
        counters[i] = counters_create((uint16_t[]){1}, 1, 13, (double[]){0.001}, 1);
        counters[i]->events = events_create();
        events_switch(counters[i]->events, true);
        loops[i] = loop_create(counters[i]);
        threads[i] = thread_create(loops[i], counters[i]);
        claim(thread_start(threads[i]) == -EINVAL, "no start without anything known");
        thread_use(threads[i], &in_use->known);
        for (int k = 0; k < SOCKETS; k++)
            numbers[i][k] = thread_watch(threads[i], sockets[i][k] = bound());
        claim(thread_start(threads[i]) == 0, "a start");
    }
    pthread_t server, clients[LAST];
    pthread_create(&server, NULL, serve, NULL);
    for (uintptr_t i = 0; i < LAST; i++)
        pthread_create(&clients[i], NULL, ask, (void *)i);
    for (int i = 0; i < LAST; i++)
        pthread_join(clients[i], NULL);
    for (int i = 0; i < THREADS; i++)
        thread_stop(threads[i]); /* while the event loop still takes what they left */
    atomic_store(&done, true);
    pthread_join(server, NULL);
    claim((int64_t)given() >= (int64_t)(GRANT * grants) - atomic_load(&left), "no grant lost");
    for (int i = 0; i < THREADS; i++) {
        claim(!thread_ended(threads[i]), "none ended by itself");
        claim(counter_read(&counters[i]->overload) == 0, "room in the ring");
        for (int k = 0; k < SOCKETS; k++)
            close(sockets[i][k]);
        thread_destroy(threads[i]);
        take_events(counters[i]->events);
        claim(events_dropped(counters[i]->events) == 0, "room for what is noted");
        free(loops[i]);
        free(counters[i]->events);
        free(counters[i]);
    }
    free_told(in_use);
    for (struct told *told = retired; told != NULL;) {
        struct told *before = told->before;
        free_told(told);
        told = before;
    }
    cache_destroy(cache);
    printf("%lu cached, %lu blocked, %lu without an answer, %lu left, %lu policies, %lu noted\n", answered, blocked,
           missed, taken, swaps, noted);
    claim(atomic_load(&noted) != 0, "something noted");
    claim(atomic_load(&answered) != 0 && atomic_load(&blocked) != 0, "both kinds of answers");
    return atomic_load(&wrong) ? 1 : 0;
}
