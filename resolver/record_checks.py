"""What people who are blocked would miss: lists that do not say why or whom to ask, reviews that are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from resolver.config import Config
from resolver.config.model import Kind, ListSettings, Mode
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.record import Record
from resolver.edge.intake import Source
from resolver.parts import record_defaults


def record_warnings(
    config: Config, found: Iterable[tuple[Source, ParsedList | None]], today: date
) -> Iterator[str]:
    """Yield what the records of the lists in force leave out, each with file:line:column.

    The lists that ship have no contact, since only the owner knows one: that is one warning for all.
    """
    used = {name for group in config.groups.values() for name in group.block}
    shipped = []
    for source, parsed in found:
        settings = config.lists[source.name]
        if source.name not in used or settings.kind is not Kind.BLOCK or settings.mode is not Mode.ENFORCED:
            continue
        if parsed is None and settings.record is None:  # nothing is known of what it says
            continue
        own = settings.record or (parsed.record if parsed else None)
        record = record_defaults(config).complete(own or Record(source.name))
        is_shipped = settings.shipped is not None and settings.record is None
        if is_shipped and not record.contact:
            shipped.append(source.name)
        missing = _missing(record, contact=not is_shipped)
        if missing:
            yield _at(config, source, settings, parsed, "", missing)
        if record.review is not None and record.review < today:
            said = f"was to be reviewed by {record.review.isoformat()}"
            yield _at(config, source, settings, parsed, "review", said)
    if shipped:
        said = f"nobody is named to ask about {', '.join(shipped)}: set this, as mailto:it@corp.example"
        yield config.remark(("answer", "contact"), said)


def _missing(record: Record, *, contact: bool) -> str:
    """Return what a record should say and does not, in words."""
    nobody, nothing = contact and not record.contact, not record.text
    if nobody and nothing:
        return "blocks, and says neither why nor whom to ask: give a record with `text` and `contact`"
    if nobody:
        return "blocks, and says not whom to ask: give `contact`, or `answer.contact` for all lists"
    return "blocks, and does not say why: give `text`" if nothing else ""


def _at(
    config: Config,
    source: Source,
    settings: ListSettings,
    parsed: ParsedList | None,
    field: str,
    said: str,
) -> str:
    """Return what is said of a record where it stands: in the configuration, or in the list's own file."""
    if settings.record is not None:
        where = ("lists", source.name, "record", field) if field else ("lists", source.name, "record")
        return config.remark(where, said)
    if parsed is None or parsed.record is None:
        return config.remark(("lists", source.name), said)
    line, column = parsed.places.get(field, parsed.places.get("", (1, 1)))
    return f"{source.shown}:{line}:{column}: record{field and '.'}{field}: {said}"
