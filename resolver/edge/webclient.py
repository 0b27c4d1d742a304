"""One GET over HTTP/1.1: a connection of its own to an address that was resolved before, within a deadline.

The protocol is h11's, which is strict about lengths and ends; nothing here reads more than it was told to.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urlsplit

import h11

from resolver.core import names
from resolver.core.errors import FetchError, NameFault, UpstreamError
from resolver.edge.deadline import Deadline
from resolver.edge.resolve import is_address

MAX_HEAD = 32768
"""Largest head of a response, in bytes."""
PIECE_OF_HEAD, PIECE = 4096, 65536
"""How much is read at once. h11 looks at the size of what is incomplete, not of what it was given."""
MAX_INFORMATION = 8
"""Most interim responses (1xx) before the real one."""
MAX_ADDRESSES = 6
"""Most addresses of a host that are tried."""
PORTS = {"http": 80, "https": 443}
SAFE = "".join([chr(code) for code in range(0x21, 0x7F)])
"""What stays as it is in an address of the web; the rest is written %XX."""

_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")

_HOLDS_IPV4 = IPv6Network("64:ff9b::/96"), IPv6Network("::/96")
"""Networks whose addresses end in one of IPv4 (RFC 6052, section 2.1; RFC 4291, section 2.5.5.1)."""

Resolve = Callable[[str], Sequence[str]]
"""Host -> its addresses. Raises UpstreamError."""


class Target:
    """A URL taken apart: where to connect to and what to ask for. Raises FetchError."""

    __slots__ = ("host", "path", "port", "scheme", "url")

    def __init__(self, url: str) -> None:
        if any(char <= " " or char == "\x7f" for char in url):
            raise FetchError(percent(url), "white space or control characters in the address")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as exc:
            raise FetchError(url, f"not an address of the web: {exc}") from None
        if parts.scheme not in PORTS:
            raise FetchError(url, f"{parts.scheme or 'nothing'}: is not fetched; https:, http: and file: are")
        if parts.username is not None or parts.password is not None:
            bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
            raise FetchError(bare, "a name and password in the address are not sent")
        if port == 0:
            raise FetchError(url, "port 0")
        self.url = parts._replace(fragment="").geturl()
        self.scheme, self.port = parts.scheme, port or PORTS[parts.scheme]
        self.host = _host(url, parts.hostname or "")
        query = f"?{parts.query}" if parts.query else ""
        self.path = percent(f"{parts.path or '/'}{query}")

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def _host(url: str, host: str) -> str:
    """Return a host as the name system and certificates know it. Raises FetchError."""
    if is_address(host) and "%" not in host:
        return host
    try:
        name = names.to_text(names.from_text(host))
    except NameFault as exc:
        raise FetchError(url, f"no host: {exc}") from None
    if not _HOST.fullmatch(name):
        raise FetchError(url, f"{host!r} is no host")
    return name


def percent(text: str | bytes) -> str:
    """Return an address of the web in ASCII, whatever the text; `%` stays."""
    return quote(text.encode(errors="replace") if isinstance(text, str) else text, safe=SAFE)


class Reply:
    """A response whose head came; its body is read once, piece by piece."""

    def __init__(self, head: h11.Response, link: _Link) -> None:
        self.status = head.status_code
        self._headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        self._link = link
        self.has_end = "content-length" in self._headers or "transfer-encoding" in self._headers
        """Whether the head says how the end of the body is known; else it ends with the connection."""

    def header(self, name: str) -> str | None:
        """Return a header by its name in lower case; the last one of several."""
        return self._headers.get(name)

    def body(self) -> Iterator[bytes]:
        """Yield the body, whole to its end. Raises FetchError."""
        while isinstance(event := self._link.next(), h11.Data):
            yield bytes(event.data)

    def refusal(self) -> str:
        """Return what to say of a status that brings no content."""
        try:
            return f"the server answered {self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"the server answered {self.status}"


class _Link:
    """h11 on a socket. Raises FetchError."""

    def __init__(self, sock: socket.socket, target: Target, deadline: Deadline) -> None:
        self._sock, self._target, self._deadline = sock, target, deadline
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)

    def send(self, headers: Mapping[str, str]) -> None:
        with _told(self._target, self._deadline):
            request = h11.Request(method="GET", target=self._target.path, headers=list(headers.items()))
            data = self._protocol.send(request) or b""
            self._protocol.send(h11.EndOfMessage())
            self._sock.settimeout(self._deadline.left())
            self._sock.sendall(data)

    def head(self) -> h11.Response:
        for _ in range(MAX_INFORMATION + 1):
            event = self.next()
            if isinstance(event, h11.Response):
                return event
        raise FetchError(self._target.url, "not a whole HTTP response: none after many interim ones")

    def next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return what the server says next. The deadline holds for every read, however little one brings."""
        with _told(self._target, self._deadline):
            while True:
                event = self._protocol.next_event()
                if event is not h11.NEED_DATA:
                    return event
                size = PIECE_OF_HEAD if self._protocol.their_state is h11.SEND_RESPONSE else PIECE
                self._sock.settimeout(self._deadline.left())
                self._protocol.receive_data(self._sock.recv(size))


