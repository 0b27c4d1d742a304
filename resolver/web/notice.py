"""The notice page: what was blocked, by whom, why, since when, whom to ask."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from resolver.core import reasons
from resolver.core.lists.record import ListClass
from resolver.core.reasons import Reason

STYLE = """
:root { color-scheme: light dark;
  --ink: #1c2430; --paper: #fff; --soft: #5a6675; --line: #d9dfe6; --mark: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf1; --paper: #14181d; --soft: #9aa7b5; --line: #303943; --mark: #ff8a80 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main, footer { max-width: 40rem; margin: 0 auto; padding: 3rem 1.25rem 0 }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem; overflow-wrap: anywhere }
h1 span { color: var(--mark) }
p { margin: 0 0 1.5rem }
dl { margin: 0; border-top: 1px solid var(--line) }
dl div { display: flex; flex-wrap: wrap; gap: .1rem 1.5rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line) }
dt { flex: 0 0 9rem; color: var(--soft) }
dd { flex: 1 1 14rem; margin: 0; overflow-wrap: anywhere }
a { color: inherit }
footer { padding: 2rem 1.25rem; color: var(--soft); font-size: .9rem }
""".strip()


def content_security_policy(style: str) -> str:
    """Return the policy of a page that has one style and nothing else."""
    known = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{known}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


CONTENT_SECURITY_POLICY = content_security_policy(STYLE)
_CLASSES = {
    ListClass.POLICY: "a rule of this network",
    ListClass.LEGAL: "a legal obligation",
    ListClass.REQUESTED: "a filter that was asked for",
    ListClass.SECURITY: "protection against harm",
}


_LINKS = {
    "contact": ("mailto:", "tel:", "https://"),
    "reference": ("https://",),
    "more": ("https://",),
}
"""How a fact begins that becomes a link; the others never do."""
_NO_LINK: tuple[str, ...] = ()
_SCHEME = re.compile("^(?:mailto|tel):")
_URI = re.compile(r"(?:https?://[^/:]|mailto:|tel:)[!#-;=?-\[\]_a-z~]+").fullmatch
"""URIs as far as a Link header can hold them: printable ASCII without quotes, angle brackets and blanks."""
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What no page may hold and no text needs: control characters, halves of surrogate pairs."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A host that somebody came to, and why it is blocked for them; None: it is not.

    `host` is the text of a name, A-labels as they are; it is empty where the page's own address was asked.
    """

    host: str
    reason: Reason | None


def status(notice: Notice) -> int:
    """Return the status: 451 for a legal demand (RFC 7725), 403 for other blocks, 404 where there is none."""
    if notice.reason is None:
        return 404
    return 451 if notice.reason.list_class is ListClass.LEGAL else 403


def links(notice: Notice, server: str) -> dict[str, str]:
    """Return the Link header of a legal block, which names who blocks (RFC 7725, section 4).

    That is who implements the block, not who demands it: the operator, never `authority` or `reference`.
    The record knows the operator by `more` and `contact`; where it gives neither, `server` stands in, the
    URL of this listener. A relative reference would name the blocked host.
    """
    reason = notice.reason
    if reason is None or reason.list_class is not ListClass.LEGAL:
        return {}
    known = [reason.more if reason.more.startswith("https://") else "", reason.contact, server]
    named = next(filter(_URI, known), None)
    return {"Link": f'<{named}>; rel="blocked-by"'} if named else {}


def document(notice: Notice) -> dict[str, object]:
    """Return the facts of the page for programs."""
    if notice.reason is None:
        return {"host": notice.host, "blocked": False}
    return {"host": notice.host, "blocked": True, **reasons.document(notice.reason)}


def page(notice: Notice) -> str:
    """Return the page. Every value is escaped; there is no script and nothing from elsewhere."""
    host, facts = shown(notice.host), _facts(notice)
    if notice.reason is not None:
        title = f"{host} is blocked"
        rows = "\n".join(
            [
                f'<div><dt>{label}</dt><dd dir="auto">{value(key, text)}</dd></div>'
                for key, label, text in facts
            ]
        )
        body = (
            f"<h1>{host} is <span>blocked</span> on this network</h1>\n"
            f"<p>Not your device and not the site: this network does not look the name up, because of "
            f"{_CLASSES[notice.reason.list_class]}.</p>\n<dl>\n{rows}\n</dl>"
        )
    elif notice.host:
        title = f"{host} is not blocked"
        body = (
            f"<h1>{host} is not blocked here</h1>\n"
            "<p>It may have been until a moment ago. Go back, wait half a minute and load the page again.</p>"
        )
    else:
        title = "Nothing was asked for"
        body = (
            "<h1>Nothing was asked for</h1>\n<p>Whoever comes here by a name that is blocked on this network "
            "reads what is blocked, by whom and why.</p>"
        )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n"
        "<footer>Shown by the DNS resolver of this network, nxwhy.</footer>\n</body>\n</html>\n"
    )


def _facts(notice: Notice) -> list[tuple[str, str, str]]:
    """Return what is known of a block, in the order in which people ask: (key, label, text)."""
    reason = notice.reason
    if reason is None:
        return []
    facts = [
        ("title", "What", reason.title),
        ("text", "Why", reason.why),
        ("organisation", "Who decided", reason.organisation),
        ("authority", "By order of", reason.authority),
        ("reference", "Reference", reason.reference),
        ("since", "Since", reason.since.isoformat() if reason.since else ""),
        ("review", "To be reviewed", reason.review.isoformat() if reason.review else ""),
        ("contact", "Whom to ask", reason.contact or "the owner of this network"),
        ("more", "More", reason.more),
        ("list", "List", reason.list),
    ]
    return [fact for fact in facts if fact[2]]


def shown(text: str) -> str:
    """Return text that is safe between tags and in a quoted attribute."""
    return escape(_NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text))


def value(key: str, text: str) -> str:
    """Return one fact, safe between tags; as a link where its field may hold one."""
    if not text.startswith(_LINKS.get(key, _NO_LINK)):
        return shown(text)
    return f'<a href="{shown(text)}" rel="noreferrer">{shown(_SCHEME.sub("", text))}</a>'
