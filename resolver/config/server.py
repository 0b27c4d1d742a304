"""What the resolver says of itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from resolver.config import quantities as q
from resolver.config import texts
from resolver.config.fields import Ip, Part, from_text

OwnName = Annotated[bytes, BeforeValidator(from_text(texts.server_name))]


class Protocol(StrEnum):
    """What an encrypted server speaks, by its name in ALPN."""

    DOT = "dot"
    DOQ = "doq"
    H2 = "h2"
    H3 = "h3"

    @property
    def over_https(self) -> bool:
        """Whether it has a path."""
        return self in (Protocol.H2, Protocol.H3)


class Designated(Part):
    """An encrypted server that stands for us."""

    alpn: tuple[Protocol, ...] = Field(min_length=1, max_length=len(Protocol))
    name: OwnName | None = None
    port: Annotated[int, BeforeValidator(from_text(q.port))] | None = None
    path: Annotated[str, BeforeValidator(from_text(texts.doh_path))] = "/dns-query{?dns}"
    addresses: tuple[Ip, ...] = Field((), max_length=8)


class ServerSettings(Part):
    """What we say of ourselves."""

    name: OwnName | None = None
    id: Annotated[str, BeforeValidator(from_text(lambda text: texts.told(text, 63)))] = ""
    version: Annotated[str, BeforeValidator(from_text(texts.told))] = "nxwhy"
    transparency: Annotated[str, BeforeValidator(from_text(texts.page))] | None = None
    designated: tuple[Designated, ...] = Field((), max_length=8)
