"""The native table finds what core/table.py finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.keys import Secret
from resolver.core.lists.rules import collect
from resolver.core.names import from_text
from resolver.core.table import EMPTY, Table
from resolver.core.table import build as build_table
from tests.core.test_table import LISTS, NAME
from tests.tables import build
from tests.twins import needs_native

pytestmark = needs_native
SEED = bytes(16)
WIRE_NAMES = st.lists(st.binary(min_size=1, max_size=63).map(bytes.lower), max_size=10).map(
    lambda labels: b"".join([bytes([len(label)]) + label for label in labels]) + b"\0"
)


def found(table: Table, name: bytes) -> int:
    from resolver.native.answering import snapshot_of  # noqa: PLC0415  # may not be built

    return snapshot_of(table, SEED).find(name)


@given(LISTS, st.lists(NAME, min_size=1, max_size=5))
def test_it_finds_the_same_sets(lists: list[list], names: list[bytes]) -> None:  # type: ignore[type-arg]
    table = build(lists)
    for name in names:
        assert found(table, name) == table.find(name)


@given(LISTS, WIRE_NAMES.filter(lambda name: len(name) <= 255))
def test_names_of_any_bytes_are_found_the_same(lists: list[list], name: bytes) -> None:  # type: ignore[type-arg]
    table = build(lists)
    assert found(table, name) == table.find(name)


@pytest.mark.parametrize("secret", [Secret(1_000_003, 4711), Secret((1 << 59) - 55, 12345678901)])
@given(lists=LISTS, name=NAME)
def test_the_prime_may_be_far_from_the_largest(secret: Secret, lists: list[list], name: bytes) -> None:  # type: ignore[type-arg]
    table = build_table([collect(rules) for rules in lists], secret)
    assert found(table, name) == table.find(name)


def test_an_empty_table_holds_nothing() -> None:
    assert found(EMPTY, from_text("www.example")) == 0
    assert found(EMPTY, b"\0") == 0


def test_a_slot_that_leads_nowhere_is_no_answer() -> None:
    from tests.core.test_engine import ADS  # noqa: PLC0415

    table = ADS.table
    broken = Table(memoryview(bytes([0xFF]) * 8 * len(table.slots)).cast("Q"), table.secret, table.made)
    assert found(broken, from_text("www.ads.example")) in {0, 0xFFFFFFFF}


@pytest.mark.parametrize("size", [0, 1, 256, 300])
def test_slots_of_an_impossible_number_are_refused(size: int) -> None:
    from resolver.native import _native  # noqa: PLC0415

    with pytest.raises(ValueError, match="no table"):
        _native.Snapshot(bytes(8 * size), 97, 5, bytes(16), bytes(16), b"", 1, SEED)


@pytest.mark.parametrize(
    "name", [b"", b"\3ads", b"\3ads\0\0", b"\4ads\0", b"\x40" + bytes(65), b"\1a" * 127 + b"\1a\0"]
)
def test_what_is_no_name_is_not_looked_up(name: bytes) -> None:
    with pytest.raises(ValueError, match="not a name"):
        found(EMPTY, name)
