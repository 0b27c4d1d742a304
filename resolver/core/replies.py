"""Writing DNS messages: blocked answers, local answers, errors, extended errors (RFC 8914).

Everything is made once, by dnslib, from our own text, and put together per query from bytes. A reply is
header, question as asked (case included), and a tail whose only compression pointer is the question's name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import dnslib

from resolver.core import names
from resolver.core import wire as w
from resolver.core.lists.record import ListClass
from resolver.core.lists.rule import Action
from resolver.core.reasons import Reason, brief, structured
from resolver.core.wire import MAX_UDP_REPLY, Query

BLOCKED, CENSORED, FILTERED, PROHIBITED, FORGED = 15, 16, 17, 18, 4
STALE, STALE_NXDOMAIN, CACHED_ERROR, NOT_SUPPORTED = 3, 19, 13, 21
NOT_AUTHORITATIVE, NO_REACHABLE_AUTHORITY, NETWORK_ERROR, INVALID_QUERY_TYPE = 20, 22, 23, 30
SENT_ERRORS = (
    *(STALE, FORGED, CACHED_ERROR, BLOCKED, CENSORED, FILTERED, PROHIBITED, STALE_NXDOMAIN),
    *(NOT_AUTHORITATIVE, NOT_SUPPORTED, NO_REACHABLE_AUTHORITY, NETWORK_ERROR, INVALID_QUERY_TYPE),
)
"""The extended errors of our own making, in order; those of upstream servers are passed on besides."""

_FORGED_CODE = FORGED.to_bytes(2, "big")

CODES = {
    ListClass.POLICY: BLOCKED,
    ListClass.SECURITY: BLOCKED,
    ListClass.LEGAL: CENSORED,
    ListClass.REQUESTED: FILTERED,
}
"""Extended error of a blocked answer by the class of the list that blocks."""


MAX_STRUCTURED = 8
"""Most shapes with a structured error that a blocked answer remembers: one for each type that differs."""


class AnswerMode(StrEnum):
    """How a blocked name is answered."""

    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    NOTICE = "notice"
    NULL = "null"
    REFUSED = "refused"


def _heads(*, authoritative: int = 0, authentic: int = 0) -> tuple[tuple[bytes, ...], ...]:
    return tuple(
        tuple(
            [
                bytes([0x80 | authoritative | bits & 1, 0x80 | authentic | bits & 0x10 | rcode])
                for bits in range(18)
            ]
        )
        for rcode in range(16)
    )


HEADS, HEADS_AA, HEADS_AD = _heads(), _heads(authoritative=0x04), _heads(authentic=0x20)
"""Flag bytes: `HEADS[rcode][wire[2] & 1 | wire[3] & 0x10]`; QR and RA set, RD and CD as asked."""


def opt(options: bytes = b"", *, do: bool = False, extended_rcode: int = 0) -> bytes:
    """Return our OPT record (RFC 6891, section 6.1.2): 11 bytes and the packed options."""
    return b"".join(
        [
            b"\0\0\x29",
            MAX_UDP_REPLY.to_bytes(2, "big"),
            bytes([extended_rcode, 0]),
            b"\x80\0" if do else b"\0\0",
            len(options).to_bytes(2, "big"),
            options,
        ]
    )


def extended_error(code: int, text: str = "") -> bytes:
    """Return an EDNS option that says why (RFC 8914, section 2)."""
    return pack_option(w.EDE, code.to_bytes(2, "big") + text.encode())


def unforged(options: bytes) -> bytes:
    """Return packed extended errors without Forged Answer, which clients of structured errors never get."""
    kept, at = [], 0
    while at < len(options):
        end = at + 4 + int.from_bytes(options[at + 2 : at + 4], "big")
        if options[at + 4 : at + 6] != _FORGED_CODE:
            kept.append(options[at:end])
        at = end
    return b"".join(kept)


def pack_option(code: int, data: bytes) -> bytes:
    """Return one EDNS option: code, length, data."""
    return code.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data


OPT_PLAIN, OPT_DO = opt(), opt(do=True)


class Sections(NamedTuple):
    """Records behind a question: how many answers, authorities and additional ones, and their bytes."""

    answers: int
    authorities: int
    tail: bytes
    additional: int = 0

    def counts(self, more: int) -> bytes:
        """Return the four counts of a header with one question, with so many additional records more."""
        return struct.pack(">4H", 1, self.answers, self.authorities, self.additional + more)


EMPTY = Sections(0, 0, b"")
POINTER = b"\xc0\x0c"
"""The name in the question, as a compression pointer."""
_RNAME = names.from_text("nobody.invalid")


def author(answers: Iterable[str] = (), *, ttl: int, soa: bool = False, zone: bytes = POINTER) -> Sections:
    """Return records that belong to the name in the question, all with one TTL in seconds.

    Each answer is text as in zone files from the type on, such as `"A 192.0.2.1"`. With `soa` a SOA record
    of `zone` follows in the authority section, by the pattern of empty zones (RFC 6303, section 3), so that
    resolvers behind us keep a negative answer just as long.
    """
    records = [record for text in answers for record in dnslib.RR.fromZone(f". {text}")]
    tail = b"".join([pack_record(POINTER, record.rtype, ttl, _rdata(record)) for record in records])
    if soa:
        tail += pack_record(zone, w.SOA, ttl, zone + _RNAME + struct.pack(">5I", 1, 3600, 1200, 604800, ttl))
    return Sections(len(records), int(soa), tail)


def _rdata(record: dnslib.RR) -> bytes:
    """Return RDATA without compression: a pointer would be wrong behind a question of another length."""
    buffer = dnslib.DNSBuffer()
    buffer.encode_name = buffer.encode_name_nocompress
    record.rdata.pack(buffer)
    return bytes(buffer.data)


def pack_record(owner: bytes, rtype: int, ttl: int, data: bytes, rclass: int = w.IN) -> bytes:
    """Return one record; the owner in wire form."""
    return owner + struct.pack(">HHIH", rtype, rclass, ttl, len(data)) + data


ANY_RECORD = pack_record(POINTER, w.HINFO, 3600, b"\7RFC8482\0")  # dnslib has no HINFO
"""What ANY gets: one small record instead of all there is (RFC 8482, section 4.2)."""


class Shape:
    """A reply without its query: sections and options, ready to be put behind any question."""

    __slots__ = ("_counts", "_counts_edns", "_heads", "_options", "_shorter", "_tails", "rcode", "sections")

    def __init__(
        self,
        rcode: int,
        sections: Sections,
        options: Sequence[bytes] = (b"",),
        *,
        authoritative: bool = False,
    ) -> None:
        """`options` are what is given along: the first that fits, the longest of them in front."""
        self.rcode, self.sections = rcode, sections
        self._heads = (HEADS_AA if authoritative else HEADS)[rcode]
        self._counts, self._counts_edns = sections.counts(0), sections.counts(1)
        self._options = options
        self._tails = {do: sections.tail + opt(options[0], do=do) for do in (False, True)}
        self._shorter = {
            do: tuple([sections.tail + opt(one, do=do) for one in options[1:]]) for do in (False, True)
        }

    def parts(self) -> tuple[bytes, bytes, tuple[bytes, bytes, bytes, bytes, bytes]]:
        """Return what a reply is put together from: counts, those with EDNS, and what is behind the question.

        The last are for a query without EDNS, with it, with DO too, and both again with the least options.
        """
        tails = self._tails
        least, least_do = [(tails[do], *self._shorter[do])[-1] for do in (False, True)]
        behind = self.sections.tail, tails[False], tails[True], least, least_do
        return self._counts, self._counts_edns, behind

    def reply(self, query: Query) -> bytes:
        """Return the reply to one query; truncated where not even the shortest fits."""
        wire = query.wire
        head = wire[:2] + self._heads[wire[2] & 1 | wire[3] & 0x10]
        edns = query.edns
        if edns is None:
            reply = head + self._counts + wire[12 : query.end] + self.sections.tail
        elif query.reply_options:
            start = head + self._counts_edns + wire[12 : query.end] + self.sections.tail
            for options in self._options:
                reply = start + opt(options + query.reply_options, do=edns.do)
                if len(reply) <= query.limit:
                    break
        else:
            reply = head + self._counts_edns + wire[12 : query.end] + self._tails[edns.do]
            if len(reply) > query.limit:
                for tail in self._shorter[edns.do]:
                    reply = head + self._counts_edns + wire[12 : query.end] + tail
                    if len(reply) <= query.limit:
                        break
        return reply if len(reply) <= query.limit else truncated(query, self.rcode)


class Blocked:
    """The blocked answer of one list in one mode, for every type."""

    __slots__ = ("_code", "_other", "_reason", "_shapes", "_structured", "mode", "rcode", "ttl")

    def __init__(
        self,
        mode: AnswerMode | Action,
        reason: Reason,
        ttl: int,
        ipv4: Sequence[IPv4Address] = (),
        ipv6: Sequence[IPv6Address] = (),
    ) -> None:
        """`ttl` in seconds; the addresses are the notice page's."""
        self.mode, self.ttl, self.rcode = mode, ttl, _RCODES[mode]
        self._reason = reason
        self._structured: dict[Sections, Shape] = {}
        self._code = FORGED if mode in _FORGED else CODES[reason.list_class]
        texts = {w.A: [f"A {address}" for address in ipv4], w.AAAA: [f"AAAA {address}" for address in ipv6]}
        if mode is AnswerMode.NULL:
            texts = {w.A: ["A 0.0.0.0"], w.AAAA: ["AAAA ::"]}
        elif mode is not AnswerMode.NOTICE:
            texts = {}
        self._shapes = {
            rtype.to_bytes(2, "big") + b"\0\1": self._shape(author(given, ttl=ttl))
            for rtype, given in texts.items()
            if given
        }
        self._other = self._shape(author(ttl=ttl, soa=True) if self.rcode != w.REFUSED else EMPTY)

    def reply(self, query: Query, via: str | None = None) -> bytes:
        """Return the blocked answer to one query; `via` is the blocked name or address that it led to."""
        shape = self._shapes.get(query.kind, self._other)
        if query.structured or (via is not None and query.edns is not None):
            shape = self._shape_for(query, shape.sections, via)
        return shape.reply(query)

    def shape(self, kind: bytes) -> Shape:
        """Return the answer for a type and class as they stand in a question."""
        return self._shapes.get(kind, self._other)

    def _shape_for(self, query: Query, sections: Sections, via: str | None) -> Shape:
        """Return some sections with the reason in the form that the client reads."""
        if not query.structured:
            return self._shape(sections, via)
        known = self._structured.get(sections) if via is None else None
        if known is None:
            known = Shape(self.rcode, sections, self._structured_errors(via))
            if via is None and len(self._structured) < MAX_STRUCTURED:
                self._structured[sections] = known
        return known

    def _shape(self, sections: Sections, via: str | None = None) -> Shape:
        return Shape(self.rcode, sections, self._errors(via))

    def _errors(self, via: str | None) -> tuple[bytes, ...]:
        """Return the extended errors for a client that reads plain ones, the longest first."""
        text = brief(self._about(via))
        return extended_error(self._code, text), extended_error(self._code)

    def _structured_errors(self, via: str | None) -> tuple[bytes, ...]:
        """Return those for a client that reads structured ones: it is told of no forged answer."""
        code = CODES[self._reason.list_class]
        return tuple([extended_error(code, text) for text in (*structured(self._about(via)), "")])

    def _about(self, via: str | None) -> Reason:
        return self._reason if via is None else replace(self._reason, via=via)


