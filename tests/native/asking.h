/* Upstream servers for threads.c: two sockets on loopback, and a thread that answers most of what comes in. */
#ifndef ASKING_H
#define ASKING_H

#include "ways.h"

enum { ASKING_SERVERS = 2, ASKING_BODY = 16 };

/* Write the record that stands in the answer for a name, or say whether it is that, whatever its TTL. */
void asking_body(unsigned number, uint8_t body[ASKING_BODY]);
bool asking_is_body(unsigned number, const uint8_t *body);

/* Return ways that lead there, once they are aimed. */
struct ways *asking_ways(void);
/* Ask the servers in another way: one of them, the other, both, or none. */
void asking_aim(struct ways *ways, unsigned turn);

bool asking_start(void);
void asking_stop(void);

#endif
