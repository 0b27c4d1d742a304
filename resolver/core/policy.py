"""Who may look up what: groups, clients, precedence, verdicts.

Precedence among the lists of a client, the same everywhere: important allow > important block > allow >
block. The list shown as the reason is the one with the most specific rule of the step that decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from resolver.core import names
from resolver.core import wire as w
from resolver.core.lists.rule import Effect, Side, Trigger, When
from resolver.core.networks import Address, Network, Networks
from resolver.core.patterns import Patterns
from resolver.core.replies import AnswerMode
from resolver.core.sets import Say, Says
from resolver.core.table import EMPTY, Table
from resolver.core.verdicts import (
    DEFAULT_GROUP,
    PASS,
    AnswerSettings,
    Conditions,
    Group,
    Judge,
    PolicyList,
    Shadow,
    Standing,
    Verdict,
    strongest,
)

__all__ = [
    "DEFAULT_GROUP",
    "NOTHING",
    "PASS",
    "Address",
    "AnswerSettings",
    "Group",
    "Network",
    "Policy",
    "PolicyList",
    "Profile",
    "Shadow",
    "Verdict",
    "strongest",
]

MAX_SEARCHED = 8192
"""Most names whose search for patterns is remembered."""
MAX_PROFILES = 1024
"""Most kinds of clients remembered; beyond, we forget all and learn them anew."""

Told = tuple[int, Trigger]
"""A list's number, and a trigger of it."""


class Verdicts(dict[int, Verdict]):
    """A verdict for each set of the table, by number; each is made when it is first met."""

    __slots__ = ("_judge", "_sets", "_standing")

    def __init__(self, judge: Judge, sets: Sequence[Says], standing: Standing) -> None:
        self._judge, self._sets, self._standing = judge, sets, standing

    def __missing__(self, number: int) -> Verdict:
        made = self[number] = self._judge.verdict(self._sets[number], self._standing, self._standing.told)
        return made


class Profile:
    """What holds for clients who are in the same groups and meet the same conditions."""

    __slots__ = ("_answers", "_judge", "groups", "judges_addresses", "key", "standing", "table", "verdicts")

    def __init__(
        self, key: int, table: Table, judge: Judge, standing: Standing, answers: Networks[Told]
    ) -> None:
        """`key` is that of no other profile, of this policy or an earlier one.

        `answers` are the triggers about the addresses in answers, of any list.
        """
        self.key, self.table, self.standing, self.groups = key, table, standing, standing.groups
        self.verdicts = Verdicts(judge, table.sets, standing)
        self.judges_addresses = bool(answers)
        self._judge, self._answers = judge, answers

    def find(self, name: bytes) -> Verdict:
        """Return what is known of one canonical name; where it is `unusual`, to be settled for a query."""
        return self.verdicts[self.table.find(name)]

    def decide(self, name: bytes, qtype: int = w.A, *, stream: bool = False) -> Verdict:
        """Judge one canonical name, asked for a type, over UDP or a stream."""
        verdict = self.find(name)
        return verdict.settle(qtype, stream=stream) if verdict.unusual else verdict

    def judge_address(self, packed: bytes) -> Verdict:
        """Judge an address of an answer, in network order, apart from the name that it belongs to."""
        says = _said(self._answers.find(packed))
        return self._judge.verdict(says, self.standing) if says else PASS


class SearchingProfile(Profile):
    """A profile whose lists have patterns: each name is searched once, and what comes of it is remembered."""

    __slots__ = ("_by_found", "_known", "_patterns")

    def __init__(self, *given: Any, patterns: Patterns) -> None:
        super().__init__(*given)
        self._patterns = patterns
        self._known: dict[bytes, Verdict] = {}
        self._by_found: dict[tuple[int, Says], Verdict] = {}

    def find(self, name: bytes) -> Verdict:
        """Return what is known of one canonical name, patterns included."""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= MAX_SEARCHED:
                self._known.clear()
            known = self._known[name] = self._search(name)
        return known

    def _search(self, name: bytes) -> Verdict:
        number = self.table.find(name)
        found = self._patterns.find(names.to_text(name))
        if not found:
            return self.verdicts[number]
        says = tuple([Say(of, one.effect, one.own, one.when, pattern=one) for of, one in found])
        known = self._by_found.get((number, says))
        if known is None:
            if len(self._by_found) >= MAX_SEARCHED:
                self._by_found.clear()
            said = *self.table.sets[number], *says
            known = self._judge.verdict(said, self.standing, self.standing.told)
            self._by_found[number, says] = known
        return known


