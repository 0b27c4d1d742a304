/* What comes of the questions that were asked: answers, time-outs, refusals. */
#define _GNU_SOURCE /* recvmmsg, sendmmsg */

#include "loop.h"
#include "misses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Of a name that goes on: nothing to count by list. */
static const struct policy_verdict PASS = {.blocked = -1, .shadow = -1};

void misses_hand_over(struct misses *misses, uint32_t number, enum misses_why why, const uint8_t *answer, size_t size,
                      double now)
{
    struct flight *flight = &misses->flights.flights[number];
    /* a flight is here once at a time, so there is room for all */
    struct handed *handed = &misses->handed[misses->handed_count++];
    if (why != MISSES_LATE)
        flight->serial = ++misses->serials;
    *handed = (struct handed){number, flight->serial, why, flight->line->server, NULL, 0, flight->sent};
    if (answer != NULL) {
        handed->answer = malloc(size ? size : 1);
        if (handed->answer == NULL) {
            handed->why = MISSES_AFRESH;
        } else {
            memcpy(handed->answer, answer, size);
            handed->answer_size = size;
        }
    }
    if (why != MISSES_TIMEOUT) /* else its answer may still come */
        flights_land(&misses->flights, number);
    if (why != MISSES_LATE)
        flights_note_handed(&misses->flights, number, now + MISSES_HANDED_S);
}

void misses_taken(struct misses *misses)
{
    for (unsigned i = 0; i < misses->handed_count; i++) {
        struct handed *handed = &misses->handed[i];
        free(handed->answer);
        flights_dismiss(&misses->flights, handed->number);
        if (misses->flights.handed > FLIGHTS_MAX / 2) { /* so many in trouble leave others room */
            flights_land(&misses->flights, handed->number);
            flights_finish(&misses->flights, handed->number);
        }
    }
    misses->handed_count = 0;
}

void misses_refused(struct misses *misses, struct line *line, double now)
{
    uint32_t number = line->first;
    if (number)
        misses->upstreams.servers[line->server].counts.refused++;
    while (number) {
        const struct flight *flight = &misses->flights.flights[number];
        uint32_t next = flight->next_line;
        if (!flight->queued && flight->state == FLIGHT_ASKED)
            misses_hand_over(misses, number, MISSES_REFUSED, NULL, 0, now);
        number = next;
    }
}

static void send_replies(struct misses *misses)
{
    unsigned first = 0;
    int descriptor = misses->sockets[misses->reply_socket];
    bool refused = false;
    while (first < misses->reply_count) {
        int sent = sendmmsg(descriptor, misses->reply_messages + first, misses->reply_count - first, MSG_DONTWAIT);
        if (sent > 0) {
            first += (unsigned)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            misses->counters->unsent += misses->reply_count - first;
            break;
        } else if (errno == ECONNREFUSED && !refused) { /* of an earlier answer: it shows only once */
            refused = true;
        } else if (errno != EINTR) {
            misses->counters->unsent++;
            first++;
        }
    }
    misses->reply_count = 0;
}

/* Write the reply to one who waits; it goes out with others. The waiter has to stay as it is until then. */
static void reply(struct misses *misses, struct waiter *waiter, double now)
{
    if (waiter->socket >= MISSES_SOCKETS)
        return;
    if (misses->reply_count == MISSES_BATCH || (misses->reply_count && misses->reply_socket != waiter->socket))
        send_replies(misses);
    misses->reply_socket = waiter->socket;
    unsigned place = misses->reply_count++;
    struct cache_query query = {waiter->wire, waiter->end, waiter->limit, waiter->edns, waiter->dnssec_ok};
    size_t size = cache_write_reply(&misses->read.entry, &query, now, misses->replies[place]);
    misses->reply_pieces[place] = (struct iovec){misses->replies[place], size};
    struct msghdr *header = &misses->reply_messages[place].msg_hdr;
    *header = (struct msghdr){
        .msg_name = waiter->peer, .msg_namelen = waiter->peer_size,
        .msg_iov = &misses->reply_pieces[place], .msg_iovlen = 1,
        .msg_control = waiter->control_size ? waiter->control : NULL, .msg_controllen = waiter->control_size,
    };
    if (waiter->control_size)
        loop_turn_round(header);
    const uint8_t *kind = waiter->wire + waiter->end - 4;
    struct answer answer = {
        .size = size, .kind = (uint32_t)kind[0] << 24 | (uint32_t)kind[1] << 16 | (uint32_t)kind[2] << 8 | kind[3],
        .source = ANSWER_FORWARD, .rcode = misses->read.entry.rcode, .verdict = &PASS,
    };
    counters_answer(misses->counters, &answer, loop_host(waiter->peer).size == 16);
    counters_took(misses->counters, (const unsigned[ANSWER_SOURCES]){[ANSWER_FORWARD] = 1}, now - waiter->start);
}

