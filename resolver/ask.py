"""`nxwhy query`: ask a server, and say what it answered in words."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time

from resolver.config.quantities import Endpoint, endpoint
from resolver.core import names, questions
from resolver.core import wire as w
from resolver.core.errors import NameFault, UpstreamError, WireError
from resolver.core.framing import Framer, frame
from resolver.core.wire import Answer, parse_answer
from resolver.presentation import records, type_number

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
BLOCKS = {
    4: "the server gives an answer of its own in place of the real one",
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
    return "\n".join([*lines, *records(wire, answer, 12 + len(question))])


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


def _printable(text: str) -> str:
    """Return text that can do nothing to a terminal."""
    return "".join([char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text])
