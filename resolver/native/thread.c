#define _GNU_SOURCE /* pthread_setname_np */

#include "thread.h"
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVENTS = 16,
    BUSY = 4,                      /* from so many messages in a pass on, more are on their way */
    PASSES = 16,                   /* over one socket before the others get their turn: about a thousand queries */
    NOT_A_SOCKET = -1,             /* of a number that is free */
};

/* What an event is of, in the lowest bits of what epoll says of it; upstream.c says where a line of it stands. */
enum { OF_LINE, OF_SOCKET, OF_STOP, KINDS = 4 };

struct thread {
    _Alignas(64) _Atomic(const struct known *) reading;
    _Atomic(const struct known *) using;
    atomic_bool stopping, ended;
    _Alignas(64) atomic_bool woken;
    struct loop *loop;
    struct counters *counters;
    struct ring *ring;
    struct misses *misses;
    int poll, stop, wake;          /* descriptors: what it waits with, what ends it, what tells the event loop */
    bool running;                  /* of whoever starts and stops it */
    pthread_t id;
    pthread_mutex_t lock;          /* of the two below, and of what is asked */
    int *sockets;                  /* by number; NOT_A_SOCKET: free */
    unsigned socket_count;
};

struct thread *thread_create(struct loop *loop, struct counters *counters, uint32_t questions)
{
    struct thread *thread = aligned_alloc(64, sizeof *thread);
    if (thread == NULL)
        return NULL;
    memset(thread, 0, sizeof *thread);
    thread->loop = loop;
    thread->counters = counters;
    pthread_mutex_init(&thread->lock, NULL); /* of the plain kind: cannot fail */
    thread->ring = ring_create();
    thread->poll = epoll_create1(EPOLL_CLOEXEC);
    thread->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = OF_STOP};
    if (thread->ring != NULL)
        thread->misses = misses_create(counters, thread->ring, thread->poll, questions);
    if (thread->misses != NULL && thread->wake >= 0 &&
        epoll_ctl(thread->poll, EPOLL_CTL_ADD, thread->stop, &event) == 0)
        return thread;
    thread_destroy(thread);
    return NULL;
}

