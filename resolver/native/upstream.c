#define _GNU_SOURCE

#include "upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

bool upstreams_init(struct upstreams *all, const double *bounds, size_t bound_count)
{
    if (bound_count > UPSTREAM_BOUNDS)
        return false;
    memset(all, 0, sizeof *all);
    all->bound_count = (unsigned)bound_count;
    for (size_t i = 0; i < bound_count; i++)
        all->bounds[i] = bounds[i];
    all->epoll = epoll_create1(EPOLL_CLOEXEC);
    return all->epoll >= 0;
}

static void close_line(struct line *line)
{
    close(line->descriptor); /* which takes it out of epoll */
    free(line);
}

static void close_lines(struct upstream *server)
{
    for (unsigned i = 0; i < UPSTREAM_POOL; i++) {
        if (server->pool[i] != NULL)
            close_line(server->pool[i]);
        server->pool[i] = NULL;
    }
    while (server->old != NULL) {
        struct line *next = server->old->next;
        close_line(server->old);
        server->old = next;
    }
}

void upstreams_end(struct upstreams *all)
{
    for (unsigned i = 0; i < UPSTREAM_SERVERS; i++)
        close_lines(&all->servers[i]);
    if (all->epoll >= 0)
        close(all->epoll);
    all->epoll = -1;
}

int upstreams_add(struct upstreams *all, const struct sockaddr *address, socklen_t size)
{
    if (size > sizeof all->servers->address)
        return -1;
    for (unsigned i = 0; i < UPSTREAM_SERVERS; i++) {
        struct upstream *server = &all->servers[i];
        if (server->used)
            continue;
        memset(server, 0, sizeof *server);
        memcpy(&server->address, address, size);
        server->address_size = size;
        server->used = true;
        return (int)i;
    }
    return -1;
}

static void replace(struct upstream *server, unsigned place, double now)
{
    struct line *line = server->pool[place];
    if (line == NULL)
        return;
    server->pool[place] = NULL;
    line->until = now + UPSTREAM_LINGER_S;
    line->next = server->old;
    server->old = line;
}

void upstreams_leave(struct upstreams *all, unsigned number, double now)
{
    struct upstream *server = &all->servers[number];
    server->leaving = true;
    for (unsigned i = 0; i < UPSTREAM_POOL; i++)
        replace(server, i, now);
}

bool upstreams_tidy(struct upstreams *all, double now)
{
    bool left = false;
    for (unsigned i = 0; i < UPSTREAM_SERVERS; i++) {
        struct upstream *server = &all->servers[i];
        for (struct line **at = &server->old; *at != NULL;) {
            struct line *line = *at;
            if (line->waiting || now < line->until) {
                at = &line->next;
                continue;
            }
            *at = line->next;
            close_line(line);
        }
        if (server->leaving && server->old == NULL)
            server->used = server->leaving = false;
        left |= server->old != NULL;
    }
    return left;
}

uint16_t upstreams_random(struct upstreams *all, bool *sound)
{
    if (all->random_left == 0) {
        size_t got = 0;
        while (got < sizeof all->random) {
            ssize_t more = getrandom((uint8_t *)all->random + got, sizeof all->random - got, 0);
            if (more <= 0 && errno != EINTR) {
                *sound = false;
                return 0;
            }
            got += more > 0 ? (size_t)more : 0;
        }
        all->random_left = sizeof all->random / sizeof *all->random;
    }
    return all->random[--all->random_left];
}

static struct line *open_line(struct upstreams *all, unsigned number, double now)
{
    const struct upstream *server = &all->servers[number];
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL)
        return NULL;
    line->descriptor = socket(server->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    line->server = number;
    line->left = UPSTREAM_SENDS;
    line->until = now + UPSTREAM_AGE_S;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    if (line->descriptor >= 0 &&
        connect(line->descriptor, (const struct sockaddr *)&server->address, server->address_size) == 0 &&
        epoll_ctl(all->epoll, EPOLL_CTL_ADD, line->descriptor, &event) == 0)
        return line;
    if (line->descriptor >= 0)
        close(line->descriptor);
    free(line);
    return NULL;
}

struct line *upstreams_draw(struct upstreams *all, unsigned number, double now)
{
    struct upstream *server = &all->servers[number];
    bool sound = true;
    unsigned place = upstreams_random(all, &sound) % UPSTREAM_POOL;
    if (!sound || !server->used || server->leaving)
        return NULL;
    struct line *line = server->pool[place];
    if (line != NULL && line->left > 0 && now < line->until)
        return line;
    struct line *fresh = open_line(all, number, now);
    if (fresh == NULL)
        return NULL;
    replace(server, place, now);
    return server->pool[place] = fresh;
}

void upstreams_answered(struct upstreams *all, unsigned number, double seconds, bool edns)
{
    struct upstream_counts *counts = &all->servers[number].counts;
    unsigned bound = 0;
    while (bound < all->bound_count && seconds > all->bounds[bound])
        bound++;
    counts->durations[bound]++;
    counts->seconds += seconds;
    counts->edns |= edns;
    if (counts->sample_count < UPSTREAM_SAMPLES)
        counts->samples[counts->sample_count++] = seconds;
}
