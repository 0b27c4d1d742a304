#define _GNU_SOURCE /* sendmmsg */

#include "misses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NXNAME = 128, FIRST_META = 249, ANY = 255, OPT_TYPE = 41, INTERNET = 1 };

struct misses *misses_create(struct counters *counters, const double *bounds, size_t bound_count)
{
    struct misses *misses = calloc(1, sizeof *misses);
    if (misses == NULL)
        return NULL;
    misses->counters = counters;
    misses->upstreams.epoll = -1;
    for (unsigned i = 0; i < MISSES_SOCKETS; i++)
        misses->sockets[i] = -1;
    misses->handed = calloc(FLIGHTS_MAX, sizeof *misses->handed);
    misses->messages = calloc(MISSES_BATCH, sizeof *misses->messages);
    misses->reply_messages = calloc(MISSES_BATCH, sizeof *misses->reply_messages);
    if (misses->handed != NULL && misses->messages != NULL && misses->reply_messages != NULL &&
        flights_init(&misses->flights) && upstreams_init(&misses->upstreams, bounds, bound_count))
        return misses;
    misses_destroy(misses);
    return NULL;
}

void misses_destroy(struct misses *misses)
{
    misses_taken(misses);
    upstreams_end(&misses->upstreams);
    flights_end(&misses->flights);
    free(misses->handed);
    free(misses->messages);
    free(misses->reply_messages);
    free(misses->routes);
    free(misses);
}

int misses_open(struct misses *misses, int descriptor)
{
    for (int i = 0; i < MISSES_SOCKETS; i++)
        if (misses->sockets[i] < 0) {
            misses->sockets[i] = descriptor;
            return i;
        }
    return -1;
}

void misses_close(struct misses *misses, unsigned socket)
{
    struct flights *flights = &misses->flights;
    for (uint32_t i = 1; i < flights->fresh_flight; i++) /* its number may be given again: nobody may keep it */
        for (uint32_t at = flights->flights[i].first; at; at = flights->waiters[at].next)
            if (flights->waiters[at].socket == socket)
                flights->waiters[at].socket = MISSES_SOCKETS;
    misses->sockets[socket] = -1;
}

/* Whether a question may go upstream at all: Engine._find of core/engine.py. */
static bool is_askable(const struct query *query)
{
    uint32_t kind = query_kind(query), type = kind >> 16;
    return (kind & 0xffff) == INTERNET && query->wire[2] & MESSAGE_RD && type != 0 && type != OPT_TYPE &&
           type != NXNAME && !(type >= FIRST_META && type <= ANY);
}

static void fill_in(struct waiter *waiter, const struct known *known, const struct asked *asked,
                    struct misses_from from, double now)
{
    const struct query *query = &asked->query;
    const struct msghdr *header = from.header;
    waiter->profile = asked->client->profile;
    waiter->policy = known->policy->serial;
    waiter->start = now;
    waiter->end = query->end;
    waiter->wire_size = query->end + (query->edns ? MESSAGE_OPT : 0);
    waiter->limit = query->limit;
    waiter->edns = query->edns;
    waiter->dnssec_ok = query->dnssec_ok;
    waiter->socket = (uint8_t)from.socket;
    waiter->peer_size = (uint8_t)header->msg_namelen;
    waiter->control_size = (uint8_t)header->msg_controllen;
    memcpy(waiter->wire, query->wire, waiter->wire_size);
    memcpy(waiter->peer, header->msg_name, header->msg_namelen);
    if (header->msg_controllen)
        memcpy(waiter->control, header->msg_control, header->msg_controllen);
}

/* What goes out together goes out on one line. */
static struct line *choose_line(struct misses *misses, unsigned server, double now)
{
    struct line *line = misses->out_count ? misses->out_lines[misses->out_count - 1] : NULL;
    if (line == NULL || line->server != server)
        line = upstreams_draw(&misses->upstreams, server, now);
    return line != NULL && line->waiting < UPSTREAM_IN_LINE ? line : NULL;
}

/* Write a question as upstream_query of core/questions.py does. */
static size_t write_question(const struct flight *flight, bool dnssec_ok, bool checking_disabled, uint8_t *out)
{
    const uint8_t head[MESSAGE_HEADER] = {
        [0] = (uint8_t)(flight->id >> 8), [1] = (uint8_t)flight->id, [2] = MESSAGE_RD,
        [3] = (uint8_t)((checking_disabled ? MESSAGE_CD : 0) | (flight->trust_ad ? MESSAGE_AD : 0)),
        [5] = 1, [11] = 1,
    };
    const uint8_t opt[MESSAGE_OPT] = {
        [2] = OPT_TYPE, [3] = MESSAGE_LARGEST >> 8, [4] = MESSAGE_LARGEST & 0xff, [7] = dnssec_ok ? 0x80 : 0,
    };
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, flight->key, flight->question_size);
    memcpy(out + sizeof head + flight->question_size, opt, sizeof opt);
    return sizeof head + flight->question_size + sizeof opt;
}

