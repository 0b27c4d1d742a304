/* What a thread does: it waits, answers, asks, and hands over. */
#include "clock.h"
#include "thread_own.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>

enum {
    EVENTS = 16,
    BUSY = 4,                      /* from so many messages in a pass on, more are on their way */
    PASSES = 16,                   /* over one socket before the others get their turn: about a thousand queries */
};

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

/* Let the event loop see what was put into the ring, and wake it unless that has been done and it has not looked yet. */
static void publish(struct thread *thread, unsigned put)
{
    put += thread->misses->put;
    thread->misses->put = 0;
    if (put == 0)
        return;
    ring_publish(thread->ring);
    if (!atomic_exchange(&thread->woken, true))
        thread_signal(thread->wake);
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
    if (misses_rest(thread->misses))
        return -1;
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
    thread_signal(thread->wake);
}

void *thread_run(void *with)
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
