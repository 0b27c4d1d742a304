"""Canonical names: lowercase wire form, root label included.

`www.Example` is `b"\\x03www\\x07example\\x00"`. A parent is a suffix of its children, so looking a name's
parents up needs slices and no joins. Labels may hold any byte (RFC 2181, section 11).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import idna

from resolver.core.errors import NameFault

ROOT = b"\0"
MAX_NAME = 255
"""Longest name in bytes, lengths and root included (RFC 1035, section 2.3.4)."""
MAX_LABEL = 63
"""Longest label in bytes (RFC 1035, section 2.3.4)."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*/+")


def from_text(text: str) -> bytes:
    """Return the canonical form of a name as people write it.

    Takes a root dot or none, any case, underscores, `\\.` and `\\DDD` escapes (RFC 1035, section 5.1) and
    U-labels, which become A-labels by UTS #46. Raises NameFault.
    """
    if not text.isascii():
        text = _to_ascii(text)
    if text in {".", ""}:
        if text:
            return ROOT
        raise NameFault("empty name")
    labels = _unescape(text) if "\\" in text else text.encode("ascii").split(b".")
    if labels[-1] == b"":
        labels = labels[:-1]
    for label in labels:
        if not label:
            raise NameFault(f"empty label in {text!r}")
        if len(label) > MAX_LABEL:
            raise NameFault(f"label over {MAX_LABEL} bytes in {text!r}")
    name = b"".join([bytes([len(label)]) + label for label in labels]).lower() + ROOT
    if len(name) > MAX_NAME:
        raise NameFault(f"name over {MAX_NAME} bytes: {text[:80]!r}")
    return name


def to_text(name: bytes) -> str:
    """Return a wire name as people read it, without the root dot; odd bytes as `\\DDD` (RFC 4343)."""
    if name == ROOT:
        return "."
    return ".".join("".join(map(_show, label)) for label in labels(name))


def labels(name: bytes) -> Iterator[bytes]:
    """Yield the labels of a well-formed wire name from the left, without the root."""
    at = 0
    while length := name[at]:
        yield name[at + 1 : at + 1 + length]
        at += length + 1


def parents(name: bytes) -> Iterator[bytes]:
    """Yield every name above a well-formed wire name: the nearest first, the root last."""
    at = 0
    while length := name[at]:
        at += length + 1
        yield name[at:]


def with_parents(found: Iterable[bytes]) -> frozenset[bytes]:
    """Return names and all that are above them: these are there too, if empty (RFC 8020, section 2)."""
    return frozenset([above for name in found for above in (name, *parents(name))])


def is_within(name: bytes, parent: bytes) -> bool:
    """Say whether a name is `parent` or below it. A shared ending of a label is not enough."""
    return name == parent or parent in parents(name)


def _show(byte: int) -> str:
    if byte in _PLAIN:
        return chr(byte)
    if byte in b'.\\"();@$':
        return "\\" + chr(byte)
    return chr(byte) if 0x21 <= byte <= 0x7E else f"\\{byte:03d}"


def _to_ascii(text: str) -> str:
    try:
        return ".".join(
            label if label.isascii() else idna.encode(label, uts46=True).decode("ascii")
            for label in text.replace("。", ".").replace("．", ".").replace("｡", ".").split(".")
        )
    except (idna.IDNAError, UnicodeError) as exc:
        raise NameFault(f"not an internationalised name: {text[:80]!r}: {exc}") from exc


def _unescape(text: str) -> list[bytes]:
    """Split presentation form with escapes into labels."""
    found, label, at = [], bytearray(), 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == ".":
            found.append(bytes(label))
            label.clear()
            continue
        if char == "\\":
            digits = text[at : at + 3]
            if len(digits) == 3 and digits.isdecimal() and int(digits) < 256:
                label.append(int(digits))
                at += 3
                continue
            char = text[at : at + 1]
            if not char or char.isdecimal():
                raise NameFault(f"broken escape in {text!r}")
            at += 1
        label += char.encode("ascii")
    return [*found, bytes(label)]
