"""Which names are asked where, and which are answered here and never leave the network.

Special-use names (RFC 6761), locally served reverse zones (RFC 6303, RFC 7793), home.arpa (RFC 8375),
.onion (RFC 7686), .local (RFC 6762), .alt (RFC 9476) and resolver.arpa (RFC 9462, section 6.4) stay here
unless a route of the owner says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from resolver.core import names
from resolver.core import wire as w
from resolver.core.replies import ANY_RECORD, POINTER, Sections, Shape, author, pack_record
from resolver.core.wire import Query

LOCAL_TTL = 3600
"""TTL of local answers in seconds; they only change with the program."""

_NEGATIVE_ONLY = "invalid onion test local alt home.arpa"
_REVERSE = (
    "0.in-addr.arpa 10.in-addr.arpa 127.in-addr.arpa 254.169.in-addr.arpa 168.192.in-addr.arpa "
    "2.0.192.in-addr.arpa 100.51.198.in-addr.arpa 113.0.203.in-addr.arpa 255.255.255.255.in-addr.arpa "
    + " ".join(f"{octet}.172.in-addr.arpa" for octet in range(16, 32))
    + " "
    + " ".join(f"{octet}.100.in-addr.arpa" for octet in range(64, 128))
    + f" {'0.' * 32}ip6.arpa 1.{'0.' * 31}ip6.arpa d.f.ip6.arpa 8.e.f.ip6.arpa 9.e.f.ip6.arpa "
    "a.e.f.ip6.arpa b.e.f.ip6.arpa 8.b.d.0.1.0.0.2.ip6.arpa"
)
_ARPA = names.from_text("arpa")
_PTR, _SOA, _NS, _ANY = [rtype.to_bytes(2, "big") + b"\0\1" for rtype in (w.PTR, w.SOA, w.NS, w.ANY)]


def _shape(answer: bytes) -> Shape:
    return Shape(w.NOERROR, Sections(1, 0, answer), authoritative=True)


_ANY_REPLY = _shape(ANY_RECORD)
_APEX = {
    _ANY: _ANY_REPLY,
    _SOA: _shape(author(ttl=LOCAL_TTL, soa=True).tail),
    _NS: _shape(pack_record(POINTER, w.NS, LOCAL_TTL, POINTER)),
}
"""What every zone has at its apex, whatever its name (RFC 6303, section 3): it is its own name server."""


class LocalZone:
    """A zone that is answered here: names with records, NODATA above them, NXDOMAIN elsewhere."""

    __slots__ = ("_empty", "_names", "_nothing", "_subtree", "apex", "delegated")

    def __init__(
        self,
        apex: bytes,
        records: Mapping[bytes, Mapping[bytes, str]] | None = None,
        *,
        subtree: bool = False,
        bare: bool = False,
    ) -> None:
        """`records` are answers by name and kind; with `subtree` what the apex has holds for every name.

        A `bare` zone has no SOA and NS records to ask for.
        """
        self.apex = apex
        self._names: dict[bytes, dict[bytes, Shape]] = {apex: {}}
        for name, kinds in (records or {}).items():
            for parent in names.parents(name):
                if names.is_within(parent, apex):
                    self._names.setdefault(parent, {})  # nothing exists below what does not (RFC 8020)
            shapes = {kind: _shape(author([text], ttl=LOCAL_TTL).tail) for kind, text in kinds.items()}
            self._names[name] = {_ANY: _ANY_REPLY, **shapes}
        self._subtree = self._names[apex] if subtree else None
        self.delegated = names.is_within(apex, _ARPA) and not subtree
        """Whether the zone above has to answer for DS: where it delegates this one (RFC 8375, section 4).

        Without its proof that there is no DS record, a client that validates takes what we say for forged.
        Nothing of .onion and its like is delegated, and nothing of resolver.arpa may leave.
        """
        if not bare:
            self._names[apex] = {**self._names[apex], **_APEX}
        soa = author(ttl=LOCAL_TTL, soa=True, zone=apex)
        self._empty = Shape(w.NOERROR, soa, authoritative=True)
        self._nothing = Shape(w.NXDOMAIN, soa, authoritative=True)

    def shape(self, query: Query, exists: bool = False) -> Shape:
        """Return the answer to a query for a name here; `exists`: it is there, if not by this zone."""
        kinds = self._names.get(query.name, self._subtree)
        if kinds is None:
            return self._empty if exists else self._nothing
        return kinds.get(query.kind, self._empty)


def _local_zones() -> dict[bytes, LocalZone]:
    zones = {}
    for text in f"{_NEGATIVE_ONLY} {_REVERSE}".split():
        apex = names.from_text(text)
        zones[apex] = LocalZone(apex)
    localhost, resolver = names.from_text("localhost"), names.from_text("resolver.arpa")
    addresses = {b"\0\1\0\1": "A 127.0.0.1", b"\0\x1c\0\1": "AAAA ::1"}
    zones[localhost] = LocalZone(localhost, {localhost: addresses}, subtree=True)
    zones[resolver] = LocalZone(resolver, subtree=True, bare=True)  # RFC 9462, section 6.4
    for text, apex_text in (("1.0.0.127.in-addr.arpa", "127.in-addr.arpa"), (f"1.{'0.' * 31}ip6.arpa",) * 2):
        apex = names.from_text(apex_text)
        zones[apex] = LocalZone(apex, {names.from_text(text): {_PTR: "PTR localhost."}})
    return zones


class Routes:
    """The longest match over the owner's routes and the local zones; the owner's win at the same name."""

    def __init__(self, owned: Mapping[bytes, str] | None = None, default: str = "default") -> None:
        """`owned` are names of upstream groups by canonical name."""
        self.default = default
        """The group that is asked for all other names."""
        self.found: Mapping[bytes, LocalZone | str] = {**_local_zones(), **(owned or {})}
        """Where names and all below them are answered."""
        self.existing = names.with_parents(owned or ())
        """The names of the owner's routes and all above them: a zone of ours must not deny these."""

    def find(self, name: bytes, qtype: int = w.A) -> LocalZone | str:
        """Return where a canonical name is answered: a zone of ours, or the name of an upstream group.

        DS of a zone is a matter of the zone above it (RFC 4035, sections 3.1.4.1 and 4.2), wherever its own
        names are asked.
        """
        found = self.found.get(name)
        if found is not None and not (qtype == w.DS and _has_parent(found, name)):
            return found
        for parent in names.parents(name):
            found = self.found.get(parent)
            if found is not None:
                return found
        return self.default


def _has_parent(found: LocalZone | str, apex: bytes) -> bool:
    return found.delegated if isinstance(found, LocalZone) else apex != names.ROOT
