/* What comes of the questions that were asked: answers, time-outs, refusals. */
#define _GNU_SOURCE /* recvmmsg */

#include "loop.h"
#include "outbox.h"

#include <errno.h>
#include <string.h>

_Static_assert((int)MISSES_BATCH >= (int)OUTBOX_ROOM, "each reply in an outbox has its room");

/* Of a name that goes on: nothing to count by list. */
static const struct policy_verdict PASS = {.blocked = -1, .shadow = -1};

/* Put all who wait for a flight into the ring; what has no room there is dropped. */
static void put_waiters(struct misses *misses, const struct flight *flight)
{
    for (uint32_t at = flight->first; at; at = misses->flights.waiters[at].next) {
        const struct waiter *waiter = &misses->flights.waiters[at];
        struct ring_message message = {
            .arrived = waiter->start, .socket = waiter->socket, .why = MISSES_WAITED,
            .wire_size = (uint16_t)waiter->wire_size, .peer_size = waiter->peer_size,
            .control_size = waiter->control_size};
        if (waiter->socket == FLIGHTS_NOWHERE)
            continue;
        if (ring_put(misses->ring, &message, waiter->wire, waiter->peer, waiter->control))
            misses->put++;
        else
            counter_add(&misses->counters->overload, 1);
    }
}

/* Put a question into the ring, before those who wait for it. */
static bool put_flight(struct misses *misses, const struct flight *flight, enum misses_why why,
                       const uint8_t *answer, size_t size)
{
    struct ring_message message = {
        .arrived = flight->sent, .socket = flight->line->server, .why = why, .profile = (uint32_t)flight->serial,
        .set = (uint32_t)(flight->serial >> 32), .wire_size = (uint16_t)size, .peer_size = sizeof flight->generation};
    bool put = ring_put(misses->ring, &message, answer, &flight->generation, NULL);
    misses->put += put;
    return put;
}

void misses_hand_over(struct misses *misses, uint32_t number, enum misses_why why, const uint8_t *answer, size_t size,
                      double now)
{
    struct flights *flights = &misses->flights;
    struct flight *flight = &flights->flights[number];
    flight->serial = ++misses->serials;
    bool put = put_flight(misses, flight, why, answer, size);
    if (put) {
        put_waiters(misses, flight);
    } else {
        counter_add(&misses->counters->overload, flight->count);
        counter_add(&misses->ended, 1);
    }
    flights_dismiss(flights, number);
    if (!put || why != MISSES_TIMEOUT) /* else its answer may still come */
        flights_land(flights, number);
    if (put && flights->handed < flights->most / 2) { /* so many in trouble leave others room */
        flights_note_handed(flights, number, now + MISSES_HANDED_S);
        return;
    }
    flights_land(flights, number);
    flights_finish(flights, number);
}

/* Give Python an answer that came after its time-out. */
static void hand_over_late(struct misses *misses, uint32_t number, const uint8_t *answer, size_t size)
{
    struct flight *flight = &misses->flights.flights[number];
    if (!put_flight(misses, flight, MISSES_LATE, answer, size))
        upstreams_count(&misses->upstreams, flight->line->server, UPSTREAM_STRAY);
    flights_land(&misses->flights, number);
}

void misses_refused(struct misses *misses, struct line *line, double now)
{
    uint32_t number = line->first;
    if (number)
        upstreams_count(&misses->upstreams, line->server, UPSTREAM_REFUSED);
    while (number) {
        const struct flight *flight = &misses->flights.flights[number];
        uint32_t next = flight->next_line;
        if (!flight->queued && flight->state == FLIGHT_ASKED)
            misses_hand_over(misses, number, MISSES_REFUSED, NULL, 0, now);
        number = next;
    }
}

static void send_replies(struct misses *misses, struct misses_sockets sockets)
{
    outbox_send(misses->outbox, sockets.descriptors[misses->reply_socket], misses->counters);
}

