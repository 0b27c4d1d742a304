"""Writing the questions that go upstream."""

from __future__ import annotations

from resolver.core import wire as w
from resolver.core.replies import OPT_DO, OPT_PLAIN, opt, pack_option
from resolver.core.wire import Query

_COUNTS, _COUNTS_EDNS = b"\0\1\0\0\0\0\0\0", b"\0\1\0\0\0\0\0\1"
PROBE = b"\0\0\2\0\1"
"""Question of a probe: who serves the root. Every resolver has it at hand."""


SIGNAL = pack_option(w.SDE, b"") + pack_option(w.EDE, b"\0\0")
"""Asks for structured errors: by the option for it, and as clients asked for them before there was one."""


def question(query: Query) -> bytes:
    """Return name, type and class as we send them: the name in lower case."""
    return query.name + query.kind


def upstream_query(
    asked: bytes,
    *,
    do: bool = False,
    cd: bool = False,
    ad: bool = False,
    edns: bool = True,
    options: bytes = b"",
) -> bytes:
    """Return a message for upstream without its two bytes of ID: RD set; AD asks for the AD bit back."""
    head = bytes([1, (0x10 if cd else 0) | (0x20 if ad else 0)])
    if not edns:
        return head + _COUNTS + asked
    record = opt(options, do=do) if options else OPT_DO if do else OPT_PLAIN
    return head + _COUNTS_EDNS + asked + record
