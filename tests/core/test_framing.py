"""Messages on streams."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.framing import Framer, frame

FIRST, SECOND = b"first message", b"x" * 300
STREAM = frame(FIRST) + frame(SECOND)


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_messages_are_the_same_wherever_the_stream_is_cut(cut: int) -> None:
    framer = Framer()
    assert framer.feed(STREAM[:cut]) + framer.feed(STREAM[cut:]) == [FIRST, SECOND]
    assert not framer.waits


@given(st.lists(st.binary(max_size=70)), st.data())
def test_any_messages_come_out_as_they_went_in_however_they_were_cut(
    messages: list[bytes], data: st.DataObject
) -> None:
    stream, framer, found = b"".join(map(frame, messages)), Framer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += framer.feed(stream[:size])
        stream = stream[size:]
    assert found == messages


def test_an_unfinished_message_waits() -> None:
    framer = Framer()
    assert framer.feed(b"\0\5ab") == []
    assert framer.waits


def test_the_longest_message_passes() -> None:
    assert Framer().feed(frame(bytes(65535))) == [bytes(65535)]


def test_bytes_that_come_one_by_one_make_the_same_messages() -> None:
    framer, found = Framer(), []
    for at in range(len(STREAM)):
        found += framer.feed(STREAM[at : at + 1])
        assert framer.waits == (STREAM[: at + 1] not in {frame(FIRST), STREAM})
    assert found == [FIRST, SECOND]


def test_empty_messages_are_messages() -> None:
    assert Framer().feed(frame(b"") * 3 + frame(b"a")) == [b"", b"", b"", b"a"]


def test_a_framer_holds_no_more_than_one_unfinished_message() -> None:
    framer = Framer()
    stream = (frame(bytes(4000)) * 200)[:-1]
    tracemalloc.start()
    try:
        for at in range(0, len(stream), 1000):
            framer.feed(stream[at : at + 1000])
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert framer.waits
    assert kept < 70_000


@pytest.mark.parametrize("size", [0, 11, 41, 65535])
def test_a_message_of_a_size_that_is_not_allowed_breaks_the_stream(size: int) -> None:
    framer = Framer(shortest=12, longest=40)
    good = frame(bytes(12)) + frame(bytes(40))
    assert framer.feed(good + size.to_bytes(2, "big") + good) == [bytes(12), bytes(40)]
    assert framer.broken
    assert framer.feed(good) == []
    assert not framer.waits