/* Write the reply to one who waits; it goes out with others. The waiter has to stay as it is until then. */
static void reply(struct misses *misses, const struct flight *flight, struct waiter *waiter,
                  struct misses_sockets sockets, double now)
{
    struct outbox *box = misses->outbox;
    if (waiter->socket >= sockets.count || sockets.descriptors[waiter->socket] < 0)
        return;
    if (box->count == OUTBOX_ROOM || (box->count && misses->reply_socket != waiter->socket))
        send_replies(misses, sockets);
    misses->reply_socket = waiter->socket;
    uint8_t *out = misses->replies[box->count];
    struct cache_query query = {waiter->wire,      waiter->end,    waiter->limit,      waiter->edns,
                                waiter->dnssec_ok, waiter->cookie, waiter->cookie_size};
    size_t size = cache_write_reply(&misses->read.entry, &query, now, out);
    struct msghdr came = {.msg_name = waiter->peer, .msg_namelen = waiter->peer_size,
                          .msg_control = waiter->control, .msg_controllen = waiter->control_size};
    outbox_put(box, out, size, &came);
    const uint8_t *kind = waiter->wire + waiter->end - 4;
    struct answer answer = {
        .size = size, .kind = (uint32_t)kind[0] << 24 | (uint32_t)kind[1] << 16 | (uint32_t)kind[2] << 8 | kind[3],
        .source = ANSWER_FORWARD, .rcode = misses->read.entry.rcode, .verdict = &PASS,
    };
    counters_answer(misses->counters, &answer, loop_host(waiter->peer).size == 16);
    counters_note(misses->counters, &answer, waiter->label, flight->key, flight->question_size - 4u,
                  loop_host(waiter->peer), waiter->start);
    counters_took(misses->counters, (const unsigned[ANSWER_SOURCES]){[ANSWER_FORWARD] = 1}, now - waiter->start);
}

/* Whether all names that the answer leads to are such that nothing comes of them. */
static bool leads_to_nothing_listed(const struct policy *policy, const struct policy_profile *profile,
                                    const struct cache_answer *entry)
{
    for (size_t at = 0, start = 0; at < entry->aliases_size; at++) {
        if (entry->aliases[at] != 0) {
            at += entry->aliases[at];
            continue;
        }
        uint32_t set = table_find(&policy->table, entry->aliases + start, at + 1 - start);
        uint32_t action = policy_action(policy, profile, set);
        if (action < POLICY_FIRST || policy->verdicts[action - POLICY_FIRST]->blocks ||
            policy->verdicts[action - POLICY_FIRST]->shadow >= 0)
            return false;
        start = at + 1;
    }
    return true;
}

/* Note a profile under which the answer leads to nothing blocked, the latest last: judge_leads of core/engine.py. */
static void note_cleared(uint64_t *cleared, uint8_t *count, uint64_t key)
{
    for (unsigned i = 0; i < *count; i++)
        if (cleared[i] == key)
            return;
    if (*count == CACHE_CLEARED_MAX)
        memmove(cleared, cleared + 1, --*count * sizeof *cleared);
    cleared[(*count)++] = key;
}

/* Whether the answer may go as it is to all who wait; then also which profiles have been looked at. */
static bool suits_all(struct misses *misses, const struct known *known, const struct flight *flight,
                      uint64_t *cleared, uint8_t *count)
{
    const struct flights *flights = &misses->flights;
    const struct cache_answer *entry = &misses->read.entry;
    const struct policy_profile *last = NULL; /* looked at before */
    for (uint32_t at = flight->first; at; at = flights->waiters[at].next) {
        const struct waiter *waiter = &flights->waiters[at];
        const struct policy_profile *profile = policy_profile(known->policy, waiter->profile);
        if (waiter->policy != known->policy->serial || profile == NULL)
            return false;
        if (entry->aliases_size == 0 || profile == last)
            continue;
        last = profile;
        if (!leads_to_nothing_listed(known->policy, profile, entry))
            return false;
        note_cleared(cleared, count, profile->key);
    }
    return true;
}

/* Keep the answer, unless the cache was flushed since it was asked for. What was known before goes in any case. */
static void keep(struct misses *misses, const struct known *known, const struct flight *flight)
{
    struct cache_key key = {flight->hash, flight->key, flight->key_size};
    if (!misses->read.keep) {
        if (flight->generation == cache_generation(known->cache))
            cache_drop(known->cache, key);
        return;
    }
    uint64_t serial = cache_put(known->cache, key, &misses->read.entry, flight->generation);
    for (uint32_t i = 0; serial && i < flight->count; i++)
        cache_note_hit(known->cache, key, serial);
}

