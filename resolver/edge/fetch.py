"""Fetching a list: from the web or from a file, into a file of ours that is whole or not there.

Everything blocks, so this is for a thread or a process of its own. Whoever serves a list is not trusted:
time, bytes, redirects and what packed content unpacks to are bounded; nothing but the list's own file grows.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urljoin, urlsplit

from resolver import __version__
from resolver.core.errors import FetchError, SignatureFault
from resolver.core.refresh import NO_VALIDATORS, Validators, usable_validator
from resolver.edge import files, minisign
from resolver.edge.deadline import Deadline
from resolver.edge.fetch_request import FetchRequest
from resolver.edge.gzipped import Gunzip, GzipFault
from resolver.edge.webclient import PORTS, Reply, Resolve, Target, get, is_public, looked_up, percent

MAX_REDIRECTS = 5
REDIRECTS = frozenset((301, 302, 303, 307, 308))
USER_AGENT = f"nxwhy/{__version__}"
PREFIX = ".fetch-"
"""How our unfinished files begin."""
IGNORE_UNEXPECTED_EOF = ssl.Options(1 << 7)
"""SSL_OP_IGNORE_UNEXPECTED_EOF of OpenSSL 3, which older versions of Python set and do not name."""
_PIECE = 1 << 18
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """New content, on disk. The caller owns the file: moves it to where it belongs, or removes it.

    `sha256` (hex) and `size` (bytes) are of the unpacked content; `url` is where it was in the end.
    """

    path: Path
    sha256: str
    size: int
    validators: Validators
    url: str


@dataclass(frozen=True, slots=True)
class NotModified:
    """The content is as it was when the validators were given; these are the ones to keep."""

    validators: Validators


def fetch(request: FetchRequest, resolve: Resolve) -> Fetched | NotModified:
    """Fetch a list; `resolve` gives the addresses of hosts. Blocks. Raises FetchError and nothing else."""
    if request.sha256 is not None and not _SHA256.fullmatch(request.sha256):
        raise FetchError(request.url, "the sha256 to hold it to is not 64 hexadecimal digits")
    try:
        key = None if request.minisign is None else minisign.public_key(request.minisign)
        if key is not None:
            minisign.need()
        session = _Session(request, resolve)
        got = session.get(request.url, request.max_bytes, request.validators)
        if isinstance(got, Fetched):
            with _removed_after_an_error(got.path):
                _hold(got, request)
                if key is not None:
                    minisign.verify(got.path, session.signature(), key)
    except SignatureFault as exc:
        raise FetchError(request.url, str(exc)) from exc
    except OSError as exc:  # those of the network are FetchErrors by now
        raise FetchError(request.url, f"{exc.filename or request.folder}: {exc.strerror or exc}") from exc
    return got


def clear_leftovers(folder: Path) -> None:
    """Remove what fetches left in a folder when they were killed; for when none is under way there."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            path.unlink()


