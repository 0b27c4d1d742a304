"""What the native part is told: the policy in force, as queries meet it, and the clients that have asked."""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Callable, Sequence
from itertools import chain, islice, product
from time import monotonic

from resolver.core.clients import Bucket, Clients
from resolver.core.cookies import Cookies
from resolver.core.events import Judged, judged
from resolver.core.policy import Group, Profile, Verdict
from resolver.core.replies import Blocked
from resolver.core.source import Source
from resolver.core.table import Table
from resolver.native import _native
from resolver.native.cache import NativeCache
from resolver.observe.counters import QUERY_BOUNDS, QUERY_TYPES, RCODES, Channel, Tally

HAND_OVER = 1
"""What stands for a set whose queries go to Python (policy.h)."""
CLIENT, UNMET = 2, 3
"""Why a query was handed over: its client is not known yet, or what it asks for (answer.h)."""
MAX_NUMBERS = 4096
"""Most pairs of list and group that are counted natively, most labels and profiles (counters.h, policy.h)."""
MAX_AHEAD = 1024
"""Of how many clients, and how many kinds of names for them, is told before a new policy is in force."""
_NO_PROFILE = 0xFFFFFFFF
_NO_COUNTER = -1
_DEPTHS = 1 << 128
"""Above all depths of names: they have at most 127 labels."""
_CLASSES = (b"\0\1\0\1", b"\0\x1c\0\1", b"\0\0\0\1")
"""A, AAAA and any other type in class IN: a blocked answer has a shape for each."""
SOURCES = (Source.BLOCKED, Source.CACHE, Source.ERROR, Source.FORWARD)
_CHANNELS = (Channel("udp", 4), Channel("udp", 6))
_STREAMS = (Channel("tcp", 4), Channel("tcp", 6))

log = logging.getLogger("resolver.edge.service")  # whose level says whether matches in shadow are logged


class SharedBucket(Bucket):
    """A bucket that the native part takes from too. Only Python refills it."""

    __slots__ = ("cell",)

    def __init__(self, rate: float) -> None:
        self.cell = _native.Cell()
        super().__init__(rate)

    @property
    def left(self) -> float:
        """How many queries may pass before the clock is looked at."""
        return self.cell.left

    @left.setter
    def left(self, count: float) -> None:
        self.cell.left = count

    def give(self) -> None:
        """Give back what one query has taken."""
        self.cell.give()

    def take(self, now: float) -> bool:
        """Take one query from what is left, or from the next grant; return whether it may pass."""
        return self.cell.take() or self.refill(now)


class Answering:
    """What answers natively for one service: its loops, and a snapshot of the clients that are in force."""

    def __init__(self, cache: NativeCache, loops: int = 1, cookies: Cookies | None = None) -> None:
        """`cookies` are those of the engine; None: who sends one is for Python."""
        self.cache, self._cookies = cache, cookies
        types, bounds = array("H", QUERY_TYPES.values()).tobytes(), array("d", QUERY_BOUNDS).tobytes()
        self.loops = [_native.Loop(types, len(RCODES), bounds) for _ in range(loops)]
        self._of_streams = _native.Loop(types, len(RCODES), bounds)
        self.streams = _native.Streams(self._of_streams)
        self.noting = [*[(loop, "udp") for loop in self.loops], (self._of_streams, "tcp")]
        """What notes answers for the journal, and over what they went."""
        self.threads: list[_native.Thread] = []
        """Those that answer, and are told."""
        self._seed = os.urandom(16)
        self.ways = _native.Ways(b"", b"", -1, self._seed, b"")
        """How unknown names are asked for: by Python, until Asking says another way."""
        cache.forwarded = self._forwarded
        self._numbers: dict[tuple[str, str], int] = {}
        self.labels: list[Judged] = []
        """What the lists can say, by the number that an answer is noted with."""
        self._label_numbers: dict[Judged, int] = {}
        self._told: _Told | None = None

    def told(self, clients: Clients) -> _Told:
        """Return what the native part knows of these clients and their policy; anew where they are others.

        The threads use it from then on, and those who asked lately are known there from the start: or each
        of their queries would wait for Python until it comes to the first.
        """
        before = self._told
        if before is None or not before.holds_for(clients):
            self._told = told = _Told(clients, self._seed, self._numbers, self._label)
            if self._cookies is not None:
                told.snapshot.use_cookies(*self._cookies)
            self.cache.judges_addresses = clients.policy.judges_addresses
            if before is not None and before.clients is not clients:
                told.look_ahead(before.clients, monotonic())
            self.tell()
            return told
        return before

    def _label(self, said: Judged) -> int:
        """Return the number of what the lists said: the same as long as the process lives."""
        number = self._label_numbers.get(said, len(self.labels))
        if number == len(self.labels) and number < MAX_NUMBERS:
            self._label_numbers[said] = number
            self.labels.append(said)
        return number

    def tell(self) -> None:
        """Let the threads use what is known now."""
        if self._told is not None:
            for thread in self.threads:
                thread.use(self._told.snapshot, self.cache.native, self.ways)

    def _forwarded(self) -> int:
        return sum([loop.forwarded() for loop in self.loops])

    def tally(self) -> Tally:
        """Return what was counted natively."""
        datagrams, streams = [loop.tally() for loop in self.loops], self._of_streams.tally()
        _, answered, blocked, shadow, unsent, overload = zip(*datagrams, streams, strict=True)
        blocked_by, shadow_by = _sums(blocked), _sums(shadow)
        numbers = self._numbers.copy()
        return Tally(
            {
                channel: _sums([counted[0][family] for counted in by])
                for channels, by in ((_CHANNELS, datagrams), (_STREAMS, [streams]))
                for family, channel in enumerate(channels)
            },
            {
                source: (
                    _sums([each[place][0] for each in answered]),
                    _sums([each[place][1] for each in answered]),
                    sum([each[place][2] for each in answered]),
                )
                for place, source in enumerate(SOURCES)
            },
            {by: blocked_by[number] for by, number in numbers.items() if blocked_by[number]},
            {by: shadow_by[number] for by, number in numbers.items() if shadow_by[number]},
            sum(unsent),
            sum(overload),
        )