class Policy:
    """The table, and what its sets mean for whom. Built aside, put in force by replacing one reference."""

    def __init__(
        self,
        table: Table,
        lists: Sequence[PolicyList],
        groups: Sequence[Group],
        answers: AnswerSettings,
        generation: int = 0,
    ) -> None:
        """`lists` in the order of the table's build; `generation` grows with each policy of a process."""
        self.table, self.lists, self.generation = table, tuple(lists), generation
        self._default = next(
            (group for group in groups if group.name == DEFAULT_GROUP),
            Group(DEFAULT_GROUP, (), frozenset(), AnswerMode.NXDOMAIN),
        )
        self._members = Networks([(network, group) for group in groups for network in group.networks])
        self.patterns = Patterns([(n, one) for n, known in enumerate(lists) for one in known.patterns])
        self._conditions = Conditions(_conditions(table, lists))
        self._judge = Judge(lists, answers, self._conditions)  # knows no profile: no cycles
        self._clients, self._answers = [_networks(lists, side) for side in (Side.CLIENT, Side.ANSWER)]
        self.judges_addresses = bool(self._answers)
        self._profiles: dict[tuple[tuple[str, ...], frozenset[int], Says], Profile] = {}
        self._made = 0

    def decide(self, name: bytes, profile: Profile, qtype: int = w.A) -> Verdict:
        """Judge one canonical name for the clients of one profile."""
        return profile.decide(name, qtype)

    def profile_for(self, address: Address) -> Profile:
        """Return the profile of a client: all lists of all its groups, answered as its narrowest entry says.

        An IPv4 client that came over IPv6 (`::ffff:192.0.2.1`) is the IPv4 client.
        """
        standing = self._standing(address)
        key = tuple([group.name for group in standing.groups]), standing.met, standing.told
        known = self._profiles.get(key)
        if known is None:
            if len(self._profiles) >= MAX_PROFILES:
                self._profiles.clear()
            number = self.generation << 32 | self._made
            self._made += 1
            given = number, self.table, self._judge, standing, self._answers
            search = self.patterns
            known = SearchingProfile(*given, patterns=search) if len(search) else Profile(*given)
            self._profiles[key] = known
        return known

    def groups_of(self, address: Address) -> tuple[Group, ...]:
        """Return the groups of a client, that of its narrowest entry first."""
        found = {group.name: group for group in self._members.find(address.packed)}
        return tuple(found.values()) or (self._default,)

    def _standing(self, address: Address) -> Standing:
        groups = self.groups_of(address)
        lists = frozenset().union(*[group.lists for group in groups])
        told = _said([one for one in self._clients.find(address.packed) if one[0] in lists])
        spoken = {say.list for say in told}
        return Standing(groups, lists - spoken, self._conditions.met(address), told)


def _conditions(table: Table, lists: Iterable[PolicyList]) -> Iterator[When | None]:
    for says in table.sets:
        for say in says:
            yield say.when
    for known in lists:
        for pattern in known.patterns:
            yield pattern.when


def _networks(lists: Iterable[PolicyList], side: Side) -> Networks[Told]:
    """Return the triggers of one side by network. Of those that a list has twice only the first can decide.

    The others would cost every address that is judged, and a list may have any number of them.
    """
    first: dict[tuple[int, Network, Effect], Trigger] = {}
    for number, known in enumerate(lists):
        for trigger in known.triggers:
            if trigger.side is side:
                first.setdefault((number, trigger.network, trigger.effect), trigger)
    return Networks([(network, (number, trigger)) for (number, network, _), trigger in first.items()])


def _said(found: Iterable[Told]) -> Says:
    """Return what triggers say, the narrowest of which is first: of each list only those count."""
    sizes: dict[int, int] = {}
    return tuple(
        [
            Say(number, trigger.effect, trigger.own, trigger=trigger)
            for number, trigger in found
            if sizes.setdefault(number, trigger.network.prefixlen) == trigger.network.prefixlen
        ]
    )


NOTHING = Policy(EMPTY, (), (), AnswerSettings())
"""The policy that blocks nothing."""
