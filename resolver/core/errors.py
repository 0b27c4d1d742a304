"""Every exception that this project raises on purpose."""

from __future__ import annotations


class ResolverError(Exception):
    """Base of all our errors: says where, what and why, from plain values."""


class WireError(ResolverError):
    """Bytes from the network that are not a well-formed DNS message."""


class NameFault(ResolverError):
    """Text or bytes that are not a domain name."""


class ListError(ResolverError):
    """One blocklist line we could not read."""

    def __init__(self, source: str, line: int, text: str, reason: str) -> None:
        super().__init__(f"{source}:{line}: {reason}: {text[:120]!r}")
        self.source, self.line, self.text, self.reason = source, line, text, reason


class ListRefused(ResolverError):
    """A whole list that must not replace what is in force."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source, self.reason = source, reason


class TableFault(ResolverError):
    """A table that cannot be built, or a file that is none: damaged, cut off, of another version."""


class RecordFault(ResolverError):
    """A field of a list's record that cannot be taken."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


class UpstreamError(ResolverError):
    """An upstream resolver that could not be asked."""


class ListenError(ResolverError):
    """An address that cannot be listened on."""


class ControlError(ResolverError):
    """A command to the running server that it could not carry out."""
