#define _GNU_SOURCE
#include "asking.h"
#include "clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT = 11, HEADER = 12 };
#define PATIENCE_S 0.05

static int sockets[ASKING_SERVERS];
static struct sockaddr_in addresses[ASKING_SERVERS];
static pthread_t server;
static atomic_bool done;

void asking_body(unsigned number, uint8_t body[ASKING_BODY])
{
    const uint8_t bytes[ASKING_BODY] = {
        0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0f, 0xff, 0, 4, 192, 0, (uint8_t)(number >> 8), (uint8_t)number};
    memcpy(body, bytes, sizeof bytes);
}

bool asking_is_body(unsigned number, const uint8_t *body)
{
    uint8_t right[ASKING_BODY];
    asking_body(number, right);
    return memcmp(body, right, 6) == 0 && memcmp(body + 10, right + 10, ASKING_BODY - 10) == 0;
}

struct ways *asking_ways(void)
{
    static const uint64_t seed[2] = {3, 4};
    struct routes *routes = routes_create(NULL, 0, NULL, 0, 0, seed);
    struct ways *ways = routes == NULL ? NULL : ways_create(routes);
    if (ways == NULL)
        abort();
    ways->ageing = (struct records_ageing){86400, 3600, 86400, true};
    ways->bound_count = 1;
    ways->bounds[0] = 0.001;
    ways->group_count = 1;
    for (unsigned i = 0; i < ASKING_SERVERS; i++)
        ways_set_server(ways, i, 1 + (unsigned)rand() % 4, (const struct sockaddr *)&addresses[i], sizeof addresses[i]);
    return ways;
}

void asking_aim(struct ways *ways, unsigned turn)
{
    uint64_t aims[ASKING_SERVERS] = {0};
    for (unsigned i = 0; i < ASKING_SERVERS; i++)
        ways_make_aim(ways, (i + turn) % ASKING_SERVERS, PATIENCE_S, &aims[i]);
    ways_aim(&ways->groups[0], aims, turn % 8 == 7 ? 0 : 1 + turn % ASKING_SERVERS);
}

/* Make an answer of a question; returns its size. */
static size_t answer(uint8_t *wire, size_t size, bool truncated)
{
    unsigned number = 0;
    for (size_t i = HEADER + 2; i < HEADER + 5; i++)
        number = 10 * number + (unsigned)(wire[i] - '0');
    wire[2] = 0x81 | (truncated ? 2 : 0);
    wire[3] = 0x80;
    wire[7] = 1; /* one record, and no OPT */
    wire[11] = 0;
    asking_body(number, wire + size - OPT);
    return size - OPT + ASKING_BODY;
}

static void take(int descriptor, unsigned turn)
{
    static uint8_t kept[512];          /* an answer that will be late */
    static size_t kept_size;
    static struct sockaddr_in kept_peer;
    static int kept_by;
    static double kept_until;
    uint8_t wire[512];
    struct sockaddr_in peer;
    socklen_t peer_size = sizeof peer;
    ssize_t size = recvfrom(descriptor, wire, sizeof wire - ASKING_BODY, MSG_DONTWAIT, (struct sockaddr *)&peer, &peer_size);
    if (size < HEADER + 5 + OPT)
        return;
    size_t length = answer(wire, (size_t)size, turn % 16 == 3);
    if (kept_size && clock_now() > kept_until) {
        sendto(kept_by, kept, kept_size, 0, (struct sockaddr *)&kept_peer, sizeof kept_peer);
        kept_size = 0;
    }
    if (turn % 16 == 1) { /* answered late, if at all */
        if (kept_size)
            return;
        memcpy(kept, wire, length);
        kept_size = length;
        kept_peer = peer;
        kept_by = descriptor;
        kept_until = clock_now() + 1.5 * PATIENCE_S;
        return;
    }
    if (turn % 16 == 5) { /* what somebody else might send, and then the right one */
        wire[HEADER + 3] ^= 1;
        sendto(descriptor, wire, length, 0, (struct sockaddr *)&peer, peer_size);
        wire[HEADER + 3] ^= 1;
    }
    for (unsigned i = 0; i <= (turn % 16 == 7); i++) /* some come twice */
        sendto(descriptor, wire, length, 0, (struct sockaddr *)&peer, peer_size);
}

static void *serve(void *ignored)
{
    (void)ignored;
    for (unsigned turn = 0; !atomic_load(&done); turn++) {
        struct pollfd polled[ASKING_SERVERS];
        for (unsigned i = 0; i < ASKING_SERVERS; i++)
            polled[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
        poll(polled, ASKING_SERVERS, 10);
        for (unsigned i = 0; i < ASKING_SERVERS; i++)
            if (polled[i].revents)
                take(sockets[i], turn);
    }
    return NULL;
}

bool asking_start(void)
{
    for (unsigned i = 0; i < ASKING_SERVERS; i++) {
        socklen_t size = sizeof addresses[i];
        addresses[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (bind(sockets[i], (struct sockaddr *)&addresses[i], sizeof addresses[i]) < 0 ||
            getsockname(sockets[i], (struct sockaddr *)&addresses[i], &size) < 0)
            return false;
    }
    return pthread_create(&server, NULL, serve, NULL) == 0;
}

void asking_stop(void)
{
    atomic_store(&done, true);
    pthread_join(server, NULL);
    for (unsigned i = 0; i < ASKING_SERVERS; i++)
        close(sockets[i]);
}
