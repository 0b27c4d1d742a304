"""Addresses of the hosts that we fetch from: asked of our own upstream servers.

Never of the system, whose resolver may be ourselves: a list that blocks its own host, or a start with the
network half up, would lock us out.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import chain, zip_longest

from resolver.core import names
from resolver.core.addresses import addresses
from resolver.core.errors import NameFault, UpstreamError, WireError
from resolver.core.framing import Framer, frame
from resolver.core.questions import upstream_query
from resolver.core.wire import AAAA, IN, MAX_STREAM_REPLY, NOERROR, NXDOMAIN, A, Answer, parse_answer
from resolver.edge.deadline import Deadline
from resolver.edge.server import ServerSpec

ROUNDS = 2
"""How often every server is asked before we give up."""
PATIENCE_S = 2.0
"""Longest wait for one server."""
TOTAL_S = 12.0
"""Longest wait for the addresses of one host."""
MAX_STRAYS = 64
"""After so many messages that are no answer to our question, we stop listening to a server."""


def resolve(
    host: str, servers: Sequence[ServerSpec], *, patience_s: float = PATIENCE_S, total_s: float = TOTAL_S
) -> tuple[str, ...]:
    """Return the addresses of a host, of both families in turn. An address as text is its own answer.

    Blocks the thread. Raises UpstreamError where no server answers, or where the host has no address.
    """
    if is_address(host):
        return (host,)
    try:
        name = names.from_text(host)
    except NameFault as exc:
        raise UpstreamError(str(exc)) from None
    deadline, problem = Deadline(total_s), ""
    found: list[tuple[str, ...]] = []
    for qtype in (A, AAAA):
        question = name + qtype.to_bytes(2, "big") + IN.to_bytes(2, "big")
        try:
            found.append(_ask(question, servers, patience_s, deadline))
        except UpstreamError as exc:
            problem = problem or str(exc)
    both = [one for one in chain(*zip_longest(*found)) if one is not None]
    if not both:
        raise UpstreamError(problem or "the name has no address")
    return tuple(both)


def is_address(host: str) -> bool:
    """Say whether a host is written as an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _ask(
    question: bytes, servers: Sequence[ServerSpec], patience_s: float, deadline: Deadline
) -> tuple[str, ...]:
    """Ask server after server until one gives an answer that can be used. Raises UpstreamError."""
    problem = "no upstream server is configured"
    for server in [*servers] * ROUNDS:
        try:
            wire, answer = _exchange(server, question, Deadline(deadline.left(patience_s)))
            if answer.rcode in {NOERROR, NXDOMAIN}:
                return addresses(wire, question)
            problem = f"{server} answered with RCODE {answer.rcode}"
        except TimeoutError:
            problem = f"{server} did not answer"
        except OSError as exc:
            problem = f"{server}: {exc.strerror or exc}"
        except WireError as exc:
            problem = f"{server}: {exc}"
    raise UpstreamError(problem)


def _exchange(server: ServerSpec, question: bytes, deadline: Deadline) -> tuple[bytes, Answer]:
    """Ask one server; over TCP where the answer does not fit. Raises OSError, WireError."""
    if not server.tcp_only:
        wire, answer = _first(_datagrams(server, _message(question), deadline), question)
        if not answer.truncated:
            return wire, answer
    wire, answer = _first(_stream(server, _message(question), deadline), question)
    if answer.truncated:
        raise WireError("truncated answer over TCP")
    return wire, answer


def _message(question: bytes) -> bytes:
    return secrets.token_bytes(2) + upstream_query(question, edns=False)


def _first(messages: Iterator[bytes], question: bytes) -> tuple[bytes, Answer]:
    """Return the first message that answers the question; whatever else comes in may be forged."""
    for _, wire in zip(range(MAX_STRAYS), messages, strict=False):
        try:
            answer = parse_answer(wire, question)
        except WireError:
            continue
        if answer is not None:
            return wire, answer
    raise WireError("no answer to our question")


def _datagrams(server: ServerSpec, message: bytes, deadline: Deadline) -> Iterator[bytes]:
    """Yield what comes back over UDP with our ID; the system gives each socket a random port."""
    with socket.socket(_family(server), socket.SOCK_DGRAM) as sock:
        sock.connect((server.host, server.port))
        sock.send(message)
        while True:
            sock.settimeout(deadline.left())
            wire = sock.recv(MAX_STREAM_REPLY)
            yield wire if wire[:2] == message[:2] else b""


def _stream(server: ServerSpec, message: bytes, deadline: Deadline) -> Iterator[bytes]:
    """Yield what comes back over TCP with our ID."""
    with socket.socket(_family(server), socket.SOCK_STREAM) as sock:
        sock.settimeout(deadline.left())
        sock.connect((server.host, server.port))
        sock.sendall(frame(message))
        framer = Framer()
        while True:
            sock.settimeout(deadline.left())
            data = sock.recv(65536)
            if not data:
                return
            yield from [wire if wire[:2] == message[:2] else b"" for wire in framer.feed(data)]


def _family(server: ServerSpec) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server.host else socket.AF_INET
