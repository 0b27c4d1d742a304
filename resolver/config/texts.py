"""Reading single values of the configuration that are not quantities: names, servers, paths, URLs, checksums.

Each takes the text that the owner wrote and raises ValueError with what is wrong with it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from resolver.config import quantities as q
from resolver.config.quantities import Endpoint
from resolver.core import names
from resolver.core.errors import NameFault
from resolver.core.identity import DISCOVERY, MAX_STRING, RESOLVER_ARPA

_NO_DOMAIN = re.compile(r"[\s:*@]|/[^.]*\.?$")
"""What addresses of pages and mailboxes have; a slash in a first label is fine (RFC 2317)."""


def domain(text: str) -> bytes:
    """Return the canonical name of a route."""
    below = text.removeprefix("*.")
    if below not in {text, ""} and not _NO_DOMAIN.search(below):
        raise ValueError(f"{q.shown(text)}: a route takes all below a name: write {q.shown(below)}")
    if _NO_DOMAIN.search(text):
        raise ValueError(f"{q.shown(text)} is no domain name as corp.example")
    try:
        return names.from_text(text)
    except NameFault as exc:
        raise ValueError(str(exc)) from None


def server_name(text: str) -> bytes:
    """Return the canonical name of a resolver, with room for the label of its discovery."""
    name = domain(text)
    if name == names.ROOT or names.is_within(name, RESOLVER_ARPA):
        raise ValueError(f"{q.shown(text)} is no name of one server, as dns.corp.example")
    if len(name) + len(DISCOVERY) > names.MAX_NAME:
        raise ValueError(f"{q.shown(text)} is too long: `_dns.` has to fit in front")
    return name


def told(text: str, longest: int = MAX_STRING) -> str:
    """Return what a server says of itself in one string: printable ASCII; `off` is nothing."""
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError(f"{q.shown(text)} is not printable ASCII")
    if len(text) > longest:
        raise ValueError(f"has {len(text)} characters; {longest} at most")
    return "" if text == "off" else text


def page(text: str) -> str:
    """Return the address of a page, short enough for RESINFO (RFC 9606, section 5)."""
    found = urlsplit(text)
    if found.scheme != "https" or not found.hostname or not text.isascii() or not text.isprintable():
        raise ValueError(f"{q.shown(text)} is no https:// URL")
    if found.username is not None or found.password is not None:
        raise ValueError("a password in a URL would be shown to everybody")
    longest = MAX_STRING - len("infourl=")
    if len(text) > longest:
        raise ValueError(f"has {len(text)} characters; {longest} at most")
    return text


def doh_path(text: str) -> str:
    """Return the path of DNS over HTTPS: a URI template with the variable `dns` (RFC 9461, section 5)."""
    if not text.startswith("/") or not re.search(r"\{[?&]dns\}", text) or not text.isascii():
        raise ValueError(f"{q.shown(text)} is no path with `{{?dns}}`, as /dns-query{{?dns}}")
    return told(text)


class Server(NamedTuple):
    """An upstream server: where it is, and whether it is asked over TCP alone."""

    endpoint: Endpoint
    tcp: bool


def server(text: str) -> Server:
    """Return where an upstream server is: `192.0.2.53`, `tcp://192.0.2.53:5353`."""
    scheme, found, rest = text.rpartition("://")
    if found and scheme not in {"udp", "tcp"}:
        raise ValueError(f"{scheme}:// is not there yet; udp:// and tcp:// are")
    at = q.endpoint(rest, default_port=53)
    if at.port == 0 or q.address(at.host).is_unspecified:
        raise ValueError(f"nobody can be asked at {at}")
    return Server(at, scheme == "tcp")


def path(text: str) -> Path:
    """Return the path of a file or folder, `~` resolved."""
    try:
        os.fsencode(text)
        path = Path(text).expanduser()
    except (UnicodeError, RuntimeError):  # a lone surrogate; the home of somebody who is not there
        raise ValueError(f"{q.shown(text)} is no path") from None
    if not text or not text.isprintable():
        raise ValueError(f"{q.shown(text)} is no path")
    return path


def url(text: str) -> str:
    """Return a URL that a list can be fetched from."""
    found = urlsplit(text)
    if found.scheme not in ("https", "http", "file") or not text.isascii() or not text.isprintable():
        raise ValueError(f"{q.shown(text)} is no https://, http:// or file: URL")
    if found.scheme != "file" and not found.hostname:
        raise ValueError(f"{q.shown(text)} names no host")
    if found.username is not None or found.password is not None:
        raise ValueError("a password in a URL would be shown in many places")
    return text


def sha256(text: str) -> str:
    """Return a checksum in lower case."""
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError(f"{q.shown(text)} is no SHA-256: 64 hexadecimal digits")
    return text.lower()
