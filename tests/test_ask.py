"""`nxwhy query`: a client that trusts nobody, and shows what came."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import ask
from resolver.config.quantities import Endpoint
from resolver.core.errors import NameFault, UpstreamError, WireError
from resolver.core.framing import frame
from resolver.core.replies import extended_error
from tests.messages import answer, opt, query, record

QUESTION = query()[12:]
POINTER = b"\xc0\x0c"
SOA = record(POINTER, 6, 30, POINTER + POINTER + struct.pack(">5I", 1, 2, 3, 4, 30))
Script = Callable[[bytes], Sequence[bytes]]


@contextmanager
def server(script: Script, over_tcp: Script = lambda asked: []) -> Iterator[Endpoint]:
    """Answer one message over UDP and one over TCP as told."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        at = Endpoint(*listening.getsockname())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(at)
            datagrams.settimeout(5)
            listening.settimeout(5)

            def serve_udp() -> None:
                wire, peer = datagrams.recvfrom(4096)
                for reply in script(wire):
                    datagrams.sendto(reply, peer)

            def serve_tcp() -> None:
                connection, _ = listening.accept()
                with connection:
                    wire = connection.recv(4096)
                    for reply in over_tcp(wire[2:]):
                        connection.sendall(frame(reply))

            threads = [threading.Thread(target=work, daemon=True) for work in (serve_udp, serve_tcp)]
            for thread in threads:
                thread.start()
            yield at
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):  # lets go of who still waits
                with socket.socket(socket.AF_INET, kind) as waker:
                    waker.connect(at)
                    waker.send(b"x")
            for thread in threads:
                thread.join(5)


def right(asked: bytes) -> bytes:
    return answer(QUESTION, [record(POINTER, 1, 60, b"\xc0\0\2\1")], ident=int.from_bytes(asked[:2], "big"))


def test_wrong_answers_are_passed_over_and_the_right_one_is_taken() -> None:
    def script(asked: bytes) -> list[bytes]:
        other = bytes([asked[0] ^ 1]) + right(asked)[1:]
        question = answer(query("other.example")[12:], ident=int.from_bytes(asked[:2], "big"))
        return [b"", b"x", other, question, asked, bytes(600), right(asked)]

    with server(script) as at:
        assert ask.ask(at, QUESTION, tcp=False, timeout_s=5)[2:] == right(b"\0\0")[2:]


def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    def cut(asked: bytes) -> list[bytes]:
        return [answer(QUESTION, flags=0x8380, ident=int.from_bytes(asked[:2], "big"))]

    with server(cut, lambda asked: [b"", right(asked)]) as at:
        assert ask.ask(at, QUESTION, tcp=False, timeout_s=5)[2:] == right(b"\0\0")[2:]


def test_silence_a_closed_port_and_a_closed_connection_are_told_apart() -> None:
    with server(lambda asked: []) as at, pytest.raises(UpstreamError, match=r"did not answer within 0\.2 s"):
        ask.ask(at, QUESTION, tcp=False, timeout_s=0.2)
    with server(lambda asked: []) as at, pytest.raises(UpstreamError, match="closed the connection"):
        ask.ask(at, QUESTION, tcp=True, timeout_s=5)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as gone:
        gone.bind(("127.0.0.1", 0))
        closed = Endpoint(*gone.getsockname())
    for tcp in (False, True):
        with pytest.raises(UpstreamError, match="nothing listens there"):
            ask.ask(closed, QUESTION, tcp=tcp, timeout_s=5)


def test_an_answer_is_shown_with_its_reason_and_records() -> None:
    wire = answer(QUESTION, [], [SOA], [opt(options=extended_error(15, "Chat: not here"))], flags=0x8583)
    assert ask.render(wire, QUESTION).splitlines() == [
        "NXDOMAIN  flags: aa rd ra",
        "Blocked: Chat: not here",
        "www.example\t30\tSOA\twww.example www.example 1 2 3 4 30",
    ]


@pytest.mark.parametrize(
    ("rtype", "data", "shown"),
    [
        (1, b"\xc0\0\2\1", "A\t192.0.2.1"),
        (1, b"abc", "A\t\\# 3 616263"),
        (28, bytes(15) + b"\1", "AAAA\t::1"),
        (5, b"\1a" + POINTER, "CNAME\ta.www.example"),
        (15, b"\0\x0a\2mx" + POINTER, "MX\t10 mx.www.example"),
        (16, b'\2hi\3\x1b"a', 'TXT\t"hi" "\N{REPLACEMENT CHARACTER}\\"a"'),
        (65, b"\0\1\0", "HTTPS\t\\# 3 000100"),
        (64, b"\0\1\0", "SVCB\t\\# 3 000100"),
        (64000, b"", "TYPE64000\t\\# 0 "),
    ],
)
def test_records_are_shown_in_zone_form(rtype: int, data: bytes, shown: str) -> None:
    lines = ask.render(answer(QUESTION, [record(POINTER, rtype, 60, data)]), QUESTION).split("\n")
    assert lines[1] == f"www.example\t60\t{shown}"


@given(st.binary(max_size=300), st.booleans(), st.integers(0, 3))
def test_whatever_comes_is_shown_or_is_a_wire_error_and_controls_no_terminal(
    data: bytes, framed: bool, records: int
) -> None:
    wire = answer(QUESTION)[:6] + records.to_bytes(2, "big") + bytes(4) + QUESTION + data if framed else data
    try:
        shown = ask.render(wire, QUESTION)
    except WireError:
        return
    assert all(char.isprintable() or char in "\n\t" for char in shown)


@given(st.sampled_from([1, 2, 5, 6, 12, 13, 15, 16, 28, 39, 64, 65]), st.binary(max_size=60))
def test_any_data_of_any_type_is_shown_or_is_a_wire_error(rtype: int, data: bytes) -> None:
    with contextlib.suppress(WireError):
        ask.render(answer(QUESTION, [record(POINTER, rtype, 60, data)]), QUESTION)


@pytest.mark.parametrize(
    ("text", "number"), [("a", 1), ("AAAA", 28), ("https", 65), ("SVCB", 64), ("TYPE99", 99)]
)
def test_types_are_known_by_name_and_number(text: str, number: int) -> None:
    assert ask.type_number(text) == number


@pytest.mark.parametrize("text", ["", "NOPE", "TYPE", "TYPE65536", "TYPE-1"])
def test_what_is_no_type_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NameFault, match="is no type"):
        ask.type_number(text)


@pytest.mark.parametrize("at", ["nope", "127.0.0.1:99999", "[::1"])
def test_what_is_no_server_is_said_to_be_none(at: str) -> None:
    with pytest.raises(NameFault):
        ask.query("a.example", "A", at, tcp=False, timeout_s=1)


def test_a_bare_error_is_shown() -> None:
    assert ask.render(b"\x12\x34\x80\x84" + bytes(8), QUESTION) == "NOTIMP  flags: ra"