static void land(struct misses *misses, const struct known *known, uint32_t number, struct misses_sockets sockets,
                 double now)
{
    struct flights *flights = &misses->flights;
    struct flight *flight = &flights->flights[number];
    upstreams_answered(&misses->upstreams, known->ways, flight->line->server, now - flight->sent, misses->read.edns);
    keep(misses, known, flight);
    for (uint32_t at = flight->first; at; at = flights->waiters[at].next)
        reply(misses, flight, &flights->waiters[at], sockets, now);
    flights_land(flights, number);
    flights_dismiss(flights, number);
    flights_finish(flights, number);
    counter_add(&misses->ended, 1);
}

/* Take one message that came in on a line. */
static void take(struct misses *misses, const struct known *known, const struct line *line, uint8_t *wire, size_t size,
                 struct misses_sockets sockets, double now)
{
    uint32_t number = size < 2 ? 0 : flights_on(&misses->flights, line, (uint16_t)(wire[0] << 8 | wire[1]));
    if (number == 0) {
        upstreams_count(&misses->upstreams, line->server, UPSTREAM_STRAY);
        return;
    }
    const struct flight *flight = &misses->flights.flights[number];
    struct records_read *read = &misses->read;
    enum records found = records_read(wire, size, flight->key, flight->question_size, &known->ways->ageing,
                                      flight->trust_ad, now, read);
    if (found == RECORDS_WRONG) {
        upstreams_count(&misses->upstreams, line->server, UPSTREAM_WRONG);
        return;
    }
    if (flight->state == FLIGHT_HANDED) {
        hand_over_late(misses, number, wire, size);
        return;
    }
    uint64_t cleared[CACHE_CLEARED_MAX];
    uint8_t count = 0;
    if (found != RECORDS_PLAIN || !suits_all(misses, known, flight, cleared, &count)) {
        misses_hand_over(misses, number, MISSES_ANSWER, wire, size, now);
        return;
    }
    read->entry.cleared = cleared;
    read->entry.cleared_count = count;
    read->entry.cleared_room = read->entry.aliases_size ? CACHE_CLEARED_MAX : known->ways->cleared_room;
    land(misses, known, number, sockets, now);
}

void misses_receive(struct misses *misses, const struct known *known, struct line *line, struct misses_sockets sockets,
                    double now)
{
    for (unsigned i = 0; i < MISSES_BATCH; i++) {
        misses->pieces[i] = (struct iovec){misses->wires[i], MISSES_LARGEST};
        misses->messages[i].msg_hdr = (struct msghdr){.msg_iov = &misses->pieces[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(line->descriptor, misses->messages, MISSES_BATCH, MSG_DONTWAIT, NULL);
    if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        misses_refused(misses, line, now); /* an ICMP error */
    for (int i = 0; i < count; i++)
        take(misses, known, line, misses->wires[i], misses->messages[i].msg_len, sockets, now);
    if (misses->outbox->count) /* before the answers of another line come to where these stand */
        send_replies(misses, sockets);
    events_publish(misses->counters->events, now);
}

int misses_tick(struct misses *misses, double now)
{
    struct flights *flights = &misses->flights;
    uint32_t number;
    if (now >= misses->due) {
        misses->due = now + MISSES_TICK_MS * 1e-3;
        while ((number = flights_due(flights, now))) {
            const struct flight *flight = &flights->flights[number];
            if (flight->state == FLIGHT_HANDED) {
                flights_land(flights, number);
                flights_finish(flights, number);
                continue;
            }
            upstreams_count(&misses->upstreams, flight->line->server, UPSTREAM_TIMEOUTS);
            misses_hand_over(misses, number, MISSES_TIMEOUT, NULL, 0, now);
        }
        upstreams_tidy(&misses->upstreams, now);
    }
    return flights->asked || flights->handed ? MISSES_TICK_MS : misses_rest(misses) ? -1 : MISSES_IDLE_MS;
}

void misses_abandon(struct misses *misses, double now)
{
    struct flights *flights = &misses->flights;
    for (uint32_t number = 1; number < flights->fresh_flight; number++)
        if (flights->flights[number].state == FLIGHT_ASKED)
            misses_hand_over(misses, number, MISSES_AFRESH, NULL, 0, now);
}
