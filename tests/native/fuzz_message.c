/* A target of libFuzzer: reading queries. What is read lies within the message and within the bounds of struct query. */
#include "message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct query *query, const uint8_t *wire, size_t size, bool stream)
{
    assert(query->wire == wire && query->end <= size && query->end == MESSAGE_HEADER + query->name_size + 4);
    assert(query->name_size <= MESSAGE_NAME_MAX && query->key_size <= MESSAGE_KEY_MAX);
    assert(query->key[query->name_size - 1] == 0 && query->key_size - query->name_size - 4 <= 1);
    assert(stream ? query->limit == MESSAGE_STREAM : query->limit >= MESSAGE_LEAST && query->limit <= MESSAGE_LARGEST);
    assert(query->edns == (wire[11] == 1) && (query->edns || (!query->dnssec_ok && query->cookie_sent == NULL)));
    assert(query->cookie_size == 0);
    for (size_t i = 0; i < query->name_size; i++)
        assert(query->key[i] < 'A' || query->key[i] > 'Z');
    if (query->cookie_sent != NULL) {
        size_t at = (size_t)(query->cookie_sent - wire);
        assert(at >= query->end + MESSAGE_OPT + 4 && at <= size && query->cookie_sent_size <= size - at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query query;
    uint8_t *wire = malloc(size ? size : 1); /* its own, so that a read beyond it is noticed */
    assert(wire != NULL);
    if (size)
        memcpy(wire, data, size);
    for (int stream = 0; stream < 2; stream++)
        if (message_parse(wire, size, stream, &query) == MESSAGE_QUERY)
            check(&query, wire, size, stream);
    free(wire);
    return 0;
}
