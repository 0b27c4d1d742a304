"""The native steps as the builder takes them: both engines write the same files, and no array is overrun."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resolver.config import Config
from resolver.config.model import Engine
from resolver.core.lists.formats import FORMATS
from resolver.core.steps import MAX_PROBE, PYTHON, Steps
from resolver.edge.builder import LISTS, SECRET, TABLE, Order, build_file
from resolver.edge.intake import Source
from resolver.edge.lists import CHILD, build_apart
from resolver.engines import NativeParts, make_parts, make_steps
from resolver.observe.counters import Counters
from resolver.shipped import shipped_folder
from tests.twins import needs_native

if TYPE_CHECKING:
    from resolver.native.building import Api

pytestmark = needs_native
LINES = [
    *("plain.example", "0.0.0.0 hosts.example", "::1\thosts.test", "*.wild.example", "||adblock.example^"),
    *("@@||allowed.adblock.example^", "||important.example^$important", "local=/dnsmasq.example/"),
    *('local-zone: "unbound.example" always_nxdomain', "zone.example CNAME .", "*.zone.example CNAME ."),
    *("# a comment", "not a name", "xn--nxasmq6b.example", "UPPER.example", "sub.plain.example", ""),
]


@pytest.fixture
def api() -> Api:
    from resolver.native import _native  # noqa: PLC0415

    return _native


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Source, ...]:
    """A list of each format, each with names of its own and with names of all."""
    found = []
    for number, format in enumerate(sorted({*FORMATS} - {"annotated"})):
        path = tmp_path / f"{format}.txt"
        more = [f"n{place * 7 % 1000}.l{number}.example" for place in range(2000)]
        path.write_text("\n".join([*LINES, *more]) + "\n")
        found.append(Source(format, path, format))
    found.append(Source("shipped", shipped_folder() / "wechat.yaml", "annotated"))
    return tuple(found)


def table_of(sources: tuple[Source, ...], state: Path, steps: Steps) -> bytes:
    build_file(Order(sources), state, steps)
    return (state / TABLE).read_bytes()


def test_the_same_file_comes_of_both_engines(sources: tuple[Source, ...], tmp_path: Path) -> None:
    python, native = tmp_path / "python", tmp_path / "native"
    expected = table_of(sources, python, PYTHON)
    (native / LISTS).mkdir(parents=True)
    (native / LISTS / SECRET).write_bytes((python / LISTS / SECRET).read_bytes())
    (native / LISTS / SECRET).chmod(0o600)
    assert table_of(sources, native, make_steps(Engine.NATIVE)) == expected


def test_what_one_engine_parsed_the_other_takes(sources: tuple[Source, ...], tmp_path: Path) -> None:
    state = tmp_path / "state"
    before = table_of(sources, state, make_steps(Engine.NATIVE))
    (state / TABLE).unlink()
    assert table_of(sources, state, PYTHON) == before  # of forms that were made natively


async def test_the_child_of_the_native_engine_builds_the_same(
    sources: tuple[Source, ...], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    await build_apart(Order(sources), state, NativeParts.builder)
    before = (state / TABLE).read_bytes()
    (state / TABLE).unlink()
    for form in (state / LISTS).glob("*.form"):
        form.unlink()
    await build_apart(Order(sources), state, CHILD)
    assert (state / TABLE).read_bytes() == before


def test_the_engine_that_runs_builds() -> None:
    assert make_parts(Config(engine=Engine.PYTHON), Counters()).builder == CHILD
    assert make_parts(Config(), Counters()).builder == NativeParts.builder
    assert make_steps(Engine.PYTHON) is PYTHON
    assert make_steps(Engine.AUTO) is not PYTHON


def zeros(kind: str, count: int) -> array[int]:
    return array(kind, bytes(count * array(kind).itemsize))


def rooms(*counts: int) -> Any:
    return tuple([zeros(kind, count) for kind, count in zip("IIQQ", counts, strict=True)])


SLOTS = 64 + MAX_PROBE


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.lines_scan(4, b"a.b\n", 1, bytearray(4), zeros("I", 1), zeros("I", 5)),
        lambda c: c.lines_scan(-1, b"a.b\n", 1, bytearray(4), zeros("I", 1), zeros("I", 5)),
        lambda c: c.lines_scan(0, b"a.b\n", 1, bytearray(3), zeros("I", 1), zeros("I", 5)),
        lambda c: c.lines_scan(0, b"a.b\n\n", 1, bytearray(5), zeros("I", 1), zeros("I", 10)),
        lambda c: c.lines_scan(0, b"a.b\n\n", 1, bytearray(5), zeros("I", 2), zeros("I", 9)),
        lambda c: c.lines_scan(0, b"a.b\n", 1, bytearray(4), memoryview(bytearray(9))[1:], zeros("I", 5)),
        lambda c: c.build_keys(b"a\n", 7, 3, zeros("Q", 1), bytearray(255)),
        lambda c: c.build_keys(b"a\n", 7, 3, bytearray(9), bytearray(256)),
        lambda c: c.build_words(zeros("Q", 2), zeros("H", 1), 0, zeros("Q", 2), zeros("Q", 2)),
        lambda c: c.build_words(zeros("Q", 2), zeros("H", 2), 0, zeros("Q", 1), zeros("Q", 2)),
        lambda c: c.build_words(zeros("Q", 2), zeros("H", 2), 0, zeros("Q", 2), zeros("Q", 1)),
        lambda c: c.build_fill([], 2, zeros("Q", SLOTS - 1), 6, rooms(2, 2, 2, 2)),
        lambda c: c.build_fill([], 2, zeros("Q", SLOTS), 63, rooms(2, 2, 2, 2)),
        lambda c: c.build_fill([], 2, zeros("Q", SLOTS), 6, rooms(2, 1, 2, 2)),
        lambda c: c.build_fill([], 2, zeros("Q", SLOTS), 6, rooms(2, 2, 1, 2)),
        lambda c: c.build_fill([], 2, zeros("Q", SLOTS), 6, rooms(2, 2, 2, 1)),
        lambda c: c.inheritance(7, 3, zeros("Q", SLOTS - 1), 6, 1),
        lambda c: c.inheritance(7, 3, zeros("Q", SLOTS), 6, -1),
    ],
)
def test_arrays_that_are_too_small_or_of_something_else_are_refused(
    api: Api, call: Callable[[Api], object]
) -> None:
    with pytest.raises(ValueError, match="does not fit together"):
        call(api)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.lines_scan(0, b"a.b\n", 1, bytes(4), zeros("I", 1), zeros("I", 5)),
        lambda c: c.build_fill(5, 2, zeros("Q", SLOTS), 6, rooms(2, 2, 2, 2)),
        lambda c: c.build_fill([[0, b""]], 2, zeros("Q", SLOTS), 6, rooms(2, 2, 2, 2)),
        lambda c: c.build_fill([(0, b""), (1, "")], 2, zeros("Q", SLOTS), 6, rooms(2, 2, 2, 2)),
        lambda c: c.build_fill([(0, b""), (1,)], 2, zeros("Q", SLOTS), 6, rooms(2, 2, 2, 2)),
        lambda c: c.Inheritance(),
    ],
)
def test_what_is_no_array_is_refused(api: Api, call: Callable[[Api], object]) -> None:
    with pytest.raises((TypeError, BufferError)):
        call(api)


def test_a_run_of_words_that_are_none_is_empty(api: Api) -> None:
    slots = zeros("Q", SLOTS)
    assert api.build_fill([(0, b"12345")], 2, slots, 6, rooms(2, 2, 2, 2)) == (2, 0, 0)
    assert not any(slots)


def test_arrays_are_given_back_whatever_comes_of_them(api: Api) -> None:
    names, lines, odd = bytearray(4), zeros("I", 1), zeros("I", 5)
    api.lines_scan(0, b"a.b\n", 1, names, lines, odd)
    with pytest.raises(ValueError, match="fit together"):
        api.lines_scan(9, b"a.b\n", 1, names, lines, odd)
    words, slots = zeros("Q", 1), zeros("Q", SLOTS)
    with pytest.raises((TypeError, BufferError)):
        api.build_fill([(0, words), (1, "")], 2, slots, 6, rooms(2, 2, 2, 2))
    for each in (names, lines, odd, words, slots):
        each.append(0)  # what is still in use cannot grow


def test_slots_are_held_as_long_as_names_inherit(api: Api) -> None:
    slots = zeros("Q", SLOTS)
    heirs = api.inheritance(7, 3, slots, 6, 1)
    with pytest.raises(BufferError):
        slots.append(0)
    del heirs
    slots.append(0)
