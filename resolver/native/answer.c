#include "answer.h"

/* Find what is cached for a query. False: nothing, or Python has to look at it first. */
static bool write_cached(struct cache *cache, const struct query *query, const struct policy_profile *profile,
                         double now, uint8_t *out, struct answer *answer)
{
    struct cache_key key = cache_key(cache, query->key, query->key_size);
    struct cache_query asked = {query->wire,      query->end,    query->limit,      query->edns,
                                query->dnssec_ok, query->cookie, query->cookie_size};
    struct cache_asker asker = {now, profile->key, profile->judges_addresses};
    struct cache_given given;
    if (cache_reply(cache, key, &asked, &asker, out, &given) != CACHE_ANSWERED)
        return false;
    answer->size = given.size;
    answer->rcode = out[3] & 0x0f;
    answer->source = given.failed ? ANSWER_ERROR : ANSWER_CACHE;
    return true;
}

enum answered answer_look(const struct known *known, const uint8_t *wire, size_t size, struct source source,
                          struct asked *asked)
{
    asked->client = clients_find(known->clients, source.address, source.size);
    if (asked->client == NULL)
        return ANSWER_CLIENT;
    asked->profile = policy_profile(known->policy, asked->client->profile);
    if (asked->profile == NULL)
        return ANSWER_HAND_OVER;
    asked->source = source;
    if (message_parse(wire, size, source.stream, &asked->query) != MESSAGE_QUERY)
        return ANSWER_HAND_OVER;
    table_look(&known->policy->table, asked->query.key, asked->query.name_size, &asked->look);
    return ANSWER_GIVEN;
}

/* See to it that the reply has the cookie that the client expects, if it sent one. False: Python says what is wrong. */
static bool take_cookie(const struct cookies *cookies, struct asked *asked, double now)
{
    struct query *query = &asked->query;
    if (query->cookie_sent == NULL)
        return true;
    if (cookies == NULL || !cookies_answer(cookies, query->cookie_sent, query->cookie_sent_size, asked->source.address,
                                           asked->source.size, now, query->cookie))
        return false;
    query->cookie_size = sizeof query->cookie;
    return true;
}

enum answered answer_give(const struct known *known, struct asked *asked, double now, uint8_t *out,
                          struct answer *answer)
{
    const struct query *query = &asked->query;
    int64_t left = atomic_load_explicit(asked->client->left, memory_order_relaxed);
    if (left < 1) /* Python grants more, or refuses */
        return ANSWER_HAND_OVER;
    uint32_t set = table_found(&known->policy->table, &asked->look);
    uint32_t action = policy_action(known->policy, asked->profile, set);
    if (action == POLICY_UNMET) {
        answer->profile = asked->client->profile;
        answer->set = set;
        return ANSWER_UNMET;
    }
    if (action == POLICY_HAND_OVER || !take_cookie(known->cookies, asked, now))
        return ANSWER_HAND_OVER;
    const struct policy_verdict *verdict = known->policy->verdicts[action - POLICY_FIRST];
    if (verdict->blocks) {
        answer->size = policy_write(verdict, query, out);
        answer->rcode = verdict->rcode;
        answer->source = ANSWER_BLOCKED;
    } else if (known->cache == NULL || !write_cached(known->cache, query, asked->profile, now, out, answer)) {
        return ANSWER_HAND_OVER;
    }
    answer->verdict = verdict;
    answer->kind = query_kind(query);
    if (left != CLIENTS_UNBOUNDED)
        atomic_fetch_sub_explicit(asked->client->left, 1, memory_order_relaxed);
    return ANSWER_GIVEN;
}

enum answered answer(const struct known *known, const uint8_t *wire, size_t size, struct source source, double now,
                     uint8_t *out, struct answer *answer)
{
    struct asked asked;
    enum answered looked = answer_look(known, wire, size, source, &asked);
    return looked == ANSWER_GIVEN ? answer_give(known, &asked, now, out, answer) : looked;
}
