"""What reading one list gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from resolver.core.errors import ListError
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Pattern, Trigger
from resolver.core.lists.rules import Resolution, Rules

RESOLUTIONS = {
    "dnsmasq": Resolution.CLOSEST,
    "unbound": Resolution.CLOSEST,
    "rpz": Resolution.ENCLOSER,
}
"""Of formats that have a rule of their own; in the others the strongest rule counts, wherever it stands."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the lines of a list were. `ignored` counts rules we know and do not take, by kind."""

    lines: int = 0
    comments: int = 0
    local: int = 0
    bad: int = 0
    cancelled: int = 0
    """Rules that another rule of the list takes back (`$badfilter`)."""
    converted: int = 0
    """Names written with letters beyond ASCII, which became A-labels."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    """How many rules were written in which format."""

    @property
    def resolution(self) -> Resolution:
        """Which rule counts where several of the list reach a name: as the format of most of them has it."""
        most = max(self.formats, key=lambda name: self.formats[name], default="")
        return RESOLUTIONS.get(most, Resolution.STRONGEST)


@dataclass(frozen=True, slots=True)
class ParsedList:
    """The rules of one list in its order, repeats included; `mistakes` holds the first few bad lines.

    `hint` is what the list's header says against the way it was read, for the owner to decide on.
    """

    rules: Rules
    tally: Tally
    mistakes: tuple[ListError, ...] = ()
    record: Record | None = None
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Where the record and its fields stand, as `Recorded` has it."""
    patterns: tuple[Pattern, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    hint: str = ""

    @property
    def size(self) -> int:
        """How many rules there are, of every sort."""
        return len(self.rules) + len(self.patterns) + len(self.triggers)

    @property
    def is_empty(self) -> bool:
        """Whether there is no rule at all."""
        return not (self.rules or self.patterns or self.triggers)
