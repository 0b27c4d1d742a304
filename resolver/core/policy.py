"""Who may look up what: groups, clients, precedence, verdicts.

Precedence among the lists of a client, the same everywhere: important allow > important block > allow >
block. The list shown as the reason is the one with the most specific rule of the step that decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from resolver.core.lists.record import Record
from resolver.core.lists.rule import Effect
from resolver.core.replies import AnswerMode, Blocked
from resolver.core.sets import Say, Says
from resolver.core.table import EMPTY, Table

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DEFAULT_GROUP = "default"
"""The group of every client that is in no other."""


@dataclass(frozen=True, slots=True)
class PolicyList:
    """A list as the policy knows it: its name in the configuration, and why it exists."""

    name: str
    record: Record


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


class Verdict:
    """What to do with a name for a client, the list that decided and the group that brought it in.

    `effect` is None where no list has a say. One verdict serves all names that are judged alike.
    """

    __slots__ = ("answer", "blocks", "effect", "group", "list")

    def __init__(
        self,
        effect: Effect | None = None,
        by: PolicyList | None = None,
        group: str = DEFAULT_GROUP,
        answer: Blocked | None = None,
    ) -> None:
        self.effect, self.list, self.group, self.answer = effect, by, group, answer
        self.blocks = answer is not None


PASS = Verdict()
"""No list has a say."""


class Profile:
    """What holds for all clients of the same groups: the table, and a verdict for each of its sets."""

    __slots__ = ("groups", "key", "table", "verdicts")

    def __init__(
        self, key: int, groups: tuple[Group, ...], table: Table, verdicts: tuple[Verdict, ...]
    ) -> None:
        """`key` is that of no other profile, of this policy or an earlier one."""
        self.key, self.groups, self.table, self.verdicts = key, groups, table, verdicts

    def decide(self, name: bytes) -> Verdict:
        """Judge one canonical name."""
        return self.verdicts[self.table.find(name)]


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
        self._answers = answers
        self._default = next(
            (group for group in groups if group.name == DEFAULT_GROUP),
            Group(DEFAULT_GROUP, (), frozenset(), AnswerMode.NXDOMAIN),
        )
        members = [(network, group) for group in groups for network in group.networks]
        self._members = sorted(members, key=lambda member: -member[0].prefixlen)
        self._blocked: dict[tuple[AnswerMode, int], Blocked] = {}
        self._profiles: dict[tuple[str, ...], Profile] = {}

    def decide(self, name: bytes, profile: Profile) -> Verdict:
        """Judge one canonical name for the clients of one profile."""
        return profile.decide(name)

    def profile_for(self, address: Address) -> Profile:
        """Return the profile of a client: all lists of all its groups, answered as its narrowest entry says.

        An IPv4 client that came over IPv6 (`::ffff:192.0.2.1`) is the IPv4 client.
        """
        groups = self.groups_of(address)
        names = tuple([group.name for group in groups])
        if names not in self._profiles:
            key = self.generation << 16 | len(self._profiles)
            verdicts = tuple([self._verdict(says, groups) for says in self.table.sets])
            self._profiles[names] = Profile(key, groups, self.table, verdicts)
        return self._profiles[names]

    def groups_of(self, address: Address) -> tuple[Group, ...]:
        """Return the groups of a client, that of its narrowest entry first."""
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        found = {group.name: group for network, group in self._members if address in network}
        return tuple(found.values()) or (self._default,)

    def _verdict(self, says: Says, groups: tuple[Group, ...]) -> Verdict:
        deciding = strongest(says, frozenset().union(*[group.lists for group in groups]))
        if deciding is None:
            return PASS
        by = self.lists[deciding.list]
        group = next(group for group in groups if deciding.list in group.lists)
        if deciding.effect.allows:
            return Verdict(deciding.effect, by, group.name)
        return Verdict(deciding.effect, by, group.name, self._answer(groups[0].answer, deciding.list))

    def _answer(self, mode: AnswerMode, number: int) -> Blocked:
        if (mode, number) not in self._blocked:
            made = self._answers
            self._blocked[mode, number] = Blocked(
                mode, self.lists[number].record, made.ttl, made.ipv4, made.ipv6
            )
        return self._blocked[mode, number]


def strongest(says: Says, lists: frozenset[int]) -> Say | None:
    """Return what decides among `lists`: the highest precedence, the most specific rule within it."""
    counted = [say for say in says if say.list in lists]
    return max(counted, key=lambda say: say.effect, default=None)  # max keeps the first of equals


NOTHING = Policy(EMPTY, (), (), AnswerSettings())
"""The policy that blocks nothing."""