_RCODES = {
    AnswerMode.NXDOMAIN: w.NXDOMAIN,
    AnswerMode.NODATA: w.NOERROR,
    AnswerMode.NOTICE: w.NOERROR,
    AnswerMode.NULL: w.NOERROR,
    AnswerMode.REFUSED: w.REFUSED,
    Action.DATA: w.NOERROR,
    Action.TCP_ONLY: w.NOERROR,
    Action.DROP: w.REFUSED,
}
_FORGED = (AnswerMode.NOTICE, AnswerMode.NULL, Action.DATA)


def error(wire: bytes, rcode: int) -> bytes:
    """Return a bare error, 12 bytes, to a message whose question we cannot or will not read.

    Of the message its header is needed: ID, opcode, RD and CD are as it has them.
    """
    return wire[:2] + bytes([0x80 | wire[2] & 0x79, 0x80 | wire[3] & 0x10 | rcode]) + bytes(8)


def bare(wire: bytes, rcode: int, options: bytes, *, do: bool) -> bytes:
    """Return a reply without a question to a message that has none either, with options for its sender."""
    head = wire[:2] + HEADS[rcode & 15][wire[2] & 1 | wire[3] & 0x10]
    return head + b"\0\0\0\0\0\0\0\1" + opt(options, do=do, extended_rcode=rcode >> 4)


def failure(query: Query, rcode: int, options: bytes = b"") -> bytes:
    """Return an empty reply with an RCODE, extended ones too, and the options where the client has EDNS."""
    wire = query.wire
    head = wire[:2] + HEADS[rcode & 15][wire[2] & 1 | wire[3] & 0x10]
    question = wire[12 : query.end]
    if query.edns is None:
        return head + b"\0\1\0\0\0\0\0\0" + question
    if query.structured:
        options = unforged(options)
    record = opt(options + query.reply_options, do=query.edns.do, extended_rcode=rcode >> 4)
    if w.HEADER_SIZE + len(question) + len(record) > query.limit:
        record = opt(query.reply_options, do=query.edns.do, extended_rcode=rcode >> 4)
    return head + b"\0\1\0\0\0\0\0\1" + question + record


def truncated(query: Query, rcode: int = w.NOERROR, options: bytes = b"") -> bytes:
    """Return an empty reply with TC set, so that the client asks again over TCP; OPT stays."""
    reply = bytearray(failure(query, rcode, options))
    reply[2] |= 0x02
    return bytes(reply)
