#define _GNU_SOURCE /* pthread_setname_np */

#include "thread_own.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

void thread_use(struct thread *thread, const struct known *known)
{
    atomic_store(&thread->using, known);
}

bool thread_reads(const struct thread *thread, const struct known *known)
{
    return atomic_load(&thread->reading) == known;
}

void thread_signal(int descriptor)
{
    uint64_t one = 1;
    if (write(descriptor, &one, sizeof one) < 0)
        return; /* it is at its largest, and can be read all the same */
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

int thread_start(struct thread *thread)
{
    if (thread->running || atomic_load(&thread->using) == NULL)
        return -EINVAL;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread has the mask of the one that makes it */
    int error = pthread_create(&thread->id, NULL, thread_run, thread);
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
    thread_signal(thread->stop);
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
