#define _GNU_SOURCE

#include "upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

void upstreams_init(struct upstreams *all, int poll)
{
    all->poll = poll;
}

static void close_line(struct upstreams *all, struct line *line)
{
    close(line->descriptor); /* which takes it out of epoll */
    free(line);
    all->lines--;
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

static void close_old(struct upstreams *all, struct upstream *server, double now)
{
    for (struct line **at = &server->old; *at != NULL;) {
        struct line *line = *at;
        if (line->waiting || now < line->until) {
            at = &line->next;
            continue;
        }
        *at = line->next;
        close_line(all, line);
    }
}

void upstreams_tidy(struct upstreams *all, double now)
{
    for (unsigned i = 0; i < WAYS_SERVERS && all->lines; i++) {
        struct upstream *server = &all->servers[i];
        for (unsigned k = 0; k < UPSTREAM_POOL; k++)
            if (server->pool[k] != NULL && now >= server->pool[k]->until)
                replace(server, k, now);
        close_old(all, server, now);
    }
}

void upstreams_end(struct upstreams *all)
{
    for (unsigned i = 0; i < WAYS_SERVERS; i++) {
        struct upstream *server = &all->servers[i];
        for (unsigned k = 0; k < UPSTREAM_POOL; k++)
            replace(server, k, 0);
        while (server->old != NULL) {
            struct line *line = server->old;
            server->old = line->next;
            close_line(all, line);
        }
    }
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

static struct line *open_line(struct upstreams *all, const struct ways_server *server, unsigned number, double now)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL)
        return NULL;
    line->descriptor = socket(server->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    line->server = number;
    line->left = UPSTREAM_SENDS;
    line->until = now + UPSTREAM_AGE_S;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uintptr_t)line};
    if (line->descriptor >= 0 &&
        connect(line->descriptor, (const struct sockaddr *)&server->address, server->address_size) == 0 &&
        epoll_ctl(all->poll, EPOLL_CTL_ADD, line->descriptor, &event) == 0) {
        all->lines++;
        return line;
    }
    if (line->descriptor >= 0)
        close(line->descriptor);
    free(line);
    return NULL;
}

/* Leave the sockets that lead to another server, which had the number before. */
static void connect_to(struct upstream *server, uint64_t serial, double now)
{
    if (server->serial == serial)
        return;
    for (unsigned i = 0; i < UPSTREAM_POOL; i++)
        replace(server, i, now);
    server->serial = serial;
}

struct line *upstreams_draw(struct upstreams *all, const struct ways *ways, unsigned number, double now)
{
    bool sound = true;
    unsigned place = upstreams_random(all, &sound) % UPSTREAM_POOL;
    if (!sound)
        return NULL;
    struct upstream *server = &all->servers[number];
    connect_to(server, ways->servers[number].serial, now);
    struct line *line = server->pool[place];
    if (line != NULL && line->left > 0 && now < line->until)
        return line;
    struct line *fresh = open_line(all, &ways->servers[number], number, now);
    if (fresh == NULL)
        return NULL;
    replace(server, place, now);
    return server->pool[place] = fresh;
}

void upstreams_count(struct upstreams *all, unsigned server, enum upstream_kind kind)
{
    counter_add(&all->servers[server].counts.kinds[kind], 1);
}

void upstreams_answered(struct upstreams *all, const struct ways *ways, unsigned number, double seconds, bool edns)
{
    struct upstream_counts *counts = &all->servers[number].counts;
    unsigned bound = 0;
    while (bound < ways->bound_count && seconds > ways->bounds[bound])
        bound++;
    counter_add(&counts->durations[bound], 1);
    double before = atomic_load_explicit(&counts->seconds, memory_order_relaxed);
    atomic_store_explicit(&counts->seconds, before + seconds, memory_order_relaxed);
    atomic_store_explicit(&counts->samples[counter_read(&counts->kinds[UPSTREAM_ANSWERED]) % UPSTREAM_SAMPLES], seconds,
                          memory_order_relaxed);
    counter_add(&counts->kinds[UPSTREAM_EDNS], edns);
    counter_add(&counts->kinds[UPSTREAM_ANSWERED], 1);
}