@contextmanager
def get(
    target: Target,
    headers: Mapping[str, str],
    addresses: Sequence[str],
    tls: ssl.SSLContext | None,
    deadline: Deadline,
    connect_s: float,
) -> Iterator[Reply]:
    """Ask for a target at one of its addresses; give the response, whose body is read inside the block.

    Raises FetchError, also from the reading of the body.
    """
    with _told(target, deadline):
        sock = _connect(target, addresses, tls, deadline, connect_s)
    with sock:
        link = _Link(sock, target, deadline)
        link.send({"Host": target.authority, **headers, "Connection": "close"})
        yield Reply(link.head(), link)


@contextmanager
def _told(target: Target, deadline: Deadline) -> Iterator[None]:
    """Say what went wrong on the network in our words."""
    try:
        yield
    except ssl.SSLError as exc:
        raise FetchError(target.url, _tls_reason(exc)) from exc
    except TimeoutError:
        raise FetchError(target.url, f"took longer than {deadline.seconds:g} s") from None
    except OSError as exc:
        raise FetchError(target.url, f"the connection broke: {exc.strerror or exc}") from exc
    except h11.ProtocolError as exc:
        raise FetchError(target.url, f"not a whole HTTP response: {exc}") from exc


def _connect(
    target: Target,
    addresses: Sequence[str],
    tls: ssl.SSLContext | None,
    deadline: Deadline,
    connect_s: float,
) -> socket.socket:
    """Connect to the first address that takes us. Raises FetchError, OSError."""
    problem = f"{target.host} has no address"
    for address in addresses[:MAX_ADDRESSES]:
        try:
            sock = _open(address, target.port, deadline.left(connect_s))
            return sock if tls is None else _wrapped(sock, target, tls, deadline.left(connect_s))
        except TimeoutError:
            deadline.left()
            problem = f"no connection to {address} port {target.port} within {connect_s:g} s"
        except ssl.SSLCertVerificationError:
            raise
        except OSError as exc:
            why = _tls_reason(exc) if isinstance(exc, ssl.SSLError) else exc.strerror or exc
            problem = f"no connection to {address} port {target.port}: {why}"
    raise FetchError(target.url, problem)


def _open(address: str, port: int, patience_s: float) -> socket.socket:
    """Return a connection; `socket.create_connection` would look up what is no address. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(patience_s)
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _wrapped(sock: socket.socket, target: Target, tls: ssl.SSLContext, patience_s: float) -> ssl.SSLSocket:
    """Return a connection with TLS on it. Raises OSError, which closes it."""
    try:
        sock.settimeout(patience_s)
        # an end without TLS's own goodbye may be somebody cutting the list short
        return tls.wrap_socket(sock, server_hostname=target.host, suppress_ragged_eofs=False)
    except OSError:
        sock.close()
        raise


def _tls_reason(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate does not hold: {exc.verify_message}"
    ended = exc.reason == "UNEXPECTED_EOF_WHILE_READING"  # older versions of Python have no class for it
    if ended or isinstance(exc, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the connection broke: it ended in the middle"
    return f"TLS failed: {exc.reason or exc}"


def looked_up(target: Target, resolve: Resolve, *, outside: bool) -> tuple[str, ...]:
    """Return the addresses of a target's host. Raises FetchError.

    With `outside`, those of private networks do not count: who publishes a list on the web must not be able
    to send us to what only we can reach.
    """
    try:
        found = tuple([address for address in resolve(target.host) if is_address(address)])
    except UpstreamError as exc:
        raise FetchError(target.url, f"{target.host} could not be looked up: {exc}") from exc
    if not found:
        raise FetchError(target.url, f"{target.host} has no address")
    taken = tuple([address for address in found if not outside or is_public(address)])
    if not taken:
        raise FetchError(target.url, f"a redirect from outside to the private address {found[0]}")
    return taken


def is_public(address: str) -> bool:
    """Say whether an address is one of the whole internet, and the IPv4 address that it may stand for too.

    None of 6to4 is: nobody is reached by it any more (RFC 7526), and Pythons differ in what they say of it.
    """
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        held = any(found in network for network in _HOLDS_IPV4)
        inner = IPv4Address(found.packed[-4:]) if held else None
        if found.is_site_local or found.sixtofour is not None or not (inner is None or inner.is_global):
            return False
    return found.is_global and not found.is_multicast
