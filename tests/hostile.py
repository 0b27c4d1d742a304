"""Messages of up to 64 KiB that are made to cost much; for the tests and for the benchmark."""

from __future__ import annotations

import struct

from tests.messages import answer, opt, query, record

QUESTION = query()[12:]
LONGEST = b"\1a" * 127 + b"\0"
SELF = b"\xc0\x0c"


def chain(aliases: int, padding: int = 0) -> bytes:
    """Return an answer whose aliases point each to the target before, so that names grow by pointers."""
    records, at = [], 12 + len(QUESTION)
    target = 12
    for _ in range(aliases):
        label = bytes([padding]) + b"x" * padding if padding else b""
        records.append(record(SELF, 5, 1, label + struct.pack(">H", 0xC000 | target)))
        target = at + 12
        at += len(records[-1])
    return answer(QUESTION, records)


def labels(size: int) -> bytes:
    """Return a query with a name of one-byte labels that never ends."""
    return query()[:12] + b"\1a" * (size // 2 - 6)


def bare_records(size: int) -> bytes:
    """Return an answer with records of 11 bytes."""
    return answer(QUESTION, [record(b"\0", 16, 1, b"")] * (size // 11 - 3))


def bare_options(size: int) -> bytes:
    """Return a query with options of 4 bytes."""
    return query(opt=opt(options=b"\xff\xf0\0\0" * (size // 4 - 11)))


def long_owners(size: int) -> bytes:
    """Return an answer with records that have owners of 127 labels."""
    return answer(QUESTION, [record(LONGEST, 16, 1, b"")] * (size // 265 - 1))


def long_aliases(size: int) -> bytes:
    """Return an answer with as many aliases of 127 labels as are read, and long owners up to the size."""
    count = min(64, size // 530)
    aliases = [record(SELF, 5, 1, LONGEST)] * count
    return answer(QUESTION, aliases + [record(LONGEST, 16, 1, b"")] * ((size - count * 267) // 265 - 1))


def long_soa(size: int) -> bytes:
    """Return an answer with SOA records that have names of 127 labels."""
    data = LONGEST * 2 + bytes(20)
    return answer(QUESTION, authority=[record(SELF, 6, 1, data)] * (size // (len(data) + 12) - 1))


def pointing(records: int) -> bytes:
    """Return an answer with a text of pointers and names that are pointers: so many records."""
    pointers = b"".join([b"\1a" + struct.pack(">H", 0xC000 | 12 + 4 * place) for place in range(14)])
    return answer(QUESTION, [record(SELF, 16, 60, pointers), *[record(SELF, 2, 60, SELF)] * (records - 1)])


GROWING = (labels, bare_records, bare_options, long_owners, long_aliases, long_soa)
"""Each makes a message of about so many bytes."""

HOSTILE = {
    "labels of one byte": labels(65535),
    "a question and zeros": query() + bytes(65000),
    "records without anything": bare_records(1024 * 11),
    "more records than anybody reads": bare_records(65535),
    "options without data": bare_options(65535),
    "owners of one label": answer(QUESTION, [record(b"\1a\0", 16, 1, b"")] * 1024),
    "owners of 127 labels": long_owners(65535),
    "aliases of 127 labels": long_aliases(65535),
    "SOA names of 127 labels": long_soa(65535),
    "aliases by pointers": answer(QUESTION, [record(SELF, 5, 1, SELF)] * 1000),
    "aliases by pointers to a long name": answer(
        QUESTION, [record(SELF, 16, 1, LONGEST), *[record(SELF, 5, 1, b"\xc0\x29")] * 64]
    ),
    "a chain of pointers": chain(1000),
    "a chain of labels and pointers": chain(1000, 10),
}
