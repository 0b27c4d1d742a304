"""Unpacking gzip: any cut, any damage, and no more out than bounds allow; and over HTTP."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
import zlib
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.core.errors import FetchError
from resolver.edge.fetch import Fetched, fetch
from resolver.edge.fetch_request import FetchRequest
from resolver.edge.gzipped import MAX_MEMBERS, PIECE, Gunzip, GzipFault
from tests.webservers import Handler, web

LIST = b"".join([b"name-%d.example\n" % number for number in range(2000)])
PACKED = gzip.compress(LIST)


def unpacked(*pieces: bytes) -> bytes:
    gunzip = Gunzip()
    found = b"".join([out for piece in pieces for out in gunzip.feed(piece)])
    gunzip.finish()
    return found


@given(st.lists(st.integers(0, len(PACKED)), max_size=6).map(sorted))
def test_the_content_is_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *cuts, len(PACKED)]
    assert unpacked(*[PACKED[a:b] for a, b in pairwise(edges)]) == LIST


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(0, 9))
def test_joined_gzip_files_and_zeros_behind_them_are_one_content(parts: list[bytes], zeros: int) -> None:
    whole = b"".join(map(gzip.compress, parts)) + bytes(zeros)
    assert unpacked(whole) == unpacked(*[bytes([byte]) for byte in whole]) == b"".join(parts)


@pytest.mark.parametrize("length", [0, 1, 10, len(PACKED) // 2, len(PACKED) - 8, len(PACKED) - 1])
def test_gzip_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(GzipFault, match="cut short"):
        unpacked(PACKED[:length])


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_damage_never_goes_unnoticed_or_leaves_by_another_error(at: int, change: int) -> None:
    damaged = bytearray(PACKED)
    damaged[at] ^= change
    try:
        assert unpacked(bytes(damaged)) == LIST  # the time and the system in the head do not matter
    except GzipFault:
        pass
    else:
        assert 3 < at < 10 or (at, change) == (3, 1)  # nor does the word that it is text


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(GzipFault):
        unpacked(data)


def test_what_follows_the_end_and_is_no_gzip_is_refused() -> None:
    with pytest.raises(GzipFault, match="broken gzip"):
        unpacked(PACKED + b"and more")
    with pytest.raises(GzipFault, match="cut short"):
        unpacked(PACKED + PACKED[:20])


def test_too_many_joined_files_are_refused() -> None:
    one = gzip.compress(b"a")
    assert unpacked(one * MAX_MEMBERS) == b"a" * MAX_MEMBERS
    with pytest.raises(GzipFault, match="too many"):
        unpacked(one * (MAX_MEMBERS + 1))


def test_content_comes_in_pieces_of_bounded_size() -> None:
    assert max(map(len, Gunzip().feed(gzip.compress(bytes(5 * PIECE), 0)))) <= PIECE


def bomb(mebibytes: int) -> bytes:
    """Return that much of one byte, packed."""
    packer = zlib.compressobj(9, wbits=31)
    block = b"a" * (1 << 20)
    return b"".join([packer.compress(block) for _ in range(mebibytes)]) + packer.flush()


def test_a_bomb_is_refused_before_it_unpacks() -> None:
    packed = bomb(256)
    tracemalloc.start()
    try:
        with pytest.raises(GzipFault, match="more than 200 times"):
            unpacked(packed)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 128 << 20


def loopback(host: str) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_packed_list_is_unpacked_on_its_way_to_disk(tmp_path: Path, encoding: str) -> None:
    with web(lambda handler: handler.answer(PACKED, Content_Encoding=encoding)) as server:
        found = fetch(FetchRequest(server.url(), tmp_path), loopback)
    assert isinstance(found, Fetched)
    assert found.path.read_bytes() == LIST
    assert (found.size, found.sha256) == (len(LIST), hashlib.sha256(LIST).hexdigest())


def test_a_packed_list_needs_no_length_since_its_end_is_known(tmp_path: Path) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    with web(lambda handler: handler.raw(head + PACKED)) as server:
        assert isinstance(fetch(FetchRequest(server.url(), tmp_path), loopback), Fetched)
        server.script = lambda handler: handler.raw(head + PACKED[:-4])
        with pytest.raises(FetchError, match="gzip cut short"):
            fetch(FetchRequest(server.url(), tmp_path / "more"), loopback)


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(LIST * 100, 1), "gzip", "larger than 1 MiB"),
        (PACKED[:-1], "gzip", "gzip cut short"),
        (LIST, "gzip", "broken gzip"),
        (LIST, "br", "packed as 'br', which we did not ask for"),
        (PACKED, "gzip, gzip", "packed as 'gzip, gzip'"),
    ],
    ids=["large", "cut", "plain", "brotli", "twice"],
)
def test_packed_content_that_is_not_a_list_of_bounded_size_is_refused(
    tmp_path: Path, body: bytes, encoding: str, said: str
) -> None:
    def script(handler: Handler) -> None:
        handler.answer(body, Content_Encoding=encoding)

    with web(script) as server, pytest.raises(FetchError) as caught:
        fetch(FetchRequest(server.url(), tmp_path / "fetched", max_bytes=1 << 20), loopback)
    assert said in caught.value.reason
    assert list((tmp_path / "fetched").glob("*")) == []


def test_a_bomb_is_refused_though_it_would_unpack_to_what_is_allowed(tmp_path: Path) -> None:
    with (
        web(lambda handler: handler.answer(bomb(64), Content_Encoding="gzip")) as server,
        pytest.raises(FetchError, match="unpacks to more than 200 times its size"),
    ):
        fetch(FetchRequest(server.url(), tmp_path), loopback)
    assert list(tmp_path.iterdir()) == []
