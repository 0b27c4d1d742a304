#include "records.h"

#include "names.h"

#include <math.h>
#include <string.h>

enum {
    HEADER = 12, RECORD_FIXED = 10, TTL_BACK = 6, SOA_FIXED = 20, OPT_FIXED = 11,
    NS = 2, CNAME = 5, SOA = 6, DNAME = 39, OPT = 41, SVCB = 64, HTTPS = 65,
    NOERROR = 0, NXDOMAIN = 3, YXDOMAIN = 6, BADVERS = 16,
    EDE = 15,
};
static const double PREFETCH_AT = 0.9; /* as in core/cache.py */
static const uint32_t MAX_TTL = 0x7fffffff;

struct walk {
    uint8_t *wire;
    size_t size, start;            /* of the message; where its question ends */
    unsigned type_asked, rcode;
    unsigned answers, authorities, kept; /* records in two sections, and all of those in front of OPT */
    size_t body_end;
    size_t opt, opt_end;           /* the OPT record; 0: none */
    bool answered, ns_above, soa;  /* an answer of the type asked for; NS in the first two sections; any SOA */
    bool leads_on, has_negative;
    uint32_t least_ttl, most_ttl, negative_ttl;
    struct name at;                /* where the aliases lead to so far */
    unsigned alias_count;
};

static unsigned get_16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get_32(const uint8_t *at)
{
    return (uint32_t)get_16(at) << 16 | get_16(at + 2);
}

static uint32_t get_ttl(const uint8_t *at)
{
    uint32_t ttl = get_32(at);
    return ttl > MAX_TTL ? 0 : ttl; /* RFC 2181, section 8 */
}

static bool leads_on(unsigned type)
{
    return type == CNAME || type == DNAME || type == SVCB || type == HTTPS;
}

/* The lesser of a SOA record's TTL and its MINIMUM (RFC 2308, section 5). */
static bool read_soa(struct walk *walk, size_t data, size_t end, uint32_t ttl)
{
    size_t at = names_skip(walk->wire, walk->size, data);
    at = at ? names_skip(walk->wire, walk->size, at) : 0;
    if (at == 0 || at + SOA_FIXED != end)
        return false;
    uint32_t minimum = get_32(walk->wire + at + SOA_FIXED - 4);
    walk->negative_ttl = ttl < minimum ? ttl : minimum;
    return walk->has_negative = true;
}

/* Note one record that is kept; its TTL stands at data - TTL_BACK. */
static bool note_record(struct walk *walk, size_t data, size_t end, unsigned type, uint16_t *ttls)
{
    unsigned number = walk->kept++;
    bool answer = number < walk->answers, authority = !answer && number < walk->answers + walk->authorities;
    uint32_t ttl = get_ttl(walk->wire + data - TTL_BACK);
    ttls[number] = (uint16_t)(data - TTL_BACK - walk->start);
    if (number == 0 || ttl < walk->least_ttl)
        walk->least_ttl = ttl;
    if (ttl > walk->most_ttl)
        walk->most_ttl = ttl;
    walk->body_end = end;
    walk->answered |= answer && type == walk->type_asked;
    walk->ns_above |= type == NS && number < walk->authorities; /* asked where there is no answer */
    walk->soa |= type == SOA;
    walk->leads_on |= leads_on(type);
    return !authority || type != SOA || walk->has_negative || read_soa(walk, data, end, ttl);
}

/* Go through all records. OPT and what follows it are not kept: that is additional, so nobody needs it, and it may
 * point behind what we cut out. */
static bool walk_records(struct walk *walk, unsigned count, uint16_t *ttls)
{
    size_t at = walk->start;
    for (unsigned number = 0; number < count; number++) {
        size_t owner = at;
        at = names_skip(walk->wire, walk->size, at);
        if (at == 0 || walk->size - at < RECORD_FIXED)
            return false;
        unsigned type = get_16(walk->wire + at);
        size_t length = get_16(walk->wire + at + 8), data = at + RECORD_FIXED;
        if (walk->size - data < length)
            return false;
        at = data + length;
        if (type == OPT) {
            if (walk->opt || number < walk->answers + walk->authorities)
                return false;
            walk->opt = owner;
            walk->opt_end = at;
        } else if (!walk->opt && !note_record(walk, data, at, type, ttls)) {
            return false;
        }
    }
    return true;
}

