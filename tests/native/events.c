/* Three threads at the ring of events: for the sanitizers.
 *
 * One notes, in batches of changing size, and publishes; another reads, now quickly, now not at all for a while, so that
 * the ring runs full; a third switches it off and on. Each record has to come out as it was noted, in order, and what does
 * not come out has to be counted as dropped, or was never noted since it was off.
 * Usage: events ROUNDS. Prints what was counted; exit 1 where something was wrong. */
#include "events.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct events *events;
static unsigned long rounds;
static atomic_bool done;
static unsigned long offered, while_off; /* of the writer, read when it has ended */

static size_t name_size(unsigned long i)
{
    return 1 + i % EVENTS_NAME;
}

static size_t address_size(unsigned long i)
{
    return i % 2 ? 4 : 16;
}

static void *write_all(void *with)
{
    static const uint8_t address[16] = {192, 0, 2, 1};
    (void)with;
    for (unsigned long i = 0; i < rounds; i++) {
        uint8_t name[EVENTS_NAME];
        memset(name, (int)(i % 251), sizeof name);
        if (events_on(events)) {
            struct event event = {.arrived = (double)i, .label = (uint32_t)i, .type = (uint16_t)i, .rcode = 3};
            events_note(events, &event, name, name_size(i), address, address_size(i));
            offered++;
        } else {
            while_off++;
        }
        if (i % (1 + i % 64) == 0)
            events_publish(events, (double)i + 0.5);
        if (i % 128 == 0)
            sched_yield();
    }
    events_publish(events, (double)rounds);
    atomic_store(&done, true);
    return NULL;
}

static void *switch_it(void *with)
{
    (void)with;
    for (unsigned turn = 0; !atomic_load(&done); turn++) {
        events_switch(events, turn % 8 != 0);
        sched_yield();
    }
    return NULL;
}

static bool is_right(const struct event *event)
{
    unsigned long i = event->label;
    bool right = event->name_size == name_size(i) && event->address_size == address_size(i) && event->address[0] == 192;
    for (size_t at = 0; at < event->name_size; at++)
        right = right && event->name[at] == i % 251;
    return right && event->arrived == (double)i && event->type == (uint16_t)i && event->rcode == 3 && event->took >= 0;
}

int main(int count, char **words)
{
    rounds = count > 1 ? strtoul(words[1], NULL, 10) : 200000;
    events = events_create();
    if (events == NULL || events_on(events) || events_on(NULL))
        return 1;
    events_publish(NULL, 0);
    events_switch(events, true);
    pthread_t writer, switcher;
    pthread_create(&writer, NULL, write_all, NULL);
    pthread_create(&switcher, NULL, switch_it, NULL);
    unsigned long read = 0, wrong = 0, turn = 0;
    long last = -1;
    for (bool ended = false; !ended; turn++) {
        ended = atomic_load(&done); /* looked at before the last reading */
        const struct event *event;
        for (; (event = events_next(events)) != NULL; read++) {
            wrong += !is_right(event) || (long)event->label <= last;
            last = (long)event->label;
        }
        events_free_read(events);
        for (int i = 0; i < 50 && turn % 64 == 0; i++)
            sched_yield(); /* it runs full meanwhile */
    }
    pthread_join(writer, NULL);
    pthread_join(switcher, NULL);
    unsigned long dropped = (unsigned long)events_dropped(events);
    bool lost = read + dropped != offered || offered + while_off != rounds;
    printf("%lu read, %lu dropped, %lu while it was off\n", read, dropped, while_off);
    if (wrong || lost)
        fprintf(stderr, "wrong: %lu records, %lu offered of %lu\n", wrong, offered, rounds);
    free(events);
    return wrong || lost;
}
