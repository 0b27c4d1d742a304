"""One question to several servers at once: the first answer counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from resolver.core.wire import Answer

Told = Callable[["Answer | None", bytes], None]
"""Called once: with the answer, or with None and the extended errors that say what went wrong."""


class Runner(Protocol):
    """A question on its way to one server."""

    done: bool
    final: bool
    """Whether no other server may be asked after it: a validating one calls the answer bogus."""

    def go_on(self) -> None:
        """Send."""

    def let_go(self) -> None:
        """Send no more, and tell nobody; an answer that still comes says how fast the server is."""


class Race:
    """Tells who asks of the first answer, or of the errors when nobody is left who could give one."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._runners: Sequence[Runner] = ()
        self._options = b""

    def run(self, runners: Sequence[Runner]) -> None:
        """Let all begin. Each tells `told`."""
        self._runners = runners
        for runner in runners:
            runner.go_on()

    def told(self, answer: Answer | None, options: bytes) -> None:
        """Hear of the end of one."""
        self._options = self._options or options
        final = answer is not None or any(runner.final for runner in self._runners)
        if not final and not all(runner.done for runner in self._runners):
            return
        for runner in self._runners:
            runner.let_go()
        self._told(answer, options if final else self._options)
