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
