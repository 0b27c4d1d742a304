"""Messages on streams."""

from __future__ import annotations

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