/* Whether all names that the answer leads to are such that nothing comes of them. */
static bool leads_to_nothing_listed(const struct policy *policy, uint32_t profile, const struct cache_answer *entry)
{
    for (size_t at = 0, start = 0; at < entry->aliases_size; at++) {
        if (entry->aliases[at] != 0) {
            at += entry->aliases[at];
            continue;
        }
        uint32_t set = table_find(&policy->table, entry->aliases + start, at + 1 - start);
        uint32_t action = policy_action(policy, policy->profiles[profile], set);
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
    uint32_t last = UINT32_MAX; /* the profile looked at before */
    for (uint32_t at = flight->first; at; at = flights->waiters[at].next) {
        const struct waiter *waiter = &flights->waiters[at];
        if (waiter->policy != known->policy->serial || waiter->profile >= known->policy->profile_count)
            return false;
        if (entry->aliases_size == 0 || waiter->profile == last)
            continue;
        last = waiter->profile;
        if (!leads_to_nothing_listed(known->policy, last, entry))
            return false;
        note_cleared(cleared, count, known->policy->profiles[last]->key);
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

static void land(struct misses *misses, const struct known *known, uint32_t number, double now)
{
    struct flights *flights = &misses->flights;
    struct flight *flight = &flights->flights[number];
    upstreams_answered(&misses->upstreams, flight->line->server, now - flight->sent, misses->read.edns);
    keep(misses, known, flight);
    for (uint32_t at = flight->first; at; at = flights->waiters[at].next)
        reply(misses, &flights->waiters[at], now);
    flights_land(flights, number);
    flights_dismiss(flights, number);
    flights_finish(flights, number);
}

/* Take one message that came in on a line. */
static void take(struct misses *misses, const struct known *known, const struct line *line, uint8_t *wire, size_t size,
                 double now)
{
    struct upstream_counts *counts = &misses->upstreams.servers[line->server].counts;
    uint32_t number = size < 2 ? 0 : flights_on(&misses->flights, line, (uint16_t)(wire[0] << 8 | wire[1]));
    if (number == 0) {
        counts->stray++;
        return;
    }
    const struct flight *flight = &misses->flights.flights[number];
    struct records_read *read = &misses->read;
    enum records found = records_read(wire, size, flight->key, flight->question_size, &misses->ageing,
                                      flight->trust_ad, now, read);
    if (found == RECORDS_WRONG) {
        counts->wrong++;
        return;
    }
    if (flight->state == FLIGHT_HANDED) {
        misses_hand_over(misses, number, MISSES_LATE, wire, size, now);
        return;
    }
    uint64_t cleared[CACHE_CLEARED_MAX];
    uint8_t count = 0;
    if (found != RECORDS_PLAIN || !suits_all(misses, known, flight, cleared, &count)) {
        bool late = flight->generation != cache_generation(known->cache);
        misses_hand_over(misses, number, late ? MISSES_AFRESH : MISSES_ANSWER, late ? NULL : wire, size, now);
        return;
    }
    read->entry.cleared = cleared;
    read->entry.cleared_count = count;
    read->entry.cleared_room = read->entry.aliases_size ? CACHE_CLEARED_MAX : misses->cleared_room;
    land(misses, known, number, now);
}

static void receive(struct misses *misses, const struct known *known, struct line *line, double now)
{
    for (unsigned i = 0; i < MISSES_BATCH; i++) {
        misses->pieces[i] = (struct iovec){misses->wires[i], MISSES_LARGEST};
        misses->messages[i].msg_hdr = (struct msghdr){.msg_iov = &misses->pieces[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(line->descriptor, misses->messages, MISSES_BATCH, MSG_DONTWAIT, NULL);
    if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        misses_refused(misses, line, now); /* an ICMP error */
    for (int i = 0; i < count; i++)
        take(misses, known, line, misses->wires[i], misses->messages[i].msg_len, now);
    if (misses->reply_count) /* before the answers of another line come to where these stand */
        send_replies(misses);
}

void misses_receive(struct misses *misses, const struct known *known, double now)
{
    struct epoll_event events[MISSES_BATCH];
    int count = epoll_wait(misses->upstreams.epoll, events, MISSES_BATCH, 0);
    for (int i = 0; i < count; i++)
        receive(misses, known, events[i].data.ptr, now);
}

bool misses_expire(struct misses *misses, uint64_t generation, double now)
{
    struct flights *flights = &misses->flights;
    uint32_t number;
    while ((number = flights_due(flights, now))) {
        const struct flight *flight = &flights->flights[number];
        if (flight->state == FLIGHT_HANDED) {
            flights_land(flights, number);
            flights_finish(flights, number);
            continue;
        }
        misses->upstreams.servers[flight->line->server].counts.timeouts++;
        bool late = flight->generation != generation;
        misses_hand_over(misses, number, late ? MISSES_AFRESH : MISSES_TIMEOUT, NULL, 0, now);
    }
    bool lingers = upstreams_tidy(&misses->upstreams, now);
    return lingers || flights->asked || flights->handed;
}
