"""What a changed configuration would newly block or free, among names that were seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple

from resolver.config import Config
from resolver.core.errors import NameFault, ReplayError
from resolver.core.lists.query_types import type_number
from resolver.core.names import from_text, to_text
from resolver.core.policy import Address, Policy, Verdict
from resolver.core.wire import A
from resolver.edge.builder import build
from resolver.engines import make_steps
from resolver.parts import list_sources, make_policy

SHOWN = 5
"""How many lines that cannot be read are told one by one."""
LOOPBACK = ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Seen:
    """A name that a client asked for, and the type."""

    name: bytes
    client: Address
    qtype: int = A


Asked = list[Seen] | Counter[Seen]
"""What was asked for: the lines of a file, or what is in the journal and how often."""


@dataclass(frozen=True, slots=True)
class Change:
    """A name whose fate changes. `by` is the list that blocks it newly, or that blocked it until now."""

    seen: Seen
    blocks: bool
    by: str

    def __str__(self) -> str:
        sign = "+" if self.blocks else "-"
        return f"{sign} {to_text(self.seen.name)} ({self.by}) for {self.seen.client}"


class SeenFile(NamedTuple):
    """What a file of names says: what was asked for, and what is wrong with lines that cannot be read."""

    seen: list[Seen]
    bad: list[str]

    def left_out(self) -> list[str]:
        """Return what to tell of bad lines: the first, and how many there are."""
        count = len(self.bad)
        return [*self.bad[:SHOWN], f"{_count(count, 'line')} left out"] if count else []


def read_seen(lines: Iterable[str], source: str, client: Address = LOOPBACK) -> SeenFile:
    """Return what lines say: a name each, with the client's address behind it if it is not `client`.

    A line that cannot be read costs only itself. Raises ReplayError where that is every line.
    """
    found = SeenFile([], [])
    for number, line in enumerate(lines, 1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        try:
            if len(fields) > 2:
                raise ValueError("more than a name and an address")
            found.seen.append(
                Seen(from_text(fields[0]), ip_address(fields[1]) if len(fields) == 2 else client)
            )
        except (NameFault, ValueError) as exc:
            found.bad.append(f"{source}:{number}: {exc}")
    if found.bad and not found.seen:
        raise ReplayError("\n".join([*found.left_out(), "no line could be read"]))
    return found


def policy_of(config: Config, told: Callable[[str], object]) -> Policy:
    """Return the policy that a configuration makes of its lists as they are now. Writes nothing."""
    built = build(list_sources(config), config.state, told, make_steps(config.engine))
    return make_policy(config, built, 0)


def changes(before: Policy, after: Policy, seen: Iterable[Seen]) -> Iterator[Change]:
    """Yield the names that one policy blocks and the other does not."""
    for one in seen:
        old, new = (policy.profile_for(one.client).decide(one.name, one.qtype) for policy in (before, after))
        if old.blocks != new.blocks:
            yield Change(one, new.blocks, _by(new if new.blocks else old))


def read_journal(events: Iterable[Mapping[str, Any]], client: Address = LOOPBACK) -> Counter[Seen]:
    """Return what was asked for in a journal, and how often.

    A network stands for its clients; `client` is who asks where the journal keeps no clients.
    """
    return Counter([_seen(event, client) for event in events])


def _seen(event: Mapping[str, Any], client: Address) -> Seen:
    known = str(event["client"]).partition("/")[0]
    return Seen(
        from_text(event["name"]), ip_address(known) if known else client, type_number(event["type"]) or A
    )


def by_name(found: Iterable[Change], queries: Mapping[Seen, int]) -> Iterator[str]:
    """Yield the names that change with how many queries and clients they concern, those with most first."""
    counts: Counter[tuple[bool, bytes, str]] = Counter()
    clients: defaultdict[tuple[bool, bytes, str], set[Address]] = defaultdict(set)
    for change in found:
        key = change.blocks, change.seen.name, change.by
        counts[key] += queries[change.seen]
        clients[key].add(change.seen.client)
    for (blocks, name, by), count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        asked = f"{_count(count, 'query', 'queries')} of {_count(len(clients[blocks, name, by]), 'client')}"
        yield f"{'+' if blocks else '-'} {to_text(name)} ({by}): {asked}"


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def summary(found: Iterable[Change], seen: Asked) -> str:
    """Return how many names each list newly blocks or frees; of a journal, how many questions of clients."""
    what = "names" if isinstance(seen, list) else "questions"
    counts = Counter([(change.by, change.blocks) for change in found])
    lines = [
        f"{by}: {counts[by, True]:,} newly blocked, {counts[by, False]:,} freed"
        for by in sorted({by for by, _ in counts})
    ]
    return "\n".join([*lines, f"{sum(counts.values()):,} of {len(seen):,} {what} change"])


def _by(verdict: Verdict) -> str:
    return verdict.list.name if verdict.list else "no list"
