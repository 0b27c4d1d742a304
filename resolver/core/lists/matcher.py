"""Whether an expression about names is found in a text, in a time that no expression makes long.

The expression becomes states, of which all that may hold are followed at once (Thompson's construction), so
the work is at most their number for each character, however its counts and choices stand within each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from resolver.core.lists.expression import MANY, WORD, Alt, At, Chars, Node, Repeat, Seq

_FOUND = 0


def is_found(node: Node, text: str) -> bool:
    """Say whether an expression is found in a text."""
    states = _States()
    start = states.before(node, _FOUND)
    waiting = [start]
    for at in range(len(text) + 1):
        waiting = states.step([*waiting, start], text, at)
        if _FOUND in waiting:
            return True
    return False


class _States:
    """What an expression may wait for: a character, a place, or nothing, and the states that follow."""

    def __init__(self) -> None:
        self._wants: list[Chars | At | None] = [None]
        self._follow: list[Sequence[int]] = [()]

    def before(self, node: Node, after: int) -> int:
        """Add the states of an expression; return the one that it begins with. `after` is what follows it."""
        if isinstance(node, Chars | At):
            return self._add(node, (after,))
        if isinstance(node, Seq):
            for item in reversed(node.items):
                after = self.before(item, after)
            return after
        if isinstance(node, Alt):
            return self._add(None, [self.before(branch, after) for branch in node.branches])
        return self._before_repeat(node, after)

    def step(self, states: Sequence[int], text: str, at: int) -> list[int]:
        """Return the states behind the character at a place, or _FOUND among them once it is reached."""
        left, seen, reached = list(states), set[int](), list[int]()
        while left:
            state = left.pop()
            if state in seen:
                continue
            seen.add(state)
            wants = self._wants[state]
            if state == _FOUND:
                return [_FOUND]
            if isinstance(wants, Chars):
                if text[at : at + 1] in wants.chars:
                    reached += self._follow[state]
            elif wants is None or _is_at(wants.place, text, at):
                left += self._follow[state]
        return reached

    def _before_repeat(self, node: Repeat, after: int) -> int:
        start = after
        if node.most == MANY:
            start = self._add(None, ())
            self._follow[start] = self.before(node.item, start), after
        else:
            for _ in range(node.most - node.least):
                start = self._add(None, (self.before(node.item, start), after))
        for _ in range(node.least):
            start = self.before(node.item, start)
        return start

    def _add(self, wants: Chars | At | None, follow: Sequence[int]) -> int:
        self._wants.append(wants)
        self._follow.append(follow)
        return len(self._wants) - 1


def _is_at(place: str, text: str, at: int) -> bool:
    if place == "^":
        return at == 0
    if place == "$":
        return at == len(text)
    edge = (text[at - 1 : at] in WORD) != (text[at : at + 1] in WORD)
    return edge == (place == r"\b")
