/* What was answered natively: the counters of observe/counters.py for it. One thread counts; whoever reads meanwhile
 * may see a query in one counter and not yet in another. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "answer.h"

enum {
    COUNTERS_TYPES = 64,           /* most types with a counter of their own; the first counter is for all others */
    COUNTERS_TYPE_MAX = 511,       /* largest number of a type that has one */
    COUNTERS_RCODES = 16,
    COUNTERS_BOUNDS = 32,
    COUNTERS_NUMBERS = 4096,       /* pairs of list and group */
    COUNTERS_FAMILIES = 2,         /* IPv4, IPv6 */
};

struct counters {
    /* made once */
    uint8_t place[COUNTERS_TYPE_MAX + 1];      /* where each type is counted, in class IN */
    unsigned type_count, rcode_count, bound_count;
    double bounds[COUNTERS_BOUNDS];            /* upper, in seconds */
    /* counted; of RCODEs and durations the last is for all beyond */
    uint64_t requests[COUNTERS_FAMILIES][COUNTERS_TYPES];
    uint64_t rcodes[ANSWER_SOURCES][COUNTERS_RCODES];
    uint64_t durations[ANSWER_SOURCES][COUNTERS_BOUNDS + 1];
    double seconds[ANSWER_SOURCES];
    uint64_t blocked[COUNTERS_NUMBERS], shadow[COUNTERS_NUMBERS];
    uint64_t unsent;                           /* replies that the system did not take */
};

/* Make counters for these types, RCODEs and bounds. NULL: more than there is room for, or no memory. */
struct counters *counters_create(const uint16_t *types, size_t type_count, size_t rcode_count, const double *bounds,
                                 size_t bound_count);

/* Count one answer; how long it took comes later, with those of its batch. */
void counters_answer(struct counters *counters, const struct answer *answer, bool v6);

/* Count for how many answers of each source it took so long. */
void counters_took(struct counters *counters, const unsigned answers[ANSWER_SOURCES], double seconds);

#endif
