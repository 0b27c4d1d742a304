/* A target of libFuzzer: reading what upstream servers answer. */
#include "reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* most inputs would not answer the question: it is put in front of what follows the header */
    uint8_t wire[4096] = {0};
    if (size < 12 || size + sizeof question > sizeof wire)
        return 0;
    memcpy(wire, data, 12);
    memcpy(wire + 12, question, sizeof question - 1);
    memcpy(wire + 12 + sizeof question - 1, data + 12, size - 12);
    wire[2] = (uint8_t)(0x80 | (wire[2] & 7));
    wire[4] = 0;
    wire[5] = 1;
    read_one(wire, size + sizeof question - 1);
    read_one(data, size);
    return 0;
}
