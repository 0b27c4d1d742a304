"""Answers that a list's own rule asks for, whatever the mode of the group."""

from __future__ import annotations

from resolver.core import wire as w
from resolver.core.lists.rule import Action, Own
from resolver.core.names import MAX_NAME
from resolver.core.reasons import Reason
from resolver.core.replies import (
    POINTER,
    AnswerMode,
    Blocked,
    Sections,
    Shape,
    pack_record,
    truncated,
)
from resolver.core.wire import Query

MAX_DATA = 32768
"""Most bytes of records that one rule's answer has; what comes after them is left out."""
_ANY_NAME = b"\1*"
"""How the data of a CNAME begins that puts the name that was asked in its place."""


def own_answer(own: Own, reason: Reason, ttl: int) -> Blocked:
    """Return what a rule asks for. `ttl` in seconds."""
    if own.action is Action.DATA:
        return Redirect(reason, ttl, own.records)
    if own.action is Action.TCP_ONLY:
        return TcpOnly(Action.TCP_ONLY, reason, ttl)
    if own.action is Action.DROP:
        return Blocked(Action.DROP, reason, ttl)
    return Blocked(AnswerMode(own.action.value), reason, ttl)


class Redirect(Blocked):
    """Records of the rule's own: of the type asked, or a CNAME, which stands for every type."""

    __slots__ = ("_alias", "_wild")

    def __init__(self, reason: Reason, ttl: int, records: tuple[tuple[int, bytes], ...]) -> None:
        """`records` are (type, data in wire form without compression)."""
        super().__init__(Action.DATA, reason, ttl)
        aliases = [data for rtype, data in records if rtype == w.CNAME]
        self._wild = aliases[0][2:] if aliases and aliases[0].startswith(_ANY_NAME) else None
        self._alias = self._of([(w.CNAME, aliases[0])]) if aliases else None
        self._shapes = {
            asked.to_bytes(2, "big") + b"\0\1": self._of([one for one in records if asked in (one[0], w.ANY)])
            for asked in {w.ANY, *[rtype for rtype, _ in records]}
        }

    def reply(self, query: Query, via: str | None = None) -> bytes:
        """Return the records for one query; `via` is the blocked name or address that it led to."""
        if self._alias is None or not query.is_internet:
            return super().reply(query, via)
        if self._wild is None and via is None and not query.structured:
            return self._alias.reply(query)
        if self._wild is None:
            return self._shape_for(query, self._alias.sections, via).reply(query)
        target = query.wire[w.HEADER_SIZE : query.end - 5] + self._wild
        if len(target) > MAX_NAME:
            return self._shape_for(query, self._other.sections, via).reply(query)
        return self._shape_for(query, self._records([(w.CNAME, target)]), via).reply(query)

    def _of(self, records: list[tuple[int, bytes]]) -> Shape:
        return self._shape(self._records(records))

    def _records(self, records: list[tuple[int, bytes]]) -> Sections:
        packed: list[bytes] = []
        room = MAX_DATA
        for rtype, data in records:
            one = pack_record(POINTER, rtype, self.ttl, data)
            room -= len(one)
            if room >= 0:
                packed.append(one)
        return Sections(len(packed), 0, b"".join(packed))


class TcpOnly(Blocked):
    """An empty, truncated answer: the client comes back over TCP, where the name goes through."""

    __slots__ = ()

    def reply(self, query: Query, via: str | None = None) -> bytes:
        """Return the truncated answer to one query."""
        errors = self._structured_errors(via) if query.structured else self._errors(via)
        return truncated(query, self.rcode, errors[0])
