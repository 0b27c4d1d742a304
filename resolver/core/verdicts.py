"""What the lists' words come to for a client: precedence, conditions, lists in shadow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Pattern, Trigger, When
from resolver.core.networks import Address, Network, Networks
from resolver.core.owned import own_answer
from resolver.core.reasons import Reason, make_reason
from resolver.core.replies import AnswerMode, Blocked
from resolver.core.sets import Say, Says

DEFAULT_GROUP = "default"
"""The group of every client that is in no other."""

Who = tuple[tuple[Network, ...], tuple[Network, ...]]
"""A condition on clients: those in one of the first networks, or all without any; none of the second."""


@dataclass(frozen=True, slots=True)
class PolicyList:
    """A list as the policy knows it: its name in the configuration, and why it exists.

    One in `shadow` never decides. `languages` are those of its reason where nobody asks for another.
    """

    name: str
    record: Record
    shadow: bool = False
    triggers: tuple[Trigger, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    languages: tuple[str, ...] = ()

    def reason(self, ranges: Iterable[str] = (), group: str = "", via: str = "") -> Reason:
        """Return why it blocks, in the language that fits the ranges best."""
        return make_reason(self.record, (*ranges, *self.languages), by=self.name, group=group, via=via)


@dataclass(frozen=True, slots=True)
class Group:
    """Some clients, the lists that count for them (numbers of the table), and how blocks are answered."""

    name: str
    networks: tuple[Network, ...]
    lists: frozenset[int]
    answer: AnswerMode


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How blocked names are answered: TTL in seconds, and the notice page's addresses."""

    ttl: int = 30
    ipv4: tuple[IPv4Address, ...] = ()
    ipv6: tuple[IPv6Address, ...] = ()


class Shadow(NamedTuple):
    """A list in shadow that would have decided otherwise, and the group that brings it in."""

    list: PolicyList
    group: str
    effect: Effect

    @property
    def blocks(self) -> bool:
        """Whether the list would have blocked what goes through, and not the other way round."""
        return not self.effect.allows


class Verdict:
    """What to do with a name for a client, the list that decided and the group that brought it in.

    `effect` is None where no list has a say; `say` is the word that decided. One verdict serves all names
    that are judged alike. One that is `unusual` has to be settled for a query before it means anything.
    """

    __slots__ = (
        *("_by_type", "_tcp_only", "answer", "blocks", "drops", "effect", "group", "list", "say", "shadow"),
        "unusual",
    )

    def __init__(
        self,
        effect: Effect | None = None,
        by: PolicyList | None = None,
        group: str = DEFAULT_GROUP,
        answer: Blocked | None = None,
        say: Say | None = None,
        shadow: Shadow | None = None,
        by_type: ByType | None = None,
    ) -> None:
        self.effect, self.list, self.group, self.answer = effect, by, group, answer
        self.say, self.shadow, self._by_type = say, shadow, by_type
        self.blocks = answer is not None
        self.drops = answer is not None and answer.mode is Action.DROP
        self._tcp_only = answer is not None and answer.mode is Action.TCP_ONLY
        self.unusual = self.drops or self._tcp_only or by_type is not None

    def settle(self, qtype: int, *, stream: bool) -> Verdict:
        """Return what holds for a query of a type, over TCP or what is built on it or not."""
        verdict = self if self._by_type is None else self._by_type.find(qtype)
        return PASS if stream and verdict._tcp_only else verdict

    def reason(self, ranges: Iterable[str] = (), via: str = "") -> Reason | None:
        """Return why the list that decided exists, in the language that fits the ranges best."""
        return None if self.list is None else self.list.reason(ranges, self.group, via)

    def shadowed(self, shadow: Shadow) -> Verdict:
        """Return this with what a list in shadow would have decided."""
        return Verdict(self.effect, self.list, self.group, self.answer, self.say, shadow)


PASS = Verdict()
"""No list has a say."""


class ByType:
    """Verdicts of which the type of the query decides, each made when it is first met."""

    __slots__ = ("_known", "_make", "_types")

    def __init__(self, types: frozenset[int], make: Callable[[int], Verdict]) -> None:
        """`types` are those that rules name; `make` judges one of them, or -1 for all the others."""
        self._types, self._make = types, make
        self._known: dict[int, Verdict] = {}

    def find(self, qtype: int) -> Verdict:
        """Return the verdict for a type."""
        kind = qtype if qtype in self._types else -1
        if kind not in self._known:
            self._known[kind] = self._make(kind)
        return self._known[kind]


class Standing(NamedTuple):
    """What holds for all clients of one profile: groups, conditions met, what triggers say of the client.

    `lists` are those of all the groups less those whose word is a trigger's.
    """

    groups: tuple[Group, ...]
    lists: frozenset[int]
    met: frozenset[int]
    told: Says


