"""What an owner can decide: the keys of the configuration, their defaults and bounds.

All plain values arrive as the text that the owner wrote, so none of YAML's guesses (`no`, `null`, 12:30:45)
can change what was meant; pydantic and `quantities` turn them into values.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator

from resolver.config import quantities as q
from resolver.config import texts
from resolver.config.draft import Location
from resolver.config.fields import File, Ip
from resolver.config.fields import Part as _Part
from resolver.config.fields import from_text as _from_text
from resolver.config.page import NoticePage
from resolver.config.problem import Places, Problem
from resolver.config.quantities import Endpoint
from resolver.config.records import Contact, Language, Organisation, Recorded
from resolver.config.server import ServerSettings
from resolver.config.texts import Server
from resolver.core.clients import PRIVATE
from resolver.core.events import Shown
from resolver.core.guards import DEFAULT_BOUNDS
from resolver.core.language import DEFAULT
from resolver.core.lists.formats import FORMATS
from resolver.core.lists.rule import Scope
from resolver.core.policy import DEFAULT_GROUP, Network
from resolver.core.replies import AnswerMode
from resolver.core.retries import Strategy
from resolver.core.wire import SDE, A
from resolver.shipped import OPTIONAL, SHIPPED, TEMPLATES

MAX_ENTRIES = 10_000
"""Most networks, routes, or domains of a route that stand in one list."""
DEFAULT_UPSTREAM = "default"
"""The upstream group that is asked where no route says otherwise."""


def _seconds(least: float, most: float) -> Any:
    bounds = Field(ge=float(least), le=float(most))
    return Annotated[float, BeforeValidator(_from_text(q.duration_s)), bounds]


def _admin(text: str) -> Endpoint | None:
    return None if text == "off" else q.endpoint(text)


def _networks(values: Any) -> Any:
    """Return networks to read; `private` stands for many. Each written value keeps its place."""
    if not isinstance(values, list) or "private" not in values:
        return values
    first, *rest = PRIVATE
    return [*[first if value == "private" else value for value in values], *rest]


At = Annotated[Endpoint, BeforeValidator(_from_text(q.endpoint))]
Domain = Annotated[bytes, BeforeValidator(_from_text(texts.domain))]
Net = Annotated[Network, BeforeValidator(_from_text(q.network))]
Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class Listen(_Part):
    """Where we listen; `dns` over UDP and TCP."""

    dns: tuple[At, ...] = Field((Endpoint("127.0.0.1", 5335),), min_length=1)
    notice: tuple[At, ...] = ()
    notice_tls: tuple[At, ...] = ()
    admin: Annotated[Endpoint | None, BeforeValidator(_from_text(_admin))] = Endpoint("127.0.0.1", 8053)


class UpstreamSettings(_Part):
    """Servers that stand in for each other."""

    servers: tuple[Annotated[Server, BeforeValidator(_from_text(texts.server))], ...] = Field(min_length=1)
    strategy: Strategy = Strategy.FASTEST
    timeout: _seconds(0.1, 30) = 2.0  # type: ignore[valid-type]
    trust_ad: bool = False


class Route(_Part):
    """Names, with all below them, that are asked at an upstream group of their own."""

    domains: tuple[Domain, ...] = Field(min_length=1, max_length=MAX_ENTRIES)
    upstream: Text


class Kind(StrEnum):
    """What the bare names of a list do."""

    BLOCK = "block"
    ALLOW = "allow"


class Mode(StrEnum):
    """What becomes of what a list says."""

    ENFORCED = "enforced"
    SHADOW = "shadow"
    """It is counted and shown, and decides nothing."""
    OFF = "off"


def _factor(least: int, most: int) -> Any:
    def read(text: str) -> float | None:
        found = q.factor(text)
        if found is not None and not least <= found <= most:
            raise ValueError(f"must be from {least} to {most}, or off")
        return found

    return Annotated[float | None, BeforeValidator(_from_text(read))]


def _count(least: int, most: int) -> Any:
    def read(text: str) -> int:
        found = q.count(text)
        if not least <= found <= most:
            raise ValueError(f"must be from {least:,} to {most:,}")
        return found

    return Annotated[int, BeforeValidator(_from_text(read))]


class GuardSettings(_Part):
    """How much a list may change at once: to what part of its rules, to how many times; and its bad lines."""

    shrink: _factor(0, 1) = DEFAULT_BOUNDS.shrink  # type: ignore[valid-type]
    grow: _factor(1, 1_000_000) = DEFAULT_BOUNDS.grow  # type: ignore[valid-type]
    bad: _factor(0, 1) = DEFAULT_BOUNDS.bad  # type: ignore[valid-type]


class ListSettings(_Part):
    """Where a list comes from and how it is read. Exactly one of `path`, `url` and `shipped`."""

    path: File | None = None
    url: Annotated[str, BeforeValidator(_from_text(texts.url))] | None = None
    shipped: str | None = None
    refresh: _seconds(60, 30 * 86400) = 43200.0  # type: ignore[valid-type]
    sha256: Annotated[str, BeforeValidator(_from_text(texts.sha256))] | None = None
    minisign: str | None = None
    ca: File | None = None
    trusted: bool = False
    guard: GuardSettings = GuardSettings()
    format: str = "auto"
    match: Scope = Scope.EXACT
    kind: Kind = Kind.BLOCK
    mode: Mode = Mode.ENFORCED
    record: Recorded | None = None

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if value not in FORMATS:
            raise ValueError(f"{q.shown(value)} is no format; there are {', '.join(FORMATS)}")
        return value

    @field_validator("match", mode="before")
    @classmethod
    def _known_match(cls, value: Any) -> Any:
        if value not in ("exact", "subtree"):
            raise ValueError("must be exact or subtree")
        return Scope.EXACT if value == "exact" else Scope.SUBTREE

    @field_validator("shipped")
    @classmethod
    def _known_shipped(cls, value: str) -> str:
        if value in TEMPLATES:
            raise ValueError(f"{q.shown(value)} ships empty: fill a copy of it and give its `path`")
        if value not in SHIPPED + OPTIONAL:
            raise ValueError(f"{q.shown(value)} does not ship; {', '.join(SHIPPED + OPTIONAL)} do")
        return value


class GroupSettings(_Part):
    """Clients, the lists that count for them, and how blocked names are answered."""

    clients: tuple[Net, ...] = Field((), max_length=MAX_ENTRIES)
    block: tuple[Text, ...] = ()
    allow: tuple[Text, ...] = ()
    answer: AnswerMode = AnswerMode.NXDOMAIN


class Notice(_Part):
    """The addresses of the notice page, as clients see them."""

    ipv4: Annotated[IPv4Address | None, BeforeValidator(_from_text(q.address))] = None
    ipv6: Annotated[IPv6Address | None, BeforeValidator(_from_text(q.address))] = None


class Answer(_Part):
    """Blocked answers. `language`, `contact` and `organisation` are for records that do not say theirs."""

    ttl: _seconds(1, 86400) = 30.0  # type: ignore[valid-type]
    notice: Notice = Notice()
    language: Language = DEFAULT
    contact: Contact = ""
    organisation: Organisation = ""
    structured: Annotated[int | None, BeforeValidator(_from_text(q.edns_option))] = SDE


class CacheSettings(_Part):
    """The answer cache."""

    size: Annotated[int, BeforeValidator(_from_text(q.size_bytes)), Field(ge=1 << 20, le=64 << 30)] = 64 << 20
    max_ttl: _seconds(1, 604800) = 86400.0  # type: ignore[valid-type]
    negative_ttl: _seconds(0, 86400) = 3600.0  # type: ignore[valid-type]
    stale: _seconds(0, 604800) = 86400.0  # type: ignore[valid-type]
    prefetch: bool = True


class Access(_Part):
    """Who may ask, and how much."""

    clients: Annotated[tuple[Net, ...], Field(max_length=MAX_ENTRIES), BeforeValidator(_networks)] = PRIVATE
    rate: Annotated[int | None, BeforeValidator(_from_text(q.rate_per_s))] = 1000


class Level(StrEnum):
    """What is worth a log line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Form(StrEnum):
    """How a log line looks."""

    AUTO = "auto"
    HUMAN = "human"
    JSON = "json"


