/* What the policy comes to: for each kind of client and each set of the table what is answered.
 *
 * Python makes it from one Policy of core/policy.py, as it is met: a set that no query has led to yet has no verdict
 * here, and goes to Python once. So it grows, up to the bounds below, and nothing in it is ever changed or taken away
 * before the whole is: a verdict that was read once stays good. One thread adds, any may read meanwhile: an action and the
 * number of profiles are atomic, and what they lead to was written before. */
#ifndef POLICY_H
#define POLICY_H

#include "message.h"
#include "table.h"

#include <stdatomic.h>

enum {
    POLICY_PROFILES = 1024,        /* MAX_PROFILES of core/policy.py */
    POLICY_VERDICTS = 4096,        /* most verdicts that differ; a name that has another is for Python */
    POLICY_TAIL_MAX = 65535,
};

/* What holds for a set. Numbers from POLICY_FIRST on are of verdicts. */
enum { POLICY_UNMET, POLICY_HAND_OVER, POLICY_FIRST };

enum policy_class { POLICY_A, POLICY_AAAA, POLICY_OTHER, POLICY_CLASSES };

/* What stands behind the question. Those with EDNS are the plain one and an OPT record. */
enum policy_tail { TAIL_PLAIN, TAIL_EDNS, TAIL_EDNS_DO, TAIL_BRIEF, TAIL_BRIEF_DO, POLICY_TAILS };

struct policy_tail_bytes {
    uint8_t *bytes;
    size_t size;
};

/* One blocked answer for the types of one class: Shape of core/replies.py. */
struct policy_shape {
    uint8_t counts[8], counts_edns[8];              /* as they stand in the header */
    struct policy_tail_bytes tails[POLICY_TAILS];   /* the brief ones have less to say where not all of it fits */
};

/* One verdict: go on, or this answer, and what is to be counted. */
struct policy_verdict {
    bool blocks;
    uint8_t rcode;                                  /* 0 to 15, of the answer */
    int32_t blocked, shadow;                        /* numbers of counters; below 0: none */
    uint32_t label;                                 /* what the lists said, for the journal: a number of Python's */
    struct policy_shape shapes[POLICY_CLASSES];     /* where it blocks */
};

struct policy_profile {
    uint64_t key;                                   /* Profile.key */
    bool judges_addresses;
    _Atomic uint32_t *actions;                      /* of each set */
};

struct policy {
    struct table table;
    size_t set_count;
    _Atomic uint32_t profile_count;
    uint32_t verdict_count;                         /* of the thread that adds */
    struct policy_profile *profiles[POLICY_PROFILES];
    struct policy_verdict *verdicts[POLICY_VERDICTS];
};

/* Return an empty policy over a table, which is ready and stays; NULL: no memory. */
struct policy *policy_create(const struct table *table, size_t set_count);
void policy_destroy(struct policy *policy);

/* Add a profile of which all sets are unmet. Returns its number, or -1: too many, or no memory. */
int32_t policy_add_profile(struct policy *policy, uint64_t key, bool judges_addresses);

/* Add a verdict, which is the policy's from then on, with its tails (all by malloc). Returns what stands for it in a
 * profile, or POLICY_HAND_OVER: too many, and it stays the caller's. */
uint32_t policy_add_verdict(struct policy *policy, struct policy_verdict *verdict);
void policy_verdict_destroy(struct policy_verdict *verdict);

/* Say what holds for a set. False: there is no such profile, set or verdict. */
bool policy_note(struct policy *policy, uint32_t profile, size_t set, uint32_t action);

/* Return what holds for a set, POLICY_HAND_OVER for one that cannot be. */
static inline uint32_t policy_action(const struct policy *policy, const struct policy_profile *profile, size_t set)
{
    /* acquire: with the number comes what policy_add_verdict wrote */
    return set < policy->set_count ? atomic_load_explicit(&profile->actions[set], memory_order_acquire)
                                   : (uint32_t)POLICY_HAND_OVER;
}

/* Return a profile, or NULL: there is none of this number. */
static inline const struct policy_profile *policy_profile(const struct policy *policy, uint32_t number)
{
    /* acquire: with the number comes what policy_add_profile wrote */
    return number < atomic_load_explicit(&policy->profile_count, memory_order_acquire) ? policy->profiles[number] : NULL;
}

/* Write the answer of a verdict that blocks: Blocked.reply of core/replies.py. `out` has room for query->limit bytes;
 * returns how many it has. */
size_t policy_write(const struct policy_verdict *verdict, const struct query *query, uint8_t *out);

#endif
