#define _GNU_SOURCE /* sendmmsg */

#include "misses.h"
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NXNAME = 128, FIRST_META = 249, ANY = 255, OPT_TYPE = 41, INTERNET = 1 };

struct misses *misses_create(struct counters *counters, struct ring *ring, int poll, uint32_t most)
{
    struct misses *misses = calloc(1, sizeof *misses); /* pages that are never touched cost nothing */
    if (misses == NULL)
        return NULL;
    misses->counters = counters;
    misses->ring = ring;
    upstreams_init(&misses->upstreams, poll);
    misses->messages = calloc(MISSES_BATCH, sizeof *misses->messages);
    misses->outbox = calloc(1, sizeof *misses->outbox);
    if (misses->messages != NULL && misses->outbox != NULL && flights_init(&misses->flights, most))
        return misses;
    misses_destroy(misses);
    return NULL;
}

void misses_destroy(struct misses *misses)
{
    upstreams_end(&misses->upstreams);
    flights_end(&misses->flights);
    free(misses->messages);
    free(misses->outbox);
    free(misses);
}

/* Whether a question may go upstream at all: Engine._find of core/engine.py. */
static bool is_askable(const struct query *query)
{
    uint32_t kind = query_kind(query), type = kind >> 16;
    return (kind & 0xffff) == INTERNET && query->wire[2] & MESSAGE_RD && type != 0 && type != OPT_TYPE &&
           type != NXNAME && !(type >= FIRST_META && type <= ANY);
}

/* Keep a query without what nobody needs to answer it: of its options its cookie alone. Return its size. */
static size_t keep_query(const struct query *query, uint8_t *out)
{
    size_t option = query->cookie_sent != NULL ? 4 + query->cookie_sent_size : 0;
    memcpy(out, query->wire, query->end + (query->edns ? MESSAGE_OPT : 0));
    if (!query->edns)
        return query->end;
    uint8_t *at = out + query->end + MESSAGE_OPT;
    at[-2] = (uint8_t)(option >> 8);
    at[-1] = (uint8_t)option;
    if (option)
        memcpy(at, query->cookie_sent - 4, option);
    return query->end + MESSAGE_OPT + option;
}

static void fill_in(struct waiter *waiter, const struct known *known, const struct asked *asked,
                    struct misses_from from, double now)
{
    const struct query *query = &asked->query;
    const struct msghdr *header = from.header;
    waiter->profile = asked->client->profile;
    waiter->label = from.label;
    waiter->policy = known->policy->serial;
    waiter->start = now;
    waiter->end = query->end;
    waiter->wire_size = keep_query(query, waiter->wire);
    waiter->limit = query->limit;
    waiter->edns = query->edns;
    waiter->dnssec_ok = query->dnssec_ok;
    waiter->socket = (uint16_t)from.socket;
    waiter->peer_size = (uint8_t)header->msg_namelen;
    waiter->control_size = (uint8_t)header->msg_controllen;
    waiter->cookie_size = (uint8_t)query->cookie_size;
    memcpy(waiter->cookie, query->cookie, query->cookie_size);
    memcpy(waiter->peer, header->msg_name, header->msg_namelen);
    if (header->msg_controllen)
        memcpy(waiter->control, header->msg_control, header->msg_controllen);
}

/* What goes out together goes out on one line. */
static struct line *choose_line(struct misses *misses, const struct ways *ways, unsigned server, double now)
{
    struct line *line = misses->out_count ? misses->out_lines[misses->out_count - 1] : NULL;
    if (line == NULL || line->server != server)
        line = upstreams_draw(&misses->upstreams, ways, server, now);
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
static bool put_question(struct misses *misses, const struct ways *ways, uint32_t number, const struct query *query,
                         unsigned server, double now)
{
    struct flight *flight = &misses->flights.flights[number];
    struct line *line = choose_line(misses, ways, server, now);
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

/* Return one of the aims of a group, or false: Python asks. */
static bool choose_aim(struct misses *misses, const struct ways_group *group, uint64_t *aim)
{
    bool sound = true;
    unsigned count = atomic_load_explicit(&group->aim_count, memory_order_acquire);
    if (count == 0)
        return false;
    unsigned place = count == 1 ? 0 : upstreams_random(&misses->upstreams, &sound) % count;
    *aim = atomic_load_explicit(&group->aims[place], memory_order_relaxed);
    return sound && ways_server_of(*aim) != WAYS_PYTHON;
}

/* Begin a flight; 0: it cannot. */
static uint32_t take_off(struct misses *misses, const struct known *known, const struct cache_key *key,
                         const struct query *query, const struct ways_group *group, uint64_t generation, double now)
{
    uint64_t aim;
    if (!choose_aim(misses, group, &aim))
        return 0;
    if (misses->out_count == MISSES_BATCH)
        misses_send(misses, now);
    uint32_t number = flights_begin(&misses->flights, key, now + ways_patience_of(aim));
    if (number == 0)
        return 0;
    struct flight *flight = &misses->flights.flights[number];
    flight->generation = generation;
    flight->trust_ad = group->trust_ad;
    flight->question_size = (uint16_t)(query->name_size + 4);
    if (put_question(misses, known->ways, number, query, ways_server_of(aim), now)) {
        counter_add(&misses->begun, 1);
        return number;
    }
    flights_finish(&misses->flights, number);
    return 0;
}

/* Return the group that is asked, or NULL: it is for Python. */
static const struct ways_group *find_group(const struct ways *ways, const struct query *query)
{
    int32_t to = routes_find(ways->routes, query->key, query->name_size, query_kind(query) >> 16);
    return to < 0 || (unsigned)to >= ways->group_count ? NULL : &ways->groups[to];
}

/* Return a place for one who waits for the answer, or NULL: it is for Python. */
static struct waiter *find_place(struct misses *misses, const struct known *known, const struct query *query,
                                 const struct ways_group *group, uint64_t generation, double now)
{
    struct flights *flights = &misses->flights;
    if (counter_read(&flights->waiting) >= flights->most_waiting)
        return NULL;
    struct cache_key key = cache_key(known->cache, query->key, query->key_size);
    uint32_t number = flights_find(flights, &key);
    if (number == 0)
        number = take_off(misses, known, &key, query, group, generation, now);
    const struct flight *flight = &flights->flights[number];
    if (number == 0 || flight->state != FLIGHT_ASKED || flight->generation != generation)
        return NULL;
    return flights_wait(flights, number); /* NULL: others wait. Who takes off finds room, as was seen above */
}

bool misses_admit(struct misses *misses, const struct known *known, const struct asked *asked,
                  struct misses_from from, double now)
{
    const struct msghdr *header = from.header;
    if (known->ways == NULL || !is_askable(&asked->query) || asked->profile->judges_addresses ||
        header->msg_namelen > FLIGHTS_PEER || header->msg_controllen > FLIGHTS_CONTROL)
        return false;
    const struct ways_group *group = find_group(known->ways, &asked->query);
    struct waiter *waiter = group == NULL ? NULL : find_place(misses, known, &asked->query, group, from.generation, now);
    if (waiter == NULL)
        return false;
    fill_in(waiter, known, asked, from, now);
    client_take(asked->client);
    return true;
}

static void send_failed(struct misses *misses, unsigned first, unsigned count, double now)
{
    upstreams_count(&misses->upstreams, misses->out_lines[first]->server, UPSTREAM_UNSENT);
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
            upstreams_count(&misses->upstreams, line->server, UPSTREAM_REQUESTS);
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
