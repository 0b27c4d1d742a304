"""The same service twice, in Python and natively, so that what they answer can be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

from resolver.core.cache import Ageing, Cache
from resolver.core.clients import Clients
from resolver.core.cookies import Cookies
from resolver.core.engine import Engine, Forward, Outcome, Reply
from resolver.core.identity import Designation, Identity
from resolver.core.lists.record import ListClass, Record
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope, When
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.replies import AnswerMode
from resolver.core.routes import Routes
from resolver.core.wire import parse_answer, parse_query
from resolver.observe.counters import Channel, Counters
from tests.messages import answer, packed, wire_name
from tests.tables import build

MODES = list(AnswerMode)
RULES = [
    *[[Rule(f"{found.value}.example", Scope.SUBTREE, Effect.BLOCK, 1)] for found in ListClass],
    [
        Rule("allowed.policy.example", Scope.SUBTREE, Effect.ALLOW, 1),
        Rule("only.example", Scope.EXACT, Effect.BLOCK, 2),
        Rule("below.example", Scope.BELOW, Effect.BLOCK, 3),
        Rule("null.example", Scope.SUBTREE, Effect.BLOCK, 4, own=Own(Action.NULL)),
        Rule("data.example", Scope.SUBTREE, Effect.BLOCK, 5, own=Own(Action.DATA, ((1, b"\xc0\0\2\7"),))),
        Rule("drop.example", Scope.SUBTREE, Effect.BLOCK, 6, own=Own(Action.DROP)),
        Rule("tcp.example", Scope.SUBTREE, Effect.BLOCK, 7, own=Own(Action.TCP_ONLY)),
        Rule("mail.example", Scope.SUBTREE, Effect.BLOCK, 8, when=When(types=frozenset([15]))),
    ],
    [Rule("shadow.example", Scope.SUBTREE, Effect.BLOCK, 1)],
]
LISTS = [
    *[PolicyList(found.value, Record(found.value.title(), found, text="Not here.")) for found in ListClass],
    PolicyList("mixed", Record("Mixed", text="A reason that is long. " * 40)),
    PolicyList("hidden", Record("Hidden", text="Not yet."), shadow=True),
]
NETWORKS = {mode: ip_network(f"192.0.2.{16 * number}/28") for number, mode in enumerate(MODES)}
GROUPS = [Group(mode.value, (NETWORKS[mode],), frozenset(range(len(LISTS))), mode) for mode in MODES]
SETTINGS = AnswerSettings(30, (IPv4Address("192.0.2.200"),), (IPv6Address("2001:db8::200"),))
POLICY = Policy(build(RULES), LISTS, GROUPS, SETTINGS, generation=1)
CLIENTS = [packed(str(network.network_address + 1)) for network in NETWORKS.values()]
FREE = packed("2001:db8::1")
"""A client for whom nothing is blocked."""
OWN = wire_name("dns.example")
IDENTITY = Identity(OWN, "dns1", "nxwhy", "https://dns.example/", [Designation(OWN, ("dot",))])
NETS = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]


class Both:
    """One service in Python and one that answers natively first."""

    def __init__(self, policy: Policy = POLICY, rate: int | None = None) -> None:
        from resolver.native.answering import Answering, SharedBucket  # noqa: PLC0415  # may not be built
        from resolver.native.cache import NativeCache  # noqa: PLC0415

        self.python = Engine(Cache(1 << 22), Ageing(), Routes(), Cookies(bytes(16)), IDENTITY)
        self.cache = NativeCache(1 << 22)
        self.native = Engine(self.cache, Ageing(), Routes(), Cookies(bytes(16)), IDENTITY)
        self.clients = Clients(policy, NETS, rate, SharedBucket)
        self.answering = Answering(self.cache)
        self.told = self.answering.told(self.clients)
        self.counted = Counters()
        """What Python answered where the native part answered too."""

    def learn(
        self,
        wire: bytes,
        answers: Sequence[bytes] = (),
        authority: Sequence[bytes] = (),
        additional: Sequence[bytes] = (),
        *,
        now: float = 0.0,
        flags: int = 0x8180,
    ) -> None:
        """Keep an answer in both caches."""
        asked = parse_query(wire)
        question = asked.name + asked.kind
        found = parse_answer(answer(question, answers, authority, additional, flags=flags), question)
        assert found is not None
        for engine in (self.python, self.native):
            engine.accept(asked.key, found, now)

    def fail(self, wire: bytes, options: bytes = b"", now: float = 0.0) -> None:
        """Keep the memory of a failure in both caches."""
        for engine in (self.python, self.native):
            engine.fail(parse_query(wire).key, options, now)

    def ask(self, wire: bytes, address: bytes = CLIENTS[0], now: float = 0.0) -> bytes | None:
        """Ask both; what is answered natively has to be what Python answers. None: it was handed over."""
        client = self.clients.known.get(address) or self.clients.find(address)
        if client is None:
            return None
        if client.bucket.left < 1:
            client.bucket.refill(now)
            client.bucket.left += 1
        expected = self.python.handle(wire, client.profile, now)
        found = self._ask_native(wire, address, now)
        if isinstance(found, bytes):
            assert isinstance(expected, Reply)
            assert found == expected.wire
            assert not expected.refresh
            kind = b"" if expected.query is None else expected.query.kind
            channel = Channel("udp", 4 if len(address) == 4 else 6)
            self.counted.count(channel, kind, expected.source, expected.rcode, expected.verdict, math.inf)
            return found
        handed: Outcome = self.native.handle(wire, client.profile, now)
        assert type(handed) is type(expected)
        if isinstance(handed, Reply) and isinstance(expected, Reply):
            assert (handed.wire, handed.source, handed.refresh) == (
                expected.wire,
                expected.source,
                expected.refresh,
            )
        if isinstance(handed, Forward) and isinstance(expected, Forward):
            assert (handed.stale is None) == (expected.stale is None)
        return None

    def _ask_native(self, wire: bytes, address: bytes, now: float) -> bytes | tuple[int, int, int]:
        """Ask the native part, and tell it what it does not know yet."""
        found: bytes | tuple[int, int, int] = (0, 0, 0)
        for _ in range(3):
            found = self.told.snapshot.answer(self.cache.native, wire, address, now)
            if isinstance(found, bytes) or found[0] < 2:
                return found
            self.told.learn(*found, address)
        return found
