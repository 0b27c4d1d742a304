/* What thread.c and thread_run.c have in common: the insides of a thread. For these two alone. */
#ifndef THREAD_OWN_H
#define THREAD_OWN_H

#include "thread.h"

#include <pthread.h>
#include <stdatomic.h>

enum { NOT_A_SOCKET = -1 };        /* of a number that is free */

/* What an event is of, in the lowest bits of what epoll says of it; the rest is the line, or the number of the socket. */
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

/* Make a descriptor of eventfd(2) readable. */
void thread_signal(int descriptor);

/* What a thread does until it is stopped. Returns NULL. */
void *thread_run(void *thread);

#endif
