"""Checking that a file was signed by the key that its owner named (https://jedisct1.github.io/minisign/)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import mmap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from resolver.core.errors import SignatureFault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SUFFIX = ".minisig"
"""The signature of a file lies beside it under this name."""
MAX_SIGNATURE = 8192
"""Largest signature file, in bytes."""
_KEY, _LEGACY, _PREHASHED = b"Ed", b"Ed", b"ED"
_TRUSTED = "trusted comment: "


class PublicKey(NamedTuple):
    """A public key: the number that its signatures carry, and Ed25519's 32 bytes."""

    number: bytes
    key: bytes


def public_key(text: str) -> PublicKey:
    """Read a key as minisign prints it, with or without its comment line. Raises SignatureFault."""
    lines = [line for line in text.splitlines() if line.strip()]
    data = _decoded(lines[-1] if lines else "", 42, "public key")
    if data[:2] != _KEY:
        raise SignatureFault("not a public key of minisign")
    return PublicKey(data[2:10], data[10:])


def verify(path: Path, signature: bytes, key: PublicKey) -> None:
    """Check the signature file of a file, and the comment that it vouches for.

    Raises SignatureFault, OSError; the first too where the package that can do it is missing.
    """
    try:
        lines = signature.decode().splitlines()
    except UnicodeDecodeError:
        raise SignatureFault("not a signature of minisign") from None
    if len(lines) < 4 or not lines[2].startswith(_TRUSTED):
        raise SignatureFault("not a signature of minisign")
    own = _decoded(lines[1], 74, "signature")
    whole = _decoded(lines[3], 64, "signature of the trusted comment")
    algorithm, number, own = own[:2], own[2:10], own[10:]
    if algorithm not in {_LEGACY, _PREHASHED}:
        raise SignatureFault("a signature of an unknown kind")
    if number != key.number:
        raise SignatureFault(f"signed by another key, {_shown(number)} and not {_shown(key.number)}")
    verifier = _verifier(key)
    comment = lines[2].removeprefix(_TRUSTED).encode()
    _check(verifier, whole, own + comment, "the trusted comment is not the one that was signed")
    _check_file(verifier, own, path, prehashed=algorithm == _PREHASHED)


def need() -> None:
    """Raise SignatureFault where the package that checks signatures is missing."""
    _verifier(PublicKey(bytes(8), bytes(32)))


def _verifier(key: PublicKey) -> Ed25519PublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - an extra
    except ImportError:
        raise SignatureFault("checking signatures needs more: pip install 'nxwhy[minisign]'") from None
    return Ed25519PublicKey.from_public_bytes(key.key)


def _check_file(verifier: Ed25519PublicKey, signature: bytes, path: Path, *, prehashed: bool) -> None:
    reason = "the content is not what was signed"
    with path.open("rb") as file:
        if prehashed:
            digest = hashlib.blake2b(digest_size=64)
            while piece := file.read(1 << 20):
                digest.update(piece)
            _check(verifier, signature, digest.digest(), reason)
        elif path.stat().st_size == 0:
            _check(verifier, signature, b"", reason)
        else:
            # the old kind signs the content itself; mapped, it takes no memory of ours
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as map_, memoryview(map_) as content:
                _check(verifier, signature, content, reason)


def _check(verifier: Ed25519PublicKey, signature: bytes, data: bytes | memoryview, reason: str) -> None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

    try:
        verifier.verify(signature, data)
    except InvalidSignature:
        raise SignatureFault(reason) from None


def _decoded(text: str, size: int, what: str) -> bytes:
    try:
        data = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != size:
        raise SignatureFault(f"not a {what} of minisign")
    return data


def _shown(number: bytes) -> str:
    return f"{int.from_bytes(number, 'little'):016X}"
