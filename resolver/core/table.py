"""All names of all lists in one immutable file that is mapped, not loaded: its layout, and looking.

    header      104 bytes, in a page of its own
    slots       8 bytes each: the low 44 bits of a key, and 20 bits for the number of a pair, from 1; 0: empty
    meaning     JSON: pairs, sets, counts, and what the builder wants to know again

A name's place is the high bits of its key; where that is taken the next free slot to the right, at most
MAX_PROBE away. A pair is two set numbers, what holds for the name and what holds below it, so a lookup that
goes from the longest parent to the shortest is over at its first hit.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from resolver.core.compiler import MIN_SLOT_BITS, Compiled, Count, Part, compile_slots
from resolver.core.errors import TableFault
from resolver.core.keys import KEY_BITS, Secret
from resolver.core.lists.rules import Resolution, Rules
from resolver.core.steps import MAX_PAIRS, MAX_PROBE, NO_SET, PAIR_BITS, PYTHON, TAG_MASK, Steps
from resolver.core.stored import says_from_json, says_to_json

Bytes = bytes | memoryview

MAGIC = b"nxwhytbl"
VERSION = 1
SLOTS_AT = 4096
"""Where the slots begin: on a page of their own."""
MAX_KNOWN = 16384
"""Most names whose set is remembered beside the table: most queries are for few names."""

_UNLISTED = bytes([0x2F if byte in (0, 0x2E) else byte for byte in range(256)])
"""A dot within a label, or a byte 0, would let the text of a name pass for that of another one."""
_HEADER = struct.Struct("<8sIIQQIIQQ16s16s16s")
_ORDER = 0x01020304
_HASHED = _HEADER.size - 16
"""The header's own checksum stands last."""


NO_EXTRA: Mapping[str, Any] = MappingProxyType({})


