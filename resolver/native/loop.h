/* Receiving, answering and sending, many messages at a time: recvmmsg(2) and sendmmsg(2).
 *
 * A loop belongs to one thread at a time and shares nothing but what is known (known to be read by several) and its
 * counters, which others may read. It answers what is known, and shows what is left until its next pass. */
#ifndef LOOP_H
#define LOOP_H

#include "counters.h"
#include "misses.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum {
    LOOP_BATCH = 64,
    LOOP_LARGEST = 4096,           /* largest message read, in bytes; what is longer is cut, and so unreadable */
    LOOP_PEER = sizeof(struct sockaddr_in6),
    LOOP_CONTROL = 64,             /* room for the control messages of one message */
};

/* A message that was not answered: where it is among those received, and why. */
struct loop_left {
    unsigned number;
    enum answered why;
    uint32_t profile, set;         /* of ANSWER_UNMET */
};

struct loop;

/* Return a loop that counts in `counters`, which is not its own; NULL: no memory. free() ends it. */
struct loop *loop_create(struct counters *counters);

/* What asks upstream for what is unknown, or NULL: it is left; and what it has to know (struct misses_from). */
struct loop_asks {
    struct misses *misses;
    unsigned socket;
    uint64_t generation;
};

/* Take what is there on a non-blocking UDP socket, up to LOOP_BATCH messages; answer what is known. Answers leave from
 * the address asked, where the socket is set to say which that was. Returns how many came; below 0: -errno. */
int loop_pass(struct loop *loop, int descriptor, const struct known *known, struct loop_asks asks);

/* Return what the last pass left, and set *count. */
const struct loop_left *loop_left(const struct loop *loop, unsigned *count);

/* Return the bytes of one message of the last pass, the address it came from, its control messages. */
struct loop_bytes {
    const uint8_t *bytes;
    size_t size;
};
struct loop_bytes loop_wire(const struct loop *loop, unsigned number);
struct loop_bytes loop_peer(const struct loop *loop, unsigned number);
struct loop_bytes loop_control(const struct loop *loop, unsigned number);

/* Return when the messages of the last pass came, in monotonic seconds. */
double loop_arrived(const struct loop *loop);

/* Return where an address as the system has it holds that of the host; of size 0 for one of neither IPv4 nor IPv6. */
struct source loop_host(const void *peer);

#endif
