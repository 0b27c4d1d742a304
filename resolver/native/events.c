#include "events.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { APART = 64 }; /* lines of the processor's cache */

/* Numbers of records only grow: where one stands is its rest by EVENTS_ROOM. */
struct events {
    _Alignas(APART) atomic_bool on;
    _Alignas(APART) atomic_size_t published; /* by the writer, as is `dropped` */
    _Atomic uint64_t dropped;
    size_t written;                          /* of the writer alone */
    _Alignas(APART) atomic_size_t freed;     /* by the reader */
    size_t read;                             /* of the reader alone */
    _Alignas(APART) struct event records[EVENTS_ROOM];
};

struct events *events_create(void)
{
    struct events *events = aligned_alloc(APART, (sizeof *events + APART - 1) / APART * APART);
    if (events == NULL)
        return NULL;
    atomic_init(&events->on, false);
    atomic_init(&events->published, 0);
    atomic_init(&events->freed, 0);
    atomic_init(&events->dropped, 0);
    events->written = events->read = 0;
    return events; /* its records are touched when they are first needed */
}

void events_switch(struct events *events, bool on)
{
    atomic_store_explicit(&events->on, on, memory_order_relaxed);
}

uint64_t events_dropped(const struct events *events)
{
    return atomic_load_explicit(&events->dropped, memory_order_relaxed);
}

bool events_on(const struct events *events)
{
    return events != NULL && atomic_load_explicit(&events->on, memory_order_relaxed);
}

void events_note(struct events *events, const struct event *event, const uint8_t *name, size_t name_size,
                 const uint8_t *address, size_t address_size)
{
    /* acquire: the reader is done with what it freed */
    bool full = events->written - atomic_load_explicit(&events->freed, memory_order_acquire) >= EVENTS_ROOM;
    if (full || name_size > EVENTS_NAME || address_size > sizeof event->address) {
        uint64_t dropped = atomic_load_explicit(&events->dropped, memory_order_relaxed);
        atomic_store_explicit(&events->dropped, dropped + 1, memory_order_relaxed);
        return;
    }
    struct event *record = &events->records[events->written++ % EVENTS_ROOM];
    memcpy(record, event, offsetof(struct event, address));
    record->name_size = (uint8_t)name_size;
    record->address_size = (uint8_t)address_size;
    memcpy(record->name, name, name_size);
    memcpy(record->address, address, address_size);
}

void events_publish(struct events *events, double now)
{
    if (events == NULL)
        return;
    size_t at = atomic_load_explicit(&events->published, memory_order_relaxed);
    for (; at != events->written; at++) {
        struct event *record = &events->records[at % EVENTS_ROOM];
        record->took = (float)(now - record->arrived);
    }
    atomic_store_explicit(&events->published, at, memory_order_release);
}

const struct event *events_next(struct events *events)
{
    if (events->read == atomic_load_explicit(&events->published, memory_order_acquire))
        return NULL;
    return &events->records[events->read++ % EVENTS_ROOM];
}

void events_free_read(struct events *events)
{
    /* whose queries they were is nobody's to find later: in what is written of a process that crashes, say */
    for (size_t at = atomic_load_explicit(&events->freed, memory_order_relaxed); at != events->read; at++)
        memset(&events->records[at % EVENTS_ROOM], 0, sizeof events->records[0]);
    atomic_store_explicit(&events->freed, events->read, memory_order_release);
}
