/* The heavy steps of building a table of names, bit for bit as core/compiler.py takes them.
 *
 * All arrays are the caller's, who says how large they are. Nothing here reads a clock, a file or chance.
 */
#ifndef NXWHY_TABLE_BUILD_H
#define NXWHY_TABLE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

enum {
    BUILD_BITS_MAX = 40,      /* most bits of a key that say its place */
    BUILD_CODE_BITS = 4,      /* of a word: key << 4 | kind - first */
    BUILD_DOTS_MAX = 255,     /* most dots of a name whose depth can be noted */
    BUILD_RUNS_MAX = 1 << 20, /* most runs of words that are merged */
};
#define BUILD_PAIRS_MAX ((UINT32_C(1) << TABLE_PAIR_BITS) - 1)

enum build_status {
    BUILD_DONE,
    BUILD_ASK,       /* inherit: the caller has to answer before it goes on */
    BUILD_CROWDED,   /* too many names crowd at one place */
    BUILD_TOO_MANY,  /* the lists say too many different things */
    BUILD_NO_MEMORY,
    BUILD_BAD_INPUT, /* what was given does not fit together; nothing was read or written beyond it */
};

/* What makes keys those of one table: 1 < prime < 1 << 60, factor < prime. */
struct build_secret {
    uint64_t prime, factor;
};

/* Computes the keys of `count` names, each ended by a line feed (the last one's may be missing), in their
 * order. dots[n] becomes 1 where a name has n of them. BAD_INPUT: another number of names, or too many dots. */
enum build_status build_keys(const uint8_t *names, size_t size, struct build_secret secret, uint64_t *keys,
                             size_t count, uint8_t dots[BUILD_DOTS_MAX + 1]);

/* Makes the sorted words of those names whose kind is from `first` on to 15 above. `words` and `spare` have
 * room for `count`; the words, `*made` of them, are in `words`. */
enum build_status build_words(const uint64_t *keys, const uint16_t *kinds, size_t count, uint32_t first,
                              uint64_t *words, uint64_t *spare, size_t *made);

/* Sorted words; the rule of a word is the number `first` and its lowest four bits above. */
struct build_run {
    const uint64_t *words;
    size_t count;
    uint32_t first;
};

/* What came of filling the slots. Combination n < rules is the rule n alone; any other is an earlier one with
 * one more rule. The arrays have room for `room` combinations and `repeats` for as many as there are rules;
 * all are zero before. room >= min(rules + words, 1 << 20) always suffices. */
struct build_filled {
    uint32_t *parents, *rules; /* of combination n: the earlier one, and the rule that came to it */
    uint64_t *used;            /* how many names have combination n in the end */
    uint64_t *repeats;         /* how often rule n was met again at a name that had it */
    size_t room;
    size_t combinations;
    uint64_t names, longest_probe;
};

/* Fills the slots, all zero before, of which there are (1 << bits) + 256. `rules` is how many rules there are
 * in all lists together. */
enum build_status build_fill(const struct build_run *runs, size_t run_count, uint32_t rules, uint64_t *slots,
                             unsigned bits, struct build_filled *filled);

/* Lets every name take over what its parents hold below them: a build in progress.
 *
 * What sets and pairs are only the caller knows: see build_inherit. */
struct build_inheritance;

/* Begins with the filled slots, which stay in use, and as many combinations as build_fill made. NULL: no
 * memory, or what was given does not fit together. */
struct build_inheritance *build_inheritance_new(struct build_secret secret, uint64_t *slots, unsigned bits,
                                                size_t combinations);
void build_inheritance_free(struct build_inheritance *made);

/* What the caller has to say: the number of the pair that a combination has below a set, and the set that
 * then holds below its name. */
struct build_question {
    uint32_t inherited, combination;
};

/* Goes on with the names of one list until they are DONE or there is something to ASK. The caller then calls
 * build_answer, and this again with the same list. `first` is the number of the list's first rule. */
enum build_status build_inherit(struct build_inheritance *made, const uint8_t *names, size_t size,
                                const uint16_t *kinds, size_t count, uint32_t first,
                                struct build_question *question);
enum build_status build_answer(struct build_inheritance *made, uint32_t origin, uint32_t below);

/* How often a rule stood at a name that took something over. */
struct build_covered {
    uint32_t inherited, rule;
    uint64_t times;
};
size_t build_covered_count(const struct build_inheritance *made);
struct build_covered build_covered_at(const struct build_inheritance *made, size_t place);

#endif