/* Read the options of an OPT record and keep its extended errors, packed as they came. */
static bool read_options(const uint8_t *record, size_t size, struct records_read *read)
{
    size_t kept = 0;
    unsigned count = 0;
    if (record[6] != 0) /* another version: we know no options of it */
        return true;
    for (size_t at = OPT_FIXED; at < size;) {
        if (count++ == RECORDS_OPTIONS || size - at < 4)
            return false;
        size_t length = 4U + get_16(record + at + 2);
        if (size - at < length)
            return false;
        if (get_16(record + at) == EDE) {
            if (kept + length <= sizeof read->options)
                memcpy(read->options + kept, record + at, length);
            kept += length;
        }
        at += length;
    }
    read->entry.options_size = kept <= sizeof read->options ? kept : 0;
    return true;
}

/* Read the OPT record (RFC 6891, section 6.1). */
static bool read_opt(struct walk *walk, struct records_read *read)
{
    const uint8_t *record = walk->wire + walk->opt;
    size_t size = walk->opt_end - walk->opt;
    if (record[0] != 0 || size < OPT_FIXED) /* of a longer owner, or a pointer */
        return false;
    read->edns = true;
    walk->rcode |= (unsigned)record[5] << 4;
    return read_options(record, size, read);
}

/* What a DNAME record makes of the name that the aliases came to (RFC 6672, section 2.2); the root of one that is not
 * below it. */
static bool map_name(const struct walk *walk, size_t start, struct name *target)
{
    struct name owner;
    if (names_read(walk->wire, walk->size, start, &owner) == 0)
        return false;
    size_t above = names_below(&walk->at, &owner);
    if (above == 0 || above + target->size > NAMES_MAX) {
        *target = (struct name){.size = 1};
        return true;
    }
    memmove(target->bytes + above, target->bytes, target->size);
    memcpy(target->bytes, walk->at.bytes, above);
    target->size += above;
    return true;
}

/* Note the name that one record leads to; a root stands for the owner (RFC 9460, section 2.5) or for none. */
static bool note_alias(struct walk *walk, size_t start, size_t data, size_t end, unsigned type,
                       struct records_read *read)
{
    bool bound = type == SVCB || type == HTTPS; /* these have a priority in front and parameters behind */
    struct name target;
    size_t after = names_read(walk->wire, walk->size, bound ? data + 2 : data, &target);
    if (after == 0 || after > end || (after != end && !bound))
        return false;
    if (type == DNAME && !map_name(walk, start, &target))
        return false;
    if (++walk->alias_count > RECORDS_ALIASES)
        return false;
    if (target.size == 1)
        return true;
    if (!bound)
        walk->at = target;
    memcpy(read->aliases + read->entry.aliases_size, target.bytes, target.size);
    read->entry.aliases_size += target.size;
    return true;
}

/* Go through the records once more for the names they lead to; all of them were read before. */
static bool walk_aliases(struct walk *walk, const uint8_t *asked, size_t asked_size, struct records_read *read)
{
    walk->at.size = asked_size;
    memcpy(walk->at.bytes, asked, asked_size);
    size_t at = walk->start;
    for (unsigned number = 0; number < walk->kept; number++) {
        size_t owner = at;
        at = names_skip(walk->wire, walk->size, at);
        unsigned type = get_16(walk->wire + at);
        size_t data = at + RECORD_FIXED, end = data + get_16(walk->wire + at + 8);
        if (leads_on(type) && !note_alias(walk, owner, data, end, type, read))
            return false;
        at = end;
    }
    return true;
}

