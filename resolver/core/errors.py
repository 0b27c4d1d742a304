"""Every exception that this project raises on purpose."""

from __future__ import annotations

MAX_SHOWN = 5
"""How many faults of a list go into one message."""


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
    """A whole list that must not replace what is in force.

    `faults` are the places in it that are wrong, each as source:line:column and what is wrong there.
    """

    def __init__(self, source: str, reason: str, faults: tuple[str, ...] = ()) -> None:
        more = len(faults) - MAX_SHOWN
        shown = [
            *faults[:MAX_SHOWN],
            *([f"and {more} more: `nxwhy check` says them all"] if more > 0 else []),
        ]
        super().__init__("; ".join(shown) or f"{source}: {reason}")
        self.source, self.reason, self.faults = source, reason, faults


class ChildError(ResolverError):
    """A process of ours that did not do its work."""


class TableFault(ResolverError):
    """A table that cannot be built, or a file that is none: damaged, cut off, of another version."""


class FetchError(ResolverError):
    """A list that could not be fetched, or that is not the one we were told to take."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason = url, reason

    def __reduce__(self) -> tuple[type[FetchError], tuple[str, str]]:  # it crosses from process to process
        return FetchError, (self.url, self.reason)


class SignatureFault(ResolverError):
    """A signature that does not hold, or a key that is none."""


class StateError(ResolverError):
    """A file of the state folder that could not be written."""


class HistoryError(ResolverError):
    """A version of a list that is not there, or an order about versions that makes no sense."""


class ReplayError(ResolverError):
    """A file of names that cannot be read."""


class RecordFault(ResolverError):
    """A field of a list's record that cannot be taken; `place` is the way to it within the record.

    `of_key` says that its key is wrong, not its value.
    """

    def __init__(self, field: str | tuple[str | int, ...], reason: str, *, of_key: bool = False) -> None:
        self.place = (field,) if isinstance(field, str) else field
        self.field = ".".join([str(part)[:40] for part in self.place])
        self.reason, self.of_key = reason, of_key
        super().__init__(f"{self.field}: {reason}")


class RecordRefused(ResolverError):
    """A record that cannot be taken: everything that is wrong with it."""

    def __init__(self, faults: tuple[RecordFault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class PageFault(ResolverError):
    """A file that the notice page needs, and that cannot be taken."""


class UpstreamError(ResolverError):
    """An upstream resolver that could not be asked."""


class EngineError(ResolverError):
    """The engine that was asked for cannot run here."""


class ListenError(ResolverError):
    """An address that cannot be listened on."""


class ControlError(ResolverError):
    """A command to the running server that it could not carry out."""
