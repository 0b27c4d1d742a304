"""`nxwhy query`: ask a server, and say what it answered in words."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
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
RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_FLAGS = ((0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0020, "ad"), (0x0010, "cd"))
_ONE_NAME = {w.NS, w.CNAME, w.PTR, w.DNAME}


def query(name: str, qtype: str, server: str, *, tcp: bool, timeout_s: float) -> str:
    """Ask a server for a name and return its answer for people.

    Raises NameFault for what is no name, type or server, and UpstreamError when no answer comes.
    """
    try:
        at = endpoint(server, default_port=53)
    except ValueError as exc:
        raise NameFault(str(exc)) from None
    question = names.from_text(name) + type_number(qtype).to_bytes(2, "big") + b"\0\1"
    started = time.monotonic()
    wire = ask(at, question, tcp=tcp, timeout_s=timeout_s)
    try:
        shown = render(wire, question)
    except WireError as exc:
        raise UpstreamError(f"{at}: an answer that is no DNS message: {exc}") from exc
    return f"{shown}\n; {at}, {(time.monotonic() - started) * 1000:.0f} ms, {len(wire)} bytes"


def type_number(text: str) -> int:
    """Return the number of a type by its name or as TYPE123 (RFC 3597). Raises NameFault."""
    upper = text.upper()
    if upper.startswith("TYPE") and upper[4:].isdecimal() and int(upper[4:]) < 65536:
        return int(upper[4:])
    found = {"SVCB": w.SVCB, **dnslib.QTYPE.reverse}.get(upper)
    if found is None:
        raise NameFault(f"{text!r} is no type; write one as AAAA, HTTPS or TYPE65")
    return int(found)


def ask(at: Endpoint, question: bytes, *, tcp: bool, timeout_s: float) -> bytes:
    """Return the answer to a question (name, type, class), over TCP where it does not fit.

    Raises UpstreamError.
    """
    deadline = time.monotonic() + timeout_s
    message = os.urandom(2) + questions.upstream_query(question)
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    try:
        if not tcp:
            wire = _ask_udp(family, at, message, question, deadline)
            if not wire[2] & 0x02:
                return wire
        return _ask_tcp(family, at, message, question, deadline)
    except TimeoutError:
        raise UpstreamError(f"{at} did not answer within {timeout_s:g} s") from None
    except ConnectionRefusedError:
        raise UpstreamError(f"{at}: nothing listens there") from None
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
        while True:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            data = sock.recv(65536)
            if not data:
                raise ConnectionError("it closed the connection without an answer")
            for wire in framer.feed(data):
                if _is_answer(wire, message, question):
                    return wire


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
    rcode = RCODES[answer.rcode] if answer.rcode < len(RCODES) else f"RCODE{answer.rcode}"
    lines = [f"{rcode}  flags: {' '.join([text for bit, text in _FLAGS if flags & bit]) or 'none'}"]
    options = answer.edns.options if answer.edns else ()
    for code, data in options:
        if code == w.EDE and len(data) >= 2:
            number = int.from_bytes(data[:2], "big")
            text = _printable(data[2:].decode(errors="replace"))
            lines.append(f"{ERRORS.get(number, f'Extended error {number}')}: {text}".rstrip(": "))
    return "\n".join([*lines, *_records(wire, answer, 12 + len(question))])


def _records(wire: bytes, answer: Answer, at: int) -> Iterator[str]:
    """Yield the records of an answer that was read, in zone form."""
    for _ in range(sum(answer.counts)):
        owner, at = read_name(wire, at)
        rtype, ttl = int.from_bytes(wire[at : at + 2], "big"), int.from_bytes(wire[at + 4 : at + 8], "big")
        data = at + 10
        at = data + int.from_bytes(wire[at + 8 : at + 10], "big")
        kind = dnslib.QTYPE.forward.get(rtype, f"TYPE{rtype}") if rtype != w.SVCB else "SVCB"
        yield f"{names.to_text(owner)}\t{ttl}\t{kind}\t{_rdata(wire, rtype, data, at)}"


def _rdata(wire: bytes, rtype: int, at: int, end: int) -> str:
    """Return RDATA in presentation form; what we do not know in that of RFC 3597."""
    raw = wire[at:end]
    if rtype == w.A and len(raw) == 4:
        return str(IPv4Address(raw))
    if rtype == w.AAAA and len(raw) == 16:
        return str(IPv6Address(raw))
    if rtype in _ONE_NAME:
        return names.to_text(read_name(wire, at)[0])
    if rtype == w.MX and len(raw) > 2:
        return f"{int.from_bytes(raw[:2], 'big')} {names.to_text(read_name(wire, at + 2)[0])}"
    if rtype == w.SOA:
        mname, at = read_name(wire, at)
        rname, at = read_name(wire, at)
        numbers = [str(int.from_bytes(wire[place : place + 4], "big")) for place in range(at, end, 4)]
        return " ".join([names.to_text(mname), names.to_text(rname), *numbers])
    if rtype in {w.TXT, w.HINFO}:
        return " ".join(_strings(raw))
    return f"\\# {len(raw)} {raw.hex()}"


def _strings(raw: bytes) -> Iterator[str]:
    at = 0
    while at < len(raw):
        end = at + 1 + raw[at]
        yield '"' + _printable(raw[at + 1 : end].decode(errors="replace")).replace('"', '\\"') + '"'
        at = end


def _printable(text: str) -> str:
    """Return text that can do nothing to a terminal."""
    return "".join([char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text])
