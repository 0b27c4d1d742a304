"""What a configuration may hold that is made to cost much; for the tests and for the benchmark."""

from __future__ import annotations

DEEPER = ("[", "{a: ", "- ", "? ")
"""Each makes a document deeper."""
MISTAKEN = (
    "routes: [{}]",
    "groups: {{default: {{block: [{}]}}}}",
    "groups: {{default: {{block: [wechat, {}]}}}}",
    "listen: {{dns: [{}]}}",
    "access: {{clients: [{}]}}",
    "zz: [{}]",
)
"""Lines with room for entries that are wrong there."""


def mistaken(line: str, item: str, count: int) -> str:
    """Return a configuration of so many mistakes."""
    return line.format(", ".join([item.format(number) for number in range(count)]))


def crowded(values: int) -> str:
    """Return a configuration of so many values."""
    return f"access: {{clients: [{'x,' * values}x]}}"
