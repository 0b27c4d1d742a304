"""`nxwhy query`: a client that trusts nobody, and shows what came."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import ask
from resolver.config.quantities import Endpoint
from resolver.core.errors import NameFault, UpstreamError, WireError
from resolver.core.framing import frame
from resolver.core.replies import extended_error
from resolver.core.wire import MAX_RECORDS
from resolver.presentation import type_number
from tests.hostile import pointing
from tests.messages import WIRE_NAMES, answer, opt, query, record
from tests.steps import grows_as_its_input

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
        forged = answer(QUESTION, [record(POINTER, 1, 60, b"\xc0\0\2\x42")])
        other = bytes([asked[0] ^ 1, asked[1]]) + forged[2:]
        question = answer(query("other.example")[12:], ident=int.from_bytes(asked[:2], "big"))
        return [b"", b"x", other, question, asked, bytes(600), right(asked)]

    with server(script) as at:
        assert ask.ask(at, QUESTION, tcp=False, timeout_s=5)[2:] == right(b"\0\0")[2:]


def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    def cut(asked: bytes) -> list[bytes]:
        return [answer(QUESTION, flags=0x8380, ident=int.from_bytes(asked[:2], "big"))]

    with server(cut, lambda asked: [b"", right(asked)]) as at:
        assert ask.ask(at, QUESTION, tcp=False, timeout_s=5)[2:] == right(b"\0\0")[2:]


def asked_with(over_tcp: bool, dnssec: bool) -> bytes:
    heard: list[bytes] = []

    def script(asked: bytes) -> list[bytes]:
        heard.append(asked)
        return [right(asked)]

    with server(script, script) as at:
        ask.ask(at, QUESTION, tcp=over_tcp, timeout_s=5, dnssec=dnssec)
    return heard[0]


@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize("dnssec", [False, True])
def test_a_question_has_edns_and_asks_for_recursion_and_the_ad_bit(over_tcp: bool, dnssec: bool) -> None:
    message = dns.message.from_wire(asked_with(over_tcp, dnssec))
    assert message.question[0].to_text() == "www.example. IN A"
    assert message.flags == dns.flags.RD | dns.flags.AD
    assert (message.edns, message.payload, bool(message.ednsflags & dns.flags.DO)) == (0, 1232, dnssec)


def test_a_question_is_sent_again_where_nothing_comes_back() -> None:
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(5)

        def answer_the_last() -> None:
            for _ in range(ask.TRIES):
                wire, peer = silent.recvfrom(4096)
                heard.append(wire)
            silent.sendto(right(wire), peer)

        thread = threading.Thread(target=answer_the_last, daemon=True)
        thread.start()
        ask.ask(Endpoint(*silent.getsockname()), QUESTION, tcp=False, timeout_s=1.8)
        thread.join(5)
    assert len(heard) == ask.TRIES
    assert len(set(heard)) == 1


def test_a_server_that_never_stops_talking_is_not_listened_to_for_longer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                while True:
                    connection.sendall(frame(b"no answer") * 400_000)  # so that there is always more to read

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        with pytest.raises(UpstreamError, match="did not answer"):
            ask.ask(Endpoint(*listening.getsockname()), QUESTION, tcp=True, timeout_s=0.2)
        thread.join(5)
        assert not thread.is_alive()


def test_a_truncated_answer_with_nothing_behind_it_over_tcp_says_so() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))

        def cut() -> None:
            wire, peer = datagrams.recvfrom(4096)
            datagrams.sendto(answer(QUESTION, flags=0x8380, ident=int.from_bytes(wire[:2], "big")), peer)

        thread = threading.Thread(target=cut, daemon=True)
        thread.start()
        with pytest.raises(UpstreamError, match="nothing listens there over TCP"):
            ask.ask(Endpoint(*datagrams.getsockname()), QUESTION, tcp=False, timeout_s=5)
        thread.join(5)


def test_an_answer_with_hostile_bytes_behind_a_right_head_is_an_error_that_says_so() -> None:
    def script(asked: bytes) -> list[bytes]:
        loop = struct.pack(">6H", int.from_bytes(asked[:2], "big"), 0x8180, 1, 1, 0, 0) + QUESTION
        return [loop + b"\xc0" + bytes([len(loop)]) + bytes(10)]

    with server(script) as at, pytest.raises(UpstreamError, match=r"did not answer within 0\.2 s"):
        ask.query("www.example", "A", str(at), tcp=False, timeout_s=0.2)


def test_a_question_is_answered_from_text_to_text() -> None:
    with server(lambda asked: [right(asked)]) as at:
        shown = ask.query("WWW.example.", "a", str(at), tcp=False, timeout_s=5).splitlines()
    assert shown[:2] == ["NOERROR  flags: rd ra", "www.example\t60\tA\t192.0.2.1"]
    assert shown[2].startswith(f"; {at}, ")


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
        "; the server blocks this name by its own policy",
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
        (16, b'\2hi\4\x1b"a\\', 'TXT\t"hi" "\\027\\"a\\\\"'),
        (16, "\N{PARTY POPPER}".encode().join([b"\4", b""]), 'TXT\t"\\240\\159\\142\\137"'),
        (16, b"\xffcut short", "TXT\t\\# 10 ff6375742073686f7274"),
        (16, b"", "TXT\t\\# 0"),
        (12, b"", "PTR\t\\# 0"),
        (12, POINTER + b"x", "PTR\t\\# 3 c00c78"),
        (2, b"\0", "NS\t."),
        (33, b"\0\1\0\2\0\x35" + POINTER, "SRV\t1 2 53 www.example"),
        (43, b"\0\7\x0d\2\xab\xcd", "DS\t7 13 2 abcd"),
        (43, b"\0\7\x0d\2", "DS\t\\# 4 00070d02"),
        (257, b"\0\5issueca.example", 'CAA\t0 issue "ca.example"'),
        (65, b"\0\1\0", "HTTPS\t1 ."),
        (65, b"\0\0\4pool\7example\0", "HTTPS\t0 pool.example"),
        (
            64,
            b"\0\1\0\0\1\0\6\2h3\2h2\0\3\0\2\x20\xfb\0\4\0\4\xc0\0\2\1\2\x9b\0\1x",
            'SVCB\t1 . alpn=h3,h2 port=8443 ipv4hint=192.0.2.1 key667="x"',
        ),
        (65, b"\0\1\0\0\4\0\3abc", "HTTPS\t\\# 10 00010000040003616263"),
        (65, b"\0\1\0\0\4\0\0", "HTTPS\t\\# 7 00010000040000"),
        (261, b"\x0dexterr=15-17 \x08qnamemin", 'RESINFO\t"exterr=15-17 " "qnamemin"'),
        (64000, b"", "TYPE64000\t\\# 0"),
        (64000, b"ab", "TYPE64000\t\\# 2 6162"),
    ],
)
def test_records_are_shown_in_zone_form(rtype: int, data: bytes, shown: str) -> None:
    lines = ask.render(answer(QUESTION, [record(POINTER, rtype, 60, data)]), QUESTION).split("\n")
    assert lines[1] == f"www.example\t60\t{shown}"


@pytest.mark.parametrize("code", range(32))
def test_extended_errors_are_told_in_words_and_those_of_blocked_answers_say_so(code: int) -> None:
    options = extended_error(code, "Why: \x1b[31m\u202e") + extended_error(code)
    shown = ask.render(answer(QUESTION, [], [SOA], [opt(options=options)]), QUESTION).splitlines()
    title = ask.ERRORS[code] if code < 31 else "Extended error 31"
    if code < 31:  # the second opinion
        assert title.lower().replace(" ", "_").startswith(dns.edns.EDECode(code).name.lower())
    assert shown[1:3] == [f"{title}: Why: \N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}", title]
    said = [line for line in shown if line.startswith(";")]
    assert said == ([f"; {ask.BLOCKS[code]}"] if code in {4, 15, 16, 17} else [])


DATA = st.one_of(
    st.binary(max_size=60),
    st.lists(st.binary(max_size=20).map(lambda text: bytes([len(text)]) + text)).map(b"".join),
    st.builds(
        lambda size, name, more: bytes(size) + name + more,
        st.integers(0, 6),
        WIRE_NAMES,
        st.binary(max_size=30),
    ),
    st.lists(
        st.tuples(st.integers(0, 9), st.binary(max_size=20)), max_size=4, unique_by=lambda found: found[0]
    ).map(
        lambda found: (
            b"\0\1\0"
            + b"".join([struct.pack(">HH", key, len(value)) + value for key, value in sorted(found)])
        )
    ),
)
TYPES = [1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 39, 43, 64, 65, 99, 257, 261, 65280]


@given(st.sampled_from(TYPES), DATA)
def test_what_is_shown_of_a_record_means_the_same_in_a_zone_file(rtype: int, data: bytes) -> None:
    try:
        shown = ask.render(answer(QUESTION, [record(POINTER, rtype, 60, data)]), QUESTION)
        dns.rdata.from_wire("IN", dns.rdatatype.RdataType.make(rtype), data, 0, len(data))
    except (WireError, dns.exception.DNSException):
        return  # no sound record of this type
    _, ttl, kind, text = shown.splitlines()[1].split("\t")
    assert (ttl, type_number(kind)) == ("60", rtype)
    read = dns.rdata.from_text("IN", kind, text, origin=dns.name.root, relativize=False)
    made = read.to_wire(origin=dns.name.root)
    assert made is not None
    assert made.lower() == data.lower()


def test_a_message_full_of_records_and_pointers_is_shown_in_steps_for_each_record() -> None:
    def show(records: int) -> None:
        assert len(ask.render(pointing(records), QUESTION).splitlines()) == records + 1

    grows_as_its_input(show, 64, MAX_RECORDS)


def test_an_answer_of_more_records_than_we_read_says_so_and_is_not_shown_as_an_error_of_the_server() -> None:
    wire = answer(QUESTION, [record(POINTER, 2, 60, POINTER)] * (MAX_RECORDS + 1))
    shown = ask.render(wire, QUESTION)
    assert shown == "an answer of more than 1024 records, which counts as a failure of its server"


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
    ("text", "number"),
    [("a", 1), ("AAAA", 28), ("https", 65), ("SVCB", 64), ("resinfo", 261), ("TYPE99", 99)],
)
def test_types_are_known_by_name_and_number(text: str, number: int) -> None:
    assert type_number(text) == number


@pytest.mark.parametrize("text", ["", "NOPE", "TYPE", "TYPE65536", "TYPE-1", "TYPE" + "9" * 5000, "1"])
def test_what_is_no_type_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NameFault, match="is no type"):
        type_number(text)


@pytest.mark.parametrize("at", ["nope", "127.0.0.1:99999", "[::1"])
def test_what_is_no_server_is_said_to_be_none(at: str) -> None:
    with pytest.raises(NameFault):
        ask.query("a.example", "A", at, tcp=False, timeout_s=1)


def test_a_bare_error_is_shown() -> None:
    assert ask.render(b"\x12\x34\x80\x84" + bytes(8), QUESTION) == "NOTIMP  flags: ra"
    assert ask.render(answer(QUESTION, [], [], [opt(version=0)], flags=0x8187), QUESTION).startswith(
        "YXRRSET "
    )
    badvers = answer(QUESTION, [], [], [b"\0\0\x29\x04\xd0\1\0\0\0\0\0"])
    assert ask.render(badvers, QUESTION).startswith("BADVERS ")
    assert ask.render(answer(QUESTION, flags=0x818F), QUESTION).startswith("RCODE15 ")


def reasoned(text: str, code: int = 15) -> list[str]:
    """Return the lines that are shown of an extended error."""
    wire = answer(QUESTION, [], [], [opt(options=extended_error(code, text))], flags=0x8183)
    return ask.render(wire, QUESTION).splitlines()[1:]


def test_a_structured_error_is_shown_field_by_field() -> None:
    text = '{"c":["mailto:it@corp.example","tel:110"],"j":"Chat: No chat","s":5,"o":"School","l":"en","x":1}'
    assert reasoned(text) == [
        "Blocked",
        "  why         Chat: No chat",
        "  kind        network operator policy (5)",
        "  who         School",
        "  ask         mailto:it@corp.example, tel:110",
        "  language    en",
        "; the server blocks this name by its own policy",
    ]
    assert reasoned('{"s":99}')[:2] == ["Blocked", "  kind        unknown (99)"]


@pytest.mark.parametrize("text", ["{", "{}", '{"x":1}', "[1]", "{" * 5000, '{"s":' + "9" * 5000 + "}", "{}x"])
def test_a_text_that_is_no_structured_error_is_shown_as_it_is(text: str) -> None:
    assert reasoned(text)[0] == f"Blocked: {text}"


def test_what_a_structured_error_escapes_does_nothing_to_a_terminal() -> None:
    assert reasoned('{"j":"\\u001b[31m\\u202ered","c":"\\u0007","s":"1"}')[1:4] == [
        "  why         \ufffd[31m\ufffdred",
        "  kind        1",
        "  ask         \ufffd",
    ]


def test_structured_errors_are_asked_for_by_both_signals() -> None:
    seen: list[bytes] = []

    def script(asked: bytes) -> list[bytes]:
        seen.append(asked)
        return [right(asked)]

    with server(script) as at:
        ask.ask(at, QUESTION, tcp=False, timeout_s=5, structured=True, dnssec=True)
    message = dns.message.from_wire(seen[0])
    assert [(int(option.otype), option.to_wire()) for option in message.options] == [
        (65015, b""),
        (15, b"\0\0"),
    ]
    assert message.ednsflags & dns.flags.DO
