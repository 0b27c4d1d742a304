/* What was answered natively: the counters of observe/counters.py for it.
 *
 * Each thread has its own, in which it alone counts; any other may read meanwhile, and may see a query in one counter and
 * not yet in another. So they are atomic, but nothing orders them, and to count costs what it costs without that. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "answer.h"
#include "events.h"

#include <stdatomic.h>

enum {
    COUNTERS_TYPES = 64,           /* most types with a counter of their own; the first counter is for all others */
    COUNTERS_TYPE_MAX = 511,       /* largest number of a type that has one */
    COUNTERS_RCODES = 16,
    COUNTERS_BOUNDS = 32,
    COUNTERS_NUMBERS = 4096,       /* pairs of list and group */
    COUNTERS_FAMILIES = 2,         /* IPv4, IPv6 */
};

typedef _Atomic uint64_t counter;

/* For the one thread that counts. */
static inline void counter_add(counter *counter, uint64_t count)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + count, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct counters {
    /* made once */
    uint8_t place[COUNTERS_TYPE_MAX + 1];      /* where each type is counted, in class IN */
    unsigned type_count, rcode_count, bound_count;
    double bounds[COUNTERS_BOUNDS];            /* upper, in seconds */
    /* counted; of RCODEs and durations the last is for all beyond */
    counter requests[COUNTERS_FAMILIES][COUNTERS_TYPES];
    counter rcodes[ANSWER_SOURCES][COUNTERS_RCODES];
    counter durations[ANSWER_SOURCES][COUNTERS_BOUNDS + 1];
    _Atomic double seconds[ANSWER_SOURCES];
    counter blocked[COUNTERS_NUMBERS], shadow[COUNTERS_NUMBERS];
    counter unsent;                            /* replies that the system did not take */
    counter overload;                          /* messages that Python had no room for */
    /* where each answer is noted besides; NULL: nowhere. Whoever puts it there ends it. */
    struct events *events;
};

/* Make counters for these types, RCODEs and bounds. NULL: more than there is room for, or no memory. */
struct counters *counters_create(const uint16_t *types, size_t type_count, size_t rcode_count, const double *bounds,
                                 size_t bound_count);

/* Count one answer; how long it took comes later, with those of its batch. */
void counters_answer(struct counters *counters, const struct answer *answer, bool v6);

/* Note an answer for the journal, if that is on: what the lists said (struct policy_verdict), to which query it is, from
 * where, and when that came. What was noted is seen after events_publish. */
void counters_note(struct counters *counters, const struct answer *answer, uint32_t label, const uint8_t *name,
                   size_t name_size, struct source source, double arrived);

/* Count for how many answers of each source it took so long. */
void counters_took(struct counters *counters, const unsigned answers[ANSWER_SOURCES], double seconds);

#endif
