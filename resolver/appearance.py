"""From the configuration, and the files that it names, to what the notice page is made of."""

from __future__ import annotations

from urllib.parse import urlsplit

from resolver.config import Config
from resolver.core import names
from resolver.core.errors import PageFault
from resolver.edge.certificate import KeyFault, read_certificate
from resolver.edge.page_channel import Appearance
from resolver.regular import open_regular
from resolver.web import markup
from resolver.web.look import MAX_LOGO, Look, picture


def make_appearance(config: Config) -> Appearance:
    """Read what the owner wants of the page. Raises PageFault."""
    page, answer = config.notice, config.answer
    look = Look(
        markup.style(page.colour),
        _logo(config),
        answer.organisation,
        page.text,
        answer.language,
        page.requests,
    )
    if page.certificate is None or page.key is None:
        return Appearance(look, own_hosts(config))
    try:
        read_certificate(page.certificate, page.key)
    except PageFault as fault:
        key = "key" if isinstance(fault, KeyFault) else "certificate"
        raise PageFault(config.remark(("notice", key), str(fault))) from fault
    return Appearance(look, own_hosts(config), (page.certificate, page.key))


def own_hosts(config: Config) -> frozenset[str]:
    """Return the names by which browsers know us, without those of the certificate."""
    name, page = config.server.name, urlsplit(config.server.transparency or "").hostname
    return frozenset(filter(None, (names.to_text(name) if name else "", page)))


def appearance_faults(config: Config) -> list[str]:
    """Return what is wrong with the files of the page, in words."""
    try:
        make_appearance(config)
    except PageFault as fault:
        return [str(fault)]
    return []


def _logo(config: Config) -> str:
    path = config.notice.logo
    if path is None:
        return ""
    try:
        with open_regular(path) as file:
            return picture(file.read(MAX_LOGO + 1))
    except (OSError, ValueError) as exc:
        said = f"{path}: {getattr(exc, 'strerror', None) or exc}"
        raise PageFault(config.remark(("notice", "logo"), said)) from exc
