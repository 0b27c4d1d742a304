"""Reading DNS messages that came from the network (RFC 1035, section 4; RFC 6891).

Everything here is strict, linear in the length of the message, and raises WireError and nothing else. A
forwarder needs the question, the EDNS record, where the TTLs are and where an answer leads; the rest of a
message stays the bytes it is, so record types that nobody has heard of yet pass.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from resolver.core import names
from resolver.core.edns import Edns, read_opt
from resolver.core.errors import WireError

HEADER_SIZE = 12
MAX_UDP_REPLY = 1232
"""Largest UDP reply that we send and ask for, in bytes; above it fragments get lost (DNS Flag Day 2020)."""
MIN_UDP_REPLY, MAX_STREAM_REPLY = 512, 65535
MAX_RECORDS = 1024
"""Most records that an answer may have; some four times what real answers have, and a millisecond to read."""
MAX_ALIASES = 64
MAX_POINTERS = 16
"""Most compression pointers followed for one name; real messages use two or three."""

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN = range(7)
BADVERS = 16
A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, DNAME = 1, 2, 5, 6, 12, 13, 15, 16, 28, 39
OPT, DS, SVCB, HTTPS, NXNAME, IXFR, AXFR, ANY = 41, 43, 64, 65, 128, 251, 252, 255
RESINFO = 261
IN, CH = 1, 3
EDE = 15
"""EDNS option code of the extended DNS error (RFC 8914, section 2)."""
SDE = 65015
"""EDNS option code by which clients ask for structured errors, until one is assigned: of those for local use
(RFC 6891, section 9)."""

MAX_TTL = 0x7FFFFFFF
"""Largest TTL in seconds; one with the top bit set means 0 (RFC 2181, section 8)."""

_SECTIONS = struct.Struct(">3H")
_RECORD = struct.Struct(">HHIH")
_ONE_QUESTION = b"\0\1\0\0\0\0\0\0"
_ONE_QUESTION_ONE_MORE = b"\0\1\0\0\0\0\0\1"
NOTHING_BUT_OPT = b"\0\0\0\0\0\0\0\1" + b"\0\0\x29"
"""Counts of a message without a question, and how its OPT record begins."""
_IN_BYTES = b"\0\1"
_IXFR_BYTES = IXFR.to_bytes(2, "big")
"""Such a query alone has a record: the SOA that its client has (RFC 1995, section 3)."""


class Query:
    """One question as a client asked it.

    `name` is canonical, `kind` is type and class as they stand in the question, `end` is where the question
    ends in `wire`, `limit` is the largest reply in bytes; `reply_options` are options that its reply gets,
    packed, because it asks for them. `structured` says that the client reads structured errors.
    """

    __slots__ = ("edns", "end", "kind", "limit", "name", "reply_options", "structured", "wire")

    def __init__(
        self,
        wire: bytes,
        name: bytes,
        end: int,
        edns: Edns | None,
        limit: int,
        reply_options: bytes = b"",
        structured: bool = False,
    ) -> None:
        self.wire = wire
        self.reply_options = reply_options
        self.structured = structured
        self.name = name
        self.end = end
        self.edns = edns
        self.limit = limit
        self.kind = wire[end - 4 : end]

    @property
    def key(self) -> bytes:
        """What tells answers apart: name, kind, DO, CD. Made when asked for: blocked answers do without."""
        edns = self.edns
        checking_disabled = self.wire[3] & 0x10
        if edns is None:
            return self.name + self.kind + b"\1" if checking_disabled else self.name + self.kind
        return self.name + self.kind + _KEY_FLAGS[edns.do, checking_disabled]

    @property
    def qtype(self) -> int:
        """The type asked for, as a number."""
        return self.kind[0] << 8 | self.kind[1]

    @property
    def is_internet(self) -> bool:
        """Whether the class asked for is IN."""
        return self.kind[2:] == _IN_BYTES

    @property
    def do(self) -> bool:
        """Whether DNSSEC records are wanted (RFC 3225)."""
        return self.edns is not None and self.edns.do

    @property
    def wants_ad(self) -> bool:
        """Whether the AD bit means something to the client (RFC 6840, section 5.7)."""
        return bool(self.wire[3] & 0x20) or self.do


_KEY_FLAGS = {(False, 0): b"", (False, 0x10): b"\1", (True, 0): b"\2", (True, 0x10): b"\3"}


def parse_query(wire: bytes, *, stream: bool = False, max_udp: int = MAX_UDP_REPLY) -> Query:
    """Read a query: one question, at most one OPT record, nothing behind.

    `stream` is for TCP and what is built on it, where a reply may be long. Raises WireError; for a message
    of another opcode too, since its question section may mean something else.
    """
    try:
        if wire[2] & 0xF8:
            raise WireError("not a standard query")
        at = HEADER_SIZE
        while length := wire[at]:
            if length > 63:
                raise WireError("compressed or reserved label in a question")
            at += length + 1
        end = at + 5
        if at > 266:
            raise WireError("name over 255 bytes")
        counts = wire[4:12]
        if counts == _ONE_QUESTION and end == len(wire):
            limit = MAX_STREAM_REPLY if stream else MIN_UDP_REPLY
            return Query(wire, wire[12 : at + 1].lower(), end, None, limit)
        edns = _query_edns(wire, counts, end)
    except IndexError:
        raise WireError("query cut short") from None
    limit = MIN_UDP_REPLY if edns is None else min(max(edns.payload, MIN_UDP_REPLY), max_udp)
    return Query(wire, wire[12 : at + 1].lower(), end, edns, MAX_STREAM_REPLY if stream else limit)


def _query_edns(wire: bytes, counts: bytes, end: int) -> Edns | None:
    """Read what follows the question of a query."""
    if end > len(wire):
        raise IndexError
    if counts == _ONE_QUESTION_ONE_MORE and wire[end : end + 3] == b"\0\0\x29":
        return read_opt(wire[end:])
    questions, answers, authorities, additional = struct.unpack(">4H", counts)
    if questions != 1:
        raise WireError("not one question")
    if answers or authorities > (wire[end - 4 : end - 2] == _IXFR_BYTES):
        raise WireError("records in a query")
    records = _records(wire, end, authorities + additional)
    if (records[-1][2] if records else end) != len(wire):
        raise WireError("bytes behind the message")
    found = [wire[start:stop] for start, _, stop, rtype, _ in records[authorities:] if rtype == OPT]
    if len(found) > 1:
        raise WireError("two OPT records")
    return read_opt(found[0]) if found else None


class Answer(NamedTuple):
    """What a forwarder has to know of an answer from upstream.

    `body` is all behind the question without OPT (and without what followed OPT); `counts` are the records
    in answer, authority and additional section of it; `ttls` are (offset in body, seconds). `negative_ttl`
    is None without a SOA record in the authority section. `aliases` are the canonical names that it leads to.
    `empty` says that no answer is of the type asked for, such as an alias that leads to nothing; `referral`
    that a server which does not recurse names others.
    """

    rcode: int
    truncated: bool
    authentic: bool
    edns: Edns | None
    body: bytes
    counts: tuple[int, int, int]
    ttls: tuple[tuple[int, int], ...]
    min_ttl: int
    negative_ttl: int | None
    aliases: tuple[bytes, ...]
    empty: bool = True
    referral: bool = False


def parse_answer(wire: bytes, question: bytes) -> Answer | None:
    """Read an answer to `question` (name, type, class as we sent them), or None if it answers another.

    The question is compared byte for byte; only a bare error may do without it. Of a truncated answer only
    the header is read, since it may be cut anywhere. One of over MAX_RECORDS is read as SERVFAIL: its server
    did answer, and to wait for another would only cost more. Raises WireError.
    """
    if len(wire) < HEADER_SIZE:
        raise WireError("answer shorter than a header")
    if not _answers(wire, question):
        return _bare_error(wire)
    start = HEADER_SIZE + len(question)
    rcode, authentic = wire[3] & 0x0F, bool(wire[3] & 0x20)
    if wire[2] & 0x02:
        return Answer(rcode, True, False, None, b"", (0, 0, 0), (), 0, None, ())
    answers, authorities, additional = _SECTIONS.unpack_from(wire, 6)
    if answers + authorities + additional > MAX_RECORDS:
        return Answer(SERVFAIL, False, False, None, b"", (0, 0, 0), (), 0, None, ())
    records = _records(wire, start, answers + authorities + additional)
    types = [rtype for _, _, _, rtype, _ in records]
    edns = None
    if OPT in types:
        place = types.index(OPT)
        if place < answers + authorities or OPT in types[place + 1 :]:
            raise WireError("OPT record where none may be")
        first, _, end, _, _ = records[place]
        edns = read_opt(wire[first:end])
        rcode |= edns.extended_rcode << 4
        # what follows OPT is additional, so nobody needs it, and it may point behind what we cut out
        del records[place:], types[place:]
    return Answer(
        rcode,
        False,
        authentic,
        edns,
        wire[start : records[-1][2]] if records else b"",
        (answers, authorities, len(records) - answers - authorities),
        tuple([(data - 6 - start, ttl) for _, data, _, _, ttl in records]),
        min([ttl for _, _, _, _, ttl in records], default=0),
        _negative_ttl(wire, records[answers : answers + authorities]) if SOA in types else None,
        () if _LEADS_ON.isdisjoint(types) else _aliases(wire, records, question[:-4]),
        question[-4] << 8 | question[-3] not in types[:answers],
        not (rcode or answers or wire[2] & 0x04 or wire[3] & 0x80 or SOA in types)
        and NS in types[:authorities],
    )


_Record = tuple[int, int, int, int, int]
"""Where a record starts, where its RDATA starts and ends, its type, its TTL. Plain, since there are many."""


def _records(wire: bytes, at: int, count: int) -> list[_Record]:
    if count > MAX_RECORDS:
        raise WireError("too many records")
    found, size = [], len(wire)
    for _ in range(count):
        start = at
        at = _skip_name(wire, at) + 10
        if at > size:
            raise WireError("record cut short")
        rtype, _, ttl, length = _RECORD.unpack_from(wire, at - 10)
        data = at
        at += length
        if at > size:
            raise WireError("record cut short")
        found.append((start, data, at, rtype, ttl if ttl <= MAX_TTL else 0))
    return found


def _answers(wire: bytes, question: bytes) -> bool:
    """Say whether this is a response to a standard query with this one question."""
    return (
        wire[2] & 0xF8 == 0x80
        and wire[4:6] == b"\0\1"
        and wire[HEADER_SIZE : HEADER_SIZE + len(question)] == question
    )


def _bare_error(wire: bytes) -> Answer | None:
    """Return the error of a server that sends its header alone, as some do where they cannot read a query.

    Some put their OPT record behind it. Raises WireError for one that cannot be read.
    """
    rcode, edns = wire[3] & 0x0F, None
    if wire[4:15] == NOTHING_BUT_OPT:
        edns = read_opt(wire[HEADER_SIZE:])
        rcode |= edns.extended_rcode << 4
    elif wire[4:] != bytes(8):
        return None
    if wire[2] & 0xF8 != 0x80 or rcode not in _BARE_ERRORS:
        return None
    return Answer(rcode, False, False, edns, b"", (0, 0, 0), (), 0, None, ())


_BARE_ERRORS = frozenset((FORMERR, SERVFAIL, NOTIMP, REFUSED, BADVERS))
_LEADS_ON = frozenset((CNAME, DNAME, SVCB, HTTPS))


def _aliases(wire: bytes, records: list[_Record], asked: bytes) -> tuple[bytes, ...]:
    """Return the names that the records lead to from the one asked, canonical.

    A DNAME record leads to what it makes of the name that the aliases before it came to, not to its target.
    """
    targets, name = [], asked
    for start, data, end, rtype, _ in records:
        if rtype not in _LEADS_ON:
            continue
        bound = rtype in (SVCB, HTTPS)  # these have a priority in front and parameters behind
        target, after = read_name(wire, data + 2 if bound else data)
        if after > end or (after != end and not bound):
            raise WireError("target and record length differ")
        if rtype == DNAME:
            target = _mapped(name, read_name(wire, start)[0], target)
        if not bound and target != names.ROOT:
            name = target
        targets.append(target)
        if len(targets) > MAX_ALIASES:
            raise WireError("too many aliases")
    # "." in SVCB: the owner itself (RFC 9460, section 2.5)
    return tuple([target for target in targets if target != names.ROOT])


def _mapped(name: bytes, owner: bytes, target: bytes) -> bytes:
    """Return what a DNAME record makes of a name (RFC 6672, section 2.2); the root of one not below it."""
    mapped = name[: -len(owner)] + target
    within = name != owner and names.is_within(name, owner)
    return mapped if within and len(mapped) <= names.MAX_NAME else names.ROOT


def _negative_ttl(wire: bytes, authority: list[_Record]) -> int | None:
    """Return the lesser of the SOA record's TTL and its MINIMUM, in seconds (RFC 2308, section 5)."""
    for _, data, end, rtype, ttl in authority:
        if rtype == SOA:
            at = _skip_name(wire, _skip_name(wire, data))
            if at + 20 != end:
                raise WireError("SOA record of a wrong length")
            return min(ttl, int.from_bytes(wire[at + 16 : at + 20], "big"))
    return None


