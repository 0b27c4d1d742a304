/* How long a thread keeps the core from another that is woken. */
#ifndef TURNS_H
#define TURNS_H

/* Nanoseconds. Whoever answers has the shorter one, and so gets the core from whatever else is ours at once; from that,
 * others get it after its turn, and not after the tick of the system, which may take 4 ms. 0.1 ms is the least there is. */
enum { TURN_TO_ANSWER = 100000, TURN_OF_OTHERS = 200000 };

/* Take turns of so many nanoseconds from now on: this thread, and whatever threads and processes it starts. It gets as
 * much of the core as before, but in shorter turns. Before Linux 6.12, and where it is not allowed, nothing changes.
 * Returns 0 or -errno. */
int turns_take(unsigned ns);

#endif
