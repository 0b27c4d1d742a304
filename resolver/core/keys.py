"""Keys of names: numbers that stand for them in a table.

The key of a name is its canonical text, read as one little-endian number, times a factor, modulo a prime. The
text of a parent is the end of its child's, so the number of a parent is that of the child without its lowest
bytes, and one pass over a name yields the keys of all its parents. Prime and factor are drawn by lot and kept
secret: who does not know them cannot choose names whose keys collide (Rabin's fingerprints, spread by the
factor, since a short name is a number below the prime).
"""

from __future__ import annotations

import random
from typing import NamedTuple

KEY_BITS = 60
"""Keys are below `1 << KEY_BITS`."""

_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
"""Enough for every number below 3.3e24 (Sorenson and Webster, 2015)."""


class Secret(NamedTuple):
    """What makes keys those of one table."""

    prime: int
    factor: int


def draw_secret(rng: random.Random) -> Secret:
    """Return a new secret; `rng` should be the system's source."""
    prime = _draw_prime(rng)
    return Secret(prime, rng.randrange(1 << KEY_BITS - 2, prime))


def _draw_prime(rng: random.Random) -> int:
    """Return a prime close below `1 << KEY_BITS`, so that keys spread over nearly all numbers below that."""
    while True:
        candidate = ((1 << KEY_BITS) - rng.getrandbits(KEY_BITS - 6)) | 1
        if is_prime(candidate):
            return candidate


def is_prime(number: int) -> bool:
    """Say whether an odd number over 37 and below 3.3e24 is a prime (Miller and Rabin's test)."""
    exponent = number - 1
    twos = (exponent & -exponent).bit_length() - 1
    odd = exponent >> twos
    for witness in _WITNESSES:
        power = pow(witness, odd, number)
        if power in (1, exponent):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == exponent:
                break
        else:
            return False
    return True
