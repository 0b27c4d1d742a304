/* A thread that answers what is known on its own sockets, and leaves everything else in a ring for the event loop.
 *
 * What it promises:
 * - It waits for nobody but the system: not for Python, nor for another of its kind. It takes the locks of the cache's
 *   shards, and one of its own, which others take only to change which sockets it has.
 * - What is known (thread_use) may be replaced at any time by whoever made it; nobody waits. The thread says in
 *   `reading` what it reads (a hazard pointer), so that what was replaced is freed only when it has let go of it.
 * - One wake for all that is left until it is taken: `woken` says that one is under way.
 * - What does not fit into the ring is dropped and counted as `overload`.
 * - What is unknown it asks upstream on sockets of its own (misses.h), once what is known says how.
 * - When thread_stop returns it has ended; all that it has answered was sent, and what it left is still in the ring.
 *
 * Shared: `using`, `reading`, `woken`, `stopping`, `ended` (atomic), the sockets and the questions (by the lock), the
 * ring (one writer, one reader), the counters (one writer). The loop is the thread's alone while it runs. */
#ifndef THREAD_H
#define THREAD_H

#include "loop.h"
#include "ring.h"

struct thread;

/* Return a thread that does not run yet, over a loop and its counters, which stay the caller's and outlive it, and asks up
 * to so many questions at a time. NULL: no memory, or no descriptors left. */
struct thread *thread_create(struct loop *loop, struct counters *counters, uint32_t questions);
/* Free one that does not run. */
void thread_destroy(struct thread *thread);

/* Begin; something known has been given. Every signal is for other threads. Returns 0 or -errno. */
int thread_start(struct thread *thread);
/* End it and wait for that: as long as one pass over its sockets takes. Nothing happens if it does not run. */
void thread_stop(struct thread *thread);
/* Return whether it ended by itself, since the system refused to let it wait. */
bool thread_ended(const struct thread *thread);

/* Answer from now on on a non-blocking UDP socket, which is the caller's. Returns its number, or -errno. */
int thread_watch(struct thread *thread, int descriptor);
/* Take no more queries from a socket; answers to earlier ones still leave from it. Waits as the next. */
void thread_rest(struct thread *thread, int number);
/* Leave a socket alone from now on; waits for the end of a pass over it. Its number may be given again. */
void thread_forget(struct thread *thread, int number);

/* Use this from now on; it stays the caller's. Once it has said how questions are asked it has to for ever. */
void thread_use(struct thread *thread, const struct known *known);
/* Return whether something that is no longer used may still be read. */
bool thread_reads(const struct thread *thread, const struct known *known);

/* Return a descriptor that can be read when something is left. */
int thread_wake(const struct thread *thread);
/* Return the ring, of which all that was left by now can be read. For the thread of the event loop. */
struct ring *thread_left(struct thread *thread);

/* Return what it asks with, of which only what misses.h and upstream.h say may be read. */
const struct misses *thread_misses(const struct thread *thread);

#endif
