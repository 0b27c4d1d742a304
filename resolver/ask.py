"""`nxwhy query`: ask a server, and say what it answered in words."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

import dnslib

from resolver.config.quantities import Endpoint, endpoint
from resolver.core import names, questions
from resolver.core import wire as w
from resolver.core.errors import NameFault, UpstreamError, WireError
from resolver.core.framing import Framer, frame
from resolver.core.wire import Answer, parse_answer, read_name

TRIES = 3
"""How often a question is sent over UDP."""
ERRORS = {
    0: "Other Error",
    1: "Unsupported DNSKEY Algorithm",
    2: "Unsupported DS Digest Type",
    3: "Stale Answer",
    4: "Forged Answer",
    5: "DNSSEC Indeterminate",
    6: "DNSSEC Bogus",
    7: "Signature Expired",
    8: "Signature Not Yet Valid",
    9: "DNSKEY Missing",
    10: "RRSIGs Missing",
    11: "No Zone Key Bit Set",
    12: "NSEC Missing",
    13: "Cached Error",
    14: "Not Ready",
    15: "Blocked",
    16: "Censored",
    17: "Filtered",
    18: "Prohibited",
    19: "Stale NXDOMAIN Answer",
    20: "Not Authoritative",
    21: "Not Supported",
    22: "No Reachable Authority",
    23: "Network Error",
    24: "Invalid Data",
    25: "Signature Expired before Valid",
    26: "Too Early",
    27: "Unsupported NSEC3 Iterations Value",
    28: "Unable to conform to policy",
    29: "Synthesized",
    30: "Invalid Query Type",
}
"""Extended DNS errors as IANA registers them."""
RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    7: "YXRRSET",
    8: "NXRRSET",
    9: "NOTAUTH",
    10: "NOTZONE",
    16: "BADVERS",
    23: "BADCOOKIE",
}
_NEWER = {"SVCB": w.SVCB, "RESINFO": w.RESINFO}
"""Types that dnslib does not know."""
_KINDS = {number: name for name, number in _NEWER.items()}
BLOCKS = {
    4: "the server gives an address of its own in place of the real one",
    15: "the server blocks this name by its own policy",
    16: "the server blocks this name because somebody else requires it",
    17: "the server blocks this name because its client asked for that",
}
"""What the extended errors of blocked answers mean (RFC 8914, sections 4.5 and 4.16 to 4.18)."""
_FLAGS = ((0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0020, "ad"), (0x0010, "cd"))


def query(
    name: str,
    qtype: str,
    server: str,
    *,
    tcp: bool,
    timeout_s: float,
    dnssec: bool = False,
    structured: bool = False,
) -> str:
    """Ask a server for a name and return its answer for people; with `dnssec` its signatures too.

    With `structured` the server is asked for structured errors.

    Raises NameFault for what is no name, type or server, and UpstreamError when no answer comes.
    """
    try:
        at = endpoint(server, default_port=53)
    except ValueError as exc:
        raise NameFault(str(exc)) from None
    question = names.from_text(name) + type_number(qtype).to_bytes(2, "big") + b"\0\1"
    started = time.monotonic()
    wire = ask(at, question, tcp=tcp, timeout_s=timeout_s, dnssec=dnssec, structured=structured)
    try:
        shown = render(wire, question)
    except WireError as exc:
        raise UpstreamError(f"{at}: an answer that is no DNS message: {exc}") from exc
    return f"{shown}\n; {at}, {(time.monotonic() - started) * 1000:.0f} ms, {len(wire)} bytes"


def type_number(text: str) -> int:
    """Return the number of a type by its name or as TYPE123 (RFC 3597). Raises NameFault."""
    upper = text.upper()
    digits = upper.removeprefix("TYPE")
    if digits != upper and digits.isdecimal() and len(digits) <= 5 and int(digits) < 65536:
        return int(digits)
    found = {**_NEWER, **dnslib.QTYPE.reverse}.get(upper)
    if found is None:
        raise NameFault(f"{text!r} is no type; write one as AAAA, HTTPS or TYPE65")
    return int(found)


def ask(
    at: Endpoint,
    question: bytes,
    *,
    tcp: bool,
    timeout_s: float,
    dnssec: bool = False,
    structured: bool = False,
) -> bytes:
    """Return the answer to a question (name, type, class), over TCP where it does not fit.

    It carries the ID and the question of ours; more of it is not checked. Raises UpstreamError.
    """
    deadline = time.monotonic() + timeout_s
    options = questions.SIGNAL if structured else b""
    message = os.urandom(2) + questions.upstream_query(question, do=dnssec, ad=True, options=options)
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    try:
        if not tcp:
            wire = _ask_udp(family, at, message, question, deadline)
            if not wire[2] & 0x02:
                return wire
            tcp = True
        return _ask_tcp(family, at, message, question, deadline)
    except TimeoutError:
        raise UpstreamError(f"{at} did not answer within {timeout_s:g} s") from None
    except ConnectionRefusedError:
        raise UpstreamError(f"{at}: nothing listens there over {'TCP' if tcp else 'UDP'}") from None
    except OSError as exc:
        raise UpstreamError(f"{at}: {exc.strerror or exc}") from exc


def _ask_udp(family: int, at: Endpoint, message: bytes, question: bytes, deadline: float) -> bytes:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(at)
        for left in range(TRIES, 0, -1):
            sock.send(message)
            patience = time.monotonic() + (deadline - time.monotonic()) / left
            with contextlib.suppress(TimeoutError):
                while True:
                    sock.settimeout(max(patience - time.monotonic(), 0.001))
                    wire = sock.recv(65535)
                    if _is_answer(wire, message, question):
                        return wire
                    if time.monotonic() >= patience:
                        break
    raise TimeoutError


def _ask_tcp(family: int, at: Endpoint, message: bytes, question: bytes, deadline: float) -> bytes:
    framer = Framer()
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        sock.connect(at)
        sock.sendall(frame(message))
        while time.monotonic() < deadline:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            data = sock.recv(65536)
            if not data:
                raise ConnectionError("it closed the connection without an answer")
            for wire in framer.feed(data):
                if _is_answer(wire, message, question):
                    return wire
    raise TimeoutError


def _is_answer(wire: bytes, message: bytes, question: bytes) -> bool:
    try:
        return wire[:2] == message[:2] and _parse(wire, question) is not None
    except WireError:
        return False


def _parse(wire: bytes, question: bytes) -> Answer | None:
    """Read an answer; a bare error without a question is one too."""
    if len(wire) == w.HEADER_SIZE and wire[2] & 0x80 and wire[4:] == bytes(8):
        return Answer(wire[3] & 15, False, False, None, b"", (0, 0, 0), (), 0, None, ())
    return parse_answer(wire, question)


def render(wire: bytes, question: bytes) -> str:
    """Return an answer as text: what it is, why, and its records. Raises WireError."""
    answer = _parse(wire, question)
    if answer is None:
        raise WireError("not an answer to this question")
    flags = int.from_bytes(wire[2:4], "big")
    if answer.rcode & 0xF != flags & 0xF:
        return f"an answer of more than {w.MAX_RECORDS} records, which counts as a failure of its server"
    rcode = RCODES.get(answer.rcode, f"RCODE{answer.rcode}")
    lines = [f"{rcode}  flags: {' '.join([text for bit, text in _FLAGS if flags & bit]) or 'none'}"]
    options = answer.edns.options if answer.edns else ()
    reasons = [
        (int.from_bytes(data[:2], "big"), _printable(data[2:].decode(errors="replace").rstrip("\0")))
        for code, data in options
        if code == w.EDE and len(data) >= 2
    ]
    for number, text in reasons:
        title = ERRORS.get(number, f"Extended error {number}")
        facts = _structured(text)
        lines.append(f"{title}: {text}" if text and not facts else title)
        lines += [f"  {key:<11} {value}" for key, value in facts]
    lines += [f"; {BLOCKS[number]}" for number in dict(reasons) if number in BLOCKS]
    return "\n".join([*lines, *_records(wire, answer, 12 + len(question))])


def _structured(text: str) -> list[tuple[str, str]]:
    """Return what a structured error says, for people; nothing for a text that is none."""
    try:
        found = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    given = {key: found.get(key) for key in _NAMES}
    if isinstance(given["s"], int):
        given["s"] = f"{SUB_ERRORS.get(given['s'], 'unknown')} ({given['s']})"
    if isinstance(given["c"], list):
        given["c"] = ", ".join(map(str, given["c"]))
    return [(_NAMES[key], _printable(str(value))) for key, value in given.items() if value]


_NAMES = {"j": "why", "s": "kind", "o": "who", "c": "ask", "l": "language"}
SUB_ERRORS = {
    1: "malware",
    2: "phishing",
    3: "spam",
    4: "spyware",
    5: "network operator policy",
    6: "DNS operator policy",
}
"""What draft-ietf-dnsop-structured-dns-error-22 registers (section 11.4)."""


def _records(wire: bytes, answer: Answer, at: int) -> Iterator[str]:
    """Yield the records of an answer that was read, in zone form."""
    for _ in range(sum(answer.counts)):
        owner, at = read_name(wire, at)
        rtype, ttl = int.from_bytes(wire[at : at + 2], "big"), int.from_bytes(wire[at + 4 : at + 8], "big")
        data = at + 10
        at = data + int.from_bytes(wire[at + 8 : at + 10], "big")
        kind = _KINDS.get(rtype) or dnslib.QTYPE.forward.get(rtype, f"TYPE{rtype}")
        yield f"{names.to_text(owner)}\t{ttl}\t{kind}\t{_rdata(wire, rtype, data, at)}"


def _rdata(wire: bytes, rtype: int, at: int, end: int) -> str:
    """Return RDATA in presentation form; what we do not know or cannot read, in that of RFC 3597."""
    show = _SHOW.get(rtype)
    if show is not None:
        data = _Data(wire, at, end)
        try:
            text = " ".join(show(data))
        except WireError:
            pass
        else:
            if data.left == 0:
                return text
    return f"\\# {end - at} {wire[at:end].hex()}".rstrip()


class _Data:
    """RDATA, read field by field from the left. Each method raises WireError where a field is cut short."""

    def __init__(self, wire: bytes, at: int, end: int) -> None:
        self._wire, self._at, self._end = wire, at, end

    @property
    def left(self) -> int:
        """How many bytes were not read yet."""
        return self._end - self._at

    def take(self, size: int) -> bytes:
        at, self._at = self._at, self._at + size
        if self._at > self._end:
            raise WireError("RDATA cut short")
        return self._wire[at : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def name(self) -> str:
        found, self._at = read_name(self._wire, self._at)
        if self._at > self._end:
            raise WireError("RDATA cut short")
        return names.to_text(found)

    def string(self) -> bytes:
        return self.take(self.number(1))


def _numbers(data: _Data, *sizes: int) -> list[str]:
    return [str(data.number(size)) for size in sizes]


def _each(data: _Data, read: Callable[[], str]) -> Iterator[str]:
    """Yield what is read until nothing is left; one at least."""
    yield read()
    while data.left:
        yield read()


def _caa(data: _Data) -> list[str]:
    flags, tag = data.number(1), data.string()
    return [str(flags), _plain(tag), _quoted(data.take(data.left))]


def _svcb(data: _Data) -> Iterator[str]:
    """Yield priority, target and parameters of an SVCB or HTTPS record (RFC 9460, section 2.1)."""
    yield str(data.number(2))
    yield data.name()
    while data.left:
        key, size = data.number(2), data.number(2)
        value = _Data(data.take(size), 0, size)
        yield _parameter(key, value)
        if value.left:
            raise WireError("a parameter of a wrong length")


def _parameter(key: int, value: _Data) -> str:
    many: dict[int, Callable[[], str]] = {
        0: lambda: _key(value.number(2)),
        1: lambda: _plain(value.string()),
        4: lambda: str(IPv4Address(value.take(4))),
        6: lambda: str(IPv6Address(value.take(16))),
    }
    if key in many:
        return f"{_key(key)}={','.join(_each(value, many[key]))}"
    if key == 3:
        return f"{_key(key)}={value.number(2)}"
    raw = value.take(value.left)
    if key == 5:
        return f"{_key(key)}={base64.b64encode(raw).decode()}"
    return f"{_key(key)}={_quoted(raw)}" if raw else _key(key)


def _key(number: int) -> str:
    return _PARAMETERS[number] if number < len(_PARAMETERS) else f"key{number}"


def _plain(raw: bytes) -> str:
    """Return a word of letters, digits and what stands in protocol names. Raises WireError."""
    if not raw.translate(None, b"-./").isalnum():
        raise WireError("a word of odd bytes")
    return raw.decode("ascii")


_PARAMETERS = ("mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath")
_SRV, _CAA = 33, 257
_SHOW: dict[int, Callable[[_Data], Iterable[str]]] = {
    w.A: lambda data: [str(IPv4Address(data.take(4)))],
    w.AAAA: lambda data: [str(IPv6Address(data.take(16)))],
    w.MX: lambda data: [*_numbers(data, 2), data.name()],
    w.SOA: lambda data: [data.name(), data.name(), *_numbers(data, 4, 4, 4, 4, 4)],
    w.TXT: lambda data: _each(data, lambda: _quoted(data.string())),
    w.HINFO: lambda data: [_quoted(data.string()), _quoted(data.string())],
    w.DS: lambda data: [*_numbers(data, 2, 1, 1), data.take(max(data.left, 1)).hex()],
    w.SVCB: _svcb,
    w.HTTPS: _svcb,
    w.RESINFO: lambda data: _each(data, lambda: _quoted(data.string())),
    **dict.fromkeys((w.NS, w.CNAME, w.PTR, w.DNAME), lambda data: [data.name()]),
    _SRV: lambda data: [*_numbers(data, 2, 2, 2), data.name()],
    _CAA: _caa,
}


def _quoted(raw: bytes) -> str:
    """Return a string as in zone files (RFC 1035, section 5.1)."""
    return '"' + "".join([_QUOTED[byte] for byte in raw]) + '"'


_QUOTED = [chr(byte) if 0x20 <= byte <= 0x7E else f"\\{byte:03d}" for byte in range(256)]
_QUOTED[ord('"')], _QUOTED[ord("\\")] = '\\"', "\\\\"


def _printable(text: str) -> str:
    """Return text that can do nothing to a terminal."""
    return "".join([char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text])
