#include "ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { APART = 64, STEP = 8 }; /* lines of the processor's cache; all messages begin and end at multiples of a step */

/* Positions only grow: where one is among the bytes is its rest by RING_BYTES, a power of two. */
struct ring {
    _Alignas(APART) atomic_size_t published; /* by the writer */
    size_t written;                          /* of the writer alone, as is the next: what `freed` was when last asked */
    size_t free_from;
    _Alignas(APART) atomic_size_t freed;     /* by the reader */
    size_t read;                             /* of the reader alone */
    _Alignas(APART) uint8_t bytes[RING_BYTES];
};

/* What stands where the rest up to the end is left out; of no message the size is 0. */
static const struct ring_message SKIP = {.size = 0};

struct ring *ring_create(void)
{
    struct ring *ring = aligned_alloc(APART, sizeof *ring);
    if (ring == NULL)
        return NULL;
    atomic_init(&ring->published, 0);
    atomic_init(&ring->freed, 0);
    ring->written = ring->free_from = ring->read = 0;
    return ring; /* its bytes are touched when they are first needed */
}

static size_t until_end(size_t position)
{
    return RING_BYTES - position % RING_BYTES;
}

static bool has_room(struct ring *ring, size_t size)
{
    if (ring->written + size - ring->free_from <= RING_BYTES)
        return true;
    ring->free_from = atomic_load_explicit(&ring->freed, memory_order_acquire); /* the reader is done with it */
    return ring->written + size - ring->free_from <= RING_BYTES;
}

static uint8_t *add(uint8_t *to, const void *bytes, size_t size)
{
    if (size)
        memcpy(to, bytes, size);
    return to + size;
}

bool ring_put(struct ring *ring, const struct ring_message *message, const void *wire, const void *peer,
              const void *control)
{
    size_t size = sizeof *message + message->wire_size + message->peer_size + message->control_size;
    size = (size + STEP - 1) / STEP * STEP;
    size_t end = until_end(ring->written), skipped = size > end ? end : 0;
    if (!has_room(ring, skipped + size))
        return false;
    if (skipped >= sizeof SKIP) /* where less is left the reader knows without being told */
        memcpy(ring->bytes + ring->written % RING_BYTES, &SKIP, sizeof SKIP);
    ring->written += skipped;
    uint8_t *at = ring->bytes + ring->written % RING_BYTES;
    struct ring_message head = *message;
    head.size = (uint32_t)size;
    at = add(at, &head, sizeof head);
    at = add(at, wire, message->wire_size);
    at = add(at, peer, message->peer_size);
    add(at, control, message->control_size);
    ring->written += size;
    return true;
}

void ring_publish(struct ring *ring)
{
    atomic_store_explicit(&ring->published, ring->written, memory_order_release);
}

const struct ring_message *ring_next(struct ring *ring)
{
    size_t published = atomic_load_explicit(&ring->published, memory_order_acquire);
    while (ring->read != published) {
        const struct ring_message *message = (const void *)(ring->bytes + ring->read % RING_BYTES);
        size_t end = until_end(ring->read);
        if (end >= sizeof *message && message->size != 0) {
            ring->read += message->size;
            return message;
        }
        ring->read += end;
    }
    return NULL;
}

void ring_free_read(struct ring *ring)
{
    atomic_store_explicit(&ring->freed, ring->read, memory_order_release);
}
