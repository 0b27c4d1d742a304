"""One block, all channels: DNS, the notice page, `explain`, `lists` and the log say the same of it."""

from __future__ import annotations

import json
import logging
from html import unescape
from pathlib import Path

import pytest

from resolver.config import Config, load
from resolver.core import names
from resolver.core.policy import Policy
from resolver.core.reasons import Reason
from resolver.core.wire import parse_query
from resolver.edge import builder
from resolver.edge.service import _log_shadow
from resolver.listing import lists_document
from resolver.parts import list_sources, make_policy, record_defaults
from resolver.tracing import Trace, trace
from resolver.web.notice import Notice, document
from resolver.web.page import page
from resolver.web.phrases import LANGUAGES
from tests.messages import errors, opt, parsed, query

LIST = """\
record:
  title: {en: Chat, ru: Чат}
  class: legal
  text:
    en: Chat is blocked by order of a court.
    ru: Чат заблокирован по решению суда.
  authority: Court of Example
  reference: Case 12/2026
  since: 2026-11-22
  review: 2027-11-22
  language: en
  history:
  - {status: listed, date: 2026-11-20, reference: Case 12/2026}
  - {status: enforced, date: 2026-11-22, note: after a notice}
names: [chat.example]
"""
NAME = "chat.example"


@pytest.fixture(params=["en", "ru"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    (tmp_path / "chat.yaml").write_text(LIST, "utf-8")
    return configured(tmp_path, request.param)


def configured(folder: Path, language: str, mode: str = "enforced") -> Config:
    text = (
        f"lists: {{chat: {{path: chat.yaml, mode: {mode}}}}}\nstate: state\nengine: python\n"
        f"answer: {{language: {language}, contact: 'mailto:it@corp.example', "
        "organisation: {en: School, ru: Школа}}\n"
    )
    return load(text, "n.yaml", folder=folder, environment={})


def policy_of(config: Config) -> Policy:
    return make_policy(config, builder.build(list_sources(config), None), 0)


def reason_of(config: Config) -> Reason:
    policy = policy_of(config)
    verdict = policy.profile_for(found(config).found.address).decide(names.from_text(NAME))
    reason = verdict.reason()
    assert reason is not None
    return reason


def found(config: Config) -> Trace:
    return trace(config, NAME, "192.0.2.1")


EXPECTED = {
    "en": ("Chat", "Chat is blocked by order of a court.", "School"),
    "ru": ("Чат", "Чат заблокирован по решению суда.", "Школа"),
}


def test_the_extended_error_says_what_the_record_says(config: Config) -> None:
    title, why, organisation = EXPECTED[config.answer.language]
    policy = policy_of(config)
    verdict = policy.profile_for(found(config).found.address).decide(names.from_text(NAME))
    assert verdict.answer is not None
    reply = verdict.answer.reply(parse_query(query(NAME, opt=opt())))
    said = f"{title}: {why.rstrip('.')}; by {organisation}; since 2026-11-22; ask it@corp.example"
    assert errors(parsed(reply)) == [(16, said)]


def test_every_document_for_programs_has_the_same_facts(
    config: Config, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    title, why, organisation = EXPECTED[config.answer.language]
    expected: dict[str, object] = {
        "title": title,
        "class": "legal",
        "text": why,
        "organisation": organisation,
        "authority": "Court of Example",
        "reference": "Case 12/2026",
        "contact": "mailto:it@corp.example",
        "since": "2026-11-22",
        "review": "2027-11-22",
        "language": config.answer.language,
        "list": "chat",
    }
    history = [
        {"date": "2026-11-20", "status": "listed", "reference": "Case 12/2026"},
        {"date": "2026-11-22", "status": "enforced", "note": "after a notice"},
    ]
    explained = json.loads(json.dumps(found(config).document()))["decided_by"]["record"]
    assert explained == {**expected, "group": "default", "history": history}
    shown = document(Notice(NAME, reason_of(config)))
    assert shown == {**expected, "host": NAME, "blocked": True, "group": "default", "history": history}
    built = builder.build(list_sources(config), None)
    (listed,) = lists_document(built, {}, record_defaults(config))
    assert listed["record"] | {"list": listed["list"]} == {**expected, "history": history}
    shadow = policy_of(configured(tmp_path, config.answer.language, "shadow"))
    hidden = shadow.profile_for(found(config).found.address).decide(names.from_text(NAME)).shadow
    assert hidden is not None
    with caplog.at_level(logging.DEBUG, "resolver.edge.service"):
        _log_shadow(parse_query(query(NAME)), hidden)
    fields: dict[str, object] = caplog.records[-1].__dict__["fields"]
    assert fields == {**expected, "group": "default", "name": NAME, "type": 1}


def test_people_read_the_same_facts_on_the_page_and_in_the_terminal(config: Config) -> None:
    title, why, organisation = EXPECTED[config.answer.language]
    html = unescape(page(Notice(NAME, reason_of(config)), LANGUAGES["en"]))
    lines = found(config).text()
    for text in (
        title,
        why,
        organisation,
        "Court of Example",
        "Case 12/2026",
        "2026-11-22",
        "it@corp.example",
    ):
        assert text in html
        assert text in lines
    assert "  history     2026-11-22 enforced after a notice" in lines.splitlines()


def test_a_reader_of_the_page_gets_the_language_that_they_ask_for(config: Config) -> None:
    policy = policy_of(config)
    verdict = policy.profile_for(found(config).found.address).decide(names.from_text(NAME))
    for wanted, (title, why, organisation) in EXPECTED.items():
        reason = verdict.reason((wanted,))
        assert reason is not None
        assert (reason.title, reason.why, reason.organisation) == (title, why, organisation)
        assert reason.language == reason.title_language == reason.organisation_language == wanted