class _Session:
    """What one fetch shares between the list and its signature: the time, and whom we trust."""

    def __init__(self, request: FetchRequest, resolve: Resolve) -> None:
        self._request, self._resolve = request, resolve
        self._deadline = Deadline(request.total_s)
        self._tls: ssl.SSLContext | None = None

    def get(self, url: str, max_bytes: int, validators: Validators) -> Fetched | NotModified:
        """Get one file. Raises FetchError, OSError."""
        if url[:5].lower() == "file:":
            return self._from_file(url, max_bytes, validators)
        return self._from_web(url, max_bytes, validators)

    def signature(self) -> bytes:
        """Get what lies beside the list. Raises FetchError, OSError."""
        path, mark, query = self._request.url.partition("#")[0].partition("?")
        url = f"{path}{minisign.SUFFIX}{mark}{query}"
        got = self.get(url, minisign.MAX_SIGNATURE, NO_VALIDATORS)
        assert isinstance(got, Fetched)  # noqa: S101 - without validators nothing can be as before
        try:
            return got.path.read_bytes()
        finally:
            got.path.unlink()

    def _from_file(self, url: str, max_bytes: int, validators: Validators) -> Fetched | NotModified:
        with files.open_regular(_path(url)) as file:
            version = _version(file)
            if validators.etag == version:
                return NotModified(validators)
            pieces = _bounded(iter(lambda: file.read(_PIECE), b""), max_bytes, url)
            got = self._kept(pieces, Validators(version), url)
            if _version(file) != version:
                got.path.unlink()
                raise FetchError(url, "changed while it was read")
        return got

    def _from_web(self, url: str, max_bytes: int, validators: Validators) -> Fetched | NotModified:
        target, outside = Target(url), False
        for _ in range(MAX_REDIRECTS + 1):
            addresses = looked_up(target, self._resolve, outside=outside)
            outside = outside or any(map(is_public, addresses))
            tls = self._trust() if target.scheme == "https" else None
            headers = _headers(validators)
            with get(target, headers, addresses, tls, self._deadline, self._request.connect_s) as reply:
                if reply.status == 200:
                    return self._content(reply, max_bytes, target)
                if reply.status == 304 and validators != NO_VALIDATORS:
                    return NotModified(_validators(reply, validators))
                if reply.status not in REDIRECTS:
                    raise FetchError(target.url, reply.refusal())
                target = _redirected(target, reply)
        raise FetchError(url, f"more than {MAX_REDIRECTS} redirects")

    def _content(self, reply: Reply, max_bytes: int, target: Target) -> Fetched:
        encoding = (reply.header("content-encoding") or "identity").strip().lower()
        packed = encoding in {"gzip", "x-gzip"}
        if not packed and encoding != "identity":
            raise FetchError(target.url, f"packed as {encoding[:40]!r}, which we did not ask for")
        if int(reply.header("content-length") or 0) > max_bytes:
            raise FetchError(target.url, _too_large(max_bytes))
        if not (reply.has_end or packed or target.scheme == "https" or self._is_pinned):
            raise FetchError(
                target.url, "the server does not say how long it is: half of it would look whole"
            )
        pieces = _bounded(reply.body(), max_bytes, target.url)
        if packed:
            pieces = _bounded(_unpacked(pieces, target.url), max_bytes, target.url)
        return self._kept(pieces, _validators(reply, NO_VALIDATORS), target.url)

    def _kept(self, pieces: Iterable[bytes], validators: Validators, url: str) -> Fetched:
        """Write content into a file of its own."""
        digest, size = hashlib.sha256(), 0
        with files.temporary(self._request.folder, PREFIX) as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        return Fetched(Path(file.name), digest.hexdigest(), size, validators, url)

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            ca = self._request.ca
            try:
                self._tls = ssl.create_default_context(cafile=ca)
            except OSError as exc:  # ssl.SSLError is one: a file without certificates
                raise FetchError(self._request.url, f"{ca}: no certificates to trust: {exc}") from exc
            self._tls.set_alpn_protocols(["http/1.1"])
            # which some versions of Python set: a list that was cut short would pass for whole
            self._tls.options &= ~IGNORE_UNEXPECTED_EOF
        return self._tls

    @property
    def _is_pinned(self) -> bool:
        return self._request.sha256 is not None or self._request.minisign is not None


def _hold(got: Fetched, request: FetchRequest) -> None:
    if request.sha256 is not None and got.sha256 != request.sha256.lower():
        raise FetchError(request.url, f"its sha256 is {got.sha256}, not {request.sha256.lower()}")


@contextmanager
def _removed_after_an_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _path(url: str) -> Path:
    """Return the path of a file: URL (RFC 8089). Raises FetchError."""
    rest = url[len("file:") :]
    if rest.startswith("//"):
        rest = rest.removeprefix("//localhost").removeprefix("//")
    path = Path(unquote(rest, errors="surrogateescape"))
    if not path.is_absolute() or "\0" in str(path):
        raise FetchError(url, "not the whole path of a file on this machine, as in file:///etc/list.txt")
    return path


def _version(file: BinaryIO) -> str:
    found = os.fstat(file.fileno())
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}-{found.st_ctime_ns:x}"


def _headers(validators: Validators) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
    if validators.etag is not None:
        headers["If-None-Match"] = validators.etag
    if validators.last_modified is not None:
        headers["If-Modified-Since"] = validators.last_modified
    return headers


def _validators(reply: Reply, before: Validators) -> Validators:
    return Validators(
        usable_validator(reply.header("etag")) or before.etag,
        usable_validator(reply.header("last-modified")) or before.last_modified,
    )


def _redirected(target: Target, reply: Reply) -> Target:
    """Return where a redirect leads. Raises FetchError."""
    location = reply.header("location")
    if not location:
        raise FetchError(target.url, "a redirect to nowhere")
    try:
        url = urljoin(target.url, percent(location.encode("latin-1")))
        scheme = urlsplit(url).scheme
    except ValueError as exc:
        raise FetchError(target.url, f"a redirect to what is no address: {exc}") from None
    if scheme not in PORTS:
        raise FetchError(target.url, f"a redirect from the web to {scheme[:40]}:")
    if target.scheme == "https" and scheme == "http":
        raise FetchError(target.url, "a redirect from https to http")
    return Target(url)


def _bounded(pieces: Iterable[bytes], max_bytes: int, url: str) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise FetchError(url, _too_large(max_bytes))
        yield piece


def _too_large(max_bytes: int) -> str:
    return f"larger than {max_bytes >> 20} MiB" if max_bytes >= 1 << 20 else f"larger than {max_bytes} bytes"


def _unpacked(pieces: Iterable[bytes], url: str) -> Iterator[bytes]:
    gunzip = Gunzip()
    try:
        for piece in pieces:
            yield from gunzip.feed(piece)
        gunzip.finish()
    except GzipFault as exc:
        raise FetchError(url, str(exc)) from exc
