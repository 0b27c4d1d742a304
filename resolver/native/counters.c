#include "counters.h"

#include <stdlib.h>

struct counters *counters_create(const uint16_t *types, size_t type_count, size_t rcode_count, const double *bounds,
                                 size_t bound_count)
{
    if (type_count >= COUNTERS_TYPES || rcode_count == 0 || rcode_count > COUNTERS_RCODES ||
        bound_count > COUNTERS_BOUNDS)
        return NULL;
    struct counters *counters = calloc(1, sizeof *counters);
    if (counters == NULL)
        return NULL;
    counters->type_count = (unsigned)type_count + 1;
    counters->rcode_count = (unsigned)rcode_count;
    counters->bound_count = (unsigned)bound_count;
    for (size_t i = 0; i < type_count; i++)
        if (types[i] <= COUNTERS_TYPE_MAX)
            counters->place[types[i]] = (uint8_t)(i + 1);
    for (size_t i = 0; i < bound_count; i++)
        counters->bounds[i] = bounds[i];
    return counters;
}

void counters_answer(struct counters *counters, const struct answer *answer, bool v6)
{
    uint32_t type = answer->kind >> 16, last = counters->rcode_count - 1;
    bool internet = (answer->kind & 0xffff) == 1;
    counter_add(&counters->requests[v6][internet && type <= COUNTERS_TYPE_MAX ? counters->place[type] : 0], 1);
    counter_add(&counters->rcodes[answer->source][answer->rcode < last ? answer->rcode : last], 1);
    if (answer->verdict->blocked >= 0)
        counter_add(&counters->blocked[answer->verdict->blocked], 1);
    if (answer->verdict->shadow >= 0)
        counter_add(&counters->shadow[answer->verdict->shadow], 1);
}

void counters_note(struct counters *counters, const struct answer *answer, uint32_t label, const uint8_t *name,
                   size_t name_size, struct source source, double arrived)
{
    if (!events_on(counters->events))
        return;
    struct event event = {.arrived = arrived, .label = label, .type = (uint16_t)(answer->kind >> 16),
                          .source = (uint8_t)answer->source, .rcode = answer->rcode};
    events_note(counters->events, &event, name, name_size, source.address, source.size);
}

void counters_took(struct counters *counters, const unsigned answers[ANSWER_SOURCES], double seconds)
{
    unsigned bound = 0;
    while (bound < counters->bound_count && seconds > counters->bounds[bound])
        bound++;
    for (int source = 0; source < ANSWER_SOURCES; source++) {
        if (answers[source] == 0)
            continue;
        counter_add(&counters->durations[source][bound], answers[source]);
        double before = atomic_load_explicit(&counters->seconds[source], memory_order_relaxed);
        atomic_store_explicit(&counters->seconds[source], before + answers[source] * seconds, memory_order_relaxed);
    }
}
