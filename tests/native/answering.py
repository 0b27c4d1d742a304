"""Answers of upstream servers for the differential tests: valid, mutated and random ones."""

from __future__ import annotations

import random
import struct
import sys

from tests.messages import opt, query, record

ASKED = [query("www.example")[12:], query("a.b.c.example", 28)[12:], query("www.example", 65)[12:]]
OWNERS = [
    b"\xc0\x0c",
    b"\0",
    b"\3cdn\xc0\x10",
    b"\7example\0",
    b"\xc0\x10",
    b"\1c\7example\0",
    b"\3WWW\7Example\0",
]
TARGETS = [
    *OWNERS,
    b"\3cdn\4test\0",
    b"\xc0\x2b",
    b"\xc0\x40",
    b"\x3f" + b"x" * 63 + b"\xc0\x0c",
    b"\1c\xc0\x0e",
]
LONG = (b"\x3f" + b"y" * 63) * 3 + b"\0"
TTLS = [*[30, 300] * 8, 0, 1, 2, 30, 60, 300, 3600, 86400, 90000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
OPTIONS = [
    *[b""] * 6,
    *[b"\0\x0f\0\2\0\3", b"\0\x0f\0\6\0\x16why?", b"\0\x0a\0\x08abcdefgh\0\x0f\0\2\0\4", b"\0\x0f\0\2\0"],
    *[b"\0\x0f\1\xf8" + bytes(504), b"\0\x0f\2\0" + bytes(512), b"\0\x0c\0\0" * 64, b"\0\x0c\0\0" * 65],
]


def _target(rng: random.Random) -> bytes:
    choice = rng.random()
    if choice < 0.03:
        return LONG
    return rng.choice(
        TARGETS if choice < 0.2 else [b"\xc0\x0c", b"\xc0\x10", b"\3cdn\4test\0", b"\3cdn\xc0\x10"]
    )


def _soa(rng: random.Random) -> bytes:
    return _target(rng) + _target(rng) + struct.pack(">5I", 1, 2, 3, 4, rng.choice(TTLS))


def _record(rng: random.Random, kinds: list[int]) -> bytes:
    kind = rng.choice(kinds)
    if kind in (5, 39):
        data = _target(rng)
    elif kind in (64, 65):
        data = b"\0\1" + _target(rng) + rng.choice([b"", b"\0\3\0\2\0\x35"])
    elif kind == 6:
        data = _soa(rng)
    elif kind == 28:
        data = rng.randbytes(16)
    else:
        data = rng.randbytes(rng.choice([4, 4, 4, 0, 30]))
    return record(_target(rng) if rng.random() < 0.2 else b"\xc0\x0c", kind, rng.choice(TTLS), data)


def valid(rng: random.Random, question: bytes) -> bytes:
    """Return an answer that a server may send; most of what it says is odd."""
    answers = [_record(rng, [1, 1, 28, 5, 5, 39, 64, 65]) for _ in range(rng.choice([0, 1, 1, 2, 3, 8]))]
    authority = [_record(rng, [6, 6, 2, 43]) for _ in range(rng.choice([0, 0, 1, 2]))]
    more = [_record(rng, [1, 28, 5]) for _ in range(rng.choice([0, 0, 0, 2]))]
    if rng.random() < 0.7:
        version = rng.choice([0, 0, 0, 0, 1])
        made = opt(do=rng.random() < 0.5, version=version, options=rng.choice(OPTIONS))
        if rng.random() < 0.05:
            made = made[:5] + b"\1" + made[6:]  # bits of the RCODE
        more.insert(rng.choice([len(more), 0]), made)
    flags = rng.choice(
        [*[0x8180] * 6, 0x8580, 0x81A0, 0x8183, 0x8183, 0x8182, 0x8186, 0x8100, 0x8380, 0x8185]
    )
    counts = struct.pack(">6H", 0x1234, flags, 1, len(answers), len(authority), len(more))
    return counts + question + b"".join([*answers, *authority, *more])


def mutated(rng: random.Random, wire: bytes) -> bytes:
    """Return a message with a few bytes changed, cut or added."""
    changed = bytearray(wire)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed)) if changed else 0
        what = rng.randrange(5)
        if what == 0 and changed:
            changed[at] = rng.choice([0, 1, 0xC0, 0x3F, 41, 5, 255, rng.randrange(256)])
        elif what == 1:
            del changed[at:]
        elif what == 2:
            changed[at:at] = rng.randbytes(rng.randint(1, 4))
        elif what == 3:
            del changed[at : at + rng.randint(1, 4)]
        elif changed:
            changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


def example(rng: random.Random) -> tuple[bytes, bytes]:
    """Return an answer and the question that was asked."""
    question = rng.choice(ASKED)
    wire = valid(rng, question)
    choice = rng.random()
    if choice < 0.4:
        return wire, question
    if choice < 0.95:
        return mutated(rng, wire), question
    bare = b"\x12\x34\x81" + bytes([0x80 | rng.randrange(16)]) + bytes(8)
    return rng.choice([bare, rng.randbytes(rng.randrange(80)), bare + question]), question


def packed(seed: int, count: int) -> bytes:
    """Return answers to the first question, each behind its length, as records_driver.c reads them."""
    rng = random.Random(seed)
    wires = [
        mutated(rng, valid(rng, ASKED[0])) if rng.random() < 0.5 else valid(rng, ASKED[0])
        for _ in range(count)
    ]
    return b"".join([len(wire).to_bytes(2, "big") + wire for wire in wires])


if __name__ == "__main__":
    sys.stdout.buffer.write(packed(1, int(sys.argv[1])))