/* Put the question of a flight among those that go out at the end of this pass. */
static bool put_question(struct misses *misses, uint32_t number, const struct query *query, unsigned server,
                         double now)
{
    struct flight *flight = &misses->flights.flights[number];
    struct line *line = choose_line(misses, server, now);
    if (line == NULL)
        return false;
    bool sound = true;
    uint16_t id;
    do
        id = upstreams_random(&misses->upstreams, &sound);
    while (sound && flights_on(&misses->flights, line, id));
    if (!sound)
        return false;
    flights_note_sent(&misses->flights, number, line, id);
    flight->sent = now;
    flight->queued = true;
    line->left -= line->left > 0;
    unsigned place = misses->out_count++;
    misses->out_flights[place] = number;
    misses->out_lines[place] = line;
    size_t size = write_question(flight, query->dnssec_ok, query->wire[3] & MESSAGE_CD, misses->questions[place]);
    misses->pieces[place] = (struct iovec){misses->questions[place], size};
    return true;
}

/* Begin a flight; 0: it cannot. */
static uint32_t take_off(struct misses *misses, const struct cache_key *key, const struct query *query,
                         const struct misses_group *group, uint64_t generation, double now)
{
    if (misses->out_count == MISSES_BATCH)
        misses_send(misses, now);
    uint32_t number = flights_begin(&misses->flights, key, now + group->patience);
    if (number == 0)
        return 0;
    struct flight *flight = &misses->flights.flights[number];
    flight->generation = generation;
    flight->trust_ad = group->trust_ad;
    flight->question_size = (uint16_t)(query->name_size + 4);
    if (put_question(misses, number, query, (unsigned)group->server, now))
        return number;
    flights_finish(&misses->flights, number);
    return 0;
}

bool misses_admit(struct misses *misses, const struct known *known, const struct asked *asked,
                  struct misses_from from, double now)
{
    const struct query *query = &asked->query;
    const struct msghdr *header = from.header;
    if (misses->routes == NULL || !is_askable(query) || asked->profile->judges_addresses ||
        header->msg_namelen > FLIGHTS_PEER || header->msg_controllen > FLIGHTS_CONTROL)
        return false;
    int32_t to = routes_find(misses->routes, query->key, query->name_size);
    if (to < 0 || (unsigned)to >= misses->group_count || misses->groups[to].server < 0)
        return false;
    if (misses->flights.waiting >= FLIGHTS_WAITING)
        return false;
    struct cache_key key = cache_key(known->cache, query->key, query->key_size);
    uint64_t generation = cache_generation(known->cache);
    uint32_t number = flights_find(&misses->flights, &key);
    if (number == 0)
        number = take_off(misses, &key, query, &misses->groups[to], generation, now);
    const struct flight *flight = &misses->flights.flights[number];
    if (number == 0 || flight->state != FLIGHT_ASKED || flight->generation != generation)
        return false;
    struct waiter *waiter = flights_wait(&misses->flights, number);
    if (waiter == NULL) /* others wait for it: who takes off finds room, as was seen above */
        return false;
    fill_in(waiter, known, asked, from, now);
    *asked->client->left -= 1;
    return true;
}

static void send_failed(struct misses *misses, unsigned first, unsigned count, double now)
{
    misses->upstreams.servers[misses->out_lines[first]->server].counts.unsent++;
    for (unsigned i = first; i < first + count; i++)
        misses_hand_over(misses, misses->out_flights[i], MISSES_REFUSED, NULL, 0, now);
}

/* Send `count` questions from `first` on, all on one line. */
static void send_some(struct misses *misses, unsigned first, unsigned count, double now)
{
    struct line *line = misses->out_lines[first];
    unsigned end = first + count;
    bool refused = false;
    while (first < end) {
        int sent = sendmmsg(line->descriptor, misses->messages + first, end - first, MSG_DONTWAIT);
        for (; sent > 0; sent--) {
            misses->flights.flights[misses->out_flights[first++]].queued = false;
            misses->upstreams.servers[line->server].counts.requests++;
        }
        if (sent == 0 || errno == EINTR)
            continue;
        if (errno == ECONNREFUSED && !refused) { /* of an earlier question: it shows only once */
            refused = true;
            misses_refused(misses, line, now);
        } else {
            bool full = errno == EAGAIN || errno == EWOULDBLOCK;
            send_failed(misses, first, full ? end - first : 1, now);
            first = full ? end : first + 1;
        }
    }
}

void misses_send(struct misses *misses, double now)
{
    unsigned first = 0;
    for (unsigned i = 0; i < misses->out_count; i++)
        misses->messages[i].msg_hdr = (struct msghdr){.msg_iov = &misses->pieces[i], .msg_iovlen = 1};
    for (unsigned i = 1; i <= misses->out_count; i++)
        if (i == misses->out_count || misses->out_lines[i] != misses->out_lines[first]) {
            send_some(misses, first, i - first, now);
            first = i;
        }
    misses->out_count = 0;
}