class _Told:
    """A snapshot for the native part, and what it still has to learn."""

    def __init__(
        self,
        clients: Clients,
        seed: bytes,
        numbers: dict[tuple[str, str], int],
        label: Callable[[Judged], int],
    ) -> None:
        self.clients, self._numbers, self._label = clients, numbers, label
        self.snapshot = snapshot_of(clients.policy.table, seed)
        self._sets = len(clients.policy.table.sets)
        self._profiles: list[Profile] = []
        self._profile_numbers: dict[int, int] = {}
        self._actions: dict[tuple[int, int, int, int], int] = {}
        self._forgotten = clients.forgotten

    def holds_for(self, clients: Clients) -> bool:
        """Return whether it is about these clients, none of which were forgotten since."""
        return self.clients is clients and clients.forgotten == self._forgotten

    def look_ahead(self, before: Clients, now: float) -> None:
        """Tell the native part of the clients who asked before, and what holds for them, up to a bound."""
        for address in list(before.known)[-MAX_AHEAD:]:
            client = self.clients.find(address)
            if client is None:
                continue
            if client.bucket.left < 1:
                client.bucket.refill(now)
            self._learn_client(address)
        for profile, number in islice(product(range(len(self._profiles)), range(self._sets)), MAX_AHEAD):
            self._note(profile, number)

    def learn(self, why: int, profile: int, number: int, address: bytes) -> None:
        """Tell the native part what it did not know of a query that Python has answered meanwhile."""
        if why == CLIENT:
            self._learn_client(address)
        elif why == UNMET and profile < len(self._profiles) and number < self._sets:
            self._note(profile, number)  # what a thread left may be of a policy before: then they are others

    def _note(self, profile: int, number: int) -> None:
        known = self._profiles[profile]
        self.snapshot.note(profile, number, self._action(known.verdicts[number], known.groups))

    def _learn_client(self, address: bytes) -> None:
        client = self.clients.known.get(address)
        if client is not None and isinstance(client.bucket, SharedBucket):
            self.snapshot.add_client(address, self._profile_number(client.profile), client.bucket.cell)

    def _profile_number(self, profile: Profile) -> int:
        """Return the number of a profile; one that searches for patterns is for Python."""
        if type(profile) is not Profile:
            return _NO_PROFILE
        number = self._profile_numbers.get(profile.key)
        if number is None:
            number = self.snapshot.add_profile(profile.key, profile.judges_addresses)
            if number < 0:
                return _NO_PROFILE
            self._profile_numbers[profile.key] = number
            self._profiles.append(profile)
        return number

    def _action(self, verdict: Verdict, groups: Sequence[Group]) -> int:
        """Return what stands for a verdict: the number of an answer, or HAND_OVER."""
        answer, shadow = verdict.answer, verdict.shadow
        if verdict.unusual or (answer is not None and type(answer) is not Blocked):
            return HAND_OVER
        if shadow is not None and log.isEnabledFor(logging.DEBUG):
            return HAND_OVER
        by = (verdict.list.name, verdict.group) if verdict.blocks and verdict.list else None
        shadow_by = (shadow.list.name, shadow.group) if shadow is not None and shadow.blocks else None
        counters = self._counter(by), self._counter(shadow_by)
        label = self._label(judged(verdict, groups))
        if MAX_NUMBERS in (*counters, label):
            return HAND_OVER
        key = (id(answer), *counters, label)  # it lives as long as the policy
        if key not in self._actions:
            rcode, shapes = (0, None) if answer is None else (answer.rcode, shapes_of(answer))
            self._actions[key] = self.snapshot.add_verdict(*counters, rcode, label, shapes)
        return self._actions[key]

    def _counter(self, by: tuple[str, str] | None) -> int:
        """Return the number of a counter: that of a list and a group as long as the process lives."""
        if by is None:
            return _NO_COUNTER
        if by not in self._numbers and len(self._numbers) >= MAX_NUMBERS:
            return MAX_NUMBERS
        return self._numbers.setdefault(by, len(self._numbers))


def snapshot_of(table: Table, seed: bytes) -> _native.Snapshot:
    """Return an empty snapshot over a table, which stays open as long."""
    made = table.made
    return _native.Snapshot(
        table.slots,
        *table.secret,
        (made.depths % _DEPTHS).to_bytes(16, "little"),
        (made.depths_above % _DEPTHS).to_bytes(16, "little"),
        array("I", chain.from_iterable(made.pairs)),
        len(table.sets),
        seed,
    )


def shapes_of(answer: Blocked) -> tuple[_native.Shape, _native.Shape, _native.Shape]:
    """Return what a blocked answer is put together from: for A, AAAA and any other type."""
    a, aaaa, other = [answer.shape(kind).parts() for kind in _CLASSES]
    return a, aaaa, other


def _sums(packed: Sequence[bytes]) -> Sequence[int]:
    """Add up numbers of 64 bits, place by place."""
    return [sum(each) for each in zip(*[memoryview(one).cast("Q") for one in packed], strict=True)]
