"""The native steps of a build, compiled here and called through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import byref, c_int, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from tests.native.compiled import NATIVE

SOURCES = [
    NATIVE / f"{name}.c"
    for name in ("list_lines", "name_key", "pair_map", "table_build", "table_fill", "table_inherit")
]
DONE, ASK, CROWDED, TOO_MANY, NO_MEMORY, BAD_INPUT = range(6)
FAULTS = {
    CROWDED: "too many names crowd at one place",
    TOO_MANY: "the lists say too many different things",
}


class Secret(ctypes.Structure):
    """`struct build_secret`."""

    _fields_ = (("prime", c_uint64), ("factor", c_uint64))


class Found(ctypes.Structure):
    """`struct lines_found`."""

    _fields_ = (
        ("names", c_void_p),
        ("lines", c_void_p),
        ("odd", c_void_p),
        ("bytes", c_size_t),
        ("count", c_size_t),
        ("odd_count", c_size_t),
    )


class RunOfWords(ctypes.Structure):
    """`struct build_run`."""

    _fields_ = (("words", c_void_p), ("count", c_size_t), ("first", c_uint32))


class Filled(ctypes.Structure):
    """`struct build_filled`."""

    _fields_ = (
        *((name, c_void_p) for name in ("parents", "rules", "used", "repeats")),
        ("room", c_size_t),
        ("combinations", c_size_t),
        ("names", c_uint64),
        ("longest_probe", c_uint64),
    )


class Question(ctypes.Structure):
    """`struct build_question`."""

    _fields_ = (("inherited", c_uint32), ("combination", c_uint32))


class Covered(ctypes.Structure):
    """`struct build_covered`."""

    _fields_ = (("inherited", c_uint32), ("rule", c_uint32), ("times", c_uint64))


def checked(status: int) -> int:
    """Return a status, or raise what it stands for."""
    if status in FAULTS:
        raise OverflowError(FAULTS[status])
    if status == NO_MEMORY:
        raise MemoryError
    if status == BAD_INPUT:
        raise ValueError("does not fit together")
    return status


def pointer(buffer: Any) -> Any:
    """Return where a buffer is. ctypes wants to write wherever it looks, so bytes go another way."""
    if isinstance(buffer, bytes):
        return ctypes.cast(ctypes.c_char_p(buffer), c_void_p)
    size = memoryview(buffer).nbytes
    return ctypes.cast((c_uint8 * size).from_buffer(buffer), c_void_p) if size else c_void_p()


class Library:
    """What `native_steps` needs, of a shared object."""

    def __init__(self, path: Path) -> None:
        self.c = ctypes.CDLL(str(path))
        self.c.build_inheritance_new.restype = c_void_p
        self.c.build_covered_count.restype = c_size_t
        self.c.build_covered_at.restype = Covered

    def lines_scan(
        self, shape: int, data: bytes, first: int, names: Any, lines: Any, odd: Any
    ) -> tuple[int, int, int]:
        found = Found(pointer(names), pointer(lines), pointer(odd))
        self.c.lines_scan(c_int(shape), pointer(data), c_size_t(len(data)), c_uint32(first), byref(found))
        return found.bytes, found.count, found.odd_count

    def build_keys(self, names: Any, prime: int, factor: int, keys: Any, dots: Any) -> None:
        size, count = c_size_t(len(names)), c_size_t(len(keys))
        secret = Secret(prime, factor)
        checked(self.c.build_keys(pointer(names), size, secret, pointer(keys), count, pointer(dots)))

    def build_words(self, keys: Any, kinds: Any, first: int, words: Any, spare: Any) -> int:
        made = c_size_t()
        count = c_size_t(len(keys))
        given = pointer(keys), pointer(kinds), count, c_uint32(first), pointer(words), pointer(spare)
        checked(self.c.build_words(*given, byref(made)))
        return made.value

    def build_fill(
        self, runs: Sequence[tuple[int, Any]], rules: int, slots: Any, bits: int, filled: Sequence[Any]
    ) -> tuple[int, int, int]:
        each = [RunOfWords(pointer(words), len(words), first) for first, words in runs]
        given = (RunOfWords * len(runs))(*each)
        made = Filled(*map(pointer, filled), len(filled[0]))
        count = c_size_t(len(runs))
        checked(self.c.build_fill(given, count, c_uint32(rules), pointer(slots), c_int(bits), byref(made)))
        return made.combinations, made.names, made.longest_probe

    def inheritance(self, prime: int, factor: int, slots: Any, bits: int, combinations: int) -> Heirs:
        return Heirs(self.c, Secret(prime, factor), slots, bits, combinations)


class Heirs:
    """`struct build_inheritance`."""

    def __init__(self, c: Any, secret: Secret, slots: Any, bits: int, combinations: int) -> None:
        made = c.build_inheritance_new(secret, pointer(slots), c_int(bits), c_size_t(combinations))
        if not made:
            raise ValueError("does not fit together")
        self._c, self._made = c, c_void_p(made)

    def __del__(self) -> None:
        if hasattr(self, "_made"):
            self._c.build_inheritance_free(self._made)

    def inherit(self, names: Any, kinds: Any, first: int) -> tuple[int, int] | None:
        question = Question()
        columns = pointer(names), c_size_t(len(names)), pointer(kinds), c_size_t(len(kinds))
        status = self._c.build_inherit(self._made, *columns, c_uint32(first), byref(question))
        return (question.inherited, question.combination) if checked(status) == ASK else None

    def answer(self, origin: int, below: int) -> None:
        checked(self._c.build_answer(self._made, c_uint32(origin), c_uint32(below)))

    def covered(self) -> list[tuple[int, int, int]]:
        found = [
            self._c.build_covered_at(self._made, c_size_t(place))
            for place in range(self._c.build_covered_count(self._made))
        ]
        return [(one.inherited, one.rule, one.times) for one in found]
