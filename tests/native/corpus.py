"""Messages for the differential tests: valid, mutated and random ones."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

from tests.messages import opt, query, record

NAMES = [
    *("policy.example", "www.policy.example", "WWW.Legal.EXAMPLE", "security.example", "requested.example"),
    *("allowed.policy.example", "a.allowed.policy.example", "only.example", "x.only.example"),
    *("below.example", "x.below.example", "null.example", "data.example", "drop.example", "tcp.example"),
    *("mail.example", "shadow.example", "free.example", "known.example", "alias.example", "gone.example"),
    *("failed.example", "long.example", "stale.example", "none", "."),
    ".".join(["a" * 63] * 3) + ".policy.example",
    ".".join(["b"] * 100) + ".policy.example",
]
ABOUT_US = [
    "dns.example",
    "_dns.dns.example",
    "Resolver.arpa",
    "_dns.resolver.arpa",
    "Version.BIND",
    "id.server",
]
TYPES = [*[1] * 8, *[28] * 4, *[16] * 3, 15, 65, 2, 6, 255, 41, 0, 128, 251, 252, 4711, 65535, 64, 261]
OPTS = [
    *[b""] * 20,
    *[opt()] * 16,
    *[opt(do=True)] * 12,
    opt(payload=0),
    opt(payload=600),
    opt(payload=65535, do=True),
    opt(version=1),
    opt(options=b"\0\x0a\0\x08abcdefgh"),
    opt(options=b"\0\x0f\0\x00"),
    opt(options=b"\0\x0f\0\2\0\0"),
    opt(options=b"\0\x0f\0\2\0\x0f", payload=600),
    opt(options=b"\xfd\xf7\0\0"),
    opt(options=b"\xfd\xf7\0\0", payload=512, do=True),
    opt(options=b"\0\3\0\0"),
    opt(options=b"\0\3\0\0\0\x0a\0\x08abcdefgh", do=True),
    opt(payload=512, options=b"\0\3\0\2ab\x12\x34\0\0"),
]
FLAGS = [*[0x0100] * 8, 0x0000, 0x0110, 0x0120, 0x0130, 0x07FF, 0x8100, 0x0900, 0x2100]


def valid(rng: random.Random) -> bytes:
    """Return a query that somebody may send."""
    wire = query(
        rng.choice(NAMES if rng.random() < 0.95 else ABOUT_US),
        rng.choice(TYPES),
        qclass=rng.choice([*[1] * 8, 3, 255]),
        flags=rng.choice(FLAGS),
        opt=rng.choice(OPTS),
        ident=rng.randrange(65536),
    )
    return bytes(
        [(byte ^ 0x20 if 65 <= byte & ~0x20 <= 90 and rng.random() < 0.2 else byte) for byte in wire]
    )


def mutated(rng: random.Random) -> bytes:
    """Return a query of which something is not as it was."""
    wire = bytearray(valid(rng))
    for _ in range(rng.randint(1, 3)):
        what = rng.randrange(5)
        at = rng.randrange(len(wire)) if wire else 0
        if what == 0 and wire:
            wire[at] = rng.randrange(256)
        elif what == 1:
            del wire[at:]
        elif what == 2:
            wire[at:at] = rng.randbytes(rng.randint(1, 12))
        elif what == 3 and wire:
            wire[at] ^= 1 << rng.randrange(8)
        else:
            wire += rng.choice([b"\0", opt(), record(b"\0", 1, 0, b"abcd"), rng.randbytes(11)])
    return bytes(wire)


def messages(seed: int, count: int) -> Iterator[bytes]:
    """Yield messages, always the same ones for a seed."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 10 == 9:
            yield rng.randbytes(rng.randrange(0, 80))
        else:
            yield mutated(rng) if number % 2 else valid(rng)


def packed(seed: int, count: int) -> bytes:
    """Return messages, each behind its length in two bytes, as driver.c reads them."""
    return b"".join([len(wire).to_bytes(2, "big") + wire for wire in messages(seed, count)])


if __name__ == "__main__":
    sys.stdout.buffer.write(packed(1, int(sys.argv[1])))
