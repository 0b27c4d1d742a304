"""The notice page: what was blocked, by whom, why, since when, whom to ask, and what one can do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import escape
from urllib.parse import quote

from resolver.core.lists.record import Step, in_language
from resolver.core.reasons import Reason, bare
from resolver.web.look import PLAIN, Look
from resolver.web.markup import link, shown, value
from resolver.web.notice import Notice
from resolver.web.phrases import Phrases

MAX_WHY, MAX_REPLY = 1000, 200
"""Longest texts that the form takes, in characters."""
_SIGN = (
    '<svg class="sign" viewBox="0 0 52 52" fill="none" stroke="currentColor" stroke-width="3.5" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
    '<path fill="currentColor" fill-opacity=".12" d="M26 4 44 10.5v13.2c0 11.3-7.4 19.9-18 24.3'
    'C15.4 43.6 8 35 8 23.7V10.5Z"/><path d="M18 26h16"/></svg>'
)


def page(notice: Notice, phrases: Phrases, look: Look = PLAIN, token: str = "") -> str:
    """Return the page. Every value is escaped; there is no script and nothing from elsewhere.

    With a `token` it has the form that asks for an exception.
    """
    host = f"<bdi>{shown(notice.host)}</bdi>"
    if notice.reason is not None:
        title = phrases.say("blocked_title", host=shown(notice.host))
        body = "\n".join(_blocked(notice.host, notice.reason, phrases, look, token))
    elif notice.host:
        title = phrases.say("not_blocked", host=shown(notice.host))
        heading = phrases.say("not_blocked", host=f'<span class="host">{host}</span>')
        body = f"<h1>{heading}</h1>\n<p>{phrases.say('not_blocked_text')}</p>"
    else:
        title = phrases.say("nothing")
        body = f"<h1>{title}</h1>\n<p>{phrases.say('nothing_text')}</p>"
    return _whole(title, body, phrases, look)


def said(key: str, detail: str, phrases: Phrases, look: Look = PLAIN) -> str:
    """Return a page that answers a form: two texts of the phrases."""
    title = phrases.say(key)
    return _whole(title, f"<h1>{title}</h1>\n<p>{phrases.say(detail)}</p>", phrases, look)


def _whole(title: str, body: str, phrases: Phrases, look: Look) -> str:
    name, language = in_language(look.name, look.language, (phrases.tag,))
    logo = f'<img class="logo" src="{look.logo}" alt="{shown(name)}"{_lang(language)}>\n' if look.logo else ""
    return (
        f'<!doctype html>\n<html lang="{phrases.tag}" dir="{phrases.direction}">\n'
        '<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{look.style}</style>\n</head>\n<body>\n<main>\n"
        f'<div class="card">\n{logo}{body}\n</div>\n</main>\n'
        f"<footer>{phrases.say('footer')}</footer>\n</body>\n</html>\n"
    )


def _blocked(name: str, reason: Reason, phrases: Phrases, look: Look, token: str) -> Iterator[str]:
    """Yield the parts of the page in the order in which people need them."""
    host = f'<bdi class="host">{shown(name)}</bdi>'
    yield _SIGN
    yield f'<p class="ground">{phrases.say(f"class_{reason.list_class.value}")}</p>'
    yield f"<h1>{phrases.say('blocked', host=host)}</h1>"
    yield f"<p>{phrases.say('network')}</p>"
    yield _why(reason, phrases)
    if look.text:
        text, language = in_language(look.text, look.language, (phrases.tag,))
        yield f'<p dir="auto"{_lang(language)}>{shown(text)}</p>'
    yield from _choices(name, reason, phrases, host)
    if token:
        yield _form(phrases, host, token)
    yield _details(reason, phrases)
    if reason.history:
        steps = "\n".join([_step(step, phrases) for step in reason.history])
        yield f'<section>\n<h2>{phrases.say("history")}</h2>\n<ol class="steps">\n{steps}\n</ol>\n</section>'


def _why(reason: Reason, phrases: Phrases) -> str:
    """Return why, in the words of whoever decided; who that is, and since when."""
    by = f"<bdi{_lang(reason.organisation_language)}>{shown(reason.organisation)}</bdi>"
    since = phrases.say("since_day", day=_day(reason.since, phrases)) if reason.since else ""
    line = " · ".join(filter(None, (by if reason.organisation else "", since)))
    return (
        f'<div class="why">\n<p dir="auto"{_lang(reason.language)}>{shown(reason.why or reason.title)}</p>\n'
        + (f'<p class="by">{line}</p>\n' if line else "")
        + "</div>"
    )


def _choices(name: str, reason: Reason, phrases: Phrases, host: str) -> Iterator[str]:
    to = _reach(name, reason.contact, phrases)
    ask = phrases.say("ask_owner", host=host)
    if reason.contact:
        known = f"<bdi>{link(to, reason.contact) if to else shown(bare(reason.contact))}</bdi>"
        ask = phrases.say("ask", host=host, contact=known)
    yield f"<section>\n<h2>{phrases.say('choices')}</h2>\n<ul>\n<li>{phrases.say('go_back')}</li>"
    yield f"<li>{ask}</li>\n<li>{phrases.say('app', host=host)}</li>\n</ul>"
    if to:
        yield f'<a class="button" href="{shown(to)}" rel="noreferrer">{phrases.say("ask_button")}</a>'
    yield "</section>"


def _reach(name: str, contact: str, phrases: Phrases) -> str:
    """Return a link to whom to ask, to a mailbox with a subject; empty where the record has none."""
    if not contact.startswith(("mailto:", "tel:", "https://")):
        return ""
    if not contact.startswith("mailto:") or "?" in contact or "#" in contact:
        return contact
    subject = phrases.plain("ask_subject", host=name).encode(errors="replace")
    return f"{contact}?subject={quote(subject, safe='')}"


def _details(reason: Reason, phrases: Phrases) -> str:
    """Return what is known of a block, in the order in which people ask."""
    since = _day(reason.since, phrases) if reason.since else ""
    review = _day(reason.review, phrases) if reason.review else ""
    rows = [
        ("title", shown(reason.title), reason.title_language),
        ("organisation", shown(reason.organisation), reason.organisation_language),
        ("authority", shown(reason.authority), ""),
        ("reference", value("reference", reason.reference), ""),
        ("since", since, ""),
        ("review", review, ""),
        ("contact", value("contact", reason.contact) or phrases.say("owner"), ""),
        ("more", value("more", reason.more), ""),
        ("list", shown(reason.list), ""),
    ]
    lines = "\n".join(
        [
            f'<div><dt>{phrases.say(key)}</dt><dd dir="auto"{_lang(language)}>{markup}</dd></div>'
            for key, markup, language in rows
            if markup
        ]
    )
    return f"<section>\n<h2>{phrases.say('details')}</h2>\n<dl>\n{lines}\n</dl>\n</section>"


def _step(step: Step, phrases: Phrases) -> str:
    said = f"<b>{phrases.say(f'status_{step.status.value}')}</b>"
    words = "\n".join(
        [
            f'<p class="note" dir="auto">{markup}</p>'
            for markup in (shown(step.note), value("reference", step.reference))
            if markup
        ]
    )
    return f"<li>{_day(step.day, phrases)}{said}{words}</li>"


def _day(day: date, phrases: Phrases) -> str:
    return f'<time datetime="{day.isoformat()}">{escape(phrases.day(day))}</time>'


def _form(phrases: Phrases, host: str, token: str) -> str:
    return (
        f"<details>\n<summary>{phrases.say('request')}</summary>\n"
        '<form method="post" accept-charset="utf-8">\n'
        f'<input type="hidden" name="token" value="{shown(token)}">\n'
        f'<label for="why">{phrases.say("request_why")}</label>\n'
        f'<textarea id="why" name="why" required maxlength="{MAX_WHY}" aria-describedby="hint"></textarea>\n'
        f'<label for="reply">{phrases.say("request_reply")}</label>\n'
        f'<input id="reply" name="reply" maxlength="{MAX_REPLY}" autocomplete="email">\n'
        f'<p class="note" id="hint">{phrases.say("request_hint", host=host)}</p>\n'
        f"<button>{phrases.say('request_send')}</button>\n</form>\n</details>"
    )


def _lang(tag: str) -> str:
    return f' lang="{shown(tag)}"' if tag else ""