def read_name(wire: bytes, at: int) -> tuple[bytes, int]:
    """Read a name, compressed or not: its canonical form, and where it ends in the message.

    A pointer has to go backwards, before the piece of the name that it stands in, so no loop is possible;
    at most MAX_POINTERS are followed. Raises WireError.
    """
    pieces, total, after, bound, hops, size = [], 1, 0, at, 0, len(wire)
    while True:
        if at >= size:
            raise WireError("name cut short")
        length = wire[at]
        if length == 0:
            break
        if length < 64:
            total += length + 1
            if total > 255:
                raise WireError("name over 255 bytes")
            if at + length + 1 > size:
                raise WireError("label cut short")
            pieces.append(wire[at : at + length + 1])
            at += length + 1
            continue
        if length < 0xC0:
            raise WireError("reserved label type")
        if at + 1 >= size:
            raise WireError("pointer cut short")
        target = (length & 0x3F) << 8 | wire[at + 1]
        hops += 1
        if target >= bound or target < HEADER_SIZE or hops > MAX_POINTERS:
            raise WireError("pointer that does not go back")
        after = after or at + 2
        at = bound = target
    return b"".join(pieces).lower() + b"\0", after or at + 1


def _skip_name(wire: bytes, at: int) -> int:
    """Return where the name at `at` ends. What a pointer leads to is not read. Raises WireError."""
    start, size = at, len(wire)
    while at < size:
        length = wire[at]
        if length == 0:
            if at - start > 254:
                raise WireError("name over 255 bytes")
            return at + 1
        if length >= 64:
            if length < 0xC0:
                raise WireError("reserved label type")
            if at + 1 >= size:
                break
            target = (length & 0x3F) << 8 | wire[at + 1]
            if target >= start or target < HEADER_SIZE:
                raise WireError("pointer that does not go back")
            if at - start > 254:
                raise WireError("name over 255 bytes")
            return at + 2
        at += length + 1
    raise WireError("name cut short")