static void close_one(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

void thread_destroy(struct thread *thread)
{
    if (thread->misses != NULL)
        misses_destroy(thread->misses);
    close_one(thread->poll);
    close_one(thread->stop);
    close_one(thread->wake);
    pthread_mutex_destroy(&thread->lock);
    free(thread->ring);
    free(thread->sockets);
    free(thread);
}

/* Return what is in use, and hold it. What is read is said first and then looked at again: whoever replaces it looks at
 * what is said later, and so either sees it, or we see what came in its place. Both need the one order of all. */
static const struct known *hold(struct thread *thread)
{
    const struct known *known = atomic_load(&thread->using), *before;
    do {
        before = known;
        atomic_store(&thread->reading, before);
        known = atomic_load(&thread->using);
    } while (known != before);
    return known;
}

static void let_go(struct thread *thread)
{
    atomic_store_explicit(&thread->reading, NULL, memory_order_release);
}

void thread_use(struct thread *thread, const struct known *known)
{
    atomic_store(&thread->using, known);
}

bool thread_reads(const struct thread *thread, const struct known *known)
{
    return atomic_load(&thread->reading) == known;
}

static void signal_to(int descriptor)
{
    uint64_t one = 1;
    if (write(descriptor, &one, sizeof one) < 0)
        return; /* it is at its largest, and can be read all the same */
}

/* Let the event loop see what was put into the ring, and wake it unless that has been done and it has not looked yet. */
static void publish(struct thread *thread, unsigned put)
{
    put += thread->misses->put;
    thread->misses->put = 0;
    if (put == 0)
        return;
    ring_publish(thread->ring);
    if (!atomic_exchange(&thread->woken, true))
        signal_to(thread->wake);
}

/* Put what a pass left into the ring. */
static void hand_over(struct thread *thread, unsigned number)
{
    struct loop *loop = thread->loop;
    unsigned count, put = 0;
    const struct loop_left *left = loop_left(loop, &count);
    for (unsigned i = 0; i < count; i++) {
        struct loop_bytes wire = loop_wire(loop, left[i].number), peer = loop_peer(loop, left[i].number),
                          control = loop_control(loop, left[i].number);
        struct ring_message message = {
            .arrived = loop_arrived(loop), .socket = number, .why = left[i].why, .profile = left[i].profile,
            .set = left[i].set, .wire_size = (uint16_t)wire.size, .peer_size = (uint16_t)peer.size,
            .control_size = (uint16_t)control.size};
        put += ring_put(thread->ring, &message, wire.bytes, peer.bytes, control.bytes);
    }
    if (put < count)
        counter_add(&thread->counters->overload, count - put);
    publish(thread, put);
}

struct ring *thread_left(struct thread *thread)
{
    uint64_t ignored;
    if (read(thread->wake, &ignored, sizeof ignored) < 0)
        ignored = 0; /* not woken: there may be something left of before */
    /* before the ring is looked at: what is published later wakes us again */
    atomic_exchange(&thread->woken, false);
    return thread->ring;
}

static void serve(struct thread *thread, const struct known *known, uint64_t generation, unsigned number)
{
    int descriptor = thread->sockets[number]; /* it may have been taken away since it was reported */
    struct loop_asks asks = {thread->misses, number, generation};
    for (int passes = 0; descriptor != NOT_A_SOCKET && passes < PASSES; passes++) {
        int came = loop_pass(thread->loop, descriptor, known, asks);
        hand_over(thread, number);
        if (came < BUSY)
            break; /* the rest, if there is some by now, is reported again */
        if (came < LOOP_BATCH)
            sched_yield(); /* let whoever asks have the core, if it waits for that: to wait for each few costs more */
    }
}

static void take_event(struct thread *thread, uint64_t of)
{
    if (of % KINDS == OF_STOP)
        return;
    pthread_mutex_lock(&thread->lock);
    const struct known *known;
    uint64_t generation;
    do { /* what was replaced before a flush is not held after it: no old server is asked for a new answer */
        known = hold(thread);
        generation = known->cache == NULL ? 0 : cache_generation(known->cache);
    } while (known != atomic_load(&thread->using));
    if (of % KINDS == OF_SOCKET) {
        serve(thread, known, generation, (unsigned)(of / KINDS));
    } else {
        struct misses_sockets sockets = {thread->sockets, thread->socket_count};
        misses_receive(thread->misses, known, (struct line *)(uintptr_t)of, sockets, clock_now());
        publish(thread, 0);
    }
    let_go(thread);
    pthread_mutex_unlock(&thread->lock);
}

/* See to what has waited too long. Returns how long to wait for the next event, as epoll_wait(2) has it. */
static int tick(struct thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    int patience = misses_tick(thread->misses, clock_now());
    publish(thread, 0);
    pthread_mutex_unlock(&thread->lock);
    return patience;
}

/* Leave everything to the event loop, which is told by the wake. */
static void give_up(struct thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    misses_abandon(thread->misses, clock_now());
    publish(thread, 0);
    pthread_mutex_unlock(&thread->lock);
    atomic_store(&thread->ended, true);
    signal_to(thread->wake);
}

static void *run(void *with)
{
    struct thread *thread = with;
    struct epoll_event events[EVENTS];
    int patience = -1;
    while (!atomic_load(&thread->stopping)) {
        int count = epoll_wait(thread->poll, events, EVENTS, patience);
        if (count < 0 && errno != EINTR) {
            give_up(thread);
            break;
        }
        for (int i = 0; i < count; i++)
            take_event(thread, events[i].data.u64);
        patience = tick(thread);
    }
    return NULL;
}

int thread_start(struct thread *thread)
{
    if (thread->running || atomic_load(&thread->using) == NULL)
        return -EINVAL;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread has the mask of the one that makes it */
    int error = pthread_create(&thread->id, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    thread->running = error == 0;
    if (thread->running)
        pthread_setname_np(thread->id, "answers"); /* for `top -H`; nothing depends on it */
    return -error;
}

void thread_stop(struct thread *thread)
{
    if (!thread->running)
        return;
    atomic_store(&thread->stopping, true);
    signal_to(thread->stop);
    pthread_join(thread->id, NULL);
    thread->running = false;
}

bool thread_ended(const struct thread *thread)
{
    return atomic_load(&thread->ended);
}

/* Return a free number, or -1: no memory. The lock is held. */
static int free_number(struct thread *thread)
{
    for (unsigned i = 0; i < thread->socket_count; i++)
        if (thread->sockets[i] == NOT_A_SOCKET)
            return (int)i;
    int *more = realloc(thread->sockets, (thread->socket_count + 1) * sizeof *more);
    if (more == NULL)
        return -1;
    thread->sockets = more;
    thread->sockets[thread->socket_count] = NOT_A_SOCKET;
    return (int)thread->socket_count++;
}

int thread_watch(struct thread *thread, int descriptor)
{
    pthread_mutex_lock(&thread->lock);
    int number = free_number(thread), error = number < 0 ? ENOMEM : 0;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)number * KINDS + OF_SOCKET};
    if (!error && epoll_ctl(thread->poll, EPOLL_CTL_ADD, descriptor, &event) < 0)
        error = errno;
    if (!error)
        thread->sockets[number] = descriptor;
    pthread_mutex_unlock(&thread->lock);
    return error ? -error : number;
}

/* Take no more queries from a socket. The lock is held. False: there is none of this number. */
static bool rest(struct thread *thread, int number)
{
    if (number < 0 || (unsigned)number >= thread->socket_count || thread->sockets[number] == NOT_A_SOCKET)
        return false;
    epoll_ctl(thread->poll, EPOLL_CTL_DEL, thread->sockets[number], NULL); /* it may rest already */
    return true;
}

void thread_rest(struct thread *thread, int number)
{
    pthread_mutex_lock(&thread->lock);
    rest(thread, number);
    pthread_mutex_unlock(&thread->lock);
}

void thread_forget(struct thread *thread, int number)
{
    pthread_mutex_lock(&thread->lock);
    if (rest(thread, number)) {
        thread->sockets[number] = NOT_A_SOCKET;
        flights_lose(&thread->misses->flights, (unsigned)number);
    }
    pthread_mutex_unlock(&thread->lock);
}

int thread_wake(const struct thread *thread)
{
    return thread->wake;
}

const struct misses *thread_misses(const struct thread *thread)
{
    return thread->misses;
}
