"""What every part of the configuration is made of."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from resolver.config import quantities as q
from resolver.config import texts


class Part(BaseModel):
    """Some keys and their values; other keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def from_text(read: Callable[[str], object]) -> Callable[[object], object]:
    """Return a reader of text, so that no list or mapping passes for the value that it makes."""

    def validate(value: object) -> object:
        if isinstance(value, list | dict):
            raise ValueError("must be one value, not a list or a mapping")
        return read(value) if isinstance(value, str) else value

    return validate


File = Annotated[Path, BeforeValidator(from_text(texts.path))]
Ip = Annotated[IPv4Address | IPv6Address, BeforeValidator(from_text(q.address))]
