#include <stdlib.h>

#include "pair_map.h"
#include "table_build.h"

/* Where a merge is in a run. */
struct head {
    uint64_t key;
    uint32_t rule;
    uint32_t run;
};

/* A merge of all runs, as a heap whose smallest word is on top. */
struct merge {
    const struct build_run *runs;
    size_t *ats;
    struct head *heads;
    size_t count;
};

static bool is_before(const struct head *one, const struct head *other) {
    return one->key != other->key ? one->key < other->key : one->rule < other->rule;
}

/* Moves the head at a place down until it is before those below it. */
static void sink(struct merge *merge, size_t place) {
    struct head head = merge->heads[place];
    for (size_t below; (below = 2 * place + 1) < merge->count; place = below) {
        if (below + 1 < merge->count && is_before(&merge->heads[below + 1], &merge->heads[below]))
            below++;
        if (!is_before(&merge->heads[below], &head))
            break;
        merge->heads[place] = merge->heads[below];
    }
    merge->heads[place] = head;
}

/* Takes the next word of a run. False: there is none. */
static bool take(struct merge *merge, struct head *head) {
    const struct build_run *run = merge->runs + head->run;
    size_t at = merge->ats[head->run]++;
    if (at >= run->count)
        return false;
    head->key = run->words[at] >> BUILD_CODE_BITS;
    head->rule = run->first + (uint32_t)(run->words[at] & ((1 << BUILD_CODE_BITS) - 1));
    return true;
}

static bool merge_begin(struct merge *merge, const struct build_run *runs, size_t run_count) {
    *merge = (struct merge){.runs = runs};
    merge->ats = calloc(run_count + 1, sizeof *merge->ats);
    merge->heads = calloc(run_count + 1, sizeof *merge->heads);
    if (merge->ats == NULL || merge->heads == NULL)
        return false;
    for (size_t run = 0; run < run_count; run++) {
        struct head head = {.run = (uint32_t)run};
        if (take(merge, &head))
            merge->heads[merge->count++] = head;
    }
    for (size_t place = merge->count; place-- > 0;)
        sink(merge, place);
    return true;
}

static void merge_end(struct merge *merge) {
    free(merge->ats);
    free(merge->heads);
}

/* Goes on to the next word. */
static void merge_step(struct merge *merge) {
    if (!take(merge, merge->heads))
        merge->heads[0] = merge->heads[--merge->count];
    sink(merge, 0);
}

/* Says whether a combination has a rule. */
static bool has(const struct build_filled *filled, uint32_t rules, uint32_t combination, uint32_t rule) {
    for (; combination >= rules; combination = filled->parents[combination])
        if (filled->rules[combination] == rule)
            return true;
    return combination == rule;
}

/* Finds the combination of an earlier one and a rule, a new one if need be. */
static enum build_status join(struct build_filled *filled, uint32_t rules, struct pair_map *joined,
                              uint32_t known, uint32_t rule, uint32_t *found) {
    if (has(filled, rules, known, rule)) {
        filled->repeats[rule]++;
        *found = known;
        return BUILD_DONE;
    }
    const struct pair_entry *entry = pair_map_find(joined, known, rule);
    if (entry != NULL) {
        *found = (uint32_t)entry->value;
        return BUILD_DONE;
    }
    if (filled->combinations >= BUILD_PAIRS_MAX)
        return BUILD_TOO_MANY;
    if (filled->combinations >= filled->room)
        return BUILD_BAD_INPUT;
    *found = (uint32_t)filled->combinations++;
    filled->parents[*found] = known;
    filled->rules[*found] = rule;
    return pair_map_add(joined, known, rule, *found) ? BUILD_DONE : BUILD_NO_MEMORY;
}

/* Fills the slots from left to right, in the order of the keys. */
static enum build_status fill(struct merge *merge, uint32_t rules, uint64_t *slots, unsigned bits,
                              struct build_filled *filled, struct pair_map *joined) {
    const unsigned shift = TABLE_KEY_BITS - bits;
    uint64_t last = UINT64_MAX, next = 0; /* the slot behind the last one taken */
    for (; merge->count > 0; merge_step(merge)) {
        const uint64_t key = merge->heads->key;
        const uint32_t rule = merge->heads->rule;
        if (rule >= rules)
            return BUILD_BAD_INPUT;
        if (key != last) {
            const uint64_t home = key >> shift;
            if (next > home && next - home > filled->longest_probe) {
                filled->longest_probe = next - home;
                if (filled->longest_probe >= TABLE_PROBE_MAX)
                    return BUILD_CROWDED;
            } else if (next < home) {
                next = home;
            }
            last = key;
            slots[next++] = key << TABLE_PAIR_BITS | (rule + 1);
            filled->names++;
            filled->used[rule]++;
        } else {
            const uint32_t known = (uint32_t)(slots[next - 1] & BUILD_PAIRS_MAX) - 1;
            uint32_t found = 0;
            enum build_status status = join(filled, rules, joined, known, rule, &found);
            if (status != BUILD_DONE)
                return status;
            filled->used[known]--;
            filled->used[found]++;
            slots[next - 1] += (uint64_t)found - known;
        }
    }
    return BUILD_DONE;
}

enum build_status build_fill(const struct build_run *runs, size_t run_count, uint32_t rules, uint64_t *slots,
                             unsigned bits, struct build_filled *filled) {
    if (bits < 1 || bits > BUILD_BITS_MAX || run_count > BUILD_RUNS_MAX || rules > filled->room)
        return BUILD_BAD_INPUT;
    if (rules > BUILD_PAIRS_MAX)
        return BUILD_TOO_MANY;
    filled->combinations = rules;
    filled->names = filled->longest_probe = 0;
    struct merge merge;
    struct pair_map joined = {0};
    enum build_status status = BUILD_NO_MEMORY;
    if (merge_begin(&merge, runs, run_count))
        status = fill(&merge, rules, slots, bits, filled, &joined);
    merge_end(&merge);
    pair_map_clear(&joined);
    return status;
}
