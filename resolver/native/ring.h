/* Messages from one thread to another, in the order they came: what a thread that answers leaves for Python.
 *
 * What it promises:
 * - One thread writes and one reads, at the same time; neither ever waits for the other, and no lock is taken.
 * - It is bounded. What does not fit is refused, and nothing that is in it is lost or changed by that.
 * - What was put is seen by the reader once it is published, whole or not at all.
 *
 * Shared between the two are `published` and `freed`, which are atomic, and the bytes between them, which each changes
 * only where the other does not look. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RING_BYTES = 1 << 20 }; /* some 6,000 usual queries: at 50 µs each Python needs 0.3 s for them */

struct ring;

/* A message; its bytes stand behind it, one kind behind the other. */
struct ring_message {
    double arrived;                /* monotonic seconds */
    uint32_t size;                 /* of all of it, in bytes; set by ring_put */
    uint32_t socket;               /* which one it came in on: a number of whoever put it */
    uint32_t why, profile, set;    /* as in struct loop_left */
    uint16_t wire_size, peer_size, control_size;
};

/* Return an empty ring, or NULL: no memory. free() ends it. */
struct ring *ring_create(void);

/* For the thread that writes. Put a message with its bytes; false: there is no room. */
bool ring_put(struct ring *ring, const struct ring_message *message, const void *wire, const void *peer,
              const void *control);
/* Let the reader see what was put. */
void ring_publish(struct ring *ring);

/* For the thread that reads. Return the next message, or NULL: there is none. It stays until ring_free_read. */
const struct ring_message *ring_next(struct ring *ring);
/* Give the room of all that was read back to the writer. */
void ring_free_read(struct ring *ring);

static inline const uint8_t *ring_wire(const struct ring_message *message)
{
    return (const uint8_t *)(message + 1);
}

static inline const uint8_t *ring_peer(const struct ring_message *message)
{
    return ring_wire(message) + message->wire_size;
}

static inline const uint8_t *ring_control(const struct ring_message *message)
{
    return ring_peer(message) + message->peer_size;
}

#endif