class Table:
    """A table that is open for reading. `made` says what its slots mean; `extra` is the builder's."""

    __slots__ = ("_known", "_pairs", "_shift", "counts", "extra", "made", "secret", "sets", "slots")

    def __init__(
        self,
        slots: memoryview,
        secret: Secret,
        made: Compiled,
        extra: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.slots, self.secret, self.made, self.extra = slots, secret, made, extra
        self.sets, self.counts = made.sets, made.counts
        self._pairs = made.pairs
        self._shift = KEY_BITS - (len(slots) - MAX_PROBE).bit_length() + 1
        self._known: dict[bytes, int] = {}

    def find(self, name: bytes) -> int:
        """Return the number of the set that holds for a canonical name, NO_SET if no list has a say."""
        known = self._known.get(name)
        if known is not None:
            return known
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        number = self._known[name] = self._find(name)
        return number

    def _find(self, name: bytes) -> int:
        """Probe from the longest parent to the shortest; the first hit is the whole answer."""
        text = bytearray(name.translate(_UNLISTED))
        text[-1] = 0
        at, length = 0, name[0]
        places = []
        while length:
            text[at] = 0x2E
            at += 1
            places.append(at)
            at += length
            length = name[at]
        whole = int.from_bytes(text, "little")
        slots, shift, (prime, factor), depths = self.slots, self._shift, self.secret, self.made.depths
        depth = len(places)
        for place in places:
            if depths >> depth & 1:
                key = (whole >> 8 * place) * factor % prime
                slot = key >> shift
                tag = key & TAG_MASK
                while word := slots[slot]:
                    if word >> PAIR_BITS == tag:
                        return self._pairs[(word & MAX_PAIRS) - 1][place > 1]
                    slot += 1
            if place == 1:
                depths = self.made.depths_above
            depth -= 1
        return NO_SET


EMPTY = Table(
    memoryview(bytes(8 * (1 + MAX_PROBE))).cast("Q"), Secret(3, 1), Compiled(0, 0, 0, 0, (), ((),), ())
)


def build(
    lists: Sequence[Rules], secret: Secret, resolutions: Sequence[Resolution] = (), steps: Steps = PYTHON
) -> Table:
    """Compile the rules of all lists, known by their places, in memory. Raises TableFault."""
    slots = memoryview(b"")

    def allocate(number: int) -> memoryview:
        nonlocal slots
        slots = memoryview(bytearray(8 * number)).cast("Q")
        return slots

    ways = resolutions or [Resolution.STRONGEST] * len(lists)
    parts = [Part(rules, steps.words(rules, secret), way) for rules, way in zip(lists, ways, strict=True)]
    made = compile_slots(parts, secret, allocate, steps)
    return Table(slots, secret, made)


def meaning(made: Compiled, extra: Mapping[str, Any]) -> bytes:
    """Return the part of a table's file that stands behind the slots."""
    return json.dumps(
        {
            "depths": [str(made.depths), str(made.depths_above)],
            "names": made.names,
            "longest_probe": made.longest_probe,
            "pairs": made.pairs,
            "sets": [says_to_json(says) for says in made.sets],
            "counts": made.counts,
            "extra": extra,
        },
        separators=(",", ":"),
    ).encode()


def header(secret: Secret, slots: Bytes, said: bytes) -> bytes:
    """Return the header of a file with these slots and this meaning."""
    count = memoryview(slots).nbytes // 8
    head = _HEADER.pack(
        MAGIC,
        VERSION,
        _ORDER,
        *secret,
        KEY_BITS,
        PAIR_BITS,
        count,
        len(said),
        _checksum(slots),
        _checksum(said),
        bytes(16),
    )[:_HASHED]
    return head + _checksum(head)


def open_table(file: Bytes) -> Table:
    """Return the table in a file's bytes, which stay in use. Raises TableFault for whatever is not right."""
    view = memoryview(file)
    if len(view) < SLOTS_AT:
        raise TableFault("cut off")
    head = bytes(view[: _HEADER.size])
    magic, version, order, *secret, key_bits, pair_bits, count, size, slots_sum, said_sum, own = (
        _HEADER.unpack(head)
    )
    if magic != MAGIC or own != _checksum(head[:_HASHED]):
        raise TableFault("the header is damaged, or this is no table")
    if (version, order, key_bits, pair_bits) != (VERSION, _ORDER, KEY_BITS, PAIR_BITS):
        raise TableFault("of another version, or from another kind of machine")
    end = SLOTS_AT + 8 * count
    if len(view) != end + size:
        raise TableFault("cut off, or with something behind its end")
    said = bytes(view[end:])
    if _checksum(view[SLOTS_AT:end]) != slots_sum or _checksum(said) != said_sum:
        raise TableFault("damaged")
    if sys.byteorder != "little":
        raise TableFault("this machine is not little-endian")
    bits = (count - MAX_PROBE).bit_length() - 1
    if secret[0] == 0 or not MIN_SLOT_BITS <= bits <= KEY_BITS or count != (1 << bits) + MAX_PROBE:
        raise TableFault("of a wrong size")
    try:
        found = json.loads(said)
        return Table(view[SLOTS_AT:end].cast("Q"), Secret(*secret), _meaning(found), found["extra"])
    except (LookupError, TypeError, ValueError, RecursionError) as exc:
        raise TableFault("says what we cannot read") from exc


def _meaning(said: Any) -> Compiled:
    made = Compiled(
        depths=int(said["depths"][0]),
        depths_above=int(said["depths"][1]),
        names=said["names"],
        longest_probe=said["longest_probe"],
        pairs=tuple([(itself, below) for itself, below in said["pairs"]]),
        sets=tuple([says_from_json(says) for says in said["sets"]]),
        counts=tuple([Count(*count) for count in said["counts"]]),
    )
    if not all(0 <= number < len(made.sets) for pair in made.pairs for number in pair):
        raise ValueError("a pair of sets that are not there")
    return made


def _checksum(data: Bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
