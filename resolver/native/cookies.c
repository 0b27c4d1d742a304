#include "cookies.h"

#include "siphash.h"

#include <string.h>

enum { CODE = 10, HEAD = 8, HASH = 8, VERSION = 1 };
enum { LEAST = 16, MOST = 40 };             /* an option that has a server cookie of anybody's making */
enum { NEWEST_S = 300, RENEWED_S = 1800 }; /* how old ours may be to be sent again (RFC 9018, section 4.3) */

struct cookies cookies_under(const uint8_t secret[COOKIES_SECRET], double epoch_s)
{
    return (struct cookies){{siphash_word(secret, 8), siphash_word(secret + 8, 8)}, epoch_s};
}

/* Unix time in 32 bits. What no clock says is the beginning. */
static uint32_t time_of(const struct cookies *cookies, double now)
{
    double seconds = now + cookies->epoch_s;
    return seconds > -0x1p62 && seconds < 0x1p62 ? (uint32_t)(int64_t)seconds : 0;
}

/* The age of a server cookie by serial arithmetic, since its clock wraps (RFC 1982). */
static int64_t age_s(const uint8_t *server, uint32_t time)
{
    uint32_t made = (uint32_t)server[4] << 24 | (uint32_t)server[5] << 16 | (uint32_t)server[6] << 8 | server[7];
    uint32_t age = time - made;
    return age >> 31 ? (int64_t)age - ((int64_t)1 << 32) : age;
}

/* Write the hash of a server cookie: over the client's cookie, its own head and the address. */
static void write_hash(const struct cookies *cookies, const uint8_t *client, const uint8_t *head, const uint8_t *address,
                       size_t address_size, uint8_t out[HASH])
{
    uint8_t hashed[COOKIES_CLIENT + HEAD + 16];
    memcpy(hashed, client, COOKIES_CLIENT);
    memcpy(hashed + COOKIES_CLIENT, head, HEAD);
    memcpy(hashed + COOKIES_CLIENT + HEAD, address, address_size);
    uint64_t hash = siphash_2_4(cookies->secret, hashed, COOKIES_CLIENT + HEAD + address_size);
    for (int i = 0; i < HASH; i++)
        out[i] = (uint8_t)(hash >> 8 * i);
}

/* Whether two hashes are the same; how long that takes says nothing of where they differ. */
static bool equal(const uint8_t one[HASH], const uint8_t other[HASH])
{
    unsigned differs = 0;
    for (int i = 0; i < HASH; i++)
        differs |= (unsigned)(one[i] ^ other[i]);
    return differs == 0;
}

bool cookies_answer(const struct cookies *cookies, const uint8_t *data, size_t size, const uint8_t *address,
                    size_t address_size, double now, uint8_t out[COOKIES_OPTION])
{
    if ((size != COOKIES_CLIENT && (size < LEAST || size > MOST)) || address_size > 16)
        return false;
    uint8_t *client = out + 4, *server = client + COOKIES_CLIENT;
    uint32_t time = time_of(cookies, now);
    memcpy(out, (const uint8_t[]){0, CODE, 0, COOKIES_OPTION - 4}, 4);
    memcpy(client, data, COOKIES_CLIENT);
    if (size == COOKIES_CLIENT + COOKIES_SERVER && data[COOKIES_CLIENT] == VERSION) {
        const uint8_t *sent = data + COOKIES_CLIENT;
        int64_t age = age_s(sent, time);
        memcpy(server, sent, HEAD);
        write_hash(cookies, client, sent, address, address_size, server + HEAD);
        if (age >= -NEWEST_S && age <= RENEWED_S && equal(server + HEAD, sent + HEAD))
            return true;
    }
    const uint8_t head[HEAD] = {VERSION, 0, 0, 0, (uint8_t)(time >> 24), (uint8_t)(time >> 16), (uint8_t)(time >> 8),
                                (uint8_t)time};
    memcpy(server, head, HEAD);
    write_hash(cookies, client, head, address, address_size, server + HEAD);
    return true;
}
