"""Languages: which of those that a text is there in fits a reader best (BCP 47, RFC 4647).

Tags and ranges are compared as text, whatever their case. No register is looked up: a tag that is well formed
and means nothing is one that nobody asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

DEFAULT = "en"
"""The language of texts of which nothing else is said."""
MAX_TAG = 35
"""Longest tag in characters (RFC 5646, section 4.4.1)."""
MAX_HEADER, MAX_RANGES = 1024, 16
"""How much of an Accept-Language header is read, in characters and in entries."""

_TAG = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"  # language
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"  # script, region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*"  # variants, extensions
    r"(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+",
    re.ASCII | re.IGNORECASE,
).fullmatch
_RANGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*").fullmatch
_WEIGHT = re.compile(r"[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.IGNORECASE).fullmatch
_SCRIPTS = {
    **dict.fromkeys(("zh-cn", "zh-sg", "zh-my"), "zh-hans"),
    **dict.fromkeys(("zh-tw", "zh-hk", "zh-mo"), "zh-hant"),
}
"""How Chinese is written where: browsers name the country, and authors the script."""


def is_tag(text: str) -> bool:
    """Say whether a text is formed as a language tag (RFC 5646, section 2.1), of those without a register."""
    return len(text) <= MAX_TAG and _TAG(text) is not None


def lookup(ranges: Iterable[str], tags: Sequence[str]) -> str | None:
    """Return the tag that fits the first of the ranges for which there is one, as RFC 4647 looks one up.

    A range is cut from its end until a tag fits (section 3.4). Beyond that, one takes a tag below it where
    there is none itself: `de` takes `de-CH`. None where nothing fits.
    """
    known = {tag.lower(): tag for tag in reversed(tags)}
    for tag in tags:
        for above in _above(tag.lower()):
            known.setdefault(above, tag)
    for wanted in ranges:
        for one in _shortened(wanted.lower()):
            if one in known:
                return known[one]
    return None


def accepted(header: str) -> tuple[str, ...]:
    """Return the ranges of an Accept-Language header, the most wanted first (RFC 9110, section 12.5.4).

    What is not formed well, or refused by a weight of 0, is left out, as `*` is, which wants nothing more
    than what is there without it.
    """
    found = []
    for entry in header[:MAX_HEADER].split(",")[:MAX_RANGES]:
        name, parameter, given = entry.partition(";")
        weight = _WEIGHT(given)
        wanted = name.strip(" \t")
        if len(wanted) <= MAX_TAG and _RANGE(wanted) and (weight or not parameter):
            found.append((float(weight[1]) if weight else 1.0, wanted))
    found.sort(key=lambda one: -one[0])  # stable: of equal weights the first comes first
    return tuple([wanted for weight, wanted in found if weight])


def _above(tag: str) -> Iterator[str]:
    """Yield what a tag begins with, subtag by subtag."""
    while tag := tag.rpartition("-")[0]:
        yield tag


def _shortened(wanted: str) -> Iterator[str]:
    """Yield a range, and what it is cut to, step by step; a single letter never stands at the end."""
    while wanted:
        yield wanted
        if wanted in _SCRIPTS:
            yield _SCRIPTS[wanted]
        wanted = wanted.rpartition("-")[0]
        if wanted[-2:-1] == "-":
            wanted = wanted[:-2]
