/* A service that answers what it knows with one or more threads, to count the instructions that a query takes.
 *
 * usage: instructions THREADS: prints the port on loopback where it answers, and ends when its input does. The name
 * policy.example is blocked, and cached.example is in the cache. */
#define _GNU_SOURCE /* SO_REUSEPORT */
#include "thread.h"
#include "world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS_MAX = 16 };

static int bound(uint16_t port)
{
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1, room = 1 << 20;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(sock, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    return bind(sock, (struct sockaddr *)&at, sizeof at) < 0 ? -1 : sock;
}

static void keep_cached(void)
{
    static const uint8_t key[] = "\6cached\7example\0\0\1\0\1";
    static const uint8_t body[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0x7f, 0xff, 0, 4, 192, 0, 2, 1};
    static const uint16_t ttl = 6;
    struct cache_answer kept = {.expires = INFINITY, .refresh_at = INFINITY, .answers = 1, .body = body,
                                .body_size = sizeof body, .ttls = &ttl, .ttl_count = 1};
    struct cache_key made = cache_key(known.cache, key, sizeof key - 1);
    if (cache_put(known.cache, made, &kept, cache_generation(known.cache)) == 0)
        abort();
}

int main(int argc, char **argv)
{
    int count = argc == 2 ? atoi(argv[1]) : 0;
    if (count < 1 || count > THREADS_MAX) {
        fprintf(stderr, "usage: instructions THREADS\n");
        return 2;
    }
    prepare();
    keep_cached();
    if (!clients_add((struct clients *)known.clients, (const uint8_t[]){127, 0, 0, 1}, 4, 0, &left))
        abort();
    struct sockaddr_in at = {0};
    struct thread *threads[THREADS_MAX];
    for (int i = 0; i < count; i++) {
        socklen_t size = sizeof at;
        int sock = bound(ntohs(at.sin_port));
        const double bound_s = 1;
        struct counters *counters = counters_create((const uint16_t[]){1}, 1, 8, &bound_s, 1);
        struct loop *loop = loop_create(counters);
        threads[i] = counters && loop ? thread_create(loop, counters, 1) : NULL;
        if (sock < 0 || threads[i] == NULL || getsockname(sock, (struct sockaddr *)&at, &size) < 0)
            abort();
        thread_use(threads[i], &known);
        if (thread_watch(threads[i], sock) < 0 || thread_start(threads[i]) < 0)
            abort();
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    for (int i = 0; i < count; i++)
        thread_stop(threads[i]);
    return 0;
}
