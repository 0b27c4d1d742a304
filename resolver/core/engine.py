"""The one path of a query: what we know is answered, what we do not know is asked upstream.

The engine decides above the cache, so an edited list acts on the next query, on cached names too.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from resolver.core import cache as c
from resolver.core import names, replies
from resolver.core import wire as w
from resolver.core.cache import Ageing, AnswerCache, Entry
from resolver.core.cookies import BADCOOKIE, COOKIE, Cookies
from resolver.core.edns import read_opt
from resolver.core.errors import WireError
from resolver.core.identity import ANONYMOUS, NSID, Identity
from resolver.core.lists.rule import Effect
from resolver.core.networks import Address
from resolver.core.policy import PASS, Profile, Verdict
from resolver.core.replies import extended_error
from resolver.core.routes import LocalZone, Routes
from resolver.core.source import Source
from resolver.core.wire import Answer, Query, parse_query

_ANY_REPLY = replies.Shape(w.NOERROR, replies.Sections(1, 0, replies.ANY_RECORD))
_ADDRESSES = [rtype.to_bytes(2, "big") + b"\0\1" for rtype in (w.A, w.AAAA)]
_NO_TYPES = {
    **dict.fromkeys((0, w.OPT, *range(249, 255)), (w.NOTIMP, extended_error(replies.NOT_SUPPORTED))),
    w.NXNAME: (w.FORMERR, extended_error(replies.INVALID_QUERY_TYPE)),
}
"""What is not asked for, and its error: meta types and zone transfers (RFC 6895, section 3.1), and the type
that only denials hold (RFC 9824, section 3.5)."""
NOT_AUTHORITATIVE = extended_error(replies.NOT_AUTHORITATIVE)
_NO_ERROR = (b"", b"\0\0")
"""Extended errors that say nothing: none at all, or `other` without a text (up to draft 09)."""
LONG_QUERY = 256
"""A query longer than so many bytes is shortened before it waits for upstream."""


class Reply:
    """A finished answer, and what observers want to know of it. `refresh`: worth asking again by now."""

    __slots__ = ("query", "rcode", "refresh", "source", "verdict", "wire")

    def __init__(
        self,
        wire: bytes,
        query: Query | None,
        source: Source,
        rcode: int,
        verdict: Verdict = PASS,
        refresh: bool = False,
    ) -> None:
        """`query` is None for an error reply to a message without a question that we could read."""
        self.wire, self.query, self.source, self.rcode = wire, query, source, rcode
        self.verdict, self.refresh = verdict, refresh

    @property
    def via(self) -> str:
        """The blocked name or address that the answer led to, where that is not the name asked."""
        return ""


class LedReply(Reply):
    """A blocked answer to a name that is not blocked itself; what it led to is."""

    __slots__ = ("_via",)

    def __init__(self, wire: bytes, query: Query, rcode: int, verdict: Verdict, via: str) -> None:
        super().__init__(wire, query, Source.BLOCKED, rcode, verdict)
        self._via = via

    @property
    def via(self) -> str:
        """The blocked name or address that the answer led to."""
        return self._via


class Forward:
    """A question for upstream. `stale` is an old answer to fall back to, if there is one."""

    __slots__ = ("query", "stale", "upstream", "verdict")

    def __init__(self, query: Query, upstream: str, stale: Entry | None, verdict: Verdict) -> None:
        self.query, self.upstream, self.stale, self.verdict = query, upstream, stale, verdict


class Drop:
    """Something that gets no answer, and why (a fixed word); `query` where it is a list that wants it so."""

    __slots__ = ("query", "reason", "verdict", "via")

    def __init__(
        self, reason: str, verdict: Verdict = PASS, query: Query | None = None, via: str = ""
    ) -> None:
        self.reason, self.verdict, self.query, self.via = reason, verdict, query, via


Outcome = Reply | Forward | Drop

NOT_A_QUERY = Drop("not_a_query")


class Engine:
    """Everything that answering needs but sockets and clocks. Its parts are replaced, never changed."""

    __slots__ = ("ageing", "cache", "cookies", "identity", "routes", "signal")

    def __init__(
        self,
        cache: AnswerCache,
        ageing: Ageing,
        routes: Routes,
        cookies: Cookies | None = None,
        identity: Identity = ANONYMOUS,
        signal: int | None = w.SDE,
    ) -> None:
        """`cookies` makes server cookies; None: the clients' are ignored.

        `signal` is the EDNS option by which a client asks for structured errors; None: it gets none.
        """
        self.cache, self.ageing, self.routes, self.cookies = cache, ageing, routes, cookies
        self.signal, self.identity = signal, identity

    def handle(
        self, wire: bytes, profile: Profile, now: float, *, stream: bool = False, address: bytes = b""
    ) -> Outcome:
        """Answer from what we know, or say what to ask upstream.

        `now` is monotonic seconds, `address` the client's, in network order.
        """
        try:
            query = parse_query(wire, stream=stream)
            if query.edns is not None and query.edns.options:
                self.take_options(query, address, now)
        except WireError:
            return self._without_question(wire, address, now) or reject(wire)
        if query.edns is not None and query.edns.version:
            return _error(query, w.BADVERS)
        verdict = profile.find(query.name)
        if verdict.unusual:
            verdict = verdict.settle(query.qtype, stream=stream)
            if verdict.drops:
                return Drop("blocked", verdict, query)
        if verdict.answer is not None:
            return Reply(verdict.answer.reply(query), query, Source.BLOCKED, verdict.answer.rcode, verdict)
        entry = self.cache.get(query.key)
        if entry is not None and now < entry.expires:
            self.cache.count_hit()
            return self.deliver(query, profile, verdict, entry, now, Source.CACHE)
        return self._find(query, profile, verdict, entry, now)

    def take_options(self, query: Query, address: bytes, now: float) -> None:
        """See to it that the reply has what the query asks for: cookie, our id, structured errors.

        Of several cookies the first counts (RFC 7873, section 5.2); we are asked for our id whatever stands
        in the option (RFC 5001, section 2.1). Before there was an option for structured errors, clients asked
        for them by an extended error that says nothing. Raises WireError.
        """
        options = () if query.edns is None else query.edns.options
        cookies = [data for code, data in options if code == COOKIE]
        if cookies and self.cookies is not None:
            query.reply_options = self.cookies.answer(cookies[0], address, now)
        if self.identity.nsid and NSID in [code for code, _ in options]:
            query.reply_options += self.identity.nsid
        if self.signal is not None:
            signals = [code for code, data in options if code != w.EDE or data in _NO_ERROR]
            query.structured = self.signal in signals or w.EDE in signals

    def _without_question(self, wire: bytes, address: bytes, now: float) -> Reply | None:
        """Answer a message that has no question and asks for a cookie (RFC 7873, section 5.4)."""
        if self.cookies is None or wire[2:3] not in (b"\0", b"\1") or wire[4:15] != w.NOTHING_BUT_OPT:
            return None
        try:
            edns = read_opt(wire[w.HEADER_SIZE :])
            cookie = next(data for code, data in edns.options if code == COOKIE)
            options = self.cookies.answer(cookie, address, now)
        except (WireError, StopIteration):
            return None
        rcode = w.NOERROR if self.cookies.holds(cookie, address, now) else BADCOOKIE
        return Reply(replies.bare(wire, rcode, options, do=edns.do), None, Source.LOCAL, rcode)

    def deliver(
        self, query: Query, profile: Profile, verdict: Verdict, entry: Entry, now: float, source: Source
    ) -> Reply | Drop:
        """Answer a query from an entry, unless that leads to a name or address blocked for its client."""
        if (entry.aliases or profile.judges_addresses) and profile.key not in entry.cleared:
            outcome = judge_leads(query, entry, profile, verdict)
            if not isinstance(outcome, Verdict):
                return outcome
            verdict = outcome
        entry.hits += 1
        if entry.failures:
            source = Source.ERROR
        refresh = now >= entry.refresh_at and entry.hits >= c.POPULAR
        if refresh:
            entry.refresh_at = float("inf")  # once
        return Reply(entry.reply(query, now), query, source, entry.rcode, verdict, refresh)

    def deliver_stale(self, query: Query, profile: Profile, verdict: Verdict, entry: Entry) -> Reply | Drop:
        """Answer a query from an entry that has expired (RFC 8767), never for a name that is blocked."""
        outcome = judge_leads(query, entry, profile, verdict)
        if not isinstance(outcome, Verdict):
            return outcome
        entry.hits += 1
        return Reply(entry.stale_reply(query), query, Source.STALE, entry.rcode, outcome)

    def accept(self, key: bytes, answer: Answer, now: float) -> Entry:
        """Keep an answer from upstream as long as it may be kept; return it ready for delivery.

        What was known before goes in any case: it is out of date now, also as a stale answer (RFC 8767,
        section 4).
        """
        entry = c.from_answer(answer, self.ageing, now)
        if entry.ttl > 0:
            return self.cache.put(key, entry)
        self.cache.drop(key)
        return entry

    def prepare(self, answer: Answer, now: float) -> Entry:
        """Return an answer from upstream ready for delivery, without keeping it."""
        return c.from_answer(answer, self.ageing, now)

    def fail(self, key: bytes, options: bytes, now: float) -> None:
        """Remember that a question could not be answered, for a while that grows (RFC 9520).

        The row of failures ends where nobody asked for long. An old answer stays, and is given for some time
        without asking again.
        """
        known = self.cache.get(key)
        if known is not None and not known.failed and now < known.stale_until:
            known.retry_at = now + c.RECHECK_S
            return
        in_a_row = known.failures if known and now < known.expires + c.LONGEST_FAILURE_S else 0
        self.cache.put(key, c.from_failure(options, in_a_row + 1, now))

    def _find(
        self, query: Query, profile: Profile, verdict: Verdict, expired: Entry | None, now: float
    ) -> Outcome:
        """Go on with a query that neither policy nor cache answers."""
        about_us = self.identity.answer(query)
        if about_us is not None:
            return Reply(about_us.reply(query), query, Source.LOCAL, about_us.rcode, verdict)
        if not query.is_internet:
            return _error(query, w.REFUSED, extended_error(replies.NOT_SUPPORTED))
        if query.qtype in _NO_TYPES:
            return _error(query, *_NO_TYPES[query.qtype])
        route = self.routes.find(query.name, query.qtype)
        if isinstance(route, LocalZone):
            exists = query.name in self.routes.existing or query.name in self.identity.existing
            shape = route.shape(query, exists)
            return Reply(shape.reply(query), query, Source.LOCAL, shape.rcode, verdict)
        if query.qtype == w.ANY:
            return self._answer_any(query, verdict, now)
        if not query.wire[2] & 1:  # no recursion desired, and nothing known
            return _error(query, w.REFUSED, NOT_AUTHORITATIVE)
        self.cache.count_miss()
        stale = expired if expired is not None and now < expired.stale_until else None
        if stale is not None and now < stale.retry_at:
            return self.deliver_stale(query, profile, verdict, stale)
        return Forward(query if len(query.wire) <= LONG_QUERY else shortened(query), route, stale, verdict)

    def _answer_any(self, query: Query, verdict: Verdict, now: float) -> Reply:
        """Answer ANY with one small record, or with NXDOMAIN where that is known: never by asking upstream.

        A denial behind an alias is of another name.
        """
        flags = query.key[len(query.name) + len(query.kind) :]
        for kind in _ADDRESSES:
            known = self.cache.get(query.name + kind + flags)
            if known is not None and known.rcode == w.NXDOMAIN and not known.aliases and now < known.expires:
                return Reply(known.reply(query, now), query, Source.CACHE, w.NXDOMAIN, verdict)
        return Reply(_ANY_REPLY.reply(query), query, Source.LOCAL, w.NOERROR, verdict)


def reject(wire: bytes) -> Reply | Drop:
    """Return FORMERR or NOTIMP; Drop for what is not a query at all, or two servers would loop."""
    if len(wire) < w.HEADER_SIZE or wire[2] & 0x80:
        return NOT_A_QUERY
    rcode = w.NOTIMP if wire[2] & 0x78 else w.FORMERR
    return Reply(replies.error(wire, rcode), None, Source.ERROR, rcode)


def shortened(query: Query) -> Query:
    """Return a query without what nobody needs to answer it: its EDNS options, all behind its question."""
    edns = None if query.edns is None else query.edns._replace(options=())
    kept = query.limit, query.reply_options, query.structured
    return Query(query.wire[: query.end], query.name, query.end, edns, *kept)


def judge_leads(query: Query, entry: Entry, profile: Profile, verdict: Verdict) -> Reply | Drop | Verdict:
    """Return the blocked answer if an entry leads to what is blocked for the client.

    Otherwise return the verdict, with the list in shadow that would have blocked. `verdict` is that of the
    name asked: a rule that allows it weighs against a block of what it leads to as they would for one name.
    """
    seen, lasting = verdict, True
    for found, via in _leads(entry, profile):
        settled = found
        if found.unusual:
            settled, lasting = found.settle(query.qtype, stream=query.limit == w.MAX_STREAM_REPLY), False
        if settled.blocks and _outranks(settled.effect, verdict):
            return _block(query, settled, via)
        shadow = settled.shadow
        if shadow is not None and shadow.blocks and seen.shadow is None and _outranks(shadow.effect, verdict):
            seen = verdict.shadowed(shadow)
    if lasting and seen is verdict:
        entry.cleared = (*entry.cleared[-7:], profile.key)
    return seen


def _leads(entry: Entry, profile: Profile) -> Iterator[tuple[Verdict, bytes | Address]]:
    """Yield what an entry leads to, judged: names, and addresses where there are rules about these."""
    for alias in entry.aliases:
        yield profile.find(alias), alias
    if profile.judges_addresses:
        for packed in entry.addresses():
            yield profile.judge_address(packed), ip_address(packed)


def _block(query: Query, verdict: Verdict, via: bytes | Address) -> Reply | Drop:
    text = names.to_text(via) if isinstance(via, bytes) else str(via)
    if verdict.answer is None or verdict.drops:
        return Drop("blocked", verdict, query, text)
    wire = verdict.answer.reply(query, text)
    return LedReply(wire, query, verdict.answer.rcode, verdict, text)


def _outranks(effect: Effect | None, verdict: Verdict) -> bool:
    return effect is not None and (verdict.effect is None or effect > verdict.effect)


def _error(query: Query, rcode: int, options: bytes = b"") -> Reply:
    return Reply(replies.failure(query, rcode, options), query, Source.ERROR, rcode)
