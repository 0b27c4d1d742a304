"""What is wrong with a single value, in words for the owner."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from resolver.config.draft import Location
from resolver.config.model import Config
from resolver.config.quantities import duration_text, size_text

LATER = {
    "tls": "DNS over TLS is not there yet",
    "https": "DNS over HTTPS is not there yet",
}
"""Keys that the design has and this version has not."""
LATER_VALUES: dict[tuple[Location, str], str] = {
    (("journal", "queries"), "sqlite"): "a journal on disk is not there yet; write memory or off",
}
"""Values that the design has and this version has not, by their place."""

LONGEST = 80
"""Most characters of a key or value that a message repeats."""

_NAME = "a name has 1 to 64 letters, digits, `_`, `.` and `-`, and begins with none of the last two"
_LIST = "must be a list, as [one, two]"
_MAPPING = "must be a mapping of keys"
_WORDS = {
    "missing": "is missing",
    "too_short": "needs at least one entry",
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_pattern_mismatch": _NAME,
    "string_too_short": _NAME,
    "string_too_long": _NAME,
    "ip_v4_address": "must be an IPv4 address, as 192.0.2.1",
    "ip_v6_address": "must be an IPv6 address, as 2001:db8::1",
}


def message(error: ErrorDetails) -> str:
    """Return what a person can do with an error of pydantic's."""
    kind, location = error["type"], error["loc"]
    if kind == "extra_forbidden":
        return unknown(location)
    if kind == "enum":
        later = LATER_VALUES.get((location, str(error["input"])))
        return later or _not_one_of(error["input"], re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    if kind == "greater_than_equal":
        return f"must be at least {_quantity(error['ctx']['ge'])}"
    if kind == "less_than_equal":
        return f"must be at most {_quantity(error['ctx']['le'])}"
    if kind == "too_long":
        return f"holds more than {error['ctx']['max_length']:,} entries"
    return _WORDS.get(kind) or error["msg"].removeprefix("Value error, ")


def unknown(location: Location) -> str:
    """Return what to say of a key that there is not."""
    name, known = str(location[-1]), keys_at(location[:-1]) or ()
    return (
        meant(name, known, "unknown key") or LATER.get(name) or f"unknown key; there are {', '.join(known)}"
    )


def meant(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return `otherwise` with the known name that is meant, or nothing where none comes near."""
    close = difflib.get_close_matches(name, list(known), 1) if len(name) <= LONGEST else []
    return f"{otherwise}; is `{close[0]}` meant?" if close else ""


def keys_at(location: Location) -> tuple[str, ...] | None:
    """Return the keys that a place in the configuration can have, None where any may stand."""
    model: Any = Config
    for part in location:
        model = _step(model, part)
        if model is None:
            return None
    return tuple(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else None


def _not_one_of(value: object, known: list[str]) -> str:
    expected = f"must be {', '.join(known[:-1])} or {known[-1]}"
    return (meant(value, known, expected) if isinstance(value, str) else "") or expected


def _quantity(value: float) -> str:
    return size_text(value) if isinstance(value, int) else duration_text(value)


def _step(model: Any, part: str | int) -> Any:
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(str(part))
        return None if field is None else field.annotation
    return next(_models(getattr(model, "__args__", ())), None)


def _models(arguments: tuple[Any, ...]) -> Iterator[Any]:
    for argument in arguments:
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            yield argument
