"""What to fetch: apart from how, which takes a web client, and the server only tells another process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resolver.core.refresh import NO_VALIDATORS, Validators

MAX_BYTES = 256 << 20
"""Largest list, in bytes as it is when unpacked."""
TOTAL_S, CONNECT_S = 120.0, 10.0
"""Longest fetch from first to last, and longest wait for one connection with its TLS."""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to fetch, and what it is held to.

    `folder` is where the content goes. `validators` are those of the content that the caller still has; with
    them the server may say that nothing is new. `sha256` (hex) and `minisign` (a public key; the signature is
    at the URL with `.minisig` behind) pin the content. `ca` is a file of certificates that are trusted
    instead of the system's.
    """

    url: str
    folder: Path
    validators: Validators = NO_VALIDATORS
    sha256: str | None = None
    minisign: str | None = None
    ca: Path | None = None
    max_bytes: int = MAX_BYTES
    total_s: float = TOTAL_S
    connect_s: float = CONNECT_S

    @property
    def origin(self) -> str:
        """What the content depends on: validators from another origin say nothing about this one."""
        return origin(self.url, self.sha256, self.minisign)


def origin(url: str, sha256: str | None = None, minisign_key: str | None = None) -> str:
    """Return what the content of a list depends on, as one line of text."""
    parts = [url]
    if sha256 is not None:
        parts.append(f"sha256:{sha256.lower()}")
    if minisign_key is not None:
        parts += ["minisign:" + "".join(minisign_key.split()[-1:])]
    return " ".join(parts)