class Log(_Part):
    """The log."""

    level: Level = Level.INFO
    format: Form = Form.AUTO


class Queries(StrEnum):
    """Where queries are kept."""

    OFF = "off"
    MEMORY = "memory"


class JournalSettings(_Part):
    """The journal of queries: where it is kept, how much of it, for how long, and what of clients."""

    queries: Queries = Queries.OFF
    entries: _count(1, 100_000) = 10_000  # type: ignore[valid-type]
    size: Annotated[int, BeforeValidator(_from_text(q.size_bytes)), Field(ge=64 << 10, le=1 << 30)] = 8 << 20
    keep: _seconds(60, 30 * 86400) = 86400.0  # type: ignore[valid-type]
    clients: Shown = Shown.FULL


class Engine(StrEnum):
    """What answers."""

    AUTO = "auto"
    PYTHON = "python"
    NATIVE = "native"


class Expectation(StrEnum):
    """What a test says of a name."""

    BLOCKED = "blocked"
    OPEN = "open"


class Trial(_Part):
    """A test of the owner's: what becomes of a name for a client that asks for a type."""

    name: Domain
    type: Annotated[int, BeforeValidator(_from_text(q.query_type))] = A
    client: Ip = IPv4Address("127.0.0.1")
    expect: Expectation


class Config(_Part):
    """All that an owner decides."""

    listen: Listen = Listen()
    server: ServerSettings = ServerSettings()
    upstreams: dict[Text, UpstreamSettings] = Field({})
    routes: tuple[Route, ...] = Field((), max_length=MAX_ENTRIES)
    lists: dict[Text, ListSettings] = Field({name: ListSettings(shipped=name) for name in SHIPPED})
    groups: dict[Text, GroupSettings] = Field({DEFAULT_GROUP: GroupSettings(block=SHIPPED)})
    never_block: tuple[Domain, ...] = ()
    tests: tuple[Trial, ...] = ()
    answer: Answer = Answer()
    notice: NoticePage = NoticePage()
    cache: CacheSettings = CacheSettings()
    access: Access = Access()
    log: Log = Log()
    journal: JournalSettings = JournalSettings()
    engine: Engine = Engine.AUTO
    state: File = Path("/var/lib/nxwhy")
    _source: Path | None = PrivateAttr(None)
    _warnings: tuple[Problem, ...] = PrivateAttr(())
    _places: Places = PrivateAttr(Places("", {}))

    @property
    def source(self) -> Path | None:
        """The file that this was read from."""
        return self._source

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is not wrong and should be known."""
        return self._warnings

    @property
    def lists_given(self) -> bool:
        """Whether the owner named lists, and does not have the ones that ship by default."""
        return "lists" in self.model_fields_set

    def completed(self) -> Config:
        """Return this with the group that follows from lists without groups: all of them, for everybody."""
        if not self.lists_given or "groups" in self.model_fields_set:
            return self
        named = {kind: tuple([name for name, one in self.lists.items() if one.kind is kind]) for kind in Kind}
        everybody = GroupSettings(block=named[Kind.BLOCK], allow=named[Kind.ALLOW])
        return self.model_copy(update={"groups": {DEFAULT_GROUP: everybody}})

    def remark(self, location: Location, message: str) -> str:
        """Return what the owner should know of a part of this, behind its place or the next around it."""
        where = ".".join(map(str, location))
        source, places = self._places
        if not source:  # the defaults, which stand nowhere
            return f"{where}: {message}"
        known = location
        while known and known not in places:
            known = known[:-1]
        return str(Problem(source, *places.get(known, (1, 1)), where, message))

    def placed(
        self,
        folder: Path,
        source: Path | None,
        warnings: tuple[Problem, ...],
        places: Places,
    ) -> Config:
        """Return this with its relative paths starting from `folder`; `places` are those of its parts."""
        lists = {
            name: settings.model_copy(
                update={
                    key: folder / path
                    for key in ("path", "ca")
                    if (path := getattr(settings, key)) is not None
                }
            )
            for name, settings in self.lists.items()
        }
        placed = self.model_copy(
            update={"lists": lists, "state": folder / self.state, "notice": self.notice.placed(folder)}
        )
        placed._source, placed._warnings, placed._places = source, warnings, places
        return placed
