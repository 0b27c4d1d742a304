#include "flights.h"

#include <stdlib.h>
#include <string.h>

bool flights_init(struct flights *all, uint32_t most)
{
    all->most = most;
    all->most_waiting = FLIGHTS_EACH * most;
    all->flights = calloc(most + 1, sizeof *all->flights); /* pages that are never touched cost nothing */
    all->waiters = calloc(all->most_waiting + 1, sizeof *all->waiters);
    all->fresh_flight = all->fresh_waiter = 1;
    if (all->flights != NULL && all->waiters != NULL)
        return true;
    flights_end(all);
    return false;
}

void flights_end(struct flights *all)
{
    free(all->flights);
    free(all->waiters);
    all->flights = NULL;
    all->waiters = NULL;
}

static uint32_t *key_chain(struct flights *all, uint64_t hash)
{
    return &all->by_key[hash % FLIGHTS_HASHES];
}

static size_t id_place(const struct line *line, uint16_t id)
{
    return (id ^ (uintptr_t)line >> 6) % FLIGHTS_HASHES; /* IDs are random */
}

uint32_t flights_find(const struct flights *all, const struct cache_key *key)
{
    uint32_t number = all->by_key[key->hash % FLIGHTS_HASHES];
    for (; number; number = all->flights[number].next_key) {
        const struct flight *flight = &all->flights[number];
        if (flight->hash == key->hash && flight->key_size == key->size &&
            memcmp(flight->key, key->bytes, key->size) == 0)
            break;
    }
    return number;
}

static void set_deadline(struct flights *all, uint32_t number, double deadline)
{
    struct flight *flight = &all->flights[number];
    flight->deadline = deadline;
    flight->tick = (uint32_t)(((uint64_t)(deadline / FLIGHTS_TICK_S) + 1) % FLIGHTS_TICKS);
    uint32_t *first = &all->by_tick[flight->tick];
    flight->before_due = 0;
    flight->next_due = *first;
    if (*first)
        all->flights[*first].before_due = number;
    *first = number;
}

static void clear_deadline(struct flights *all, uint32_t number)
{
    const struct flight *flight = &all->flights[number];
    if (flight->before_due)
        all->flights[flight->before_due].next_due = flight->next_due;
    else
        all->by_tick[flight->tick] = flight->next_due;
    if (flight->next_due)
        all->flights[flight->next_due].before_due = flight->before_due;
}

uint32_t flights_begin(struct flights *all, const struct cache_key *key, double deadline)
{
    uint32_t number = all->free_flight;
    if (number)
        all->free_flight = all->flights[number].next_key;
    else if (all->fresh_flight <= all->most)
        number = all->fresh_flight++;
    else
        return 0;
    struct flight *flight = &all->flights[number];
    memset(flight, 0, offsetof(struct flight, key));
    flight->state = FLIGHT_ASKED;
    flight->hash = key->hash;
    flight->key_size = (uint16_t)key->size;
    memcpy(flight->key, key->bytes, key->size);
    uint32_t *first = key_chain(all, key->hash);
    flight->next_key = *first;
    *first = number;
    set_deadline(all, number, deadline);
    all->asked++;
    return number;
}

void flights_note_sent(struct flights *all, uint32_t number, struct line *line, uint16_t id)
{
    struct flight *flight = &all->flights[number];
    uint32_t *first = &all->by_id[id_place(line, id)];
    flight->line = line;
    flight->id = id;
    flight->next_id = *first;
    *first = number;
    flight->before_line = 0;
    flight->next_line = line->first;
    if (line->first)
        all->flights[line->first].before_line = number;
    line->first = number;
    line->waiting++;
}

uint32_t flights_on(const struct flights *all, const struct line *line, uint16_t id)
{
    uint32_t number = all->by_id[id_place(line, id)];
    while (number && (all->flights[number].line != line || all->flights[number].id != id))
        number = all->flights[number].next_id;
    return number;
}

struct waiter *flights_wait(struct flights *all, uint32_t number)
{
    struct flight *flight = &all->flights[number];
    uint32_t place = all->free_waiter;
    if (flight->count >= FLIGHTS_WAITERS)
        return NULL;
    if (place)
        all->free_waiter = all->waiters[place].next;
    else if (all->fresh_waiter <= all->most_waiting)
        place = all->fresh_waiter++;
    else
        return NULL;
    all->waiters[place].next = 0;
    if (flight->last)
        all->waiters[flight->last].next = place;
    else
        flight->first = place;
    flight->last = place;
    flight->count++;
    counter_add(&all->waiting, 1);
    return &all->waiters[place];
}

void flights_land(struct flights *all, uint32_t number)
{
    struct flight *flight = &all->flights[number];
    struct line *line = flight->line;
    if (line == NULL)
        return;
    uint32_t *at = &all->by_id[id_place(line, flight->id)];
    while (*at != number)
        at = &all->flights[*at].next_id;
    *at = flight->next_id;
    if (flight->before_line)
        all->flights[flight->before_line].next_line = flight->next_line;
    else
        line->first = flight->next_line;
    if (flight->next_line)
        all->flights[flight->next_line].before_line = flight->before_line;
    line->waiting--;
    flight->line = NULL;
}

void flights_dismiss(struct flights *all, uint32_t number)
{
    struct flight *flight = &all->flights[number];
    if (flight->last == 0)
        return;
    all->waiters[flight->last].next = all->free_waiter;
    all->free_waiter = flight->first;
    counter_add(&all->waiting, -(uint64_t)flight->count);
    flight->first = flight->last = flight->count = 0;
}

void flights_lose(struct flights *all, unsigned socket)
{
    for (uint32_t i = 1; i < all->fresh_flight; i++)
        for (uint32_t at = all->flights[i].first; at; at = all->waiters[at].next)
            if (all->waiters[at].socket == socket)
                all->waiters[at].socket = FLIGHTS_NOWHERE;
}

void flights_note_handed(struct flights *all, uint32_t number, double until)
{
    all->asked--;
    all->handed++;
    all->flights[number].state = FLIGHT_HANDED;
    clear_deadline(all, number);
    set_deadline(all, number, until);
}

void flights_finish(struct flights *all, uint32_t number)
{
    struct flight *flight = &all->flights[number];
    uint32_t *at = key_chain(all, flight->hash);
    while (*at != number)
        at = &all->flights[*at].next_key;
    *at = flight->next_key;
    clear_deadline(all, number);
    if (flight->state == FLIGHT_HANDED)
        all->handed--;
    else
        all->asked--;
    flight->state = FLIGHT_FREE;
    flight->next_key = all->free_flight;
    all->free_flight = number;
}

uint32_t flights_due(struct flights *all, double now)
{
    uint64_t upto = (uint64_t)(now / FLIGHTS_TICK_S);
    if (upto - all->reached > FLIGHTS_TICKS || upto < all->reached) /* after a pause each bucket is looked at once */
        all->reached = upto > FLIGHTS_TICKS ? upto - FLIGHTS_TICKS : 0;
    for (;; all->reached++) {
        uint32_t number = all->by_tick[all->reached % FLIGHTS_TICKS];
        while (number && all->flights[number].deadline > now)
            number = all->flights[number].next_due; /* of a later round */
        if (number)
            return number;
        if (all->reached >= upto)
            return 0;
    }
}
