/* DNS cookies (RFC 7873, RFC 9018): Cookies.answer of core/cookies.py. Nothing is kept of a client. */
#ifndef COOKIES_H
#define COOKIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COOKIES_SECRET = 16,                    /* bytes of the key that server cookies are made with */
    COOKIES_CLIENT = 8, COOKIES_SERVER = 16,
    COOKIES_OPTION = 4 + COOKIES_CLIENT + COOKIES_SERVER,
};

struct cookies {
    uint64_t secret[2];
    double epoch_s;                         /* makes Unix time of the monotonic clock */
};

struct cookies cookies_under(const uint8_t secret[COOKIES_SECRET], double epoch_s);

/* Write the packed option to answer the data of one with. `address` is the client's, 4 or 16 bytes in network order;
 * `now` monotonic seconds. False: data of a wrong length, which is a format error (RFC 7873, section 5.2.2). */
bool cookies_answer(const struct cookies *cookies, const uint8_t *data, size_t size, const uint8_t *address,
                    size_t address_size, double now, uint8_t out[COOKIES_OPTION]);

#endif