static uint32_t lesser(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

/* Set when the entry ends and hold its TTLs to that: lifetime and from_answer of core/cache.py. */
static void age(const struct walk *walk, const struct records_ageing *ageing, double now, struct records_read *read)
{
    struct cache_answer *entry = &read->entry;
    bool denies = walk->rcode == NXDOMAIN || (walk->rcode == NOERROR && !walk->answered);
    uint32_t ttl = 0, least = walk->kept ? walk->least_ttl : 0;
    if (walk->rcode == NOERROR && !denies)
        ttl = lesser(least, ageing->max_ttl);
    else if (denies && walk->has_negative) /* without a SOA record it says nothing of how long it holds */
        ttl = lesser(lesser(least, walk->negative_ttl), ageing->negative_ttl);
    uint32_t most = walk->has_negative && denies ? ttl : ageing->max_ttl;
    uint8_t *body = walk->wire + walk->start;
    if (least == 0 || walk->most_ttl > most) /* one with the top bit set stands for 0 */
        for (size_t i = 0; i < entry->ttl_count; i++) {
            uint32_t held = lesser(get_ttl(body + read->ttls[i]), most);
            for (int byte = 0; byte < 4; byte++)
                body[read->ttls[i] + byte] = (uint8_t)(held >> (24 - 8 * byte));
        }
    read->keep = ttl > 0;
    entry->stored = now;
    entry->expires = now + ttl;
    entry->stale_until = entry->expires + ageing->stale;
    entry->refresh_at = ageing->prefetch && ttl > 1 ? now + PREFETCH_AT * ttl : INFINITY;
}

static bool is_answer(const uint8_t *wire, size_t size, const uint8_t *question, size_t question_size)
{
    return (wire[2] & 0xf8) == 0x80 && get_16(wire + 4) == 1 && size - HEADER >= question_size &&
           memcmp(wire + HEADER, question, question_size) == 0;
}

/* Whether a server says no more than that it failed, as some do where they cannot read a query: its header, and at most
 * its OPT record. */
static bool is_bare_error(const uint8_t *wire, size_t size, struct records_read *read)
{
    unsigned rcode = wire[3] & 0x0f;
    if (size == HEADER) {
        if (memcmp(wire + 4, "\0\0\0\0\0\0\0\0", 8) != 0)
            return false;
    } else if (size < HEADER + OPT_FIXED || memcmp(wire + 4, "\0\0\0\0\0\0\0\1\0\0\x29", 11) != 0 ||
               get_16(wire + HEADER + OPT_FIXED - 2) != size - HEADER - OPT_FIXED ||
               !read_options(wire + HEADER, size - HEADER, read)) {
        return false;
    } else {
        rcode |= (unsigned)wire[HEADER + 5] << 4;
    }
    return (wire[2] & 0xf8) == 0x80 && (rcode == 1 || rcode == 2 || rcode == 4 || rcode == 5 || rcode == BADVERS);
}

/* Whether a server that does not recurse names others. */
static bool is_referral(const struct walk *walk)
{
    const uint8_t *wire = walk->wire;
    return !(walk->rcode || walk->answers || wire[2] & 0x04 || wire[3] & 0x80 || walk->soa) && walk->ns_above;
}

enum records records_read(uint8_t *wire, size_t size, const uint8_t *question, size_t question_size,
                          const struct records_ageing *ageing, bool trust_ad, double now, struct records_read *read)
{
    if (size < HEADER)
        return RECORDS_WRONG;
    if (!is_answer(wire, size, question, question_size))
        return is_bare_error(wire, size, read) ? RECORDS_OTHER : RECORDS_WRONG;
    unsigned answers = get_16(wire + 6), authorities = get_16(wire + 8), count = answers + authorities +
                                                                                  get_16(wire + 10);
    if (wire[2] & 0x02 || count > RECORDS_MAX) /* truncated: it may be cut anywhere */
        return RECORDS_OTHER;
    struct walk walk = {.wire = wire, .size = size, .start = HEADER + question_size, .answers = answers,
                        .authorities = authorities, .rcode = wire[3] & 0x0f,
                        .type_asked = get_16(question + question_size - 4)};
    walk.body_end = walk.start;
    read->entry = (struct cache_answer){.options = read->options, .aliases = read->aliases, .ttls = read->ttls};
    read->edns = false;
    if (!walk_records(&walk, count, read->ttls) || (walk.opt && !read_opt(&walk, read)) ||
        (walk.leads_on && !walk_aliases(&walk, question, question_size - 4, read)))
        return RECORDS_WRONG;
    if ((walk.rcode != NOERROR && walk.rcode != NXDOMAIN && walk.rcode != YXDOMAIN) || is_referral(&walk))
        return RECORDS_OTHER;
    struct cache_answer *entry = &read->entry;
    entry->rcode = (uint8_t)walk.rcode;
    entry->answers = (uint16_t)answers;
    entry->authorities = (uint16_t)authorities;
    entry->additional = (uint16_t)(walk.kept - answers - authorities);
    entry->authentic = trust_ad && wire[3] & 0x20;
    entry->body = wire + walk.start;
    entry->body_size = walk.body_end - walk.start;
    entry->ttl_count = walk.kept;
    age(&walk, ageing, now, read);
    return RECORDS_PLAIN;
}
