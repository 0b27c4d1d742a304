"""What is wrong with a configuration, and where."""

from __future__ import annotations

from typing import NamedTuple

from resolver.core.errors import ResolverError

MAX_SHOWN = 20
"""How many problems go into the log."""


Place = tuple[str, int, int]
"""A source, and a line and a column in it, from 1."""


class Problem(NamedTuple):
    """Something that the owner should know, and where it stands (counted from 1)."""

    source: str
    line: int
    column: int
    where: str
    message: str

    def __str__(self) -> str:
        at = f"{self.source}:{self.line}:{self.column}"
        return f"{at}: {self.where}: {self.message}" if self.where else f"{at}: {self.message}"


class ConfigError(ResolverError):
    """A configuration that cannot be taken: every problem of it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def brief(self) -> str:
        """Return the first problems, and how many more there are; the text of this holds them all."""
        more = len(self.problems) - MAX_SHOWN
        shown = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        return "\n".join([*shown, f"and {more} more: `nxwhy check` says them all"] if more > 0 else shown)
