/* Answers that leave together from one socket: sendmmsg(2). All who include this define _GNU_SOURCE before. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "counters.h"

#include <sys/socket.h>

enum { OUTBOX_ROOM = 64 };

struct outbox {
    unsigned count;
    struct mmsghdr messages[OUTBOX_ROOM];
    struct iovec pieces[OUTBOX_ROOM];
};

/* Put an answer, of which there are fewer than OUTBOX_ROOM, to what came in with this header: it goes to where that came
 * from, and leaves from the address asked, where the socket was set to say which that was. The bytes, the address and the
 * control messages stay the caller's, and stay until it is sent; of control messages the bytes are changed. */
void outbox_put(struct outbox *box, uint8_t *bytes, size_t size, const struct msghdr *came);

/* Send all and empty it. Where the system takes no more now, the others are lost, as they would be on the way; where one
 * cannot be sent, that one is: both are counted as unsent. */
void outbox_send(struct outbox *box, int descriptor, struct counters *counters);

#endif
