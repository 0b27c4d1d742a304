#include "policy.h"

#include <stdlib.h>
#include <string.h>

enum { KIND_A = 1 << 16 | 1, KIND_AAAA = 28 << 16 | 1, OPT_LENGTH = 9 /* where the length of its options is */ };

struct policy *policy_create(const struct table *table, size_t set_count)
{
    struct policy *policy = calloc(1, sizeof *policy);
    if (policy != NULL) {
        policy->table = *table;
        policy->set_count = set_count;
    }
    return policy;
}

void policy_destroy(struct policy *policy)
{
    for (uint32_t i = 0; i < policy->profile_count; i++) {
        free(policy->profiles[i]->actions);
        free(policy->profiles[i]);
    }
    for (uint32_t i = 0; i < policy->verdict_count; i++)
        policy_verdict_destroy(policy->verdicts[i]);
    free(policy);
}

int32_t policy_add_profile(struct policy *policy, uint64_t key, bool judges_addresses)
{
    uint32_t number = atomic_load_explicit(&policy->profile_count, memory_order_relaxed);
    if (number == POLICY_PROFILES)
        return -1;
    struct policy_profile *profile = malloc(sizeof *profile);
    _Atomic uint32_t *actions = calloc(policy->set_count ? policy->set_count : 1, sizeof *actions);
    if (profile == NULL || actions == NULL) {
        free(profile);
        free(actions);
        return -1;
    }
    *profile = (struct policy_profile){key, judges_addresses, actions};
    policy->profiles[number] = profile;
    atomic_store_explicit(&policy->profile_count, number + 1, memory_order_release);
    return (int32_t)number;
}

uint32_t policy_add_verdict(struct policy *policy, struct policy_verdict *verdict)
{
    if (policy->verdict_count == POLICY_VERDICTS)
        return POLICY_HAND_OVER;
    policy->verdicts[policy->verdict_count] = verdict;
    return POLICY_FIRST + policy->verdict_count++;
}

void policy_verdict_destroy(struct policy_verdict *verdict)
{
    for (int of = 0; of < POLICY_CLASSES; of++)
        for (int tail = 0; tail < POLICY_TAILS; tail++)
            free(verdict->shapes[of].tails[tail].bytes);
    free(verdict);
}

bool policy_note(struct policy *policy, uint32_t profile, size_t set, uint32_t action)
{
    if (profile >= policy->profile_count || set >= policy->set_count || action >= POLICY_FIRST + policy->verdict_count)
        return false;
    atomic_store_explicit(&policy->profiles[profile]->actions[set], action, memory_order_release);
    return true;
}

/* Write ID, flags, counts and the question as asked; RD and CD are as the query has them. */
static uint8_t *write_head(const struct query *query, unsigned rcode, const uint8_t counts[8], uint8_t *out)
{
    const uint8_t *wire = query->wire;
    memcpy(out, wire, query->end);
    out[2] = (uint8_t)(MESSAGE_QR | (wire[2] & MESSAGE_RD));
    out[3] = (uint8_t)(MESSAGE_RA | (wire[3] & MESSAGE_CD) | rcode);
    memcpy(out + 4, counts, 8);
    return out + query->end;
}

/* Put the query's cookie, if it has one, behind an OPT record that ends at `at`; `length` is where the length of its
 * options stands. Returns where the reply ends. */
static uint8_t *add_cookie(const struct query *query, uint8_t *length, uint8_t *at)
{
    if (query->cookie_size == 0)
        return at;
    unsigned size = ((unsigned)length[0] << 8 | length[1]) + (unsigned)query->cookie_size;
    length[0] = (uint8_t)(size >> 8);
    length[1] = (uint8_t)size;
    memcpy(at, query->cookie, query->cookie_size);
    return at + query->cookie_size;
}

/* Write an empty answer with TC set, so that the client asks again over TCP; OPT stays. */
static size_t write_truncated(const struct query *query, unsigned rcode, uint8_t *out)
{
    static const uint8_t opt[MESSAGE_OPT] = {0, 0, 41, MESSAGE_LARGEST >> 8, MESSAGE_LARGEST & 0xff};
    const uint8_t counts[8] = {0, 1, 0, 0, 0, 0, 0, query->edns};
    uint8_t *at = write_head(query, rcode, counts, out);
    out[2] |= MESSAGE_TC;
    if (!query->edns)
        return query->end;
    memcpy(at, opt, sizeof opt);
    at[7] = query->dnssec_ok ? 0x80 : 0;
    return (size_t)(add_cookie(query, at + OPT_LENGTH, at + sizeof opt) - out);
}

static const struct policy_shape *shape_for(const struct policy_verdict *verdict, uint32_t kind)
{
    return &verdict->shapes[kind == KIND_A ? POLICY_A : kind == KIND_AAAA ? POLICY_AAAA : POLICY_OTHER];
}

size_t policy_write(const struct policy_verdict *verdict, const struct query *query, uint8_t *out)
{
    const struct policy_shape *shape = shape_for(verdict, query_kind(query));
    const struct policy_tail_bytes *plain = &shape->tails[TAIL_PLAIN], *tail = plain;
    size_t room = query->limit - query->end - query->cookie_size;
    if (query->edns) {
        tail = &shape->tails[query->dnssec_ok ? TAIL_EDNS_DO : TAIL_EDNS];
        if (tail->size > room)
            tail = &shape->tails[query->dnssec_ok ? TAIL_BRIEF_DO : TAIL_BRIEF];
    }
    if (tail->size > room)
        return write_truncated(query, verdict->rcode, out);
    uint8_t *at = write_head(query, verdict->rcode, query->edns ? shape->counts_edns : shape->counts, out);
    if (tail->size)
        memcpy(at, tail->bytes, tail->size);
    return (size_t)(add_cookie(query, at + plain->size + OPT_LENGTH, at + tail->size) - out);
}
