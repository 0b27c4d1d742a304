"""What a changed configuration would newly block or free, among names that were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from resolver.config import Config
from resolver.core.errors import NameFault, ReplayError
from resolver.core.names import from_text, to_text
from resolver.core.policy import Address, Policy, Verdict
from resolver.edge.builder import build
from resolver.engines import make_steps
from resolver.parts import list_sources, make_policy

LOOPBACK = ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Seen:
    """A name that a client asked for."""

    name: bytes
    client: Address


@dataclass(frozen=True, slots=True)
class Change:
    """A name whose fate changes. `by` is the list that blocks it newly, or that blocked it until now."""

    seen: Seen
    blocks: bool
    by: str

    def __str__(self) -> str:
        sign = "+" if self.blocks else "-"
        return f"{sign} {to_text(self.seen.name)} ({self.by}) for {self.seen.client}"


def read_seen(lines: Iterable[str], source: str, client: Address = LOOPBACK) -> Iterator[Seen]:
    """Yield what lines say: a name each, with the client's address behind it if it is not `client`.

    Raises ReplayError, which names the line.
    """
    for number, line in enumerate(lines, 1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        try:
            if len(fields) > 2:
                raise ValueError("more than a name and an address")
            yield Seen(from_text(fields[0]), ip_address(fields[1]) if len(fields) == 2 else client)
        except (NameFault, ValueError) as exc:
            raise ReplayError(f"{source}:{number}: {exc}") from exc


def policy_of(config: Config, told: Callable[[str], object]) -> Policy:
    """Return the policy that a configuration makes of its lists as they are now. Writes nothing."""
    built = build(list_sources(config), config.state, told, make_steps(config.engine))
    return make_policy(config, built, 0)


def changes(before: Policy, after: Policy, seen: Iterable[Seen]) -> Iterator[Change]:
    """Yield the names that one policy blocks and the other does not."""
    for one in seen:
        old, new = (policy.profile_for(one.client).decide(one.name) for policy in (before, after))
        if old.blocks != new.blocks:
            yield Change(one, new.blocks, _by(new if new.blocks else old))


def summary(found: Iterable[Change], total: int) -> str:
    """Return how many names each list newly blocks or frees."""
    counts = Counter([(change.by, change.blocks) for change in found])
    lines = [
        f"{by}: {counts[by, True]:,} newly blocked, {counts[by, False]:,} freed"
        for by in sorted({by for by, _ in counts})
    ]
    return "\n".join([*lines, f"{sum(counts.values()):,} of {total:,} names change"])


def _by(verdict: Verdict) -> str:
    return verdict.list.name if verdict.list else "no list"