class Conditions:
    """The conditions on clients that rules have, by number."""

    __slots__ = ("_all", "_but", "_only", "numbers")

    def __init__(self, whens: Iterable[When | None]) -> None:
        found = [who_of(when) for when in whens if when is not None]
        self.numbers = {who: number for number, who in enumerate(dict.fromkeys(found)) if any(who)}
        numbered = self.numbers.items()
        self._all = frozenset([number for (only, _), number in numbered if not only])
        self._only = Networks([(network, number) for (only, _), number in numbered for network in only])
        self._but = Networks([(network, number) for (_, but), number in numbered for network in but])

    def met(self, address: Address) -> frozenset[int]:
        """Return the numbers of those that a client meets; a network that it must not be in wins."""
        if not self.numbers:
            return frozenset()
        packed = address.packed
        return self._all.union(self._only.find(packed)).difference(self._but.find(packed))


def who_of(when: When) -> Who:
    """Return what a condition asks of the client."""
    return when.clients, when.but_clients


def takes_type(when: When | None, qtype: int) -> bool:
    """Say whether a condition takes a type; -1 is one that no rule names."""
    return when is None or ((not when.types or qtype in when.types) and qtype not in when.but_types)


class Judge:
    """Makes verdicts from what lists say."""

    __slots__ = ("_answers", "_blocked", "_conditions", "_lists")

    def __init__(self, lists: Sequence[PolicyList], answers: AnswerSettings, conditions: Conditions) -> None:
        self._lists, self._answers, self._conditions = lists, answers, conditions
        self._blocked: dict[tuple[AnswerMode, int, Own | None], Blocked] = {}

    def verdict(self, says: Says, standing: Standing, told: Says = ()) -> Verdict:
        """Return what `told`, and what counts of `says`, comes to; the most specific comes first in both."""
        heard = [say for say in says if say.list in standing.lists and self._meets(say.when, standing)]
        counted = [*told, *heard]
        types = [(*say.when.types, *say.when.but_types) for say in counted if say.when is not None]
        named = frozenset([qtype for some in types for qtype in some])
        if not named:
            return self._decide(counted, standing)

        def make(qtype: int) -> Verdict:
            return self._decide([say for say in counted if takes_type(say.when, qtype)], standing)

        return Verdict(by_type=ByType(named, make))

    def _meets(self, when: When | None, standing: Standing) -> bool:
        if when is None or not any(who_of(when)):
            return True
        return self._conditions.numbers[who_of(when)] in standing.met

    def _decide(self, says: Sequence[Say], standing: Standing) -> Verdict:
        deciding = strongest([say for say in says if not self._lists[say.list].shadow])
        shadow = self._shadow(says, deciding, standing)
        if deciding is None:
            return PASS if shadow is None else Verdict(shadow=shadow)
        answer = None if deciding.effect.allows else self._answer(standing.groups[0].answer, deciding)
        by, group = self._lists[deciding.list], _group(deciding, standing)
        return Verdict(deciding.effect, by, group, answer, deciding, shadow)

    def _shadow(self, says: Sequence[Say], deciding: Say | None, standing: Standing) -> Shadow | None:
        """Return the first list in shadow that would decide otherwise if it alone were enforced."""
        passes = deciding is None or deciding.effect.allows
        hidden = sorted([say for say in says if self._lists[say.list].shadow], key=lambda say: -say.effect)
        for number in dict.fromkeys([say.list for say in hidden]):
            other = strongest([say for say in says if say.list == number or not self._lists[say.list].shadow])
            if other is not None and other.effect.allows is not passes:
                return Shadow(self._lists[other.list], _group(other, standing), other.effect)
        return None

    def _answer(self, mode: AnswerMode, say: Say) -> Blocked:
        own = say.own
        known = self._blocked.get((mode, say.list, own))
        if known is None:
            known = self._blocked[mode, say.list, own] = self._make_answer(mode, say.list, own)
        return known

    def _make_answer(self, mode: AnswerMode, number: int, own: Own | None) -> Blocked:
        made = self._answers
        reason = self._lists[number].reason()
        if own is not None:
            return own_answer(own, reason, made.ttl)
        return Blocked(mode, reason, made.ttl, made.ipv4, made.ipv6)


def strongest(says: Iterable[Say]) -> Say | None:
    """Return what decides: the highest precedence, the most specific rule within it."""
    return max(says, key=lambda say: say.effect, default=None)  # max keeps the first of equals


def _group(say: Say, standing: Standing) -> str:
    return next(group.name for group in standing.groups if say.list in group.lists)
