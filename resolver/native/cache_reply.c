#include "cache.h"

#include <string.h>

enum { HEADER = 12, OPT = 11, EDE = 15, STALE = 3, STALE_NXDOMAIN = 19, NXDOMAIN = 3, PAYLOAD = 1232 };
enum { TC = 0x02, AD = 0x20 };

static uint8_t *write_16(uint8_t *at, unsigned number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
    return at + 2;
}

static uint32_t read_32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_32(uint8_t *at, uint32_t number)
{
    write_16(write_16(at, number >> 16), number & 0xffff);
}

static uint8_t *append(uint8_t *at, const uint8_t *bytes, size_t size)
{
    if (size)
        memcpy(at, bytes, size);
    return at + size;
}

/* ID, flags, counts and the question as asked; RD and CD are as the query has them. Returns where it ends. */
static uint8_t *write_head(const struct cache_answer *answer, const struct cache_query *query, unsigned more_flags,
                           bool empty, uint8_t *out)
{
    const uint8_t *wire = query->wire;
    memcpy(out, wire, query->end);
    out[2] = (uint8_t)(0x80 | (more_flags & TC) | (wire[2] & 1));
    out[3] = (uint8_t)(0x80 | (more_flags & AD) | (wire[3] & 0x10) | answer->rcode);
    uint8_t *at = write_16(out + 4, 1);
    at = write_16(at, empty ? 0 : answer->answers);
    at = write_16(at, empty ? 0 : answer->authorities);
    write_16(at, (empty ? 0U : answer->additional) + query->edns);
    return out + query->end;
}

/* Our OPT record (RFC 6891, section 6.1.2), with room for so many bytes of options behind it. */
static uint8_t *write_opt(const struct cache_query *query, size_t options_size, uint8_t *at)
{
    at[0] = 0;
    at = write_16(write_16(at + 1, 41), PAYLOAD);
    at = write_16(write_16(at, 0), query->dnssec_ok ? 0x8000 : 0);
    return write_16(at, (unsigned)options_size);
}

/* Write everything but the TTLs, which stand at `body` in the reply as they were when the answer came. Returns where
 * the reply ends; *body is NULL where it was truncated. `stale_code` is an extended error, or 0. */
static uint8_t *put_together(const struct cache_answer *answer, const struct cache_query *query, unsigned stale_code,
                             uint8_t *out, uint8_t **body)
{
    bool ad = answer->authentic && !stale_code && (query->wire[3] & AD || query->dnssec_ok); /* RFC 4035, 5.3.3 */
    size_t options_size = answer->options_size + (stale_code ? 6 : 0), cookie_size = query->cookie_size;
    size_t size = query->end + answer->body_size + (query->edns ? OPT + cookie_size : 0);
    if (query->edns && size + options_size <= query->limit)
        size += options_size;
    else
        options_size = 0; /* they go before records do, but for the cookie */
    bool fits = size <= query->limit;
    uint8_t *at = write_head(answer, query, !fits ? TC : ad ? AD : 0, !fits, out);
    *body = fits ? at : NULL;
    if (fits)
        at = append(at, answer->body, answer->body_size);
    if (!query->edns)
        return at;
    if (!fits)
        options_size = 0;
    at = write_opt(query, options_size + cookie_size, at);
    if (options_size != 0) {
        at = append(at, answer->options, answer->options_size);
        if (stale_code)
            at = write_16(write_16(write_16(at, EDE), 2), stale_code);
    }
    return append(at, query->cookie, cookie_size);
}

size_t cache_write_reply(const struct cache_answer *answer, const struct cache_query *query, double now, uint8_t *out)
{
    uint8_t *body, *end = put_together(answer, query, 0, out, &body);
    double elapsed = now - answer->stored; /* below 0 where another thread's clock was read a moment earlier */
    uint32_t elapsed_s = elapsed < 1 ? 0 : elapsed < UINT32_MAX ? (uint32_t)elapsed : UINT32_MAX;
    if (body == NULL || elapsed_s == 0)
        return (size_t)(end - out);
    for (size_t i = 0; i < answer->ttl_count; i++) {
        uint8_t *at = body + answer->ttls[i];
        uint32_t ttl = read_32(at);
        write_32(at, ttl > elapsed_s ? ttl - elapsed_s : 0);
    }
    return (size_t)(end - out);
}

size_t cache_write_stale_reply(const struct cache_answer *answer, const struct cache_query *query, uint8_t *out)
{
    unsigned code = answer->rcode == NXDOMAIN ? STALE_NXDOMAIN : STALE;
    uint8_t *body, *end = put_together(answer, query, code, out, &body);
    for (size_t i = 0; body != NULL && i < answer->ttl_count; i++)
        write_32(body + answer->ttls[i], CACHE_STALE_TTL);
    return (size_t)(end - out);
}
