/* How long a thread that answers keeps the core from another that is woken: as short as Linux grants. All others of ours
 * keep it twice as long (edge/turns.py), so one that is woken to answer gets it from them at once. */
#ifndef TURNS_H
#define TURNS_H

enum { TURN_NS = 100000 };

/* Take such turns from now on, in this thread. It gets as much of the core as before. Before Linux 6.12, and where it is not
 * allowed, nothing changes. Returns 0 or -errno. */
int turns_shorten(void);

#endif
