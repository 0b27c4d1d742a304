/* What was answered, for the journal of queries: a record for each answer, from a thread that answers to whoever reads.
 *
 * What it promises:
 * - Nothing is noted until it is switched on, and to find that out costs one load.
 * - One thread writes and one reads, at the same time; neither ever waits for the other, and no lock is taken.
 * - It is bounded: EVENTS_ROOM records of one size. What does not fit is dropped and counted; nothing else is lost.
 * - A record is seen by the reader once it is published, whole or not at all, in the order they were noted.
 *
 * Shared are `on`, `published`, `freed` and `dropped`, which are atomic, and the records between the two in the middle,
 * which each changes only where the other does not look. It knows of no other part. */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EVENTS_ROOM = 4096,            /* a power of two; 1.2 MiB, of which what is not used takes no memory */
    EVENTS_NAME = 255,             /* longest name, in bytes */
};

struct event {
    double arrived;                /* when the query came, in monotonic seconds */
    float took;                    /* from then until it was published, in seconds */
    uint32_t label;                /* what the lists said: a number of whoever made the verdict */
    uint16_t type;                 /* that was asked for */
    uint8_t source, rcode;         /* enum answer_source; of the answer */
    uint8_t address_size;          /* 4 or 16 */
    uint8_t name_size;
    uint8_t address[16];           /* of the client, in network order */
    uint8_t name[EVENTS_NAME];     /* canonical, in wire form */
};

struct events;

/* Return an empty one that is off, or NULL: no memory. free() ends it. */
struct events *events_create(void);

/* For any thread. Begin or end to note. What the writer is about to note may still come after the end. */
void events_switch(struct events *events, bool on);
/* For any thread. Return how many there was no room for. */
uint64_t events_dropped(const struct events *events);

/* For the thread that writes. Return whether it is on; NULL never is. */
bool events_on(const struct events *events);
/* Note an answer to the query that is named so and came from there; its `took` is set later. */
void events_note(struct events *events, const struct event *event, const uint8_t *name, size_t name_size,
                 const uint8_t *address, size_t address_size);
/* Let the reader see what was noted: answered `now`, monotonic seconds. NULL: nothing happens. */
void events_publish(struct events *events, double now);

/* For the thread that reads. Return the next record, or NULL: there is none. It stays until events_free_read. */
const struct event *events_next(struct events *events);
/* Give the room of all that was read back to the writer. */
void events_free_read(struct events *events);

#endif
